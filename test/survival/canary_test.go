package survival

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// limits are what the canary may suffer, beside what this machine's own pauses
// add (stalled).
type limits struct {
	gap, chat, health, join time.Duration
	share                   float64 // of sound that must arrive
}

// usual are the figures of the rules.
var usual = limits{
	gap: 300 * time.Millisecond, chat: 250 * time.Millisecond, health: 200 * time.Millisecond,
	join: mostJoin, share: 0.995,
}

const mostJoin = 2 * time.Second

// canary is an unrelated call: one who publishes, two who watch, a chat message a
// second, and somebody who asks how the server is.
type canary struct {
	p          *process
	query      url.Values // of everybody who joins
	sender     *client.Client
	watchers   []*client.Client
	began      time.Time
	before     []client.SenderStats
	sentBefore int64
	quit       chan struct{}
	wg         sync.WaitGroup
	stalled    atomic.Int64 // longest that this process itself stood still, ns
	mu         sync.Mutex

	chatTimes  []time.Duration
	worstCheck time.Duration
	unwell     int
}

// fps of the canary's pictures, in two packets each.
const canaryFPS = 20

func (p *process) canary(token ...string) *canary {
	p.t.Helper()
	c := &canary{p: p, quit: make(chan struct{})}
	if len(token) > 0 {
		c.query = url.Values{"token": {token[0]}}
	}
	o := client.Options{Query: c.query, Room: "canary", Username: "Sender", Protocol: 1, Publish: []client.PublishOptions{
		{Source: types.SourceMicrophone, FPS: 50, Level: 30, Voice: true},
		{Source: types.SourceCamera, FPS: canaryFPS, PacketsPerFrame: 2, PacketSize: 300},
	}}
	c.sender = p.join(o)
	for i := range 2 {
		w := o
		w.Publish, w.Username, w.Protocol = nil, "Watcher", i
		c.watchers = append(c.watchers, p.join(w))
	}
	for _, w := range c.watchers {
		wait(p.t, w, "the canary to sing", func(s *client.State) bool {
			return s.From(c.sender.Tag(), types.KindVideo).Keyframes > 0 && s.From(c.sender.Tag(), types.KindAudio).Packets > 20
		})
	}
	for _, w := range c.watchers {
		w.ResetGaps()
		c.before = append(c.before, w.From(c.sender.Tag(), types.KindAudio))
	}
	c.sentBefore = c.sender.Publication(types.SourceMicrophone).Sent()
	c.began = time.Now()
	c.wg.Go(c.pauses)
	c.wg.Go(c.talk)
	c.wg.Go(c.ask)
	p.t.Cleanup(func() { // also when the test fails before check
		if c.quit != nil {
			close(c.quit)
			c.wg.Wait()
		}
	})
	return c
}

// pauses measures how long this process gets no processor: nobody's fault.
func (c *canary) pauses() {
	const interval = 10 * time.Millisecond
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-c.quit:
			return
		case <-ticker.C:
		}
		now := time.Now()
		if late := int64(now.Sub(last) - interval); late > c.stalled.Load() {
			c.stalled.Store(late)
		}
		last = now
	}
}

func (c *canary) talk() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for i := 0; ; i++ {
		text := "tweet " + strconv.Itoa(i)
		began := time.Now()
		if c.sender.Chat(text) != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = c.watchers[0].WaitFor(ctx, "chat", func(s *client.State) bool { return slices.Contains(s.ChatTexts(), text) })
		cancel()
		c.mu.Lock()
		c.chatTimes = append(c.chatTimes, time.Since(began))
		c.mu.Unlock()
		select {
		case <-c.quit:
			return
		case <-ticker.C:
		}
	}
}

func (c *canary) ask() {
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	asker := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for {
		began := time.Now()
		response, err := asker.Get(c.p.url + "/health")
		took := time.Since(began)
		c.mu.Lock()
		c.worstCheck = max(c.worstCheck, took)
		// That nothing came in five seconds shows in the time it took.
		if err == nil && response.StatusCode != http.StatusOK {
			c.unwell++
		}
		c.mu.Unlock()
		if err == nil {
			_ = response.Body.Close()
		}
		select {
		case <-c.quit:
			return
		case <-ticker.C:
		}
	}
}

// check wants the canary to be whole: C of the rules.
func (c *canary) check() {
	c.p.t.Helper()
	c.checkAgainst(usual)
}

func (c *canary) checkAgainst(most limits) {
	t := c.p.t
	t.Helper()
	pass(2*time.Second - time.Since(c.began)) // what comes in less says nothing
	lived := time.Since(c.began)
	close(c.quit)
	c.wg.Wait()
	c.quit = nil
	allowed := 2 * time.Duration(c.stalled.Load())
	for i, w := range c.watchers {
		for _, kind := range []types.Kind{types.KindAudio, types.KindVideo} {
			if gap := w.Gap(c.sender.Tag(), kind); gap.Longest > most.gap+allowed {
				t.Errorf("canary: a gap of %v in its %s, %v allowed", gap.Longest, kind, most.gap+allowed)
			}
		}
		sent := c.sender.Publication(types.SourceMicrophone).Sent() - c.sentBefore
		got := func() int64 { return w.From(c.sender.Tag(), types.KindAudio).Packets - c.before[i].Packets }
		for end := time.Now().Add(time.Second); float64(got()) < float64(sent)*most.share; pass(20 * time.Millisecond) {
			if time.Now().After(end) { // what was on its way has had its time
				t.Errorf("canary: %d packets of sound of %d", got(), sent)
				break
			}
		}
	}
	c.mu.Lock()
	slices.Sort(c.chatTimes)
	p99 := c.chatTimes[(len(c.chatTimes)*99)/100]
	worst, unwell := c.worstCheck, c.unwell
	c.mu.Unlock()
	if p99 > most.chat+allowed {
		t.Errorf("canary: chat took %v", p99)
	}
	if worst > most.health+allowed || unwell > 0 {
		t.Errorf("canary: /health took %v, %d times it was not well", worst, unwell)
	}
	began := time.Now()
	fresh := c.p.join(client.Options{Room: "canary", Username: "Fresh", Query: c.query})
	wait(t, fresh, "media for who comes now", func(s *client.State) bool { return s.From(c.sender.Tag(), types.KindVideo).Keyframes > 0 })
	took := time.Since(began)
	fresh.Close()
	if took > most.join+allowed {
		t.Errorf("canary: a join took %v", took)
	}
	t.Logf("canary: %v, worst gap of sound %v, chat p99 %v, health %v, join %v, own pauses %v", lived.Round(time.Second),
		c.watchers[0].Gap(c.sender.Tag(), types.KindAudio).Longest, p99, worst, took, allowed/2)
}

func wait(t *testing.T, c *client.Client, what string, condition func(*client.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.WaitFor(ctx, what, condition); err != nil {
		t.Fatal(err)
	}
}
