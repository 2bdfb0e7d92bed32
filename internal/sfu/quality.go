package sfu

import (
	"reflect"
	"slices"
	"time"

	"aq-server/internal/sfu/allocate"
	"aq-server/internal/types"
)

// qualityInterval is the least time between two quality events.
const qualityInterval = 2 * time.Second

// qualityReporter remembers what a client was told of its downlink. Owned by
// the peer's goroutine.
type qualityReporter struct {
	at   time.Time
	last types.Quality
}

// reportQuality tells a protocol=1 client how its downlink does, when the score,
// the bandwidth (by a fifth), what is paused or which layers are sent has changed.
func (p *Peer) reportQuality(now time.Time) {
	if !p.extended() || now.Sub(p.quality.at) < qualityInterval {
		return
	}
	q := p.conn.measure()
	last := p.quality.last
	change := q.BandwidthBPS - last.BandwidthBPS
	if q.Score == last.Score && max(change, -change) <= last.BandwidthBPS/5 &&
		reflect.DeepEqual(q.Paused, last.Paused) && slices.Equal(q.Layers, last.Layers) && !p.quality.at.IsZero() {
		return
	}
	p.quality.at, p.quality.last = now, q
	if q.BandwidthBPS > 0 {
		p.session.opts.Metrics.Bandwidth.Value(q.BandwidthBPS)
	}
	p.send(types.NewMessage(types.EventQuality, q))
}

func (c *connection) measure() types.Quality {
	rate, loss := c.down.measured()
	q := types.Quality{
		BandwidthBPS: rate, Loss: loss, RTTMillis: int(c.roundTrip().Milliseconds()),
		Paused: []types.PausedTrack{},
	}
	held := 5
	for _, s := range c.slots {
		if rate == 0 {
			q.Loss = max(q.Loss, s.lossReported())
		}
		held = min(held, s.held())
		if id, reason := s.paused(); reason != "" {
			q.Paused = append(q.Paused, types.PausedTrack{TrackID: id, Reason: reason})
		}
		if id, rid := s.layer(); rid != "" {
			q.Layers = append(q.Layers, types.TrackLayer{TrackID: id, RID: rid})
		}
	}
	for _, t := range c.peer.lastSent.Unassigned {
		q.Paused = append(q.Paused, types.PausedTrack{TrackID: t.TrackID, Reason: types.PausedNoSlot})
	}
	q.Score = min(score(q.Loss, c.roundTrip()), held)
	return q
}

// score grades a way: 5 up to 1 % loss, then one less at 3, 7 and 15 %; a
// round trip above 300 ms costs one, above 600 ms two.
func score(loss float64, rtt time.Duration) int {
	s := 5
	for _, limit := range []float64{0.01, 0.03, 0.07, 0.15} {
		if loss > limit {
			s--
		}
	}
	for _, limit := range []time.Duration{300 * time.Millisecond, 600 * time.Millisecond} {
		if rtt > limit {
			s--
		}
	}
	return max(s, 1)
}

// held returns the best score that a client can have for whom the downlink has
// this room for the slot: 3 when its picture is smaller than its view, 2 when
// there is none.
func (s *slot) held() int {
	t, _, ok := s.servable()
	if !ok {
		return 5
	}
	v, limit, _ := s.wants()
	switch {
	case limit == allocate.None:
		return 2
	case limit < noLimit && t.simulcast() && t.pick(v, limit) != t.pick(v, noLimit):
		return 3
	}
	return 5
}

func (s *slot) lossReported() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fraction
}
