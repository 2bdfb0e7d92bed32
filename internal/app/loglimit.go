package app

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// So many lines a second the log gets for one cause. What clients can make the
// server say without end are refusals; the rest is bounded by them, and may come
// in a burst when many people come at once.
const (
	refusalLines = 10
	otherLines   = 200
	// maxCauses bounds the memory: messages are constants of the program, codes
	// too.
	maxCauses = 1000
)

// causes are the keys of attributes that tell one refusal from another.
var causes = map[string]bool{"code": true}

// limited is a slog.Handler that lets only so many lines of one cause through in
// a second, and says with the next one how many there were.
type limited struct {
	next  slog.Handler
	state *logLimits
}

type logLimits struct {
	now func() time.Time

	mu     sync.Mutex // a leaf
	causes map[string]*cause
}

type cause struct {
	second  int64
	lines   int
	dropped int
}

// limitLog returns a handler like next with the limits.
func limitLog(next slog.Handler, now func() time.Time) slog.Handler {
	return &limited{next: next, state: &logLimits{now: now, causes: map[string]*cause{}}}
}

// Enabled implements slog.Handler.
func (h *limited) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle passes a record on unless there were too many like it.
func (h *limited) Handle(ctx context.Context, r slog.Record) error {
	key, most := r.Message, otherLines
	r.Attrs(func(a slog.Attr) bool {
		if causes[a.Key] {
			key, most = key+"\x00"+a.Value.String(), refusalLines
		}
		return true
	})
	if r.Level >= slog.LevelWarn {
		most = refusalLines
	}
	ok, dropped := h.state.take(key, most)
	if !ok {
		return nil
	}
	if dropped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("not_logged", dropped))
	}
	return h.next.Handle(ctx, r)
}

// take counts a line. dropped is how many of its cause were dropped before.
func (l *logLimits) take(key string, most int) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	second := l.now().Unix()
	c := l.causes[key]
	if c == nil {
		if len(l.causes) >= maxCauses {
			clear(l.causes)
		}
		c = &cause{}
		l.causes[key] = c
	}
	if c.second != second {
		c.second, c.lines = second, 0
	}
	if c.lines >= most {
		c.dropped++
		return false, 0
	}
	c.lines++
	dropped, c.dropped = c.dropped, 0
	return true, dropped
}

// WithAttrs implements slog.Handler.
func (h *limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &limited{h.next.WithAttrs(attrs), h.state}
}

// WithGroup implements slog.Handler.
func (h *limited) WithGroup(name string) slog.Handler {
	return &limited{h.next.WithGroup(name), h.state}
}
