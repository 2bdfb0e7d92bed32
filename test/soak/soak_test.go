package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// How far above the first calm moment a later one may lie. Memory is what the Go runtime keeps
// between two collections and gives back late, hence the allowance; a leak passes any bound.
const (
	moreGoroutines  = 10
	moreDescriptors = 5
	moreHeap        = 16 << 20
	moreRSS         = 48 << 20
)

// TestMemoryStaysFlat lets crowds come and go beside a call that goes on, and looks at the server
// after each crowd has left. SOAK=24h lets it go on for a day.
func TestMemoryStaysFlat(t *testing.T) {
	duration := 15 * time.Second
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK: %v", err)
		}
	}
	p := launch(t)
	alice := p.join(client.Options{Room: "call", Username: "Alice", Protocol: 1, Publish: both()})
	bob := p.join(client.Options{Room: "call", Username: "Bob", Publish: both()})

	var base sample
	var tr trend
	people, reported := 0, time.Now()
	for began, round := time.Now(), 0; ; round++ {
		people += p.crowd(round)
		if t.Failed() {
			return
		}
		goesOn(t, alice, bob)
		calm := p.calm(2, base)
		if round == 1 { // the first crowd fills pools and caches
			base = calm
			t.Logf("base: %v", base)
		}
		if round > 1 {
			tr.add(calm)
		}
		if round > 1 && time.Since(reported) > duration/10 {
			reported = time.Now()
			t.Logf("after %v and %d people: %v", time.Since(began).Round(time.Second), people, calm)
			t.Log(tr.String())
		}
		if round > 2 && time.Since(began) > duration {
			t.Log(tr.String())
			return
		}
	}
}

// crowd has people join and leave in all ways, half of them in the call and half in rooms of
// their own, and returns how many.
func (p *process) crowd(round int) int {
	const size = 20
	var crowd sync.WaitGroup
	for i := range size {
		opts := client.Options{Room: "call", Username: fmt.Sprint(round, i), Protocol: i / 2 % 2}
		arrived := hasMedia
		if i%2 == 1 {
			opts.Room, opts.Publish = fmt.Sprintf("crowd %d %d", round, i%4), both()
			arrived = isConnected
		}
		crowd.Go(func() {
			c, err := p.dial(opts)
			if err != nil {
				p.t.Error(err)
				return
			}
			if i%5 != 0 { // the others leave before anything stands
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				defer cancel()
				if err := c.WaitFor(ctx, "its media", arrived); err != nil {
					p.t.Error(err)
				}
				_ = c.Chat(fmt.Sprint("hello ", rand.Uint64()))
			}
			// Faults: nonsense on the way out, and the socket that breaks. A base client
			// is gone with his.
			if i%4 == 0 {
				_ = c.SendRaw(1, []byte(`{"event":"answer","data":"{\"type\":\"answer\",\"sdp\":\"v=0\"}"}`))
				_ = c.SendRaw(1, []byte(strings.Repeat("[", 10000)))
			}
			if opts.Protocol == 0 && i%3 == 0 {
				c.Abort()
			} else {
				c.Close()
			}
		})
	}
	crowd.Wait()
	return size
}

// calm waits until the server is back to so many sockets and within the bounds above base (of
// which the zero value sets none), and returns how it was then.
func (p *process) calm(sockets int64, base sample) sample {
	p.t.Helper()
	var last sample
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(3 * time.Minute); ; <-ticker.C {
		last = p.sample()
		within := base.at.IsZero() ||
			last.goroutines <= base.goroutines+moreGoroutines && last.descriptors <= base.descriptors+moreDescriptors &&
				last.heap <= base.heap+moreHeap && last.rss <= base.rss+moreRSS
		if within && last.sockets == sockets && last.peers == sockets {
			return last
		}
		// Long enough for the collection that the runtime forces after two minutes.
		if time.Now().After(end) {
			p.t.Fatalf("not calm again:\nat first %v\nnow      %v", base, last)
		}
	}
}

// goesOn fails when one of the two no longer receives the other.
func goesOn(t *testing.T, alice, bob *client.Client) {
	t.Helper()
	for _, pair := range [][2]*client.Client{{alice, bob}, {bob, alice}} {
		to, from := pair[0], pair[1]
		before := to.From(from.Tag(), types.KindVideo).Packets
		eventually(t, "further video in the call", func() bool {
			return to.From(from.Tag(), types.KindVideo).Packets > before
		})
	}
}

func hasMedia(s *client.State) bool {
	for _, track := range s.Media {
		if track.Stats().Packets > 0 {
			return true
		}
	}
	return false
}

func isConnected(s *client.State) bool { return !s.Times.Connected.IsZero() }

func both() []client.PublishOptions {
	return []client.PublishOptions{
		{Source: types.SourceMicrophone, FPS: 20, Level: 30, Voice: true},
		{Source: types.SourceCamera, FPS: 10, PacketsPerFrame: 2, Layers: 1},
	}
}
