package testnet

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"

	"aq-server/internal/client"
	"aq-server/internal/metrics"
	"aq-server/internal/sfu"
	"aq-server/internal/types"
)

// stage is a room of one who sends and one who watches him, settled.
type stage struct {
	n          *Net
	metrics    *metrics.Metrics
	session    *sfu.Session
	alice, bob *Peer
	flow       *flow
}

func newStage(t *testing.T, n *Net, publish ...client.PublishOptions) *stage {
	t.Helper()
	s := &stage{n: n, metrics: metrics.New(), flow: new(flow)}
	s.session = n.Session(sfu.Options{Metrics: s.metrics})
	s.alice = n.Join(s.session, "alice", Publishing(publish...))
	s.alice.WaitConnected(5 * time.Second)
	s.bob = n.Join(s.session, "bob", func(o *client.Options) { o.OnRTP = s.flow.packet })
	s.bob.WaitKeyframe(s.alice, 5*time.Second)
	return s
}

// lastSecond counts the packets of video of the last second, by layer.
func (s *stage) lastSecond() [3]int { return s.flow.layers(time.Now().Add(-time.Second), time.Now()) }

// until waits for an outcome in virtual time and returns how long it took.
func until(t *testing.T, what string, within time.Duration, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

// Loss without a queue is no lack of bandwidth: at 10 % and 80 ms of round trip
// the large layer stays (fault F1).
func TestLossKeepsTheLayer(t *testing.T) {
	for name, conditions := range map[string][]Option{
		"loss": {Delay(40 * time.Millisecond)}, "reordering": {Delay(20 * time.Millisecond), Reorder(0.3, 30*time.Millisecond)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				camera := bigCamera()
				camera.KeyframeScale = 0
				s := newStage(t, New(t, conditions...), camera, Microphone())
				if name == "loss" {
					s.bob.Link.Loss(0, 0.10)
				}
				time.Sleep(5 * time.Second) // the layers begin one after another
				start := time.Now()
				time.Sleep(20 * time.Second)
				if l := s.flow.layers(start, time.Now()); l[0]+l[1] > 0 || l[2] < 20*235 {
					t.Errorf("packets by layer %v", l)
				}
			})
		})
	}
}

// An outage on a way that has shown a limit before: the picture is back at once,
// and the high layer soon.
func TestOutageOfAKnownWay(t *testing.T) {
	for _, outage := range []time.Duration{3 * time.Second, 12 * time.Second} {
		t.Run(outage.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, New(t, Delay(20*time.Millisecond)), bigCamera(), Microphone())
				time.Sleep(5 * time.Second)
				s.bob.Link.Rate(0, 800_000, 300*time.Millisecond)
				until(t, "the middle layer", 5*time.Second, func() bool { return s.lastSecond()[1] > 50 })
				s.bob.Link.Rate(0, 5_000_000, 300*time.Millisecond)
				until(t, "the high layer", 10*time.Second, func() bool { return s.lastSecond()[2] > 200 })
				time.Sleep(5 * time.Second)
				s.bob.Link.Cut(true)
				time.Sleep(outage)
				s.bob.Link.Cut(false)
				ended := time.Now()
				until(t, "a picture", time.Second, func() bool { l := s.flow.layers(ended, time.Now()); return l[0]+l[1]+l[2] > 10 })
				took := until(t, "the high layer after the outage", 4*time.Second, func() bool { return s.flow.layers(ended, time.Now())[2] > 50 })
				t.Logf("the high layer %v after the picture", took)
			})
		})
	}
}

// A picture that has no smaller layer is paused when it does not fit, so that
// the voice gets through, with the reason, and comes back by itself.
func TestOneLayerThatDoesNotFit(t *testing.T) {
	for name, publish := range map[string][]client.PublishOptions{
		"with sound": {bigCamera(), Microphone()},
		// Nothing is sent but probes while it is paused.
		"without sound": {bigCamera()},
	} {
		t.Run(name, func(t *testing.T) { oneLayer(t, publish) })
	}
}

func oneLayer(t *testing.T, publish []client.PublishOptions) {
	synctest.Test(t, func(t *testing.T) {
		publish[0].Layers = 1
		s := newStage(t, New(t, Delay(20*time.Millisecond)), publish...)
		time.Sleep(5 * time.Second)
		s.bob.Link.Rate(0, 400_000, 300*time.Millisecond)
		narrow := time.Now()
		paused := func(reason types.PauseReason) bool {
			found := false
			s.bob.View(func(st *State) {
				found = slices.ContainsFunc(st.Quality.Paused, func(p types.PausedTrack) bool { return p.Reason == reason }) &&
					st.Quality.Score <= 2
			})
			return found
		}
		until(t, "word of the pause", 5*time.Second, func() bool { return paused(types.PausedBandwidth) })
		time.Sleep(12*time.Second - time.Since(narrow))
		lost, _ := s.flow.audioBetween(narrow.Add(3*time.Second), time.Now().Add(-time.Second))
		if lost > 0.02 && len(publish) > 1 {
			t.Errorf("%.1f %% of audio lost", 100*lost)
		}
		var rate int64
		s.bob.View(func(st *State) { rate = st.Quality.BandwidthBPS })
		if rate < 150_000 || rate > 500_000 {
			t.Errorf("bandwidth_bps is %d on a way of 400 kbit/s", rate)
		}
		s.bob.Link.Rate(0, 5_000_000, 300*time.Millisecond)
		until(t, "the picture again", 10*time.Second, func() bool { return s.lastSecond()[0] > 200 })
		until(t, "word of it", 5*time.Second, func() bool { return !paused(types.PausedBandwidth) })
		if n := s.metrics.VideosPaused.Load(); n == 0 {
			t.Error("no pause was counted")
		}
	})
}

// A subscriber who lies in his reports gets what he asks for; the others notice
// nothing, nor does the publisher (safety.md, T30).
func TestLiesHarmTheLiar(t *testing.T) {
	for name, at := range map[string]func(i, n int) int64{
		"all is lost":   func(int, int) int64 { return -1 },
		"a second each": func(i, n int) int64 { return int64(i*3+n) * 1_000_000 },
		"all at once":   func(int, int) int64 { return 0 },
		"noise":         func(int, int) int64 { return rand.Int64N(8_000_000) - 100_000 },
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { lie(t, name == "a second each", at) }) })
	}
}

func lie(t *testing.T, believed bool, at func(i, n int) int64) {
	n := New(t, Delay(10*time.Millisecond))
	session := n.Session(sfu.Options{})
	alice := n.Join(session, "alice", Publishing(bigCamera(), Microphone()))
	alice.WaitConnected(5 * time.Second)
	var newest, id atomic.Uint32 // of the transport-wide numbers
	liar, other := new(flow), new(flow)
	bob := n.Join(session, "bob", func(o *client.Options) {
		o.OnRTP = liar.packet
		o.DropReceived = func(h *rtp.Header) bool {
			if b := h.GetExtension(uint8(id.Load())); len(b) == 2 {
				newest.Store(uint32(b[0])<<8 | uint32(b[1]))
			}
			return false
		}
	})
	carol := n.Join(session, "carol", func(o *client.Options) { o.OnRTP = other.packet })
	bob.WaitKeyframe(alice, 5*time.Second)
	carol.WaitKeyframe(alice, 5*time.Second)
	for _, e := range bob.PeerConnection().GetReceivers()[0].GetParameters().HeaderExtensions {
		if e.URI == sdp.TransportCCURI {
			id.Store(uint32(e.ID))
		}
	}
	time.Sleep(5 * time.Second)
	start, plis := time.Now(), alice.Publication(types.SourceCamera).PLIs()
	ssrc := bob.Media()[0].SSRC
	for i := range 800 { // 8 s, faster than what the client reports in truth
		cc := claim(uint16(newest.Load())-20, 60, func(n int) int64 { return at(i, n) })
		cc.MediaSSRC = ssrc
		if err := bob.PeerConnection().WriteRTCP([]rtcp.Packet{cc}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if l := other.layers(start, time.Now()); l[0]+l[1] > 0 || l[2] < 8*235 || carol.Lost() > 0 {
		t.Errorf("the other got packets by layer %v, lost %d", l, carol.Lost())
	}
	if n := alice.Publication(types.SourceCamera).PLIs() - plis; n > 40 {
		t.Errorf("%d keyframes were asked of the publisher", n)
	}
	if lost, _ := liar.audioBetween(start, time.Now().Add(-time.Second)); lost > 0 {
		t.Errorf("the liar does not hear %.1f %%", 100*lost)
	}
	// Something of it must be believed, or this test shows nothing.
	if l := liar.layers(start, time.Now()); believed && l[2] > 1000 {
		t.Errorf("the liar got packets by layer %v", l)
	}
}

// claim makes a report of count packets from a number on; at returns the arrival
// in us, less than zero for none.
func claim(base uint16, count int, at func(i int) int64) *rtcp.TransportLayerCC {
	cc := &rtcp.TransportLayerCC{BaseSequenceNumber: base, PacketStatusCount: uint16(count), ReferenceTime: 1}
	last := int64(64_000)
	size := 0
	for i := range count {
		symbol := uint16(rtcp.TypeTCCPacketNotReceived)
		if v := at(i); v >= 0 {
			symbol = rtcp.TypeTCCPacketReceivedLargeDelta
			delta := min(max((v-last)/250, -32768), 32767) * 250
			cc.RecvDeltas = append(cc.RecvDeltas, &rtcp.RecvDelta{Type: symbol, Delta: delta})
			last += delta
			size += 2
		}
		cc.PacketChunks = append(cc.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: 1})
		size += 2
	}
	size = (20 + size + 3) / 4
	cc.Header = rtcp.Header{Type: rtcp.TypeTransportSpecificFeedback, Count: rtcp.FormatTCC, Length: uint16(size - 1)}
	return cc
}
