package routes

import (
	"net/http"
	"strings"

	"aq-server/internal/handlers"
)

// crossOrigin lets pages of the allowed origins read the answers of the JSON
// endpoints and import the modules of the page (Fetch, section 3.2): the same that
// may open a WebSocket, so that one setting decides. Cookies are never part of it:
// nothing here goes by them.
func crossOrigin(allowed []string, methods string, next http.Handler) http.Handler {
	if methods == "" {
		methods = "GET"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || !handlers.OriginAllowed(r, allowed) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", methods)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		next.ServeHTTP(w, r)
	})
}

// frameAncestors is the directive for who may show the page in a frame.
func frameAncestors(origins []string) string {
	return strings.Join(append([]string{"frame-ancestors 'self'"}, origins...), " ") + "; "
}
