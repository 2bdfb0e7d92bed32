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
		change func(i int, a *arrival, r *reports)
		want   metrics.FaultCause
		look   int // at which it is found
	}{
		"all is well":         {types.KindVideo, func(int, *arrival, *reports) {}, never, 0},
		"nothing goes out":    {types.KindVideo, func(i int, a *arrival, _ *reports) { a.sent = min(a.sent, 300) }, metrics.FaultNotSent, 12},
		"once nothing":        {types.KindVideo, func(i int, a *arrival, _ *reports) { a.sent -= a.sent % 60 }, never, 0},
		"no keyframe":         {types.KindVideo, func(_ int, a *arrival, _ *reports) { a.sent, a.waits = 0, true }, metrics.FaultNoKeyframe, 3},
		"frozen":              {types.KindVideo, func(i int, a *arrival, _ *reports) { a.asks, a.keys = uint64(i), uint64(i) }, metrics.FaultFrozen, 5},
		"asks, and gets none": {types.KindVideo, func(i int, a *arrival, _ *reports) { a.asks = uint64(i) }, never, 0},
		"asks now and then":   {types.KindVideo, func(i int, a *arrival, _ *reports) { a.asks, a.keys = uint64(i/2), uint64(i) }, never, 0},
		"unknown to reports":  {types.KindVideo, func(_ int, a *arrival, _ *reports) { a.advanced = time.Time{} }, metrics.FaultNotReceived, 7},
		"sound has time":      {types.KindAudio, func(_ int, a *arrival, _ *reports) { a.advanced = time.Time{} }, metrics.FaultNotReceived, 26},
		"unknown to feedback": {types.KindVideo, func(i int, a *arrival, _ *reports) { a.acked = min(a.acked, 10) }, metrics.FaultNotReceived, 13},
		"no feedback at all":  {types.KindVideo, func(_ int, a *arrival, r *reports) { a.acked, r.feedback = 0, time.Time{} }, never, 0},
		"not numbered":        {types.KindVideo, func(_ int, a *arrival, _ *reports) { a.acked, a.numbered = 0, false }, never, 0},
		"no reports at all":   {types.KindVideo, func(_ int, a *arrival, r *reports) { a.advanced, r.receiver = time.Time{}, time.Time{} }, never, 0},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1000, 0)
			var w slotWatch
			found, look := never, 0
			for i := 1; i <= 40 && found == never; i++ {
				now := start.Add(time.Duration(i) * watchInterval)
				a := arrival{expected: true, comes: true, started: start, sent: uint64(30 * i), advanced: now}
				a.acked, a.numbered = int64(i), true
				r := reports{receiver: now, feedback: now}
				test.change(i, &a, &r)
				if cause, bad := w.judge(a, test.kind, r, now); bad {
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
