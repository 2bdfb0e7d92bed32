package transfer

import (
	"testing"
	"time"

	"aq-server/internal/types"
)

// way is a bottleneck whose queue a Pace watches every 50 ms: that which has stood
// for 150 ms, as one chunk fills it for a moment.
type way struct {
	*Pace
	now      time.Time
	capacity float64 // bytes a second
	queue    float64 // bytes
	stood    [3]time.Duration
	sent     int64
	worst    time.Duration
}

func newWay(capacity int64, most int64) *way {
	now := time.Unix(1000, 0)
	return &way{Pace: NewPace(now, 30*time.Millisecond, most), now: now, capacity: float64(capacity)}
}

func (w *way) pass(d time.Duration, sends bool) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(50 * time.Millisecond) {
		through := min(w.queue, w.capacity*0.05)
		w.queue -= through
		w.Moved(w.now, int(through))
		w.stood = [3]time.Duration{time.Duration(w.queue / w.capacity * float64(time.Second)), w.stood[0], w.stood[1]}
		if n := w.Chunks(w.now); sends && n > 0 {
			w.Take(w.now, n)
			w.queue += float64(n * types.ChunkSize)
			w.sent += int64(n * types.ChunkSize)
		}
		wait := min(w.stood[0], w.stood[1], w.stood[2])
		w.worst = max(w.worst, w.stood[0])
		w.Observe(w.now, wait)
	}
}

func TestPaceFindsWhatTheWayCarries(t *testing.T) {
	for _, capacity := range []int64{250_000, 1_000_000, 4_000_000} {
		w := newWay(capacity, 1<<30)
		w.pass(30*time.Second, true)
		w.worst, w.sent = 0, 0
		w.pass(time.Minute, true)
		if share := float64(w.sent) / 60 / float64(capacity); share < 0.5 || share > 1 {
			t.Errorf("%.0f %% of %d bytes a second are used", 100*share, capacity)
		}
		if w.worst > 200*time.Millisecond {
			t.Errorf("at %d bytes a second others wait %s", capacity, w.worst)
		}
	}
}

func TestPaceKeepsItsLimits(t *testing.T) {
	w := newWay(100_000_000, 500_000)
	w.pass(20*time.Second, true)
	if w.Rate() != 500_000 || w.sent > 500_000*20+types.ChunkSize {
		t.Errorf("rate %d, %d bytes sent", w.Rate(), w.sent)
	}
	for range 100 { // a queue that nothing empties is not ours
		w.now = w.now.Add(time.Second)
		w.Observe(w.now, time.Second)
	}
	if w.Rate() != minRate {
		t.Errorf("rate %d under a queue, want %d", w.Rate(), minRate)
	}
}

func TestPaceOfAnIdleWay(t *testing.T) {
	w := newWay(1_000_000, 1<<30)
	w.pass(time.Minute, false)
	if w.Rate() != firstRate {
		t.Errorf("rate %d without use", w.Rate())
	}
	w.pass(10*time.Second, true)
	used := w.Rate()
	w.pass(10*time.Second, false)
	if w.Rate() < used/2 || w.Chunks(w.now) > int(float64(w.Rate())*burst.Seconds())/types.ChunkSize+1 {
		t.Errorf("after a pause: rate %d, %d chunks at once", w.Rate(), w.Chunks(w.now))
	}
	w.pass(time.Minute, false)
	w.Take(w.now, 1)
	if w.Rate() > firstRate {
		t.Errorf("rate %d on a way that may be another by now", w.Rate())
	}
	w.now = w.now.Add(-time.Hour) // a clock that was set does no harm
	w.Observe(w.now, 0)
	if n := w.Chunks(w.now); n < 0 || w.Rate() < minRate {
		t.Errorf("%d chunks, rate %d", n, w.Rate())
	}
}
