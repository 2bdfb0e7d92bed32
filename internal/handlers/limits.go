package handlers

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Sizes of messages from clients (docs/limits.md, L1 and L6).
const (
	// smallMessage is what every client may send: anything but an answer to a
	// large offer is far smaller.
	smallMessage = 64 << 10
	// perMLine is what an answer takes for each m-line we have offered: 4.6 KB
	// were measured with Chromium.
	perMLine = 5 << 10
	// maxMessage is the end, however many m-lines there are.
	maxMessage = 1 << 20
	// largeTotal is the most that messages beyond smallMessage may take together,
	// on the whole server, from their first byte until they are handled.
	largeTotal = 64 << 20
	// largeWait is how long a large message waits for a part of largeTotal before
	// its sender is asked to send it again.
	largeWait = 2 * time.Second
	// largeTime is how long a large message may take to arrive: 1 MiB at 150
	// kbit/s.
	largeTime = time.Minute
)

// overRateTime is how long a client may send faster than his rate without a
// pause, being slowed down, before he is closed.
const overRateTime = 10 * time.Second

// So many candidates in this time are no browser's, and close the socket (L3).
// Of those that come more slowly, media uses as many as it wants.
const (
	maxCandidates  = 1000
	candidatesTime = 10 * time.Second
)

// Ten error events in this time close the socket.
const (
	maxMistakes  = 10
	mistakesTime = time.Minute
)

// maxUnknown is how many names of unknown events are remembered per socket; after
// so many, further ones are ignored.
const maxUnknown = 32

// Limits are the limits of one socket that can be set. Rates are per second.
type Limits struct {
	ChatRate, ChatBurst   int
	EventRate, EventBurst int
	// QueueMessages and QueueBytes bound what waits to be written to a client.
	QueueMessages, QueueBytes int
}

// DefaultLimits returns the limits of docs/limits.md (L4, L11).
func DefaultLimits() Limits {
	return Limits{
		ChatRate: 200, ChatBurst: 2000,
		EventRate: 400, EventBurst: 3000,
		QueueMessages: 4096, QueueBytes: 1 << 20,
	}
}

// readLimit is the longest message a client may send to which mlines m-lines
// have been offered.
func readLimit(mlines int) int64 {
	return int64(min(smallMessage+perMLine*max(mlines, 0), maxMessage))
}

// pace is one rate of one socket. It belongs to the socket's reader.
type pace struct {
	limiter *rate.Limiter
	over    time.Time // since when the client has not paused; zero: within his rate
}

func newPace(perSecond, burst int) pace {
	return pace{limiter: rate.NewLimiter(rate.Limit(perSecond), burst)}
}

// take counts one event and returns how long to wait before going on. The error
// is errRate when the client has been over the rate for overRateTime.
//
// Only half a second's worth of regained events counts as a pause. Less may come
// from our own waiting, which ends a little late on a busy machine.
func (p *pace) take(now time.Time) (time.Duration, error) {
	if !p.over.IsZero() && p.limiter.TokensAt(now) >= float64(p.limiter.Limit())/2 {
		p.over = time.Time{}
	}
	wait := p.limiter.ReserveN(now, 1).DelayFrom(now)
	switch {
	case wait <= 0:
		return 0, nil
	case p.over.IsZero():
		p.over = now
	case now.Sub(p.over) >= overRateTime:
		return 0, errRate
	}
	return wait, nil
}

// candidates counts the candidates of one socket. It belongs to the reader.
type candidates struct {
	since time.Time // of the present ten seconds
	n     int
}

// add counts one and reports whether it is too many.
func (c *candidates) add(now time.Time) bool {
	if now.Sub(c.since) >= candidatesTime {
		c.since, c.n = now, 0
	}
	c.n++
	return c.n >= maxCandidates
}

// mistakes counts the error events of one socket over the last minute. They come
// from its reader and from media, so it has a lock.
type mistakes struct {
	mu   sync.Mutex
	at   [maxMistakes]time.Time // a ring of the last ones
	next int
}

// add counts one and reports whether it is the tenth within mistakesTime.
func (m *mistakes) add(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[m.next] = now
	m.next = (m.next + 1) % maxMistakes
	oldest := m.at[m.next]
	return !oldest.IsZero() && now.Sub(oldest) < mistakesTime
}
