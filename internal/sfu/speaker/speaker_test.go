package speaker

import (
	"math"
	"slices"
	"testing"
	"time"
)

// talk plays levels to a Detector in steps of 20 ms, with an Update each
// 100 ms, and counts the changes.
type talk struct {
	t       *testing.T
	d       *Detector[string]
	now     time.Time
	levels  map[string]uint8 // who sends packets, and their level
	ticks   int
	list    []Entry[string]
	changes int
}

func newTalk(t *testing.T) *talk {
	return &talk{t: t, d: New[string](Options{}), now: time.Unix(1000, 0), levels: map[string]uint8{}}
}

func (k *talk) run(d time.Duration) *talk {
	for end := k.now.Add(d); k.now.Before(end); {
		k.now = k.now.Add(20 * time.Millisecond)
		for who, level := range k.levels {
			k.d.Observe(who, level, true, k.now)
		}
		if k.ticks++; k.ticks%5 == 0 {
			var changed bool
			if k.list, changed = k.d.Update(k.now); changed {
				k.changes++
			}
		}
	}
	return k
}

func (k *talk) want(when string, speakers ...string) {
	k.t.Helper()
	var got []string
	for _, e := range k.list {
		got = append(got, e.Key)
	}
	if !slices.Equal(got, speakers) {
		k.t.Errorf("%s: %v speak, want %v", when, got, speakers)
	}
}

func TestOneSpeaker(t *testing.T) {
	k := newTalk(t)
	k.levels["a"], k.levels["b"] = 70, 127
	k.run(time.Second).want("noise")
	if k.changes != 0 {
		t.Errorf("%d changes in silence", k.changes)
	}
	k.levels["a"] = 25
	k.run(100 * time.Millisecond).want("a cough of 100 ms at most")
	k.run(300*time.Millisecond).want("speech", "a")
	k.run(2*time.Second).want("speech", "a")
	if got := 20 * math.Log10(k.list[0].Level); math.Abs(got+25) > 6 {
		t.Errorf("level %v dB", got)
	}
	k.levels["a"] = 80
	k.run(700*time.Millisecond).want("a pause between words", "a")
	k.levels["a"] = 25
	k.run(time.Second).want("goes on", "a")
	k.levels["a"] = 80
	k.run(2 * time.Second).want("silent")
}

func TestMutedSpeakerEnds(t *testing.T) {
	k := newTalk(t)
	k.levels["a"] = 20
	k.run(2*time.Second).want("speech", "a")
	delete(k.levels, "a") // no more packets
	k.run(500*time.Millisecond).want("just muted", "a")
	k.run(2 * time.Second).want("muted")
	k.levels["a"] = 20
	k.run(time.Second).want("again", "a")
}

func TestWithoutVoice(t *testing.T) {
	d := New[int](Options{})
	now := time.Unix(1000, 0)
	for range 100 {
		now = now.Add(20 * time.Millisecond)
		d.Observe(1, 40, false, now) // typing on the keyboard
		d.Observe(2, 40, true, now)
		d.Observe(3, 255, true, now)
	}
	if list, _ := d.Update(now); len(list) != 1 || list[0].Key != 2 {
		t.Errorf("%v speak", list)
	}
}

func TestOrder(t *testing.T) {
	k := newTalk(t)
	k.levels["a"], k.levels["b"], k.levels["c"] = 30, 20, 60
	k.run(time.Second).want("loudest first", "b", "a")
	k.changes = 0
	for range 20 { // hardly different, in turns
		k.levels["a"], k.levels["b"] = 25, 26
		k.run(200 * time.Millisecond)
		k.levels["a"], k.levels["b"] = 26, 25
		k.run(200 * time.Millisecond)
	}
	k.want("about as loud", "b", "a")
	if k.changes > 2 { // the levels have settled
		t.Errorf("%d changes", k.changes)
	}
	k.levels["a"], k.levels["b"] = 15, 30
	k.run(2*time.Second).want("clearly louder", "a", "b")
	k.d.Remove("a")
	k.d.Remove("nobody")
	delete(k.levels, "a")
	k.changes = 0
	k.run(100*time.Millisecond).want("left", "b")
	if k.changes != 1 {
		t.Errorf("%d changes when one left", k.changes)
	}
}

// At the threshold the list does not flap.
func TestHysteresis(t *testing.T) {
	k := newTalk(t)
	k.levels["a"] = 40
	k.run(time.Second).want("speech", "a")
	k.changes = 0
	for range 50 {
		k.levels["a"] = 43
		k.run(300 * time.Millisecond)
		k.levels["a"] = 50
		k.run(300 * time.Millisecond)
	}
	k.want("around the threshold", "a")
	if k.changes != 0 {
		t.Errorf("%d changes", k.changes)
	}
}

func TestChangedLevelIsReported(t *testing.T) {
	k := newTalk(t)
	k.levels["a"] = 30
	k.run(3 * time.Second)
	k.changes = 0
	k.levels["a"] = 33
	k.run(3 * time.Second)
	if k.changes != 0 {
		t.Errorf("3 dB: %d changes", k.changes)
	}
	k.levels["a"] = 10
	k.run(3 * time.Second)
	if k.changes == 0 || k.changes > 4 {
		t.Errorf("23 dB: %d changes", k.changes)
	}
	if got := 20 * math.Log10(k.list[0].Level); math.Abs(got+10) > 6 {
		t.Errorf("last report %v dB", got)
	}
}

func TestLoudest(t *testing.T) {
	k := newTalk(t)
	for _, who := range []string{"a", "b", "c", "d", "e"} {
		k.levels[who] = 90
		k.d.Observe(who, 90, true, k.now) // in this order
	}
	check := func(when string, n int, want ...string) {
		t.Helper()
		if got := k.d.Loudest(n); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	k.run(time.Second)
	check("all silent: oldest first", 9, "a", "b", "c", "d", "e")
	for _, who := range []string{"d", "b"} {
		k.levels[who] = 20
		k.run(time.Second)
		k.levels[who] = 90
		k.run(3 * time.Second)
	}
	check("who spoke last first", 9, "b", "d", "a", "c", "e")
	k.levels["e"], k.levels["c"] = 30, 20
	k.run(time.Second)
	check("speakers before them", 9, "c", "e", "b", "d", "a")
	check("some", 3, "c", "e", "b")
	check("none", 0)
	check("less than none", -1)
	k.d.Remove("c")
	check("one left", 2, "e", "b")
}

// The result does not depend on the order of a map.
func TestNewcomersAreRanked(t *testing.T) {
	for range 20 {
		d := New[int](Options{})
		now := time.Unix(1000, 0)
		for range 100 {
			now = now.Add(20 * time.Millisecond)
			for who := range 10 {
				d.Observe(who, uint8(20+who), true, now)
			}
		}
		list, changed := d.Update(now)
		if !changed || !slices.IsSortedFunc(list, func(a, b Entry[int]) int { return a.Key - b.Key }) {
			t.Fatalf("%v, changed %v", list, changed)
		}
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	d := New[int](Options{})
	now := time.Unix(1000, 0)
	n := 0
	if allocs := testing.AllocsPerRun(1000, func() {
		n++
		now = now.Add(20 * time.Millisecond)
		d.Observe(1, uint8(n%100), true, now)
		d.Observe(2, uint8(n%50), true, now)
		d.Update(now)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkObserve(b *testing.B) {
	d := New[string](Options{})
	now := time.Unix(1000, 0)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(20 * time.Millisecond)
		d.Observe("p_77aa", 30, true, now)
	}
}

func BenchmarkUpdate100(b *testing.B) {
	d := New[int](Options{})
	now := time.Unix(1000, 0)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(100 * time.Millisecond)
		for who := range 100 {
			d.Observe(who, uint8(who), true, now)
		}
		d.Update(now)
	}
}
