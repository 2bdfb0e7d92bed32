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

	first, last        Ack
	acked, octets      int
	next               time.Duration
	failures, relapses int
	raised             bool
	raisedAt           time.Duration
	firstArr, lastArr  time.Duration
	firstSize          int
}

// Cluster is a probe to be sent: so many bit/s, for so long, all packets of that
// time under its number.
type Cluster struct {
	Rate float64
	Time time.Duration
	ID   uint16 // never 0
}

// Probe tells whether a cluster is to be sent now. want is the rate that would serve all that is asked for,
// step the least that would serve more than now; none is sent when the estimate
// covers want. ProbeSent ends it.
func (e *Estimator) Probe(now time.Duration, step, want float64) (c Cluster, ok bool) {
	p := &e.probe
	if !e.probeDue(now, want) {
		return Cluster{}, false
	}
	// A little more than needed: a result is a little less than what was sent.
	c.Rate = min(max(1.1*step, 2*e.rate), maxStep*e.rate, 1.1*want)
	if c.ID = p.id + 1; c.ID == 0 {
		c.ID = 1
	}
	c.Time = min(max(time.Duration(3*e.delay.noise*float64(time.Millisecond)), ProbeTime), maxProbeTime)
	if longer := ProbeTime << min(p.relapses, maxLonger); longer > c.Time {
		c.Time, c.Rate = longer, min(c.Rate, patientStep*e.rate)
	}
	*p = probe{
		id: c.ID, pending: true, target: c.Rate, ended: now + c.Time, next: p.next,
		failures: p.failures, relapses: p.relapses, raised: p.raised, raisedAt: p.raisedAt,
	}
	return c, true
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
	if p.acked == 0 || a.Sent < p.first.Sent {
		p.first = a
	}
	if p.acked == 0 || a.Sent >= p.last.Sent {
		p.last = a
	}
	if p.acked == 0 || a.Arrived < p.firstArr {
		p.firstArr, p.firstSize = a.Arrived, a.Size
	}
	if p.acked == 0 || a.Arrived >= p.lastArr {
		p.lastArr = a.Arrived
	}
	p.acked++
	p.octets += a.Size
}

// judgeProbe looks at the cluster when a report goes beyond it.
func (e *Estimator) judgeProbe(now, newest time.Duration) {
	p := &e.probe
	if !p.pending || p.packets == 0 || newest <= p.ended && p.acked < p.packets {
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
	if p.acked < 3 || float64(p.acked) < 0.7*(1-lost)*float64(p.packets) {
		return 0
	}
	sent := max(p.last.Sent-p.first.Sent, time.Millisecond)
	took := max(p.lastArr-p.firstArr, time.Millisecond)
	out := 8 * float64(p.octets-p.last.Size) / sent.Seconds()
	in := 8 * float64(p.octets-p.firstSize) / took.Seconds()
	result := min(in, out)
	if in < 0.9*out {
		result = 0.95 * in // the way is full at this rate
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
