package nack

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.Unix(1000, 0)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

// asked returns what Due asks for at each of the times, in milliseconds.
func asked(tr *Tracker, rtt time.Duration, times ...int) [][]uint16 {
	var all [][]uint16
	for _, ms := range times {
		all = append(all, tr.Due(at(ms), rtt, nil))
	}
	return all
}

func TestFirstRequest(t *testing.T) {
	tr := New(100)
	tr.Received(100, at(0))
	tr.Received(102, at(1))
	if got := tr.Due(at(1), 0, nil); got != nil {
		t.Errorf("asked at once for what may be reordered: %v", got)
	}
	tr.Received(103, at(2))
	if got := tr.Due(at(10), 0, nil); got != nil {
		t.Errorf("asked after 9 ms and two later packets: %v", got)
	}
	if next, ok := tr.Next(0); !ok || !next.Equal(at(11)) {
		t.Errorf("next at %v, %v", next, ok)
	}
	if got := tr.Due(at(11), 0, nil); !slices.Equal(got, []uint16{101}) {
		t.Errorf("after 10 ms: %v", got)
	}

	tr = New(100)
	tr.Received(100, at(0))
	for n := int64(102); n <= 104; n++ {
		tr.Received(n, at(1))
	}
	if got := tr.Due(at(1), 0, nil); !slices.Equal(got, []uint16{101}) {
		t.Errorf("after three later packets: %v", got)
	}
}

func TestReorderedIsNotAskedFor(t *testing.T) {
	tr := New(100)
	for _, n := range []int64{100, 102, 101, 105, 103, 104} {
		tr.Received(n, at(1))
		if got := tr.Due(at(5), 0, nil); got != nil {
			t.Errorf("asked for %v", got)
		}
	}
	if _, ok := tr.Next(0); ok || tr.Missing() != 0 {
		t.Error("still waits for something")
	}
	if got, want := tr.Stats(), (Stats{Missed: 3, Late: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name  string
		rtt   time.Duration
		times []int // at which it is asked for; just before, it is not
	}{
		// 40 ms, then a quarter more each time.
		{"short RTT", 10 * time.Millisecond, []int{10, 50, 100, 163, 242, 340, 463, 616, 807}},
		{"RTT 80 ms", 80 * time.Millisecond, []int{10, 110, 235, 392, 588, 833}},
		{"unknown RTT", 0, []int{10, 135, 292, 488, 733}},
		{"RTT of a satellite", 700 * time.Millisecond, []int{10, 885}},
	} {
		tr := New(100)
		tr.Received(100, at(0))
		tr.Received(102, at(0))
		for _, ms := range c.times {
			if got := tr.Due(at(ms-1), c.rtt, nil); got != nil {
				t.Errorf("%s: asked %v before %d ms", c.name, got, ms)
			}
			if got := tr.Due(at(ms), c.rtt, nil); !slices.Equal(got, []uint16{101}) {
				t.Errorf("%s: not asked at %d ms: %v", c.name, ms, got)
			}
		}
		if got := asked(tr, c.rtt, 999, 1000, 1001, 5000); slices.ContainsFunc(got, func(s []uint16) bool { return s != nil }) {
			t.Errorf("%s: asked after the last time: %v", c.name, got)
		}
		if tr.Missing() != 0 || tr.Stats().GivenUp != 1 || tr.Stats().Asked != uint64(len(c.times)) {
			t.Errorf("%s: %d missing, %+v", c.name, tr.Missing(), tr.Stats())
		}
	}
}

func TestRepaired(t *testing.T) {
	tr := New(100)
	tr.Received(65535, at(0))
	tr.Received(65539, at(0))
	if got := tr.Due(at(20), 0, nil); !slices.Equal(got, []uint16{0, 1, 2}) {
		t.Fatalf("across the wrap: %v", got)
	}
	tr.Received(65537, at(60))
	tr.Received(65537, at(61)) // once more, as probing
	if got := tr.Due(at(500), 0, nil); !slices.Equal(got, []uint16{0, 2}) {
		t.Errorf("after the repair: %v", got)
	}
	if got := tr.Stats(); got.Repaired != 1 || tr.NeedKeyframe() {
		t.Errorf("%+v", got)
	}
}

func TestNeedKeyframe(t *testing.T) {
	tr := New(600)
	tr.Received(100, at(0))
	tr.Received(102, at(0))
	tr.Received(603, at(1)) // 500 missing: still repaired
	if tr.NeedKeyframe() || tr.Missing() != 501 {
		t.Fatalf("%d missing", tr.Missing())
	}
	tr.Received(1105, at(2)) // 501 missing
	if !tr.NeedKeyframe() || tr.Missing() != 0 || tr.Due(at(100), 0, nil) != nil {
		t.Errorf("%d missing after a long gap", tr.Missing())
	}
	if tr.NeedKeyframe() {
		t.Error("told twice")
	}
	if got := tr.Stats(); got.GivenUp != got.Missed || got.Missed != 1+500+501 {
		t.Errorf("%+v", got)
	}

	tr = New(10)
	tr.Received(0, at(0))
	tr.Received(12, at(0))
	if !tr.NeedKeyframe() || tr.Missing() != 10 {
		t.Errorf("over the limit: %d missing", tr.Missing())
	}
	if got := tr.Due(at(50), 0, nil); len(got) != 10 || got[0] != 2 {
		t.Errorf("the newest ten are asked for, not %v", got)
	}
}

// With random loss, reordering and repair nobody is asked for what has come,
// never more than nine times, and every missing packet is accounted for.
func TestAccounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 10 {
		tr := New(200)
		came := map[int64]bool{}
		tries := map[uint16]int{}
		n, now := int64(60000), start
		for range 2000 {
			now = now.Add(time.Duration(rng.IntN(3000)) * time.Microsecond)
			switch r := rng.IntN(100); {
			case r < 5:
				n += rng.Int64N(20)
			case r < 10:
				old := max(n-rng.Int64N(100), 60000)
				tr.Received(old, now)
				came[old] = true
			}
			n++
			tr.Received(n, now)
			came[n] = true
			for _, sn := range tr.Due(now, 30*time.Millisecond, nil) {
				ext := n - int64(uint16(n)-sn)
				if came[ext] {
					t.Fatalf("asked for %d, which came", ext)
				}
				if tries[sn]++; tries[sn] > 9 {
					t.Fatalf("asked %d times for %d", tries[sn], ext)
				}
			}
			if next, ok := tr.Next(30 * time.Millisecond); ok && !next.After(now) && len(tr.Due(now, 30*time.Millisecond, nil)) > 0 {
				t.Fatal("Due leaves something undone")
			}
		}
		s := tr.Stats()
		if s.Missed != s.Repaired+s.Late+s.GivenUp+uint64(tr.Missing()) {
			t.Fatalf("%+v and %d missing", s, tr.Missing())
		}
	}
}

func TestNothingMissingAllocatesNothing(t *testing.T) {
	tr, n := New(100), int64(0)
	dst := make([]uint16, 0, 100)
	if allocs := testing.AllocsPerRun(1000, func() {
		n += 2
		tr.Received(n+1, at(0))
		tr.Received(n, at(0))
		dst = tr.Due(at(0), 0, dst[:0])
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkReceived(b *testing.B) {
	tr, n := New(500), int64(0)
	dst := make([]uint16, 0, 500)
	b.ReportAllocs()
	for b.Loop() {
		n++
		if n%50 != 0 { // 2 % loss, never repaired
			now := at(int(n * 4))
			tr.Received(n, now)
			dst = tr.Due(now, 50*time.Millisecond, dst[:0])
		}
	}
}

// Received tells when Due has something to do sooner than its owner knows: with each gap,
// and when enough later packets have come.
func TestReceivedTellsWhenToLook(t *testing.T) {
	tr := New(100)
	now := time.Now()
	for _, p := range []struct {
		sn     int64
		sooner bool
	}{
		{1, false}, {2, false}, // in order
		{4, true},             // 3 is missing
		{5, false}, {6, true}, // three later ones have come
		{7, false}, {6, false}, // asked for or not, once is enough; a repetition
		{10, true},             // 8 and 9 are missing
		{11, true}, {12, true}, // 8 has three later ones, then 9
		{3, false}, {8, false}, {9, false}, {13, false}, // repairs
		{2000, true}, // given up: a keyframe
	} {
		if got := tr.Received(p.sn, now); got != p.sooner {
			t.Errorf("packet %d: %v", p.sn, got)
		}
	}
	// What has been asked for is not due anew by later packets.
	tr = New(100)
	tr.Received(1, now)
	tr.Received(3, now)
	if got := tr.Due(now.Add(reorderTime), 0, nil); len(got) != 1 {
		t.Fatalf("asked for %v", got)
	}
	for sn := int64(4); sn < 10; sn++ {
		if tr.Received(sn, now) {
			t.Errorf("packet %d tells of one that has been asked for", sn)
		}
	}
}
