package handlers

import (
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzJoin(f *testing.F) {
	f.Add("room=demo&username=Alice&protocol=1&resume=x&media=keep&last_chat=5&attempt=7&token=a.b.c")
	f.Add("room=%zz&room=a")
	f.Add("protocol=1&attempt=-1")
	f.Fuzz(func(t *testing.T, query string) {
		join, refusal := parseJoin(query)
		if refusal == nil && (join.room == "" || join.username == "" || !utf8.ValidString(join.room+join.username)) {
			t.Errorf("%q: %q, %q", query, join.room, join.username)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	f.Add("https://example.org", "example.org:443")
	f.Add("null", "example.org")
	f.Add("https://example.org.evil.example", "example.org")
	f.Fuzz(func(t *testing.T, origin, host string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		r.Header["Origin"] = []string{origin}
		if checkOrigin(r, nil) == nil && !strings.Contains(strings.ToLower(origin), strings.ToLower(strings.TrimSuffix(hostname(host), "."))) {
			t.Errorf("%q may connect to %q", origin, host)
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add("Bearer x", "aq, bearer.y", "z")
	f.Fuzz(func(t *testing.T, authorization, protocols, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Authorization"], r.Header["Sec-Websocket-Protocol"] = []string{authorization}, []string{protocols}
		if token := tokenOf(r, query); !strings.Contains(authorization+"\x00"+protocols+"\x00"+query, token) {
			t.Errorf("%q", token)
		}
	})
}
