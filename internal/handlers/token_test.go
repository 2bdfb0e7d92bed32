package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"aq-server/internal/auth"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

var tokenSecret = []byte("0123456789abcdef0123456789abcdef")

// guarded is a site that lets in whoever has a token.
func guarded(t *testing.T) *site {
	t.Helper()
	verifier, err := auth.New(auth.Options{Secret: tokenSecret})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, func(o *Options, r *room.Options) {
		o.Tokens = verifier
		r.GrantsOnly = true
	})
}

func token(t *testing.T, c auth.Claims, ttl time.Duration) string {
	t.Helper()
	signer, err := auth.NewSigner(tokenSecret, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := signer.Sign(c, time.Hour, time.Now().Add(ttl-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The three ways to bring a token, on both endpoints.
func TestTokenWays(t *testing.T) {
	s := guarded(t)
	text := token(t, auth.Claims{Room: "a", Name: "Alice"}, time.Hour)
	ways := map[string]struct {
		query  string
		header http.Header
	}{
		"query":         {"room=a&protocol=1&token=" + text, nil},
		"header":        {"room=a&protocol=1", http.Header{"Authorization": {"bearer " + text}}},
		"subprotocol":   {"room=a&protocol=1", http.Header{"Sec-Websocket-Protocol": {"aq, bearer." + text}}},
		"no room":       {"protocol=1&token=" + text, nil},
		"the name lies": {"room=a&protocol=1&username=Bob&token=" + text, nil},
	}
	for what, way := range ways {
		ws, resp, err := websocket.DefaultDialer.Dial(s.url(way.query), way.header)
		if err != nil {
			t.Errorf("%s: %v %v", what, err, resp)
			continue
		}
		p := &peer{ws, t}
		w := decodeAs[types.Welcome](t, p.await(types.EventWelcome))
		if w.Username != "Alice" || w.Room != "a" {
			t.Errorf("%s: %s in %s", what, w.Username, w.Room)
		}
		if got, want := ws.Subprotocol(), map[bool]string{true: subprotocol}[what == "subprotocol"]; got != want {
			t.Errorf("%s: subprotocol %q", what, got)
		}
		p.send(types.EventState, `{"username":"Mallory"}`)
		if code := p.refusal(); code != types.CodeNotPermitted {
			t.Errorf("%s: renamed himself: %s", what, code)
		}
		_ = ws.Close()

		req, _ := http.NewRequest(http.MethodGet, s.server.URL+"/validate?"+way.query, nil)
		req.Header = way.header.Clone()
		resp, err = http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("validate by %s: %d", what, resp.StatusCode)
		}
	}
	if strings.Contains(s.log.String(), text[:20]) {
		t.Error("a token is in the log")
	}
}

// Twelve and more: all refused alike (T21, T22). What makes them wrong is tested
// in package auth.
func TestTokenRefusals(t *testing.T) {
	s := guarded(t)
	none := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"room": "a", "exp": time.Now().Add(time.Hour).Unix()})
	unsigned, err := none.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"none": unsigned, "expired": token(t, auth.Claims{Room: "a"}, -2*time.Minute), "another room": token(t, auth.Claims{Room: "b"}, time.Hour),
		"junk": "x.y.z", "dots": strings.Repeat(".", 9<<10),
	} {
		for _, path := range []string{"/ws", "/validate"} {
			req, _ := http.NewRequest(http.MethodGet, s.server.URL+path+"?room=a&token="+url.QueryEscape(text), nil)
			if path == "/ws" {
				req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"x3JJHMbDL1EzLkh9GBhXDw=="}}
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.Header.Get("WWW-Authenticate"); got != "Bearer" {
				t.Errorf("%s: WWW-Authenticate %q", what, got)
			}
			refused(t, what+path, resp, 401, types.CodeTokenInvalid)
		}
	}
	resp, err := http.Get(s.server.URL + "/validate?room=a")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "none at all", resp, 401, types.CodeTokenRequired)
	resp, err = http.Get(s.server.URL + "/validate?room=a&token=x&token=y")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "two", resp, 400, types.CodeBadParameter)
}

// A live session does not end with its token: who comes back needs none.
func TestComingBackNeedsNoToken(t *testing.T) {
	s := guarded(t)
	p := s.dial("room=a&protocol=1&username=Alice&token=" + token(t, auth.Claims{Room: "a", Role: auth.RoleViewer}, time.Hour))
	w := decodeAs[types.Welcome](t, p.await(types.EventWelcome))
	p.spoke()
	_ = p.NetConn().Close()
	back := s.dial("room=a&protocol=1&resume=" + w.Resume.Token)
	again := decodeAs[types.Welcome](t, back.await(types.EventWelcome))
	if !again.Resumed || again.PeerID != w.PeerID || len(again.Permissions.Publish) != 0 {
		t.Errorf("%+v", again)
	}
	_, resp, err := websocket.DefaultDialer.Dial(s.url("room=a&protocol=1&resume=unknown"), nil)
	if err == nil {
		t.Fatal("an unknown resume token let somebody in")
	}
	refused(t, "unknown resume token", resp, 401, types.CodeTokenRequired)
}

func TestGrantsAreEnforced(t *testing.T) {
	s := guarded(t)
	no := false
	p := s.dial("room=a&protocol=1&token=" + token(t, auth.Claims{Room: "a", Role: auth.RoleViewer, Chat: &no}, time.Hour))
	w := decodeAs[types.Welcome](t, p.await(types.EventWelcome))
	if len(w.Permissions.Publish) != 0 || !w.Permissions.Subscribe || w.Permissions.Chat || w.Permissions.Moderate {
		t.Errorf("%+v", w.Permissions)
	}
	p.send(types.EventChat, "hello")
	if code := p.refusal(); code != types.CodeNotPermitted {
		t.Errorf("chat: %s", code)
	}
	// What media does with them is its own business; it is told.
	if got := s.media.peer(0).config.Permissions; len(got.Publish) != 0 || !got.Subscribe {
		t.Errorf("media: %+v", got)
	}
}
