package forward

import (
	"time"

	"aq-server/internal/seqnum"
	"aq-server/internal/sfu/packet"
)

const (
	// maxSkew is how far the reference clock, which publishers' sender reports
	// move, may differ from the time of arrival before the latter is believed.
	maxSkew = 10 * time.Second
	// maxPause bounds the jump of the timestamp at a switch, so that it stays
	// far below half its range.
	maxPause = time.Hour
)

// elapsedTicks returns the timestamp units between the newest packet sent and
// p, the first of another source: 1 at least, as two pictures never share a
// timestamp.
func (f *Forwarder) elapsedTicks(p *packet.Packet, refTime int64, clockRate uint32) uint32 {
	elapsed := time.Duration(refTime - f.lastRef)
	switch {
	case p.Arrival.IsZero() || f.lastArrival.IsZero():
		if elapsed > maxSkew {
			elapsed = 0
		}
	default:
		wall := p.Arrival.Sub(f.lastArrival)
		if skew := elapsed - wall; skew > maxSkew || skew < -maxSkew {
			elapsed = wall
		}
	}
	elapsed = min(max(elapsed, 0), maxPause)
	return max(uint32(ticks(int64(elapsed), clockRate)), 1)
}

// ticks converts nanoseconds to units of the clock without overflow.
func ticks(ns int64, clockRate uint32) int64 {
	const second = int64(time.Second)
	rate := int64(clockRate)
	return ns/second*rate + ns%second*rate/second
}

// noteTime keeps the newest timestamp with its reference time. One that is far
// back is a publisher who began anew.
func (f *Forwarder) noteTime(ts uint32, refTime int64, arrival time.Time) {
	d := seqnum.Diff32(ts, f.lastTS)
	if f.started && d <= 0 && d > -10*int(f.clockRate) {
		return
	}
	f.lastTS, f.lastRef, f.lastArrival = ts, refTime, arrival
}

// LastTS returns the newest timestamp sent, false before the first packet.
func (f *Forwarder) LastTS() (uint32, bool) { return f.lastTS, f.started }

// RTPTimeAt returns the timestamp that a packet presented at refTime would
// have, for sender reports (RFC 3550 section 6.4.1). It is false before the
// first packet.
func (f *Forwarder) RTPTimeAt(refTime int64) (uint32, bool) {
	if !f.started {
		return 0, false
	}
	return f.lastTS + uint32(ticks(refTime-f.lastRef, f.clockRate)), true
}
