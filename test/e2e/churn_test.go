package e2e

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestChurnLeavesNothingBehind joins and leaves two hundred times beside a call
// that goes on: goroutines and descriptors return to where they were.
func TestChurnLeavesNothingBehind(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "churn", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "churn", Username: "Bob", Publish: both()})
	waitMeet(t, alice, bob)
	const rounds, crowd = 10, 8
	churn(t, s, alice, 2, crowd) // the call gets the m-lines it keeps
	goroutines, descriptors := settled(s)
	churn(t, s, alice, rounds, crowd)
	if t.Failed() {
		return
	}
	eventually(t, "goroutines to return", func() bool { return runtime.NumGoroutine() <= goroutines+10 })
	eventually(t, "descriptors to return", func() bool { return open() <= descriptors+5 })
	if created, closed := s.metric("total_connections_created"), s.metric("total_connections_closed"); created-closed != 2 {
		t.Errorf("%d created, %d closed, 2 open", created, closed)
	}
	checkStream(t, "Alice", alice)
	waitMeet(t, alice, bob)
	alice.View(func(st *client.State) {
		if lines := st.LastOffer().MLines; lines > 2+2+crowd+2 {
			t.Errorf("%d m-lines for a room that never had more than %d", lines, crowd+2)
		}
	})
}

// churn has a crowd come and go so many times, each leaving in another way.
func churn(t *testing.T, s *server, alice *client.Client, rounds, crowd int) {
	t.Helper()
	for round := range rounds {
		var wg sync.WaitGroup
		for i := range crowd {
			wg.Go(func() {
				c, err := s.dial(client.Options{
					Room: "churn", Username: fmt.Sprint(round, i), Protocol: i % 2,
					Publish: []client.PublishOptions{microphone()},
				})
				if err != nil {
					t.Error(err)
					return
				}
				switch i % 4 {
				case 0: // leaves before anything stands
				case 1:
					try(t, c, "the first offer", func(st *client.State) bool { return len(st.Offers) > 0 })
				default:
					try(t, c, "media", func(st *client.State) bool { return st.From(alice.Tag(), types.KindAudio).Packets > 0 })
				}
				if i%3 == 0 && i%2 == 0 {
					c.Abort()
				} else {
					c.Close()
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
	}
	wait(t, alice, "only Bob to be left", func(st *client.State) bool { return len(st.Peers) == 1 && len(st.Tracks.Tracks) == 2 })
	eventually(t, "two connections", func() bool { return s.metric("active_connections") == 2 })
}

// settled returns the counts when nothing is under way any more.
func settled(s *server) (goroutines, descriptors int) {
	s.metric("active_connections") // opens the HTTP connection that the test keeps
	runtime.GC()
	return runtime.NumGoroutine(), open()
}

// open counts this process's descriptors.
func open() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
