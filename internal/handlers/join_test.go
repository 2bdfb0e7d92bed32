package handlers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/room"
	"aq-server/internal/types"
)

// refused checks an HTTP answer against the table in docs/protocol.md.
func refused(t *testing.T, what string, resp *http.Response, status int, code types.ErrorCode) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	var got struct{ Error types.ProtocolError }
	if err != nil || json.Unmarshal(body, &got) != nil {
		t.Errorf("%s: %d %q", what, resp.StatusCode, body)
		return
	}
	if resp.StatusCode != status || got.Error.Code != code || got.Error.Message == "" {
		t.Errorf("%s: %d %s, want %d %s", what, resp.StatusCode, body, status, code)
	}
	if retry := resp.Header.Get("Retry-After"); (retry != "") != (status == 503) {
		t.Errorf("%s: Retry-After %q with %d", what, retry, status)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("%s: content type %q", what, ct)
	}
}

func TestRefusedJoins(t *testing.T) {
	s := serve(t, nil)
	tests := []struct {
		query  string
		status int
		code   types.ErrorCode
	}{
		{"room=a/b", 400, types.CodeBadRoom},
		{"room=.x", 400, types.CodeBadRoom},
		{"room=%0a", 400, types.CodeBadRoom},
		{"room=%ff", 400, types.CodeBadRoom},
		{"room=" + strings.Repeat("a", 65), 400, types.CodeBadRoom},
		{"username=%e2%80%ae", 400, types.CodeBadUsername},
		{"username=+", 400, types.CodeBadUsername},
		{"room=a&room=a", 400, types.CodeBadParameter},
		{"username=a&username=b", 400, types.CodeBadParameter},
		{"protocol=1&protocol=1", 400, types.CodeBadParameter},
		{"resume=a&resume=b", 400, types.CodeBadParameter},
		{"protocol=2", 400, types.CodeBadParameter},
		{"protocol=one", 400, types.CodeBadParameter},
		{"room=%zz", 400, types.CodeBadParameter},
	}
	for _, tt := range tests {
		_, resp, err := websocket.DefaultDialer.Dial(s.url(tt.query), nil)
		if err == nil {
			t.Errorf("%s: accepted", tt.query)
			continue
		}
		refused(t, "join "+tt.query, resp, tt.status, tt.code)
		resp, err = http.Get(s.server.URL + "/validate?" + tt.query)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, "validate "+tt.query, resp, tt.status, tt.code)
	}
	if created := s.metrics.TotalConnectionsCreated.Load(); created != 0 {
		t.Errorf("%d refused joins were counted as connections", created)
	}
}

func TestMethodsAndUpgrade(t *testing.T) {
	s := serve(t, nil)
	for path, allow := range map[string]string{"/ws": "GET", "/validate": "GET, HEAD"} {
		resp, err := http.Post(s.server.URL+path, "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q", path, got)
		}
		refused(t, path, resp, 405, types.CodeMethod)
	}
	get := func(what string, header http.Header) {
		t.Helper()
		req, _ := http.NewRequest(http.MethodGet, s.server.URL+"/ws", nil)
		req.Header = header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, what, resp, 400, types.CodeNotWebSocket)
	}
	get("no upgrade", http.Header{})
	get("old version", http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"8"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	})
	get("no key", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}})
}

func TestValidate(t *testing.T) {
	s := serve(t, nil)
	for _, name := range []string{"Ann", "Bob", "Carol", "Dave", "Eve"} {
		s.dial("room=demo&username=" + name).await(types.EventOffer)
	}
	get := func(query string) string {
		resp, err := http.Get(s.server.URL + "/validate?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(body)))
	}
	if got, want := get("room=+demo+&username=Zoe%CC%88"), `200 {"room":"demo","username":"Zoë","peers":5,"names":["Ann","Bob","Carol","Dave"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := get(""); !regexp.MustCompile(`^200 \{"room":"default","username":"Guest-\d{4}","peers":0\}$`).MatchString(got) {
		t.Errorf("got %s", got)
	}
	if rooms := s.rooms.GetAllRooms(); len(rooms) != 1 {
		t.Errorf("validate made a room: %v", rooms)
	}
}

func TestCapacityAndDraining(t *testing.T) {
	s := serve(t, func(_ *Options, r *room.Options) { r.RoomMaxPeers, r.MaxPeers, r.MaxRooms = 1, 2, 2 })
	check := func(query string, code types.ErrorCode) {
		t.Helper()
		_, resp, err := websocket.DefaultDialer.Dial(s.url(query), nil)
		if err == nil {
			t.Errorf("%s: accepted", query)
			return
		}
		refused(t, query, resp, 503, code)
		if resp, err = http.Get(s.server.URL + "/validate?" + query); err != nil {
			t.Fatal(err)
		}
		refused(t, "validate "+query, resp, 503, code)
	}
	s.dial("room=a").await(types.EventOffer)
	check("room=a", types.CodeRoomFull)
	s.dial("room=b").await(types.EventOffer)
	check("room=c", types.CodeTooManyRooms)
	s.rooms.Drain()
	check("room=a", types.CodeDraining)
}

// late lets a join through the check and takes the place before it is made.
type late struct {
	*room.RoomManager
	refusal *types.ProtocolError
}

func (l late) AddPeerToRoom(room.JoinRequest) (*room.Member, error) { return nil, l.refusal }

func TestPlaceGoneAfterCheck(t *testing.T) {
	for code, want := range map[types.ErrorCode]struct {
		code int
		text string
	}{
		types.CodeRoomFull: {1013, ""}, types.CodeTooManyRooms: {1013, ""}, types.CodeDraining: {1012, "restart"},
	} {
		s := serve(t, nil)
		s.h.opts.Rooms = late{s.rooms, types.Errorf(code, "x")}
		s.dial("room=a").ends(want.code, want.text)
	}
}

func TestOrigins(t *testing.T) {
	allowed := []string{"https://meet.example.org", "http://localhost:3000"}
	tests := []struct {
		host, origin string
		want         bool
	}{
		{"aq.example:8080", "http://aq.example:8080", true},
		{"aq.example:8080", "https://aq.example", true},
		{"aq.example", "http://AQ.Example:1234", true},
		{"aq.example.", "http://aq.example", true},
		{"127.0.0.1:8080", "http://127.0.0.1:5173", true},
		{"[::1]:8080", "http://[::1]:5173", true},
		{"[::1]", "http://[::1]", true},
		{"aq.example", "https://meet.example.org", true},
		{"aq.example", "https://meet.example.org:443", true},
		{"aq.example", "HTTPS://Meet.example.ORG", true},
		{"aq.example", "http://localhost:3000", true},
		{"aq.example", "http://meet.example.org", false}, // another scheme
		{"aq.example", "https://meet.example.org:444", false},
		{"aq.example", "http://localhost", false},
		{"aq.example", "http://evil.example", false},
		{"aq.example", "null", false},
		{"aq.example", "", false},
		{"aq.example", "file://", false},
		{"aq.example", "http://sub.aq.example", false},
		{"aq.example", "http://aq.example.evil.example", false},
		{"aq.example", "http://evilaq.example", false},
		{"aq.example", "http://aq.example@evil.example", false},
		{"aq.example", "http://evil.example@aq.example", false}, // browsers never send this
		{"aq.example", "http://evil.example/aq.example", false},
		{"aq.example", "http://evil.example#aq.example", false},
		{"aq.example", "aq.example", false},
		{"aq.example", "//", false},
		{"127.0.0.1:8080", "http://127.0.0.2", false},
		{"", "http://", false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = tt.host
		r.Header.Set("Origin", tt.origin)
		refusal := checkOrigin(r, allowed)
		if (refusal == nil) != tt.want {
			t.Errorf("host %q, origin %q: %v, want allowed %t", tt.host, tt.origin, refusal, tt.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if refusal := checkOrigin(r, nil); refusal != nil {
		t.Errorf("no origin: %v", refusal)
	}
	r.Header["Origin"] = []string{"http://example.com", "http://evil.example"}
	if refusal := checkOrigin(r, nil); refusal == nil {
		t.Error("two origins: allowed")
	}
}

func TestOriginOverTheWire(t *testing.T) {
	s := serve(t, func(o *Options, _ *room.Options) { o.AllowedOrigins = []string{"https://ok.example"} })
	for _, origin := range []string{"http://evil.example", "null", "http://sub.127.0.0.1", "http://127.0.0.1.evil.example"} {
		_, resp, err := websocket.DefaultDialer.Dial(s.url(""), http.Header{"Origin": {origin}})
		if err == nil {
			t.Fatalf("%s: accepted", origin)
		}
		refused(t, origin, resp, 403, types.CodeOrigin)
	}
	for _, origin := range []string{"https://ok.example", "https://127.0.0.1"} {
		ws, _, err := websocket.DefaultDialer.Dial(s.url(""), http.Header{"Origin": {origin}})
		if err != nil {
			t.Errorf("%s: %v", origin, err)
			continue
		}
		_ = ws.Close()
	}
}

// L6: sockets are refused at 80 % of the descriptors.
func TestDescriptors(t *testing.T) {
	s := serve(t, nil)
	open := 79
	s.h.files = descriptors{count: func() int { return open }, limit: func() int { return 100 }}
	s.dial("").await(types.EventOffer)
	_, resp, err := websocket.DefaultDialer.Dial(s.url(""), nil) // counted since
	if err == nil {
		t.Fatal("accepted at 80 %")
	}
	refused(t, "at 80 %", resp, 503, types.CodeServerFull)

	d := descriptors{count: func() int { return open }, limit: func() int { return 100 }}
	now := time.Now()
	for _, step := range []struct {
		open int
		at   time.Duration
		full bool
	}{{79, 0, false}, {80, time.Millisecond, false}, {80, time.Second, true}, {79, 2 * time.Second, false}, {-1, 3 * time.Second, false}} {
		open = step.open
		if got := d.full(now.Add(step.at)); got != step.full {
			t.Errorf("%d open after %v: full %t", step.open, step.at, got)
		}
	}
	if n := openFiles(); n < 3 || n > 10_000 {
		t.Errorf("counted %d open files", n)
	}
	if n := fileLimit(); n < 64 {
		t.Errorf("limit of %d files", n)
	}
}

func TestNoCompression(t *testing.T) {
	s := serve(t, nil)
	d := websocket.Dialer{EnableCompression: true}
	ws, resp, err := d.Dial(s.url(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
		t.Errorf("negotiated %q", got)
	}
}

// T25: what clients put into names, events and headers stays within one line.
func TestLogForging(t *testing.T) {
	s := serve(t, nil)
	nasty := "a\r\n{\"level\":\"ERROR\"}\x1b[31m\u2028\u202e" + strings.Repeat("x", 500)
	for _, q := range []string{query("room", nasty), query("username", nasty), query("room", "a", "room", nasty), nasty} {
		resp, err := http.Get(s.server.URL + "/ws?" + url.PathEscape(q))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		req, _ := http.NewRequest(http.MethodGet, s.server.URL+"/ws?"+strings.ReplaceAll(url.PathEscape(q), "%25", "%"), nil)
		req.Header.Set("Origin", "http://x\u2028\u009b"+strings.Repeat("o", 500))
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		if resp, err = http.DefaultTransport.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	if len(lines) != 8 {
		t.Errorf("%d lines for 8 requests:\n%s", len(lines), s.log.String())
	}
	for _, line := range lines {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil || record["level"] != "INFO" {
			t.Errorf("%v: %s", err, line)
		}
		for key, v := range record {
			if text, _ := v.(string); len(text) > 256 || strings.ContainsAny(text, "\r\n\x1b\u2028\u202e\u009b") {
				t.Errorf("%s is %q", key, text)
			}
		}
	}
}

func TestLogText(t *testing.T) {
	tests := map[string]string{
		"plain text 李 🙂":     "plain text 李 🙂",
		"a\nb\r\x00\x1b[0m":  `a\u{a}b\u{d}\u{0}\u{1b}[0m`,
		"\u2028\u2029\u202e": `\u{2028}\u{2029}\u{202e}`,
		"\u0085\u009b\u007f": `\u{85}\u{9b}\u{7f}`,
		"\xff\xc3":           `\xff\xc3`,
		"\ufffd":             "\ufffd",
		"":                   "",
	}
	for in, want := range tests {
		if got := logText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, long := range []string{strings.Repeat("x", 257), strings.Repeat("🙂", 100), strings.Repeat("\n", 1000)} {
		if got := logText(long); len(got) > maxLogText || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
}
