package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestOffersAreFewAndInOrder has twenty join at once: the numbers grow by one,
// each is answered before the next comes, and after the first three there are
// at most two a second.
func TestOffersAreFewAndInOrder(t *testing.T) {
	s := start(t)
	const size = 20
	people := make([]*client.Client, size)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() {
			<-gate
			var err error
			people[i], err = s.dial(client.Options{
				Room: "rush", Username: fmt.Sprint(i), Protocol: i % 2, Publish: []client.PublishOptions{
					{Source: types.SourceMicrophone, FPS: 5, Level: 30},
				},
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	wg.Wait()
	if t.Failed() {
		return
	}
	for i, c := range people {
		wait(t, c, fmt.Sprintf("%d to be offered all", i), func(st *client.State) bool {
			if i%2 == 1 {
				return len(st.Tracks.Tracks) == 5 && len(st.Peers) == size-1
			}
			return st.LastOffer().Active == 2+size-1
		})
	}
	total := 0
	for i, c := range people {
		c.View(func(st *client.State) {
			total += len(st.Offers)
			for n, o := range st.Offers {
				if o.ID != uint64(n+1) {
					t.Errorf("%d: offer %d has number %d", i, n+1, o.ID)
				}
			}
			// The first three are free. Arrivals jitter on a busy machine, so
			// it is the rate of all the others that counts.
			if n := len(st.Offers); n > 4 {
				took := st.Offers[n-1].At.Sub(st.Offers[2].At)
				if float64(n-3) > 2*took.Seconds()+1 {
					t.Errorf("%d: %d offers within %v after the first three", i, n-3, took)
				}
			}
			if len(st.Failures) > 0 || len(st.Errors) > 0 {
				t.Errorf("%d: failures %v, errors %v", i, st.Failures, st.Errors)
			}
		})
	}
	if total > size*size/2 {
		t.Errorf("%d offers for %d joins", total, size)
	}
	t.Logf("%d offers for %d joins", total, size)
}

// TestOneStreamAPerson checks what a base client sees in its offers: the camera
// and the microphone of a person have one MSID stream id, and nobody shares it.
func TestOneStreamAPerson(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "tiles", Username: "Alice", Publish: both()})
	bob := s.join(client.Options{Room: "tiles", Username: "Bob", Protocol: 1, Publish: both()})
	carol := s.join(client.Options{Room: "tiles", Username: "Carol"})
	waitMeetOne(t, alice, carol)
	waitMeetOne(t, bob, carol)
	streams := map[string][]string{}
	for section := range strings.SplitSeq(lastOffer(carol).SDP, "\r\nm=") {
		kind, _, _ := strings.Cut(section, " ")
		for line := range strings.Lines(section) {
			if id, ok := strings.CutPrefix(line, "a=msid:"); ok {
				stream, _, _ := strings.Cut(id, " ")
				streams[stream] = append(streams[stream], kind)
			}
		}
	}
	if len(streams) != 2 {
		t.Fatalf("streams %v, want one a person", streams)
	}
	for stream, kinds := range streams {
		slices.Sort(kinds)
		if !slices.Equal(kinds, []string{"audio", "video"}) {
			t.Errorf("stream %s has %v", stream, kinds)
		}
	}
	if _, ok := streams[string(bob.PeerID())]; !ok {
		t.Errorf("no stream named after Bob among %v", streams)
	}
}

// TestStateReachesTheOthers changes a name, a hand and the devices.
func TestStateReachesTheOthers(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "state", Username: "Alice", Protocol: 1})
	bob := s.join(client.Options{Room: "state", Username: "Bob", Protocol: 1})
	base := s.join(client.Options{Room: "state", Username: "Dave", Publish: both()})
	wait(t, alice, "a base client's state to follow its tracks", func(st *client.State) bool {
		for _, p := range st.Peers {
			if p.Username == "Dave" {
				return p.State.Microphone && p.State.Camera
			}
		}
		return false
	})
	waitMeetOne(t, base, bob)
	yes, name := true, "Bob B."
	if err := bob.SetState(types.StateUpdate{Hand: &yes, Username: &name, Microphone: &yes}); err != nil {
		t.Fatal(err)
	}
	id := bob.PeerID()
	wait(t, alice, "Bob's hand", func(st *client.State) bool {
		p := st.Peers[id]
		return p.Username == name && p.State.Hand && p.State.Microphone && !p.State.Camera
	})
	wait(t, bob, "the echo", func(st *client.State) bool { return st.Updates >= 1 })
}
