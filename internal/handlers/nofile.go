package handlers

import (
	"sync"
	"time"
)

// descriptors tells when too many files are open to take another socket: at 80 %
// of the process's limit, so that rooms that exist, and the server's own work,
// keep what they need (docs/limits.md, L6).
type descriptors struct {
	count func() int // open now, -1 if unknown
	limit func() int // 0: none

	mu      sync.Mutex
	at      time.Time // of the last count
	open    int       // at that time
	allowed int       // the 80 %, at that time; 0: no limit
	since   int       // sockets let in since
}

// countEvery bounds the cost of counting, which grows with the number of files.
const countEvery = 500 * time.Millisecond

// full reports whether a further socket is too much. It only looks.
func (d *descriptors) full(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at.IsZero() || now.Sub(d.at) >= countEvery {
		d.at, d.since = now, 0
		d.open, d.allowed = d.count(), d.limit()/5*4
	}
	return d.allowed > 0 && d.open >= 0 && d.open+d.since >= d.allowed
}

// took counts a socket that was let in.
func (d *descriptors) took() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.since++
}
