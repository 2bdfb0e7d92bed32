package soak

import (
	"fmt"
	"testing"
	"time"
)

// trend fits lines through what the calm moments show. Half of them are at least
// an hour apart in a run of a day, so that a leak of a few bytes a join shows.
type trend struct {
	start time.Time
	list  []sample
}

// mostKept bounds the samples of a long run: then every other one is let go.
const mostKept = 4096

func (tr *trend) add(s sample) {
	if len(tr.list) == 0 {
		tr.start = s.at
	}
	if tr.list = append(tr.list, s); len(tr.list) < mostKept {
		return
	}
	kept := tr.list[:0]
	for i := 0; i < len(tr.list); i += 2 {
		kept = append(kept, tr.list[i])
	}
	tr.list = kept
}

// perHour returns the slope of a value by least squares.
func (tr *trend) perHour(value func(sample) float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, s := range tr.list {
		x, y := s.at.Sub(tr.start).Hours(), value(s)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

func (tr *trend) String() string {
	return fmt.Sprintf("slopes over %v, %d calm moments: heap %+.3f MB/h, RSS %+.3f MB/h, goroutines %+.2f/h, descriptors %+.2f/h",
		tr.list[len(tr.list)-1].at.Sub(tr.start).Round(time.Second), len(tr.list),
		tr.perHour(func(s sample) float64 { return float64(s.heap) / 1e6 }), tr.perHour(func(s sample) float64 { return float64(s.rss) / 1e6 }),
		tr.perHour(func(s sample) float64 { return float64(s.goroutines) }), tr.perHour(func(s sample) float64 { return float64(s.descriptors) }))
}

func TestTrend(t *testing.T) {
	var tr trend
	at := time.Unix(0, 0)
	for i := range 3 * mostKept {
		tr.add(sample{at: at.Add(time.Duration(i) * time.Minute), goroutines: int64(100 + i/30), heap: 5e6})
	}
	if got := tr.perHour(func(s sample) float64 { return float64(s.goroutines) }); got < 1.99 || got > 2.01 {
		t.Errorf("%v goroutines an hour", got)
	}
	if got := tr.perHour(func(s sample) float64 { return float64(s.heap) }); got != 0 {
		t.Errorf("heap %v", got)
	}
	if len(tr.list) > mostKept {
		t.Errorf("%d samples kept", len(tr.list))
	}
}
