package app

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/config"
)

// Those who were just accepted are waited for until they are answered, but not
// those who came long ago and asked nothing.
func TestArrivalsSettle(t *testing.T) {
	const patience = time.Second
	synctest.Test(t, func(t *testing.T) {
		l := newArrivals()
		idle, asking, silent, joining := &net.TCPConn{}, &net.TCPConn{}, &net.TCPConn{}, &net.TCPConn{}
		l.note(idle, http.StateNew)
		time.Sleep(10 * patience)
		began := time.Now()
		if l.settle(patience); time.Since(began) != 0 {
			t.Errorf("waited %v for one who asks nothing", time.Since(began))
		}
		l.note(asking, http.StateNew)
		l.note(asking, http.StateActive)
		l.note(joining, http.StateNew)
		go func() {
			time.Sleep(patience / 4)
			l.note(joining, http.StateHijacked)
			time.Sleep(patience / 4)
			l.note(asking, http.StateIdle)
		}()
		if l.settle(patience); time.Since(began) != patience/2 {
			t.Errorf("waited %v for the last answer", time.Since(began))
		}
		l.note(silent, http.StateNew)
		began = time.Now()
		if l.settle(patience); time.Since(began) != patience {
			t.Errorf("waited %v for one who says nothing", time.Since(began))
		}
	})
}

// An inherited listener is left as it was found: who connects while the server
// ends, or when it has ended, is taken by whoever accepts next.
func TestInheritedListenerOutlivesTheServer(t *testing.T) {
	held, copied := inheritable(t)
	c := config.Default()
	c.Port = "0"
	a := New(Options{Config: c, Listener: copied})
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if a.Addr() != held.Addr().String() {
		t.Errorf("listens at %s, not at %s", a.Addr(), held.Addr())
	}
	if status, _, body := get(t, "http://"+hostPort(t, a)+"/health"); status != 200 {
		t.Errorf("health: %d %s", status, body)
	}
	if got := a.Status(); got != "0 people in 0 rooms" {
		t.Errorf("status %q", got)
	}
	if err := a.Shutdown(); err != nil {
		t.Error(err)
	}
	select {
	case <-a.Failed():
		t.Error("leaving the listener counts as a failure")
	default:
	}
	conn, err := net.Dial("tcp", hostPort(t, a))
	if err != nil {
		t.Fatalf("after the end: %v", err)
	}
	defer conn.Close()
	_ = held.SetDeadline(time.Now().Add(deadline))
	taken, err := held.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if taken.RemoteAddr().String() != conn.LocalAddr().String() {
		t.Errorf("accepted %v, not %v", taken.RemoteAddr(), conn.LocalAddr())
	}
}

// A start that fails, or never comes, lets go of the listener, too.
func TestInheritedListenerIsLetGo(t *testing.T) {
	_, copied := inheritable(t)
	c := config.Default() // another port
	err := New(Options{Config: c, Listener: copied}).Start()
	var value *config.ValueError
	if !errors.As(err, &value) || value.Variable != "PORT" || !strings.Contains(err.Error(), "the port of the socket") {
		t.Errorf("another port: %v", err)
	}
	if copied.Close() == nil {
		t.Error("open after a start that failed")
	}
	_, copied = inheritable(t)
	if err := New(Options{Config: c, Listener: copied}).Shutdown(); err != nil {
		t.Error(err)
	}
	if copied.Close() == nil {
		t.Error("open after the end of what was never started")
	}
	c.Port = "0"
	c.MediaPort = blockedUDP(t)
	_, copied = inheritable(t)
	if err := New(Options{Config: c, Listener: copied}).Start(); err == nil || !strings.Contains(err.Error(), "set MEDIA_PORT to another") {
		t.Errorf("media port in use: %v", err)
	}
	if copied.Close() == nil {
		t.Error("open without a media port")
	}
}

// inheritable returns a listener and a copy of it, as two processes have.
func inheritable(t *testing.T) (held *net.TCPListener, copied net.Listener) {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	held = listener.(*net.TCPListener)
	file, err := held.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if copied, err = net.FileListener(file); err != nil {
		t.Fatal(err)
	}
	return held, copied
}

// blockedUDP returns a UDP port of loopback that is taken.
func blockedUDP(t *testing.T) int {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	return udp.LocalAddr().(*net.UDPAddr).Port
}
