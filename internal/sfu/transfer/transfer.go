// Package transfer decides which chunk of a file its sender is asked for next, and
// who gets it. It is pure: it holds no byte of the file, no channel and no clock.
//
// A file is a ring of chunks. Whoever accepts it begins where the stream is when he
// has room first, goes on past the end to the beginning, and is done after one turn. So all
// who take the chunks as they come share one upload, whenever they accepted. Who
// has no room for a chunk when it comes falls behind; the others go on without him,
// and he is served from where he stopped when they have no room or are done.
//
//	asked:        start ... end      the sender has been asked for these
//	in step:      next == start      takes the next chunk that arrives, as does who
//	                                 has not begun
//	behind:       next elsewhere     waits until the stream is led there
package transfer

import (
	"errors"
	"slices"
)

// ErrNotAsked is a chunk that the sender was not asked for, or out of order.
var ErrNotAsked = errors.New("a chunk that was not asked for")

// Stream is the way of one file to those who have accepted it, each known by a K.
// It has no lock: its owner calls it from one goroutine.
type Stream[K comparable] struct {
	chunks int
	start  int // the chunk that must arrive next
	asked  int // how many from start on have been asked for
	takers []*taker[K]
}

// taker is somebody on his turn.
type taker[K comparable] struct {
	key   K
	begun bool
	next  int // the chunk that he needs next, once he has begun
	left  int // how many he still needs
}

// New returns the stream of a file of so many chunks, at least one.
func New[K comparable](chunks int) *Stream[K] { return &Stream[K]{chunks: chunks} }

// Join adds somebody, who begins where the stream is by then.
func (s *Stream[K]) Join(key K) {
	s.takers = append(s.takers, &taker[K]{key: key, left: s.chunks})
}

// InStep returns who takes the next chunk that arrives, if he has room.
func (s *Stream[K]) InStep() (keys []K) {
	for _, t := range s.takers {
		if s.inStep(t) {
			keys = append(keys, t.key)
		}
	}
	return keys
}

func (s *Stream[K]) inStep(t *taker[K]) bool { return !t.begun || t.next == s.start }

// Leave takes somebody out.
func (s *Stream[K]) Leave(key K) {
	s.takers = slices.DeleteFunc(s.takers, func(t *taker[K]) bool { return t.key == key })
}

// Takers is how many are on their turn.
func (s *Stream[K]) Takers() int { return len(s.takers) }

// Asked is how many chunks the sender still owes.
func (s *Stream[K]) Asked() int { return s.asked }

// Left is how many chunks somebody still needs.
func (s *Stream[K]) Left(key K) int {
	for _, t := range s.takers {
		if t.key == key {
			return t.left
		}
	}
	return 0
}

// Ask returns which chunks to ask the sender for now: at most most, none beyond
// the end of the file. room is how many chunks somebody has room for, those that
// were asked for already not deducted. A count of 0: nothing now.
func (s *Stream[K]) Ask(room func(K) int, most int) (first, count int) {
	if most <= 0 {
		return 0, 0
	}
	fits := s.fits(room)
	if fits <= 0 {
		if s.asked > 0 || !s.seek(room) {
			return 0, 0
		}
		fits = s.fits(room)
	}
	first = (s.start + s.asked) % s.chunks
	count = min(fits, most, s.chunks-first)
	s.asked += count
	return first, count
}

// fits is how many more chunks somebody who is in step can take.
func (s *Stream[K]) fits(room func(K) int) int {
	most := 0
	for _, t := range s.takers {
		if s.inStep(t) {
			most = max(most, min(room(t.key), t.left)-s.asked)
		}
	}
	return most
}

// seek leads the stream to whoever has waited longest of those who have room.
func (s *Stream[K]) seek(room func(K) int) bool {
	for i, t := range s.takers {
		if room(t.key) > 0 {
			if t.begun {
				s.start = t.next
			}
			s.takers = append(slices.Delete(s.takers, i, i+1), t)
			return true
		}
	}
	return false
}

// Arrive takes a chunk and returns who gets it. room says who has room for it.
func (s *Stream[K]) Arrive(chunk int, room func(K) bool) (to []K, err error) {
	if s.asked == 0 || chunk != s.start {
		return nil, ErrNotAsked
	}
	next := (s.start + 1) % s.chunks
	for _, t := range s.takers {
		if s.inStep(t) && room(t.key) {
			to = append(to, t.key)
			t.begun, t.next, t.left = true, next, t.left-1
		}
	}
	s.asked, s.start = s.asked-1, next
	s.takers = slices.DeleteFunc(s.takers, func(t *taker[K]) bool { return t.left == 0 })
	return to, nil
}
