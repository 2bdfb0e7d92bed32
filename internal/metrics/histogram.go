package metrics

import (
	"sync/atomic"
	"time"
)

// Histogram counts values by size, with one atomic operation for each and one
// for their sum. The bounds are constants of the program.
type Histogram struct {
	bounds []float64 // upper, ascending, in the unit that is shown
	scale  float64   // of that unit, in those of sum
	counts []atomic.Int64
	sum    atomic.Int64
}

// Bounds of the histograms, in seconds and in bits per second.
var (
	waitBounds    = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	forwardBounds = []float64{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5}
	rateBounds    = []float64{100e3, 250e3, 500e3, 1e6, 1.5e6, 2e6, 3e6, 5e6, 10e6, 20e6, 50e6}
)

func newHistogram(bounds []float64, scale float64) Histogram {
	return Histogram{bounds: bounds, scale: scale, counts: make([]atomic.Int64, len(bounds)+1)}
}

// Time counts a duration.
func (h *Histogram) Time(d time.Duration) { h.add(int64(d)) }

// Value counts a number.
func (h *Histogram) Value(v int64) { h.add(v) }

func (h *Histogram) add(v int64) {
	shown, i := float64(v)/h.scale, 0
	for i < len(h.bounds) && shown > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(v)
}

// read returns how many there were, their sum, and how many up to each bound.
func (h *Histogram) read() (count uint64, sum float64, upTo map[float64]uint64) {
	upTo = make(map[float64]uint64, len(h.bounds))
	for i := range h.counts {
		count += uint64(h.counts[i].Load())
		if i < len(h.bounds) {
			upTo[h.bounds[i]] = count
		}
	}
	return count, float64(h.sum.Load()) / h.scale, upTo
}
