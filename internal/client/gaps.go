package client

import (
	"sync"
	"time"

	"aq-server/internal/types"
)

// A Gap is the longest time in which nothing came of one source of a sender.
type Gap struct {
	Longest time.Duration
	// From is when the last packet before it came; zero when nothing came yet.
	From time.Time
}

// Until is when the next packet came.
func (g Gap) Until() time.Time { return g.From.Add(g.Longest) }

// gaps measures over all streams and PeerConnections of a client. Safe for
// concurrent use.
type gaps struct {
	mu   sync.Mutex
	each map[gapKey]gapState
}

type gapKey struct {
	sender uint64
	kind   types.Kind
}

type gapState struct {
	last time.Time
	Gap
}

// packet notes that one came.
func (g *gaps) packet(sender uint64, kind types.Kind, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.each == nil {
		g.each = make(map[gapKey]gapState)
	}
	key := gapKey{sender, kind}
	s := g.each[key]
	s.until(now)
	s.last = now
	g.each[key] = s
}

func (s *gapState) until(now time.Time) {
	if d := now.Sub(s.last); !s.last.IsZero() && d > s.Longest {
		s.Gap = Gap{Longest: d, From: s.last}
	}
}

// Gap returns the longest gap in what came of that kind from the client with
// the tag, since the start or the last ResetGaps. A gap that still lasts counts
// up to now.
func (c *Client) Gap(tag uint64, kind types.Kind) Gap {
	c.gaps.mu.Lock()
	defer c.gaps.mu.Unlock()
	s := c.gaps.each[gapKey{tag, kind}]
	s.until(time.Now())
	return s.Gap
}

// ResetGaps forgets the gaps so far.
func (c *Client) ResetGaps() {
	c.gaps.mu.Lock()
	defer c.gaps.mu.Unlock()
	for key, s := range c.gaps.each {
		c.gaps.each[key] = gapState{last: s.last}
	}
}
