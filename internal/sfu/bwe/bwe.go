// Package bwe estimates how many bits per second the way to one subscriber
// carries, from what his transport-wide feedback says of the packets sent to
// him (draft-holmer-rmcat-transport-wide-cc-extensions-01). It is pure.
//
// It follows Google congestion control (draft-ietf-rmcat-gcc-02) where that
// fits a server that forwards, and differs where it does not:
//
//   - A forwarder is limited by what publishers send, nearly always. So the
//     estimate is unknown until the way has shown a limit; until then nothing is
//     held back. From then on it is what bounds the sum of all layers.
//   - Nobody smooths the frames that pass. A growing delay counts as congestion
//     only while a queue stands, that is while no packet gets through without
//     waiting: the queue behind one keyframe empties by itself.
//   - The rate after congestion is measured while the queue stood, when what
//     arrives is what the way carries, however little was sent before.
//   - Loss without a queue is not congestion unless it is heavy: retransmission
//     repairs it, and a lower layer would lose the same share.
//   - What was never sent cannot be measured, so the way up is by probes: short
//     clusters at a higher rate, see probe.go.
package bwe

import "time"

// Ack is what a report says of one packet.
type Ack struct {
	// Sent is when the packet left, on the sender's clock.
	Sent time.Duration
	// Arrived is when it came, on the receiver's clock, whose zero means
	// nothing. Not used when Lost.
	Arrived time.Duration
	// Size is in octets on the wire, headers of all layers included.
	Size int
	// Lost says that reports have passed the packet over.
	Lost bool
	// Probe is the cluster during which the packet was sent, 0 for none.
	Probe uint16
}

const (
	// backoff is what of the capacity is left to use after congestion, so that
	// the queue empties.
	backoff = 0.85
	// growth is how much the estimate rises in a second of use far below the
	// capacity last seen; near it, one packet in each response time.
	growth     = 1.08
	packetBits = 1200 * 8
	nearBelow  = 0.8
	nearAbove  = 1.15
	nearFor    = 30 * time.Second
	// minRate is sound, and a picture of postage-stamp size or none. Packets that
	// wait at less come from a busy machine more likely than from a narrower way.
	minRate     = 150_000
	maxRate     = 1e9
	holdAfter   = time.Second            // no growth so soon after congestion
	gapAfter    = 300 * time.Millisecond // without feedback: the way was cut, loss is not its capacity's
	silentAfter = time.Second            // an outage
	decayAfter  = 3 * time.Second        // of an outage
	decayEvery  = 2 * time.Second
)

// Estimator holds the state of one way. The zero value is ready. It is not safe
// for concurrent use. All times are on the sender's clock, as Ack.Sent.
type Estimator struct {
	rate       float64 // bit/s; 0 as long as the way has shown no limit
	throughput throughput
	delay      delay
	loss       loss
	probe      probe

	lastFeedback time.Duration
	lastControl  time.Duration
	lastDecrease time.Duration
	decreased    bool
	response     time.Duration // from sending a packet to acting on its report
	capacity     float64       // as measured at the last decrease
	drain        float64       // rate at which the present queue was met first; 0: none
	carried      float64       // of late while it stood
	queued       time.Duration // as it stood after the last decrease

	waiting   time.Duration // for a report on something, since; 0: not
	silent    bool
	before    float64 // rate at the beginning of the outage
	decayedAt time.Duration
}

// Rate returns the estimate in bit/s, 0 while there is none: the way has shown
// no limit yet.
func (e *Estimator) Rate() int64 { return int64(e.rate) }

// Kept returns what of the way is not doubted, in bit/s: the estimate, or while a
// queue is being emptied the rate at which it was met first. The estimate is lower
// then on purpose, for a second or two.
func (e *Estimator) Kept() int64 { return int64(max(e.rate, e.drain)) }

// Throughput returns what has arrived in the last half second, in bit/s.
func (e *Estimator) Throughput() int64 { return int64(e.throughput.over(averageTime)) }

// Queue returns how long the packets of the last 100 ms have waited on the way
// at least: the queue that stands there.
func (e *Estimator) Queue() time.Duration { return e.delay.standing }

// Congested tells whether a queue stands that grows, or that the last decrease
// has not emptied.
func (e *Estimator) Congested() bool { return e.delay.over || e.drain != 0 }

// Loss returns the share of packets lost lately, 0 to 1.
func (e *Estimator) Loss() float64 { return e.loss.last }

// averageTime is that of the throughput which growth is bounded by.
const averageTime = 500 * time.Millisecond

// Feedback takes one report's packets, those that arrived in the order in which
// they were sent. What a report claims can be anything; it has effect on this
// estimate only.
func (e *Estimator) Feedback(now time.Duration, acks []Ack) {
	if len(acks) == 0 {
		return
	}
	switch {
	case e.silent:
		e.awake(now)
	case e.lastFeedback > 0 && now-e.lastFeedback > gapAfter:
		e.loss = loss{after: now, inherent: e.loss.inherent, inherentUntil: e.loss.inherentUntil}
	}
	e.lastFeedback, e.waiting = now, 0
	newest := time.Duration(-1)
	for _, a := range acks {
		e.loss.add(a)
		if a.Lost {
			continue
		}
		newest = max(newest, a.Sent)
		e.throughput.add(a.Arrived, a.Size)
		e.delay.add(now, a)
		e.probe.ack(a)
	}
	if newest >= 0 {
		took := min(max(now-newest, 50*time.Millisecond), 500*time.Millisecond)
		e.response = took + 100*time.Millisecond
	}
	e.delay.evaluate()
	e.control(now)
	e.judgeProbe(now, newest)
}

// control changes the rate by what the report has shown.
func (e *Estimator) control(now time.Duration) {
	elapsed := min(now-e.lastControl, time.Second)
	e.lastControl = now
	switch {
	case e.drain == 0:
	case e.delay.standing < emptyQueue:
		e.drained()
	case e.delay.standing > drainQueue:
		e.carried = e.throughput.over(e.delay.busy())
	}
	if e.drain != 0 && now-e.lastDecrease <= e.response {
		// What comes now left before the decrease: the queue may still grow.
		e.queued = max(e.queued, e.delay.standing)
		e.delay.lowest = e.queued
	}
	lossy, received := e.loss.verdict(e.delay.queued())
	if now < e.probe.shadow(e.response) && e.delay.standing < 2*longQueue {
		return // the queue, or the loss, is the probe's, and it is over soon
	}
	switch {
	case e.delay.over && e.ready(now, e.response):
		e.decrease(now, backoff*e.throughput.over(e.delay.busy()))
	case e.drain != 0 && e.delay.standing > drainQueue && e.ready(now, drainTime):
		e.drainOn(now)
	case lossy && e.ready(now, e.response):
		if e.delay.queued() {
			// What was sent in the lossy time found a queue that older packets
			// had filled: the way carries what has come out of it.
			received = max(received, backoff*e.throughput.over(e.delay.busy()))
		}
		e.decrease(now, received)
	case !e.delay.over && !lossy && e.rate > 0:
		e.increase(now, elapsed)
	}
}

func (e *Estimator) ready(now, wait time.Duration) bool {
	return !e.decreased || now-e.lastDecrease >= wait
}

const (
	// A queue that a decrease left at drainQueue or more is met again by
	// another one after drainTime: something else sends more than was thought.
	drainQueue = 60 * time.Millisecond
	emptyQueue = 25 * time.Millisecond
	drainTime  = 800 * time.Millisecond
	// A queue of deepQueue must have halved by then, a shorter one must shrink:
	// a small layer and its keyframe go into it as well.
	deepQueue = 300 * time.Millisecond
	// giveIn is what of the first rate is kept at least: a queue that half the
	// rate does not shorten is not ours. The way has become longer.
	giveIn = 0.5
)

// drained ends what has emptied a queue. Less than the way carries was sent for
// that; from now on it is what came through while the queue stood.
func (e *Estimator) drained() {
	e.rate = max(e.rate, backoff*e.carried)
	e.drain, e.carried = 0, 0
}

// drainOn lowers the rate once more, because the queue stays.
func (e *Estimator) drainOn(now time.Duration) {
	left := e.queued * 9 / 10
	if e.queued > deepQueue {
		left = e.queued / 2
	}
	if e.delay.standing < left {
		e.lastDecrease, e.queued = now, e.delay.standing // it empties
		return
	}
	next := backoff * min(e.rate, e.throughput.over(averageTime))
	if next < giveIn*e.drain {
		e.delay.rebase()
		e.drain, e.carried = 0, 0
		return
	}
	first := e.drain
	e.decrease(now, next)
	e.drain = first
}

// decrease lowers the rate to next, unless it is that low already.
func (e *Estimator) decrease(now time.Duration, next float64) {
	if e.rate == 0 || next < e.rate {
		e.rate = max(next, minRate)
	}
	e.capacity = next / backoff
	e.lastDecrease, e.decreased = now, true
	e.queued, e.delay.lowest = e.delay.standing, e.delay.standing
	if e.drain == 0 && e.delay.standing > drainQueue {
		e.drain = e.rate
	}
	e.probe.congested(now)
}

// increase lets the rate grow while it is made use of.
func (e *Estimator) increase(now time.Duration, elapsed time.Duration) {
	if e.decreased && now-e.lastDecrease < holdAfter || e.drain != 0 || now < e.probe.shadow(e.response)+averageTime {
		return // the padding of a probe is no use
	}
	arriving := e.throughput.over(averageTime)
	next := e.rate
	if now-e.lastDecrease < nearFor && e.rate > nearBelow*e.capacity && e.rate < nearAbove*e.capacity {
		next += packetBits * float64(elapsed) / float64(max(e.response, 100*time.Millisecond))
	} else {
		next *= 1 + (growth-1)*elapsed.Seconds()
	}
	// What is not made use of proves nothing.
	next = min(next, 1.5*arriving+10_000)
	e.rate = min(max(e.rate, next, backoff*arriving), maxRate)
}

// Tick lets time pass without feedback; it is to be called every few hundred
// milliseconds. sent is when the last packet left. It has no effect as long as
// reports come; when nothing is sent that they could be on, a queue that was
// there has emptied.
func (e *Estimator) Tick(now, sent time.Duration) {
	switch {
	case e.lastFeedback == 0 || sent < e.lastFeedback:
		e.waiting = 0
		if now-sent > e.delay.standing+e.response {
			// Nothing is on its way, so nothing waits there.
			e.delay.standing, e.delay.over = 0, false
			e.drained()
		}
		return
	case e.waiting == 0:
		e.waiting = now
	}
	if now-e.waiting < silentAfter {
		return
	}
	if !e.silent {
		e.silent, e.before, e.decayedAt = true, e.rate, e.lastFeedback+decayAfter-decayEvery
	}
	for e.rate > 0 && now-e.decayedAt >= decayEvery {
		e.decayedAt += decayEvery
		e.rate = max(e.rate/2, e.before/4, minRate)
	}
}

// awake ends an outage. What the way was before is forgotten, but for the rate,
// or what decay has left of it: more is probed for at once. Packets lost on the way meanwhile
// say nothing of how much it carries.
func (e *Estimator) awake(now time.Duration) {
	e.silent = false
	e.throughput = throughput{}
	e.delay = delay{threshold: e.delay.threshold}
	e.loss = loss{after: now}
	e.drain, e.carried = 0, 0
	e.probe.pending, e.probe.next = false, now
}
