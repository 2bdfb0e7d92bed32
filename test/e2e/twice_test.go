package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"aq-server/internal/client"
)

// TestFirstOfferTwice opens another socket while the first offer is being
// answered: it comes again there, or that of a new PeerConnection does, and its
// number says to drop the PeerConnection whose answer is on its way already.
func TestFirstOfferTwice(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("keep %t", keep), func(t *testing.T) { firstOfferTwice(t, keep) })
	}
}

func firstOfferTwice(t *testing.T, keep bool) {
	s := start(t)
	alice := s.join(client.Options{Room: "copy", Username: "Alice", Protocol: 1, Publish: both()})
	goOn := make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	bob := s.join(client.Options{
		Room: "copy", Username: "Bob", Protocol: 1, Publish: both(),
		HoldAnswer: func(ctx context.Context, _ uint64) bool {
			select {
			case <-goOn:
				return true
			case <-ctx.Done():
				return false
			}
		},
	})
	wait(t, bob, "the first offer", func(st *client.State) bool { return len(st.Offers) == 1 })
	if err := bob.Resume(t.Context(), keep); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "another first offer", func(st *client.State) bool {
		return len(st.Offers) == 2 && st.Offers[1].ID == 1 && keep == (st.Offers[0].SDP == st.Offers[1].SDP)
	})
	release()
	// Far sooner than the 30 s after which what does not connect is given up.
	for one, other := range map[*client.Client]*client.Client{alice: bob, bob: alice} {
		waitWithin(t, 10*time.Second, one, "the other", func(st *client.State) bool { return meets(st, other) })
	}
}
