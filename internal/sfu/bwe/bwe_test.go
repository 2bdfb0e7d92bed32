package bwe

import (
	"fmt"
	"testing"
	"time"
)

// Without a limit nothing is held back, whatever the way does beside.
func TestFreeWay(t *testing.T) {
	for name, change := range map[string]func(*sim){
		"plain":                 func(*sim) {},
		"a loss of 2 %":         func(s *sim) { s.loss = 0.02 },
		"a loss of 10 %":        func(s *sim) { s.loss = 0.10 },
		"jitter of 20 to 80 ms": func(s *sim) { s.jitter = 60 * time.Millisecond },
		"jitter and loss":       func(s *sim) { s.jitter, s.loss = 60*time.Millisecond, 0.05 },
		"capacity with room":    func(s *sim) { s.capacity = 3_500_000 },
		"keyframes": func(s *sim) {
			s.capacity, s.sizes = 5_000_000, []float64{8, .9, .9, .9, .9, .9, .9, .9, .9, .9, .9, .9, .9, .9, .9}
		},
		"loss and keyframes": func(s *sim) {
			s.capacity, s.loss, s.sizes = 5_000_000, .1, []float64{6, .9, .9, .9, .9, .9, .9, .9, .9, .9}
		},
		"bursts, half a second": func(s *sim) {
			s.capacity = 5_000_000
			s.on = func(now time.Duration) bool { return now/(500*time.Millisecond)%2 == 0 }
		},
		"one frame in a second": func(s *sim) {
			s.capacity = 5_000_000
			s.on = func(now time.Duration) bool { return now%time.Second < 33*time.Millisecond }
		},
		"a way of 300 ms":        func(s *sim) { s.delay = 150 * time.Millisecond },
		"a small layer, audio":   func(s *sim) { s.layers = s.layers[:1]; s.layer = 0 },
		"nothing but audio":      func(s *sim) { s.on = func(time.Duration) bool { return false } },
		"small layer and jitter": func(s *sim) { s.layers = s.layers[:1]; s.layer = 0; s.jitter = 60 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3) {
				s := seededSim(t, seed)
				change(s)
				s.run(60 * time.Second)
				checkHigh(t, s)
			}
		})
	}
}

func checkHigh(t *testing.T, s *sim) {
	t.Helper()
	if s.downs > 0 || s.layer != len(s.layers)-1 {
		t.Errorf("layer %d, %d times down; estimate %d, arriving %d", s.layer, s.downs, s.Rate(), s.Throughput())
	}
}

// The way narrows and widens again (safety.md, F5).
func TestDropAndRise(t *testing.T) {
	for _, test := range []struct {
		narrow float64
		limit  time.Duration
		layer  int
		burst  float64 // as tc tbf has
	}{
		{narrow: 300_000, limit: 200 * time.Millisecond, burst: 4542}, {narrow: 600_000, limit: 200 * time.Millisecond, burst: 4542},
		{300_000, 500 * time.Millisecond, 0, 0}, {300_000, 200 * time.Millisecond, 0, 0}, {300_000, 2 * time.Second, 0, 0},
		{900_000, 500 * time.Millisecond, 1, 0}, {300_000, 50 * time.Millisecond, 0, 0}, {150_000, 300 * time.Millisecond, -1, 0},
	} {
		t.Run(fmt.Sprintf("to %.0f with a queue of %v, burst %.0f", test.narrow, test.limit, test.burst), func(t *testing.T) {
			s := newSim(t)
			s.capacity, s.limit, s.burst = 5_000_000, test.limit, test.burst
			s.run(10 * time.Second)
			for round := range 3 {
				s.capacity = test.narrow
				took := s.until("the lower layer", 2*time.Second, func() bool { return s.layer <= test.layer })
				t.Logf("down after %v, estimate %d", took, s.Rate())
				s.run(3*time.Second - took)
				s.forget()
				s.run(2 * time.Second)
				s.waits = nil
				s.run(15 * time.Second)
				t.Logf("estimate %d, queue up to %v, %.2f %% of audio lost, %d probes, %d ups", s.Rate(), s.longest(), 100*s.audioLoss(), s.probes, s.ups)
				if s.longest() > 300*time.Millisecond || s.audioLoss() > 0.02 ||
					s.layer != test.layer && (test.burst == 0 || s.layer != test.layer+1) { // may be trying
					t.Errorf("round %d: queue up to %v, %.2f %% of audio lost, layer %d", round, s.longest(), 100*s.audioLoss(), s.layer)
				}
				s.capacity = 5_000_000
				took = s.until("the high layer again", 10*time.Second, func() bool { return s.layer == 2 })
				t.Logf("up after %v", took)
				s.forget()
				s.run(20 * time.Second)
				if s.downs > 0 {
					t.Errorf("round %d: %d times down on a wide way, estimate %d", round, s.downs, s.Rate())
				}
			}
		})
	}
}

// A picture that had to be paused to empty a long queue is back when it is empty:
// how much the way carries has been seen meanwhile.
func TestPauseEndsWithTheQueue(t *testing.T) {
	for seed := range uint64(10) {
		s := seededSim(t, seed)
		s.capacity, s.limit, s.key, s.every = 5_000_000, time.Second, 4, 60*time.Millisecond
		s.run(10*time.Second + time.Duration(seed)*7*time.Millisecond)
		s.capacity = 300_000
		paused := time.Duration(0)
		for range 100 {
			s.run(100 * time.Millisecond)
			if s.layer < 0 {
				paused += 100 * time.Millisecond
			}
		}
		if paused > time.Second || s.layer != 0 {
			t.Errorf("seed %d: paused for %v, layer %d, estimate %d", seed, paused, s.layer, s.Rate())
		}
	}
}

// What a bucket of three packets lets pass at once is no capacity: nothing larger
// is tried on a narrow way.
func TestBucketDeceivesNoProbe(t *testing.T) {
	for seed := range uint64(20) {
		s := seededSim(t, seed)
		s.capacity, s.limit, s.burst, s.key = 5_000_000, 200*time.Millisecond, 4542, 4
		s.run(10*time.Second + time.Duration(seed)*7*time.Millisecond)
		s.forget()
		s.capacity = 300_000
		s.run(5 * time.Second)
		s.waits, s.audioLost = nil, 0
		s.run(30 * time.Second)
		if s.ups > 0 || s.layer != 0 || s.longest() > 200*time.Millisecond || s.audioLost > 0 {
			t.Errorf("seed %d: %d times up, layer %d, audio waited up to %v, %d lost", seed, s.ups, s.layer, s.longest(), s.audioLost)
		}
		s.capacity = 5_000_000
		s.until("the high layer again", 6*time.Second, func() bool { return s.layer == 2 })
	}
}

// A lossy way that narrows as well.
func TestDropWithLossAndJitter(t *testing.T) {
	for seed := range uint64(10) {
		s := seededSim(t, seed)
		s.capacity, s.loss, s.jitter = 5_000_000, 0.05, 30*time.Millisecond
		s.run(20 * time.Second)
		if s.layer != 2 {
			t.Fatalf("layer %d before", s.layer)
		}
		s.capacity = 300_000
		s.until("the lower layer", 2*time.Second, func() bool { return s.layer == 0 })
		s.run(3 * time.Second)
		s.forget()
		s.run(20 * time.Second)
		if s.longest() > 300*time.Millisecond || s.audioLoss() > 0.08 {
			t.Errorf("queue up to %v, %.1f %% of audio lost", s.longest(), 100*s.audioLoss())
		}
		s.capacity = 5_000_000
		s.until("the high layer", 10*time.Second, func() bool { return s.layer == 2 })
	}
}

// What a probe shows on such a way is less than what was sent. It must not fall
// short of what is wanted again and again, and the high layer stay away.
func TestBackOnALossyWay(t *testing.T) {
	for seed := range uint64(300) {
		s := seededSim(t, seed)
		s.capacity, s.loss, s.jitter = 5_000_000, 0.05, 30*time.Millisecond
		s.run(20 * time.Second)
		s.capacity = 300_000
		s.run(25 * time.Second)
		s.capacity = 5_000_000
		s.until("the high layer", 10*time.Second, func() bool { return s.layer == 2 })
	}
}

// A third lost, whatever is sent: the rate is lowered once, to find that it does
// not help.
func TestHeavyLossOfTheWayItself(t *testing.T) {
	for seed := range uint64(10) {
		s := seededSim(t, seed)
		s.loss = 0.35
		s.run(20 * time.Second)
		large := 0
		for range 200 {
			s.run(100 * time.Millisecond)
			if s.layer >= 1 {
				large++
			}
		}
		if large < 140 {
			t.Errorf("for %d %% of the time a layer above the smallest", large/2)
		}
	}
}

// Without padding to probe with the next layer is the probe: it takes longer, and
// costs a short queue now and then.
func TestWithoutProbes(t *testing.T) {
	s := newSim(t)
	s.mute = true
	s.capacity = 5_000_000
	s.run(5 * time.Second)
	s.capacity = 100_000
	s.until("the pause", 2*time.Second, func() bool { return s.layer == -1 })
	s.run(20 * time.Second)
	s.forget()
	s.run(60 * time.Second)
	if s.ups > 12 || s.audioLoss() > 0.02 {
		t.Errorf("%d times up in a minute, %.1f %% of audio lost", s.ups, 100*s.audioLoss())
	}
	s.capacity = 5_000_000
	s.until("the high layer", 30*time.Second, func() bool { return s.layer == 2 })
}

// Everything is paused in the middle of a queue, sound there is none: the queue
// that was seen last must not stand for ever.
func TestNothingLeftToSend(t *testing.T) {
	s := newSim(t)
	s.silent, s.layers, s.layer = true, []float64{2_200_000}, 0
	s.capacity = 5_000_000
	s.run(5 * time.Second)
	s.capacity = 300_000
	s.until("the pause", 2*time.Second, func() bool { return s.layer == -1 })
	s.run(10 * time.Second)
	s.capacity = 5_000_000
	s.until("the picture", 10*time.Second, func() bool { return s.layer == 0 })
}

// A way of a bucket that lets bursts of 30 kB pass, as shapers have: probes see
// through it, and the layers must not go up and down forever.
func TestProbesAreNotBelievedForever(t *testing.T) {
	s := newSim(t)
	s.capacity = 5_000_000
	s.run(5 * time.Second)
	s.capacity = 600_000
	s.burst = 30_000
	s.run(60 * time.Second)
	s.forget()
	s.run(120 * time.Second)
	if s.ups > 16 {
		t.Errorf("%d times up in two minutes", s.ups)
	}
	t.Logf("%d up, %d down, queue up to %v, %.2f %% of audio lost", s.ups, s.downs, s.longest(), 100*s.audioLoss())
}

// The way becomes 80 ms longer, as after a change of route: at most a short dip.
func TestLongerWay(t *testing.T) {
	for _, longer := range []time.Duration{30 * time.Millisecond, 80 * time.Millisecond, 150 * time.Millisecond} {
		s := newSim(t)
		s.capacity = 5_000_000
		s.run(20 * time.Second)
		s.delay += longer
		s.run(15 * time.Second)
		s.until("the high layer", time.Second, func() bool { return s.layer == 2 })
		s.forget()
		s.run(30 * time.Second)
		checkHigh(t, s)
	}
}

// An outage, on a way that has shown its limit before and on one that has not.
func TestOutage(t *testing.T) {
	for _, length := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 10 * time.Second, 60 * time.Second} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, known: %t", length, known), func(t *testing.T) {
				s := newSim(t)
				s.capacity = 5_000_000
				if known {
					s.run(5 * time.Second)
					s.capacity = 1_000_000
					s.run(5 * time.Second)
					s.capacity = 5_000_000
					s.until("the high layer", 10*time.Second, func() bool { return s.layer == 2 })
				}
				s.run(10 * time.Second)
				s.cut = true
				s.run(length)
				s.cut = false
				took := s.until("a picture", 2*time.Second, func() bool { return s.layer >= 0 && s.now-s.lastFeedback < reportEvery })
				took += s.until("the high layer", 2*time.Second, func() bool { return s.layer == 2 })
				t.Logf("after %v", took)
				s.forget()
				s.run(20 * time.Second)
				checkHigh(t, s)
			})
		}
	}
}

// Reports can claim anything. It must do no harm but to the one who sends them.
func FuzzFeedback(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, data []byte) {
		var e Estimator
		now := time.Duration(0)
		var acks []Ack
		for ; len(data) >= 8; data = data[8:] {
			now += time.Duration(data[0]) * time.Millisecond
			acks = append(acks, Ack{
				Sent:    now - time.Duration(data[1])*time.Millisecond,
				Arrived: time.Duration(int32(data[2])<<24|int32(data[3])<<16|int32(data[4])<<8) * time.Microsecond * time.Duration(1+data[5]),
				Size:    int(data[5]) * 6, Lost: data[6]&1 != 0, Probe: uint16(data[6] >> 6),
			})
			if data[6]&2 != 0 {
				e.Feedback(now, acks)
				acks = acks[:0]
			}
			if data[6]&4 != 0 {
				e.Tick(now+time.Duration(data[7])*100*time.Millisecond, now)
			}
			if c, ok := e.Probe(now, 100_000, 500_000, 2_000_000); ok {
				if c.Rate <= 0 || c.Rate > spare*2_000_000 || c.Time > longestProbe {
					t.Fatalf("a probe %+v", c)
				}
				e.ProbeSent(now, 10)
			}
			if r := e.Rate(); r != 0 && (r < minRate || r > maxRate) {
				t.Fatalf("estimate %d", r)
			}
		}
	})
}

// A way that becomes longer in one step, as when a phone changes its network or a
// route does, is no queue, whatever share is lost on it.
func TestStepOfTheWay(t *testing.T) {
	for _, step := range []time.Duration{20, 40, 60} {
		for _, loss := range []float64{0, 0.05, 0.10} {
			for seed := range uint64(5) {
				s := seededSim(t, seed)
				s.run(5 * time.Second)
				s.delay += step * time.Millisecond
				s.loss = loss
				s.run(20 * time.Second)
				if s.downs > 0 {
					t.Errorf("%d ms longer, %.0f %% lost: %d times down", step, 100*loss, s.downs)
				}
			}
		}
	}
}
