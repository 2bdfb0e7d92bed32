package bwe

import "time"

const (
	bucketTime = 10 * time.Millisecond
	buckets    = 128 // 1.28 s
)

// throughput counts octets by the time of their arrival, in a ring of short
// buckets.
type throughput struct {
	octets  [buckets]uint32
	head    int64 // number of the bucket of the latest arrival
	first   int64 // of the first
	started bool
}

func (t *throughput) add(arrived time.Duration, size int) {
	n := int64(arrived / bucketTime)
	switch {
	case !t.started || n-t.head > buckets || t.head-n > 100*buckets:
		// The first, after a long silence, or of a clock that was set.
		*t = throughput{head: n, first: n, started: true}
	case n <= t.head-buckets:
		return
	}
	for ; t.head < n; t.head++ {
		t.octets[(t.head+1)&(buckets-1)] = 0
	}
	t.octets[n&(buckets-1)] += uint32(min(max(size, 0), 1<<16))
}

// over returns the bit/s of the time before the latest arrival; shorter when
// less has been seen, but 100 ms at least.
func (t *throughput) over(span time.Duration) float64 {
	if !t.started {
		return 0
	}
	n := min(int64(span/bucketTime), t.head-t.first+1, buckets)
	sum := 0.0
	for i := range n {
		sum += float64(t.octets[(t.head-i)&(buckets-1)])
	}
	return 8 * sum / (time.Duration(max(n, 10)) * bucketTime).Seconds()
}
