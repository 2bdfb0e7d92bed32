package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serverURL is where the server is in every lab: host 1.
const serverURL = "http://10.99.0.11:8080"

// binary builds the server once, as people run it: without the race detector.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "server")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/server").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

// server is a process on host 1 of a lab.
type server struct {
	t    *testing.T
	lab  *lab
	host *host
	http *http.Client

	cmd    *exec.Cmd
	exited chan struct{}
	output bytes.Buffer // valid after the process has ended
}

// serve starts a server that ends with the test.
func (l *lab) serve() *server {
	l.t.Helper()
	s := &server{t: l.t, lab: l, host: l.host(1)}
	s.http = &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{DialContext: s.host.dial, DisableKeepAlives: true},
	}
	l.t.Cleanup(func() {
		if s.cmd == nil || s.cmd.Process == nil {
			return
		}
		defer func() { _ = s.cmd.Process.Kill() }() // if it does not end
		s.signal(syscall.SIGTERM)
		if code := s.wait(15 * time.Second); code != 0 {
			l.t.Errorf("the server ended with %d:\n%s", code, s.output.String())
		}
	})
	s.launch()
	return s
}

// launch starts the process and returns when it listens.
func (s *server) launch() time.Time {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatalf("build: %v", err)
	}
	s.output.Reset()
	s.cmd = s.lab.command("exec", "1", path)
	s.cmd.Env = append(s.cmd.Env, "PORT=8080", "LOG_LEVEL=warn")
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	go func() { // ends with the process
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	for end := time.Now().Add(10 * time.Second); s.health() != http.StatusOK; {
		if time.Now().After(end) {
			s.t.Fatal("the server does not listen")
		}
		<-time.After(5 * time.Millisecond)
	}
	return time.Now()
}

func (s *server) signal(signal os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Error(err)
	}
}

// wait returns the exit code of a process that ends, -1 after a signal.
func (s *server) wait(limit time.Duration) int {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		s.t.Fatalf("the server did not end within %v", limit)
		return 0
	}
}

// health returns the status of /health, 0 when nobody answers.
func (s *server) health() int {
	response, err := s.http.Get(serverURL + "/health")
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// get reads JSON.
func (s *server) get(path string, into any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, serverURL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.http.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
}

// peers returns how many /rooms counts in a room.
func (s *server) peers(room string) int {
	s.t.Helper()
	var answer struct {
		Rooms []struct {
			Room  string `json:"room"`
			Peers int    `json:"peers"`
		} `json:"rooms"`
	}
	s.get("/rooms", &answer)
	for _, r := range answer.Rooms {
		if r.Room == room {
			return r.Peers
		}
	}
	return 0
}

// cpu returns the processor time that the process has used.
func (s *server) cpu() time.Duration {
	s.t.Helper()
	stat, err := os.ReadFile("/proc/" + itoa(s.cmd.Process.Pid) + "/stat")
	if err != nil {
		s.t.Fatal(err)
	}
	// proc(5): behind the name, utime and stime are fields 14 and 15, in ticks
	// of a hundredth.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	return time.Duration(atoi(fields[11])+atoi(fields[12])) * 10 * time.Millisecond
}
