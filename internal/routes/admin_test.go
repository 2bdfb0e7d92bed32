package routes

import (
	"net/http"
	"strings"
	"testing"
)

// keyed is an administrator whose key is "k".
func keyed(o *Options) {
	o.Admin = Admin{
		API: named("api"), HasKey: true,
		Authorized: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") == "Bearer k" {
				return true
			}
			w.WriteHeader(http.StatusUnauthorized)
			return false
		},
	}
}

func TestProtected(t *testing.T) {
	tests := []struct {
		what   string
		change func(*Options)
		rooms  [2]int // without and with the key
	}{
		{"open", keyed, [2]int{200, 200}},
		{"hidden list", func(o *Options) { keyed(o); o.RoomsPublic = false }, [2]int{401, 200}},
		{"hidden list without a key", func(o *Options) { keyed(o); o.RoomsPublic, o.Admin.HasKey = false, false }, [2]int{403, 403}},
		{"tokens", func(o *Options) { keyed(o); o.Admin.Needed = true }, [2]int{401, 200}},
		{"elsewhere", func(o *Options) { keyed(o); o.Admin.Elsewhere = true }, [2]int{404, 404}},
	}
	for _, tt := range tests {
		h := newHandler(t, tt.change)
		for i, key := range []string{"", "Bearer k"} {
			if got := do(h, "GET", RoomsPath, "Authorization", key).Code; got != tt.rooms[i] {
				t.Errorf("%s: /rooms with %q: %d", tt.what, key, got)
			}
		}
		if got := do(h, "GET", "/debug/pprof/", "Authorization", "Bearer k").Code; got != 404 {
			t.Errorf("%s: profiles on the public port: %d", tt.what, got)
		}
	}
	o := testOptions()
	keyed(&o)
	o.RoomsPublic = false
	h := NewAdmin(o)
	for path, want := range map[string]int{RoomsPath: 200, MetricsPath: 200, HealthPath: 200, "/debug/pprof/": 200, "/debug/pprof/goroutine": 200, "/debug/pprof/cmdline": 404, "/aq_server/": 404} {
		if got := do(h, "GET", path).Code; got != want {
			t.Errorf("on the administrator's address %s: %d", path, got)
		}
	}
}

// The pages that may connect may read JSON and import modules, nobody else, and
// nobody with cookies.
func TestCrossOrigin(t *testing.T) {
	h := newHandler(t, func(o *Options) { keyed(o); o.AllowedOrigins = []string{"https://app.example"} })
	for _, path := range []string{HealthPath, RoomsPath, MetricsPath, ValidatePath, APIPath + "rooms", PagePath + "main.js"} {
		for origin, allowed := range map[string]bool{
			"https://app.example": true, "https://example.com:8443": true, // of the same host
			"https://evil.example": false, "null": false, "https://app.example.evil.example": false,
		} {
			w := do(h, "GET", path, "Origin", origin)
			if got := w.Header().Get("Access-Control-Allow-Origin"); (got == origin) != allowed || !allowed && got != "" {
				t.Errorf("%s for %s: %q", path, origin, got)
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Origin") {
				t.Errorf("%s: %v", path, w.Header())
			}
			w = do(h, "OPTIONS", path, "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
			if ok := w.Code == 204 && w.Header().Get("Access-Control-Allow-Headers") != ""; ok != allowed {
				t.Errorf("preflight of %s for %s: %d %v", path, origin, w.Code, w.Header())
			}
		}
	}
	for _, page := range []string{PagePath, PagePath + "check"} {
		if got := do(h, "GET", page, "Origin", "https://app.example").Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: %q", page, got)
		}
	}
}

func TestEmbedding(t *testing.T) {
	for want, origins := range map[string][]string{
		"frame-ancestors 'self';":                                     nil,
		"frame-ancestors 'self' https://a.example https://b.example;": {"https://a.example", "https://b.example"},
	} {
		h := newHandler(t, func(o *Options) { o.EmbedOrigins = origins })
		w := do(h, "GET", PagePath)
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, want) {
			t.Errorf("%q is not in %s", want, csp)
		}
		// The page talks to nobody else than those who may show it.
		if told := `data-embed-origins="` + strings.Join(origins, " ") + `"`; !strings.Contains(w.Body.String(), told) {
			t.Errorf("%s is not in %s", told, w.Body)
		}
	}
}
