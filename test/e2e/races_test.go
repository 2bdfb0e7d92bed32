package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

const (
	racePlaces  = 14 // for people in the room, most of them taken
	raceFew     = 7  // in the short form, for the race detector and busy machines
	raceWorkers = 6  // who make things happen at the same time
	raceRound   = 50 // events between two looks at the room
	raceWindow  = 1200 * time.Millisecond
)

// TestRaces has people join, leave, publish, unpublish, mute, lose packets, lose
// their socket and come back, in one room, all at once and at random; after each
// round everybody must receive everybody. RACES is the number of events,
// RACES_SEED repeats the decisions of an earlier run (though not its timing), and
// RACES_LIMIT takes the place of the promised two seconds.
//
//	RACES=1000 go test -v -run TestRaces ./test/e2e
func TestRaces(t *testing.T) {
	events := number(t, "RACES", 150)
	seed := uint64(number(t, "RACES_SEED", int(time.Now().UnixNano()&0xffffff)))
	places, limit := raceFew, 2*deadline
	if os.Getenv("RACES") != "" {
		places, limit = racePlaces, 2*time.Second // the promise, to a machine that does nothing else
	}
	if text := os.Getenv("RACES_LIMIT"); text != "" {
		var err error
		if limit, err = time.ParseDuration(text); err != nil {
			t.Fatalf("RACES_LIMIT: %v", err)
		}
	}
	t.Logf("RACES_SEED=%d", seed)
	s := start(t, func(c *config.Config) { c.ResumeWindow = raceWindow })
	r := &race{t: t, s: s}
	for i := range places {
		r.people = append(r.people, &person{race: r, place: i})
	}
	defer r.end()
	var longest time.Duration
	for done := 0; done < events && !t.Failed(); done += raceRound {
		var workers sync.WaitGroup
		for w := range raceWorkers {
			workers.Go(func() { r.work(rand.New(rand.NewPCG(seed, uint64(done)<<8|uint64(w))), w) })
		}
		workers.Wait()
		for _, p := range r.people {
			p.calm()
		}
		took, missing := r.whole(limit)
		longest = max(longest, took)
		if missing != "" {
			t.Errorf("RACES_SEED=%d: %v after the last of %d events:\n%s\nwhat happened:\n%s", seed, limit, done+raceRound,
				missing, strings.Join(r.log[max(0, len(r.log)-3*raceRound):], "\n"))
		}
	}
	t.Logf("%d events, %d joins; at the latest %v after the last event of a round nobody missed a track", len(r.log), r.joins.Load(), longest.Round(time.Millisecond))
}

// number reads a positive number from the environment.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.Fatalf("%s=%q: want a positive number", variable, text)
	}
	return n
}

// race is a room in which things happen.
type race struct {
	t      *testing.T
	s      *server
	people []*person // those of place w, w+raceWorkers, ... belong to worker w
	joins  atomic.Int64

	mu  sync.Mutex
	log []string
}

func (r *race) note(p *person, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf("%s %-9s %s", time.Now().Format("05.000"), p.name, fmt.Sprintf(format, args...)))
}

// work makes one worker's part of a round happen.
func (r *race) work(random *rand.Rand, worker int) {
	var mine []*person
	for i := worker; i < len(r.people); i += raceWorkers {
		mine = append(mine, r.people[i])
	}
	for range (raceRound + raceWorkers - 1) / raceWorkers {
		mine[random.IntN(len(mine))].act(random)
		if r.t.Failed() {
			return
		}
		time.Sleep(time.Duration(random.Int64N(int64(60 * time.Millisecond)))) // the schedule, not a wait
	}
}

// end closes everybody.
func (r *race) end() {
	var closing sync.WaitGroup
	for _, p := range r.people {
		if p.c != nil {
			closing.Go(p.c.Close)
		}
	}
	closing.Wait()
}

// A person is whoever has a place in the room. It belongs to one worker during a
// round and to the test between rounds.
type person struct {
	race     *race
	place    int
	times    int // he joined
	name     string
	protocol int
	c        *client.Client // nil while nobody is there
	cut      bool           // his socket is
	cutAt    time.Time
	off      map[types.Source]bool // unpublished
	silent   map[types.Source]bool // published, and nothing is sent
	// Packets are lost both ways, or answers are late, while these are set.
	lossy atomic.Bool
	late  atomic.Int64 // time.Duration
}

// act does one thing at random.
func (p *person) act(random *rand.Rand) {
	switch {
	case p.c == nil:
		p.join(random)
	case p.cut:
		p.comeBack(random)
	default:
		p.live(random)
	}
}

func (p *person) join(random *rand.Rand) {
	p.times++
	p.name = fmt.Sprintf("%d.%d", p.place, p.times)
	p.protocol = min(1, random.IntN(3)) // most speak the extensions
	p.off, p.silent = map[types.Source]bool{types.SourceScreen: true}, map[types.Source]bool{}
	p.lossy.Store(false)
	p.late.Store(int64(time.Duration(max(0, random.IntN(300)-150)) * time.Millisecond))
	camera := client.PublishOptions{Source: types.SourceCamera, FPS: 5, PacketsPerFrame: 1, PacketSize: 200}
	if random.IntN(4) > 0 {
		camera.Layers = 1
	}
	drop := func(*rtp.Header) bool { return p.lossy.Load() }
	p.race.note(p, "joins, protocol %d, answers late by %v", p.protocol, time.Duration(p.late.Load()))
	p.race.joins.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{
		URL: p.race.s.url, Room: "races", Username: p.name, Protocol: p.protocol,
		Publish:      []client.PublishOptions{{Source: types.SourceMicrophone, FPS: 5, Level: 30, Voice: true}, camera},
		DropReceived: drop, DropSent: drop,
		HoldAnswer: p.hold,
	})
	if err != nil {
		p.race.t.Errorf("%s joins: %v", p.name, err)
		return
	}
	p.c, p.cut = c, false
	if random.IntN(5) == 0 {
		p.leave(random)
	}
}

// hold makes answers late.
func (p *person) hold(ctx context.Context, _ uint64) bool {
	timer := time.NewTimer(time.Duration(p.late.Load()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *person) leave(random *rand.Rand) {
	switch random.IntN(3) {
	case 0:
		p.race.note(p, "leaves")
		_ = p.c.Leave()
		p.c.Close()
	case 1:
		p.race.note(p, "closes")
		p.c.Close()
	default:
		p.race.note(p, "is gone")
		p.c.Abort()
	}
	p.c = nil
}

// live does something that somebody does who is in a call.
func (p *person) live(random *rand.Rand) {
	sources := []types.Source{types.SourceMicrophone, types.SourceCamera}
	switch what := random.IntN(20); {
	case what < 3:
		p.leave(random)
	case what < 6:
		source := sources[random.IntN(2)]
		p.silent[source] = !p.silent[source]
		p.race.note(p, "%s paused %t", source, p.silent[source])
		p.apply(source)
	case what < 8:
		lossy := !p.lossy.Load()
		p.race.note(p, "loses packets %t", lossy)
		p.lossy.Store(lossy)
	case p.protocol == 0: // that was all that a base client can do
	case what < 12:
		source := append(sources, types.SourceScreen)[random.IntN(3)]
		p.off[source] = !p.off[source]
		p.race.note(p, "%s unpublished %t", source, p.off[source])
		p.apply(source)
		p.ask(source)
	case what < 13:
		p.race.note(p, "asks for an ICE restart")
		_ = p.c.RestartICE()
	case what < 14 && p.welcomed():
		keep := random.IntN(2) == 0
		p.race.note(p, "opens another socket, keeps media %t", keep)
		p.resume(keep)
	default:
		p.race.note(p, "loses his socket")
		p.c.Cut()
		p.cut, p.cutAt = true, time.Now()
	}
}

// comeBack is at once, at the last moment, or too late.
func (p *person) comeBack(random *rand.Rand) {
	if random.IntN(3) == 0 {
		near := raceWindow + time.Duration(random.Int64N(int64(200*time.Millisecond))) - 100*time.Millisecond
		time.Sleep(time.Until(p.cutAt.Add(near))) // the schedule, not a wait
	}
	keep := random.IntN(3) > 0
	p.race.note(p, "comes back after %v, keeps media %t", time.Since(p.cutAt).Round(time.Millisecond), keep)
	p.resume(keep)
	if random.IntN(6) == 0 && p.c != nil {
		p.race.note(p, "loses his socket again")
		p.c.Cut()
		p.cut, p.cutAt = true, time.Now()
	}
}

func (p *person) resume(keep bool) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := p.c.Resume(ctx, keep); err != nil {
		p.race.t.Errorf("%s comes back: %v", p.name, err)
		return
	}
	p.cut = false
	for _, source := range types.Sources() { // what was said in between was lost
		p.ask(source)
	}
}

// welcomed tells whether the client knows a token to come back with. Without, he
// would join once more beside himself.
func (p *person) welcomed() (yes bool) {
	p.c.View(func(s *client.State) { yes = s.Welcomes > 0 })
	return yes
}

// apply makes the client send a source or not.
func (p *person) apply(source types.Source) {
	if publication := p.c.Publication(source); publication != nil {
		publication.Pause(p.off[source] || p.silent[source])
	}
}

// ask tells the server whether a source is published, again if need be.
func (p *person) ask(source types.Source) {
	event := types.EventPublish
	switch {
	case source == types.SourceScreenAudio, p.c.Publication(source) == nil && p.off[source]:
		return // never published
	case p.off[source]:
		event = types.EventUnpublish
	case p.c.Publication(source) == nil:
		_, _ = p.c.Publish(client.PublishOptions{Source: source, FPS: 5, PacketsPerFrame: 1, PacketSize: 200})
		return
	}
	_ = p.c.Send(types.NewMessage(event, types.Publish{Source: source, Kind: source.Kind()}))
}

// calm is the last event of a round: whoever is away comes back, and nobody
// loses packets.
func (p *person) calm() {
	p.lossy.Store(false)
	if p.c != nil && p.cut {
		p.race.note(p, "comes back after %v at the end of the round", time.Since(p.cutAt).Round(time.Millisecond))
		p.resume(true)
	}
}

// sends returns the sources that others must receive.
func (p *person) sends() []types.Source {
	return slices.DeleteFunc(types.Sources(), func(source types.Source) bool {
		return source == types.SourceScreenAudio || p.off[source] || p.silent[source]
	})
}
