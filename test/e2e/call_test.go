package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aq-server/internal/app"
	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

func TestSinglePeer(t *testing.T) {
	s := start(t)
	c := s.join(client.Options{Room: "alone", Username: "Alice", Publish: both()})
	wait(t, c, "the connection", func(st *client.State) bool { return !st.Times.Connected.IsZero() })
	if err := c.Chat("hello"); err != nil {
		t.Fatal(err)
	}
	wait(t, c, "the echo", func(st *client.State) bool { return len(st.Chat) == 1 && st.Chat[0].Data == "hello" })
	if got := s.metric("active_connections"); got != 1 {
		t.Errorf("active_connections %d", got)
	}
	var rooms struct {
		Rooms []struct {
			Room  string
			Peers int
		}
	}
	s.get("/rooms", &rooms)
	if len(rooms.Rooms) != 1 || rooms.Rooms[0].Room != "alone" || rooms.Rooms[0].Peers != 1 {
		t.Errorf("rooms %+v", rooms)
	}
	camera := c.Publication(types.SourceCamera)
	eventually(t, "packets sent", func() bool { return camera.Sent() > 20 })
	if n := len(c.Media()); n != 0 {
		t.Errorf("%d tracks come back to their only publisher", n)
	}
}

// TestEverybodyMeets mixes base and protocol=1 clients in one room. All talk at
// once, so that there must be an audio slot for each (slots_test.go has more
// people than slots).
func TestEverybodyMeets(t *testing.T) {
	for _, size := range []int{2, 4, 12} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := start(t, func(c *config.Config) { c.AudioSlots = 12 })
			people := make([]*client.Client, size)
			for i := range people {
				people[i] = s.join(client.Options{
					Room: "demo", Username: fmt.Sprintf("person %d", i), Protocol: i % 2, Publish: both(),
				})
			}
			waitMeet(t, people...)
			for i, c := range people {
				c.View(func(st *client.State) {
					if len(st.Failures) > 0 || len(st.Errors) > 0 {
						t.Errorf("person %d: failures %v, errors %v", i, st.Failures, st.Errors)
					}
					if i%2 == 1 && len(st.Peers) != size-1 {
						t.Errorf("person %d knows %v", i, st.PeerNames())
					}
				})
				if found := strangers(c, people); len(found) > 0 {
					t.Errorf("person %d received from %v", i, found)
				}
			}
		})
	}
}

func TestFourJoinInTheSameInstant(t *testing.T) {
	s := start(t)
	people := make([]*client.Client, 4)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			<-gate
			var err error
			if people[i], err = s.dial(client.Options{
				Room: "rush", Username: fmt.Sprintf("person %d", i), Protocol: i % 2, Publish: both(),
			}); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if t.Failed() {
		return
	}
	waitMeet(t, people...)
}

// TestRoomsAreWalls has five rooms of three at once: media, chat and names stay
// inside.
func TestRoomsAreWalls(t *testing.T) {
	s := start(t)
	const rooms, size = 5, 3
	var people [rooms][]*client.Client
	for i := range size {
		for r := range rooms {
			people[r] = append(people[r], s.join(client.Options{
				Room: fmt.Sprintf("room-%d", r), Username: fmt.Sprintf("r%d-p%d", r, i), Protocol: i % 2, Publish: both(),
			}))
		}
	}
	for r := range rooms {
		waitMeet(t, people[r]...)
		for i, c := range people[r] {
			if err := c.Chat(fmt.Sprintf("r%d-text-%d", r, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r := range rooms {
		for i, c := range people[r] {
			wait(t, c, "three messages", func(st *client.State) bool { return len(st.Chat) >= size })
			if found := strangers(c, people[r]); len(found) > 0 {
				t.Errorf("room %d, person %d received from %v", r, i, found)
			}
			c.View(func(st *client.State) {
				prefix := fmt.Sprintf("r%d-", r)
				for _, m := range st.Chat {
					if !strings.HasPrefix(m.Data, prefix) || !strings.HasPrefix(m.Username, prefix) {
						t.Errorf("room %d, person %d read %q from %q", r, i, m.Data, m.Username)
					}
				}
				for _, name := range st.PeerNames() {
					if !strings.HasPrefix(name, prefix) {
						t.Errorf("room %d, person %d knows %q", r, i, name)
					}
				}
				if len(st.Chat) != size {
					t.Errorf("room %d, person %d read %d messages", r, i, len(st.Chat))
				}
			})
		}
	}
}

// TestLateWatcherSeesAtOnce joins without tracks long after the publisher's
// only keyframe.
func TestLateWatcherSeesAtOnce(t *testing.T) {
	s := start(t)
	for protocol := range 2 {
		t.Run(fmt.Sprintf("protocol %d", protocol), func(t *testing.T) {
			room := fmt.Sprintf("late-%d", protocol)
			alice := s.join(client.Options{Room: room, Username: "Alice", Protocol: protocol, Publish: both()})
			sent := alice.Publication(types.SourceCamera)
			eventually(t, "Alice to have sent for a while", func() bool { return sent.Sent() > 40 })
			bob := s.join(client.Options{Room: room, Username: "Bob", Protocol: protocol})
			wait(t, bob, "Alice", func(st *client.State) bool { return meets(st, alice) })
			times := bob.Times()
			if took := times.FirstKeyframe.Sub(times.Dial); took > time.Second {
				t.Errorf("the first whole frame came %v after the dial", took)
			}
		})
	}
}

func TestLeaverDisappears(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "leave", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "leave", Username: "Bob", Publish: both()})
	carol := s.join(client.Options{Room: "leave", Username: "Carol", Protocol: 1, Publish: both()})
	waitMeet(t, alice, bob, carol)
	before := lastOffer(bob).Active
	id := carol.PeerID()
	carol.Close()
	waitWithin(t, time.Second, alice, "Carol to be gone", func(st *client.State) bool {
		_, known := st.Peers[id]
		_, heard := st.TrackOf(id, types.SourceMicrophone)
		_, seen := st.TrackOf(id, types.SourceCamera)
		return !known && !heard && !seen && len(st.Left) == 1 && st.Left[0].Reason == types.LeaveLeft
	})
	wait(t, bob, "an offer with two m-lines less", func(st *client.State) bool {
		return st.LastOffer().Active == before-2
	})
	wait(t, bob, "Carol's tracks to end", func(st *client.State) bool {
		for _, track := range st.Media {
			stats := track.Stats()
			if stats.Senders[carol.Tag()].Packets > 0 && !stats.Ended {
				return false
			}
		}
		return true
	})
	// A newcomer takes the place.
	dave := s.join(client.Options{Room: "leave", Username: "Dave", Protocol: 1, Publish: both()})
	waitMeet(t, alice, bob, dave)
}

// TestLateAnswerHoldsNobodyUp has Bob look at the camera prompt while the
// others go on.
func TestLateAnswerHoldsNobodyUp(t *testing.T) {
	s := start(t)
	release := make(chan struct{})
	offered := make(chan struct{}, 100)
	alice := s.join(client.Options{Room: "prompt", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{
		Room: "prompt", Username: "Bob", Publish: both(),
		HoldAnswer: func(ctx context.Context, _ uint64) bool {
			offered <- struct{}{}
			select {
			case <-release:
				return true
			case <-ctx.Done():
				return false
			}
		},
	})
	<-offered
	carol := s.join(client.Options{Room: "prompt", Username: "Carol", Publish: both()})
	waitMeet(t, alice, carol)
	if err := bob.Chat("one moment"); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "Bob's text", func(st *client.State) bool { return len(st.Chat) == 1 })
	close(release)
	waitMeet(t, alice, bob, carol)
}

// TestNoAnswerLosesTheConnectionOnly never answers, and then does.
func TestNoAnswerLosesTheConnectionOnly(t *testing.T) {
	t.Parallel()
	s := run(t, app.Options{Config: config.Default(), AnswerTimeout: 2 * time.Second})
	answer := make(chan struct{})
	mallory := s.join(client.Options{
		Room: "silent", Username: "Mallory", Protocol: 1, Publish: both(),
		HoldAnswer: func(context.Context, uint64) bool {
			select {
			case <-answer:
				return true
			default:
				return false
			}
		},
	})
	alice := s.join(client.Options{Room: "silent", Username: "Alice", Publish: both()})
	bob := s.join(client.Options{Room: "silent", Username: "Bob", Protocol: 1, Publish: both()})
	waitMeet(t, alice, bob)
	wait(t, mallory, "the notice", func(st *client.State) bool {
		return st.HasError(types.CodeMediaNotReached) && st.Connected
	})
	close(answer)
	if err := mallory.Chat("here I am"); err != nil {
		t.Fatal(err)
	}
	waitMeet(t, alice, bob, mallory)
}

func TestCandidatesBeforeTheAnswer(t *testing.T) {
	s := start(t, func(c *config.Config) { c.ICEMode = "full" })
	alice := s.join(client.Options{Room: "early", Username: "Alice", CandidatesFirst: true, Publish: both()})
	bob := s.join(client.Options{Room: "early", Username: "Bob", Publish: both()})
	waitMeet(t, alice, bob)
}

// TestICEModes joins in each of them.
func TestICEModes(t *testing.T) {
	for _, mode := range []string{"lite", "full"} {
		t.Run(mode, func(t *testing.T) {
			s := start(t, func(c *config.Config) { c.ICEMode = mode })
			alice := s.join(client.Options{Room: "ice", Username: "Alice", Publish: both()})
			bob := s.join(client.Options{Room: "ice", Username: "Bob", Protocol: 1, Publish: both()})
			waitMeet(t, alice, bob)
			if took := bob.Times().Connected.Sub(bob.Times().Dial); took > 5*time.Second {
				t.Errorf("connected after %v", took)
			}
		})
	}
}
