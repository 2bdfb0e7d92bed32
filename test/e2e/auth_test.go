package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aq-server/internal/auth"
	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

const jwtSecret = "0123456789abcdef0123456789abcdef"

// withTokens makes a server let in whoever has a token.
func withTokens(c *config.Config) {
	c.Auth, c.AuthSecret, c.AdminKey = "jwt", jwtSecret, adminKey
}

const adminKey = "the key of the administrator"

func signed(t *testing.T, c auth.Claims) url.Values {
	t.Helper()
	signer, err := auth.NewSigner([]byte(jwtSecret), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(c, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"token": {token}}
}

// Who has no grant to publish is not forwarded, whatever he sends; who has one
// for his voice alone is heard and not seen; who may not subscribe gets nothing.
func TestGrantsOfMedia(t *testing.T) {
	t.Parallel()
	s := start(t, withTokens)
	no := false
	join := func(name string, protocol int, c auth.Claims) *client.Client {
		c.Room, c.Name = "demo", name
		return s.join(client.Options{Room: "demo", Protocol: protocol, Publish: both(), Query: signed(t, c)})
	}
	alice := join("Alice", 1, auth.Claims{})
	bob := join("Bob", 0, auth.Claims{Role: auth.RoleParticipant})
	viewer := join("Viewer", 0, auth.Claims{Role: auth.RoleViewer})
	voice := join("Voice", 0, auth.Claims{Role: auth.RoleParticipant, Publish: &auth.Publish{types.SourceMicrophone}})
	deaf := join("Deaf", 0, auth.Claims{Role: auth.RoleParticipant, Subscribe: &no})

	waitMeet(t, alice, bob)
	for _, c := range []*client.Client{alice, bob} {
		wait(t, c, "to hear the voice", func(st *client.State) bool { return st.From(voice.Tag(), types.KindAudio).Packets >= 5 })
		wait(t, c, "to meet the deaf one", func(st *client.State) bool { return meets(st, deaf) })
	}
	wait(t, viewer, "the viewer to see", func(st *client.State) bool { return meets(st, alice) && meets(st, bob) })

	// All of them have sent for as long as this takes.
	seen := bob.From(alice.Tag(), types.KindVideo).Packets
	wait(t, bob, "more", func(st *client.State) bool { return st.From(alice.Tag(), types.KindVideo).Packets > seen+40 })
	for _, c := range []*client.Client{alice, bob, voice} {
		if n := c.From(viewer.Tag(), types.KindVideo).Packets + c.From(viewer.Tag(), types.KindAudio).Packets; n != 0 {
			t.Errorf("%d packets of the viewer were forwarded", n)
		}
		if n := c.From(voice.Tag(), types.KindVideo).Packets; n != 0 {
			t.Errorf("%d pictures were forwarded of who may only speak", n)
		}
	}
	if media := deaf.Media(); len(media) != 0 {
		t.Errorf("who may not subscribe got %d tracks", len(media))
	}
	alice.View(func(st *client.State) {
		if !slices.Equal(st.PeerNames(), []string{"Bob", "Deaf", "Viewer", "Voice"}) {
			t.Errorf("%v", st.PeerNames())
		}
	})
}

// ask sends a request to an address with a key, "" for none.
func ask(t *testing.T, method, address, key, body string) (status int, answer string, header http.Header) {
	t.Helper()
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

// What is for operators needs the key when tokens are needed; on an address of its
// own none, and then it is there alone. Profiles are there alone in any case.
func TestWhoSeesWhat(t *testing.T) {
	status := func(address, path, key string) int {
		t.Helper()
		code, _, _ := ask(t, http.MethodGet, address+path, key, "")
		return code
	}
	paths := []string{"/rooms", "/metrics", "/metrics?format=prometheus"}
	s := start(t, withTokens)
	for _, path := range append(paths, "/api/v1/rooms") {
		if code := status(s.url, path, ""); code != 401 {
			t.Errorf("%s without a key: %d", path, code)
		}
		if code := status(s.url, path, adminKey); code != 200 {
			t.Errorf("%s with the key: %d", path, code)
		}
	}
	open := start(t)
	for _, path := range paths {
		if code := status(open.url, path, ""); code != 200 {
			t.Errorf("%s in open mode: %d", path, code)
		}
	}
	apart := start(t, withTokens, func(c *config.Config) { c.AdminAddr = "127.0.0.1:0" })
	own := "http://" + apart.app.AdminAddr()
	for _, path := range paths {
		if code := status(apart.url, path, adminKey); code != 404 {
			t.Errorf("%s beside ADMIN_ADDR: %d", path, code)
		}
		if code := status(own, path, ""); code != 200 {
			t.Errorf("%s on ADMIN_ADDR: %d", path, code)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine", "/debug/pprof/heap"} {
		if code := status(own, path, ""); code != 200 {
			t.Errorf("%s on ADMIN_ADDR: %d", path, code)
		}
		for _, other := range []*server{s, open, apart} {
			if code := status(other.url, path, adminKey); code != 404 {
				t.Errorf("%s on the public port: %d", path, code)
			}
		}
	}
	if code := status(own, "/debug/pprof/cmdline", ""); code != 404 {
		t.Errorf("arguments: %d", code)
	}
	if code := status(own, "/api/v1/rooms", ""); code != 401 {
		t.Errorf("the API on ADMIN_ADDR without a key: %d", code)
	}
}

// An invitation that the API makes lets somebody in.
func TestInvitation(t *testing.T) {
	s := start(t, withTokens)
	code, answer, _ := ask(t, http.MethodPost, s.url+"/api/v1/rooms/demo/invites", adminKey, `{"name":"Alice","role":"moderator"}`)
	var invite struct{ Token, URL string }
	if err := json.Unmarshal([]byte(answer), &invite); err != nil || code != 200 {
		t.Fatalf("%d %s", code, answer)
	}
	alice := s.join(client.Options{Room: "demo", Protocol: 1, Header: http.Header{"Authorization": {"Bearer " + invite.Token}}})
	wait(t, alice, "a welcome", func(st *client.State) bool {
		return st.Welcome.Username == "Alice" && st.Welcome.Permissions.Moderate
	})
	if !strings.HasPrefix(invite.URL, s.url+"/aq_server/?room=demo&token=") {
		t.Error(invite.URL)
	}
	eventually(t, "the join in the timeline", func() bool {
		code, answer, _ = ask(t, http.MethodGet, s.url+"/api/v1/rooms/demo/peers/"+string(alice.PeerID())+"/events", adminKey, "")
		return code == 200 && strings.Contains(answer, `"joined"`)
	})
	if code, _, _ = ask(t, http.MethodDelete, s.url+"/api/v1/rooms/demo", adminKey, ""); code != 204 {
		t.Errorf("close: %d", code)
	}
	wait(t, alice, "the end", func(st *client.State) bool { return st.CloseCode == 4003 })
}

// The webhook hears of rooms and people, in order and signed.
func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var got []string
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var h types.Hook
		err := json.NewDecoder(r.Body).Decode(&h)
		mu.Lock()
		defer mu.Unlock()
		entry := h.Event + " " + h.Room
		if h.Peer != nil {
			entry += " " + h.Peer.Username + " " + string(h.Peer.Reason)
		}
		if err != nil || !strings.HasPrefix(r.Header.Get("AQ-Signature"), "t=") {
			entry += " unsigned"
		}
		got = append(got, strings.TrimSpace(entry))
	}))
	defer hooks.Close()
	s := start(t, func(c *config.Config) { c.WebhookURL, c.WebhookKey = hooks.URL, "sixteen letters!" })
	alice := s.join(client.Options{Room: "demo", Username: "Alice", SocketOnly: true})
	wait(t, alice, "an offer", func(st *client.State) bool { return st.Events[types.EventOffer] > 0 })
	alice.Close()
	want := []string{"room_started demo", "peer_joined demo Alice", "peer_left demo Alice left", "room_ended demo"}
	eventually(t, "all hooks", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= len(want)
	})
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
