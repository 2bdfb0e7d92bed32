package transfer

import (
	"time"

	"aq-server/internal/types"
)

const (
	// A way begins with firstRate bytes a second and never gets less than minRate:
	// what a bad way still carries beside a voice.
	firstRate = 128 << 10
	minRate   = 32 << 10
	// growth is by how much the rate rises in a second without a queue, at first and
	// once there was one, but not beyond unproven times what has got through.
	growthFirst, growth = 2.0, 0.6
	unproven            = 1.5
	// backoff is what is left of what got through when a queue stands; again after
	// cutEvery, if it does not shrink by then.
	backoff  = 0.7
	cutEvery = 400 * time.Millisecond
	shrunk   = 0.85
	// For jamTime after that the rate stays below nearJam of what got through.
	jamTime = 15 * time.Second
	nearJam = 0.85
	// newJam is how long after a cut another one is no part of it.
	newJam = 3 * time.Second
	// burst is how much may go at once after a pause. After forgetTime without a
	// chunk the way may be another.
	burst      = 50 * time.Millisecond
	forgetTime = 30 * time.Second
	// countTime is that over which what gets through is counted.
	countTime = 400 * time.Millisecond
)

// Pace is how fast chunks may go over a way that sound and pictures share. Files
// have time: they take what is left, and give way as soon as a queue stands, before
// those who cannot wait have to (as LEDBAT does, RFC 6817). Pure, without a lock.
type Pace struct {
	limit  time.Duration // of the queue
	most   float64       // bytes a second
	rate   float64
	tokens float64 // bytes
	filled time.Time
	seen   time.Time     // the last that was heard of the queue
	cut    time.Time     // when it was last too long; zero: never
	queue  time.Duration // at that time
	jam    float64       // what got through then
	took   time.Time     // when a chunk went last

	counted time.Time // since when moved is counted
	moved   float64   // bytes
	carried float64   // bytes a second of the last countTime; 0: unknown
}

// NewPace returns the pace of a way on which a queue of limit is too long, and of
// at most so many bytes a second.
func NewPace(now time.Time, limit time.Duration, most int64) *Pace {
	return &Pace{
		limit: limit, most: float64(most), rate: min(firstRate, float64(most)), tokens: types.ChunkSize,
		filled: now, seen: now, took: now, counted: now,
	}
}

// Moved notes what has got through.
func (p *Pace) Moved(now time.Time, bytes int) {
	p.moved += float64(bytes)
	if elapsed := now.Sub(p.counted); elapsed >= countTime {
		p.carried = p.moved / elapsed.Seconds()
		p.moved, p.counted = 0, now
	}
}

// Observe takes how long packets wait on the way now.
func (p *Pace) Observe(now time.Time, queue time.Duration) {
	p.fill(now)
	elapsed := min(max(now.Sub(p.seen), 0), time.Second).Seconds()
	p.seen = now
	switch {
	case queue <= p.limit:
		if p.tokens < p.full() { // what is not made use of proves nothing
			p.grow(now, elapsed)
		}
	case now.Sub(p.cut) < cutEvery:
	case now.Sub(p.cut) < newJam && float64(queue) < shrunk*float64(p.queue):
		p.cut, p.queue = now, queue // it empties
	default:
		p.slow(now, queue)
	}
}

func (p *Pace) grow(now time.Time, elapsed float64) {
	most, growth := min(p.most, max(unproven*p.carried, firstRate)), growth
	if p.jam == 0 {
		growth = growthFirst
	} else if now.Sub(p.cut) < jamTime {
		most = min(most, max(nearJam*p.jam, minRate))
	}
	if p.rate < most {
		p.rate = min(p.rate*(1+growth*elapsed), most)
	}
}

func (p *Pace) slow(now time.Time, queue time.Duration) {
	through := p.rate
	if p.carried > 0 {
		through = min(through, p.carried)
	}
	if p.jam == 0 || now.Sub(p.cut) >= newJam {
		p.jam = through
	}
	p.cut, p.queue = now, queue
	p.rate = max(backoff*through, min(minRate, p.most))
	p.tokens = min(p.tokens, 0)
}

// Rate is the pace in bytes a second.
func (p *Pace) Rate() int64 { return int64(p.rate) }

// Chunks is how many chunks may go now.
func (p *Pace) Chunks(now time.Time) int {
	p.fill(now)
	return max(int(p.tokens/types.ChunkSize), 0)
}

// Indebted tells whether much more has gone than may: it is time to skip some.
func (p *Pace) Indebted(now time.Time) bool {
	p.fill(now)
	return p.tokens < -2*p.full()
}

// Take notes that so many have gone. More than Chunks told may be taken; what
// follows then waits longer.
func (p *Pace) Take(now time.Time, chunks int) {
	p.fill(now)
	if now.Sub(p.took) > forgetTime {
		p.rate, p.jam, p.carried = min(p.rate, firstRate), 0, 0
		p.moved, p.counted = 0, now
	}
	p.took = now
	p.tokens -= float64(chunks) * types.ChunkSize
}

// full is how much may gather.
func (p *Pace) full() float64 { return types.ChunkSize + p.rate*burst.Seconds() }

func (p *Pace) fill(now time.Time) {
	if elapsed := now.Sub(p.filled); elapsed > 0 {
		p.tokens = min(p.tokens+p.rate*elapsed.Seconds(), p.full())
		p.filled = now
	}
}
