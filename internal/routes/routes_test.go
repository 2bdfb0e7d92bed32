package routes

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"aq-server/internal/config"
	"aq-server/internal/metrics"
	"aq-server/web"
)

var script = []byte(strings.Repeat("export const answer = 42;\n", 100))

func testPage() fstest.MapFS {
	return fstest.MapFS{
		"index.html":  {Data: []byte(`<html data-websocket-path="{{.WebSocketPath}}" data-embed-origins="{{.EmbedOrigins}}">`)},
		"check.html":  {Data: []byte(`<html id="check" data-websocket-path="{{.WebSocketPath}}">`)},
		"main.js":     {Data: script},
		"ui/tile.css": {Data: []byte("a{}")},
		"icon.svg":    {Data: []byte("<svg/>")},
	}
}

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

func testOptions() Options {
	return Options{
		Page: testPage(), WebSocket: named("websocket"), Validate: named("validate"), Metrics: metrics.New().Handler(),
		Rooms:       func() map[string]int { return map[string]int{"zoo": 1, "Ärzte 🙂": 2, "demo": 3} },
		RoomsPublic: true,
		Health: func() Health {
			return Health{Status: HealthOK, Version: "v1", UptimeSeconds: 7, Checks: map[string]string{}}
		},
		Remote: func(r *http.Request) string { return r.RemoteAddr },
		Log:    slog.New(slog.DiscardHandler),
	}
}

func newHandler(t *testing.T, change func(*Options)) http.Handler {
	t.Helper()
	o := testOptions()
	if change != nil {
		change(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func do(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTable(t *testing.T) {
	h := newHandler(t, nil)
	tests := []struct {
		method, target string
		status         int
		contentType    string // prefix
		body           string // part of it
	}{
		{"GET", "/aq_server/", 200, "text/html; charset=utf-8", `data-websocket-path="/aq_server/websocket"`},
		{"GET", "/aq_server/?room=a", 200, "text/html", "<html"},
		{"GET", "/aq_server/check", 200, "text/html; charset=utf-8", `id="check" data-websocket-path="/aq_server/websocket"`},
		{"GET", "/aq_server/check.html", 404, "application/json", `"code":"not_found"`},
		{"GET", "/aq_server/main.js", 200, "text/javascript; charset=utf-8", "answer"},
		{"GET", "/aq_server/ui/tile.css", 200, "text/css; charset=utf-8", "a{}"},
		{"GET", "/aq_server/icon.svg", 200, "image/svg+xml", "<svg/>"},
		{"GET", "/aq_server/websocket?room=a", 200, "", "websocket"},
		{"GET", "/aq_server/validate", 200, "", "validate"},
		{"GET", "/health", 200, "application/json", `{"status":"ok","version":"v1","uptime_seconds":7,"checks":{}}`},
		{"GET", "/metrics", 200, "application/json", `"active_connections": 0`},
		{"GET", "/metrics?format=prometheus", 200, "text/plain", "aq_active_connections 0"},
		{"GET", "/rooms", 200, "application/json", `{"rooms":[{"room":"demo","peers":3},{"room":"zoo","peers":1},{"room":"Ärzte 🙂","peers":2}]}`},
		{"POST", "/aq_server/websocket", 200, "", "websocket"}, // the handler refuses methods itself
		{"POST", "/health", 405, "application/json", `"code":"method_not_allowed"`},
		{"DELETE", "/aq_server/", 405, "application/json", `"code":"method_not_allowed"`},
		{"POST", "/", 405, "application/json", `"code":"method_not_allowed"`},
		{"PUT", "/metrics", 405, "application/json", `"code":"method_not_allowed"`},
		{"OPTIONS", "/rooms", 405, "application/json", `"code":"method_not_allowed"`},
		{"NONSENSE", "/aq_server/main.js", 405, "application/json", `"code":"method_not_allowed"`},
		{"GET", "/aq_server/index.html", 404, "application/json", `{"error":{"code":"not_found"`},
		{"GET", "/aq_server/embed.go", 404, "application/json", `"code":"not_found"`},
		{"GET", "/aq_server/ui", 404, "application/json", `"code":"not_found"`},
		{"GET", "/favicon.ico", 404, "application/json", `"code":"not_found"`},
		{"GET", "/debug/pprof/", 404, "application/json", `"code":"not_found"`},
		{"GET", "/aq_server/%2e%2e/secret", 404, "application/json", `"code":"not_found"`},
		{"POST", "/nothing", 404, "application/json", `"code":"not_found"`},
	}
	for _, tt := range tests {
		w := do(h, tt.method, tt.target)
		if w.Code != tt.status || !strings.HasPrefix(w.Header().Get("Content-Type"), tt.contentType) || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %s %s", tt.method, tt.target, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		if allow := w.Header().Get("Allow"); tt.status == 405 && allow != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", tt.method, tt.target, allow)
		}
	}
}

func TestRedirectToPage(t *testing.T) {
	h := newHandler(t, nil)
	for target, want := range map[string]string{
		"/":                           "/aq_server/",
		"/aq_server":                  "/aq_server/",
		"/?room=a&username=%C3%B6":    "/aq_server/?room=a&username=%C3%B6",
		"/aq_server?room=a%0d%0aX: y": "/aq_server/?room=a%0d%0aX: y",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != want {
			t.Errorf("%s: %d %q, want %q", target, w.Code, w.Header().Get("Location"), want)
		}
	}
}

// HEAD has the headers of GET and, over a real connection, no body.
func TestHead(t *testing.T) {
	server := httptest.NewServer(newHandler(t, nil))
	defer server.Close()
	for _, path := range []string{"/health", "/metrics", "/rooms", "/aq_server/", "/aq_server/main.js"} {
		get, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, get.Body)
		get.Body.Close()
		head, err := server.Client().Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		head.Body.Close()
		if head.StatusCode != 200 || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %s", path, head.StatusCode, head.Header.Get("Content-Type"))
		}
	}
}

func TestRoomsForAdministratorOnly(t *testing.T) {
	h := newHandler(t, func(o *Options) { o.RoomsPublic = false })
	w := do(h, "GET", "/rooms")
	if w.Code != 403 || !strings.Contains(w.Body.String(), `"code":"not_permitted"`) || strings.Contains(w.Body.String(), "demo") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNoRoomsIsAnEmptyList(t *testing.T) {
	h := newHandler(t, func(o *Options) { o.Rooms = func() map[string]int { return nil } })
	if got := strings.TrimSpace(do(h, "GET", "/rooms").Body.String()); got != `{"rooms":[]}` {
		t.Errorf("%s", got)
	}
}

func TestUnhealthy(t *testing.T) {
	h := newHandler(t, func(o *Options) {
		o.Health = func() Health {
			return Health{Status: "draining", Reason: "the server is restarting", Checks: map[string]string{"http": "ok"}}
		}
	})
	w := do(h, "GET", "/health")
	var got Health
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 503 || got.Status != "draining" || got.Reason == "" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
}

func TestSecurityHeaders(t *testing.T) {
	h := newHandler(t, nil)
	for _, target := range []string{"/aq_server/", "/aq_server/main.js", "/health", "/nothing", "/"} {
		header := do(h, "GET", target).Header()
		csp := header.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'self'",
			"img-src 'self' data: blob:", "media-src 'self' blob: mediastream:",
			"connect-src 'self' ws://example.com wss://example.com",
		} {
			if !slices.Contains(strings.Split(csp, "; "), want) {
				t.Errorf("%s: %q is not a directive of %s", target, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: lax policy %s", target, csp)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", target, name, got, want)
			}
		}
		for _, want := range []string{"camera=(self)", "microphone=(self)", "display-capture=(self)", "geolocation=()"} {
			if !strings.Contains(header.Get("Permissions-Policy"), want) {
				t.Errorf("%s: Permissions-Policy %q lacks %s", target, header.Get("Permissions-Policy"), want)
			}
		}
	}
	secure := newHandler(t, func(o *Options) { o.HSTS = true })
	if got := do(secure, "GET", "/").Header().Get("Strict-Transport-Security"); got != hsts {
		t.Errorf("HSTS %q", got)
	}
}

// A Host header cannot add to the policy.
func TestHostInPolicy(t *testing.T) {
	h := newHandler(t, nil)
	tests := map[string]bool{ // whether the host is named
		"a.test": true, "a.test:8080": true, "192.0.2.7:8080": true, "[2001:db8::7]:8080": true, "[::1]": true,
		"": false, "a.test;script-src": false, "a.test:": false, "a'b": false, "*": false, "a,b": false, "a b": false,
		"a.test:123456": false, "[::1": false, "a:b:c": false,
	}
	for host, want := range tests {
		r := httptest.NewRequest("GET", "/aq_server/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		_, connect, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "connect-src ")
		expected := "'self'"
		if want {
			expected += " ws://" + host + " wss://" + host
		}
		if connect != expected {
			t.Errorf("host %q: connect-src %s, want %s", host, connect, expected)
		}
	}
}

func TestAssetCaching(t *testing.T) {
	h := newHandler(t, nil)
	for _, target := range []string{"/aq_server/", "/aq_server/main.js"} {
		first := do(h, "GET", target)
		etag := first.Header().Get("ETag")
		if etag == "" || first.Header().Get("Cache-Control") != "no-cache" {
			t.Fatalf("%s: ETag %q, Cache-Control %q", target, etag, first.Header().Get("Cache-Control"))
		}
		for _, sent := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
			again := do(h, "GET", target, "If-None-Match", sent)
			if again.Code != 304 || again.Body.Len() != 0 || again.Header().Get("ETag") != etag {
				t.Errorf("%s with If-None-Match %s: %d, %d bytes", target, sent, again.Code, again.Body.Len())
			}
		}
		if w := do(h, "GET", target, "If-None-Match", `"other"`); w.Code != 200 {
			t.Errorf("%s with another ETag: %d", target, w.Code)
		}
	}
	before := do(h, "GET", "/aq_server/main.js").Header().Get("ETag")
	changed := newHandler(t, func(o *Options) {
		page := testPage()
		page["main.js"].Data = []byte("export const answer = 43;")
		o.Page = page
	})
	if after := do(changed, "GET", "/aq_server/main.js").Header().Get("ETag"); after == before {
		t.Error("other content has the same ETag")
	}
}

func TestAssetCompression(t *testing.T) {
	h := newHandler(t, nil)
	plain := do(h, "GET", "/aq_server/main.js")
	for encoding, want := range map[string]bool{
		"": false, "br": false, "gzip;q=0": false, "gzip;q=0, *": false, "identity": false,
		"gzip": true, "br, gzip": true, "GZIP;q=0.5": true, "*": true, "*;q=0, gzip": true,
	} {
		w := do(h, "GET", "/aq_server/main.js", "Accept-Encoding", encoding)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: compressed %v", encoding, got)
			continue
		}
		if vary := w.Header().Values("Vary"); !slices.Contains(vary, "Accept-Encoding") {
			t.Errorf("Vary %q", vary)
		}
		body := w.Body.Bytes()
		if want {
			if w.Header().Get("ETag") == plain.Header().Get("ETag") {
				t.Error("both representations have the same strong ETag")
			}
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, script) {
			t.Errorf("Accept-Encoding %q: other content", encoding)
		}
	}
	if w := do(h, "GET", "/aq_server/icon.svg", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a file that gzip makes bigger was compressed")
	}
}

func TestBadPage(t *testing.T) {
	for name, page := range map[string]fstest.MapFS{
		"no index":          {"main.js": {Data: script}},
		"bad template":      {"index.html": {Data: []byte("{{.WebSocketPath")}},
		"unknown field":     {"index.html": {Data: []byte("{{.Other}}")}},
		"unknown extension": {"index.html": {}, "a.exe": {}},
	} {
		o := testOptions()
		o.Page = page
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The real pages load, and everything their documents name is there.
func TestBuiltInPage(t *testing.T) {
	h := newHandler(t, func(o *Options) { o.Page = web.FS })
	for _, page := range []string{PagePath, PagePath + "check"} {
		body := do(h, "GET", page).Body.String()
		if !strings.Contains(body, `"`+WebSocketPath+`"`) {
			t.Errorf("%s does not name the WebSocket's path", page)
		}
		for _, attribute := range []string{`src="`, `href="`} {
			for _, part := range strings.Split(body, attribute)[1:] {
				ref, _, _ := strings.Cut(part, `"`)
				if strings.Contains(ref, "://") || strings.HasPrefix(ref, "#") {
					continue
				}
				if w := do(h, "GET", PagePath+strings.TrimPrefix(ref, "./")); w.Code != 200 {
					t.Errorf("%s: %s: %d", page, ref, w.Code)
				}
			}
		}
	}
	if got := do(h, "GET", PagePath+"manifest.webmanifest").Header().Get("Content-Type"); got != "application/manifest+json" {
		t.Errorf("the manifest is %s", got)
	}
}

func TestPanicIsOneFailedRequest(t *testing.T) {
	h := newHandler(t, func(o *Options) {
		o.Validate = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "late" {
				_, _ = io.WriteString(w, "half an ans")
				http.NewResponseController(w).Flush()
			}
			panic("provoked")
		})
	})
	old := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(old)

	server := httptest.NewServer(h)
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	early, err := server.Client().Get(server.URL + ValidatePath)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(early.Body)
	early.Body.Close()
	if early.StatusCode != 500 || !strings.Contains(string(body), `"code":"internal"`) || strings.Contains(string(body), "provoked") {
		t.Errorf("%d %s", early.StatusCode, body)
	}
	late, err := server.Client().Get(server.URL + ValidatePath + "?late")
	if err == nil {
		_, err = io.ReadAll(late.Body)
		late.Body.Close()
	}
	if err == nil {
		t.Error("a broken answer looks whole")
	}
}

// T25: nothing a client sends makes a second log line, and the query, which
// may hold a resume token, is not logged.
func TestLogLines(t *testing.T) {
	var logged bytes.Buffer
	h := newHandler(t, func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	targets := []string{
		"/a%0d%0alevel=ERROR", "/%1b%5b31m", "/%e2%80%a8", "/?resume=SECRET%0a", "/" + strings.Repeat("x", 10_000),
	}
	for _, target := range targets {
		do(h, "GET", target)
	}
	if got := strings.Count(logged.String(), "\n"); got != len(targets) {
		t.Errorf("%d lines for %d requests", got, len(targets))
	}
	for line := range strings.Lines(logged.String()) {
		if len(line) > 700 || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\r\n\x1b\u2028") || strings.Contains(line, "SECRET") {
			t.Errorf("log line %q", line)
		}
	}
}

func TestRemote(t *testing.T) {
	trusted := config.Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	tests := []struct {
		connection string
		forwarded  []string
		want       string
	}{
		{"192.0.2.7:5000", nil, "192.0.2.7"},
		{"[2001:db8::7]:5000", nil, "2001:db8::7"},
		{"192.0.2.7:5000", []string{"203.0.113.9"}, "192.0.2.7"}, // not a proxy: made up
		{"10.0.0.1:5000", nil, "10.0.0.1"},
		{"10.0.0.1:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[::ffff:10.0.0.1]:5000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[::1]:5000", []string{"2001:db8::7"}, "2001:db8::7"},
		{"10.0.0.1:5000", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"}, // the left one is made up
		{"10.0.0.1:5000", []string{"198.51.100.1, 203.0.113.9, 10.9.9.9"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"198.51.100.1", "203.0.113.9", "10.9.9.9"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		{"10.0.0.1:5000", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"10.0.0.1:5000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"10.0.0.1:5000", []string{"198.51.100.1, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"10.0.0.1:5000", []string{"\x1b[31m"}, "10.0.0.1"},
		{"10.0.0.1:5000", []string{""}, "10.0.0.1"},
		{"@", []string{"203.0.113.9"}, "@"},
	}
	for _, tt := range tests {
		r := &http.Request{RemoteAddr: tt.connection, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
		if got := Remote(trusted.Contains)(r); got != tt.want {
			t.Errorf("from %s, forwarded for %q: %s, want %s", tt.connection, tt.forwarded, got, tt.want)
		}
	}
}
