package routes

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"aq-server/internal/config"
)

// Whatever a header says, the result is an address, and never one that the
// client of an untrusted connection made up.
func FuzzRemote(f *testing.F) {
	f.Add("10.0.0.1:5000", "198.51.100.1, 203.0.113.9")
	f.Add("[::1]:5000", "[2001:db8::7]:4711,,10.0.0.1")
	f.Add("192.0.2.7:1", "unknown")
	f.Add("10.0.0.1:1", "fe80::1%eth0\r\nX: y")
	trusted := config.Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	f.Fuzz(func(t *testing.T, connection, forwarded string) {
		r := &http.Request{RemoteAddr: connection, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := Remote(trusted.Contains)(r)
		from, ok := parseAddr(connection)
		if !ok {
			if got != connection {
				t.Errorf("from %q: %q", connection, got)
			}
			return
		}
		addr, err := netip.ParseAddr(got)
		if err != nil {
			t.Fatalf("from %q, forwarded for %q: %q is no address", connection, forwarded, got)
		}
		if !trusted.Contains(from) && addr != from {
			t.Errorf("from %q, which is no proxy, forwarded for %q: %q", connection, forwarded, got)
		}
	})
}

// Whatever the request headers say, the policy keeps its directives and an
// asset is served whole or not at all.
func FuzzAsset(f *testing.F) {
	o := testOptions()
	h, err := New(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("example.com", "gzip;q=0.5, *;q=0", `"abc", W/"def"`)
	f.Add("[::1]:8080", ",;;q=", "*")
	f.Add("a;script-src *", "gzip", "")
	f.Fuzz(func(t *testing.T, host, encoding, ifNoneMatch string) {
		r := httptest.NewRequest("GET", "/aq_server/main.js", nil)
		r.Host = host
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("If-None-Match", ifNoneMatch)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 304 || (w.Code == 304) != (w.Body.Len() == 0) {
			t.Errorf("status %d with %d bytes", w.Code, w.Body.Len())
		}
		csp := w.Header().Get("Content-Security-Policy")
		if strings.Count(csp, ";") != 9 || strings.ContainsAny(csp, "\r\n,*") {
			t.Errorf("host %q: policy %q", host, csp)
		}
	})
}
