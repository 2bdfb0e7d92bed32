package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"aq-server/internal/metrics"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// media is a room's media that offers once and notes what clients send.
type media struct {
	mu     sync.Mutex
	peers  []*mediaPeer
	mlines int
	// answer, if set, is HandleAnswer.
	answer func(*mediaPeer, types.SessionDescription, uint64) *types.ProtocolError
}

type mediaPeer struct {
	media  *media
	config room.MediaConfig

	nudges atomic.Int64

	mu    sync.Mutex
	calls []string
}

func (m *media) AddPeerConnection(c room.MediaConfig) room.MediaPeer {
	p := &mediaPeer{media: m, config: c}
	m.mu.Lock()
	m.peers = append(m.peers, p)
	m.mu.Unlock()
	offer := types.NewMessage(types.EventOffer, types.SessionDescription{Type: "offer", SDP: "v=0"})
	offer.OfferID = 1
	_ = c.Signaller.Send(offer)
	return p
}

func (m *media) RemovePeerConnection(room.MediaPeer) {}
func (m *media) Close()                              {}

func (m *media) peer(i int) *mediaPeer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers[i]
}

func (p *mediaPeer) note(call string) *types.ProtocolError {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	return nil
}

func (p *mediaPeer) noted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, " ")
}

func (p *mediaPeer) HandleAnswer(sdp types.SessionDescription, id uint64) *types.ProtocolError {
	p.media.mu.Lock()
	answer := p.media.answer
	p.media.mu.Unlock()
	if answer != nil {
		return answer(p, sdp, id)
	}
	return p.note("answer")
}

func (p *mediaPeer) HandleCandidate(types.Candidate) *types.ProtocolError {
	return p.note("candidate")
}

func (p *mediaPeer) Publish(v types.Publish) *types.ProtocolError {
	return p.note("publish:" + string(v.Source))
}

func (p *mediaPeer) Unpublish(v types.Publish) *types.ProtocolError {
	return p.note("unpublish:" + string(v.Source))
}

func (p *mediaPeer) View(v types.View) *types.ProtocolError {
	return p.note("view:" + string(v.Tracks[0].TrackID))
}

func (p *mediaPeer) File(f types.File) *types.ProtocolError {
	return p.note("file:" + string(f.Action) + ":" + f.Name)
}

func (p *mediaPeer) Restart()                     { _ = p.note("restart") }
func (p *mediaPeer) Nudge()                       { p.nudges.Add(1) }
func (p *mediaPeer) Resume(types.Signaller, bool) { _ = p.note("resume") }

func (p *mediaPeer) Block(set types.SourceSet) {
	if set != 0 {
		_ = p.note(fmt.Sprint("block:", set.Sources()))
	}
}

func (p *mediaPeer) MLines() int {
	p.media.mu.Lock()
	defer p.media.mu.Unlock()
	return p.media.mlines
}

// site is a handler with a real RoomManager and fake media, behind a server on
// loopback or used directly.
type site struct {
	t       *testing.T
	h       *WebsocketHandler
	rooms   *room.RoomManager
	media   *media
	metrics *metrics.Metrics
	log     *logBuffer
	server  *httptest.Server
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newSite makes a site; change may be nil. The caller starts a server or calls
// the handler itself.
func newSite(t *testing.T, change func(*Options, *room.Options)) *site {
	t.Helper()
	s := &site{t: t, media: &media{mlines: 2}, metrics: metrics.New(), log: &logBuffer{}}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	rooms := room.Options{
		NewMedia: func(string) room.Media { return s.media },
		Metrics:  s.metrics, Log: log, ChatHistory: 100, ResumeWindow: 30 * time.Second,
	}
	opts := Options{
		Metrics: s.metrics, Log: log,
		KeepalivePing: 30 * time.Second, KeepalivePong: 10 * time.Second, WriteDeadline: 5 * time.Second,
	}
	if change != nil {
		change(&opts, &rooms)
	}
	s.rooms = room.NewManager(rooms)
	opts.Rooms = s.rooms
	s.h = NewWebsocketHandler(opts)
	return s
}

// serve starts a server on loopback, which ends with the test.
func serve(t *testing.T, change func(*Options, *room.Options)) *site {
	t.Helper()
	s := newSite(t, change)
	mux := http.NewServeMux()
	mux.Handle("/ws", s.h)
	mux.HandleFunc("/validate", s.h.Validate)
	s.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.close()
		s.server.Close()
	})
	return s
}

// close ends everything and checks that the books are straight.
func (s *site) close() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.rooms.Drain()
	if err := s.h.Shutdown(ctx); err != nil {
		s.t.Errorf("Shutdown: %v", err)
	}
	s.rooms.Close()
	m := s.metrics
	created, closed := m.TotalConnectionsCreated.Load(), m.TotalConnectionsClosed.Load()
	if active := m.ActiveConnections.Load(); active != 0 || created != closed {
		s.t.Errorf("%d connections active, %d created, %d closed", active, created, closed)
	}
}

// peer is a client in a test: a socket whose messages are read in order by the
// test itself.
type peer struct {
	*websocket.Conn
	t *testing.T
}

func (s *site) url(query string) string {
	return "ws" + strings.TrimPrefix(s.server.URL, "http") + "/ws?" + query
}

// dial joins with a query such as "room=a&username=b".
func (s *site) dial(query string) *peer {
	s.t.Helper()
	return s.dialWith(websocket.DefaultDialer, query)
}

func (s *site) dialWith(d *websocket.Dialer, query string) *peer {
	s.t.Helper()
	ws, resp, err := d.Dial(s.url(query), nil)
	if err != nil {
		s.t.Fatalf("dial %s: %v (%v)", query, err, resp)
	}
	p := &peer{ws, s.t}
	s.t.Cleanup(func() { _ = p.Close() })
	_ = p.SetReadDeadline(time.Now().Add(patience))
	return p
}

// next returns the next message.
func (p *peer) next() types.Message {
	p.t.Helper()
	var m types.Message
	if err := p.ReadJSON(&m); err != nil {
		p.t.Fatalf("no further message: %v", err)
	}
	return m
}

// spoke returns when the server has heard something of the client, and so knows
// that it has had its welcome.
func (p *peer) spoke() {
	p.t.Helper()
	p.send("ping", "")
	p.await(types.EventPong)
}

// await returns the next message with that event; others are passed over.
func (p *peer) await(event string) types.Message {
	p.t.Helper()
	for {
		if m := p.next(); m.Event == event {
			return m
		}
	}
}

// refusal awaits an error event and returns its code.
func (p *peer) refusal() types.ErrorCode {
	p.t.Helper()
	return decodeAs[types.ProtocolError](p.t, p.await(types.EventError)).Code
}

func decodeAs[T any](t *testing.T, m types.Message) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(m.Data), &v); err != nil {
		t.Fatalf("%s: %v in %s", m.Event, err, m.Data)
	}
	return v
}

func (p *peer) send(event string, data any) {
	p.t.Helper()
	text, ok := data.(string)
	if !ok {
		b, err := json.Marshal(data)
		if err != nil {
			p.t.Fatal(err)
		}
		text = string(b)
	}
	if err := p.WriteJSON(map[string]string{"event": event, "data": text}); err != nil {
		p.t.Fatalf("send %s: %v", event, err)
	}
}

func (p *peer) raw(text string) {
	p.t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// ends reads to the end and checks how it was.
func (p *peer) ends(code int, text string) {
	p.t.Helper()
	for {
		_, _, err := p.ReadMessage()
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code || closed.Text != text {
			p.t.Errorf("closed with %v, want %d %q", err, code, text)
		}
		return
	}
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// listener is an in-memory net.Listener for synctest bubbles, where sockets of
// the kernel may not be used.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (l *listener) dial(context.Context, string, string) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case l.conns <- a:
		return b, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// bubble starts a server in memory, for use in a synctest bubble: time is
// virtual. A pipe has no buffer, so that what a client does not read blocks the
// server's write at once. The returned function must be called at the end.
func bubble(t *testing.T, change func(*Options, *room.Options)) (s *site, dialer *websocket.Dialer, end func()) {
	t.Helper()
	s = newSite(t, change)
	l := newListener()
	mux := http.NewServeMux()
	mux.Handle("/ws", s.h)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	s.server = &httptest.Server{URL: "http://test"}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	return s, &websocket.Dialer{NetDialContext: l.dial}, func() {
		s.close()
		_ = server.Close()
		<-served
	}
}

func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}
