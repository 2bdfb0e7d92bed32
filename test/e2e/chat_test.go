package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestChatArrivesInOneOrder has five people write at once: everyone reads all
// of it, in the same order, each writer's lines in his own order.
func TestChatArrivesInOneOrder(t *testing.T) {
	s := start(t)
	const size, lines = 5, 100
	people := make([]*client.Client, size)
	for i := range people {
		people[i] = s.join(client.Options{Room: "chat", Username: fmt.Sprint(i), Protocol: i % 2, SocketOnly: true})
	}
	eventually(t, "five people", func() bool { return s.metric("active_connections") == size })
	var wg sync.WaitGroup
	for i, c := range people {
		wg.Go(func() {
			for n := range lines {
				if err := c.Chat(fmt.Sprintf("%d %d", i, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var reference []string
	for i, c := range people {
		wait(t, c, "all lines", func(st *client.State) bool { return len(st.Chat) == size*lines })
		c.View(func(st *client.State) {
			checkChat(t, st.Chat)
			if i == 0 {
				reference = st.ChatTexts()
			} else if !slices.Equal(reference, st.ChatTexts()) {
				t.Errorf("person %d read another order", i)
			}
		})
	}
}

// checkChat checks what holds for any chat: growing ids, the sender's lines in
// order, complete fields.
func checkChat(t *testing.T, chat []types.Message) {
	t.Helper()
	last := uint64(0)
	next := map[string]int{}
	for _, m := range chat {
		id, err := strconv.ParseUint(m.ID, 10, 64)
		if err != nil || id <= last {
			t.Fatalf("id %q after %d", m.ID, last)
		}
		last = id
		if m.Message != m.Data || m.Time == "" || m.Timestamp == "" || m.From == "" || m.Username == "" {
			t.Fatalf("incomplete %+v", m)
		}
		var who string
		var n int
		if _, err := fmt.Sscanf(m.Data, "%s %d", &who, &n); err != nil {
			t.Fatalf("%q: %v", m.Data, err)
		}
		if who != m.Username || n != next[who] {
			t.Fatalf("%q from %q, want line %d", m.Data, m.Username, next[who])
		}
		next[who]++
	}
}

func TestLateJoinerReadsTheHistory(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "history", Username: "Alice", SocketOnly: true})
	for i := range 150 {
		if err := alice.Chat(fmt.Sprintf("Alice %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, alice, "the echoes", func(st *client.State) bool { return len(st.Chat) == 150 })
	bob := s.join(client.Options{Room: "history", Username: "Bob", Protocol: 1, SocketOnly: true})
	wait(t, bob, "the welcome", func(st *client.State) bool { return st.Welcomes == 1 })
	bob.View(func(st *client.State) {
		if len(st.Chat) != 100 || st.Chat[0].Data != "Alice 50" || st.Chat[99].Data != "Alice 149" {
			t.Errorf("history of %d messages", len(st.Chat))
		}
	})
}

// TestTwentyThousandMessages sends them as fast as ten writers go who each have
// at most a hundred lines under way: nothing is lost or swapped.
func TestTwentyThousandMessages(t *testing.T) {
	s := start(t)
	const writers, lines, window = 10, 2000, 100
	people := make([]*client.Client, writers)
	for i := range people {
		people[i] = s.join(client.Options{Room: "flood", Username: fmt.Sprint(i), Protocol: i % 2, SocketOnly: true})
	}
	eventually(t, "everybody", func() bool { return s.metric("active_connections") == writers })
	var wg sync.WaitGroup
	for i, c := range people {
		wg.Go(func() {
			for n := range lines {
				// The echoes of the last window are the way on.
				if n%window == 0 && !try(t, c, "its own lines", func(st *client.State) bool {
					return own(st, fmt.Sprint(i)) >= n
				}) {
					return
				}
				if err := c.Chat(fmt.Sprintf("%d %d", i, n)); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	var reference []string
	for i, c := range people {
		wait(t, c, "20,000 messages", func(st *client.State) bool { return len(st.Chat) == writers*lines })
		c.View(func(st *client.State) {
			checkChat(t, st.Chat)
			if i == 0 {
				reference = st.ChatTexts()
			} else if !slices.Equal(reference, st.ChatTexts()) {
				t.Errorf("person %d read another order", i)
			}
		})
	}
	if got := s.metric("total_chat_messages"); got != writers*lines {
		t.Errorf("total_chat_messages %d", got)
	}
}

// own counts the messages of one name, from the end, as far as is needed.
func own(st *client.State, name string) int {
	for _, m := range slices.Backward(st.Chat) {
		if m.Username == name {
			var who string
			var n int
			if _, err := fmt.Sscanf(m.Data, "%s %d", &who, &n); err == nil {
				return n + 1
			}
		}
	}
	return 0
}

// TestFloodIsLimited has one writer send 20,000 messages without waiting: the
// server slows him down and ends it; the others read what it took, in order,
// and go on.
func TestFloodIsLimited(t *testing.T) {
	s := start(t)
	mallory := s.join(client.Options{Room: "flood", Username: "Mallory", SocketOnly: true})
	alice := s.join(client.Options{Room: "flood", Username: "Alice", SocketOnly: true})
	bob := s.join(client.Options{Room: "flood", Username: "Bob", Protocol: 1, SocketOnly: true})
	eventually(t, "everybody", func() bool { return s.metric("active_connections") == 3 })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 20000 {
			if mallory.Chat(fmt.Sprintf("Mallory %d", n)) != nil {
				return
			}
		}
	}()
	if err := alice.Chat("Alice 0"); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "Alice in the midst of it", func(st *client.State) bool { return own(st, "Alice") == 1 })
	wait(t, mallory, "the end", func(st *client.State) bool {
		return !st.Connected && st.CloseCode == 1008 && st.CloseReason == "rate limit"
	})
	<-done
	if err := alice.Chat("Alice 1"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{alice, bob} {
		wait(t, c, "life to go on", func(st *client.State) bool { return own(st, "Alice") == 2 })
		c.View(func(st *client.State) { checkChat(t, st.Chat) })
	}
}
