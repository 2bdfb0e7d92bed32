package sfu

import (
	"testing"

	"github.com/pion/rtcp"

	"aq-server/internal/sfu/allocate"
	"aq-server/internal/sfu/history"
	"aq-server/internal/sfu/nack"
	"aq-server/internal/types"
)

// larger adds a layer of rank 1 above the bench's own, which becomes that of a
// simulcast, and returns a way to send on either.
func (b *bench) larger(t *testing.T) (large *layer, send func(l *layer, keyframe bool)) {
	t.Helper()
	small := b.layer
	small.rid = "q"
	large = &layer{
		track: b.track, rid: "h", rank: 1, codec: small.codec, rate: small.rate, pt: small.pt, stream: 2,
		history: history.New(videoHistory), nack: nack.New(nackWindow), feedback: small.feedback,
	}
	large.clock.rate = small.clock.rate
	b.track.addLayer(large)
	t.Cleanup(large.history.Close)
	return large, func(l *layer, keyframe bool) {
		b.layer = l
		b.send(keyframe)
	}
}

// A layer that the way does not carry is not sent on until the smaller one has a
// keyframe, nor repaired; and its numbers go on without a gap.
func TestCutLayer(t *testing.T) {
	for name, cut := range map[string]bool{"cut": true, "not cut": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			small := b.layer
			large, send := b.larger(t)
			w := &recorder{}
			s := b.slot(w, 111, 222)
			send(small, true)
			send(large, true)
			send(large, false)
			if s.target != large {
				t.Fatal("the large layer is not forwarded")
			}
			last := w.packets[len(w.packets)-1]
			s.permit(0, cut)
			before := len(w.packets)
			send(large, false)
			if sent := len(w.packets) > before; sent == cut {
				t.Errorf("the large layer was sent: %t", sent)
			}
			before = len(w.packets)
			s.feedback(&rtcp.TransportLayerNack{MediaSSRC: 111, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{last.SequenceNumber})})
			if len(w.packets) != before {
				t.Error("the large layer was repaired")
			}
			last = w.packets[len(w.packets)-1]
			send(small, false)
			if len(w.packets) != before {
				t.Error("the small layer was sent without a keyframe")
			}
			send(small, true)
			if got := w.packets[len(w.packets)-1]; len(w.packets) != before+1 || got.SequenceNumber != last.SequenceNumber+1 {
				t.Errorf("%d packets, the last number %d after %d", len(w.packets)-before, got.SequenceNumber, last.SequenceNumber)
			}
		})
	}
}

func TestPauseForBandwidth(t *testing.T) {
	b := newBench(t)
	w := &recorder{}
	s := b.slot(w, 111, 222)
	b.send(true)
	s.permit(allocate.None, true)
	before := len(w.packets)
	b.send(true)
	if len(w.packets) != before {
		t.Error("a paused picture is sent")
	}
	if id, reason := s.paused(); id != "t" || reason != types.PausedBandwidth || s.held() != 2 {
		t.Errorf("%s is paused for %q, score up to %d", id, reason, s.held())
	}
	s.permit(0, false)
	b.send(true)
	if _, reason := s.paused(); len(w.packets) == before || reason != "" || s.held() != 5 {
		t.Errorf("%d packets after the pause, reason %q, score up to %d", len(w.packets)-before, reason, s.held())
	}
}

// A narrow way is not filled with a replay of what was before.
func TestReplayFitsTheWay(t *testing.T) {
	b := newBench(t)
	for i := range 100 {
		b.send(i == 0)
	}
	for rate, want := range map[int64]int{0: 100, 300_000: 0, 20_000_000: 100} {
		w := &recorder{}
		c := b.connection()
		s := newSlot(c, b.track)
		s.mid, s.writer, s.ssrc = "2", w, 111
		c.down.rate.Store(rate)
		s.setSource(b.track, types.TrackView{})
		s.accept(map[codecKey]payloadTypes{"video/vp8": {media: 96}})
		if rate != 0 && len(w.packets) != 0 {
			t.Errorf("at %d bit/s %d packets were sent before there was a share", rate, len(w.packets))
		}
		s.permit(0, false)
		if len(w.packets) != want {
			t.Errorf("at %d bit/s %d packets were replayed, want %d", rate, len(w.packets), want)
		}
	}
}

func TestMeter(t *testing.T) {
	var m meter
	at := int64(1)
	run := func(packets, octets int) { // of half a second
		for range packets {
			m.add(octets-wireOverhead, at)
			at += int64(meterWindow) / int64(packets)
		}
	}
	for range 3 {
		run(100, 1000)
	}
	if m.mean < 1_580_000 || m.mean > 1_620_000 {
		t.Errorf("%d bit/s, want 1.6 million", m.mean)
	}
	run(200, 1000) // a keyframe
	run(100, 1000)
	if m.last < 3_100_000 || m.mean > 2_100_000 {
		t.Errorf("after a keyframe: just now %d, mean %d", m.last, m.mean)
	}
	for range 20 {
		run(100, 1000)
	}
	before := m.mean
	at += 10e9 // switched off
	run(1, 1000)
	if m.mean != before {
		t.Errorf("a pause has made %d of %d", m.mean, before)
	}
}
