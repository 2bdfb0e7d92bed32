package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/client"
	"aq-server/internal/spawn"
)

// deadline bounds what takes milliseconds on a quiet machine.
const deadline = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is a server as people run it: built without the race detector, with its defaults.
type process struct {
	t      *testing.T
	url    string
	output bytes.Buffer // valid after the process has ended
}

// launch builds and starts a server, with these settings beside its defaults, that ends with the
// test.
func launch(t *testing.T, settings ...string) *process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "server")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/server").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	port, err := spawn.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, url: "http://127.0.0.1:" + port}
	cmd := exec.Command(binary)
	cmd.Env = append([]string{"PORT=" + port, "LOG_LEVEL=warn"}, settings...)
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v:\n%s", err, p.output.String())
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := spawn.Healthy(ctx, p.url); err != nil {
		t.Fatal(err)
	}
	return p
}

// join makes a client that leaves with the test.
func (p *process) join(opts client.Options) *client.Client {
	p.t.Helper()
	c, err := p.dial(opts)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	return c
}

// dial is join for other goroutines and for clients that the caller closes.
func (p *process) dial(opts client.Options) (*client.Client, error) {
	opts.URL = p.url
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return client.Dial(ctx, opts)
}

// sample is what /metrics says of the process at one moment.
type sample struct {
	at          time.Time
	cpu         time.Duration // used since the start
	rss         int64         // bytes
	heap        int64         // bytes in use
	goroutines  int64
	descriptors int64
	sockets     int64 // open WebSockets
	peers       int64 // members of rooms, those whose socket broke included
	packetsOut  int64
}

func (s sample) String() string {
	return fmt.Sprintf("%d sockets, RSS %.1f MB, heap %.1f MB, %d goroutines, %d descriptors",
		s.sockets, float64(s.rss)/1e6, float64(s.heap)/1e6, s.goroutines, s.descriptors)
}

func (p *process) sample() sample {
	p.t.Helper()
	response, err := http.Get(p.url + "/metrics?format=prometheus")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	values := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			if values[name], err = strconv.ParseFloat(value, 64); err != nil {
				p.t.Fatalf("/metrics: %s: %v", lines.Text(), err)
			}
		}
	}
	get := func(name string) float64 {
		v, ok := values[name]
		if !ok {
			p.t.Fatalf("/metrics has no %s", name)
		}
		return v
	}
	return sample{
		at:          time.Now(),
		cpu:         time.Duration(get("process_cpu_seconds_total") * float64(time.Second)),
		rss:         int64(get("process_resident_memory_bytes")),
		heap:        int64(get("go_memstats_heap_inuse_bytes")),
		goroutines:  int64(get("go_goroutines")),
		descriptors: int64(get("process_open_fds")),
		sockets:     int64(get("aq_active_connections")),
		peers:       int64(get("aq_active_peers")),
		packetsOut:  int64(get("aq_rtp_sent_packets_total")),
	}
}

// eventually asks until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); !condition(); <-ticker.C {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v", what, deadline)
		}
	}
}

// pass lets wall time go by where a rate is measured over it.
func pass(d time.Duration) { <-time.After(d) }
