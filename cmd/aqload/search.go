//go:build linux

package main

import (
	"context"
	"fmt"
)

const (
	// bearable is the loss below which a number of subscribers counts. Nor may
	// more than the next share of what was sent be under way at the end: a server
	// that falls behind loses nothing as long as its receive buffer lasts. A frame
	// that is cut by the end of the window is less than that.
	bearable = 0.01
	behind   = 0.03
	// searchFrom is the first number, searchGrowth how the next follows, and
	// searchPrecision how near the largest is found.
	searchFrom      = 100
	searchGrowth    = 1.3
	searchPrecision = 0.03
)

// SearchResult is the end of a search.
type SearchResult struct {
	Most     int     `json:"most"`
	Over     int     `json:"over"`      // the smallest number that was too many; 0: none was
	OverLoss float64 `json:"over_loss"` // what it lost, or was behind
}

// search finds the largest number of subscribers with a bearable loss: more and
// more, and then halfway between the last that went and the first that did not.
// It returns what was measured at the largest.
func (l *load) search(ctx context.Context) (SearchResult, Window, error) {
	var best Window
	var r SearchResult
	next := min(searchFrom, l.cfg.Subscribers)
	for {
		if err := l.populateTo(ctx, next); err != nil {
			return r, best, err
		}
		w, err := l.attempt(ctx, next)
		if err != nil {
			return r, best, err
		}
		if w.bearable() {
			r.Most, best = next, w
			next = min(int(float64(next)*searchGrowth), l.cfg.Subscribers)
		} else {
			r.Over, r.OverLoss = next, max(w.Loss, w.Behind)
			// What is queued in the server would be held against the next number.
			if err := l.populateTo(ctx, r.Most/2); err != nil {
				return r, best, err
			}
			if err := l.settle(ctx); err != nil {
				return r, best, err
			}
		}
		if r.Over != 0 {
			next = (r.Most + r.Over) / 2
			if float64(r.Over-r.Most) <= searchPrecision*float64(r.Over) || next == r.Most {
				return r, best, nil
			}
		} else if r.Most == l.cfg.Subscribers {
			return r, best, nil
		}
	}
}

func (w *Window) bearable() bool { return w.Loss < bearable && w.Behind < behind && w.Silent == 0 }

// attempt measures, and once more if it was too much: a neighbour on the machine
// is no limit of the server.
func (l *load) attempt(ctx context.Context, n int) (Window, error) {
	var w Window
	for range 2 {
		if err := l.settle(ctx); err != nil {
			return w, err
		}
		var err error
		if w, err = l.window(ctx, l.cfg.Duration); err != nil {
			return w, err
		}
		l.say("%d subscribers: loss %.3f %%, behind %.1f %%, %d silent, server %.0f %% of a core, %.2f us a packet, p99 %.1f ms, load %.0f %%\n",
			n, w.Loss*100, w.Behind*100, w.Silent, w.ServerCPU*100, w.CPUPerPacket, w.Latency.P99, w.LoadCPU*100)
		if w.bearable() {
			break
		}
	}
	return w, nil
}

// populateTo lets subscribers in or out until there are so many.
func (l *load) populateTo(ctx context.Context, n int) error {
	var light []*person
	have := 0
	for _, p := range l.everybody() {
		if !p.publishes {
			have++
			if !p.full {
				light = append(light, p)
			}
		}
	}
	if have > n {
		l.leave(light[:min(have-n, len(light))])
		return nil
	}
	full := max(0, l.cfg.Full-have)
	list := make([]entry, n-have)
	for i := range list {
		list[i] = entry{roomName(0), role{full: i < full, listens: true}}
	}
	done := l.progress(ctx, have+len(list)+l.cfg.Publishers)
	defer done()
	l.admit(ctx, list, false)
	if failures := l.failuresSoFar(); len(failures) > n/10 {
		return fmt.Errorf("too many cannot join: %w", failures[len(failures)-1])
	}
	return ctx.Err()
}
