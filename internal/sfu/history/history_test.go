package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"aq-server/internal/sfu/packet"
)

// source makes packets and counts, by the panics of packet, their references.
type source struct {
	t     testing.TB
	pool  *packet.Pool
	start time.Time
}

func newSource(t testing.TB) *source {
	return &source{t: t, pool: packet.NewPool(), start: time.Unix(1000, 0)}
}

// make returns packet n of a stream that sends one a millisecond.
func (s *source) make(n int64) *packet.Packet {
	s.t.Helper()
	p := s.pool.Get()
	b := p.Buf()
	copy(b, []byte{0x80, 96, byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, 0, 1, byte(n)})
	if err := p.Parse(13); err != nil {
		s.t.Fatal(err)
	}
	p.ExtSN, p.ExtTS = n, n
	p.Arrival = s.start.Add(time.Duration(n) * time.Millisecond)
	return p
}

// add gives packet n to h and drops the own reference.
func (s *source) add(h *History, n int64, change ...func(*packet.Packet)) bool {
	s.t.Helper()
	p := s.make(n)
	for _, f := range change {
		f(p)
	}
	defer p.Release()
	return h.Add(p)
}

func keyframe(p *packet.Packet) { p.Keyframe = true }

func has(h *History, n int64) bool {
	p := h.Get(n)
	if p == nil {
		return false
	}
	defer p.Release()
	if p.ExtSN != n {
		panic(fmt.Sprintf("Get(%d) returned %d", n, p.ExtSN))
	}
	return true
}

func numbers(ps []*packet.Packet) []int64 {
	var ns []int64
	for _, p := range ps {
		ns = append(ns, p.ExtSN)
		p.Release()
	}
	return ns
}

func TestAddAndGet(t *testing.T) {
	s, h := newSource(t), New(8)
	defer h.Close()
	for _, step := range []struct {
		n     int64
		added bool
		held  []int64
		gone  []int64
	}{
		{n: 100, added: true, held: []int64{100}, gone: []int64{99, 101, 108, 92}},
		{n: 100, added: false, held: []int64{100}},
		{n: 98, added: true, held: []int64{98, 100}}, // reordered before the first
		{n: 92, added: false, held: []int64{98, 100}},
		{n: 103, added: true, held: []int64{98, 100, 103}, gone: []int64{101, 102}},
		{n: 101, added: true, held: []int64{100, 101, 103}},
		{n: 106, added: true, held: []int64{100, 101, 103, 106}, gone: []int64{98}},
		{n: 98, added: false, gone: []int64{98}},
		{n: 1000, added: true, held: []int64{1000}, gone: []int64{100, 101, 103, 106, 992, 1008}},
		{n: 992, added: false},
		{n: 993, added: true, held: []int64{993, 1000}},
	} {
		if got := s.add(h, step.n); got != step.added {
			t.Fatalf("add %d: %v", step.n, got)
		}
		for _, n := range step.held {
			if !has(h, n) {
				t.Fatalf("after %d: %d is missing", step.n, n)
			}
		}
		for _, n := range step.gone {
			if has(h, n) {
				t.Fatalf("after %d: %d is there", step.n, n)
			}
		}
	}
}

func TestReferences(t *testing.T) {
	s, h := newSource(t), New(4)
	p := s.make(10)
	h.Add(p)
	p.Release() // the history's is left
	q := h.Get(10)
	s.add(h, 20) // pushes 10 out
	if q.Payload[0] != 10 {
		t.Fatal("taken away from its owner")
	}
	q.Release()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the history still held a packet that it pushed out")
			}
		}()
		q.Release()
	}()

	last := h.Get(20)
	h.Close()
	h.Close()
	if h.Get(20) != nil || s.add(h, 21) {
		t.Error("closed, and still keeps packets")
	}
	last.Release()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Close left a reference")
			}
		}()
		last.Release()
	}()
}

func TestMaxAge(t *testing.T) {
	s, h := newSource(t), New(1024)
	defer h.Close()
	h.SetMaxAge(100 * time.Millisecond)
	for n := int64(1000); n <= 1200; n += 2 {
		s.add(h, n)
	}
	if has(h, 1098) {
		t.Error("102 ms old and still there")
	}
	if !has(h, 1100) {
		t.Error("100 ms old and gone")
	}
	if s.add(h, 1097) {
		t.Error("took one that is older than those released")
	}
	if !s.add(h, 1101, func(p *packet.Packet) { p.Arrival = s.start.Add(1201 * time.Millisecond) }) {
		t.Error("a repair within the window is refused")
	}
	// All old at once: the newest stays, and what lies behind it is not wanted.
	s.add(h, 1300, func(p *packet.Packet) { p.Arrival = s.start.Add(time.Hour) })
	if !has(h, 1300) || has(h, 1200) {
		t.Error("after a pause: newest gone, or older ones kept")
	}
}

// A missing packet right before the oldest held one can still come.
func TestMaxAgeKeepsRoomForRepair(t *testing.T) {
	s, h := newSource(t), New(64)
	defer h.Close()
	h.SetMaxAge(time.Millisecond)
	s.add(h, 10)
	s.add(h, 12)
	s.add(h, 13)
	if has(h, 10) || !has(h, 12) {
		t.Fatal("10 should be gone, 12 not")
	}
	if !s.add(h, 11, func(p *packet.Packet) { p.Arrival = s.start.Add(13 * time.Millisecond) }) || !has(h, 11) {
		t.Error("repair refused")
	}
	s.add(h, 15)
	if has(h, 11) || has(h, 12) || has(h, 13) {
		t.Error("the repaired packet does not age")
	}
	if !s.add(h, 11+64) {
		t.Error("the repaired packet still has its place")
	}
}

func TestMaxAgeAfterTheRingTurned(t *testing.T) {
	s, h := newSource(t), New(8)
	defer h.Close()
	h.SetMaxAge(3 * time.Millisecond)
	for n := int64(1); n <= 20; n++ {
		s.add(h, n)
	}
	s.add(h, 40) // all places are new
	for n := int64(41); n <= 50; n++ {
		s.add(h, n)
		if has(h, n-4) || !has(h, max(n-3, 40)) {
			t.Fatalf("at %d: four old %v, three old %v", n, has(h, n-4), has(h, n-3))
		}
	}
}

func TestFromKeyframe(t *testing.T) {
	sameTS := func(ts int64) func(*packet.Packet) {
		return func(p *packet.Packet) { p.ExtTS = ts }
	}
	type step struct {
		n      int64
		change []func(*packet.Packet)
	}
	key := func(n int64, more ...func(*packet.Packet)) step {
		return step{n, append(more, keyframe)}
	}
	delta := func(n int64) step { return step{n: n} }
	for _, c := range []struct {
		name  string
		limit int
		steps []step
		want  []int64
	}{
		{"nothing yet", 10, nil, nil},
		{"no keyframe", 10, []step{delta(5), delta(6)}, nil},
		{"from the keyframe on", 10, []step{delta(5), key(6), delta(7), delta(8)}, []int64{6, 7, 8}},
		{"the last of two", 10, []step{key(5), delta(6), key(7), delta(8)}, []int64{7, 8}},
		{"exactly the limit", 3, []step{key(6), delta(7), delta(8)}, []int64{6, 7, 8}},
		{"over the limit", 2, []step{key(6), delta(7), delta(8)}, nil},
		{"a late older keyframe", 10, []step{delta(5), key(7), delta(8), key(6)}, []int64{7, 8}},
		{"a late newer keyframe", 10, []step{key(4), delta(5), delta(8), key(7)}, []int64{7, 8}},
		{"two starts in one picture", 10, []step{key(5, sameTS(5)), key(6, sameTS(5)), delta(7)}, []int64{5, 6, 7}},
		{"two starts, reordered", 10, []step{key(6, sameTS(5)), key(5, sameTS(5)), delta(7)}, []int64{5, 6, 7}},
		{"two missing", 10, []step{key(5), delta(8)}, []int64{5, 8}},
		{"three missing", 10, []step{key(5), delta(9)}, nil},
		{"keyframe gone", 100, []step{key(5), delta(40)}, nil},
		{"keyframe gone, older one comes", 100, []step{key(5), delta(40), key(30), delta(31), delta(32), delta(33), delta(34), delta(35), delta(36), delta(38)}, []int64{30, 31, 32, 33, 34, 35, 36, 38, 40}},
	} {
		s, h := newSource(t), New(16)
		for _, step := range c.steps {
			s.add(h, step.n, step.change...)
		}
		if got := numbers(h.FromKeyframe(c.limit, nil)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if n, ok := h.LastKeyframe(); len(c.want) > 0 && (!ok || n != c.want[0]) {
			t.Errorf("%s: last keyframe %d, %v", c.name, n, ok)
		}
		h.Close()
	}
}

// TestModel compares with a map, and finds every reference released at the end.
func TestModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		s, h := newSource(t), New(32)
		held := map[int64]*packet.Packet{}
		highest, first := int64(0), true
		for range 200 {
			n := highest + rng.Int64N(48) - 40
			if rng.IntN(50) == 0 {
				n = highest + rng.Int64N(100)
			}
			p := s.make(n)
			if first {
				first, highest = false, n
			}
			highest = max(highest, n)
			for k := range held {
				if k <= highest-32 {
					delete(held, k)
				}
			}
			_, dup := held[n]
			want := !dup && n > highest-32
			if got := h.Add(p); got != want {
				t.Fatalf("add %d with highest %d: %v", n, highest, got)
			}
			if want {
				held[n] = p
			}
			p.Release()
			for k := highest - 40; k < highest+40; k++ {
				if got := has(h, k); got != (held[k] != nil) {
					t.Fatalf("%d held: %v", k, got)
				}
			}
		}
		h.Close()
		for n, p := range held {
			func() {
				defer func() {
					if recover() == nil {
						t.Fatalf("%d still has a reference", n)
					}
				}()
				p.Release()
			}()
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s, h := newSource(t), New(64)
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		wg.Go(func() { // ends when done is closed
			for n := int64(0); ; n++ {
				select {
				case <-done:
					return
				default:
				}
				if p := h.Get(n % 2000); p != nil {
					if p.Payload[0] != byte(p.ExtSN) {
						t.Error("another packet's memory")
					}
					p.Release()
				}
				for _, p := range h.FromKeyframe(64, nil) {
					p.Release()
				}
			}
		})
	}
	for n := range int64(2000) {
		s.add(h, n, func(p *packet.Packet) { p.Keyframe = n%50 == 0 })
	}
	h.Close()
	close(done)
	wg.Wait()
}

func BenchmarkAddAndGet(b *testing.B) {
	s, h := newSource(b), New(512)
	defer h.Close()
	n := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		s.add(h, n)
		if p := h.Get(n); p != nil {
			p.Release()
		}
	}
}
