//go:build linux

package main

import (
	"testing"
	"time"
)

func TestWindowComparesTwoMoments(t *testing.T) {
	publisher := &person{room: "a", role: role{publishes: true}}
	steady := &person{room: "a", role: role{listens: true}}
	lossy := &person{room: "a", role: role{listens: true}}
	fresh := &person{room: "a", role: role{listens: true}} // came meanwhile
	full := &person{room: "a", role: role{full: true, listens: true}}
	other := &person{room: "b", role: role{publishes: true}}
	of := func(packets, upper int64) counts {
		return counts{streams: []stream{{ssrc: 1, packets: packets, bytes: 1000 * packets, base: 1, upper: upper}}}
	}
	start := time.Now()
	a := moment{
		at: start, server: usage{cpu: time.Second, rss: 1 << 20}, own: usage{cpu: time.Second},
		light: map[*person]counts{publisher: {}, steady: of(10, 10), lossy: of(10, 10), other: {}},
		full:  map[*person]fullCounts{full: {tally: tally{Packets: 10, Expected: 10}, frames: FrameCounts{Whole: 1}}},
		sent:  map[*person]int64{publisher: 10, other: 0},
	}
	b := moment{
		at: start.Add(2 * time.Second), server: usage{cpu: 1500 * time.Millisecond, rss: 2 << 20}, own: usage{cpu: 2 * time.Second},
		light: map[*person]counts{publisher: {}, steady: of(110, 110), lossy: of(60, 110), fresh: of(7, 7), other: {}},
		full:  map[*person]fullCounts{full: {tally: tally{Packets: 108, Expected: 110}, frames: FrameCounts{Whole: 30}}},
		sent:  map[*person]int64{publisher: 110, other: 50},
	}
	if n := due(a, b); n != 300 {
		t.Errorf("%d packets due, want those of three who were there all the time", n)
	}
	w := newWindow(a, b, []time.Duration{time.Millisecond})
	if w.PacketsPerSecond != (100+50+98)/2.0 || w.Lost != 50 || w.Loss != 0.25 || w.Worst != 0.5 || w.LossFull != 0.02 {
		t.Errorf("%+v", w)
	}
	if w.ServerCPU != 0.25 || w.LoadCPU != 0.5 || w.ServerRSS != 2048 || w.CPUPerPacket != 500_000.0/248 {
		t.Errorf("%+v", w)
	}
	if w.Connections != 6 || w.FullPeople != 1 || w.Frames.Whole != 29 || w.Silent != 0 {
		t.Errorf("%+v", w)
	}
	if w.bearable() {
		t.Error("a quarter lost is bearable")
	}
	for name, w := range map[string]Window{
		"behind": {Behind: 0.05}, "silent": {Silent: 1}, "loss": {Loss: 0.01},
	} {
		if w.bearable() {
			t.Errorf("%s is bearable", name)
		}
	}
	if w := (Window{Loss: 0.009, Behind: 0.01}); !w.bearable() {
		t.Error("not bearable")
	}
}
