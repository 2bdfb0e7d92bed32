//go:build !race

// Under the race detector a sync.Pool drops a part of what it is given, on
// purpose, so allocations say nothing there.

package packet

import "testing"

func TestReceivingAllocatesNothing(t *testing.T) {
	pool := NewPool()
	small, large := build(0, make([]byte, 100)), build(0, make([]byte, 1100))
	if n := testing.AllocsPerRun(1000, func() {
		for _, b := range [][]byte{small, large} {
			p := pool.Get()
			if err := p.Parse(copy(p.Buf(), b)); err != nil {
				t.Fatal(err)
			}
			p.Retain()
			p.Release()
			p.Release()
		}
	}); n >= 1 { // a garbage collection in between may empty the pool
		t.Errorf("%v allocations for two packets", n)
	}
}
