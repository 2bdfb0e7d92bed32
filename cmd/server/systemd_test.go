package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// manager plays systemd: it holds the listening socket that processes inherit
// and hears what they have to say.
type manager struct {
	t        *testing.T
	listener *net.TCPListener // never accepts
	port     string
	notify   string
	heard    chan string // datagrams, in order
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, notify: filepath.Join(t.TempDir(), "notify"), heard: make(chan string, 10_000)}
	for m.listener == nil { // media needs the same number for UDP
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		udp, err := net.ListenUDP("udp", &net.UDPAddr{Port: port})
		if err != nil {
			_ = listener.Close()
			continue
		}
		_ = udp.Close()
		m.listener, m.port = listener.(*net.TCPListener), strconv.Itoa(port)
	}
	t.Cleanup(func() { m.listener.Close() })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.notify, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	reader.Go(func() { // ends with the socket
		datagram := make([]byte, 4096)
		for {
			n, err := socket.Read(datagram)
			if err != nil {
				return
			}
			m.heard <- string(datagram[:n])
		}
	})
	t.Cleanup(func() {
		socket.Close()
		reader.Wait()
	})
	return m
}

// environ is what systemd sets, but for LISTEN_PID.
func (m *manager) environ() []string {
	return []string{"NOTIFY_SOCKET=" + m.notify, "LISTEN_FDS=1", "LISTEN_FDNAMES=http"}
}

// inheriting is the server with a file as descriptor 3. The shell knows the pid
// that the server will have.
func inheriting(t *testing.T, file *os.File, environ []string) *exec.Cmd {
	t.Helper()
	cmd := command(t, environ)
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `LISTEN_PID=$$ exec "$0"`, binary}
	cmd.ExtraFiles = []*os.File{file}
	return cmd
}

// start runs a server on the socket.
func (m *manager) start(environ ...string) *process {
	m.t.Helper()
	file, err := m.listener.File()
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close()
	return begin(m.t, inheriting(m.t, file, append(m.environ(), environ...)), m.port)
}

// hear returns the next message that contains the assignment, and fails when
// there is none.
func (m *manager) hear(assignment string) string {
	m.t.Helper()
	timeout := time.NewTimer(deadline)
	defer timeout.Stop()
	for {
		select {
		case message := <-m.heard:
			if slices.Contains(strings.Split(message, "\n"), assignment) {
				return message
			}
		case <-timeout.C:
			m.t.Fatalf("no %s within %v", assignment, deadline)
		}
	}
}

// The manager hears that the server is ready, how it does, that it lives, and
// that it ends, in this order, and when it says ready it is.
func TestServiceManagerIsTold(t *testing.T) {
	m := newManager(t)
	p := m.start("WATCHDOG_USEC=300000")
	if first := <-m.heard; first != "READY=1\nSTATUS=0 people in 0 rooms" {
		t.Errorf("the first message is %q", first)
	}
	dial(t, m.port, websocket.DefaultDialer)
	m.hear("STATUS=1 person in 1 room")
	for range 3 {
		m.hear("WATCHDOG=1")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if last := m.hear("STOPPING=1"); !strings.Contains(last, "STATUS=draining: ") {
		t.Errorf("the end was announced with %q", last)
	}
	if code := p.end(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, &p.log.text)
	}
	for len(m.heard) > 0 {
		if late := <-m.heard; strings.Contains(late, "READY=1") {
			t.Errorf("%q after STOPPING", late)
		}
	}
}

// Whatever is no listening TCP socket, or on another port than was asked for,
// ends the start with one line.
func TestUselessSocketsAreRefused(t *testing.T) {
	m := newManager(t)
	udp, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	local, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	accepted, err := net.Dial("tcp", m.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	for _, tt := range []struct {
		what    string
		file    func() (*os.File, error)
		environ string
		code    int
		says    string
	}{
		{"a file", func() (*os.File, error) { return os.Open(binary) }, "", exitFailed, "is no socket"},
		{"a UDP socket", udp.File, "", exitFailed, "is no stream socket"},
		{"a unix socket", local.File, "", exitFailed, "is no TCP socket"},
		{"a connection", accepted.(*net.TCPConn).File, "", exitFailed, "does not listen"},
		{"another port", m.listener.File, "PORT=1", exitUsage, `PORT="1" is not allowed: want ` + m.port + ", the port of the socket"},
	} {
		file, err := tt.file()
		if err != nil {
			t.Fatal(err)
		}
		cmd := inheriting(t, file, append(m.environ(), tt.environ))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err = cmd.Run()
		file.Close()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != tt.code || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), tt.says) {
			t.Errorf("%s: exit code %d, %q", tt.what, code, &stderr)
		}
	}
	if len(m.heard) > 0 {
		t.Errorf("told %q", <-m.heard)
	}
}

// An attempt is one connection of its own.
type attempt struct {
	what   string
	begun  time.Time
	took   time.Duration
	err    error
	ending bool // joined and was told at once to come again
}

// attempts are made at a steady pace by people who come independently of each
// other and do not wait for one another.
type attempts struct {
	port string
	stop chan struct{}
	wg   sync.WaitGroup

	mu   sync.Mutex
	open int // begun and not over
	made []attempt
}

func (a *attempts) run(pace time.Duration) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ticker.C:
		case <-a.stop:
			return
		}
		a.mu.Lock()
		a.open++
		a.mu.Unlock()
		a.wg.Go(func() {
			begun := time.Now()
			made := a.make(n)
			made.begun, made.took = begun, time.Since(begun)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.open--
			a.made = append(a.made, made)
		})
	}
}

func (a *attempts) make(n int) attempt {
	switch n % 4 {
	case 0:
		ending, err := a.join(fmt.Sprint("room ", n%40))
		return attempt{what: "join", ending: ending, err: err}
	case 1:
		return attempt{what: "validate", err: a.get("/aq_server/validate?room=x")}
	case 2:
		return attempt{what: "page", err: a.get("/aq_server/")}
	}
	return attempt{what: "health", err: a.get("/health")}
}

func (a *attempts) get(path string) error {
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, Timeout: deadline}).Get("http://127.0.0.1:" + a.port + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// join is let in and gets an offer, or is told to come again (1012) because the
// server that let it in began to end.
func (a *attempts) join(room string) (ending bool, err error) {
	ws, response, err := websocket.DefaultDialer.Dial("ws://127.0.0.1:"+a.port+"/aq_server/websocket?room="+strings.ReplaceAll(room, " ", "+"), nil)
	if err != nil {
		if response != nil {
			err = fmt.Errorf("%w: %s", err, response.Status)
		}
		return false, err
	}
	defer ws.Close()
	_ = ws.SetReadDeadline(time.Now().Add(deadline))
	_, data, err := ws.ReadMessage()
	if websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	var first struct{ Event string }
	if err := json.Unmarshal(data, &first); err != nil || first.Event != "offer" {
		return false, fmt.Errorf("the first message is %s", data)
	}
	return false, ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(deadline))
}

// since returns how many that were begun after a moment are over, and how many
// are not over whenever they were begun.
func (a *attempts) since(moment time.Time) (over, open int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, made := range a.made {
		if made.begun.After(moment) {
			over++
		}
	}
	return over, a.open
}

// flow waits until so many attempts that began after a moment are over, and
// those who had to wait have been worked off.
func (a *attempts) flow(t *testing.T, n int, after time.Time) {
	t.Helper()
	const few = 20
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); ; <-ticker.C {
		over, open := a.since(after)
		if over >= n && open <= few {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("within %v: %d attempts over, %d open; want %d and at most %d", deadline, over, open, n, few)
		}
	}
}

// The server is replaced twice while people connect all the time: not one
// attempt is refused, reset or told to try again later. The first time one who
// is in does not read, so that the old process takes seconds to end.
func TestUpgradeFailsNoAttempt(t *testing.T) {
	m := newManager(t)
	p := m.start()
	m.hear("READY=1")
	fillStalled(t, m.port)

	a := &attempts{port: m.port, stop: make(chan struct{})}
	var pacer sync.WaitGroup
	pacer.Go(func() { a.run(5 * time.Millisecond) })
	stop := sync.OnceFunc(func() {
		close(a.stop)
		pacer.Wait()
		a.wg.Wait()
	})
	defer stop()
	for upgrade := range 2 {
		a.flow(t, 50, time.Time{})
		signalled := time.Now()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		m.hear("STOPPING=1")
		if code := p.end(t); code != exitOK {
			t.Errorf("exit code %d\n%s", code, &p.log.text)
		}
		ended := time.Since(signalled)
		p = m.start()
		m.hear("READY=1")
		ready := time.Now()
		a.flow(t, 50, ready)
		over, _ := a.since(signalled)
		t.Logf("upgrade %d: signalled at %v, ended in %v, ready after %v, %d attempts since the signal", upgrade+1, signalled.Format(time.StampMilli),
			ended.Round(time.Millisecond), ready.Sub(signalled).Round(time.Millisecond), over)
	}
	stop()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.end(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, &p.log.text)
	}
	var longest time.Duration
	failed, sentBack := 0, 0
	for _, made := range a.made {
		longest = max(longest, made.took)
		if made.ending {
			sentBack++
		}
		if made.err != nil {
			if failed++; failed <= 10 {
				t.Errorf("%s begun at %v, took %v: %v", made.what, made.begun.Format(time.StampMilli), made.took, made.err)
			}
		}
	}
	t.Logf("%d attempts, %d failed, %d joined a server that was about to end, the longest took %v", len(a.made), failed, sentBack, longest.Round(time.Millisecond))
	if len(a.made) < 400 {
		t.Errorf("only %d attempts", len(a.made))
	}
}
