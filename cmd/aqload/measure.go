//go:build linux

package main

import (
	"context"
	"time"

	"aq-server/internal/types"
)

// A moment is what has been counted by then.
type moment struct {
	at     time.Time
	server usage
	own    usage
	light  map[*person]counts
	full   map[*person]fullCounts
	sent   map[*person]int64 // of publishers
}

type fullCounts struct {
	tally
	frames FrameCounts
}

func (l *load) moment() (moment, error) {
	m := moment{light: map[*person]counts{}, full: map[*person]fullCounts{}, sent: map[*person]int64{}}
	for _, p := range l.everybody() {
		if p.publishes {
			m.sent[p] = p.sent()
		}
		if p.full {
			m.full[p] = p.fullCounts()
		} else {
			m.light[p] = p.counts()
		}
	}
	m.at = time.Now()
	var err error
	if l.pid != 0 {
		if m.server, err = usageOf(l.pid); err != nil {
			return m, err
		}
	}
	m.own, err = ownUsage()
	return m, err
}

// fullCounts reads the client's own statistics: what was repaired is not lost.
func (p *person) fullCounts() fullCounts {
	var c fullCounts
	for _, t := range p.client.Media() {
		if t.Kind != types.KindAudio && t.Kind != types.KindVideo {
			continue
		}
		s := t.Stats()
		c.Packets += s.Packets
		c.Expected += s.Packets + s.Lost
	}
	c.frames, c.Bytes = p.frames.snapshot()
	return c
}

// sent is how many packets a publisher has sent.
func (p *person) sent() (sum int64) {
	for _, source := range types.Sources() {
		if publication := p.client.Publication(source); publication != nil {
			sum += publication.Sent()
		}
	}
	return sum
}

// due is how many packets should have come to subscribers between two moments:
// all that was sent in their rooms, to each.
func due(a, b moment) (sum int64) {
	rooms := map[string]int64{}
	for p, after := range b.sent {
		if before, ok := a.sent[p]; ok {
			rooms[p.room] += after - before
		}
	}
	for p := range b.light {
		if _, ok := a.light[p]; ok && !p.publishes {
			sum += rooms[p.room]
		}
	}
	for p := range b.full {
		if _, ok := a.full[p]; ok && !p.publishes {
			sum += rooms[p.room]
		}
	}
	return sum
}

// received is what came between two moments, for those who were there at both.
func received(a, b moment) (light, full tally, frames FrameCounts) {
	for p, after := range b.light {
		if before, ok := a.light[p]; ok {
			light.since(before, after)
		}
	}
	for p, after := range b.full {
		before, ok := a.full[p]
		if !ok {
			continue
		}
		full.add(tally{
			Packets: after.Packets - before.Packets, Bytes: after.Bytes - before.Bytes,
			Expected: after.Expected - before.Expected,
		})
		frames.add(after.frames, 1)
		frames.add(before.frames, -1)
	}
	return light, full, frames
}

// window measures for a time.
func (l *load) window(ctx context.Context, d time.Duration) (Window, error) {
	l.latency.take()
	l.latency.open.Store(true)
	defer l.latency.open.Store(false)
	before, err := l.moment()
	if err != nil {
		return Window{}, err
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return Window{}, context.Cause(ctx)
	}
	after, err := l.moment()
	if err != nil {
		return Window{}, err
	}
	w := newWindow(before, after, l.latency.take())
	// Of layers and of more people than m-lines not all is meant to come.
	if n := due(before, after); n > 0 && l.cfg.Publishers == 1 && !l.cfg.Simulcast {
		w.Behind = max(0, 1-w.PacketsPerSecond*w.Seconds/float64(n))
	}
	return w, nil
}

// Window is what was measured between two moments.
type Window struct {
	Seconds          float64 `json:"seconds"`
	Connections      int     `json:"connections"`
	PacketsPerSecond float64 `json:"packets_per_second"`
	BitsPerSecond    float64 `json:"bits_per_second"`
	// ServerCPU is the share of one core, CPUPerPacket microseconds for each
	// packet that arrived.
	ServerCPU    float64 `json:"server_cpu"`
	CPUPerPacket float64 `json:"server_cpu_us_per_packet"`
	LoadCPU      float64 `json:"load_cpu"`
	ServerRSS    float64 `json:"server_rss_kb"`
	// Loss is that of light subscribers, who repair nothing; LossFull what was
	// missing at full receivers after repair. Worst is the light subscriber who
	// lost most.
	Loss     float64 `json:"loss"`
	Lost     int64   `json:"lost_packets"`
	LossFull float64 `json:"loss_full"`
	// Behind is the share of what a single publisher sent that had not come by
	// the end: lost, or waiting in a queue that grows.
	Behind     float64      `json:"behind"`
	Worst      float64      `json:"loss_worst"`
	Latency    Distribution `json:"latency_ms"`
	Frames     FrameCounts  `json:"frames"`
	Silent     int          `json:"silent"` // light subscribers to whom nothing came
	FullPeople int          `json:"full"`
}

func newWindow(a, b moment, latencies []time.Duration) Window {
	light, full, frames := received(a, b)
	all := light
	all.add(full)
	seconds := b.at.Sub(a.at).Seconds()
	w := Window{
		Seconds: seconds, Connections: len(b.light) + len(b.full), FullPeople: len(b.full),
		PacketsPerSecond: float64(all.Packets) / seconds,
		BitsPerSecond:    float64(all.Bytes) * 8 / seconds,
		ServerCPU:        (b.server.cpu - a.server.cpu).Seconds() / seconds,
		LoadCPU:          (b.own.cpu - a.own.cpu).Seconds() / seconds,
		ServerRSS:        float64(b.server.rss) / 1024,
		Loss:             light.loss(), Lost: max(light.Expected-light.Packets, 0), LossFull: full.loss(),
		Latency: distribution(latencies), Frames: frames,
	}
	if all.Packets > 0 {
		w.CPUPerPacket = float64((b.server.cpu - a.server.cpu).Microseconds()) / float64(all.Packets)
	}
	for p, after := range b.light {
		before, ok := a.light[p]
		if !ok {
			continue
		}
		var one tally
		one.since(before, after)
		w.Worst = max(w.Worst, one.loss())
		if one.Packets == 0 && p.listens {
			w.Silent++
		}
	}
	return w
}
