package sfu

import (
	"reflect"
	"time"

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
// the bandwidth (by a fifth) or what is paused has changed.
func (p *Peer) reportQuality(now time.Time) {
	if !p.extended() || now.Sub(p.quality.at) < qualityInterval {
		return
	}
	q := p.conn.measure(now)
	last := p.quality.last
	change := q.BandwidthBPS - last.BandwidthBPS
	if q.Score == last.Score && max(change, -change) <= last.BandwidthBPS/5 &&
		reflect.DeepEqual(q.Paused, last.Paused) && !p.quality.at.IsZero() {
		return
	}
	p.quality.at, p.quality.last = now, q
	p.send(types.NewMessage(types.EventQuality, q))
}

func (c *connection) measure(now time.Time) types.Quality {
	rate, loss := c.sent.measured(now)
	q := types.Quality{
		BandwidthBPS: rate, Loss: loss, RTTMillis: int(c.roundTrip().Milliseconds()),
		Paused: []types.PausedTrack{},
	}
	for _, s := range c.slots {
		if rate == 0 {
			q.Loss = max(q.Loss, s.lossReported())
		}
		if id, reason := s.paused(); reason != "" {
			q.Paused = append(q.Paused, types.PausedTrack{TrackID: id, Reason: reason})
		}
	}
	for _, t := range c.peer.lastSent.Unassigned {
		q.Paused = append(q.Paused, types.PausedTrack{TrackID: t.TrackID, Reason: types.PausedNoSlot})
	}
	q.Score = score(q.Loss, c.roundTrip())
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

func (s *slot) lossReported() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fraction
}
