package sfu

import (
	"testing"
	"time"
)

// A client as the listener sees him, looked at every half second.
type listened struct {
	listener
	now     time.Duration
	signs   signs
	silent  []time.Duration // when it was found
	back    []time.Duration
	sending bool // we send him numbered packets
}

// pass lets time go by. each is called before every look.
func (l *listened) pass(d time.Duration, each func(now int64)) {
	for end := l.now + d; l.now < end; {
		l.now += lookInterval
		if l.sending {
			l.signs.number += 50
		}
		each(int64(l.now))
		if !l.look(int64(l.now), l.signs) {
			continue
		}
		if l.listener.silent {
			l.silent = append(l.silent, l.now)
		} else {
			l.back = append(l.back, l.now)
		}
	}
}

func TestListener(t *testing.T) {
	nothing := func(int64) {}
	all := func(l *listened) func(int64) {
		return func(now int64) {
			l.signs.media, l.signs.flow, l.signs.report, l.signs.check = now, now, now, now
		}
	}
	for name, test := range map[string]struct {
		run    func(*listened)
		silent int
		after  time.Duration // from the last sign, of the first silence
	}{
		"in a call": {func(l *listened) {
			l.sending = true
			l.pass(time.Minute, all(l))
		}, 0, 0},
		"he reported and stops": {func(l *listened) {
			l.sending = true
			l.pass(time.Minute, all(l))
			l.pass(time.Minute, nothing)
		}, 1, 2 * time.Second},
		"he reported, and only his checks still come": {func(l *listened) {
			l.sending = true
			l.pass(time.Minute, all(l))
			l.pass(time.Minute, func(now int64) { l.signs.check = now })
		}, 1, 2 * time.Second},
		"a publisher without anything to watch stops": {func(l *listened) {
			l.pass(time.Minute, all(l))
			l.pass(time.Minute, nothing)
		}, 1, 3500 * time.Millisecond},
		"a publisher switches everything off; Chromium's checks go on": {func(l *listened) {
			l.pass(time.Minute, all(l))
			l.pass(time.Minute, func(now int64) {
				if now%int64(2500*time.Millisecond) == 0 {
					l.signs.check = now
				}
			})
		}, 0, 0},
		"idle, with a check every 6 s": {func(l *listened) {
			l.pass(time.Minute, func(now int64) {
				if now%int64(6*time.Second) == 0 {
					l.signs.check = now
				}
			})
		}, 0, 0},
		"idle, and nothing more": {func(l *listened) {
			l.signs.check = int64(lookInterval)
			l.pass(time.Minute, nothing)
		}, 1, 12500 * time.Millisecond},
		"a client without transport-wide feedback": {func(l *listened) {
			l.sending = true
			l.pass(time.Minute, func(now int64) {
				if now%int64(5*time.Second) == 0 {
					l.signs.media = now
				}
			})
		}, 0, 0},
		"the sending begins": {func(l *listened) {
			l.pass(time.Minute, func(now int64) {
				if now%int64(5*time.Second) == 0 {
					l.signs.media, l.signs.report = now, 1
				}
			})
			l.sending = true
			l.pass(1500*time.Millisecond, nothing) // his first report is on its way
			l.pass(time.Minute, all(l))
		}, 0, 0},
		"back and gone again": {func(l *listened) {
			l.sending = true
			l.pass(10*time.Second, all(l))
			l.pass(10*time.Second, nothing)
			l.pass(10*time.Second, all(l))
			l.pass(10*time.Second, nothing)
		}, 2, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			l := &listened{}
			test.run(l)
			if len(l.silent) != test.silent {
				t.Fatalf("found silent at %v, back at %v", l.silent, l.back)
			}
			if test.silent > 0 {
				last := l.silent[0] - test.after
				if last%(10*time.Second) != 0 && last != lookInterval {
					t.Errorf("found silent at %v", l.silent)
				}
			}
		})
	}
}
