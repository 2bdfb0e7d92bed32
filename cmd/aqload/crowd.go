//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aq-server/internal/recovery"
)

// An entry is one join to come.
type entry struct {
	room string
	role role
}

func roomName(i int) string { return fmt.Sprint("load-", i+1) }

// plan lists the joins: publishers of all rooms first, then the others, a room
// after the other in turn.
func (c *options) plan() (first, then []entry) {
	for i := range c.Publishers {
		for room := range c.Rooms {
			// He hears the others, but need not wait for them.
			_ = i
			first = append(first, entry{roomName(room), role{publishes: true}})
		}
	}
	sends := c.Audio || c.Video
	for i := range c.Meeting {
		for room := range c.Rooms {
			then = append(then, entry{roomName(room), role{full: i < c.Full, publishes: true, listens: sends && i > 0}})
		}
	}
	for i := range c.Subscribers {
		for room := range c.Rooms {
			then = append(then, entry{roomName(room), role{full: i < c.Full, listens: sends && c.Publishers > 0}})
		}
	}
	return first, then
}

// inFlight bounds how many join at a time, but in a storm: a server, or a load,
// that cannot follow the pace gets a slower one.
const inFlight = 32

// admit lets everybody of a list in, at the pace that the flags say, and returns
// when all are there or have failed.
func (l *load) admit(ctx context.Context, list []entry, storm bool) {
	var wg sync.WaitGroup
	defer wg.Wait()
	pace := time.NewTicker(time.Duration(float64(time.Second) / l.cfg.Ramp))
	defer pace.Stop()
	places := make(chan struct{}, inFlight)
	if storm {
		places = make(chan struct{}, len(list))
	}
	for _, e := range list {
		if !storm {
			select {
			case <-pace.C:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		places <- struct{}{} // joins have a limit of time
		wg.Go(func() {
			defer func() { <-places }()
			defer recovery.RecoverWithPrefix("join")
			l.enter(ctx, e.room, e.role)
		})
	}
}

// populate fills the rooms.
func (l *load) populate(ctx context.Context) {
	first, then := l.cfg.plan()
	done := l.progress(ctx, len(first)+len(then))
	defer done()
	l.admit(ctx, first, false)
	l.admit(ctx, then, l.cfg.Storm)
}
