// Package seqnum is the arithmetic of counters that wrap around: RTP sequence
// numbers (16 bits) and RTP timestamps (32 bits), RFC 3550 sections 5.1 and
// A.1. It is pure; nothing in it is safe for concurrent use.
package seqnum

// Less16 reports whether a comes before b when the shorter way around the
// circle is taken. Two values exactly half a circle apart precede each other
// in neither order.
func Less16(a, b uint16) bool { return Diff16(b, a) > 0 }

// Less32 is Less16 for 32 bits.
func Less32(a, b uint32) bool { return Diff32(b, a) > 0 }

// Diff16 returns a-b the shorter way around the circle, from -32768 to 32767.
func Diff16(a, b uint16) int { return int(int16(a - b)) }

// Diff32 returns a-b the shorter way around the circle, from -2^31 to 2^31-1.
func Diff32(a, b uint32) int { return int(int32(a - b)) }

// cycle16 and cycle32 are one full turn of the counters.
const (
	cycle16 = int64(1) << 16
	cycle32 = int64(1) << 32
)

// Unwrapper16 turns 16-bit sequence numbers into continuous ones. The zero
// value is ready.
type Unwrapper16 struct {
	highest int64
	started bool
}

// Unwrap returns the number that has v as its low 16 bits and lies nearest to
// the highest one so far. The first value keeps its low bits in the second
// turn (v + 65536), so that packets reordered before it stay positive. A value
// exactly half a turn away counts as older.
func (u *Unwrapper16) Unwrap(v uint16) int64 {
	if !u.started {
		u.started = true
		u.highest = cycle16 + int64(v)
		return u.highest
	}
	n := u.highest + int64(Diff16(v, uint16(u.highest)))
	u.highest = max(u.highest, n)
	return n
}

// Highest returns the highest number so far, 0 before the first.
func (u *Unwrapper16) Highest() int64 { return u.highest }

// Unwrapper32 is Unwrapper16 for 32-bit timestamps. The zero value is ready.
type Unwrapper32 struct {
	highest int64
	started bool
}

// Unwrap is Unwrapper16.Unwrap for 32 bits: the first value is v + 2^32.
func (u *Unwrapper32) Unwrap(v uint32) int64 {
	if !u.started {
		u.started = true
		u.highest = cycle32 + int64(v)
		return u.highest
	}
	n := u.highest + int64(Diff32(v, uint32(u.highest)))
	u.highest = max(u.highest, n)
	return n
}

// Highest returns the highest number so far, 0 before the first.
func (u *Unwrapper32) Highest() int64 { return u.highest }
