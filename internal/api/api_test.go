package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/auth"
	"aq-server/internal/metrics"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "the key of the administrator"

var secret = []byte("0123456789abcdef0123456789abcdef")

// conn is a socket that keeps events.
type conn struct{ events []string }

func (c *conn) Send(m types.Message) error  { c.events = append(c.events, m.Event); return nil }
func (c *conn) SendSoon(frame []byte) error { return c.SendEncoded(frame) }

func (c *conn) SendEncoded(frame []byte) error {
	var m types.Message
	_ = json.Unmarshal(frame, &m)
	return c.Send(m)
}
func (c *conn) Reject(*types.ProtocolError) {}
func (c *conn) Probe()                      {}
func (c *conn) Close(cause error)           { c.events = append(c.events, cause.Error()) }

type noMedia struct{}

func (noMedia) AddPeerConnection(room.MediaConfig) room.MediaPeer { return noPeer{} }
func (noMedia) RemovePeerConnection(room.MediaPeer)               {}
func (noMedia) Close()                                            {}

type noPeer struct{}

func (noPeer) HandleAnswer(types.SessionDescription, uint64) *types.ProtocolError { return nil }
func (noPeer) HandleCandidate(types.Candidate) *types.ProtocolError               { return nil }
func (noPeer) Publish(types.Publish) *types.ProtocolError                         { return nil }
func (noPeer) Unpublish(types.Publish) *types.ProtocolError                       { return nil }
func (noPeer) View(types.View) *types.ProtocolError                               { return nil }
func (noPeer) File(types.File) *types.ProtocolError                               { return nil }
func (noPeer) Restart()                                                           {}
func (noPeer) Nudge()                                                             {}
func (noPeer) Resume(types.Signaller, bool)                                       {}
func (noPeer) Block(types.SourceSet)                                              {}
func (noPeer) MLines() int                                                        { return 2 }

type bench struct {
	*Handler
	t     *testing.T
	rooms *room.RoomManager
	conn  *conn
	peer  types.PeerID
}

// newBench is a Handler over real rooms: Alice sits in "demo", Bob waits.
func newBench(t *testing.T) *bench {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	b := &bench{t: t, conn: &conn{}}
	b.rooms = room.NewManager(room.Options{
		NewMedia: func(string) room.Media { return noMedia{} }, Metrics: metrics.New(), Log: log, ChatHistory: 10, ResumeWindow: time.Second,
	})
	t.Cleanup(b.rooms.Close)
	signer, err := auth.NewSigner(secret, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	b.Handler = New(Options{
		Rooms: b.rooms, Metrics: metrics.New(), Log: log, Key: []byte(key), Signer: signer,
		Remote: func(r *http.Request) string { return r.RemoteAddr },
	})
	m, err := b.rooms.AddPeerToRoom(room.JoinRequest{
		Conn: b.conn, Room: "demo", Username: "Alice", Protocol: 1, Remote: "192.0.2.1",
		Grant: &room.Grant{Subject: "alice", Permissions: types.Permissions{Publish: types.Sources(), Subscribe: true, Chat: true, Moderate: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.peer = m.Peer().ID
	return b
}

// waiter has Bob wait in the lobby of "demo".
func (b *bench) waiter() types.PeerID {
	knock := &room.Knock{Answered: func(*room.Member, error) {}}
	_, _ = b.rooms.AddPeerToRoom(room.JoinRequest{
		Conn: &conn{}, Room: "demo", Username: "Bob", Protocol: 1, Knock: knock, Grant: &room.Grant{Lobby: true},
	})
	d, _ := b.rooms.Describe("demo")
	return d.Lobby[0].PeerID
}

func (b *bench) ask(method, path, body, key string) (int, []byte) {
	b.t.Helper()
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes()
}

// openAPI is what the test reads of the document.
type openAPI struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema schema }
		}
		RequestBody *struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]schema
	Required             []string
	Items                *schema
	Enum                 []string
	OneOf                []schema
	AdditionalProperties json.RawMessage
}

// check says where a value does not fit a schema.
func (d *openAPI) check(s schema, v any, where string) error {
	if s.Ref != "" {
		return d.check(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v, where)
	}
	bad := fmt.Errorf("%s: %v is no %s", where, v, s.Type)
	switch s.Type {
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			return bad
		}
		for _, name := range s.Required {
			if _, there := m[name]; !there {
				return fmt.Errorf("%s: %s is missing", where, name)
			}
		}
		for name, value := range m {
			p, known := s.Properties[name]
			if !known && string(s.AdditionalProperties) == "false" {
				return fmt.Errorf("%s: %s is not in the document", where, name)
			}
			if known {
				if err := d.check(p, value, where+"."+name); err != nil {
					return err
				}
			}
		}
	case "array":
		list, ok := v.([]any)
		if !ok {
			return bad
		}
		for _, value := range list {
			if err := d.check(*s.Items, value, where+"[]"); err != nil {
				return err
			}
		}
	case "string":
		text, ok := v.(string)
		if !ok || s.Enum != nil && !slices.Contains(s.Enum, text) {
			return bad
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return bad
		}
	case "integer":
		if f, ok := v.(float64); !ok || f != float64(int64(f)) {
			return bad
		}
	}
	return nil
}

func readDocument(t *testing.T, b *bench) *openAPI {
	t.Helper()
	r := httptest.NewRequest("GET", Prefix+"/openapi.json", nil) // without a key
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	var d openAPI
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != 200 {
		t.Fatalf("%d %v", w.Code, err)
	}
	return &d
}

// bodies are what each operation is tried with: done, and refused for its body.
var bodies = map[string]string{
	"POST /rooms/{room}/lock": `{"locked":true}`, "POST /rooms/{room}/lobby": `{"lobby":true}`,
	"POST /rooms/{room}/allow": `{"what":"screen","allowed":false}`, "POST /rooms/{room}/admit": `{"peer_id":"WAITING","admit":true}`,
	"POST /rooms/{room}/notice": `{"text":"hello"}`, "POST /notice": `{"text":"hello"}`,
	"POST /rooms/{room}/invites":           `{"name":"Zoë","role":"moderator","publish":["microphone"],"ttl_seconds":60}`,
	"POST /rooms/{room}/peers/{peer}/mute": `{"source":"camera","muted":true,"hard":true}`,
}

// The document has the operations that there are, and their answers are as it says.
func TestDocumentAndHandlersAgree(t *testing.T) {
	d := readDocument(t, newBench(t))
	documented := map[string]bool{}
	for path, methods := range d.Paths {
		for method := range methods {
			documented[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, op := range operations {
		name := op.method + " " + op.path
		if !documented[name] {
			t.Errorf("%s is not in the document", name)
			continue
		}
		delete(documented, name)
		entry := d.Paths[op.path][strings.ToLower(op.method)]
		b := newBench(t)
		path := strings.NewReplacer("{room}", "demo", "{peer}", string(b.peer)).Replace(op.path)
		text := bodies[name]
		if (text != "") != (entry.RequestBody != nil) {
			t.Errorf("%s: a body %v, in the document %v", name, text != "", entry.RequestBody != nil)
		}
		try := func(what string, key, path, body string) {
			t.Helper()
			status, answer := b.ask(op.method, path, body, key)
			response, known := entry.Responses[fmt.Sprint(status)]
			if !known {
				t.Errorf("%s, %s: status %d is not in the document: %s", name, what, status, answer)
				return
			}
			if content, has := response.Content["application/json"]; has {
				var v any
				if err := json.Unmarshal(answer, &v); err != nil {
					t.Errorf("%s, %s: %v in %s", name, what, err, answer)
				} else if err := d.check(content.Schema, v, name); err != nil {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			} else if len(answer) != 0 {
				t.Errorf("%s, %s: %d with %s", name, what, status, answer)
			}
			if what == "done" && status >= 300 {
				t.Errorf("%s: %d %s", name, status, answer)
			}
			if what != "done" && status < 400 {
				t.Errorf("%s, %s: %d", name, what, status)
			}
		}
		try("no key", "", path, text)
		try("wrong key", key+"x", path, text)
		if text != "" {
			try("no JSON", key, path, `{"`)
			try("unknown field", key, path, `{"nonsense":1}`)
			try("two objects", key, path, text+text)
			try("long", key, path, `{"text":"`+strings.Repeat("x", maxBody)+`"}`)
		}
		if strings.Contains(path, "demo") && op.path != "/rooms/{room}/invites" {
			try("no such room", key, strings.Replace(path, "demo", "nowhere", 1), text)
			try("bad room", key, strings.Replace(path, "demo", ".x", 1), text)
		}
		if strings.Contains(op.path, "{peer}") {
			try("nobody", key, strings.Replace(path, string(b.peer), "p_0", 1), text)
		}
		if op.path == "/rooms/{room}/admit" {
			text = strings.Replace(text, "WAITING", string(b.waiter()), 1)
		}
		try("done", key, path, text)
	}
	for name := range documented {
		t.Errorf("%s is in the document only", name)
	}
}

func TestWhatItDoes(t *testing.T) {
	b := newBench(t)
	must := func(method, path, body string, want int) []byte {
		t.Helper()
		status, answer := b.ask(method, path, body, key)
		if status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
		return answer
	}
	must("POST", "/rooms/demo/lock", `{"locked":true}`, 204)
	if err := b.rooms.CanJoin(room.JoinRequest{Room: "demo"}); err == nil {
		t.Error("the room is not locked")
	}
	peer := "/rooms/demo/peers/" + string(b.peer)
	must("POST", peer+"/mute", `{"source":"camera","muted":true,"hard":true}`, 204)
	var detail room.Detail
	if err := json.Unmarshal(must("GET", "/rooms/demo", "", 200), &detail); err != nil || len(detail.People) != 1 ||
		!detail.People[0].Blocked.Has(types.SourceCamera) || detail.People[0].Subject != "alice" || !detail.Policy.Locked {
		t.Errorf("%+v %v", detail, err)
	}
	must("POST", "/notice", `{"text":"We restart at noon"}`, 204)
	must("DELETE", peer+"?ban=true", "", 204)
	must("DELETE", peer+"?ban=yes", "", 400)
	if got := strings.Join(b.conn.events, " "); got != "welcome policy moderated peer_updated notice moderated removed from the room" {
		t.Error(got)
	}
	// Somebody who has left can still be asked about.
	events := string(must("GET", peer+"/events", "", 200))
	if !strings.Contains(events, `"joined"`) || !strings.Contains(events, `"reason":"removed"`) {
		t.Error(events)
	}
	must("GET", "/rooms/demo/peers/p_other/events", "", 404)
	must("GET", "/nothing", "", 404)
	must("PATCH", "/rooms", "", 405)
	must("POST", "/rooms/demo/notice", `{"text":" "}`, 400)
}

func TestInvite(t *testing.T) {
	b := newBench(t)
	verifier, err := auth.New(auth.Options{Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := b.ask("POST", "/rooms/"+url.PathEscape("a*b Zoë")+"/invites", `{"name":"Zoë","role":"viewer","sub":"z","lobby":true,"ttl_seconds":60}`, key)
	var got inviteAnswer
	if err := json.Unmarshal(answer, &got); err != nil || status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	grant, err := verifier.Verify(t.Context(), got.Token, "a*b Zoë")
	if err != nil || grant.Name != "Zoë" || grant.Subject != "z" || !grant.Lobby || len(grant.Permissions.Publish) != 0 || !grant.Expires.Equal(got.ExpiresAt) {
		t.Errorf("%+v %v, until %v", grant, err, got.ExpiresAt)
	}
	u, err := url.Parse(got.URL)
	if err != nil || u.Host != "example.com" || u.Query().Get("token") != got.Token || u.Query().Get("room") != "a*b Zoë" {
		t.Error(got.URL)
	}
	for _, body := range []string{`{"role":"king"}`, `{"ttl_seconds":-1}`, `{"ttl_seconds":99999999999}`, `{"publish":["x"]}`, `{"name":"\n"}`, `{"sub":"` + strings.Repeat("x", 300) + `"}`} {
		if status, answer := b.ask("POST", "/rooms/demo/invites", body, key); status != 400 {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	b.opts.Signer = nil
	if status, _ := b.ask("POST", "/rooms/demo/invites", `{}`, key); status != 409 {
		t.Errorf("without a signer: %d", status)
	}
}

// Keys cannot be tried out, and without one nobody is the administrator.
func TestGuessing(t *testing.T) {
	b := newBench(t)
	for i := range 30 {
		want := 401
		if i >= 20 {
			want = 429
		}
		if status, _ := b.ask("GET", "/rooms", "", "guess"); status != want {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	if status, _ := b.ask("GET", "/rooms", "", key); status != 429 {
		t.Errorf("the right key after many wrong ones: %d", status)
	}
	if n := b.opts.Metrics.AdminRefused.Load(); n != 31 {
		t.Errorf("%d counted", n)
	}
	b = newBench(t)
	b.opts.Key = nil
	for _, k := range []string{"", key} {
		if status, _ := b.ask("GET", "/rooms", "", k); status != 401 {
			t.Errorf("without a key: %d", status)
		}
	}
}

func TestBodyType(t *testing.T) {
	b := newBench(t)
	r := httptest.NewRequest("POST", Prefix+"/notice", bytes.NewReader([]byte(`{"text":"x"}`)))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if body, _ := io.ReadAll(w.Body); w.Code != 415 {
		t.Errorf("%d %s", w.Code, body)
	}
}
