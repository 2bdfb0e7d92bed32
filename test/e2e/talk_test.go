package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/gorilla/websocket"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// welcomed is a protocol=1 client without media who is in the room.
func (s *server) welcomed(room, name string) *client.Client {
	s.t.Helper()
	c := s.join(client.Options{Room: room, Username: name, Protocol: 1, SocketOnly: true})
	wait(s.t, c, "the welcome", func(st *client.State) bool { return st.Welcomes == 1 })
	return c
}

// say writes something and waits for its echo, so that what others say next comes
// after it.
func say(t *testing.T, c *client.Client, text string, to types.PeerID) {
	t.Helper()
	if err := c.ChatTo(text, to); err != nil {
		t.Fatal(err)
	}
	wait(t, c, "the echo of "+text, func(st *client.State) bool { return slices.Contains(st.ChatTexts(), text) })
}

func reads(t *testing.T, c *client.Client, want ...string) {
	t.Helper()
	last := want[len(want)-1]
	wait(t, c, "to read "+last, func(st *client.State) bool { return slices.Contains(st.ChatTexts(), last) })
	c.View(func(st *client.State) {
		if got := st.ChatTexts(); !slices.Equal(got, want) {
			t.Errorf("read %q, want %q", got, want)
		}
	})
}

// A private message reaches two, whoever else is there, comes later, comes back
// or moderates; and none of it is lost on the way.
func TestPrivateMessages(t *testing.T) {
	s := start(t, orderly)
	carol := s.first(client.Options{Room: "demo", Username: "Carol", Protocol: 1, SocketOnly: true})
	alice, bob := s.welcomed("demo", "Alice"), s.welcomed("demo", "Bob")
	base := s.join(client.Options{Room: "demo", Username: "Base", SocketOnly: true})
	if err := base.Chat("here"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{carol, alice, bob} {
		reads(t, c, "here")
	}
	var baseID types.PeerID
	alice.View(func(st *client.State) { baseID = st.Chat[0].From })

	say(t, alice, "for Bob", bob.PeerID())
	say(t, bob, "for Alice", alice.PeerID())
	say(t, alice, "for Base", baseID)
	say(t, bob, "for all", "")
	reads(t, alice, "here", "for Bob", "for Alice", "for Base", "for all")
	reads(t, bob, "here", "for Bob", "for Alice", "for all")
	reads(t, carol, "here", "for all")
	reads(t, base, "here", "for Base", "for all")
	bobID := bob.PeerID()
	bob.View(func(st *client.State) {
		if m := st.Chat[1]; m.To != bobID || m.From != alice.PeerID() || m.Username != "Alice" || m.ID == "" {
			t.Errorf("got %+v", m)
		}
	})

	// Bob misses some of both kinds.
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	bob.Cut()
	wait(t, alice, "Bob to be lost", func(st *client.State) bool { return st.Peers[bob.PeerID()].State.Connection == types.ConnectionLost })
	say(t, alice, "missed 1", bob.PeerID())
	say(t, alice, "missed 2", "")
	say(t, alice, "missed 3", bob.PeerID())
	reads(t, alice, "here", "for Bob", "for Alice", "for Base", "for all", "missed 1", "missed 2", "missed 3")
	if err := bob.Resume(ctx, false); err != nil {
		t.Fatal(err)
	}
	reads(t, bob, "here", "for Bob", "for Alice", "for all", "missed 1", "missed 2", "missed 3")
	late := s.welcomed("demo", "Bob")
	reads(t, late, "here", "for all", "missed 2")

	// Carol moderates: what was written to the room goes, not what two have written.
	moderate(t, carol, types.Moderate{Action: types.ActionClearChat})
	wait(t, alice, "a cleared chat", func(st *client.State) bool { return st.Events[types.EventChatCleared] == 1 })
	again := s.join(client.Options{Room: "demo", Username: "Alice", Protocol: 1, SocketOnly: true, Query: resumeOf(alice)})
	reads(t, again, "for Bob", "for Alice", "for Base", "missed 1", "missed 3")
	if got := s.metric("total_chat_messages"); got != 8 {
		t.Errorf("counted %d messages", got)
	}
}

// resumeOf are the parameters with which a page that has forgotten the chat comes
// back as a client.
func resumeOf(c *client.Client) map[string][]string {
	var token string
	c.View(func(st *client.State) { token = st.Welcome.Resume.Token })
	return map[string][]string{"resume": {token}, "media": {"new"}}
}

// Nobody is reached across rooms, and nobody writes or reacts in the name of
// another.
func TestPrivateMessagesDoNotLeaveTheRoom(t *testing.T) {
	s := start(t)
	alice, mallory := s.welcomed("demo", "Alice"), s.welcomed("other", "Mallory")
	me := mallory.PeerID()
	raw := func(frame string) {
		t.Helper()
		if err := mallory.SendRaw(websocket.TextMessage, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	raw(fmt.Sprintf(`{"event":"chat","data":"across","to":%q,"room":"demo"}`, alice.PeerID()))
	wait(t, mallory, "a refusal", func(st *client.State) bool { return st.HasError(types.CodeNoSuchPeer) })
	raw(fmt.Sprintf(`{"event":"chat","data":"forged","from":%q,"username":"Alice","id":"1","to":%q}`, alice.PeerID(), mallory.PeerID()))
	wait(t, mallory, "his own note", func(st *client.State) bool { return len(st.Chat) == 1 })
	mallory.View(func(st *client.State) {
		if m := st.Chat[0]; m.From != me || m.Username != "Mallory" || m.ID == "1" {
			t.Errorf("forged: %+v", m)
		}
	})
	raw(`{"event":"reaction","data":"{\"emoji\":\"👏\",\"peer_id\":\"` + string(alice.PeerID()) + `\"}"}`)
	wait(t, mallory, "his reaction", func(st *client.State) bool { return len(st.Reactions) == 1 })
	mallory.View(func(st *client.State) {
		if st.Reactions[0].PeerID != me {
			t.Errorf("forged: %+v", st.Reactions[0])
		}
	})
	say(t, alice, "last", "")
	reads(t, alice, "last")
	alice.View(func(st *client.State) {
		if len(st.Reactions) != 0 {
			t.Errorf("reactions of another room: %v", st.Reactions)
		}
	})
}

func TestReactions(t *testing.T) {
	s := start(t)
	alice, bob := s.welcomed("demo", "Alice"), s.welcomed("demo", "Bob")
	base := s.join(client.Options{Room: "demo", Username: "Base", SocketOnly: true})
	if err := alice.React("👏"); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "the applause", func(st *client.State) bool { return len(st.Reactions) == 1 })
	for range 200 {
		if err := bob.React("🎉"); err != nil {
			t.Fatal(err)
		}
	}
	if err := base.React("❤️"); err != nil { // a base client may, but is told of none
		t.Fatal(err)
	}
	wait(t, alice, "all three", func(st *client.State) bool {
		return slices.ContainsFunc(st.Reactions, func(r types.Reaction) bool { return r.Emoji == "❤️" }) &&
			slices.Contains(st.Reactions, types.Reaction{PeerID: bob.PeerID(), Emoji: "🎉"})
	})
	alice.View(func(st *client.State) {
		if n := st.Events[types.EventReaction]; n > 20 {
			t.Errorf("%d events for 202 reactions", n)
		}
	})
	base.View(func(st *client.State) {
		if st.Events[types.EventReaction] != 0 {
			t.Error("a base client was told of reactions")
		}
	})
	late := s.welcomed("demo", "Late")
	late.View(func(st *client.State) {
		if len(st.Reactions) != 0 {
			t.Errorf("who came late got %v", st.Reactions)
		}
	})
}
