package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

func video(fps int) client.PublishOptions {
	return client.PublishOptions{Source: types.SourceCamera, FPS: fps, PacketsPerFrame: 4, PacketSize: 500}
}

// lossy loses that share of packets, but none of the first hundred, until it is
// stopped.
type lossy struct {
	share   float64
	count   atomic.Int64
	lost    atomic.Int64
	stopped atomic.Bool
}

func (l *lossy) drop(*rtp.Header) bool {
	if l.stopped.Load() || l.count.Add(1) < 100 || rand.Float64() >= l.share {
		return false
	}
	l.lost.Add(1)
	return true
}

// TestLossTowardSubscriberIsRepaired loses 5 % of what one subscriber gets,
// repairs included: RTX brings it all back, and the other subscriber notices
// nothing.
func TestLossTowardSubscriberIsRepaired(t *testing.T) {
	t.Parallel()
	s := start(t)
	loss := &lossy{share: 0.05}
	alice := s.join(client.Options{Room: "loss", Username: "Alice", Publish: []client.PublishOptions{video(30)}})
	bob := s.join(client.Options{Room: "loss", Username: "Bob", DropReceived: loss.drop})
	carol := s.join(client.Options{Room: "loss", Username: "Carol"})
	wait(t, bob, "a thousand packets", func(st *client.State) bool {
		return st.From(alice.Tag(), types.KindVideo).Packets > 1000
	})
	loss.stopped.Store(true)
	wait(t, bob, "every gap to be filled", func(st *client.State) bool {
		return len(st.Media) == 1 && st.Media[0].Stats().Lost == 0 && st.Media[0].Stats().RTX > 20
	})
	checkStream(t, "Carol", carol)
	if n := alice.Publication(types.SourceCamera).NACKs(); n != 0 {
		t.Errorf("the publisher was asked for %d packets that the server has", n)
	}
}

// TestLossFromPublisherIsRepaired loses 5 % of what a publisher sends: the
// server asks for it again, and its subscriber misses nothing.
func TestLossFromPublisherIsRepaired(t *testing.T) {
	t.Parallel()
	s := start(t)
	loss := &lossy{share: 0.05}
	alice := s.join(client.Options{
		Room: "uplink", Username: "Alice", Publish: []client.PublishOptions{video(30)}, DropSent: loss.drop,
	})
	frames := &frameCheck{seen: map[uint32]int{}}
	s.join(client.Options{Room: "uplink", Username: "Bob", OnRTP: frames.packet})
	eventually(t, "a thousand packets", func() bool { return frames.packets() > 1000 })
	loss.stopped.Store(true)
	eventually(t, "all to be repaired", func() bool { return frames.incomplete() <= 1 }) // the frame under way
	if asked, lost := alice.Publication(types.SourceCamera).NACKs(), loss.lost.Load(); asked == 0 || asked > 6*lost {
		t.Errorf("%d packets lost, %d asked for", lost, asked)
	}
}

// frameCheck knows by the stamps which frames came whole.
type frameCheck struct {
	mu          sync.Mutex
	seen        map[uint32]int // packets by frame
	first, last uint32
	total       int
}

func (f *frameCheck) packet(_ *client.Track, _ *rtp.Packet, stamp client.Stamp) {
	if stamp.Source != types.SourceCamera {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.total == 0 {
		f.first = stamp.Frame
	}
	f.total++
	f.last = max(f.last, stamp.Frame)
	f.seen[stamp.Frame] += 1000/stamp.Of + 1
}

func (f *frameCheck) packets() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// incomplete counts the frames since the first that lack a packet.
func (f *frameCheck) incomplete() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for frame := f.first; f.total > 0 && frame <= f.last; frame++ {
		if f.seen[frame] < 1000 {
			n++
		}
	}
	return n
}

// TestKeyframeRequestsAreCoalesced has twenty subscribers ask for keyframes as
// fast as they can: the publisher hears of it at most twice a second.
func TestKeyframeRequestsAreCoalesced(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "pli", Username: "Alice", Publish: []client.PublishOptions{
		{Source: types.SourceCamera, FPS: 20, PacketsPerFrame: 2, PacketSize: 100},
	}})
	subscribers := make([]*client.Client, 20)
	for i := range subscribers {
		subscribers[i] = s.join(client.Options{Room: "pli", Username: fmt.Sprint(i)})
	}
	for _, c := range subscribers {
		wait(t, c, "a keyframe", func(st *client.State) bool { return st.From(alice.Tag(), types.KindVideo).Keyframes > 0 })
	}
	sent := alice.Publication(types.SourceCamera)
	before, began := sent.PLIs(), time.Now()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range 100 {
		for _, c := range subscribers {
			ssrc := c.Media()[0].SSRC
			if err := c.PeerConnection().WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
				t.Fatal(err)
			}
		}
		<-ticker.C
	}
	asked, seconds := float64(sent.PLIs()-before), time.Since(began).Seconds()
	if asked > 2.2*seconds+1 || asked < seconds {
		t.Errorf("%.0f requests in %.1f s", asked, seconds)
	}
}

// TestKeyframeDispatch runs both modes: with "needed" nobody is asked whose
// viewers have what they need, with "always" everybody is.
func TestKeyframeDispatch(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"needed", "always"} {
		t.Run(mode, func(t *testing.T) {
			const interval = 600 * time.Millisecond
			s := start(t, func(c *config.Config) { c.KeyframeDispatch, c.KeyframeInterval = mode, interval })
			alice := s.join(client.Options{Room: "dispatch", Username: "Alice", Publish: []client.PublishOptions{video(10)}})
			bob := s.join(client.Options{Room: "dispatch", Username: "Bob"})
			wait(t, bob, "a keyframe", func(st *client.State) bool { return st.From(alice.Tag(), types.KindVideo).Keyframes > 0 })
			sent := alice.Publication(types.SourceCamera)
			if mode == "always" {
				before := bob.From(alice.Tag(), types.KindVideo).Keyframes
				wait(t, bob, "four more keyframes", func(st *client.State) bool {
					return st.From(alice.Tag(), types.KindVideo).Keyframes >= before+4
				})
				return
			}
			// The packets are the clock: 40 frames are four seconds, which
			// is more than six rounds.
			wait(t, bob, "the start to be over", func(st *client.State) bool {
				return st.From(alice.Tag(), types.KindVideo).Packets > 60
			})
			before := sent.PLIs()
			wait(t, bob, "four seconds", func(st *client.State) bool {
				return st.From(alice.Tag(), types.KindVideo).Packets > 60+160
			})
			if n := sent.PLIs() - before; n != 0 {
				t.Errorf("%d requests though nobody lacks a keyframe", n)
			}
		})
	}
}
