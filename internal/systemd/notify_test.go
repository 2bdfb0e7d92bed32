package systemd

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds what takes milliseconds on a quiet machine.
const deadline = 20 * time.Second

// patient is a service that counts how often it was looked at.
type patient struct {
	broken atomic.Bool
	looks  chan struct{} // unbuffered: each look waits for the test
}

func (p *patient) Status() string { return "well" }

func (p *patient) Broken() error {
	p.looks <- struct{}{}
	if p.broken.Load() {
		return errors.New("broken")
	}
	return nil
}

// hear opens a socket like systemd's and returns a function that reads the next
// message.
func hear(t *testing.T) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		b := make([]byte, 4096)
		_ = socket.SetReadDeadline(time.Now().Add(deadline))
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

// A service that is broken gives no sign of life until it is well again.
func TestBrokenServiceGivesNoSignOfLife(t *testing.T) {
	next := hear(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	p := &patient{looks: make(chan struct{})}
	n := Ready(p, slog.New(slog.DiscardHandler))
	if got := next(); got != "READY=1\nSTATUS=well" {
		t.Errorf("at first %q", got)
	}
	<-p.looks
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("while well %q", got)
	}
	p.broken.Store(true)
	for range 5 {
		<-p.looks
	}
	n.Stopping() // whatever was said before is in the socket's queue before this
	if got := next(); got != "STOPPING=1\nSTATUS=draining: well" {
		t.Errorf("while broken %q", got)
	}
	p.broken.Store(false)
	<-p.looks
	for got := ""; got != "WATCHDOG=1"; got = next() { // the deadline of next bounds it
		select {
		case <-p.looks:
		default:
		}
	}
	go func() { // the last look may be under way
		for range p.looks {
		}
	}()
	n.Close()
	n.Close()
	close(p.looks)
}

// Without a service manager nothing is done, and with one that does not listen
// one line is logged.
func TestNobodyListens(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	n := Ready(nil, nil) // neither is used
	n.Stopping()
	n.Close()

	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	t.Setenv("WATCHDOG_USEC", "x")
	var out strings.Builder
	n = Ready(&patient{}, slog.New(slog.NewTextHandler(&out, nil)))
	n.Stopping()
	n.Close()
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "no watchdog") || !strings.Contains(got, "cannot be told") {
		t.Errorf("logged %q", got)
	}
}
