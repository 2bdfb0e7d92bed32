// Package nack decides what to ask a publisher for again: which packets of one
// layer are missing, when to send a NACK (RFC 4585 section 6.2.1) for them, and
// when to give up. It is pure and not safe for concurrent use.
package nack

import (
	"slices"
	"time"
)

const (
	// A packet is asked for first when reorderPackets later ones have come, or
	// reorderTime after it was missed. On a network without reordering, waiting
	// longer only costs time; 3 is what TCP does with duplicate ACKs, and 10 ms
	// is less than the gap between two pictures.
	reorderPackets = 3
	reorderTime    = 10 * time.Millisecond

	// Asked again after rtt*5/4, so that a repair just on its way is not asked
	// for twice, at least minRetry, and a quarter more each time.
	minRetry = 40 * time.Millisecond
	// unknownRTT stands in until the first measurement.
	unknownRTT = 100 * time.Millisecond

	// maxAge is when a packet is given up: its receivers have gone on without
	// it, or frozen and asked for a keyframe, long before. With the times above
	// it is asked for nine times at most.
	maxAge = time.Second

	// maxGap is the longest jump that is worth repairing; above, all is given
	// up and a keyframe is the cure. Some 2 s of video at 2 Mbit/s.
	maxGap = 500
)

// Stats counts what became of missing packets.
type Stats struct {
	Missed   uint64 // found missing
	Asked    uint64 // numbers returned by Due, repetitions included
	Repaired uint64 // came after they were asked for
	Late     uint64 // came by themselves, out of order
	GivenUp  uint64
}

type entry struct {
	extSN int64
	since time.Time // noticed
	asked time.Time // last time
	tries int
}

// Tracker follows the sequence numbers of one layer.
type Tracker struct {
	max     int
	missing []entry // by extSN, ascending
	highest int64
	started bool

	needKeyframe bool
	stats        Stats
}

// New returns a tracker that follows up to limit missing packets at a time.
// When there are more, the oldest are given up and a keyframe is needed.
func New(limit int) *Tracker { return &Tracker{max: max(limit, 1)} }

// Received notes the arrival of a packet, first or repeated, in any order. sooner
// tells that Due has something to do before the time that Next gave last.
func (t *Tracker) Received(extSN int64, now time.Time) (sooner bool) {
	if !t.started {
		t.started = true
		t.highest = extSN
		return false
	}
	if extSN <= t.highest {
		t.clear(extSN)
		return false
	}
	gap := extSN - t.highest - 1
	if gap > maxGap {
		t.stats.Missed += uint64(gap)
		t.stats.GivenUp += uint64(gap) + uint64(len(t.missing))
		t.missing = t.missing[:0]
		t.needKeyframe = true
		t.highest = extSN
		return true
	}
	for n := t.highest + 1; n < extSN; n++ {
		t.missing = append(t.missing, entry{extSN: n, since: now})
	}
	t.stats.Missed += uint64(gap)
	t.highest = extSN
	if over := len(t.missing) - t.max; over > 0 {
		t.missing = slices.Delete(t.missing, 0, over)
		t.stats.GivenUp += uint64(over)
		t.needKeyframe = true
	}
	return gap > 0 || t.ripe()
}

// ripe tells whether a packet is due for the first time by those that have come since.
func (t *Tracker) ripe() bool {
	for i := len(t.missing) - 1; i >= 0; i-- {
		e := &t.missing[i]
		if since := t.highest - e.extSN; since >= reorderPackets {
			return since == reorderPackets && e.tries == 0
		}
	}
	return false
}

// clear forgets a missing packet that has come.
func (t *Tracker) clear(extSN int64) {
	i, found := slices.BinarySearchFunc(t.missing, extSN, func(e entry, n int64) int {
		switch {
		case e.extSN < n:
			return -1
		case e.extSN > n:
			return 1
		}
		return 0
	})
	if !found {
		return
	}
	if t.missing[i].tries > 0 {
		t.stats.Repaired++
	} else {
		t.stats.Late++
	}
	t.missing = slices.Delete(t.missing, i, i+1)
}

// Due appends to dst the sequence numbers to ask for now, ascending, and notes
// that they are being asked for. rtt is that to the publisher, 0 if unknown.
// Call it after Received, and at Next while no packets come.
func (t *Tracker) Due(now time.Time, rtt time.Duration, dst []uint16) []uint16 {
	keep := t.missing[:0]
	for _, e := range t.missing {
		if now.Sub(e.since) >= maxAge {
			t.stats.GivenUp++
			continue
		}
		if t.due(&e, now, rtt) {
			e.tries++
			e.asked = now
			t.stats.Asked++
			dst = append(dst, uint16(e.extSN))
		}
		keep = append(keep, e)
	}
	t.missing = keep
	return dst
}

func (t *Tracker) due(e *entry, now time.Time, rtt time.Duration) bool {
	if e.tries == 0 {
		return t.highest-e.extSN >= reorderPackets || now.Sub(e.since) >= reorderTime
	}
	return now.Sub(e.asked) >= retry(rtt, e.tries)
}

// retry is the time to wait after the tries-th request.
func retry(rtt time.Duration, tries int) time.Duration {
	if rtt <= 0 {
		rtt = unknownRTT
	}
	d := max(rtt+rtt/4, minRetry)
	for range tries - 1 {
		d += d / 4
	}
	return d
}

// Next returns when Due has something to do, should no further packet come. It
// is false when nothing is missing.
func (t *Tracker) Next(rtt time.Duration) (time.Time, bool) {
	var next time.Time
	for i := range t.missing {
		e := &t.missing[i]
		at := e.since.Add(reorderTime)
		if e.tries > 0 {
			at = e.asked.Add(retry(rtt, e.tries))
		}
		if end := e.since.Add(maxAge); end.Before(at) {
			at = end
		}
		if i == 0 || at.Before(next) {
			next = at
		}
	}
	return next, len(t.missing) > 0
}

// NeedKeyframe reports, once, that so much was lost since the last call that
// only a keyframe helps.
func (t *Tracker) NeedKeyframe() bool {
	need := t.needKeyframe
	t.needKeyframe = false
	return need
}

// Missing returns how many packets are followed now.
func (t *Tracker) Missing() int { return len(t.missing) }

// Stats returns the counts since New.
func (t *Tracker) Stats() Stats { return t.stats }
