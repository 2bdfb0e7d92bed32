package sfu

import (
	"testing"
	"time"

	"aq-server/internal/metrics"
	"aq-server/internal/types"
)

// TestJudge looks at a stream of thirty packets a look and says what is found of
// it.
func TestJudge(t *testing.T) {
	const never = metrics.FaultCause(-1)
	for name, test := range map[string]struct {
		kind   types.Kind
		change func(i int, a *arrival, reports *time.Time)
		want   metrics.FaultCause
		look   int // at which it is found
	}{
		"all is well":         {types.KindVideo, func(int, *arrival, *time.Time) {}, never, 0},
		"nothing goes out":    {types.KindVideo, func(i int, a *arrival, _ *time.Time) { a.sent = min(a.sent, 300) }, metrics.FaultNotSent, 12},
		"once nothing":        {types.KindVideo, func(i int, a *arrival, _ *time.Time) { a.sent -= a.sent % 60 }, never, 0},
		"no keyframe":         {types.KindVideo, func(_ int, a *arrival, _ *time.Time) { a.sent, a.waits = 0, true }, metrics.FaultNoKeyframe, 2},
		"frozen":              {types.KindVideo, func(i int, a *arrival, _ *time.Time) { a.asks, a.keys = uint64(i), uint64(i) }, metrics.FaultFrozen, 5},
		"asks, and gets none": {types.KindVideo, func(i int, a *arrival, _ *time.Time) { a.asks = uint64(i) }, never, 0},
		"asks now and then":   {types.KindVideo, func(i int, a *arrival, _ *time.Time) { a.asks, a.keys = uint64(i/2), uint64(i) }, never, 0},
		"unknown to reports":  {types.KindVideo, func(_ int, a *arrival, _ *time.Time) { a.advanced = time.Time{} }, metrics.FaultNotReceived, 8},
		"sound has time":      {types.KindAudio, func(_ int, a *arrival, _ *time.Time) { a.advanced = time.Time{} }, metrics.FaultNotReceived, 27},
		"no reports at all":   {types.KindVideo, func(_ int, a *arrival, r *time.Time) { a.advanced, *r = time.Time{}, time.Time{} }, never, 0},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1000, 0)
			var w slotWatch
			found, look := never, 0
			for i := 1; i <= 40 && found == never; i++ {
				now := start.Add(time.Duration(i) * watchInterval)
				a := arrival{expected: true, comes: true, started: start, sent: uint64(30 * i), advanced: now}
				reports := now
				test.change(i, &a, &reports)
				if cause, bad := w.judge(a, test.kind, reports, now); bad {
					found, look = cause, i
				}
				w.last = a
			}
			if found != test.want || look != test.look {
				t.Errorf("found %d at look %d, want %d at %d", found, look, test.want, test.look)
			}
		})
	}
}
