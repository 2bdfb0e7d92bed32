//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"aq-server/internal/recovery"
)

// ChurnResult is what became of those who left and came.
type ChurnResult struct {
	Left     int          `json:"left"`
	Came     int          `json:"came"`
	FirstRTP Distribution `json:"first_rtp_ms"`
}

// churn replaces light subscribers chosen at random, so many a second, until ctx
// ends, and returns when the last who came is there.
func (l *load) churn(ctx context.Context) ChurnResult {
	tick := time.NewTicker(time.Duration(float64(time.Second) / l.cfg.Churn))
	defer tick.Stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var result ChurnResult
	var times []time.Duration
	// Who has begun to join is let in: the end of the window is no failure.
	joining := context.WithoutCancel(ctx)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			wg.Wait()
			result.FirstRTP = distribution(times)
			return result
		}
		var light []*person
		for _, p := range l.everybody() {
			if !p.full && !p.publishes {
				light = append(light, p)
			}
		}
		if len(light) == 0 {
			continue
		}
		who := light[rand.IntN(len(light))]
		wg.Go(func() {
			defer recovery.RecoverWithPrefix("churn")
			l.leave([]*person{who})
			p := l.enter(joining, who.room, role{listens: who.listens})
			mu.Lock()
			defer mu.Unlock()
			result.Left++
			if p == nil {
				return
			}
			if t := p.times(); !t.FirstRTP.IsZero() {
				result.Came++
				times = append(times, t.FirstRTP.Sub(t.Dial))
			}
		})
	}
}
