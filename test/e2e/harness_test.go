// Package e2e tries the whole server from outside: a real App on loopback, and
// clients of internal/client that speak its protocol over real sockets.
package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/app"
	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds what takes milliseconds on a quiet machine. It is generous:
// the tests run under the race detector on machines that do other things.
const deadline = 30 * time.Second

// server is a running App.
type server struct {
	t   *testing.T
	app *app.App
	url string
}

// start runs a server on a free port until the test ends.
func start(t *testing.T, change ...func(*config.Config)) *server {
	t.Helper()
	o := app.Options{Config: config.Default()}
	for _, f := range change {
		f(&o.Config)
	}
	return run(t, o)
}

// run is start for what is no setting.
func run(t *testing.T, o app.Options) *server {
	t.Helper()
	o.Config.Port = "0"
	o.Log = slog.New(slog.DiscardHandler)
	a := app.New(o)
	if err := a.Start(); err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := a.Shutdown(); err != nil {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			t.Errorf("shutdown: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	_, port, err := net.SplitHostPort(a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	scheme := "http"
	if o.Config.Secure() {
		scheme = "https"
	}
	return &server{t: t, app: a, url: scheme + "://" + net.JoinHostPort("127.0.0.1", port)}
}

// join dials and fails the test when that fails. The client leaves at the end.
func (s *server) join(opts client.Options) *client.Client {
	s.t.Helper()
	c, err := s.dial(opts)
	if err != nil {
		s.t.Fatalf("%s joins %s: %v", opts.Username, opts.Room, err)
	}
	return c
}

// dial is join for other goroutines.
func (s *server) dial(opts client.Options) (*client.Client, error) {
	if opts.URL == "" {
		opts.URL = s.url
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	c, err := client.Dial(ctx, opts)
	if err == nil {
		s.t.Cleanup(c.Close)
	}
	return c, err
}

// get reads a path of the server as JSON.
func (s *server) get(path string, into any) int {
	s.t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		s.t.Fatalf("%s: %v in %s", path, err, body)
	}
	return response.StatusCode
}

// metric returns a counter of GET /metrics.
func (s *server) metric(name string) int64 {
	s.t.Helper()
	counters := map[string]any{}
	s.get("/metrics", &counters)
	v, ok := counters[name].(float64)
	if !ok {
		s.t.Fatalf("no metric %s in %v", name, counters)
	}
	return int64(v)
}

// try is wait for other goroutines than the test's: it reports the failure and
// returns false.
func try(t *testing.T, c *client.Client, what string, condition func(*client.State) bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := c.WaitFor(ctx, what, condition)
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// wait fails the test when the condition does not come true in time.
func wait(t *testing.T, c *client.Client, what string, condition func(*client.State) bool) {
	t.Helper()
	waitWithin(t, deadline, c, what, condition)
}

func waitWithin(t *testing.T, within time.Duration, c *client.Client, what string, condition func(*client.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := c.WaitFor(ctx, what, condition); err != nil {
		t.Fatal(err)
	}
}

// eventually polls what no client sees.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.NewTimer(deadline)
	defer timeout.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-timeout.C:
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			t.Fatalf("waiting for %s", what)
		}
	}
}

// camera and microphone are light: few and small packets, so that a room of
// many fits two cores under the race detector.
func camera() client.PublishOptions {
	return client.PublishOptions{Source: types.SourceCamera, FPS: 10, PacketsPerFrame: 2, PacketSize: 200}
}

func microphone() client.PublishOptions {
	return client.PublishOptions{Source: types.SourceMicrophone, FPS: 20, Level: 30, Voice: true}
}

func both() []client.PublishOptions { return []client.PublishOptions{microphone(), camera()} }

// meets reports whether a client hears and sees another: voice, and a whole
// keyframe.
func meets(s *client.State, other *client.Client) bool {
	return s.From(other.Tag(), types.KindAudio).Packets >= 5 && s.From(other.Tag(), types.KindVideo).Keyframes >= 1
}

// waitMeet waits until everyone of a room hears and sees everyone else.
func waitMeet(t *testing.T, people ...*client.Client) {
	t.Helper()
	for i, c := range people {
		for j, other := range people {
			if i != j {
				wait(t, c, fmt.Sprintf("%d to meet %d", i, j), func(s *client.State) bool { return meets(s, other) })
			}
		}
	}
}

// strangers returns the senders of what a client received that are not among
// the people.
func strangers(c *client.Client, people []*client.Client) []uint64 {
	var found []uint64
	for _, track := range c.Media() {
		for tag := range track.Stats().Senders {
			if !slices.ContainsFunc(people, func(p *client.Client) bool { return p.Tag() == tag }) {
				found = append(found, tag)
			}
		}
	}
	return found
}

// insecure accepts the self-signed certificate of a test.
func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate is the test's own
}

// lastOffer returns the offer of a client that came last.
func lastOffer(c *client.Client) client.Offer {
	var offer client.Offer
	c.View(func(s *client.State) { offer = s.LastOffer() })
	return offer
}
