package survival

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/client"
	"aq-server/internal/spawn"
)

// patience bounds what takes milliseconds on a quiet machine.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range built {
		_ = os.RemoveAll(dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// full tells whether the attacks are made in full.
var full = os.Getenv("SURVIVAL") == "full"

// times returns the number for the form that runs.
func times(short, whole int) int {
	if full {
		return whole
	}
	return short
}

var (
	builds sync.Mutex
	built  = map[string]string{} // directory by tags
)

// serverBinary builds the server once.
func serverBinary(t *testing.T, tags string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	dir, done := built[tags]
	if !done {
		var err error
		if dir, err = os.MkdirTemp("", "survival"); err != nil {
			t.Fatal(err)
		}
		built[tags] = dir
		cmd := exec.Command("go", "build", "-tags", tags, "-o", filepath.Join(dir, "server"), "../../cmd/server")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	return filepath.Join(dir, "server")
}

// output is a log that can be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a running server.
type process struct {
	t         *testing.T
	port      string
	url       string
	pid       int
	log       output
	metricKey string
}

// launch starts a server that ends with the test.
func launch(t *testing.T, settings ...string) *process { return launchTagged(t, "", nil, settings...) }

func launchTagged(t *testing.T, tags string, before []string, settings ...string) *process {
	t.Helper()
	return launchBinary(t, serverBinary(t, tags), before, settings...)
}

// launchBinary starts a server by the command before, if any.
func launchBinary(t *testing.T, binary string, before []string, settings ...string) *process {
	t.Helper()
	port, err := spawn.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, port: port, url: "http://127.0.0.1:" + port}
	args := append(before, binary)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append([]string{"PORT=" + port, "TRUSTED_PROXIES=127.0.0.1", "RESUME_WINDOW=3s"}, settings...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			lines := strings.Split(p.log.String(), "\n")
			t.Logf("the end of the log:\n%s", strings.Join(lines[max(0, len(lines)-30):], "\n"))
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := spawn.Healthy(ctx, p.url); err != nil {
		t.Fatal(err)
	}
	return p
}

// join makes a client that leaves with the test.
func (p *process) join(o client.Options) *client.Client {
	p.t.Helper()
	c, err := p.dial(o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	return c
}

// dial is join for other goroutines.
func (p *process) dial(o client.Options) (*client.Client, error) {
	o.URL = p.url
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.Dial(ctx, o)
}

// get returns status and body of a path.
func (p *process) get(path string, header ...string) (int, string) {
	p.t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(response.Body)
	return response.StatusCode, body.String()
}

// series returns the Prometheus metrics.
func (p *process) series() map[string]float64 {
	p.t.Helper()
	header := []string{}
	if p.metricKey != "" {
		header = []string{"Authorization", "Bearer " + p.metricKey}
	}
	_, text := p.get("/metrics?format=prometheus", header...)
	values := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if i := strings.LastIndexByte(lines.Text(), ' '); i > 0 && !strings.HasPrefix(lines.Text(), "#") {
			v, err := strconv.ParseFloat(lines.Text()[i+1:], 64)
			if err != nil {
				p.t.Fatalf("%s: %v", lines.Text(), err)
			}
			values[lines.Text()[:i]] = v
		}
	}
	return values
}

// state is what the process uses.
type state struct {
	rss, heap               float64 // MiB
	goroutines, descriptors int
}

func (p *process) state() state {
	p.t.Helper()
	m := p.series()
	return state{
		m["process_resident_memory_bytes"] / (1 << 20), m["go_memstats_heap_inuse_bytes"] / (1 << 20),
		int(m["go_goroutines"]), int(m["process_open_fds"]),
	}
}

func (s state) String() string {
	return fmt.Sprintf("RSS %.0f MiB, heap %.1f MiB, %d goroutines, %d descriptors", s.rss, s.heap, s.goroutines, s.descriptors)
}

// calm waits until the process is back to what it was: R of the rules.
func (p *process) calm(base state) {
	p.t.Helper()
	var now state
	end := time.Now().Add(45 * time.Second)
	for {
		http.DefaultClient.CloseIdleConnections()
		now = p.state()
		if now.goroutines <= base.goroutines+10 && now.descriptors <= base.descriptors+5 && now.heap <= base.heap+16 {
			p.t.Logf("calm: %v (before: %v)", now, base)
			return
		}
		if time.Now().After(end) {
			p.t.Errorf("not calm again: %v, before %v", now, base)
			return
		}
		pass(250 * time.Millisecond)
	}
}

// eventually asks until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); pass(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// pass lets time go by where something is measured over it.
func pass(d time.Duration) { <-time.After(d) }

// needsLinux skips what looks into /proc.
func needsLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux")
	}
}
