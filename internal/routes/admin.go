package routes

import (
	"net/http"
	"net/http/pprof"
)

// Paths of the administrator.
const (
	APIPath   = "/api/v1/"
	pprofPath = "/debug/pprof/"
)

// Admin is what only the administrator may see.
type Admin struct {
	// API is the interface under APIPath. It asks for the key itself.
	API http.Handler
	// Authorized tells whether a request has the administrator's key, and answers
	// it if not.
	Authorized func(http.ResponseWriter, *http.Request) bool
	// HasKey: there is a key at all.
	HasKey bool
	// Needed asks for the key at MetricsPath and RoomsPath.
	Needed bool
	// Elsewhere: MetricsPath and RoomsPath are on an address of their own
	// (NewAdmin) and not here.
	Elsewhere bool
}

// guarded lets only the administrator through.
func (a *Admin) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Authorized(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// protected is how an endpoint for operators is served on the public port.
func (a *Admin) protected(next http.Handler) http.Handler {
	switch {
	case a.Elsewhere:
		return http.HandlerFunc(notFound)
	case a.Needed:
		return a.guarded(next)
	}
	return next
}

// NewAdmin returns the handler of the administrator's own address: what is for
// operators, and profiles. The address is its protection, but for APIPath, where
// the key is asked for here too.
func NewAdmin(o Options) http.Handler {
	const get = "GET, HEAD"
	o.RoomsPublic = true
	mux := http.NewServeMux()
	for _, r := range []route{
		{HealthPath, get, healthHandler(o.Health)},
		{MetricsPath, get, o.Metrics},
		{RoomsPath, get, roomsHandler(o)},
		{APIPath, "", o.Admin.API},
		{pprofPath, get, http.HandlerFunc(pprof.Index)},
		{pprofPath + "cmdline", get, http.HandlerFunc(notFound)}, // nobody's business
		{pprofPath + "profile", get, http.HandlerFunc(pprof.Profile)},
		{pprofPath + "symbol", "GET, HEAD, POST", http.HandlerFunc(pprof.Symbol)},
		{pprofPath + "trace", get, http.HandlerFunc(pprof.Trace)},
		{"/", "", http.HandlerFunc(notFound)},
	} {
		mux.Handle(r.path, allow(r.methods, r.handler))
	}
	return recovered(secured(o, logged(o, mux)))
}
