package sfu

import "errors"

var (
	// errOverflow: a peer's client sends faster than its negotiation goes on.
	errOverflow = errors.New("sfu: the peer's event queue is full")
	// errPanic: the peer's goroutine panicked; the log has the stack.
	errPanic = errors.New("sfu: internal fault")
)
