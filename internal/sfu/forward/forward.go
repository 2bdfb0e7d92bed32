// Package forward is one subscriber's view of one m-line: it decides which
// received packets go there and under which sequence number, timestamp and
// counters, so that a change of layer or of track looks like one unbroken
// stream to the subscriber. It is pure.
//
// # Numbering
//
// The mapping from a source's sequence numbers (ExtSN) to the subscriber's is a
// table of segments, in each of which the difference is constant:
//
//	source A  100 101 102 103 [pad] 105 106 | source B  7000 7001 7002
//	            |   |   |   |         |   |               |    |    |
//	out        20  21  22  23        24  25              26   27   28
//	          '--- segment 1 ---'  '- segment 2 -'     '-- segment 3 ---'
//
// A packet that the source lost stays a gap, so that a subscriber's NACK for it
// can be answered when the publisher's repair comes. A packet that we leave out
// (padding only) closes its gap by starting a segment. A new source starts one
// as well, and with it an epoch: packets of older epochs are refused, those
// before the switch point too.
package forward

import (
	"time"

	"aq-server/internal/sfu/packet"
)

// Stream names one source of packets, as the caller likes: unique for each
// (track, layer) and each new SSRC or sequence of it.
type Stream uint64

// Forwarder is one subscriber's view of one m-line. The zero value is ready and
// starts at sequence number 1 and timestamp 0; New starts elsewhere. It is not
// safe for concurrent use (guarded by the subscription's lock), holds no
// packets, and allocates only with the first packet and the first resend.
type Forwarder struct {
	// What is forwarded and what shall be.
	current      Stream
	forwarding   bool
	target       Stream
	hasTarget    bool
	needKeyframe bool
	targetSeen   bool
	targetHigh   int64 // highest ExtSN of target while it waited

	// Source side of the current epoch.
	epochFirst int64 // ExtSN of the switch point
	high       int64 // highest ExtSN, sent or left out

	// Subscriber side.
	out     int64 // highest sequence number sent, unwrapped
	table   segments
	sent    sentRing
	resends resends

	// The newest packet sent, by timestamp.
	started     bool
	lastTS      uint32
	lastRef     int64
	lastArrival time.Time
	clockRate   uint32

	counters counters

	packets uint64
	octets  uint64
	drops   Drops
}

// Out says how a packet goes to the subscriber.
type Out struct {
	ExtSN  int64 // SN unwrapped
	SN     uint16
	TS     uint32
	Marker bool
	// Switched: the first packet of another source, or of the same one after
	// Stop. Packets of the source above this ExtSN that came before it (a
	// repaired keyframe) were refused; push them again from the history.
	Switched bool
	// Sent: the subscriber was sent this number before. Set by Resend only.
	Sent bool
	// Padding is what NotePadding was told of the packet. Set by Resend only.
	Padding uint8
	// Rewrite: counters in the payload must change; Payload does it.
	Rewrite bool

	offsets offsets
}

// New returns a Forwarder whose first packet has these numbers. Both should be
// random (RFC 3550 section 5.1), sn below 32768 so that SRTP receivers that
// miss the first packets cannot mistake the rollover counter (RFC 3711 3.3.1).
func New(sn uint16, ts uint32) *Forwarder {
	f := new(Forwarder)
	f.out = 1<<16 + int64(sn) - 1
	f.lastTS = ts
	return f
}

// Current returns the stream that is being forwarded. It is false after Stop,
// and before the first packet of the first target.
func (f *Forwarder) Current() (Stream, bool) {
	if !f.forwarding {
		return 0, false
	}
	return f.current, true
}

// Target returns the stream to which a switch is pending.
func (f *Forwarder) Target() (Stream, bool) {
	if !f.hasTarget {
		return 0, false
	}
	return f.target, true
}

// Start asks for a switch to s: at its next packet, or if keyframeNeeded at its
// next keyframe. Until then the current stream goes on. A switch to the current
// stream only cancels a pending one.
func (f *Forwarder) Start(s Stream, keyframeNeeded bool) {
	if f.forwarding && f.current == s {
		f.hasTarget = false
		return
	}
	if !f.hasTarget || f.target != s {
		f.targetSeen = false
	}
	f.target, f.hasTarget, f.needKeyframe = s, true, keyframeNeeded
}

// Stop ends forwarding until the next Start. What was sent can still be looked
// up and resent.
func (f *Forwarder) Stop() {
	f.forwarding, f.hasTarget = false, false
}

// Push decides on one packet of stream s and fills out if it is to be sent now;
// Drops tells why not. refTime is the presentation time of p in nanoseconds on
// a clock that all streams of the session share (from sender reports, or the
// arrival); clockRate is that of the RTP timestamps, in Hz. Packets with an
// empty payload are rarely sent, but may be: a hole is worse.
//
// p must have ExtSN, Arrival, Codec and Keyframe set. It is not retained.
func (f *Forwarder) Push(s Stream, p *packet.Packet, refTime int64, clockRate uint32, out *Out) bool {
	if f.forwarding && s == f.current {
		if p.ExtSN > f.high {
			return f.pushNewest(p, refTime, clockRate, out)
		}
		return f.pushLate(p, refTime, out)
	}
	if !f.hasTarget || s != f.target {
		return f.drop(DropNotCurrent)
	}
	if !f.targetSeen || p.ExtSN > f.targetHigh {
		f.targetSeen, f.targetHigh = true, p.ExtSN
	}
	switch {
	case len(p.Payload) == 0:
		return f.drop(DropPadding)
	case f.needKeyframe && !p.Keyframe:
		return f.drop(DropWaitingKeyframe)
	case f.targetHigh-p.ExtSN >= maxLateStart:
		return f.drop(DropTooOld)
	}
	f.switchTo(s, p, refTime, clockRate, out)
	return true
}

const (
	// maxLateStart bounds how far behind its stream a keyframe may be and still
	// start it. Repaired or replayed ones are; those with which browsers probe
	// for bandwidth can be much older.
	maxLateStart = 1024
	// maxGap is the longest gap of a source that is kept. A longer one shrinks
	// to one missing number, so that receivers notice it without asking for all
	// of it, and no publisher can turn our rollover counters.
	maxGap = 1024
)

// switchTo begins an epoch with p.
func (f *Forwarder) switchTo(s Stream, p *packet.Packet, refTime int64, clockRate uint32, out *Out) {
	f.sent.init(p.Codec)
	ts := f.lastTS
	if f.started {
		ts += f.elapsedTicks(p, refTime, clockRate)
	}
	f.current, f.forwarding, f.hasTarget = s, true, false
	f.epochFirst = p.ExtSN
	f.table.close(f.high + 1)
	f.table.add(segment{
		stream:  s,
		first:   p.ExtSN,
		end:     open,
		off:     f.out + 1 - p.ExtSN,
		tsOff:   ts - p.TS,
		offsets: f.counters.offsetsFor(p),
	})
	f.lastTS = ts - 1 // so that p counts as the newest
	f.clockRate = clockRate
	f.send(f.table.newest(), p, refTime, out)
	f.high = p.ExtSN
	out.Switched = true
	if !p.Codec.IsVideo() {
		// The first packet after a pause, RFC 3551 section 4.1. With video the
		// marker ends a picture and is never ours to set.
		out.Marker = true
		f.sent.note(out)
	}
}

// pushNewest handles a packet of the current stream above all before it.
func (f *Forwarder) pushNewest(p *packet.Packet, refTime int64, clockRate uint32, out *Out) bool {
	n, seg := p.ExtSN, f.table.newest()
	if len(p.Payload) == 0 && f.leaveOut(n, seg) {
		f.high = n
		return f.drop(DropPadding)
	}
	if n-f.high-1 > maxGap {
		next := *seg
		next.first, next.off = n, f.high+seg.off+2-n
		seg.end = f.high + 1
		seg = f.table.add(next)
	}
	if clockRate != f.clockRate {
		next := *seg
		next.first, next.tsOff = n, f.lastTS+f.elapsedTicks(p, refTime, clockRate)-p.TS
		seg.end = n
		seg = f.table.add(next)
		f.clockRate = clockRate
	}
	f.high = n
	f.send(seg, p, refTime, out)
	return true
}

// leaveOut closes the gap that source number n, just received and not to be
// sent, would leave. It is false when the table has no room for that without
// forgetting numbers that a NACK can still ask for.
func (f *Forwarder) leaveOut(n int64, seg *segment) bool {
	if seg.first == n { // still empty: move it
		seg.first++
		seg.off--
		return true
	}
	if f.table.fullAbove(f.out - f.sent.window()) {
		return false
	}
	next := *seg
	next.first, next.off = n+1, seg.off-1
	seg.end = n
	f.table.add(next)
	return true
}

// pushLate handles a packet of the current stream that is not above all others:
// reordered, repaired or repeated. Even an empty one is sent, since the gap
// that it belongs to cannot be closed any more.
func (f *Forwarder) pushLate(p *packet.Packet, refTime int64, out *Out) bool {
	if p.ExtSN < f.epochFirst {
		return f.drop(DropBeforeSwitch)
	}
	seg, gone := f.table.bySource(p.ExtSN)
	switch {
	case gone:
		return f.drop(DropTooOld)
	case seg == nil: // left out, or in a gap that was not kept
		return f.drop(DropDuplicate)
	}
	n := p.ExtSN + seg.off
	switch {
	case n > f.out: // the ones behind it were all left out
	case n <= f.out-f.sent.window():
		return f.drop(DropTooOld)
	case f.sent.has(n):
		return f.drop(DropDuplicate)
	}
	f.send(seg, p, refTime, out)
	return true
}

// send fills out for p by its segment, and keeps the books.
func (f *Forwarder) send(seg *segment, p *packet.Packet, refTime int64, out *Out) {
	n := p.ExtSN + seg.off
	*out = Out{ExtSN: n, SN: uint16(n), TS: p.TS + seg.tsOff, Marker: p.Marker, offsets: seg.offsets}
	out.Rewrite = seg.offsets != offsets{}
	if n > f.out {
		f.counters.note(p, seg.offsets)
		f.sent.advance(f.out, n)
		f.resends.advance(f.out, n)
		f.out = n
	}
	f.sent.note(out)
	f.noteTime(out.TS, refTime, p.Arrival)
	f.started = true
	f.packets++
	f.octets += uint64(len(p.Payload))
}

// Payload returns what to send for p: p.Payload itself, which must not be
// changed, or a copy in scratch with other counters. scratch must be able
// to hold the payload.
func (o *Out) Payload(p *packet.Packet, scratch []byte) []byte {
	if !o.Rewrite {
		return p.Payload
	}
	return o.offsets.rewrite(p, scratch)
}
