//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"aq-server/internal/app"
	"aq-server/internal/config"
)

// asServer makes the test binary a server, for tests that start one.
const asServer = "AQLOAD_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs a server as the environment says until SIGTERM.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg := config.Default()
	cfg.Port = os.Getenv("PORT")
	a := app.New(app.Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	if err := a.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	return a.Shutdown()
}

// startApp runs a server in this process and returns its address.
func startApp(t *testing.T) string {
	t.Helper()
	cfg := config.Default()
	cfg.Port = "0"
	a := app.New(app.Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Shutdown(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	_, port, err := net.SplitHostPort(a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + port
}
