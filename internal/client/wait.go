package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// How a client comes back; the built-in page does the same.
const (
	// A server that has gone wants its clients back one after the other: the
	// first wait is random between these two, both are doubled with each
	// failure, and at the cap the wait is between half of it and all of it.
	firstWaitMin = 500 * time.Millisecond
	firstWaitMax = 3 * time.Second
	waitCap      = 7 * time.Second
	// When nobody answered at all it is the network that is away. Then there is
	// nobody to spare, and each attempt is short: a TCP stack repeats its first
	// packet after 1 s and then after 2, 4, 8 s; a new attempt asks sooner.
	awayWait    = 250 * time.Millisecond
	shortestTry = 2500 * time.Millisecond
	longestTry  = 10 * time.Second
)

// codeReplaced closes a socket whose peer has come with another one.
const codeReplaced = 4009

// An outcome is what became of an attempt to open a socket, or of an open one.
type outcome int

const (
	// ended means that somebody said so: refused, reset, closed with a code.
	ended outcome = iota
	// away means that nobody answered.
	away
	// final means that there is no coming back.
	final
)

// waits decides how long to wait before an attempt and how long to give it. The
// zero value is ready to use.
type waits struct {
	failures int           // since the server was last heard
	took     time.Duration // the last attempt that succeeded
}

// next returns the wait before the next attempt after that outcome. atLeast is
// what the server asked for.
func (w *waits) next(o outcome, atLeast time.Duration) time.Duration {
	if o == away {
		return awayWait
	}
	low, high := firstWaitMin<<min(w.failures, 10), firstWaitMax<<min(w.failures, 10)
	if high >= waitCap {
		low, high = waitCap/2, waitCap
	}
	w.failures++
	return max(low+rand.N(high-low), atLeast)
}

// limit is the time that an attempt gets.
func (w *waits) limit() time.Duration {
	return min(max(shortestTry, time.Second+3*w.took), longestTry)
}

// opened notes that the server was reached, and how long that took.
func (w *waits) opened(took time.Duration) { w.failures, w.took = 0, took }

// outcomeOf judges an attempt that failed, and returns the wait that the server
// asked for.
func outcomeOf(err error) (outcome, time.Duration) {
	var refused *RefusedError
	if errors.As(err, &refused) {
		seconds, _ := strconv.Atoi(refused.RetryAfter)
		switch {
		case refused.Status == http.StatusTooManyRequests, refused.Status >= 500:
			return ended, time.Duration(seconds) * time.Second
		}
		return final, 0
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) {
		return away, 0
	}
	return ended, 0
}

// comesBack tells whether a socket that was closed with that code is opened
// again without asking anybody.
func comesBack(code int, reason string) bool {
	switch code {
	case websocket.CloseNormalClosure, websocket.CloseProtocolError, websocket.CloseUnsupportedData,
		websocket.CloseInvalidFramePayloadData, websocket.CloseMessageTooBig, websocket.CloseTryAgainLater,
		4001, 4003, codeReplaced:
		return false
	case websocket.ClosePolicyViolation:
		return reason == "slow consumer"
	}
	return true
}
