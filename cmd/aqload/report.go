//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// Result is what one run found.
type Result struct {
	Command []string `json:"command"`
	Window
	// RSSPerConnection is what the server has grown by for each since before
	// the first join.
	RSSPerConnection         float64 `json:"server_rss_kb_per_connection"`
	GoroutinesPerConnection  float64 `json:"server_goroutines_per_connection"`
	DescriptorsPerConnection float64 `json:"server_descriptors_per_connection"`
	// Joins are those of people who were there at the end, by phase, from the
	// dial on.
	Joins    Joins         `json:"joins"`
	Chat     *ChatResult   `json:"chat,omitempty"`
	Churn    *ChurnResult  `json:"churn,omitempty"`
	Search   *SearchResult `json:"search,omitempty"`
	Failures []string      `json:"failures"`
}

// Joins are the phases of joins.
type Joins struct {
	Socket   Distribution `json:"socket_ms"`
	Welcome  Distribution `json:"welcome_ms"`
	ICE      Distribution `json:"ice_ms"`
	DTLS     Distribution `json:"dtls_ms"`
	FirstRTP Distribution `json:"first_rtp_ms"`
}

func (l *load) joins() Joins {
	var socket, welcome, ice, dtls, first []time.Duration
	for _, p := range l.everybody() {
		t := p.times()
		note := func(list *[]time.Duration, at time.Time) {
			if !at.IsZero() {
				*list = append(*list, at.Sub(t.Dial))
			}
		}
		note(&socket, t.Open)
		note(&welcome, t.Welcome)
		note(&ice, t.ICE)
		note(&dtls, t.Connected)
		note(&first, t.FirstRTP)
	}
	return Joins{
		distribution(socket), distribution(welcome), distribution(ice), distribution(dtls), distribution(first),
	}
}

func (r *Result) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(data)
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// print writes the summary table.
func (r *Result) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, values ...any) {
		_, _ = fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, values...)...) // Flush has the error
	}
	line("connections", "%d, %d of them full receivers", r.Connections, r.FullPeople)
	line("out", "%.0f packets/s, %.1f Mbit/s, over %.1f s", r.PacketsPerSecond, r.BitsPerSecond/1e6, r.Seconds)
	if r.ServerRSS > 0 {
		line("server CPU", "%.2f us a packet, %.1f %% of a core", r.CPUPerPacket, r.ServerCPU*100)
		line("server memory", "%.0f MB; a connection %.0f kB, %.1f goroutines, %.1f descriptors",
			r.ServerRSS/1024, r.RSSPerConnection, r.GoroutinesPerConnection, r.DescriptorsPerConnection)
	}
	line("load's own CPU", "%.0f %% of a core", r.LoadCPU*100)
	line("loss", "%.3f %% (%d packets), worst subscriber %.3f %%, %d silent; full receivers %.3f %%; behind %.1f %%",
		r.Loss*100, r.Lost, r.Worst*100, r.Silent, r.LossFull*100, r.Behind*100)
	line("latency", "p50 %.2f, p99 %.2f, max %.2f ms of %d packets", r.Latency.P50, r.Latency.P99, r.Latency.Max, r.Latency.Count)
	line("frames", "%d whole, %d broken, %d useless; %d streams without a keyframe first",
		r.Frames.Whole, r.Frames.Broken, r.Frames.Useless, r.Frames.NoKey)
	for _, phase := range []struct {
		name string
		d    Distribution
	}{
		{"socket open", r.Joins.Socket}, {"welcome", r.Joins.Welcome}, {"ICE connected", r.Joins.ICE},
		{"DTLS done", r.Joins.DTLS}, {"first RTP", r.Joins.FirstRTP},
	} {
		if phase.d.Count > 0 {
			line("join: "+phase.name, "p50 %.1f, p95 %.1f, max %.1f ms of %d", phase.d.P50, phase.d.P95, phase.d.Max, phase.d.Count)
		}
	}
	if c := r.Chat; c != nil {
		line("chat", "%d sent, %d received: p50 %.2f, p99 %.2f, max %.2f ms", c.Sent, c.Latency.Count, c.Latency.P50, c.Latency.P99, c.Latency.Max)
	}
	if c := r.Churn; c != nil {
		line("churn", "%d left, %d came: first RTP p50 %.1f, p95 %.1f, max %.1f ms", c.Left, c.Came, c.FirstRTP.P50, c.FirstRTP.P95, c.FirstRTP.Max)
	}
	if s := r.Search; s != nil {
		line("most subscribers", "%d with less than 1 %% loss; %d had %.2f %%, or were so much behind", s.Most, s.Over, s.OverLoss*100)
	}
	line("failures", "%d", len(r.Failures))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range r.Failures[:min(len(r.Failures), 5)] {
		if _, err := fmt.Fprintln(out, "  ", f); err != nil {
			return err
		}
	}
	return nil
}
