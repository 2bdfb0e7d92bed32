// Package speaker finds out who speaks, from the audio levels that senders put
// into a header extension (RFC 6464): the receiver need not decode anything. It
// is pure and not safe for concurrent use.
//
// Each source's level is smoothed in decibels, with a fast attack and a slow
// release, then compared with two thresholds (hysteresis), and a speaker stays
// one through the pauses between words. The order changes only when somebody
// is clearly louder, so that a client may draw it as it comes.
package speaker

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Silence is the level of digital silence, in -dBov. RFC 6464 counts from 0,
// the loudest, to 127.
const Silence = 127

// Options tune a Detector; New replaces zero fields by the defaults.
type Options struct {
	// Attack and Release are the time constants with which a source's level
	// follows a louder and a quieter signal. 120 ms and 600 ms: a syllable and
	// a pause between words.
	Attack, Release time.Duration
	// On and Off are the smoothed levels, in -dBov, at which a source becomes
	// a speaker and stops being one. 45 and 52; a quiet room with automatic
	// gain is at 55 to 70, speech at 15 to 40.
	On, Off uint8
	// Hold is how long a source below Off stays a speaker. 500 ms.
	Hold time.Duration
	// Stale is how long the last level is believed when no more come, because
	// the sender is muted or saves silence (DTX). 200 ms.
	Stale time.Duration
	// NoVoice is taken off the level, in dB, when the sender says that what it
	// hears is no voice. 10.
	NoVoice uint8
	// Swap is by how many dB somebody must be louder than the one before him
	// to take his place. 3.
	Swap float64
	// Notice is the change of a level, in dB, that Update reports. 6.
	Notice float64
}

func (o *Options) setDefaults() {
	setDefault(&o.Attack, 120*time.Millisecond)
	setDefault(&o.Release, 600*time.Millisecond)
	setDefault(&o.On, 45)
	setDefault(&o.Off, 52)
	setDefault(&o.Hold, 500*time.Millisecond)
	setDefault(&o.Stale, 200*time.Millisecond)
	setDefault(&o.NoVoice, 10)
	setDefault(&o.Swap, 3)
	setDefault(&o.Notice, 6)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Entry is one speaker.
type Entry[K comparable] struct {
	Key K
	// Level is the smoothed amplitude, from 0 (silence) to 1 (full scale).
	Level float64
}

// Detector ranks sources by loudness. K names a source.
type Detector[K comparable] struct {
	opts    Options
	sources map[K]*source[K]
	joined  uint64       // sources so far
	active  []*source[K] // loudest first
	quiet   []*source[K] // who spoke last first; rebuilt by Loudest
	list    []Entry[K]   // as of the last report
}

type source[K comparable] struct {
	key    K
	number uint64  // order of the first Observe
	level  float64 // smoothed, in dBov: -127 to 0
	input  float64 // last observation
	at     time.Time
	seen   time.Time // of the last observation
	active bool
	below  time.Time // since when under Off; zero while above
	spoke  time.Time // last time active; zero if never
	told   float64   // level in the last report
}

// New returns a Detector without sources.
func New[K comparable](opts Options) *Detector[K] {
	opts.setDefaults()
	return &Detector[K]{opts: opts, sources: make(map[K]*source[K])}
}

// Observe takes the level of one packet of a source, in -dBov (0 loudest, 127
// silence; larger values count as silence), and whether its sender believes it
// to be voice. Sources are known from their first Observe until Remove.
func (d *Detector[K]) Observe(key K, level uint8, voice bool, now time.Time) {
	s := d.sources[key]
	if s == nil {
		d.joined++
		s = &source[K]{key: key, number: d.joined, level: -Silence, input: -Silence, at: now}
		d.sources[key] = s
	}
	d.follow(s, now)
	in := float64(level)
	if !voice {
		in += float64(d.opts.NoVoice)
	}
	s.input, s.seen = -min(in, Silence), now
}

// Remove forgets a source that is gone.
func (d *Detector[K]) Remove(key K) {
	s := d.sources[key]
	if s == nil {
		return
	}
	delete(d.sources, key)
	if s.active {
		d.active = slices.DeleteFunc(d.active, func(o *source[K]) bool { return o == s })
	}
}

// follow moves the smoothed level to now. The last input holds for Stale, then
// silence does.
func (d *Detector[K]) follow(s *source[K], now time.Time) {
	if end := s.seen.Add(d.opts.Stale); now.After(end) {
		if s.at.Before(end) {
			d.step(s, end)
		}
		s.input = -Silence
	}
	d.step(s, now)
}

func (d *Detector[K]) step(s *source[K], now time.Time) {
	dt := now.Sub(s.at)
	if dt <= 0 {
		return
	}
	s.at = now
	constant := d.opts.Release
	if s.input > s.level {
		constant = d.opts.Attack
	}
	s.level += (s.input - s.level) * (1 - math.Exp(-float64(dt)/float64(constant)))
}

// Update moves all sources to now and returns the speakers, loudest first, and
// whether the list differs from that of the last Update in who is on it, in
// their order, or clearly in a level. The list must not be changed and is valid
// until the next call. Call it several times a second; 100 to 300 ms is good.
func (d *Detector[K]) Update(now time.Time) (list []Entry[K], changed bool) {
	for _, s := range d.sources {
		d.follow(s, now)
		d.judge(s, now)
	}
	d.active = slices.DeleteFunc(d.active, func(s *source[K]) bool { return !s.active })
	// Map order must not show: newcomers line up by loudness, then age.
	known := len(d.active)
	for _, s := range d.sources {
		if s.active && !slices.Contains(d.active[:known], s) {
			d.active = append(d.active, s)
		}
	}
	slices.SortFunc(d.active[known:], func(a, b *source[K]) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.number, b.number))
	})
	d.order()
	return d.report()
}

// judge decides whether s is a speaker.
func (d *Detector[K]) judge(s *source[K], now time.Time) {
	switch {
	case s.level >= -float64(d.opts.On):
		if !s.active {
			s.active = true
		}
		s.below = time.Time{}
	case s.level >= -float64(d.opts.Off):
		s.below = time.Time{}
	case !s.active:
	case s.below.IsZero():
		s.below = now
	case now.Sub(s.below) >= d.opts.Hold:
		s.active, s.below = false, time.Time{}
	}
	if s.active && s.below.IsZero() {
		s.spoke = now
	}
}

// order lets each speaker pass those before him who are clearly quieter. An
// insertion sort that starts from the last order, so it is stable by itself.
func (d *Detector[K]) order() {
	for i := 1; i < len(d.active); i++ {
		for j := i; j > 0 && d.active[j].level > d.active[j-1].level+d.opts.Swap; j-- {
			d.active[j], d.active[j-1] = d.active[j-1], d.active[j]
		}
	}
}

func (d *Detector[K]) report() ([]Entry[K], bool) {
	changed := len(d.active) != len(d.list)
	for i := 0; i < len(d.active) && !changed; i++ {
		s := d.active[i]
		changed = s.key != d.list[i].Key || math.Abs(s.level-s.told) >= d.opts.Notice
	}
	if !changed {
		return d.list, false
	}
	d.list = d.list[:0]
	for _, s := range d.active {
		s.told = s.level
		d.list = append(d.list, Entry[K]{Key: s.key, Level: math.Pow(10, s.level/20)})
	}
	return d.list, true
}

// Loudest returns at most n sources as of the last Update, for choosing whose
// voice is forwarded: the speakers, loudest first, then those who spoke last,
// then those who never spoke, oldest first. The slice is the caller's.
func (d *Detector[K]) Loudest(n int) []K {
	d.quiet = d.quiet[:0]
	for _, s := range d.sources {
		if !s.active {
			d.quiet = append(d.quiet, s)
		}
	}
	slices.SortFunc(d.quiet, func(a, b *source[K]) int {
		return cmp.Or(b.spoke.Compare(a.spoke), cmp.Compare(a.number, b.number))
	})
	n = min(n, len(d.active)+len(d.quiet))
	keys := make([]K, 0, max(n, 0))
	for _, ranked := range [][]*source[K]{d.active, d.quiet} {
		for _, s := range ranked {
			if len(keys) >= n {
				return keys
			}
			keys = append(keys, s.key)
		}
	}
	return keys
}
