//go:build linux

// Command aqload puts a server under load and measures it: publishers who send
// as browsers do, crowds of light subscribers whose packets are counted without
// being decrypted, and a few full receivers who time and check what arrives.
// docs/performance.md says how it is used and what it found.
//
//	go build -o bin/server ./cmd/server
//	go run ./cmd/aqload -server bin/server                      # one to a hundred
//	go run ./cmd/aqload -server bin/server -meeting 10
//	go run ./cmd/aqload -server bin/server -search -subscribers 2000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func main() {
	cfg, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "aqload:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "aqload:", err)
		os.Exit(1)
	}
}

func execute(ctx context.Context, cfg options) error {
	var progress io.Writer = io.Discard
	if terminal(os.Stderr) || cfg.Search {
		progress = os.Stderr
	}
	if cfg.Profile != "" {
		file, err := os.Create(cfg.Profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	r, err := run(ctx, cfg, progress)
	if err != nil {
		return err
	}
	r.Command = os.Args
	if cfg.JSON != "" {
		if err := r.write(cfg.JSON); err != nil || cfg.JSON == "-" {
			return err
		}
	}
	return r.print(os.Stdout)
}
