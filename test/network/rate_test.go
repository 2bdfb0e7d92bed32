package network

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestNarrowLink is F5: the way to one goes from 5 Mbit/s to 300 kbit/s and
// back, while a camera in three layers (together about 2.6 Mbit/s) and a
// microphone are on it.
func TestNarrowLink(t *testing.T) {
	t.Parallel()
	if !onlyFull(t) {
		return
	}
	l := newLab(t, 4)
	s := l.serve()
	big := client.PublishOptions{Source: types.SourceCamera, FPS: 30, PacketsPerFrame: 8, PacketSize: 1000}
	alice := s.join(l.host(2), client.Options{Username: "Alice", ObeyLayers: true, Publish: []client.PublishOptions{microphone(), big}})
	var toBob, toCarol arrivals
	bob := s.join(l.host(3), client.Options{Username: "Bob", OnRTP: toBob.packet})
	carol := s.join(l.host(4), client.Options{Username: "Carol", OnRTP: toCarol.packet})
	meet(t, alice, bob, carol)
	for _, name := range []string{"3", "4"} {
		l.do("delay", name, "20")
	}
	l.do("rate", "3", "5000")
	toBob.reaches(t, "the highest layer over 5 Mbit/s", time.Now(), 2)
	toCarol.reaches(t, "Carol's highest layer", time.Now(), 2)

	narrow := time.Now()
	l.do("rate", "3", "5000", "300")
	pass(25 * time.Second)
	wide := time.Now()
	l.do("rate", "3", "5000")
	again := toBob.reaches(t, "the highest layer again", wide, 2)
	pass(2 * time.Second)

	took(t, "F5 5 Mbit/s to 300 kbit/s: highest layer no longer sent after", toBob.lastSent(2, narrow, wide).Sub(narrow), 2*time.Second)
	got, _ := toBob.audio(narrow.Add(3*time.Second), wide)
	sent, _ := toCarol.audio(narrow.Add(3*time.Second), wide)
	percent(t, "F5 audio after 3 s", float64(got)/float64(sent), 98)
	_, late := toBob.audio(narrow.Add(5*time.Second), wide)
	took(t, "F5 queue before audio after 5 s, 99 of 100 packets", late, 300*time.Millisecond)
	if n := toBob.video(narrow.Add(5*time.Second), wide); n == 0 {
		t.Error("no video at all over 300 kbit/s")
	}
	took(t, "F5 back to 5 Mbit/s: highest layer again", again.Sub(wide), 10*time.Second)
	if gap := toCarol.longestOfLayer(2, narrow, wide); gap > time.Second {
		t.Errorf("Carol, whose link is wide, was without the highest layer for %v", gap)
	}
}

// arrivals notes every packet that came.
type arrivals struct {
	mu   sync.Mutex
	list []arrival
}

type arrival struct {
	audio    bool
	layer    int
	sent, at time.Time
}

func (a *arrivals) packet(track *client.Track, _ *rtp.Packet, s client.Stamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, arrival{track.Kind == types.KindAudio, s.Layer, s.SentAt, time.Now()})
}

func (a *arrivals) each(from, to time.Time, f func(arrival)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, one := range a.list {
		if one.sent.After(from) && one.sent.Before(to) {
			f(one)
		}
	}
}

// reaches waits for video of a layer that was sent after a moment.
func (a *arrivals) reaches(t *testing.T, what string, after time.Time, layer int) (at time.Time) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); at.IsZero(); <-ticker.C {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
		a.each(after, end, func(one arrival) {
			if !one.audio && one.layer == layer && at.IsZero() {
				at = one.at
			}
		})
	}
	return at
}

// lastSent is when the last packet of a layer was sent in a time.
func (a *arrivals) lastSent(layer int, from, to time.Time) time.Time {
	last := from
	a.each(from, to, func(one arrival) {
		if !one.audio && one.layer == layer {
			last = latest(last, one.sent)
		}
	})
	return last
}

func (a *arrivals) longestOfLayer(layer int, from, to time.Time) (longest time.Duration) {
	last := from
	a.each(from, to, func(one arrival) {
		if !one.audio && one.layer == layer {
			longest = max(longest, one.sent.Sub(last))
			last = one.sent
		}
	})
	return max(longest, to.Sub(last))
}

func (a *arrivals) video(from, to time.Time) (n int) {
	a.each(from, to, func(one arrival) {
		if !one.audio {
			n++
		}
	})
	return n
}

// audio counts what was sent in a time and came, but for the last half second,
// which may be on its way, and returns how much longer than the fastest 99 of 100
// packets took at most.
func (a *arrivals) audio(from, to time.Time) (packets int, delay time.Duration) {
	var delays []time.Duration
	a.each(from, to.Add(-500*time.Millisecond), func(one arrival) {
		if one.audio {
			delays = append(delays, one.at.Sub(one.sent))
		}
	})
	if len(delays) == 0 {
		return 0, to.Sub(from)
	}
	slices.Sort(delays)
	return len(delays), delays[len(delays)*99/100] - delays[0]
}
