// Package app builds the server from its parts, starts them in order and ends
// them in reverse.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"aq-server/internal/api"
	"aq-server/internal/config"
	"aq-server/internal/handlers"
	"aq-server/internal/metrics"
	"aq-server/internal/pressure"
	"aq-server/internal/ratelimit"
	"aq-server/internal/recovery"
	"aq-server/internal/room"
	"aq-server/internal/routes"
	"aq-server/internal/webhook"
	"aq-server/internal/webrtcapi"
	"aq-server/web"
)

// The times of Shutdown add up to less than the 10 s in which the process must
// be gone, as supervisors expect it.
const (
	socketsTime = 4 * time.Second // to tell every client and see him close
	mediaTime   = 2 * time.Second // to close PeerConnections
	httpTime    = time.Second     // to finish answers
	hooksTime   = time.Second     // to tell the webhook who was there to the end
	// arrivalTime is for those who were accepted just before an inherited
	// listener is left to the next process; as long as a TLS handshake over a
	// long way, or a server that many came to at once, takes.
	arrivalTime = 1500 * time.Millisecond
)

// Options is what an App is made from.
type Options struct {
	// Config is from config.Load, or config.Default changed; only here Port may
	// be "0".
	Config config.Config
	Log    *slog.Logger
	// Listener is a TCP listener that another process, who started this one,
	// holds too (systemd.Listener); nil: the App opens Config.Port, which must
	// otherwise be "0" or that of the listener. The App owns it from New on, and
	// lets go of it at the beginning of Shutdown: who connects from then on
	// waits in the kernel's queue for the next process and is never refused.
	Listener net.Listener
	// Version is what /health tells.
	Version string
	// AnswerTimeout is how long a client may take to answer an offer, and to
	// connect, before its PeerConnection is closed; 0 is 30 s
	// (docs/protocol.md, "answer").
	AnswerTimeout time.Duration
}

// App is one server. Methods may be called from any goroutine.
type App struct {
	config  config.Config
	log     *slog.Logger
	version string
	metrics *metrics.Metrics
	// inherited is Options.Listener.
	inherited net.Listener
	// answerTimeout is Options.AnswerTimeout with its default.
	answerTimeout time.Duration

	started  time.Time // by New
	draining atomic.Bool
	// handedOver is set when the inherited listener is left to the next process.
	handedOver atomic.Bool
	addr       atomic.Pointer[string]
	adminAddr  atomic.Pointer[string]
	failed     chan struct{} // closed when the server cannot go on
	failure    atomic.Pointer[error]

	// mu is held for the whole of Start and of Shutdown: they take turns. What
	// follows is set by Start and constant after it.
	mu        sync.Mutex
	state     state
	listener  net.Listener
	cert      *certificate // nil without TLS
	access    access
	hooks     *webhook.Sender // nil without a webhook
	admin     *http.Server    // nil without an address of its own
	adminDone sync.WaitGroup
	api       *webrtcapi.API
	rooms     *room.RoomManager
	sockets   *handlers.WebsocketHandler
	server    *http.Server
	arrivals  *arrivals // nil without an inherited listener
	serving   sync.WaitGroup
	shutdownE error
}

type state int

const (
	stateNew state = iota
	stateRunning
	stateEnded
)

// ErrState is returned by Start when the App was started or shut down before.
var ErrState = errors.New("an App can be started once")

// New returns an App that does nothing yet.
func New(o Options) *App {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := metrics.New()
	m.Panics = recovery.Panics
	return &App{
		config: o.Config, log: o.Log, version: o.Version, metrics: m, started: time.Now(), failed: make(chan struct{}),
		inherited:     o.Listener,
		answerTimeout: cmp.Or(o.AnswerTimeout, answerTimeout),
	}
}

// Start opens the port and returns once clients can connect. The error is one
// line; it is a *config.ValueError when a setting is to blame. Nothing is left
// behind after an error.
func (a *App) Start() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != stateNew {
		return ErrState
	}
	a.state = stateEnded // unless all goes well
	defer func() {
		if a.state != stateRunning && a.inherited != nil {
			_ = a.inherited.Close()
		}
	}()
	cert, err := a.loadCertificate()
	if err != nil {
		return err
	}
	a.cert = cert
	if a.access, err = loadAccess(&a.config); err != nil {
		return err
	}
	if err := a.listen(); err != nil {
		return err
	}
	if err := a.build(cert); err != nil {
		_ = a.listener.Close()
		_ = a.api.Close()
		return err
	}
	a.state = stateRunning
	addr := a.listener.Addr().String()
	a.addr.Store(&addr)
	a.announce(cert)
	return nil
}

// build connects the parts and begins to serve.
func (a *App) build(cert *certificate) error {
	if a.config.WebhookURL != "" {
		a.hooks = webhook.New(webhook.Options{
			URL: a.config.WebhookURL, Secret: []byte(a.config.WebhookKey), Metrics: a.metrics, Log: a.log,
		})
	}
	a.rooms = room.NewManager(room.Options{
		Hook:     a.hook(),
		NewMedia: a.newMedia(),
		Metrics:  a.metrics, Log: a.log,
		MaxRooms: a.config.MaxRooms, RoomMaxPeers: a.config.RoomMaxPeers, MaxPeers: a.config.MaxPeers,
		ChatHistory: a.config.ChatHistory, FileMaxBytes: a.config.FileMaxBytes, ResumeWindow: a.config.ResumeWindow,
		GrantsOnly: a.access.verifier != nil, FirstModerates: a.config.OpenModeration == "first", Lobby: a.config.Lobby == "on",
	})
	remote := routes.Remote(a.config.TrustedProxies.Contains)
	var tokens handlers.Tokens // not a nil pointer in it
	if a.access.verifier != nil {
		tokens = a.access.verifier
	}
	a.sockets = handlers.NewWebsocketHandler(handlers.Options{
		Tokens: tokens,
		Short:  pressure.New().Full,
		Addresses: ratelimit.NewAddresses(ratelimit.Options{
			Open: a.config.SocketsPerAddress, Rate: float64(a.config.JoinRate), Burst: 10 * a.config.JoinRate,
		}),
		Devices:       a.access.verifier != nil || a.config.OpenModeration == "first" || len(a.access.adminKey) > 0,
		SecureCookies: a.config.Secure(), Embedded: len(a.config.EmbedOrigins) > 0,
		Rooms: a.rooms, Metrics: a.metrics, Log: a.log, Remote: remote,
		AllowedOrigins: a.config.AllowedOrigins,
		KeepalivePing:  a.config.KeepalivePing, KeepalivePong: a.config.KeepalivePong,
		WriteDeadline: a.config.WriteDeadline, Limits: limits(&a.config),
	})
	admin := api.New(api.Options{
		Rooms: a.rooms, Metrics: a.metrics, Log: a.log, Key: a.access.adminKey, Signer: a.access.signer,
		PublicURL: a.config.PublicURL, Remote: remote, Secure: a.config.Secure(),
	})
	table := routes.Options{
		Admin: routes.Admin{
			API: admin, Authorized: admin.Authorized, HasKey: len(a.access.adminKey) > 0,
			Needed: a.access.verifier != nil, Elsewhere: a.config.AdminAddr != "",
		},
		AllowedOrigins: a.config.AllowedOrigins, EmbedOrigins: a.config.EmbedOrigins,
		Page: web.FS, WebSocket: a.sockets, Validate: http.HandlerFunc(a.sockets.Validate), Metrics: a.metrics.Handler(),
		Rooms: a.rooms.GetAllRooms, RoomsPublic: a.config.RoomsList == "public",
		Health: a.health, HSTS: a.config.TLSCert != "",
		Remote: remote, Log: a.log,
	}
	handler, err := routes.New(table)
	if err == nil {
		err = a.serveAdmin(table)
	}
	if err != nil {
		a.rooms.Close()
		_ = within(0, a.closeHooks)
		return err
	}
	a.server = newHTTPServer(handler, a.log)
	if a.inherited != nil {
		a.arrivals = newArrivals()
		a.server.ConnState = a.arrivals.note
	}
	listener := a.listener
	if cert != nil {
		listener = cert.listener(listener)
	}
	// Owned by this App: ends when Shutdown closes the server, which awaits it.
	a.serving.Go(func() {
		defer recovery.RecoverFunc("http server", func(v any) { a.fail(fmt.Errorf("http server: %v", v)) })
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && !a.handedOver.Load() {
			a.fail(fmt.Errorf("http server: %w", err))
		}
	})
	return nil
}

// limits returns what one client may send: the rates that are set, and bursts in
// the proportion of the defaults (docs/limits.md, L4).
func limits(c *config.Config) handlers.Limits {
	l := handlers.DefaultLimits()
	l.ChatBurst = l.ChatBurst * c.ChatRate / l.ChatRate
	l.EventBurst = l.EventBurst * c.EventRate / l.EventRate
	l.ChatRate, l.EventRate = c.ChatRate, c.EventRate
	return l
}

// fail notes why the server cannot go on. Only the first reason counts.
func (a *App) fail(err error) {
	if a.failure.CompareAndSwap(nil, &err) {
		a.log.Error("server failed", "err", err)
		close(a.failed)
	}
}

// Failed is closed when the server ended by itself, which it does only when its
// listener dies. Shutdown must still be called.
func (a *App) Failed() <-chan struct{} { return a.failed }

// Addr returns the address the server listens on, "[::]:8080". Empty before
// Start.
func (a *App) Addr() string {
	if addr := a.addr.Load(); addr != nil {
		return *addr
	}
	return ""
}

// Status says in one line what an operator wants to know first. Call it after
// Start.
func (a *App) Status() string {
	rooms, people := 0, 0
	for _, n := range a.rooms.GetAllRooms() {
		rooms, people = rooms+1, people+n
	}
	status := count(people, "person", "people") + " in " + count(rooms, "room", "rooms")
	if err := a.Broken(); err != nil {
		status += "; failed: " + err.Error()
	}
	return status
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// Broken says why the server cannot serve, nil while it can. Draining is not
// broken. Call it after Start.
func (a *App) Broken() error {
	if err := a.failure.Load(); err != nil {
		return *err
	}
	return a.api.Healthy()
}

// health is called while the server serves, so what it reads is set.
func (a *App) health() routes.Health {
	h := routes.Health{
		Status: routes.HealthOK, Version: a.version, UptimeSeconds: int64(time.Since(a.started).Seconds()),
		Checks: map[string]string{"http": "ok", "media": "ok"},
	}
	if err := a.api.Healthy(); err != nil {
		h.Status, h.Reason = "failed", "media: "+err.Error()
		h.Checks["media"] = err.Error()
	}
	if a.cert != nil {
		h.Checks["certificate"] = a.cert.check(time.Now())
	}
	if err := a.failure.Load(); err != nil {
		h.Status, h.Reason = "failed", (*err).Error()
		h.Checks["http"] = (*err).Error()
	}
	if a.draining.Load() {
		h.Status, h.Reason = "draining", "the server is restarting"
	}
	return h
}

// Shutdown ends the server within 10 s: /health says 503 and joins are refused
// at once, every client is told to come back (1012), PeerConnections are closed,
// then the port. An inherited listener is left to the next process first of all.
// The error says what had to be cut off. It is idempotent; a second call returns
// when the first does.
func (a *App) Shutdown() error {
	if a.inherited == nil {
		a.draining.Store(true)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != stateRunning {
		if a.state == stateNew && a.inherited != nil {
			_ = a.inherited.Close()
		}
		a.state = stateEnded
		return a.shutdownE
	}
	a.state = stateEnded
	if a.inherited != nil {
		a.handOver()
		a.draining.Store(true)
	}
	a.rooms.Drain()

	// A port of our own stays open meanwhile, so that whoever asks is told
	// "draining" and not that nobody is there.
	err := within(socketsTime, a.sockets.Shutdown)
	err = errors.Join(err, within(mediaTime, a.closeMedia))
	if httpErr := within(httpTime, a.server.Shutdown); httpErr != nil {
		err = errors.Join(err, fmt.Errorf("answers cut: %w", httpErr), a.server.Close())
	}
	a.serving.Wait()
	err = errors.Join(err, within(hooksTime, a.closeHooks), a.closeAdmin())
	if closeErr := a.api.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close the media port: %w", closeErr))
	}
	a.shutdownE = err
	return err
}

// within runs f with a deadline.
func within(d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return f(ctx)
}

// closeMedia ends all rooms. pion's Close takes no context, so the deadline
// can only stop waiting for it; closing the media port then frees it.
func (a *App) closeMedia(ctx context.Context) error {
	done := make(chan struct{})
	// Owned by this call, which outlives it except after the deadline, when
	// the process is about to end.
	go func() {
		defer recovery.RecoverWithPrefix("close rooms")
		defer close(done)
		a.rooms.Close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rooms still open: %w", ctx.Err())
	}
}
