// Package timeline keeps the last things that happened to one person, for
// whoever wants to know afterwards why he froze at 10:32. What is logged about
// him goes there too, whatever the level of the log.
package timeline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Most is how many entries are kept; the oldest go first.
const Most = 200

const (
	maxText  = 128
	maxAttrs = 12
)

// Entry is one thing that happened.
type Entry struct {
	Time  time.Time         `json:"time"`
	Event string            `json:"event"`
	Data  map[string]string `json:"data,omitempty"`
}

// Timeline is a bounded list of entries. Its methods may be called from any
// goroutine, also under a lock.
type Timeline struct {
	mu   sync.Mutex // a leaf
	list []Entry    // a ring once it has Most
	next int        // of the ring
}

// Add notes something. Data is kept as it is.
func (t *Timeline) Add(at time.Time, event string, data map[string]string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := Entry{at.UTC(), event, data}
	if len(t.list) < Most {
		t.list = append(t.list, e)
		return
	}
	t.list[t.next] = e
	t.next = (t.next + 1) % Most
}

// Entries returns a copy, the oldest first.
func (t *Timeline) Entries() []Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Entry, 0, len(t.list))
	return append(append(list, t.list[t.next:]...), t.list[:t.next]...)
}

// Logger returns a logger like log whose records are noted as well, from level
// Info on.
func (t *Timeline) Logger(log *slog.Logger) *slog.Logger {
	return slog.New(&tee{next: log.Handler(), to: t})
}

// tee is a slog.Handler that passes records on and notes them.
type tee struct {
	next  slog.Handler
	to    *Timeline
	attrs []slog.Attr // of With, their groups in their names
	group string
}

// Enabled is true where either side wants the record.
func (h *tee) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.next.Enabled(ctx, level)
}

// Handle notes the record and passes it on.
func (h *tee) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		data := map[string]string{}
		put := func(a slog.Attr) bool {
			if len(data) < maxAttrs {
				data[clip(a.Key)] = clip(a.Value.Resolve().String())
			}
			return true
		}
		for _, a := range h.attrs {
			put(a)
		}
		r.Attrs(func(a slog.Attr) bool {
			a.Key = h.group + a.Key
			return put(a)
		})
		if len(data) == 0 {
			data = nil
		}
		h.to.Add(r.Time, clip(r.Message), data)
	}
	if !h.next.Enabled(ctx, r.Level) {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.next = h.next.WithAttrs(attrs)
	c.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		a.Key = h.group + a.Key
		c.attrs = append(c.attrs, a)
	}
	return &c
}

// WithGroup implements slog.Handler.
func (h *tee) WithGroup(name string) slog.Handler {
	c := *h
	c.next = h.next.WithGroup(name)
	c.group = h.group + name + "."
	return &c
}

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText] + "…"
	}
	return s
}
