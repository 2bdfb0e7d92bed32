package forward

import "math"

// segment maps the source numbers [first, end) of one stream: out = source+off.
type segment struct {
	stream Stream
	epoch  uint64
	first  int64
	end    int64 // open while the newest
	off    int64
	tsOff  uint32
	vp8    vp8Offsets
}

// open is the end of a segment that has none yet.
const open = math.MaxInt64

// maxSegments bounds the table. Each padding-only packet between others takes
// one; with RTX negotiated senders pad on the RTX stream, so they are rare.
const maxSegments = 16

// segments is a ring of the newest segments. Their source ranges do not overlap
// within an epoch, their out ranges never do, and both only rise.
type segments struct {
	ring  [maxSegments]segment
	head  int // of the newest
	count int
}

// add makes s the newest and forgets the oldest if there is no room.
func (t *segments) add(s segment) *segment {
	t.head = (t.head + 1) % maxSegments
	t.count = min(t.count+1, maxSegments)
	t.ring[t.head] = s
	return &t.ring[t.head]
}

// at returns the i-th segment, counted from the newest, 0.
func (t *segments) at(i int) *segment {
	return &t.ring[(t.head+maxSegments-i)%maxSegments]
}

func (t *segments) newest() *segment { return t.at(0) }

// fullAbove reports whether add would forget numbers above out.
func (t *segments) fullAbove(out int64) bool {
	if t.count < maxSegments {
		return false
	}
	oldest := t.at(maxSegments - 1)
	return oldest.end-1+oldest.off > out
}

// trim ends the table at out, for a new epoch begins right behind it: numbers
// above, kept for packets that did not come, are free again.
func (t *segments) trim(out int64) {
	for t.count > 0 {
		s := t.newest()
		if s.first+s.off <= out {
			s.end = min(s.end, out-s.off+1)
			return
		}
		t.head = (t.head + maxSegments - 1) % maxSegments
		t.count--
	}
}

// bySource returns the segment of source number n in this epoch. It is nil when
// n was left out, and gone when the table does not reach back that far.
func (t *segments) bySource(epoch uint64, n int64) (s *segment, gone bool) {
	for i := range t.count {
		s := t.at(i)
		if s.epoch != epoch {
			return nil, false
		}
		if n >= s.first {
			if n < s.end {
				return s, false
			}
			return nil, false
		}
	}
	return nil, true
}

// byOut returns the segment of the number n that a subscriber knows, or nil.
func (t *segments) byOut(n int64) *segment {
	for i := range t.count {
		s := t.at(i)
		if n >= s.first+s.off {
			if s.end == open || n < s.end+s.off {
				return s
			}
			return nil
		}
	}
	return nil
}
