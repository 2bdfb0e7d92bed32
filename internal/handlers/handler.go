// Package handlers is the WebSocket side of the server: it accepts clients, reads
// their messages and hands them to the room and to their media, and writes what
// these have to say. docs/protocol.md is what it speaks, docs/limits.md what it
// bounds.
//
// A client has three goroutines: the reader, which is that of net/http, the
// writer (outbox) and the pings (keepalive). All three belong to ServeHTTP,
// which ends and awaits them.
package handlers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/semaphore"

	"aq-server/internal/metrics"
	"aq-server/internal/ratelimit"
	"aq-server/internal/recovery"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

// Rooms is what the handler needs of room.RoomManager.
type Rooms interface {
	CanJoin(req room.JoinRequest) error
	Knows(room, resume string) bool
	AddPeerToRoom(req room.JoinRequest) (*room.Member, error)
	CountPeers(id string) int
	NamesInside(req room.JoinRequest, most int) []string
}

// namesTold is how many of those inside Validate names: as many as one reads.
const namesTold = 4

// Options is what a WebsocketHandler is made from.
type Options struct {
	Rooms   Rooms
	Metrics *metrics.Metrics
	Log     *slog.Logger

	// Short tells that memory is short: nobody new is let in. nil: it never is.
	Short func() bool
	// Addresses counts sockets and joins by client address; nil: they are not
	// counted.
	Addresses *ratelimit.Addresses
	// Tokens says who may enter; nil lets everybody in.
	Tokens Tokens
	// Devices tells browsers apart by a cookie, which is Secure with SecureCookies,
	// and also sent in the frames of other sites with Embedded.
	Devices, SecureCookies, Embedded bool
	// AllowedOrigins are further origins whose pages may connect, lower-case
	// scheme://host[:port] without default ports.
	AllowedOrigins []string
	// Remote returns the client's address as the server trusts it; nil means
	// Request.RemoteAddr.
	Remote func(*http.Request) string

	KeepalivePing, KeepalivePong time.Duration // both > 0
	WriteDeadline                time.Duration // > 0

	// Limits are DefaultLimits if zero.
	Limits Limits
}

// WebsocketHandler serves the WebSocket endpoint. Make one with
// NewWebsocketHandler, end it with Shutdown.
type WebsocketHandler struct {
	opts     Options
	upgrader websocket.Upgrader
	large    *semaphore.Weighted // bytes of large messages, see largeTotal
	files    descriptors
	// buffers hold messages while they are read and handled: a client that is
	// only waited for has none.
	buffers sync.Pool

	mu      sync.Mutex // a leaf
	clients map[*client]struct{}
	closed  bool
	wg      sync.WaitGroup // one for each client
}

// NewWebsocketHandler returns a handler without clients.
func NewWebsocketHandler(opts Options) *WebsocketHandler {
	if opts.Remote == nil {
		opts.Remote = func(r *http.Request) string { return r.RemoteAddr }
	}
	if opts.Short == nil {
		opts.Short = func() bool { return false }
	}
	if opts.Limits == (Limits{}) {
		opts.Limits = DefaultLimits()
	}
	return &WebsocketHandler{
		opts:    opts,
		large:   semaphore.NewWeighted(largeTotal),
		files:   descriptors{count: openFiles, limit: fileLimit},
		clients: make(map[*client]struct{}),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		upgrader: websocket.Upgrader{
			// No compression: the read limit would not bound what is decompressed.
			EnableCompression: false,
			Subprotocols:      []string{subprotocol},
			// An idle socket keeps no write buffer, and a small one to read: gorilla
			// would take over the 4 KiB of net/http's.
			ReadBufferSize:  1 << 10,
			WriteBufferPool: &sync.Pool{},
			WriteBufferSize: 4 << 10,
			// check has looked at the origin, with our own rules.
			CheckOrigin: func(*http.Request) bool { return true },
			Error: func(w http.ResponseWriter, _ *http.Request, _ int, reason error) {
				// RFC 6455, section 4.4: tell the version we speak.
				w.Header().Set("Sec-WebSocket-Version", "13")
				WriteError(w, types.Errorf(types.CodeNotWebSocket, "%v", reason))
			},
		},
	}
}

// ServeHTTP takes one client in. A join that is refused is answered in HTTP
// (WriteError); else it returns after the handshake, so that nothing is left of
// the request, and the client has a goroutine of his own. Shutdown ends and
// awaits it.
func (h *WebsocketHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := h.enter(r)
	if !entry.OK {
		w.Header().Set("Retry-After", strconv.Itoa(1+int(entry.Retry/time.Second)))
		h.refuse(w, r, types.Errorf(types.CodeTooMany, "too many connections from your address; wait a moment"))
		return
	}
	left := false
	defer func() {
		if !left {
			entry.Leave()
		}
	}()
	join, refusal := h.checkJoin(r)
	if refusal != nil {
		h.refuse(w, r, refusal)
		return
	}
	c := &client{handler: h, opts: &h.opts, join: join, remote: h.opts.Remote(r), browser: r.Header.Get("Origin") != ""}
	if !h.register(c) {
		h.refuse(w, r, types.Errorf(types.CodeDraining, "the server is restarting; try again in a moment"))
		return
	}
	left = true // forget does it
	c.leave = entry.Leave
	device, header := h.device(r)
	c.join.device = device
	served := false
	defer func() {
		if !served {
			h.forget(c)
		}
	}()
	conn := &wire{budget: wireBudget, writeDeadline: h.opts.WriteDeadline}
	ws, err := h.upgrader.Upgrade(hijacker{w, conn}, r, header)
	if err != nil { // answered by Upgrade
		h.opts.Metrics.RefuseJoin(string(types.CodeNotWebSocket))
		return
	}
	h.files.took()
	served = true
	go h.serve(c, ws, conn) // ended and awaited by Shutdown
}

// serve runs a client to the end of his socket.
func (h *WebsocketHandler) serve(c *client, ws *websocket.Conn, conn *wire) {
	defer h.forget(c)
	m := h.opts.Metrics
	m.TotalConnectionsCreated.Add(1)
	m.ActiveConnections.Add(1)
	defer func() {
		m.ActiveConnections.Add(-1)
		m.TotalConnectionsClosed.Add(1)
	}()
	// The last line: net/http would log a panic but leave the socket open.
	defer recovery.RecoverFunc("websocket", func(any) { _ = ws.Close() })
	c.serve(ws, conn)
}

// Validate answers GET /aq_server/validate: the checks of a join without the
// join. 200 with the names as the server would use them, the number of people in
// the room and the names of some, or what the WebSocket would be refused with.
func (h *WebsocketHandler) Validate(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		WriteError(w, types.Errorf(types.CodeMethod, "use GET"))
		return
	}
	join, refusal := h.check(r)
	if refusal != nil {
		WriteError(w, refusal)
		return
	}
	device, _ := h.device(r)
	inside := room.JoinRequest{Room: join.room, Resume: join.resume, Grant: join.grant, Device: device}
	WriteJSON(w, http.StatusOK, struct {
		Room     string   `json:"room"`
		Username string   `json:"username"`
		Peers    int      `json:"peers"`
		Names    []string `json:"names,omitempty"`
	}{join.room, join.username, h.opts.Rooms.CountPeers(join.room), h.opts.Rooms.NamesInside(inside, namesTold)})
}

func (h *WebsocketHandler) refuse(w http.ResponseWriter, r *http.Request, refusal *types.ProtocolError) {
	h.opts.Metrics.RefuseJoin(string(refusal.Code))
	query := r.URL.Query() // named one by one: a resume token must not be logged
	h.opts.Log.Info("join refused", "code", string(refusal.Code), "remote", h.opts.Remote(r),
		"room", logText(query.Get("room")), "username", logText(query.Get("username")),
		"origin", logText(r.Header.Get("Origin")))
	if refusal.Code == types.CodeMethod {
		w.Header().Set("Allow", "GET")
	}
	WriteError(w, refusal)
}

// enter counts the socket by its address.
func (h *WebsocketHandler) enter(r *http.Request) ratelimit.Verdict {
	if h.opts.Addresses == nil {
		return ratelimit.Verdict{OK: true, Leave: func() {}}
	}
	return h.opts.Addresses.Enter(h.opts.Remote(r))
}

func (h *WebsocketHandler) register(c *client) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.clients[c] = struct{}{}
	h.wg.Add(1)
	return true
}

func (h *WebsocketHandler) forget(c *client) {
	h.mu.Lock()
	delete(h.clients, c)
	h.mu.Unlock()
	c.leave()
	h.wg.Done()
}

// Shutdown refuses new clients, closes all sockets with 1012 (those that are not
// closing already) and waits until the goroutines of all of them have ended.
// When ctx ends first, the sockets that are left are cut, and the error says how
// many. http.Server.Shutdown does not know about WebSockets, so this is needed
// beside it.
func (h *WebsocketHandler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	clients := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		clients = append(clients, c)
	}
	h.mu.Unlock()
	for _, c := range clients {
		c.shutdown()
	}
	ended := make(chan struct{})
	// Owned by this call. It outlives it by nothing: both ways out of the select
	// wait for it.
	go func() {
		defer recovery.RecoverWithPrefix("websocket shutdown")
		defer close(ended)
		h.wg.Wait()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	left := len(h.clients)
	for c := range h.clients {
		c.cut()
	}
	h.mu.Unlock()
	<-ended
	return fmt.Errorf("%d websockets cut: %w", left, context.Cause(ctx))
}
