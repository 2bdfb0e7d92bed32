//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"aq-server/internal/spawn"
)

// A server is a process under load that this one has started.
type server struct {
	url     string
	metrics string // where it tells its goroutines
	cmd     *exec.Cmd
}

// start starts the server that the flags name, nil for one that runs already.
func (c *options) start(ctx context.Context) (*server, error) {
	binary := cmp.Or(c.Server, c.LiveKitServer)
	if binary == "" {
		return nil, nil
	}
	port, err := spawn.FreePort()
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port, cmd: exec.Command(binary)}
	s.metrics = metricsOf(s.url)
	settings, health := []string{"LOG_LEVEL=error", "PORT=" + port}, "/health"
	if c.LiveKitServer != "" {
		metrics, err := spawn.FreePort()
		if err != nil {
			return nil, err
		}
		s.metrics = "http://127.0.0.1:" + metrics + "/metrics"
		s.cmd.Args = append(s.cmd.Args, "--dev", "--bind", "127.0.0.1")
		settings, health = []string{"LIVEKIT_CONFIG=" + livekitConfig(port, metrics, c.key, c.secret)}, "/"
	}
	if c.Env != "" {
		settings = append(settings, strings.Split(c.Env, ",")...)
	}
	s.cmd.Env = append(os.Environ(), settings...)
	return s, s.begin(ctx, health)
}

// metricsOf is where our server tells them.
func metricsOf(url string) string { return url + "/metrics?format=prometheus" }

// livekitConfig is LiveKit's for a comparison; docs/performance.md says why each line
// is there.
func livekitConfig(port, metrics, key, secret string) string {
	return fmt.Sprintf(`port: %[1]s
prometheus: {port: %[2]s}
keys: {%[3]q: %[4]q}
logging: {level: error, pion_level: fatal}
rtc:
  udp_port: %[1]s
  use_external_ip: false
  node_ip: 127.0.0.1
  enable_loopback_candidate: true
  interfaces: {includes: [lo]}
  congestion_control: {enabled: false}
`, port, metrics, key, secret)
}

// begin runs the command pinned to one core if there are two, with this process on the
// others, and waits until the server is well.
func (s *server) begin(ctx context.Context, health string) error {
	s.cmd.Stdout, s.cmd.Stderr = os.Stderr, os.Stderr // what -json - writes stays alone
	all, err := cores()
	if err != nil {
		return err
	}
	if len(all) > 1 {
		if err := onCores(all[:1], all, s.cmd.Start); err != nil {
			return err
		}
		err = moveTo(all[1:])
	} else {
		err = s.cmd.Start()
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		err = spawn.Answers(ctx, s.url+health)
	}
	if err != nil {
		s.stop()
	}
	return err
}

func (s *server) stop() {
	if s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
}
