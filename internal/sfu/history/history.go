// Package history keeps the last packets of one published layer, for answering
// NACKs of its subscribers and for replaying the last keyframe to a late joiner.
//
// Layout: a ring of power-of-two size, a packet's place is ExtSN modulo size.
// The window is (highest-size, highest]; a slot whose packet has fallen out of
// it is released when the window moves past.
//
//	         oldest                        highest
//	... gone |  k   .   k+2  k+3 ...  h-1     h   | not yet
//	               nil: never came
package history

import (
	"sync"
	"time"

	"aq-server/internal/sfu/packet"
)

// History is safe for concurrent use: the layer's reader adds while the
// goroutines of subscribers look packets up. Its lock is a leaf, held for a few
// instructions (FromKeyframe: for as many as there are packets to return).
type History struct {
	mu     sync.Mutex
	ring   []*packet.Packet
	mask   int64
	maxAge time.Duration

	highest  int64 // ExtSN; valid if started
	oldest   int64 // no packet below is held or wanted
	scan     int64 // >= oldest; nothing is held in between
	started  bool
	closed   bool
	keyframe int64 // ExtSN of the last keyframe's first packet
	keyTS    int64 // its ExtTS
	haveKey  bool
}

// New returns a history of at least capacity packets (rounded up to a power of
// two, 1 at least).
func New(capacity int) *History {
	size := 1
	for size < capacity {
		size *= 2
	}
	return &History{ring: make([]*packet.Packet, size), mask: int64(size - 1)}
}

// SetMaxAge bounds the time that packets are kept, besides the capacity: each
// Add releases those that arrived longer than age before the added one. 0, the
// default, is no bound. It saves the memory of slow layers, where capacity
// would reach back much further than any repair makes sense.
func (h *History) SetMaxAge(age time.Duration) {
	h.mu.Lock()
	h.maxAge = age
	h.mu.Unlock()
}

// Add keeps p with a reference of its own. It is false, and p is not kept, when
// the same ExtSN is there already or p is older than all that are kept: a
// duplicate, such as the retransmissions by which browsers probe for bandwidth,
// or of no use any more.
func (h *History) Add(p *packet.Packet) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	n := p.ExtSN
	switch {
	case !h.started:
		h.started = true
		h.highest, h.oldest, h.scan = n, n-h.mask, n
	case n > h.highest:
		h.releaseBelow(n - h.mask)
		h.highest = n
	case n < h.oldest:
		return false
	}
	slot := &h.ring[n&h.mask]
	if *slot != nil {
		return false
	}
	p.Retain()
	*slot = p
	h.scan = min(h.scan, n)
	if p.Keyframe {
		h.noteKeyframe(p)
	}
	h.releaseOld(p.Arrival)
	return true
}

// noteKeyframe moves the keyframe's start to p unless p is an older picture, or
// a later packet of the same picture that starts one too (two parameter sets in
// two packets).
func (h *History) noteKeyframe(p *packet.Packet) {
	switch {
	case !h.haveKey:
	case p.ExtTS == h.keyTS:
		if p.ExtSN > h.keyframe {
			return
		}
	case p.ExtSN < h.keyframe:
		return
	}
	h.keyframe, h.keyTS, h.haveKey = p.ExtSN, p.ExtTS, true
}

// releaseBelow gives up every packet below n.
func (h *History) releaseBelow(n int64) {
	end := min(n, h.highest+1) // nothing is held above highest
	for ; h.oldest < end; h.oldest++ {
		h.release(h.oldest)
	}
	h.oldest = max(h.oldest, n)
	h.scan = max(h.scan, h.oldest)
}

// releaseOld gives up the oldest packets as long as they are too old. The
// newest stays in any case, and a missing packet can come as long as the one
// behind it is held.
func (h *History) releaseOld(now time.Time) {
	if h.maxAge <= 0 {
		return
	}
	for ; h.scan < h.highest; h.scan++ {
		p := h.ring[h.scan&h.mask]
		if p == nil {
			continue
		}
		if now.Sub(p.Arrival) <= h.maxAge {
			return
		}
		h.release(h.scan)
		h.oldest = h.scan + 1
	}
}

func (h *History) release(n int64) {
	slot := &h.ring[n&h.mask]
	if *slot != nil {
		(*slot).Release()
		*slot = nil
	}
}

// Get returns the packet with this ExtSN, with a reference that the caller must
// release, or nil.
func (h *History) Get(extSN int64) *packet.Packet {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.getLocked(extSN)
	if p != nil {
		p.Retain()
	}
	return p
}

func (h *History) getLocked(extSN int64) *packet.Packet {
	if !h.started || extSN < h.oldest || extSN > h.highest {
		return nil
	}
	return h.ring[extSN&h.mask]
}

// Highest returns the largest ExtSN added, false before the first.
func (h *History) Highest() (extSN int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.highest, h.started
}

// LastKeyframe returns the ExtSN of the first packet of the last keyframe, if
// it is still held.
func (h *History) LastKeyframe() (extSN int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastKeyframeLocked()
}

func (h *History) lastKeyframeLocked() (int64, bool) {
	if !h.haveKey || h.getLocked(h.keyframe) == nil {
		return 0, false
	}
	return h.keyframe, true
}

// maxMissing is how many packets may be missing from a replay, one of 32 but
// two in any case: they can still come, out of order or repaired. More would
// only start a receiver on a picture that it cannot finish.
func maxMissing(n int64) int64 { return max(2, n/32) }

// FromKeyframe appends to dst the first packet of the last keyframe and all
// after it, in order, each with a reference that the caller must release. It
// returns nil, and holds nothing, when there is no keyframe, when that would be
// more than limit packets, or when too many in between are missing.
func (h *History) FromKeyframe(limit int, dst []*packet.Packet) []*packet.Packet {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, ok := h.lastKeyframeLocked()
	if !ok {
		return nil
	}
	n := h.highest - first + 1
	if n > int64(limit) {
		return nil
	}
	missing := int64(0)
	for i := first; i <= h.highest; i++ {
		if h.ring[i&h.mask] == nil {
			missing++
		}
	}
	if missing > maxMissing(n) {
		return nil
	}
	for i := first; i <= h.highest; i++ {
		if p := h.ring[i&h.mask]; p != nil {
			p.Retain()
			dst = append(dst, p)
		}
	}
	return dst
}

// Close releases all packets. Add keeps nothing afterwards, Get finds nothing.
func (h *History) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if !h.started {
		return
	}
	for ; h.oldest <= h.highest; h.oldest++ {
		h.release(h.oldest)
	}
}
