package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aq-server/internal/spawn"
)

// server is a server process under measurement.
type server struct {
	url string
	cmd *exec.Cmd
}

func build(ctx context.Context) (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "aqfigures")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "server")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/server").CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, fmt.Errorf("build the server: %w\n%s", err, out)
	}
	return path, func() { _ = os.RemoveAll(dir) }, nil
}

// start runs the server on a free port and waits until it is well.
func start(ctx context.Context, binary string, env []string) (*server, error) {
	port, err := spawn.FreePort()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port, cmd: exec.Command(binary)}
	s.cmd.Env = append(os.Environ(), append(env, "LOG_LEVEL=error", "PORT="+port)...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := spawn.Healthy(ctx, s.url); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// usage is what the process holds and has used.
type usage struct {
	rss         float64 // kB
	goroutines  float64
	descriptors float64
	heap        float64 // kB in use
	cpu         time.Duration
}

// usage reads the server's own metrics and the kernel's count of its CPU time.
func (s *server) usage() (u usage, err error) {
	resp, err := http.Get(s.url + "/metrics?format=prometheus")
	if err != nil {
		return u, err
	}
	defer func() { _ = resp.Body.Close() }()
	values := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			values[name] = v
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return u, err
	}
	// proc(5): after the name in brackets, utime and stime are the 12th and
	// 13th field, in clock ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return usage{
		rss: values["process_resident_memory_bytes"] / 1024, goroutines: values["go_goroutines"],
		descriptors: values["process_open_fds"], heap: values["go_memstats_heap_inuse_bytes"] / 1024,
		cpu: time.Duration(user+system) * 10 * time.Millisecond,
	}, errors.Join(err1, err2)
}
