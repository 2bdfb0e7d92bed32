package seqnum

import (
	"math/rand/v2"
	"testing"
)

func TestDiffAndLess(t *testing.T) {
	for _, c := range []struct {
		a, b uint16
		diff int
		less bool
	}{
		{0, 0, 0, false},
		{1, 0, 1, false},
		{0, 1, -1, true},
		{0, 65535, 1, false},
		{65535, 0, -1, true},
		{32767, 0, 32767, false},
		{32768, 0, -32768, false}, // half a circle: neither precedes
		{0, 32768, -32768, false},
		{0, 32769, 32767, false},
	} {
		if got := Diff16(c.a, c.b); got != c.diff {
			t.Errorf("Diff16(%d, %d) = %d, want %d", c.a, c.b, got, c.diff)
		}
		if got := Less16(c.a, c.b); got != c.less {
			t.Errorf("Less16(%d, %d) = %v, want %v", c.a, c.b, got, c.less)
		}
		// The same picture on the circle of 32 bits.
		a, b := uint32(c.a)<<16, uint32(c.b)<<16
		if got := Diff32(a, b); got != c.diff<<16 {
			t.Errorf("Diff32(%d, %d) = %d, want %d", a, b, got, c.diff<<16)
		}
		if got := Less32(a, b); got != c.less {
			t.Errorf("Less32(%d, %d) = %v, want %v", a, b, got, c.less)
		}
	}
}

func TestUnwrap(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []uint16
		want []int64
	}{
		{"first of all", []uint16{0}, []int64{65536}},
		{"reordered before the first", []uint16{0, 65535, 1}, []int64{65536, 65535, 65537}},
		{"wraps up", []uint16{65534, 65535, 0, 1}, []int64{131070, 131071, 131072, 131073}},
		{"late one from before the wrap", []uint16{65535, 1, 0, 65534}, []int64{131071, 131073, 131072, 131070}},
		{"half a turn counts as older", []uint16{40000, 7232}, []int64{105536, 72768}},
		{"late ones do not move the reference", []uint16{30000, 1, 62000}, []int64{95536, 65537, 127536}},
	} {
		var u Unwrapper16
		for i, v := range c.in {
			if got := u.Unwrap(v); got != c.want[i] {
				t.Errorf("%s: value %d (%d) = %d, want %d", c.name, i, v, got, c.want[i])
			}
		}
	}
}

// Whatever jumps shorter than half a turn come, the truth is found again.
func TestUnwrapFollowsTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var u16 Unwrapper16
		var u32 Unwrapper32
		t16 := cycle16 + rng.Int64N(cycle16)
		t32 := cycle32 + rng.Int64N(cycle32)
		h16, h32 := t16, t32
		for range 200 {
			if got := u16.Unwrap(uint16(t16)); got != t16 {
				t.Fatalf("16 bits: got %d, want %d", got, t16)
			}
			if got := u32.Unwrap(uint32(t32)); got != t32 {
				t.Fatalf("32 bits: got %d, want %d", got, t32)
			}
			if u16.Highest() != h16 || u32.Highest() != h32 {
				t.Fatalf("highest: got %d and %d, want %d and %d", u16.Highest(), u32.Highest(), h16, h32)
			}
			t16 = h16 - 32768 + rng.Int64N(cycle16)
			t32 = h32 - cycle32/2 + rng.Int64N(cycle32)
			h16, h32 = max(h16, t16), max(h32, t32)
		}
	}
}
