package testnet

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/sfu"
	"aq-server/internal/types"
)

// delivery notes which packets of one camera arrive, and how late.
type delivery struct {
	mu      sync.Mutex
	arrived map[[2]uint32]time.Duration // frame and index -> time since sent
	twice   int
	of      uint32 // packets a frame
	first   uint32 // frame
	started bool
}

func newDelivery() *delivery { return &delivery{arrived: make(map[[2]uint32]time.Duration)} }

func (d *delivery) packet(_ *client.Track, _ *rtp.Packet, s client.Stamp) {
	if s.Source != types.SourceCamera {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.started {
		// The first second may be a replay of what was before the join.
		d.started, d.first, d.of = true, s.Frame+30, uint32(s.Of)
	}
	key := [2]uint32{s.Frame, uint32(s.Index)}
	if _, again := d.arrived[key]; again {
		d.twice++
		return
	}
	d.arrived[key] = time.Since(s.SentAt)
}

// share returns how much of so many frames from the first arrived within the time,
// and how many packets that should have been.
func (d *delivery) share(frames uint32, within time.Duration) (share float64, packets int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	good := 0
	for frame := d.first; frame < d.first+frames; frame++ {
		for i := range d.of {
			packets++
			if took, ok := d.arrived[[2]uint32{frame, i}]; ok && took <= within {
				good++
			}
		}
	}
	return float64(good) / float64(packets), packets
}

// watched joins a camera of 30 frames a second and two who watch it, and lets a
// minute go by after change has set the conditions.
func watched(n *Net, change func(alice, bob, carol *Peer)) (alice *Peer, bob, carol *delivery) {
	session := n.Session(sfu.Options{})
	alice = n.Join(session, "alice", Publishing(client.PublishOptions{
		Source: types.SourceCamera, FPS: 30, PacketsPerFrame: 3, PacketSize: 900, Layers: 1,
	}))
	alice.WaitConnected(5 * time.Second)
	bob, carol = newDelivery(), newDelivery()
	bobPeer := n.Join(session, "bob", func(o *client.Options) { o.OnRTP = bob.packet })
	carolPeer := n.Join(session, "carol", func(o *client.Options) { o.OnRTP = carol.packet })
	bobPeer.WaitKeyframe(alice, 5*time.Second)
	carolPeer.WaitKeyframe(alice, 5*time.Second)
	change(alice, bobPeer, carolPeer)
	time.Sleep(62 * time.Second)
	return alice, bob, carol
}

// TestLossToOneSubscriber is fault F1: at 80 ms of round trip, what is lost on
// the way to one subscriber is repaired in time, and another notices nothing.
func TestLossToOneSubscriber(t *testing.T) {
	for _, test := range []struct{ loss, want float64 }{{0.02, 0.999}, {0.05, 0.995}, {0.10, 0.99}} {
		t.Run(fmt.Sprintf("%.0f %%", 100*test.loss), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(t, Delay(40*time.Millisecond))
				_, bob, carol := watched(n, func(_, bob, _ *Peer) { bob.Link.Loss(0, test.loss) })
				if share, packets := bob.share(1800, 400*time.Millisecond); share < test.want {
					t.Errorf("%.3f %% of %d packets within 400 ms, want %.1f %%", 100*share, packets, 100*test.want)
				}
				if share, _ := carol.share(1800, 100*time.Millisecond); share < 1 {
					t.Errorf("the other subscriber got %.3f %%", 100*share)
				}
			})
		})
	}
}

// TestLossFromThePublisher is fault F2: the server asks for what is missing.
func TestLossFromThePublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t, Delay(40*time.Millisecond))
		_, bob, carol := watched(n, func(alice, _, _ *Peer) { alice.Link.Loss(0.05, 0) })
		for name, d := range map[string]*delivery{"bob": bob, "carol": carol} {
			if share, packets := d.share(1800, 400*time.Millisecond); share < 0.995 {
				t.Errorf("%s got %.3f %% of %d packets within 400 ms", name, 100*share, packets)
			}
		}
	})
}

// TestReorderingIsNoLoss is fault F3: half of the packets overtake the other
// half, and nobody takes that for loss.
func TestReorderingIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t, Delay(20*time.Millisecond), Reorder(0.5, 40*time.Millisecond))
		var before int64
		alice, bob, _ := watched(n, func(alice, _, _ *Peer) { before = alice.Publication(types.SourceCamera).PLIs() })
		if share, packets := bob.share(1800, 400*time.Millisecond); share < 0.999 {
			t.Errorf("%.3f %% of %d packets", 100*share, packets)
		}
		if bob.twice > 0 {
			t.Errorf("%d packets forwarded twice", bob.twice)
		}
		if n := alice.Publication(types.SourceCamera).PLIs() - before; n > 6 {
			t.Errorf("%d keyframe requests in a minute", n)
		}
	})
}

// TestDuplicatesAreForwardedOnce is fault F4.
func TestDuplicatesAreForwardedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t, Delay(10*time.Millisecond), Duplicate(0.3))
		alice, bob, _ := watched(n, func(_, _, _ *Peer) {})
		if share, packets := bob.share(1800, 100*time.Millisecond); share < 1 {
			t.Errorf("%.3f %% of %d packets", 100*share, packets)
		}
		if bob.twice > 0 {
			t.Errorf("%d packets forwarded twice", bob.twice)
		}
		if n := alice.Publication(types.SourceCamera).NACKs(); n > 0 {
			t.Errorf("%d packets asked for again", n)
		}
	})
}
