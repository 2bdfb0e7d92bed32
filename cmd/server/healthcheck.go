package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"aq-server/internal/config"
)

// healthcheck asks the server on this machine that runs with the same settings
// and returns 0 when it takes clients. For container images that have no other
// program to ask with.
func healthcheck(args, environ []string, stderr io.Writer) int {
	cfg, err := config.Load(args, environ)
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Fprint(stderr, config.Help())
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "server healthcheck:", err)
		return exitUsage
	}
	scheme := "http"
	if cfg.Secure() {
		scheme = "https"
	}
	client := http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			// It talks to itself; the certificate is for another name.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
	}
	response, err := client.Get(scheme + "://" + net.JoinHostPort("127.0.0.1", cfg.Port) + "/health")
	if err != nil {
		fmt.Fprintln(stderr, "server healthcheck:", err)
		return exitFailed
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil || response.StatusCode != http.StatusOK {
		fmt.Fprintf(stderr, "server healthcheck: %s: %s\n", response.Status, strings.TrimSpace(string(body)))
		return exitFailed
	}
	return exitOK
}
