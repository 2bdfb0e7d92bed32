//go:build linux

package main

import (
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

func TestDistribution(t *testing.T) {
	if got := distribution(nil); got != (Distribution{}) {
		t.Errorf("of nothing: %+v", got)
	}
	var list []time.Duration
	for i := 100; i > 0; i-- {
		list = append(list, time.Duration(i)*time.Millisecond)
	}
	if got, want := distribution(list), (Distribution{100, 50, 95, 99, 100}); got != want {
		t.Errorf("of 1 to 100 ms: %+v, want %+v", got, want)
	}
	if got, want := distribution([]time.Duration{2500 * time.Microsecond}), (Distribution{1, 2.5, 2.5, 2.5, 2.5}); got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
}

func TestSamplesAreTakenWhileOpen(t *testing.T) {
	var s samples
	s.add(1)
	s.open.Store(true)
	s.add(2)
	s.add(3)
	s.open.Store(false)
	s.add(4)
	if got := s.take(); len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("%v", got)
	}
	if got := s.take(); len(got) != 0 {
		t.Errorf("twice: %v", got)
	}
}

func TestFramesAreJudged(t *testing.T) {
	send := func(f *frames, number uint32, key bool, of int, packets ...int) {
		for _, i := range packets {
			f.packet(100, true, client.Stamp{Sender: 1, Source: types.SourceCamera, Frame: number, Key: key, Index: i, Of: of})
		}
	}
	for _, c := range []struct {
		name string
		send func(*frames)
		want FrameCounts
	}{
		{"all whole", func(f *frames) {
			send(f, 1, true, 3, 0, 1, 2)
			send(f, 2, false, 2, 0, 1)
			send(f, 3, false, 1, 0)
		}, FrameCounts{Whole: 3}},
		{"no keyframe first", func(f *frames) {
			send(f, 1, false, 1, 0)
			send(f, 2, true, 2, 0, 1)
		}, FrameCounts{Whole: 1, NoKey: 1, Useless: 1}},
		{"a packet is missing, until the next keyframe", func(f *frames) {
			send(f, 1, true, 2, 0, 1)
			send(f, 2, false, 2, 0)
			send(f, 3, false, 1, 0)
			send(f, 4, true, 1, 0)
		}, FrameCounts{Whole: 2, Broken: 1, Useless: 1}},
		{"a repair comes some frames later", func(f *frames) {
			send(f, 1, true, 2, 0)
			send(f, 2, false, 1, 0)
			send(f, 1, true, 2, 1)
		}, FrameCounts{Whole: 2}},
	} {
		var f frames
		c.send(&f)
		for i := range uint32(32) { // pushes out what is under way
			send(&f, 100+i, false, 1, 0)
		}
		got, _ := f.snapshot()
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	asks := 0
	var broken frames
	broken.packet(100, true, client.Stamp{Sender: 1, Key: true, Of: 2}) // and the other one never
	for i := range uint32(200) {
		if broken.packet(100, true, client.Stamp{Sender: 1, Frame: i + 1, Of: 1}) {
			asks++
		}
	}
	if want := (200 - 32) / askAgain; asks < want-1 || asks > want+1 {
		t.Errorf("asked for a keyframe %d times, want about %d", asks, want)
	}
	var f frames
	f.packet(80, false, client.Stamp{Sender: 1})
	if got, bytes := f.snapshot(); got != (FrameCounts{}) || bytes != 80 {
		t.Errorf("sound: %+v, %d bytes", got, bytes)
	}
}
