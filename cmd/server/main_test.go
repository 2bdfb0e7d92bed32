package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"aq-server/internal/config"
	"aq-server/internal/spawn"

	"github.com/gorilla/websocket"
)

// deadline bounds what takes milliseconds on a quiet machine.
const deadline = 30 * time.Second

// binary is the server as people run it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "aqserver")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "server")
		build := exec.Command("go", "build", "-race", "-ldflags", "-X main.version=v9.8.7", "-o", binary, ".")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// command is the server with an environment of its own.
func command(t *testing.T, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*deadline)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	return cmd
}

// runToEnd returns the exit code and what was written.
func runToEnd(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, environ, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// A process is a server that runs.
type process struct {
	cmd  *exec.Cmd
	port string
	log  *lines
}

// lines collects the log and tells of each line.
type lines struct {
	text bytes.Buffer
	seen chan string // closed at the end
}

// launch starts the server on a free port and waits until it listens.
func launch(t *testing.T, environ ...string) *process {
	t.Helper()
	for try := 0; ; try++ {
		port, err := spawn.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		p := begin(t, command(t, append([]string{"PORT=" + port}, environ...)), port)
		if p.waitLog(`"url":"http`) {
			return p
		}
		_ = p.cmd.Wait()
		if try == 5 { // somebody else took the port, again and again
			t.Fatalf("the server does not start:\n%s", &p.log.text)
		}
	}
}

// begin runs a server that is to use the port.
func begin(t *testing.T, cmd *exec.Cmd, port string) *process {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := &lines{seen: make(chan string, 100_000)}
	go func() { // ends with the process
		defer close(log.seen)
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			log.text.WriteString(scanner.Text() + "\n")
			log.seen <- scanner.Text()
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &process{cmd, port, log}
}

// waitLog reports whether a line with text comes before the log ends.
func (p *process) waitLog(text string) bool {
	for line := range p.log.seen {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// end waits for the process after the log has ended.
func (p *process) end(t *testing.T) int {
	t.Helper()
	for range p.log.seen {
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if strings.Contains(p.log.text.String(), "DATA RACE") || strings.Contains(p.log.text.String(), "panic") {
		t.Errorf("the server's log:\n%s", &p.log.text)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Every setting with a bad value ends the start with code 2 and one line that
// names the variable, the value and what is allowed.
func TestBadSettings(t *testing.T) {
	bad := map[string]string{
		"PORT": "http", "MEDIA_PORT": "70000", "PUBLIC_IP": "example.org", "ICE_MODE": "half", "LOG_LEVEL": "loud",
		"TLS_CERT": "/nonexistent/cert.pem", "TLS_KEY": "/nonexistent/key.pem", "TLS": "yes",
		"ALLOWED_ORIGINS": "*", "TRUSTED_PROXIES": "proxy",
		"ROOM_MAX_PEERS": "-1", "MAX_PEERS": "many", "MAX_ROOMS": "1.5", "ROOMS_LIST": "none", "CHAT_HISTORY": "-3",
		"RESUME_WINDOW": "30", "VIDEO_SLOTS": "0", "AUDIO_SLOTS": "x",
		"CHAT_RATE": "0", "EVENT_RATE": "fast", "FILE_MAX_BYTES": "100MB", "FILE_RATE": "0",
		"KEYFRAME_INTERVAL": "0s", "KEYFRAME_DISPATCH": "sometimes",
		"AUTH": "closed", "AUTH_SECRET": "short", "AUTH_SECRET_FILE": "/nonexistent/secret", "AUTH_PUBLIC_KEY_FILE": "/nonexistent/key.pem",
		"AUTH_PRIVATE_KEY_FILE": "/nonexistent/key.pem", "AUTH_JWKS_URL": "file:///keys", "AUTH_ALGORITHM": "none",
		"ADMIN_KEY": "short", "ADMIN_KEY_FILE": "/nonexistent/key", "ADMIN_ADDR": "9090", "PUBLIC_URL": "example.org",
		"WEBHOOK_URL": "example.org", "WEBHOOK_SECRET": "short", "EMBED_ORIGINS": "*", "OPEN_MODERATION": "last", "LOBBY": "perhaps",
		"SOCKETS_PER_ADDRESS": "-1", "JOIN_RATE": "fast",
		"KEEPALIVE_PING": "-1s", "KEEPALIVE_PONG": "soon", "WRITE_DEADLINE": "5",
	}
	documented := regexp.MustCompile("(?m)^\\| `([A-Z_]+)`").FindAllStringSubmatch(config.Markdown(), -1)
	if len(documented) < 20 {
		t.Fatalf("only %d settings in the help", len(documented))
	}
	for _, match := range documented {
		variable := match[1]
		if variable == "AUTH_ISSUER" || variable == "AUTH_AUDIENCE" {
			continue // any text is fine
		}
		value, ok := bad[variable]
		if !ok {
			t.Errorf("%s has no bad value here", variable)
			continue
		}
		secret := variable == "AUTH_SECRET" || variable == "ADMIN_KEY" || variable == "WEBHOOK_SECRET"
		flagName := "-" + strings.ReplaceAll(strings.ToLower(variable), "_", "-")
		for _, start := range []struct{ environ, args []string }{
			{[]string{variable + "=" + value}, nil},
			{nil, []string{flagName, value}},
		} {
			if secret && start.args != nil {
				continue // it has no flag
			}
			code, stdout, stderr := runToEnd(t, append(start.environ, "HOME=/"), start.args...)
			if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "is not allowed: want ") {
				t.Errorf("%v %v: exit code %d, %q", start.environ, start.args, code, stderr)
			}
			if secret {
				if strings.Contains(stderr, value) || !strings.Contains(stderr, variable) {
					t.Errorf("%s: %q", variable, stderr)
				}
				continue
			}
			if !strings.HasPrefix(variable, "TLS_") && !strings.Contains(stderr, fmt.Sprintf("%s=%q", variable, value)) {
				t.Errorf("%v %v: %q does not name variable and value", start.environ, start.args, stderr)
			}
		}
	}
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		environ, args  []string
		code           int
		stdout, stderr string // parts
	}{
		{nil, []string{"--help"}, exitOK, "KEEPALIVE_PING", ""},
		{nil, []string{"--help=markdown"}, exitOK, "| `PORT` | `8080` |", ""},
		{nil, []string{"--version"}, exitOK, "v9.8.7\n", ""},
		{nil, []string{"--nonsense"}, exitUsage, "", "-nonsense"},
		{nil, []string{"start"}, exitUsage, "", `"start"`},
		{[]string{"TLS_CERT=/nonexistent/c.pem", "TLS_KEY=/nonexistent/k.pem"}, nil, exitUsage, "", `TLS_CERT="/nonexistent/c.pem"`},
		{nil, []string{"healthcheck", "-port", "x"}, exitUsage, "", `PORT="x"`},
	}
	for _, tt := range tests {
		code, stdout, stderr := runToEnd(t, tt.environ, tt.args...)
		if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) ||
			code != exitOK && strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit code %d\n%s\n%s", tt.args, code, stdout, stderr)
		}
	}
}

func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	code, _, stderr := runToEnd(t, []string{"PORT=" + port})
	if code != exitFailed || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, port) {
		t.Errorf("TCP: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := runToEnd(t, []string{"PORT=" + port}, "healthcheck"); code != exitFailed || !strings.Contains(stderr, "healthcheck") {
		// The listener accepts and never answers.
		t.Errorf("healthcheck of a dead port: exit code %d, %q", code, stderr)
	}
}

func TestSignals(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := launch(t)
		if code, _, stderr := runToEnd(t, []string{"PORT=" + p.port}, "healthcheck"); code != exitOK {
			t.Errorf("healthcheck: exit code %d, %s", code, stderr)
		}
		ws := dial(t, p.port, websocket.DefaultDialer)
		begin := time.Now()
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := readToEnd(ws); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Errorf("%v: the client got %v, want 1012", signal, err)
		}
		if code := p.end(t); code != exitOK {
			t.Errorf("%v: exit code %d\n%s", signal, code, &p.log.text)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%v: took %v", signal, took)
		}
	}
}

// readToEnd returns what ended the socket.
func readToEnd(ws *websocket.Conn) (err error) {
	_ = ws.SetReadDeadline(time.Now().Add(deadline))
	for err == nil {
		_, _, err = ws.ReadMessage()
	}
	return err
}

func dial(t *testing.T, port string, dialer *websocket.Dialer) *websocket.Conn {
	t.Helper()
	ws, _, err := dialer.Dial("ws://127.0.0.1:"+port+"/aq_server/websocket?room=demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	return ws
}

// launchStalled returns a server with a client that does not read, whose
// buffers are full.
func launchStalled(t *testing.T) *process {
	t.Helper()
	p := launch(t)
	fillStalled(t, p.port)
	return p
}

// fillStalled joins a client that does not read and fills its buffers.
func fillStalled(t *testing.T, port string) {
	t.Helper()
	dial(t, port, &websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		if err == nil {
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return conn, err
	}})
	loud := dial(t, port, websocket.DefaultDialer)
	// More than the buffers of the kernel, less than the queue (L11).
	const messages = 100
	text := `{"event":"chat","data":"` + strings.Repeat("x", 4000) + `"}`
	for range messages {
		if err := loud.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	_ = loud.SetReadDeadline(time.Now().Add(deadline))
	for echoes := 0; echoes < messages; {
		_, data, err := loud.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(data, []byte(`{"event":"chat"`)) {
			echoes++
		}
	}
}

// A hundred are there, one of them does not read: all the others are told at
// once, and whoever asks meanwhile learns what goes on.
func TestTerminateWithStalledClient(t *testing.T) {
	p := launchStalled(t) // two clients
	sockets := make([]*websocket.Conn, 98)
	for i := range sockets {
		sockets[i] = dial(t, p.port, websocket.DefaultDialer)
	}
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for i, ws := range sockets {
		if err := readToEnd(ws); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Errorf("client %d got %v, want 1012", i, err)
		}
	}
	response, err := http.Get("http://127.0.0.1:" + p.port + "/health")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("/health says %s while the last one is waited for", response.Status)
	}
	if code := p.end(t); code != exitOK {
		t.Errorf("exit code %d\n%s", code, &p.log.text)
	}
	if took := time.Since(begin); took < 2*time.Second || took > 10*time.Second {
		t.Errorf("took %v, want 10 s at most, and at least the 2 s of a client that is stalled", took)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := launchStalled(t)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !p.waitLog("shutting down") {
		t.Fatalf("no shutdown in the log:\n%s", &p.log.text)
	}
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.end(t); code != exitFailed {
		t.Errorf("exit code %d, want %d\n%s", code, exitFailed, &p.log.text)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %v", took)
	}
}

func TestSelfSignedHealthcheck(t *testing.T) {
	p := launch(t, "TLS=self-signed")
	if !p.waitLog(`"sha256":"`) {
		t.Errorf("no fingerprint in the log:\n%s", &p.log.text)
	}
	if code, _, stderr := runToEnd(t, []string{"PORT=" + p.port, "TLS=self-signed"}, "healthcheck"); code != exitOK {
		t.Errorf("healthcheck: exit code %d, %s", code, stderr)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	response, err := (&http.Client{Transport: transport, Timeout: deadline}).Get("https://127.0.0.1:" + p.port + "/aq_server/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 {
		t.Errorf("page: %s", response.Status)
	}
}
