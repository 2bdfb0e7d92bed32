// Package routes is the one table of URLs: which handler answers what, and what
// every request passes before it.
package routes

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"aq-server/internal/handlers"
	"aq-server/internal/types"
)

// Paths of the contract. The page lies under its own prefix, so that a reverse
// proxy can forward everything of AQ Server by one rule and the three endpoints
// for operators by others, or not at all.
const (
	PagePath      = "/aq_server/"
	WebSocketPath = "/aq_server/websocket"
	ValidatePath  = "/aq_server/validate"
	HealthPath    = "/health"
	MetricsPath   = "/metrics"
	RoomsPath     = "/rooms"
)

// Options is what the table is made from.
type Options struct {
	// Page holds index.html and other pages, each an html/template that gets
	// pageData, and the assets beside them. It is read once, by New.
	Page fs.FS

	WebSocket, Validate, Metrics http.Handler
	// Rooms returns the number of people in each room.
	Rooms func() map[string]int
	// RoomsPublic shows the list of rooms to everybody; otherwise to the
	// administrator.
	RoomsPublic bool
	Admin       Admin
	// AllowedOrigins are further origins whose pages may read JSON and import the
	// page's modules, and EmbedOrigins those that may show the page in a frame.
	AllowedOrigins, EmbedOrigins []string
	Health                       func() Health

	// HSTS tells browsers to come by https only. Right for a certificate they
	// trust, wrong for a self-signed one.
	HSTS bool
	// Remote returns the client's address for the log; see the function Remote.
	Remote func(*http.Request) string
	Log    *slog.Logger
}

// route is one line of the table. An empty methods leaves the method to the
// handler.
type route struct {
	path    string
	methods string
	handler http.Handler
}

// New returns the handler of the whole server. The error is that of the page's
// template or files.
func New(o Options) (http.Handler, error) {
	pages, assets, err := loadPage(o.Page, pageData{WebSocketPath: WebSocketPath, EmbedOrigins: strings.Join(o.EmbedOrigins, " ")})
	if err != nil {
		return nil, err
	}
	const get = "GET, HEAD"
	table := []route{
		{"/{$}", get, http.HandlerFunc(redirectToPage)},
		{"/aq_server", get, http.HandlerFunc(redirectToPage)},
		{WebSocketPath, "", o.WebSocket},
		{ValidatePath, "", crossOrigin(o.AllowedOrigins, get, o.Validate)},
		{HealthPath, "", crossOrigin(o.AllowedOrigins, get, allow(get, healthHandler(o.Health)))},
		{MetricsPath, "", crossOrigin(o.AllowedOrigins, get, allow(get, o.Admin.protected(o.Metrics)))},
		{RoomsPath, "", crossOrigin(o.AllowedOrigins, get, allow(get, o.Admin.protected(roomsHandler(o))))},
		{APIPath, "", crossOrigin(o.AllowedOrigins, "GET, POST, DELETE", o.Admin.API)},
		{PagePath + versionedPath, "", crossOrigin(o.AllowedOrigins, get, allow(get, versionedHandler(assets)))},
		{"/", "", http.HandlerFunc(notFound)},
	}
	for name, page := range pages {
		table = append(table, route{PagePath + name, get, page})
	}
	for name, file := range assets {
		table = append(table, route{PagePath + name, "", crossOrigin(o.AllowedOrigins, get, allow(get, file))})
	}
	mux := http.NewServeMux()
	for _, r := range table {
		mux.Handle(r.path, allow(r.methods, r.handler))
	}
	// From the outside in: a panic anywhere below is one failed request, and
	// the headers are on every answer, that of a refusal too.
	return recovered(secured(o, logged(o, mux))), nil
}

// allow answers other methods than the given ones with 405.
func allow(methods string, next http.Handler) http.Handler {
	if methods == "" {
		return next
	}
	allowed := strings.Split(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(allowed, r.Method) {
			w.Header().Set("Allow", methods)
			handlers.WriteError(w, types.Errorf(types.CodeMethod, "this address answers %s only", methods))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	handlers.WriteError(w, types.Errorf(types.CodeNotFound, "there is nothing at this address"))
}

// redirectToPage keeps the query, so that links to a room may be short. Not
// permanent: a browser would remember it for whatever runs on this host later.
func redirectToPage(w http.ResponseWriter, r *http.Request) {
	target := PagePath
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, target, http.StatusTemporaryRedirect)
}

// roomsHandler lists the rooms by name. In open mode a room's name is its only
// secret, hence ROOMS_LIST=admin. The administrator is told by a key, never by
// his address: behind a reverse proxy everybody comes from the same one.
func roomsHandler(o Options) http.Handler {
	type entry struct {
		Room  string `json:"room"`
		Peers int    `json:"peers"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case o.RoomsPublic:
		case !o.Admin.HasKey:
			handlers.WriteError(w, types.Errorf(types.CodeNotPermitted, "the list of rooms is not public here"))
			return
		case !o.Admin.Authorized(w, r):
			return
		}
		list := []entry{}
		for room, peers := range o.Rooms() {
			list = append(list, entry{room, peers})
		}
		slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.Room, b.Room) })
		writeJSON(w, http.StatusOK, map[string][]entry{"rooms": list})
	})
}

// Health is the answer at HealthPath.
type Health struct {
	Status string `json:"status"` // "ok", or why the answer is 503: "draining" or "failed"
	// Reason says in words what is wrong; only with a status other than ok.
	Reason        string `json:"reason,omitempty"`
	Version       string `json:"version"`
	UptimeSeconds int64  `json:"uptime_seconds"`
	// Checks maps what was looked at to "ok" or to a sentence. With the status
	// ok that sentence is a warning.
	Checks map[string]string `json:"checks"`
}

// HealthOK is the status of a server that takes new clients.
const HealthOK = "ok"

func healthHandler(health func() Health) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := health()
		status := http.StatusOK
		if h.Status != HealthOK {
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "2")
		}
		writeJSON(w, status, h)
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own structs; recovered answers 500
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone; nothing to do then
}

// Remote returns the function that tells a client's address: that of the
// connection, or, when it comes from a trusted proxy, the last address in
// X-Forwarded-For that is not a trusted proxy itself. What stands further left
// the client may have made up. The result is an IP address without port, or
// Request.RemoteAddr when that is none.
func Remote(trusted func(netip.Addr) bool) func(*http.Request) string {
	return func(r *http.Request) string {
		addr, ok := parseAddr(r.RemoteAddr)
		if !ok {
			return r.RemoteAddr
		}
		if !trusted(addr) {
			return addr.String()
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			next, ok := parseAddr(strings.TrimSpace(hop))
			if !ok {
				break // nothing left of it can be trusted
			}
			addr = next
			if !trusted(addr) {
				break
			}
		}
		return addr.String()
	}
}

// parseAddr parses an address with or without a port, as proxies write both.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap(), err == nil
}
