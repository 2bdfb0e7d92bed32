// Package spawn is for tests and tools that start a server of their own: a port
// for it, and the moment at which it is there.
package spawn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// FreePort returns a port that nobody uses, neither for TCP nor for UDP: the
// server takes both. Somebody else may take it before the server does.
func FreePort() (string, error) {
	for range 20 {
		tcp, err := net.Listen("tcp", ":0")
		if err != nil {
			return "", fmt.Errorf("spawn: %w", err)
		}
		_, port, err := net.SplitHostPort(tcp.Addr().String())
		if err != nil {
			return "", errors.Join(err, tcp.Close())
		}
		udp, err := net.ListenPacket("udp", ":"+port)
		_ = tcp.Close()
		if err == nil {
			return port, udp.Close()
		}
	}
	return "", errors.New("spawn: no free port")
}

// Healthy waits until the server at a URL answers /health with 200, until ctx
// ends.
func Healthy(ctx context.Context, url string) error { return Answers(ctx, url+"/health") }

// Answers waits until a GET of the URL is answered with 200, until ctx ends.
func Answers(ctx context.Context, url string) error {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	defer http.DefaultClient.CloseIdleConnections()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("spawn: %w", err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fmt.Errorf("spawn: the server does not answer: %w", context.Cause(ctx))
		}
	}
}
