//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"aq-server/internal/spawn"
)

// A server is a process under load that this one has started.
type server struct {
	url string
	cmd *exec.Cmd
}

// startServer runs the binary on a free port, pinned to one core if there are
// two, with this process on the others, and waits until it is well.
func startServer(ctx context.Context, binary, env string) (*server, error) {
	port, err := spawn.FreePort()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port, cmd: exec.Command(binary)}
	s.cmd.Env = append(os.Environ(), "LOG_LEVEL=error", "PORT="+port)
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
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		err = spawn.Healthy(ctx, s.url)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
}
