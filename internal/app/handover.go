package app

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// handOver leaves the inherited listener to the next process. From here on
// whoever connects waits in the queue of the kernel. Whoever was accepted before
// and has not been answered yet still gets the answer of a server that is well:
// he has connected when the end was announced or a moment later, and cannot be
// handed back. That takes arrivalTime at most.
func (a *App) handOver() {
	a.handedOver.Store(true)
	_ = a.listener.Close() // our copy
	a.serving.Wait()       // every connection that was accepted is noted
	// A proxy that keeps connections must not ask us any more either.
	a.server.SetKeepAlivesEnabled(false)
	a.arrivals.settle(arrivalTime)
}

// arrivals are the connections of an http.Server that have not been answered yet
// since they were accepted.
type arrivals struct {
	mu      sync.Mutex // a leaf
	at      map[net.Conn]time.Time
	changed chan struct{} // capacity 1: one of them was answered or is gone
}

func newArrivals() *arrivals {
	return &arrivals{at: map[net.Conn]time.Time{}, changed: make(chan struct{}, 1)}
}

// note is the http.Server's ConnState. A WebSocket is answered when it is
// hijacked: its handler has let it in then.
func (l *arrivals) note(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.at[conn] = time.Now()
	case http.StateActive: // its request is being answered
	default:
		delete(l.at, conn)
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

// settle waits until everybody who was accepted has been answered, but for
// nobody longer than patience after he was accepted: browsers open connections
// that they do not use.
func (l *arrivals) settle(patience time.Duration) {
	for {
		left := l.youngest(patience)
		if left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-l.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// youngest returns how long the one who came last is still to be waited for.
func (l *arrivals) youngest(patience time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var left time.Duration
	for _, at := range l.at {
		left = max(left, patience-time.Since(at))
	}
	return left
}
