//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"aq-server/internal/recovery"
)

// run loads a server as the flags say and returns what it found.
func run(ctx context.Context, cfg options, out io.Writer) (*Result, error) {
	if err := raiseDescriptors(); err != nil {
		return nil, err
	}
	address, pid := strings.TrimSuffix(cmp.Or(cfg.LiveKit, cfg.URL), "/"), cfg.PID
	metrics := ""
	if !cfg.livekit() {
		metrics = metricsOf(address)
	}
	s, err := cfg.start(ctx)
	if err != nil {
		return nil, err
	}
	if s != nil {
		defer s.stop()
		address, metrics, pid = s.url, s.metrics, s.cmd.Process.Pid
	}
	l, err := newLoad(cfg, address, pid, out)
	if err != nil {
		return nil, err
	}
	defer l.close()
	var before usage
	var held holdings
	if pid != 0 {
		if before, err = usageOf(pid); err != nil {
			return nil, err
		}
		held = holdingsOf(metrics, pid)
	}
	r := &Result{}
	if cfg.Search {
		err = l.runSearch(ctx, r)
	} else {
		err = l.runOnce(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	r.Joins = l.joins()
	if n := float64(r.Connections); n > 0 && pid != 0 {
		now := holdingsOf(metrics, pid)
		r.RSSPerConnection = (r.ServerRSS - float64(before.rss)/1024) / n
		r.GoroutinesPerConnection = max(now.goroutines-held.goroutines, 0) / n
		r.DescriptorsPerConnection = max(now.descriptors-held.descriptors, 0) / n
	}
	for _, f := range l.failuresSoFar() {
		r.Failures = append(r.Failures, f.Error())
	}
	return r, nil
}

func (l *load) runSearch(ctx context.Context, r *Result) error {
	first, _ := l.cfg.plan()
	l.admit(ctx, first, false)
	found, w, err := l.search(ctx)
	r.Search, r.Window = &found, w
	return err
}

// settle lets what joins have stirred up pass.
func (l *load) settle(ctx context.Context) error {
	select {
	case <-time.After(l.cfg.Settle):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// runOnce fills the rooms, waits until the joins are over and done with, and
// measures once, with chat and churn beside.
func (l *load) runOnce(ctx context.Context, r *Result) error {
	l.populate(ctx)
	if len(l.everybody()) == 0 {
		return errors.Join(append(l.failuresSoFar(), ctx.Err(), errors.New("nobody could join"))...)
	}
	done := l.progress(ctx, len(l.everybody()))
	defer done()
	if err := l.settle(ctx); err != nil {
		return err
	}
	beside, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	l.chats.open.Store(true)
	if l.cfg.Chat > 0 {
		wg.Go(func() {
			defer recovery.RecoverWithPrefix("chat")
			r.Chat = &ChatResult{Sent: l.chat(beside)}
		})
	}
	if l.cfg.Churn > 0 {
		wg.Go(func() {
			defer recovery.RecoverWithPrefix("churn")
			churned := l.churn(beside)
			r.Churn = &churned
		})
	}
	w, err := l.window(ctx, l.cfg.Duration)
	cancel()
	wg.Wait()
	if r.Chat != nil {
		r.Chat.Latency = distribution(l.chats.take())
	}
	r.Window = w
	return err
}
