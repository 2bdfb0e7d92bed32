package network

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// join has somebody join from a host. He comes back by himself, and leaves with
// the test.
func (s *server) join(from *host, opts client.Options) *client.Client {
	s.t.Helper()
	c, err := s.dial(from, opts)
	if err != nil {
		s.t.Fatalf("%s joins: %v", opts.Username, err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// dial is join for other goroutines and for clients that the caller closes.
func (s *server) dial(from *host, opts client.Options) (*client.Client, error) {
	opts.URL, opts.Protocol, opts.ComeBack = serverURL, 1, true
	opts.NetDial, opts.Net = from.dial, from
	opts.Interfaces = func(name string) bool { return name != "lo" }
	ctx, cancel := within(deadline)
	defer cancel()
	return client.Dial(ctx, opts)
}

// microphone and camera are light; the camera has one layer. In the short form
// it is so light that both stay below what congestion control always leaves: on a
// machine that is busy with other tests packets wait as they do in a queue.
func microphone() client.PublishOptions {
	return client.PublishOptions{Source: types.SourceMicrophone, Level: 30, Voice: true}
}

func camera() client.PublishOptions {
	if !full() {
		return client.PublishOptions{Source: types.SourceCamera, FPS: 20, PacketsPerFrame: 2, PacketSize: 150, Layers: 1}
	}
	return client.PublishOptions{Source: types.SourceCamera, FPS: 30, PacketsPerFrame: 3, PacketSize: 900, Layers: 1}
}

func both() []client.PublishOptions { return []client.PublishOptions{microphone(), camera()} }

func within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// wait fails the test when the condition does not come true.
func wait(t *testing.T, limit time.Duration, c *client.Client, what string, condition func(*client.State) bool) {
	t.Helper()
	ctx, cancel := within(limit)
	defer cancel()
	if err := c.WaitFor(ctx, what, condition); err != nil {
		t.Fatal(err)
	}
}

// meet waits until each hears and sees each other who sends.
func meet(t *testing.T, people ...*client.Client) {
	t.Helper()
	for _, c := range people {
		for _, other := range people {
			if c != other && other.Publication(types.SourceCamera) != nil {
				wait(t, deadline, c, "a keyframe", func(st *client.State) bool {
					return st.From(other.Tag(), types.KindVideo).Keyframes > 0 && st.From(other.Tag(), types.KindAudio).Packets > 5
				})
			}
		}
	}
	for _, c := range people {
		c.ResetGaps()
	}
}

// pass lets time go by under a fault: that is the test.
func pass(d time.Duration) { <-time.After(d) }

// hears waits until somebody has received media of another that was sent after
// a moment, and returns when the first of it came.
func hears(t *testing.T, limit time.Duration, c, other *client.Client, after time.Time) time.Time {
	t.Helper()
	before := c.From(other.Tag(), types.KindAudio)
	wait(t, limit, c, "media again", func(st *client.State) bool {
		now := st.From(other.Tag(), types.KindAudio)
		return now.Packets > before.Packets+10 && now.LastAt.After(after)
	})
	return c.Gap(other.Tag(), types.KindAudio).Until()
}

// longest is the longest gap of audio and video of another.
func longest(c, other *client.Client) time.Duration {
	return max(c.Gap(other.Tag(), types.KindAudio).Longest, c.Gap(other.Tag(), types.KindVideo).Longest)
}

// lost counts the sequence numbers that never came.
func lost(c *client.Client) int {
	var n int64
	for _, track := range c.Media() {
		n += track.Stats().Lost
	}
	return int(n)
}

// connections counts the PeerConnections that a client has made.
func connections(c *client.Client) (n int) {
	c.View(func(st *client.State) { n = st.Connections })
	return n
}

// ufrag names the path that ICE uses; a restart changes it.
func ufrag(c *client.Client) (name string) {
	c.View(func(st *client.State) { name = st.LastOffer().Ufrag })
	return name
}

// story tells what a client went through since a moment, for the log.
func story(name string, c *client.Client, since time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", name)
	at := func(t time.Time) float64 { return t.Sub(since).Seconds() }
	c.View(func(st *client.State) {
		for _, l := range st.Losses {
			if l.At.After(since) {
				fmt.Fprintf(&b, " socket lost %.2f (code %d, silent %t), back %.2f after %d attempts, resumed %t;",
					at(l.At), l.Code, l.Silent, at(l.Back), l.Attempts, l.Resumed)
			}
		}
		before := ""
		for _, o := range st.Offers {
			if o.At.After(since) {
				restart := ""
				if before != "" && o.Ufrag != before {
					restart = " with a new ufrag"
				}
				fmt.Fprintf(&b, " offer %d at %.2f%s;", o.ID, at(o.At), restart)
			}
			before = o.Ufrag
		}
		fmt.Fprintf(&b, " %d restarts asked for, %d PeerConnections, %d left", st.RestartsAsked, st.Connections, len(st.Left))
	})
	return b.String()
}

// delivery knows which packets of a camera came, and how long they took.
type delivery struct {
	mu    sync.Mutex
	took  map[[2]uint32]time.Duration // by frame and index
	of    uint32                      // packets a frame
	first uint32                      // frame
	last  uint32                      // frame
	began bool
	twice int
}

func (d *delivery) packet(_ *client.Track, _ *rtp.Packet, s client.Stamp) {
	if s.Source != types.SourceCamera {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.began {
		return
	}
	if d.took == nil {
		d.took, d.first, d.of = make(map[[2]uint32]time.Duration), s.Frame+15, uint32(s.Of)
	}
	d.last = max(d.last, s.Frame)
	key := [2]uint32{s.Frame, uint32(s.Index)}
	if _, again := d.took[key]; again {
		d.twice++
		return
	}
	d.took[key] = time.Since(s.SentAt)
}

// begin starts to count, from half a second later on.
func (d *delivery) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.began = true
}

// share returns how many of all packets came within the time. The last second
// may still be on its way.
func (d *delivery) share(limit time.Duration) (share float64, packets int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	good := 0
	for frame := d.first; frame+30 < d.last; frame++ {
		for i := range d.of {
			packets++
			if took, ok := d.took[[2]uint32{frame, i}]; ok && took <= limit {
				good++
			}
		}
	}
	return float64(good) / float64(max(packets, 1)), packets
}

// tail tells what became of those that did not come in time.
func (d *delivery) tail(limit time.Duration) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	never, late, worst := 0, 0, time.Duration(0)
	for frame := d.first; frame+30 < d.last; frame++ {
		for i := range d.of {
			took, ok := d.took[[2]uint32{frame, i}]
			worst = max(worst, took)
			switch {
			case !ok:
				never++
			case took > limit:
				late++
			}
		}
	}
	return fmt.Sprintf("%d never, %d late, the latest after %v", never, late, worst)
}

// duplicates counts packets that came more than once, under any number.
func (d *delivery) duplicates() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.twice
}
