//go:build linux

package main

import (
	"slices"
	"time"
)

// Distribution summarises durations, in milliseconds.
type Distribution struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// distribution sorts the list.
func distribution(list []time.Duration) Distribution {
	if len(list) == 0 {
		return Distribution{}
	}
	slices.Sort(list)
	return Distribution{
		Count: len(list), P50: quantile(list, 0.5), P95: quantile(list, 0.95), P99: quantile(list, 0.99),
		Max: milliseconds(list[len(list)-1]),
	}
}

// quantile is the smallest value that at least the share q of a sorted list does
// not exceed.
func quantile(sorted []time.Duration, q float64) float64 {
	i := int(q * float64(len(sorted)))
	if float64(i) == q*float64(len(sorted)) && i > 0 {
		i--
	}
	return milliseconds(sorted[min(i, len(sorted)-1)])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
