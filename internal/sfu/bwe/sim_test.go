package bwe

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sim sends audio and a video of the layer that fits over a bottleneck, and
// returns the reports to an estimator: a subscriber without sockets, in steps of
// a millisecond.
type sim struct {
	t *testing.T
	Estimator
	random *rand.Rand
	now    time.Duration

	// The way.
	capacity float64       // bit/s; 0: no limit
	limit    time.Duration // length of its queue, tail drop
	burst    float64       // octets that pass at once after a pause
	delay    time.Duration
	jitter   time.Duration // added to each, in order
	loss     float64
	cut      bool

	// The sources.
	layers []float64 // bit/s, from the smallest
	on     func(time.Duration) bool
	layer  int
	sizes  []float64 // of the frames, a share of the usual one; nil: all the same
	raised time.Duration
	key    float64 // size of a layer's first frame, a share of the usual one; 0: the same
	fresh  bool    // the next frame is a layer's first

	queue    time.Duration // when the bottleneck is free
	lastIn   time.Duration // arrival of the last packet
	arrivals []Ack         // sent, to be reported once Arrived is past
	sent     time.Duration
	frames   int
	mute     bool          // no padding can be sent
	silent   bool          // no sound
	every    time.Duration // a report
	cluster  uint16
	left     int // padding of the cluster
	padding  int // packets of the cluster
	tick     int // of the cluster
	ticks    int
	inProbe  int
	probes   int

	// What came of it.
	audioSent, audioLost int
	waits                []time.Duration // of audio, in the queue
	ups, downs           int
}

const (
	reportEvery = 100 * time.Millisecond
	audioSize   = 140
	videoSize   = 1160
	padSize     = 292
)

func newSim(t *testing.T) *sim { return seededSim(t, 1) }

func seededSim(t *testing.T, seed uint64) *sim {
	return &sim{
		t: t, random: rand.New(rand.NewPCG(seed, 2)), delay: 20 * time.Millisecond, limit: 500 * time.Millisecond, every: reportEvery,
		layers: []float64{170_000, 650_000, 2_200_000}, layer: 2,
	}
}

const audioRate = audioSize * 8 * 50

// send puts a packet on the way.
func (s *sim) send(size int) bool {
	a := Ack{Sent: s.now, Size: size, Probe: s.cluster}
	if s.cluster != 0 {
		s.inProbe++
	}
	s.sent = s.now
	wait := time.Duration(0)
	if s.capacity > 0 {
		saved := time.Duration(s.burst * 8 / s.capacity * float64(time.Second))
		s.queue = max(s.queue, s.now-saved)
		wait = max(s.queue-s.now, 0)
		if wait > s.limit {
			a.Lost = true
		} else {
			s.queue += time.Duration(float64(size*8) / s.capacity * float64(time.Second))
			wait = max(s.queue-s.now, 0)
		}
	}
	if s.cut || s.random.Float64() < s.loss {
		a.Lost = true
	}
	extra := time.Duration(0)
	if s.jitter > 0 {
		extra = time.Duration(s.random.Int64N(int64(s.jitter)))
	}
	at := max(s.now+wait+s.delay+extra, s.lastIn)
	if !a.Lost {
		s.lastIn = at
	}
	a.Arrived = at + 12345*time.Second // a clock of its own
	s.arrivals = append(s.arrivals, a)
	if size == audioSize {
		s.audioSent++
		if a.Lost {
			s.audioLost++
		} else {
			s.waits = append(s.waits, wait)
		}
	}
	return !a.Lost
}

// step is one millisecond.
func (s *sim) step() {
	s.now += time.Millisecond
	if s.now%(20*time.Millisecond) == 0 && !s.silent {
		s.send(audioSize)
	}
	if s.now%(33*time.Millisecond) == 0 && s.layer >= 0 && (s.on == nil || s.on(s.now)) {
		octets := s.layers[s.layer] * 0.033 / 8
		if len(s.sizes) > 0 {
			octets *= s.sizes[s.frames%len(s.sizes)]
		}
		s.frames++
		if s.fresh && s.key > 0 {
			octets *= s.key
		}
		s.fresh = false
		for ; octets > 0; octets -= videoSize {
			s.send(int(min(octets, videoSize)))
		}
	}
	s.pad()
	if s.now%s.every == 0 {
		s.report()
		s.Tick(s.now, s.sent)
		s.choose()
	}
}

// pad sends the probes, a part of one every 5 ms.
func (s *sim) pad() {
	if s.left == 0 || s.now%(5*time.Millisecond) != 0 {
		return
	}
	s.tick++
	for range min(s.left-s.padding+(s.padding*s.tick+s.ticks-1)/s.ticks, s.left) {
		s.send(padSize)
		s.left--
	}
	if s.left == 0 {
		s.ProbeSent(s.now, s.inProbe)
		s.cluster = 0
	}
}

// report tells what has come, and what should have come by then.
func (s *sim) report() {
	if s.cut {
		return
	}
	past := func(a Ack) bool { return a.Arrived-12345*time.Second <= s.now-s.delay }
	var acks []Ack
	rest := s.arrivals[:0]
	for _, a := range s.arrivals {
		if past(a) {
			acks = append(acks, a)
		} else {
			rest = append(rest, a)
		}
	}
	if slices.ContainsFunc(acks, func(a Ack) bool { return !a.Lost }) {
		s.arrivals = rest
		s.Feedback(s.now, acks)
	}
}

// choose takes the layer that the estimate allows, as the allocation does.
func (s *sim) choose() {
	want := audioRate + s.layers[len(s.layers)-1]*1.1
	if s.Rate() == 0 {
		return
	}
	best := -1
	for i, rate := range s.layers {
		switch {
		case i > s.layer:
			rate *= 1.1
		case i == 0:
			rate *= 5. / 6
		}
		if audioRate+rate <= float64(s.Rate()) {
			best = i
		}
	}
	s.fresh = s.fresh || best != s.layer
	switch {
	case best < s.layer:
		s.downs++
		s.layer = best
	case best > s.layer && s.now-s.raised > 300*time.Millisecond:
		s.ups++
		s.layer, s.raised = best, s.now
	}
	step := want
	if s.layer+1 < len(s.layers) {
		step = audioRate + 1.1*s.layers[s.layer+1]
	}
	if s.mute {
		s.Try(s.now, step, want)
		return
	}
	used := 0.0
	if !s.silent {
		used += audioRate
	}
	if s.layer >= 0 {
		used += s.layers[s.layer]
	}
	if c, ok := s.Probe(s.now, used, step, want); ok && s.left == 0 {
		s.probes++
		s.cluster, s.inProbe = c.ID, 0
		s.left = max(ProbePackets, int(c.Rate*c.Time.Seconds()/8/padSize))
		s.padding, s.tick, s.ticks = s.left, 0, int(c.Time/(5*time.Millisecond))
	}
}

// run lets time pass.
func (s *sim) run(d time.Duration) {
	for end := s.now + d; s.now < end; {
		s.step()
	}
}

// forget begins the figures anew.
func (s *sim) forget() {
	s.audioSent, s.audioLost, s.waits, s.ups, s.downs, s.probes = 0, 0, nil, 0, 0, 0
}

func (s *sim) longest() time.Duration {
	if len(s.waits) == 0 {
		return 0
	}
	return slices.Max(s.waits)
}

func (s *sim) audioLoss() float64 { return float64(s.audioLost) / float64(max(s.audioSent, 1)) }

// until lets time pass until the condition holds and returns how long it took.
func (s *sim) until(what string, within time.Duration, ok func() bool) time.Duration {
	s.t.Helper()
	start := s.now
	for !ok() {
		if s.now-start > within {
			s.t.Fatalf("%s: not within %v (estimate %d, arriving %d, queue %v, layer %d)",
				what, within, s.Rate(), s.Throughput(), s.Queue(), s.layer)
		}
		s.step()
	}
	return s.now - start
}
