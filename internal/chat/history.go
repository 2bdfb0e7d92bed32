// Package chat keeps the last messages of a room for those who come later or
// come back, and those to and from one person for him alone. Memory is bounded
// three ways: messages, bytes, and bytes over all rooms (docs/limits.md, L7).
package chat

import (
	"strconv"
	"sync/atomic"

	"aq-server/internal/types"
)

const (
	// RoomBytes is the most that one room's history holds.
	RoomBytes = 256 << 10
	// PrivateBytes is the same for what was written to and by one person alone.
	PrivateBytes = 64 << 10
	// TotalBytes is the most that the histories of one server hold together.
	TotalBytes = 256 << 20

	// overhead is what a kept message costs beside its text: eight string
	// headers and the slot in the slice, rounded up.
	overhead = 160
)

// Budget is the memory, in bytes, that several histories share. It is safe for
// concurrent use.
type Budget struct{ left atomic.Int64 }

// NewBudget returns a budget of n bytes.
func NewBudget(n int64) *Budget {
	b := &Budget{}
	b.left.Store(n)
	return b
}

// Left returns how many bytes are still free.
func (b *Budget) Left() int64 { return b.left.Load() }

func (b *Budget) take(n int64) bool {
	for {
		left := b.left.Load()
		if left < n {
			return false
		}
		if b.left.CompareAndSwap(left, left-n) {
			return true
		}
	}
}

func (b *Budget) give(n int64) { b.left.Add(n) }

// History is the last messages of one room, or of one person, oldest first. It has no lock: its
// owner (room.Room) calls it under his own.
type History struct {
	budget *Budget
	count  int
	most   int64 // bytes
	list   []types.ChatMessage
	bytes  int64
}

// NewHistory returns a history of at most count messages (0: none is kept) and
// so many bytes, RoomBytes or PrivateBytes, that draws its memory from budget.
func NewHistory(count int, bytes int64, budget *Budget) *History {
	return &History{budget: budget, count: count, most: bytes}
}

// Add keeps m and lets go of the oldest messages that no longer fit. When the
// shared budget is used up, the room makes place by its own oldest messages
// only; if that is not enough, m is not kept.
func (h *History) Add(m types.ChatMessage) {
	size := sizeOf(m)
	if h.count <= 0 || size > h.most {
		return
	}
	drop := 0
	for drop < len(h.list) && (len(h.list)-drop >= h.count || h.bytes+size > h.most) {
		h.free(h.list[drop])
		drop++
	}
	for !h.budget.take(size) {
		if drop == len(h.list) {
			h.cut(drop)
			return
		}
		h.free(h.list[drop])
		drop++
	}
	h.cut(drop)
	h.bytes += size
	h.list = append(h.list, m)
}

// All returns a copy of what is kept, oldest first, never nil.
func (h *History) All() []types.ChatMessage {
	return append(make([]types.ChatMessage, 0, len(h.list)), h.list...)
}

// Since returns the messages after the one named by id, which need not be kept
// any more. An id that is not a number is older than every message.
func (h *History) Since(id string) []types.ChatMessage {
	last, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return h.All()
	}
	for i, m := range h.list {
		if n, err := strconv.ParseUint(m.ID, 10, 64); err == nil && n > last {
			return append([]types.ChatMessage{}, h.list[i:]...)
		}
	}
	return []types.ChatMessage{}
}

// Merge returns the messages of two lists, both in the order of their ids, as one
// in that order, never nil.
func Merge(a, b []types.ChatMessage) []types.ChatMessage {
	merged := make([]types.ChatMessage, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		first := &a
		if number(b[0].ID) < number(a[0].ID) {
			first = &b
		}
		merged = append(merged, (*first)[0])
		*first = (*first)[1:]
	}
	return append(append(merged, a...), b...)
}

func number(id string) uint64 {
	n, _ := strconv.ParseUint(id, 10, 64) // ids are made by room.Room
	return n
}

// Clear lets go of all messages.
func (h *History) Clear() {
	h.budget.give(h.bytes)
	h.list, h.bytes = nil, 0
}

// Close gives the memory back to the budget. The history is empty afterwards.
func (h *History) Close() { h.Clear() }

// free accounts for the loss of one message.
func (h *History) free(m types.ChatMessage) {
	size := sizeOf(m)
	h.bytes -= size
	h.budget.give(size)
}

// cut removes the n oldest messages, which free has accounted for. They move to
// the front of the same array, so that it never grows beyond what is kept.
func (h *History) cut(n int) {
	if n == 0 {
		return
	}
	kept := copy(h.list, h.list[n:])
	clear(h.list[kept:])
	h.list = h.list[:kept]
}

// sizeOf is what keeping m costs. The strings of Data and Message are one.
func sizeOf(m types.ChatMessage) int64 {
	return int64(overhead + len(m.ID) + len(m.From) + len(m.To) + len(m.Username) + len(m.Message) +
		len(m.Time) + len(m.Timestamp))
}
