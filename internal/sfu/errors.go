package sfu

import "errors"

var (
	// ErrClosed: the session or the peer is closed.
	ErrClosed = errors.New("sfu: closed")
	// errOverflow: a peer's client sends faster than its negotiation goes on.
	errOverflow = errors.New("sfu: the peer's event queue is full")
	// errTimeout: the client did not answer, or media did not connect in time.
	errTimeout = errors.New("sfu: media did not connect in time")
	// errPanic: the peer's goroutine panicked; the log has the stack.
	errPanic = errors.New("sfu: internal fault")
)
