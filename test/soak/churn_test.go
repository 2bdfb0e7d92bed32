package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/client"
)

// churners come and go at the same time.
const churners = 12

// TestChurn has people join and be gone again, each at another point of his join and in another
// way, beside a call that goes on. Afterwards the server has no more goroutines, descriptors and
// memory than it had after the first of them. CHURN=10000 makes it so many.
func TestChurn(t *testing.T) {
	total := 300
	if text := os.Getenv("CHURN"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil || total < 1 {
			t.Fatalf("CHURN=%q: want a positive number", text)
		}
	}
	// Whoever breaks off without a word keeps his place for a while. Were it the usual 30 s, most of
	// the load would be those who are not there.
	p := launch(t, "RESUME_WINDOW=2s")
	alice := p.join(client.Options{Room: "call", Username: "Alice", Protocol: 1, Publish: both()})
	bob := p.join(client.Options{Room: "call", Username: "Bob", Publish: both()})
	p.churn(10 * churners) // pools and caches find their size
	base := p.calm(2, sample{})
	t.Logf("base: %v", base)
	began := time.Now()
	ended := p.churn(total)
	if t.Failed() {
		return
	}
	over := time.Now()
	last := p.calm(2, base)
	t.Logf("%d churns in %v (%v), and %v later: %v", total, over.Sub(began).Round(time.Second), ended,
		time.Since(over).Round(100*time.Millisecond), last)
	goesOn(t, alice, bob)
}

// How far a churner gets before he is gone, and how he goes.
var (
	points = []string{"at once", "offered", "answered", "connected", "media"}
	ways   = []string{"reset", "leave", "1000", "1001"}
)

// churn has so many come and go, and returns how many ended in which way.
func (p *process) churn(total int) map[string]int {
	var begun atomic.Int64
	var workers sync.WaitGroup
	var mu sync.Mutex
	ended := map[string]int{}
	for range churners {
		workers.Go(func() {
			for n := begun.Add(1); n <= int64(total) && !p.t.Failed(); n = begun.Add(1) {
				way := ways[rand.IntN(len(ways))]
				if err := p.come(int(n), points[rand.IntN(len(points))], way); err != nil {
					p.t.Error(err)
				}
				mu.Lock()
				ended[way]++
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return ended
}

// come joins, gets as far as the point, and goes.
func (p *process) come(n int, point, way string) error {
	opts := client.Options{Room: "call", Username: fmt.Sprint("churner ", n), Protocol: n % 2}
	if n%3 == 0 {
		opts.Room = fmt.Sprint("room ", n/6) // two share one
	}
	if n%4 == 0 {
		opts.Publish = both()[:1+n/4%2]
	}
	if point == "offered" {
		opts.HoldAnswer = func(ctx context.Context, _ uint64) bool {
			<-ctx.Done()
			return false
		}
	}
	c, err := p.dial(opts)
	if err != nil {
		return fmt.Errorf("churner %d: %w", n, err)
	}
	defer c.Abort()
	reached := map[string]func(*client.State) bool{
		"offered":   func(s *client.State) bool { return len(s.Offers) > 0 },
		"answered":  func(s *client.State) bool { return s.Answers > 0 },
		"connected": isConnected,
		"media":     func(s *client.State) bool { return opts.Room != "call" && isConnected(s) || hasMedia(s) },
	}[point]
	if reached != nil {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := c.WaitFor(ctx, point, reached); err != nil {
			return fmt.Errorf("churner %d: %w", n, err)
		}
	}
	return goes(c, way)
}

// goes ends a client in one of the ways. Abort follows and resets the connection.
func goes(c *client.Client, way string) error {
	switch way {
	case "leave":
		_ = c.Leave() // the server may have closed already
	case "1000":
		c.Close()
		return nil
	case "1001":
		_ = c.SendRaw(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""))
	default:
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return c.WaitFor(ctx, "the end of the socket", func(s *client.State) bool { return !s.Connected })
}
