package network

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestOrderedRestart is F11: SIGTERM, and another process after it.
func TestOrderedRestart(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	began := time.Now()
	c.server.signal(syscall.SIGTERM)
	drained := 0 // answers of a server that is on its way out
	for c.server.health() == http.StatusServiceUnavailable {
		drained++
	}
	if status := c.server.health(); status != 0 {
		t.Errorf("/health says %d after SIGTERM", status)
	}
	code := c.server.wait(15 * time.Second)
	took(t, "F11 SIGTERM: exit", time.Since(began), 10*time.Second)
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, c.server.output.String())
	}
	t.Logf("%d times 503 on the way out", drained)
	for _, p := range []*client.Client{c.alice, c.bob} {
		wait(t, time.Second, p, "word of it", func(st *client.State) bool { return slices.Contains(st.CloseCodes, 1012) })
	}
	up := c.server.launch()
	toBob, toAlice := hears(t, deadline, c.bob, c.alice, up), hears(t, deadline, c.alice, c.bob, up)
	took(t, "F11 media back after the next process listens", latest(toBob, toAlice).Sub(up), 10*time.Second)
	c.tell(began)
}

// TestCrash is F12: kill -9 under a hundred, and a new process.
func TestCrash(t *testing.T) {
	size, most := 20, 20 // so few fall into the bins as they like
	if full() {
		size, most = 100, 50
	} else {
		t.Parallel()
	}
	l := newLab(t, 3)
	s := l.serve()
	crowd := s.crowd(size, l.host(2), l.host(3))
	busy := s.load(2 * time.Second)

	began := time.Now()
	s.signal(syscall.SIGKILL)
	s.wait(5 * time.Second)
	up := s.launch()
	took(t, "F12 kill -9: listening again", up.Sub(began), time.Second)
	times := make([]float64, size)
	var all sync.WaitGroup
	for i, c := range crowd {
		all.Go(func() {
			back, err := c.returned(up)
			if err != nil {
				t.Error(err)
			}
			times[i] = max(0, back.Sub(up).Seconds())
		})
	}
	all.Wait()
	slices.Sort(times)
	name := fmt.Sprintf("F12 kill -9 under %d: ", size)
	took(t, name+"media back, the last", seconds(times[size-1]), 10*time.Second)
	took(t, name+"media back, the median", seconds(times[size/2]), 4*time.Second)
	count(t, name+"most in one second", busiest(times), most)
	t.Logf("back after %.1f s", times)

	calm := time.Now()
	for s.load(time.Second) > busy*1.25+0.05 {
		if time.Since(calm) > 20*time.Second {
			t.Errorf("still busy after 20 s: %.2f of a core, %.2f before", s.load(time.Second), busy)
			return
		}
	}
	took(t, name+"processor time back to what it was", time.Since(calm), 20*time.Second)
}

// someone is one of a crowd: he hears the other members of his room.
type someone struct {
	*client.Client
	others []*client.Client
}

// crowd joins people in rooms of five who all speak and hear each other.
func (s *server) crowd(size int, hosts ...*host) []someone {
	s.t.Helper()
	const room = 5
	crowd := make([]someone, size)
	for i := range crowd {
		crowd[i].Client = s.join(hosts[i%len(hosts)], client.Options{
			Room: fmt.Sprintf("room %d", i/room), Username: fmt.Sprintf("%d", i),
			Publish: []client.PublishOptions{{Source: types.SourceMicrophone, FPS: 5, Level: 30, Voice: true}},
		})
	}
	for i := range crowd {
		for j := i / room * room; j < (i/room+1)*room; j++ {
			if j != i {
				crowd[i].others = append(crowd[i].others, crowd[j].Client)
			}
		}
		crowd[i].hears(s.t)
	}
	return crowd
}

func (p someone) hears(t *testing.T) {
	t.Helper()
	for _, other := range p.others {
		wait(t, deadline, p.Client, "a voice", func(st *client.State) bool {
			return st.From(other.Tag(), types.KindAudio).Packets > 2
		})
	}
}

// returned waits until he hears somebody again, and returns when that was.
func (p someone) returned(up time.Time) (time.Time, error) {
	ctx, cancel := within(deadline)
	defer cancel()
	var first time.Time
	err := p.WaitFor(ctx, "to be back", func(st *client.State) bool {
		if len(st.Losses) == 0 || st.Losses[len(st.Losses)-1].Back.IsZero() || st.Connections < 2 {
			return false
		}
		for _, other := range p.others {
			if last := st.From(other.Tag(), types.KindAudio).LastAt; last.After(st.Times.Connected) && !st.Times.FirstRTP.IsZero() {
				first = st.Times.FirstRTP
			}
		}
		return !first.IsZero()
	})
	return first, err
}

// busiest is the most that fall into one of the seconds since the start.
func busiest(times []float64) (most int) {
	bins := map[int]int{}
	for _, s := range times {
		bins[int(s)]++
		most = max(most, bins[int(s)])
	}
	return most
}

// load is the share of a core that the server used over a time.
func (s *server) load(d time.Duration) float64 {
	before, at := s.cpu(), time.Now()
	pass(d)
	return (s.cpu() - before).Seconds() / time.Since(at).Seconds()
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
