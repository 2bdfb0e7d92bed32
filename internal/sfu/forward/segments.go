package forward

import "math"

// segment maps the source numbers [first, end) of one stream: out = source+off.
type segment struct {
	stream  Stream
	first   int64
	end     int64 // open while the newest
	off     int64
	tsOff   uint32
	offsets offsets
}

// open is the end of a segment that has none yet.
const open = math.MaxInt64

// maxSegments bounds the table. Each padding-only packet between others takes
// one; with RTX negotiated senders pad on the RTX stream, so they are rare.
const maxSegments = 16

// segments is a ring of the newest segments. Both ends of the mapping rise from
// one to the next, but that each epoch has its own source numbers, and that it
// begins right behind the last number sent: above, an older segment may still
// reserve some for packets that never came.
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

// close ends the newest segment, whose epoch is over, at source number end.
func (t *segments) close(end int64) {
	if t.count > 0 {
		t.newest().end = end
	}
}

// bySource returns the segment of a source number of the current epoch, that
// is, from the switch point on: newer segments hide those of older epochs. It
// is nil when n was left out, and gone when the table does not reach back.
func (t *segments) bySource(n int64) (s *segment, gone bool) {
	for i := range t.count {
		s := t.at(i)
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
