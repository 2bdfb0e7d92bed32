package testnet

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/metrics"
	"aq-server/internal/sfu"
	"aq-server/internal/types"
)

// flow notes what of one publisher arrives at one subscriber, and when.
type flow struct {
	mu    sync.Mutex
	audio []arrival
	video []arrival
}

type arrival struct {
	at    time.Time
	frame uint32
	layer int
	took  time.Duration
}

func (f *flow) packet(_ *client.Track, _ *rtp.Packet, s client.Stamp) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := arrival{at: time.Now(), frame: s.Frame, layer: s.Layer, took: time.Since(s.SentAt)}
	if s.Source == types.SourceMicrophone {
		f.audio = append(f.audio, a)
	} else {
		f.video = append(f.video, a)
	}
}

// audioBetween returns the share of the voice sent in a time that did not come,
// and the longest that a packet took.
func (f *flow) audioBetween(from, to time.Time) (lost float64, longest time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var first, last uint32
	came := 0
	for _, a := range f.audio {
		sent := a.at.Add(-a.took)
		if sent.Before(from) || sent.After(to) {
			continue
		}
		if came == 0 {
			first = a.frame
		}
		came++
		last = max(last, a.frame)
		longest = max(longest, a.took)
	}
	expected := max(int(last-first)+1, int(to.Sub(from)/(20*time.Millisecond))-1)
	return 1 - float64(came)/float64(expected), longest
}

// layers counts the packets of video that came in a time, by layer.
func (f *flow) layers(from, to time.Time) (count [3]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.video {
		if !a.at.Before(from) && a.at.Before(to) {
			count[a.layer]++
		}
	}
	return count
}

// lastOf returns when the last packet of a layer above the given came before a
// time, firstOf when the first of that layer came after one.
func (f *flow) lastAbove(layer int, before time.Time) (at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.video {
		if a.layer > layer && a.at.Before(before) {
			at = a.at
		}
	}
	return at
}

func (f *flow) firstOf(layer int, after time.Time) (at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.video {
		if a.layer == layer && a.at.After(after) {
			return a.at
		}
	}
	return at
}

// bigCamera is a camera of three layers: 2.2 Mbit/s, 0.6 and 0.2 on the wire.
func bigCamera() client.PublishOptions {
	return client.PublishOptions{Source: types.SourceCamera, FPS: 30, PacketsPerFrame: 8, PacketSize: 1100, KeyframeScale: 8}
}

// TestRateOfOneSubscriber is fault F5: the way to one subscriber falls from 5
// Mbit/s to 300 kbit/s and comes back.
func TestRateOfOneSubscriber(t *testing.T) {
	for queue, rounds := range map[time.Duration]int{200 * time.Millisecond: 2, time.Second: 1} {
		t.Run("a queue of "+queue.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { rateOfOne(t, queue, rounds) })
		})
	}
}

const oneWay = 20 * time.Millisecond

func rateOfOne(t *testing.T, queue time.Duration, rounds int) {
	n := New(t, Delay(oneWay))
	m := metrics.New()
	session := n.Session(sfu.Options{Metrics: m})
	alice := n.Join(session, "alice", Publishing(bigCamera(), Microphone()))
	alice.WaitConnected(5 * time.Second)
	bobFlow, carolFlow := new(flow), new(flow)
	bob := n.Join(session, "bob", func(o *client.Options) { o.OnRTP = bobFlow.packet })
	carol := n.Join(session, "carol", func(o *client.Options) { o.OnRTP = carolFlow.packet })
	bob.Link.Rate(0, 5_000_000, queue)
	bob.WaitKeyframe(alice, 5*time.Second)
	carol.WaitKeyframe(alice, 5*time.Second)
	time.Sleep(5 * time.Second)
	if high := bobFlow.layers(time.Now().Add(-time.Second), time.Now()); high[2] < 200 {
		t.Fatalf("before the fall: packets by layer %v", high)
	}
	for round := range rounds {
		fall := time.Now()
		bob.Link.Rate(0, 300_000, queue)
		time.Sleep(12 * time.Second)
		rise := time.Now()
		bob.Link.Rate(0, 5_000_000, queue)
		time.Sleep(11 * time.Second)

		last := bobFlow.lastAbove(0, fall.Add(10*time.Second))
		lowered := bobFlow.firstOf(0, fall)
		lost, _ := bobFlow.audioBetween(fall.Add(3*time.Second), rise)
		_, longest := bobFlow.audioBetween(fall.Add(5*time.Second), rise)
		worst, worstWait := bobFlow.audioBetween(fall, fall.Add(3*time.Second))
		high := bobFlow.firstOf(2, rise)
		t.Logf("round %d: the low layer after %v, the last of a higher one after %v; audio lost %.2f %% (%.2f %% and up to %v in the first 3 s), queue up to %v; high again after %v",
			round, lowered.Sub(fall), last.Sub(fall), 100*lost, 100*worst, worstWait-2*oneWay, longest-2*oneWay, high.Sub(rise))
		if lowered.IsZero() || lowered.Sub(fall) > 2*time.Second || last.Sub(fall) > 2*time.Second {
			t.Errorf("the low layer after %v, the last of a higher one after %v", lowered.Sub(fall), last.Sub(fall))
		}
		if lost > 0.02 {
			t.Errorf("%.1f %% of audio lost", 100*lost)
		}
		if longest-2*oneWay > 300*time.Millisecond {
			t.Errorf("audio waited %v in the queue", longest-2*oneWay)
		}
		if high.IsZero() || high.Sub(rise) > 10*time.Second {
			t.Errorf("the high layer again after %v", high.Sub(rise))
		}
		narrow := bobFlow.layers(fall.Add(5*time.Second), rise)
		if narrow[0] < 7*50 {
			t.Errorf("packets by layer on the narrow way %v", narrow)
		}
		if c := carolFlow.layers(fall, time.Now()); c[0]+c[1] > 0 || c[2] < 22*235 {
			t.Errorf("the other subscriber got packets by layer %v", c)
		}
		if lost, _ := carolFlow.audioBetween(fall, time.Now().Add(-time.Second)); lost > 0.001 || carol.Lost() > 0 {
			t.Errorf("the other subscriber lost %.2f %% of audio, %d packets", 100*lost, carol.Lost())
		}
	}
	if n := m.VideosPaused.Load(); n > 0 && queue < time.Second {
		t.Errorf("%d times paused, though the low layer fits", n)
	}
	t.Logf("%d lowered, %d raised, %d paused, %d packets of probes", m.LayersLowered.Load(), m.LayersRaised.Load(), m.VideosPaused.Load(), m.ProbePackets.Load())
}
