// Package recovery keeps a panic in one goroutine from ending the server.
//
// Every goroutine of the server begins with one of its functions:
//
//	go func() {
//		defer recovery.RecoverWithPrefix("room sweeper")
//		...
//	}()
//
// The functions must be deferred directly: recover() returns nil in a function
// that a deferred function calls (The Go Programming Language Specification,
// "Handling panics").
package recovery

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
)

// panics counts since the start of the process. It is the one mutable variable
// of package level in the server: panics belong to the process, and a goroutine
// that panics may have no way left to anything else.
var panics atomic.Int64

// Panics returns how many panics this process has recovered from.
func Panics() int64 { return panics.Load() }

// Recover stops a panic of the current goroutine, logs it with its stack
// through slog.Default at level Error and counts it. Without a panic it does
// nothing. The deferring function returns normally to its caller.
func Recover() {
	if v := recover(); v != nil {
		report("", v)
	}
}

// RecoverWithPrefix is Recover for a goroutine with a name, which the log
// shows.
func RecoverWithPrefix(prefix string) {
	if v := recover(); v != nil {
		report(prefix, v)
	}
}

// RecoverFunc is RecoverWithPrefix and then calls onPanic with the value of
// the panic, for example to close the peer that the goroutine served. A panic
// of onPanic itself is recovered and logged too. onPanic may be nil.
func RecoverFunc(prefix string, onPanic func(v any)) {
	if v := recover(); v != nil {
		report(prefix, v)
		if onPanic != nil {
			defer RecoverWithPrefix(prefix + ", after a panic")
			onPanic(v)
		}
	}
}

// report runs on the stack of the panic, so that debug.Stack shows where it
// came from.
func report(prefix string, v any) {
	panics.Add(1)
	if prefix == "" {
		prefix = "goroutine"
	}
	slog.Error("panic recovered", "in", prefix, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}
