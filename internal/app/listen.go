package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"aq-server/internal/config"
	"aq-server/internal/webrtcapi"
)

// portTries bounds the search for a port that is free for TCP and UDP.
const portTries = 20

// listen opens the port for TCP and for UDP. With Port "0" the system chooses
// one for TCP, and another as long as the same number is taken for UDP.
func (a *App) listen() error {
	if a.inherited != nil {
		return a.inherit()
	}
	for try := 1; ; try++ {
		listener, err := net.Listen("tcp", ":"+a.config.Port)
		if err != nil {
			return portError(a.config.Port, "TCP", "PORT", err)
		}
		port, variable := a.config.MediaPort, "MEDIA_PORT"
		if port == 0 {
			port, variable = listener.Addr().(*net.TCPAddr).Port, "PORT"
		}
		api, err := a.openMedia(port)
		if err == nil {
			a.listener, a.api = listener, api
			return nil
		}
		_ = listener.Close()
		if a.config.Port != "0" || a.config.MediaPort != 0 || try == portTries || !errors.Is(err, syscall.EADDRINUSE) {
			return portError(strconv.Itoa(port), "UDP", variable, err)
		}
	}
}

// inherit takes the listener that was passed to the process. Media is on a
// socket of our own: what UDP packets a restart loses are those of
// PeerConnections that it ends.
func (a *App) inherit() error {
	addr, ok := a.inherited.Addr().(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("the socket that was passed to the server is no TCP socket but %s", a.inherited.Addr().Network())
	}
	if passed := strconv.Itoa(addr.Port); a.config.Port != "0" && a.config.Port != passed {
		return config.Bad("PORT", a.config.Port, passed+", the port of the socket that was passed to the server, or none")
	}
	port := cmp.Or(a.config.MediaPort, addr.Port)
	api, err := a.openMedia(port)
	if err != nil {
		return portError(strconv.Itoa(port), "UDP", "MEDIA_PORT", err)
	}
	a.listener, a.api = a.inherited, api
	return nil
}

func (a *App) openMedia(port int) (*webrtcapi.API, error) {
	return webrtcapi.New(webrtcapi.Options{
		MediaPort: port, PublicIPs: a.config.PublicIPs, ICE: webrtcapi.ICEMode(a.config.ICEMode),
		Log: a.log, Metrics: a.metrics,
	})
}

// portError says in one line why a port cannot be had.
func portError(port, protocol, variable string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s port %s is in use; end what uses it or set %s to another", protocol, port, variable)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s port %s is not allowed to this user; set %s to one from 1024 on, or give the server CAP_NET_BIND_SERVICE", protocol, port, variable)
	}
	return fmt.Errorf("%s port %s: %w", protocol, port, err)
}

// newHTTPServer returns a server with the limits of docs/limits.md (L9). They
// end with the upgrade: a WebSocket has its own.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second, // also bounds the TLS handshake
		ReadTimeout:       10 * time.Second, // the longest body is 64 KiB
		WriteTimeout:      60 * time.Second, // the page over a slow line
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    12 << 10, // 16 KiB: net/http allows 4 KiB more
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          128, // the page asks for 82 files
			MaxReadFrameSize:              16 << 10,
			MaxReceiveBufferPerConnection: 128 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
		},
		// What it has to say are mistakes of clients.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
