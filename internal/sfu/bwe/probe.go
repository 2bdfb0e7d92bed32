package bwe

import "time"

// A probe is a cluster of padding that is sent, together with the media of that
// moment, at a higher rate for a moment: if it arrives at that rate the way
// carries it. It is short, so that on a way that does not carry it the queue is
// short too: at four times the capacity it takes ProbeTime*4 to empty.
const (
	// ProbeTime is how long a cluster usually lasts, on a way with jitter up to
	// maxProbeTime.
	ProbeTime    = 20 * time.Millisecond
	maxProbeTime = 40 * time.Millisecond
	// A shaper lets some packets pass at once after a pause. So a cluster has
	// bucketOctets at least, and where that takes longer than maxProbeTime it is
	// a patient one: at patientStep times the estimate, media included, for
	// longestProbe at most, and judged by its second half.
	bucketOctets = 12_000
	longestProbe = 200 * time.Millisecond
	// ProbePackets are the least to measure by.
	ProbePackets = 6

	// After congestion the first probe waits firstProbe; after one that failed
	// the next waits twice as long, up to lastProbe.
	firstProbe = 2 * time.Second
	lastProbe  = 4 * time.Second
	// When what a probe has promised leads to congestion within relapseTime,
	// it was a burst that some shaper lets pass: the next clusters are longer and
	// carry less above the estimate, and the wait grows up to relapseMax.
	relapseTime = 10 * time.Second
	relapseMax  = 8 * time.Second
	relapseOver = 30 * time.Second // without another one
	maxLonger   = 2                // times twice as long
	patientStep = 2.0              // times the estimate
	probeLost   = time.Second      // without a report on it
	maxStep     = 4.0              // times the estimate
	spare       = 1.5              // times all that is wanted
	// A result of muchMore times the estimate is more than what congestion left
	// free: the way is wider than it was, whatever the cluster was sent at.
	muchMore = 1.3
)

type probe struct {
	id      uint16 // of the last one
	pending bool
	target  float64
	ended   time.Duration // its last packet was sent
	packets int           // sent

	whole              span
	tail               span          // of a patient one: what was sent from middle on
	middle             time.Duration // 0: not a patient one
	next               time.Duration
	failures, relapses int
	raised             bool
	raisedAt           time.Duration
}

// span is what arrived of a part of a cluster.
type span struct {
	acked, octets     int
	first, last       Ack // as sent
	firstArr, lastArr time.Duration
	firstSize         int
}

// Cluster is a probe to be sent: so many bit/s of padding, for so long, all
// packets of that time under its number.
type Cluster struct {
	Rate float64
	Time time.Duration
	ID   uint16 // never 0
}

// Probe tells whether a cluster is to be sent now. want is the rate that would
// serve all that is asked for, step the least that would serve more than now, and
// used what is sent now; none is sent when the estimate covers want. ProbeSent
// ends it.
func (e *Estimator) Probe(now time.Duration, used, step, want float64) (c Cluster, ok bool) {
	p := &e.probe
	if !e.probeDue(now, want) {
		return Cluster{}, false
	}
	// More than needed: a result is less than what was sent, by a fifth where a
	// machine is busy, and one that falls short of want a little has failed.
	c.Rate = min(max(1.1*step, 2*e.rate), maxStep*e.rate, spare*want)
	if c.ID = p.id + 1; c.ID == 0 {
		c.ID = 1
	}
	c.Time = min(max(time.Duration(3*e.delay.noise*float64(time.Millisecond)), ProbeTime), maxProbeTime)
	target := c.Rate
	longer := max(ProbeTime<<min(p.relapses, maxLonger), timeOf(bucketOctets<<min(p.relapses, maxLonger), c.Rate))
	middle := time.Duration(0)
	if longer > maxProbeTime || p.relapses > 0 {
		target = min(c.Rate, patientStep*e.rate)
		c.Time = min(max(longer, timeOf(bucketOctets, target)), longestProbe)
		c.Rate = max(target-used, target/4)
		middle = now + c.Time/2
	}
	*p = probe{
		id: c.ID, pending: true, target: target, ended: now + c.Time, middle: middle, next: p.next,
		failures: p.failures, relapses: p.relapses, raised: p.raised, raisedAt: p.raisedAt,
	}
	return c, true
}

// timeOf is how long so many octets take at a rate.
func timeOf(octets int, bps float64) time.Duration {
	return time.Duration(8 * float64(octets) / bps * float64(time.Second))
}

func (e *Estimator) probeDue(now time.Duration, want float64) bool {
	p := &e.probe
	switch {
	case e.rate == 0 || e.rate >= want || e.silent || e.delay.over || e.drain != 0:
		return false
	case p.pending && now-p.ended < probeLost:
		return false
	case p.pending: // the report was lost
		p.pending, p.next = false, now+firstProbe/2
		return false
	}
	return now >= p.next
}

// Try is for a way to which nothing can be sent but media: where Probe would be
// true it raises the estimate to step, and what is sent then is the probe. It
// tells whether it did.
func (e *Estimator) Try(now time.Duration, step, want float64) bool {
	if !e.probeDue(now, want) || step <= e.rate {
		return false
	}
	e.rate = min(1.05*step, maxRate)
	e.probe.raised, e.probe.raisedAt, e.probe.next = true, now, now+lastProbe
	return true
}

// ProbeSent tells that the last packet of the present cluster has been sent, and
// how many carried its number.
func (e *Estimator) ProbeSent(now time.Duration, packets int) {
	e.probe.ended, e.probe.packets = now, packets
}

// shadow returns until when a queue may be that of a probe.
func (p *probe) shadow(response time.Duration) time.Duration {
	if p.id == 0 {
		return 0
	}
	return p.ended + response + 2*ProbeTime
}

// ack notes a packet that arrived.
func (p *probe) ack(a Ack) {
	if !p.pending || a.Probe != p.id {
		return
	}
	p.whole.add(a)
	if p.middle > 0 && a.Sent >= p.middle {
		p.tail.add(a)
	}
}

func (s *span) add(a Ack) {
	if s.acked == 0 || a.Sent < s.first.Sent {
		s.first = a
	}
	if s.acked == 0 || a.Sent >= s.last.Sent {
		s.last = a
	}
	if s.acked == 0 || a.Arrived < s.firstArr {
		s.firstArr, s.firstSize = a.Arrived, a.Size
	}
	if s.acked == 0 || a.Arrived >= s.lastArr {
		s.lastArr = a.Arrived
	}
	s.acked++
	s.octets += a.Size
}

// rate returns the bit/s at which the span came through.
func (s *span) rate() float64 {
	sent := max(s.last.Sent-s.first.Sent, time.Millisecond)
	took := max(s.lastArr-s.firstArr, time.Millisecond)
	out := 8 * float64(s.octets-s.last.Size) / sent.Seconds()
	in := 8 * float64(s.octets-s.firstSize) / took.Seconds()
	if in < 0.9*out {
		return 0.95 * in // the way is full at this rate
	}
	return min(in, out)
}

// judgeProbe looks at the cluster when a report goes beyond it.
func (e *Estimator) judgeProbe(now, newest time.Duration) {
	p := &e.probe
	if !p.pending || p.packets == 0 || newest <= p.ended && p.whole.acked < p.packets {
		return
	}
	p.pending = false
	result := p.result(e.loss.last)
	if result > e.rate {
		raised := result / e.rate
		e.rate = min(result, maxRate)
		if result >= 0.8*p.target || raised > muchMore {
			p.raised, p.raisedAt = true, now
			p.failures, p.next = 0, now // go on from there
			return
		}
	}
	p.failures++
	p.next = now + min(firstProbe/2<<min(p.failures, 8), lastProbe)
}

// result returns the bit/s that the cluster shows the way to carry, 0 for
// nothing. lost is the share that the way loses of what it carries.
func (p *probe) result(lost float64) float64 {
	lost = min(lost, severeLoss)
	if p.whole.acked < 3 || float64(p.whole.acked) < 0.7*(1-lost)*float64(p.packets) {
		return 0
	}
	result := p.whole.rate()
	if p.middle > 0 {
		if p.tail.acked < 3 {
			return 0
		}
		result = min(result, p.tail.rate())
	}
	return min(result/(1-lost), p.target)
}

// congested makes probes wait.
func (p *probe) congested(now time.Duration) {
	wait := firstProbe
	switch {
	case p.raised && now-p.raisedAt < relapseTime:
		p.relapses++
		wait = min(firstProbe<<min(p.relapses, 8), relapseMax)
	case now-p.raisedAt > relapseOver:
		p.relapses = 0
	}
	p.raised, p.pending, p.failures = false, false, 0
	p.next = max(p.next, now+wait)
}
