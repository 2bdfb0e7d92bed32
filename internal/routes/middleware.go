package routes

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"aq-server/internal/handlers"
	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

// response notes what became of a request. It passes Hijack on for the
// WebSocket.
type response struct {
	http.ResponseWriter
	status   int // 0: nothing written yet
	hijacked bool
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 { // an informational status may come first
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack is what gorilla/websocket asks for.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked = true
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// recovered turns a panic into the answer 500, or breaks the connection when an
// answer has begun already.
func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &response{ResponseWriter: w}
		panicked := false
		func() {
			defer recovery.RecoverFunc("http handler", func(any) { panicked = true })
			next.ServeHTTP(rec, r)
		}()
		switch {
		case !panicked || rec.hijacked:
		case rec.status == 0:
			handlers.WriteError(w, types.Errorf(types.CodeInternal, "something went wrong in the server"))
		default:
			panic(http.ErrAbortHandler) // net/http closes the connection, in silence
		}
	})
}

// hsts is half a year, for this host alone.
const hsts = "max-age=15552000"

// plainHost matches the values of a Host header that may stand in a
// Content-Security-Policy; net/http lets characters pass that would end a
// directive.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// secured sets the headers that narrow what a page of this server may do.
func secured(o Options, next http.Handler) http.Handler {
	policy := "default-src 'self'; script-src 'self'; style-src 'self'; " +
		"img-src 'self' data: blob:; media-src 'self' blob: mediastream:; " +
		"object-src 'none'; base-uri 'none'; form-action 'self'; " + frameAncestors(o.EmbedOrigins) +
		"connect-src 'self'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// 'self' means ws: and wss: too in CSP level 3 (section 6.7.2.8), but
		// not in Safari before 15.4 and older Firefox: name them.
		csp := policy
		if plainHost.MatchString(r.Host) {
			csp += " ws://" + r.Host + " wss://" + r.Host
		}
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		// What is not named here (fullscreen, wake lock, autoplay) is for this
		// origin by default.
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), "+
			"accelerometer=(), clipboard-read=(), encrypted-media=(), geolocation=(), gyroscope=(), hid=(), "+
			"magnetometer=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=(), "+
			"xr-spatial-tracking=()")
		if o.HSTS {
			h.Set("Strict-Transport-Security", hsts)
		}
		next.ServeHTTP(w, r)
	})
}

// logged writes one line per request at level Debug, never the query: it may
// hold a resume token. The WebSocket's line comes at its end.
func logged(o Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.Log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		rec := &response{ResponseWriter: w}
		next.ServeHTTP(rec, r)
		o.Log.Debug("request", "method", clip(r.Method), "path", clip(r.URL.EscapedPath()), "status", rec.status,
			"duration", time.Since(start), "remote", o.Remote(r))
	})
}

// clip bounds what a client can put into a log line. Escaped paths and methods
// are ASCII without control characters already.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
