package survival

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

const (
	secret   = "0123456789abcdef0123456789abcdef"
	adminKey = "the key of the administrator"
)

func token(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims, header ...string) string {
	t.Helper()
	tk := jwt.NewWithClaims(method, claims)
	for i := 0; i < len(header); i += 2 {
		tk.Header[header[i]] = header[i+1]
	}
	text, err := tk.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Forged tokens of every kind get the same answer, and nobody learns a secret
// (T21, T22, T35).
func TestForgedTokens(t *testing.T) {
	p := launch(t, "AUTH=jwt", "AUTH_SECRET="+secret, "ADMIN_KEY="+adminKey, "AUTH_ISSUER=me", "LOG_LEVEL=debug")
	exp := time.Now().Add(time.Hour).Unix()
	claims := func(change ...any) jwt.MapClaims {
		c := jwt.MapClaims{"room": "demo", "iss": "me", "exp": exp}
		for i := 0; i < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		return c
	}
	hs := jwt.SigningMethodHS256
	good := token(t, hs, []byte(secret), claims())
	parts := strings.Split(good, ".")
	admin := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf(`{"room":"*","role":"moderator","iss":"me","exp":%d}`, exp)))
	forged := map[string]string{
		"none":          token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims()),
		"other secret":  token(t, hs, []byte(strings.Repeat("x", 32)), claims()),
		"no key":        token(t, hs, []byte{}, claims()),
		"HS384":         token(t, jwt.SigningMethodHS384, []byte(secret), claims()),
		"kid":           token(t, hs, []byte{}, claims(), "kid", "../../dev/null"),
		"jku":           token(t, hs, []byte("x"), claims(), "jku", "http://127.0.0.1/"),
		"expired":       token(t, hs, []byte(secret), claims("exp", time.Now().Add(-2*time.Minute).Unix())),
		"no exp":        token(t, hs, []byte(secret), jwt.MapClaims{"room": "demo", "iss": "me"}),
		"issuer":        token(t, hs, []byte(secret), claims("iss", "you")),
		"another room":  token(t, hs, []byte(secret), claims("room", "other")),
		"other claims":  parts[0] + "." + admin + "." + parts[2],
		"cut signature": good[:len(good)-4],
		"role":          token(t, hs, []byte(secret), claims("role", "root")),
		"junk":          "a.b.c",
	}
	var first string
	for what, text := range forged {
		code, body := p.get("/aq_server/validate?room=demo&token=" + text)
		if first == "" {
			first = body
		}
		if code != 401 || body != first {
			t.Errorf("%s: %d %s", what, code, body)
		}
		if _, err := p.dial(client.Options{Room: "demo", Query: map[string][]string{"token": {text}}}); err == nil {
			t.Errorf("%s: is let in", what)
		}
	}
	began := time.Now()
	code, _ := p.get("/aq_server/validate?room=demo", "Authorization", "Bearer "+strings.Repeat(".", 10<<10))
	if code != 401 || time.Since(began) > 200*time.Millisecond {
		t.Errorf("dots: %d after %v", code, time.Since(began))
	}
	for _, path := range []string{"/rooms", "/metrics", "/api/v1/rooms", "/debug/pprof/"} {
		if code, _ := p.get(path); code != 401 && code != 404 {
			t.Errorf("%s: %d", path, code)
		}
	}
	p.join(client.Options{Room: "demo", Query: map[string][]string{"token": {good}}})
	log := p.log.String()
	for _, leak := range []string{secret, adminKey, good, parts[2], forged["none"]} {
		if strings.Contains(log, leak) {
			t.Errorf("the log shows %.12s...", leak)
		}
	}
	if args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid)); err == nil && strings.Contains(string(args), secret) {
		t.Error("the arguments show a secret")
	}
}

// Pages of other sites are refused (T20).
func TestOrigins(t *testing.T) {
	p := launch(t)
	address := strings.Replace(p.url, "http", "ws", 1) + "/aq_server/websocket?room=x"
	for _, origin := range []string{"http://evil.example", "null", "http://sub.127.0.0.1", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example", "file://", "http://127.0.0.1 http://evil.example"} {
		_, response, err := websocket.DefaultDialer.Dial(address, http.Header{"Origin": {origin}})
		if err == nil || response == nil || response.StatusCode != 403 {
			t.Errorf("%s: %v %v", origin, response, err)
		}
	}
	ws, _, err := websocket.DefaultDialer.Dial(address, http.Header{"Origin": {"https://127.0.0.1:9999"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = ws.Close()
	code, _ := p.get("/rooms", "Origin", "http://evil.example")
	if code != 200 {
		t.Error(code)
	}
}

// A flood of refused joins and strange names: ten lines a second and cause, one
// line each, no new series (T25, T26, T27).
func TestFloodOfNames(t *testing.T) {
	p := launch(t, "MAX_ROOMS=50")
	bird := p.canary()
	base := p.state()
	series := len(p.series())
	before := strings.Count(p.log.String(), "\n")
	began := time.Now()
	nasty := []string{"%0a%0d", "%1b[31m", "%e2%80%a8", "%e2%80%ae", "a/b", ".x", "%ff"}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range times(150, 12_000) {
				room := fmt.Sprintf("r%d-%d", w, rand.Int64())
				if i%2 == 0 {
					room = nasty[i/2%len(nasty)]
				}
				request, _ := http.NewRequest("GET", p.url+"/aq_server/websocket?room="+room, nil)
				request.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"x3JJHMbDL1EzLkh9GBhXDw=="}}
				if i%2 == 0 {
					request.Method = []string{"GET", "PUT", "BREW"}[i%3]
				}
				if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
					_ = response.Body.Close()
				}
			}
		})
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
	took := time.Since(began)
	text := p.log.String()
	refusals := strings.Count(text, "join refused")
	if most := int((took.Seconds() + 2) * 10 * 4); refusals > most {
		t.Errorf("%d refusals logged in %v, want %d at most", refusals, took, most)
	}
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\r\u2028\u202e") {
			t.Errorf("a forged line: %q", line)
		}
	}
	if n := len(p.series()); n != series {
		t.Errorf("%d series of metrics, %d before", n, series)
	}
	eventually(t, "the rooms to be gone", func() bool { return p.series()["aq_active_rooms"] == 1 })
	t.Logf("%d lines logged in %v", strings.Count(text, "\n")-before, took)
	bird.check()
	p.calm(base)
}

// Behind a proxy each client address has its limits, which it cannot talk itself
// out of (L5).
func TestAddresses(t *testing.T) {
	p := launch(t, "SOCKETS_PER_ADDRESS=5", "JOIN_RATE=1")
	refused := 0
	try := func(forwarded string) bool {
		c, err := p.dial(client.Options{Room: "address", SocketOnly: true, Header: http.Header{"X-Forwarded-For": {forwarded}}})
		if err == nil {
			t.Cleanup(c.Close)
		} else {
			refused++
		}
		return err == nil
	}
	for i := range 8 {
		if got := try(fmt.Sprintf("10.0.0.%d, 203.0.113.7", i)); got != (i < 5) {
			t.Errorf("socket %d of an address: %v", i, got)
		}
		if got := try(fmt.Sprintf("2001:db8::%d", i)); got != (i < 5) {
			t.Errorf("socket %d of a /64: %v", i, got)
		}
	}
	if !try("203.0.113.8") {
		t.Error("another address is refused")
	}
	if n := int(p.series()[`aq_refused_joins_total{reason="too_many_requests"}`]); n != refused {
		t.Errorf("%d counted, %d refused", n, refused)
	}
}

// People come and go, many of them in the middle of it: nothing is left (R).
func TestChurn(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	base := p.state()
	people := times(100, 1000)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range people / 8 {
				c, err := p.dial(client.Options{Room: fmt.Sprint("churn", worker%3), Protocol: i % 2, Publish: []client.PublishOptions{{Source: types.SourceCamera, FPS: 10, PacketsPerFrame: 1, PacketSize: 200}}})
				if err != nil {
					t.Error(err)
					return
				}
				pass(time.Duration(rand.IntN(120)) * time.Millisecond) // anywhere in the join
				if i%3 == 0 {
					c.Close()
				} else {
					c.Abort()
				}
			}
		})
	}
	all.Wait()
	bird.check()
	p.calm(base)
}

// When descriptors run out, newcomers are told, and who is inside notices nothing
// (F14).
func TestDescriptors(t *testing.T) {
	needsLinux(t)
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("no prlimit")
	}
	p := launchTagged(t, "", []string{prlimit, "--nofile=128"})
	bird := p.canary()
	var crowd []*client.Client
	full := 0
	for i := range 200 {
		c, err := p.dial(client.Options{Room: fmt.Sprint("fd", i%10), SocketOnly: true})
		if err != nil {
			full++
			if full == 20 {
				break
			}
			continue
		}
		crowd = append(crowd, c)
	}
	t.Logf("%d came in, then it was full", len(crowd))
	if full == 0 || len(crowd) < 40 {
		t.Errorf("%d came in, %d were refused", len(crowd), full)
	}
	for _, c := range crowd {
		c.Close()
	}
	eventually(t, "a place again", func() bool {
		c, err := p.dial(client.Options{Room: "again", SocketOnly: true})
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	bird.check()
}

// When memory runs out, newcomers are told, and who is inside notices nothing (F16).
func TestMemoryPressure(t *testing.T) {
	p := launch(t, "GOMEMLIMIT=48MiB", "CHAT_HISTORY=10000", "CHAT_RATE=100000")
	bird := p.canary()
	shed := false
	var crowd []*client.Client
	for i := range 400 {
		c, err := p.dial(client.Options{Room: fmt.Sprint("m", i%20), Protocol: 1})
		if err != nil {
			shed = true
			break
		}
		crowd = append(crowd, c)
		_ = c.Chat(strings.Repeat("x", 4000))
	}
	s := p.state()
	t.Logf("%d came in: %v", len(crowd), s)
	for _, c := range crowd {
		c.Abort()
	}
	if !shed {
		t.Error("nobody was refused")
	}
	eventually(t, "a place again", func() bool {
		c, err := p.dial(client.Options{Room: "again", SocketOnly: true})
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	_ = bird // it suffers a collector that runs all the time; that it lives is seen by its Cleanup
}

// A panic costs the one whose message it was, and is counted (F21).
func TestPanic(t *testing.T) {
	p := launchTagged(t, "aqfault", nil)
	bird := p.canary()
	c := p.join(client.Options{Room: "panic", Username: "Mallory", Protocol: 1})
	other := p.join(client.Options{Room: "panic", Username: "Other", Protocol: 1})
	wait(t, c, "media", func(s *client.State) bool { return !s.Times.Connected.IsZero() })
	if err := c.Send(types.Message{Event: "fault", Data: "panic"}); err != nil {
		t.Fatal(err)
	}
	wait(t, c, "the end", func(s *client.State) bool { return s.CloseCode == 1011 })
	wait(t, other, "him to be gone", func(s *client.State) bool { return len(s.Left) == 1 && s.Left[0].Reason == types.LeaveError })
	if n := p.series()["aq_panics_recovered_total"]; n != 1 {
		t.Errorf("%v panics counted", n)
	}
	bird.check()
}
