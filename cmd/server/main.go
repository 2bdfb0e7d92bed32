// Command server is AQ Server. It is configured by environment variables or
// the flags of the same names; see --help. Under systemd it takes the listening
// socket of its socket unit and says when it is ready, alive and ending.
//
// Exit codes: 0 after SIGTERM or SIGINT, 1 when the server cannot start or go
// on or a second signal ends it at once, 2 for settings that are not allowed.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"aq-server/internal/app"
	"aq-server/internal/cli"
	"aq-server/internal/config"
	"aq-server/internal/recovery"
	"aq-server/internal/systemd"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// gcPercent is the GOGC of the server where nobody sets one. Forwarding allocates
// nothing, so that the collector runs rarely: every twenty seconds in a call of a
// hundred. With a quarter of Go's usual garbage a connection costs a fifth less memory,
// and a join a tenth more time (docs/performance.md).
const gcPercent = 25

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "healthcheck" {
		os.Exit(healthcheck(args[1:], os.Environ(), os.Stderr))
	}
	if len(args) > 0 && args[0] == "token" {
		os.Exit(cli.Token(args[1:], os.Environ(), time.Now(), os.Stdout, os.Stderr))
	}
	os.Exit(run(args, os.Environ(), os.Stdout, os.Stderr))
}

// run is the server's life. stderr takes the log.
func run(args, environ []string, stdout io.Writer, stderr *os.File) int {
	listener, listenerErr := systemd.Listener()
	if listener != nil { // its port is the default of PORT
		_, port, _ := net.SplitHostPort(listener.Addr().String()) // it is a TCP listener
		environ = slices.Concat([]string{"PORT=" + port}, environ)
	}
	cfg, err := config.Load(args, environ)
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Fprint(stdout, config.Help())
		return exitOK
	case errors.Is(err, config.ErrHelpMarkdown):
		fmt.Fprint(stdout, config.Markdown())
		return exitOK
	case errors.Is(err, config.ErrVersion):
		fmt.Fprintln(stdout, buildVersion())
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "server:", err)
		return exitUsage
	case listenerErr != nil:
		fmt.Fprintln(stderr, "server:", listenerErr)
		return exitFailed
	}

	// Before Start, so that no signal finds the server half open.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := app.NewLogger(stderr, cfg.Level())
	slog.SetDefault(log) // for package recovery
	server := app.New(app.Options{Config: cfg, Log: log, Version: buildVersion(), Listener: listener})
	if err := server.Start(); err != nil {
		fmt.Fprintln(stderr, "server:", err)
		var value *config.ValueError
		if errors.As(err, &value) { // a file that a setting names
			return exitUsage
		}
		return exitFailed
	}

	manager := systemd.Ready(server, log)
	defer manager.Close()
	code := exitOK
	select {
	case s := <-signals:
		log.Info("shutting down", "signal", s.String())
	case <-server.Failed():
		code = exitFailed
	}
	manager.Stopping()
	done := make(chan struct{})
	// Owned by run; the process ends when it does, or before, by a second
	// signal.
	go func() {
		defer recovery.RecoverWithPrefix("shutdown")
		defer close(done)
		if err := server.Shutdown(); err != nil {
			log.Warn("not everything ended in time", "err", err)
		}
	}()
	select {
	case <-done:
		log.Info("stopped")
		return code
	case s := <-signals:
		log.Warn("ending at once", "signal", s.String())
		return exitFailed
	}
}

// buildVersion is what the linker was told, or else what the go command knows
// of the source.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
