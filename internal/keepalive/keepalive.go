// Package keepalive finds WebSockets whose other end is gone without a word.
package keepalive

import (
	"sync"
	"time"

	"aq-server/internal/recovery"

	"github.com/gorilla/websocket"
)

// A Watch is the pinging of one WebSocket, started by Monitor. It has a goroutine
// only from a ping to its answer.
type Watch struct {
	ws             *websocket.Conn
	interval, wait time.Duration
	onTimeout      func()

	alive chan struct{} // capacity 1: a sign of life since the last look
	stop  chan struct{} // closed by Stop

	mu      sync.Mutex
	stopped bool
	timer   *time.Timer    // of the next ping
	beats   sync.WaitGroup // one for the ping that is due or under way
}

// Monitor sends a ping (RFC 6455, section 5.5.2) over ws every interval. When
// no pong has come within wait after a ping, also when the ping itself could
// not be written for so long, it calls onTimeout once and is finished; the
// owner of ws then closes it (4008 in docs/protocol.md). A ping is not sent
// while an earlier one is waiting for its pong, so with wait > interval the
// next ping goes out as soon as the pong is there. Both durations must be > 0.
//
// Monitor installs the pong handler of ws, so call it before the first read.
// Pongs are only seen while somebody reads ws; a reader that pauses on purpose
// calls Alive.
//
// The caller must end the pinging with Stop. onTimeout is called from a goroutine
// of the Watch: it must not call Stop.
func Monitor(ws *websocket.Conn, interval, wait time.Duration, onTimeout func()) *Watch {
	w := &Watch{
		ws: ws, interval: interval, wait: wait, onTimeout: onTimeout,
		alive: make(chan struct{}, 1),
		stop:  make(chan struct{}),
	}
	ws.SetPongHandler(func(string) error {
		w.Alive()
		return nil
	})
	w.arm(interval)
	return w
}

// Alive counts as a pong: the client is there, or it is our own doing that
// nothing of it is read. It never blocks and may be called from any goroutine.
func (w *Watch) Alive() {
	select {
	case w.alive <- struct{}{}:
	default:
	}
}

// Stop ends the pinging and waits for a ping under way. It is idempotent. A ping
// that is stuck in a write holds it up for at most wait; closing the WebSocket
// first frees it at once.
func (w *Watch) Stop() {
	w.mu.Lock()
	if !w.stopped {
		w.stopped = true
		close(w.stop)
		if w.timer.Stop() {
			w.beats.Done() // that ping will not be
		}
	}
	w.mu.Unlock()
	w.beats.Wait()
}

// arm has the next ping sent after so long, unless Stop was called.
func (w *Watch) arm(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopped:
		return
	case w.timer == nil:
		w.timer = time.AfterFunc(after, w.beat)
	default:
		w.timer.Reset(after)
	}
	w.beats.Add(1)
}

// beat is one ping and the wait for its answer.
func (w *Watch) beat() {
	defer w.beats.Done()
	// A socket that nobody watches any more would stay for ever, so end it.
	defer recovery.RecoverFunc("keepalive", func(any) { _ = w.ws.Close() })

	next := time.Now().Add(w.interval)
	answered, err := w.ping()
	switch {
	case err != nil: // closed: whoever reads ws knows already
	case !answered:
		w.onTimeout()
	default:
		w.arm(time.Until(next))
	}
}

// ping sends one ping and waits for a sign of life. It reports true when one
// came, and also when Stop was called meanwhile. The error is that of a socket
// that is broken or closed.
func (w *Watch) ping() (bool, error) {
	select {
	case <-w.alive: // older than this ping
	default:
	}
	deadline := time.NewTimer(w.wait)
	defer deadline.Stop()
	err := w.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(w.wait))
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	select {
	case <-w.alive:
		return true, nil
	case <-w.stop:
		return true, nil
	case <-deadline.C:
		return false, nil
	}
}
