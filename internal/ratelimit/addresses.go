// Package ratelimit bounds what one client address may do (docs/limits.md, L5).
package ratelimit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds the memory for addresses. When so many are known, further
// ones are let through uncounted: who has that many is not stopped by counting
// them, and must not be able to shut out everybody else.
const maxAddresses = 100_000

// sweepEvery bounds the cost of forgetting addresses that are quiet.
const sweepEvery = 10 * time.Second

// Options is what an address may do; 0 is no limit.
type Options struct {
	Open  int     // things open at a time
	Rate  float64 // things a second in the long run
	Burst int     // at once
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Addresses counts by client address: IPv4 addresses one by one, IPv6 by the /64
// that one customer has. Loopback is not counted. All methods may be called from
// any goroutine.
type Addresses struct {
	opts Options

	mu      sync.Mutex // a leaf
	entries map[netip.Prefix]*entry
	swept   time.Time
}

type entry struct {
	open    int
	limiter *rate.Limiter // nil without a rate
}

// NewAddresses returns a counter that has seen nobody.
func NewAddresses(o Options) *Addresses {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Addresses{opts: o, entries: map[netip.Prefix]*entry{}}
}

// Verdict says whether something may be done.
type Verdict struct {
	OK bool
	// Retry is how long to wait before the next try.
	Retry time.Duration
	// Leave must be called when what was opened is closed, once, if OK.
	Leave func()
}

// Enter counts one thing that an address (an IP, with or without port) opens.
func (a *Addresses) Enter(address string) Verdict {
	key, ok := keyOf(address)
	if !ok || a.opts.Open <= 0 && a.opts.Rate <= 0 {
		return Verdict{OK: true, Leave: func() {}}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.opts.Now()
	e := a.entryLocked(key, now)
	switch {
	case e == nil:
		return Verdict{OK: true, Leave: func() {}}
	case a.opts.Open > 0 && e.open >= a.opts.Open:
		return Verdict{Retry: 10 * time.Second}
	case e.limiter != nil && !e.limiter.AllowN(now, 1):
		return Verdict{Retry: time.Duration(float64(time.Second) / a.opts.Rate)}
	}
	e.open++
	return Verdict{OK: true, Leave: func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		e.open--
	}}
}

// Exhausted tells whether an address has used up its rate, without counting.
func (a *Addresses) Exhausted(address string) bool {
	key, ok := keyOf(address)
	if !ok || a.opts.Rate <= 0 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.entries[key]
	return e != nil && e.limiter.TokensAt(a.opts.Now()) < 1
}

func (a *Addresses) entryLocked(key netip.Prefix, now time.Time) *entry {
	e := a.entries[key]
	if e != nil {
		return e
	}
	if now.Sub(a.swept) >= sweepEvery {
		a.swept = now
		for k, e := range a.entries {
			if e.open == 0 && (e.limiter == nil || e.limiter.TokensAt(now) >= float64(a.opts.Burst)) {
				delete(a.entries, k)
			}
		}
	}
	if len(a.entries) >= maxAddresses {
		return nil
	}
	e = &entry{}
	if a.opts.Rate > 0 {
		e.limiter = rate.NewLimiter(rate.Limit(a.opts.Rate), a.opts.Burst)
	}
	a.entries[key] = e
	return e
}

// keyOf reports false for what is not counted.
func keyOf(address string) (netip.Prefix, bool) {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		port, portErr := netip.ParseAddrPort(address)
		if portErr != nil {
			return netip.Prefix{}, false
		}
		addr = port.Addr()
	}
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	return prefix, err == nil
}
