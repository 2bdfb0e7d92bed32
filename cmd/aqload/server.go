//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a process under load that this one has started.
type server struct {
	url string
	cmd *exec.Cmd
}

// startServer runs the binary on a free port, pinned to one core if there are
// two, with this process on the others, and waits until it is well.
func startServer(ctx context.Context, binary, env string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	s := &server{url: fmt.Sprintf("http://127.0.0.1:%d", port), cmd: exec.Command(binary)}
	s.cmd.Env = append(os.Environ(), "LOG_LEVEL=error", "PORT="+strconv.Itoa(port))
	if env != "" {
		s.cmd.Env = append(s.cmd.Env, strings.Split(env, ",")...)
	}
	s.cmd.Stderr = os.Stderr
	all, err := cores()
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		if err := onCores(all[:1], all, s.cmd.Start); err != nil {
			return nil, err
		}
		err = moveTo(all[1:])
	} else {
		err = s.cmd.Start()
	}
	if err == nil {
		err = healthy(ctx, s.url)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// healthy waits until the server answers.
func healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("the server does not answer"))
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	defer http.DefaultClient.CloseIdleConnections()
	for {
		if resp, err := http.Get(url + "/health"); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *server) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
}
