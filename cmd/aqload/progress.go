//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"aq-server/internal/recovery"
)

// terminal tells whether a file is one.
func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// say writes a line of progress.
func (l *load) say(format string, values ...any) {
	if l.out != io.Discard {
		_, _ = fmt.Fprintf(l.out, "\r\033[K"+format, values...) // progress that cannot be shown is not missed
	}
}

func (l *load) failuresSoFar() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.failures)
}

// progress shows how many have joined and what comes to them, until the function
// that it returns is called.
func (l *load) progress(ctx context.Context, all int) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { // ends with done
		defer recovery.RecoverWithPrefix("progress")
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		last, lastAt := l.packets(), time.Now()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			now, at := l.packets(), time.Now()
			l.say("%d of %d are there, %d failures, %.0f packets/s", len(l.everybody()), all, len(l.failuresSoFar()),
				float64(now-last)/at.Sub(lastAt).Seconds())
			last, lastAt = now, at
		}
	})
	return func() {
		cancel()
		wg.Wait()
		l.say("")
	}
}

// packets is how many have come to the light subscribers who are there.
func (l *load) packets() (sum int64) {
	for _, p := range l.everybody() {
		for _, s := range p.counts().streams {
			sum += s.packets
		}
	}
	return sum
}
