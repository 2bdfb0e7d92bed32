package bwe

import (
	"math"
	"time"
)

const (
	// Packets sent within burstTime make one group, as they come from one frame.
	burstTime = 5 * time.Millisecond
	// The trend is that of the last trendPoints groups, none older than
	// trendTime.
	trendPoints = 20
	minPoints   = 8
	trendTime   = 2 * time.Second
	smoothing   = 0.9
	// gain and the steps of the threshold are those of draft-ietf-rmcat-gcc-02,
	// section 5.4 and 5.5, with the trend in ms a ms in place of its filter.
	gain         = 4.0
	maxDeltas    = 60
	firstLimit   = 12.5 // ms
	limitUp      = 0.0087
	limitDown    = 0.039
	limitMin     = 6.0
	limitMax     = 600.0
	limitOutlier = 15.0

	// baseTime is how long the shortest delay is remembered, half of it at
	// least: clocks drift, and ways become longer.
	baseTime = 10 * time.Second
	// A packet that waited less than idleQueue found the way free.
	idleQueue = 10 * time.Millisecond
	// standTime is that over which the shortest wait counts as the queue that
	// stands. longQueue of it that still grows is congestion without a trend.
	standTime = 100 * time.Millisecond
	longQueue = 80 * time.Millisecond
	// A queue that is being emptied may grow by regrowth for a keyframe.
	regrowth = 60 * time.Millisecond
	// steps is what a long queue must have grown by from one report to the next,
	// growing what one with a trend must.
	steps   = 4 * time.Millisecond
	growing = 500 * time.Microsecond
)

// delay watches how long packets wait on the way.
type delay struct {
	// The shortest one-way delay, of an unknown offset, in two halves of
	// baseTime.
	known      bool
	base, next time.Duration
	halfEnds   time.Duration

	waits     [64]wait // a ring of the last, one for each 2 ms at most
	newest    int
	count     int
	busySince time.Duration // arrival of the last packet that found the way free

	standing time.Duration
	lowest   time.Duration // that stood since the last decrease
	longer   int           // reports in which a long queue has grown

	group, last group
	groups      int
	sum, smooth float64 // ms
	noise       float64 // ms, mean change from one group to the next
	points      [trendPoints]point
	pointCount  int

	trend, threshold float64
	evaluatedAt      time.Duration // of arrival
	overSince        time.Duration
	overCount        int
	over             bool
}

type wait struct{ arrived, queue time.Duration }

type group struct{ firstSent, sent, arrived time.Duration }

// A point of the regression, in ms.
type point struct{ at, delay float64 }

// add takes one packet that arrived.
func (d *delay) add(now time.Duration, a Ack) {
	oneWay := a.Arrived - a.Sent
	if d.known && (oneWay-d.base > time.Minute || d.base-oneWay > time.Minute) {
		*d = delay{threshold: d.threshold} // a clock was set, or it is made up
	}
	switch {
	case !d.known:
		d.known, d.base, d.next, d.halfEnds = true, oneWay, oneWay, now+baseTime/2
		d.busySince = a.Arrived
	case now >= d.halfEnds:
		d.base, d.next, d.halfEnds = min(d.next, oneWay), oneWay, now+baseTime/2
	}
	d.base, d.next = min(d.base, oneWay), min(d.next, oneWay)
	d.note(wait{a.Arrived, oneWay - d.base})
	d.toGroup(a)
}

// note keeps a wait; of those that come at nearly the same time, the shortest.
func (d *delay) note(w wait) {
	if w.queue < idleQueue {
		d.busySince = max(d.busySince, w.arrived)
	}
	if last := &d.waits[d.newest]; d.count > 0 && w.arrived-last.arrived < 2*time.Millisecond {
		last.queue = min(last.queue, w.queue)
		return
	}
	d.newest = (d.newest + 1) % len(d.waits)
	d.waits[d.newest] = w
	d.count = min(d.count+1, len(d.waits))
}

// rebase takes the waits of the last packets as those of a free way.
func (d *delay) rebase() {
	shift := d.standing
	d.base, d.next = d.base+shift, d.base+shift
	for i := range d.waits {
		d.waits[i].queue = max(d.waits[i].queue-shift, 0)
	}
	d.standing, d.over, d.overCount = 0, false, 0
	d.busySince = d.waits[d.newest].arrived
}

// busy returns for how long the queue has stood.
func (d *delay) busy() time.Duration {
	return min(max(d.waits[d.newest].arrived-d.busySince, 100*time.Millisecond), averageTime)
}

// queue returns the shortest wait of the last standTime before a packet, of
// three packets at least.
func (d *delay) queue() time.Duration {
	shortest, latest := time.Duration(math.MaxInt64), d.waits[d.newest].arrived
	for i := range d.count {
		w := d.waits[(d.newest-i+len(d.waits))%len(d.waits)]
		if i >= 3 && latest-w.arrived > standTime {
			break
		}
		shortest = min(shortest, w.queue)
	}
	return shortest
}

// queued tells whether a queue stands that loss may come from, rather than jitter,
// or a way that has become a little longer.
func (d *delay) queued() bool { return ms(d.standing) > max(ms(queuedFor), 3*d.noise) }

// toGroup adds a packet to the group being collected; one that begins another
// completes it.
func (d *delay) toGroup(a Ack) {
	switch {
	case d.groups == 0:
		d.groups = 1
		d.group = group{a.Sent, a.Sent, a.Arrived}
	case a.Sent < d.group.firstSent: // of an older one, reordered
	case a.Sent-d.group.firstSent <= burstTime:
		d.group.sent = max(d.group.sent, a.Sent)
		d.group.arrived = max(d.group.arrived, a.Arrived)
	default:
		if d.groups > 1 {
			d.delta(d.group, d.last)
		}
		d.last = d.group
		d.groups++
		d.group = group{a.Sent, a.Sent, a.Arrived}
	}
}

// delta takes the change of delay between two groups.
func (d *delay) delta(g, before group) {
	change := ms(g.arrived-before.arrived) - ms(g.sent-before.sent)
	d.sum += change
	d.noise += (min(math.Abs(change), 200) - d.noise) / 16
	d.smooth = smoothing*d.smooth + (1-smoothing)*d.sum
	if d.pointCount == trendPoints {
		copy(d.points[:], d.points[1:])
		d.pointCount--
	}
	d.points[d.pointCount] = point{ms(g.arrived), d.smooth}
	d.pointCount++
	for d.pointCount > 1 && d.points[d.pointCount-1].at-d.points[0].at > ms(trendTime) {
		copy(d.points[:], d.points[1:d.pointCount])
		d.pointCount--
	}
}

func ms(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }

// slope is that of the least squares line through the points, in ms a ms.
func (d *delay) slope() float64 {
	if d.pointCount < minPoints {
		return 0
	}
	points := d.points[:d.pointCount]
	var at, delay float64
	for _, p := range points {
		at += p.at - points[0].at
		delay += p.delay
	}
	n := float64(len(points))
	at, delay = at/n, delay/n
	var above, below float64
	for _, p := range points {
		x := p.at - points[0].at - at
		above += x * (p.delay - delay)
		below += x * x
	}
	if below == 0 {
		return 0
	}
	return above / below
}

// evaluate judges what a report has brought.
func (d *delay) evaluate() {
	if d.count == 0 {
		return
	}
	before := d.standing
	d.standing = d.queue()
	last := d.trend
	d.trend = float64(min(d.groups, maxDeltas)) * d.slope() * gain
	latest := d.waits[d.newest].arrived
	d.adapt(latest)

	// One step is a way that has become longer; a queue goes on growing.
	switch {
	case d.standing <= longQueue:
		d.longer = 0
	case d.standing >= before+steps:
		d.longer++
	}
	long := d.longer > 1 && d.standing >= before && (d.lowest == 0 || d.standing > d.lowest+regrowth)
	// The trend remembers a step for two seconds; the queue does not grow with it.
	rising := d.trend > d.threshold && ms(d.standing) > max(ms(idleQueue), 3*d.noise) && d.standing > before+growing
	if !rising {
		d.overCount = 0
	} else if d.overCount++; d.overCount == 1 {
		d.overSince = latest
	}
	d.over = long || rising && d.overCount > 1 && latest-d.overSince > 10*time.Millisecond && d.trend >= last
	d.lowest = min(d.lowest, d.standing)
}

// adapt moves the threshold toward the trends that occur, so that noise does not
// pass for congestion, nor another's flow starve this one.
func (d *delay) adapt(now time.Duration) {
	if d.threshold == 0 {
		d.threshold = firstLimit
	}
	elapsed := min(ms(now-d.evaluatedAt), 100)
	d.evaluatedAt = now
	size := math.Abs(d.trend)
	if elapsed <= 0 || size > d.threshold+limitOutlier {
		return
	}
	step := limitUp
	if size < d.threshold {
		step = limitDown
	}
	d.threshold = min(max(d.threshold+step*(size-d.threshold)*elapsed, limitMin), limitMax)
}
