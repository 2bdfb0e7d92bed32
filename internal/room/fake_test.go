package room

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/metrics"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeConn is a socket that keeps what is queued for it.
type fakeConn struct {
	mu       sync.Mutex
	messages []types.Message
	cause    error
	rejected int
	probes   int
	onClose  func(cause error) // what the handler would do then
}

func (c *fakeConn) Send(m types.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	c.messages = append(c.messages, m)
	return nil
}

func (c *fakeConn) SendSoon(frame []byte) error { return c.SendEncoded(frame) }

func (c *fakeConn) SendEncoded(frame []byte) error {
	var m types.Message
	if err := json.Unmarshal(frame, &m); err != nil {
		panic(err)
	}
	return c.Send(m)
}

func (c *fakeConn) Reject(*types.ProtocolError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejected++
}

func (c *fakeConn) Probe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probes++
}

func (c *fakeConn) Close(cause error) {
	c.mu.Lock()
	first := c.cause == nil
	if first {
		c.cause = cause
	}
	c.mu.Unlock()
	if first && c.onClose != nil {
		c.onClose(cause)
	}
}

func (c *fakeConn) closed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// take returns what was queued since the last call.
func (c *fakeConn) take() []types.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	messages := c.messages
	c.messages = nil
	return messages
}

// story is take in short: the events with what tells them apart.
func (c *fakeConn) story(t *testing.T) string {
	t.Helper()
	var words []string
	for _, m := range c.take() {
		words = append(words, short(t, m))
	}
	return strings.Join(words, ", ")
}

func short(t *testing.T, m types.Message) string {
	t.Helper()
	switch m.Event {
	case types.EventChat:
		return fmt.Sprintf("%s: %s", m.Username, m.Data)
	case types.EventPeerLeft:
		left := decode[types.PeerLeft](t, m)
		return fmt.Sprintf("%s left (%s)", left.Username, left.Reason)
	case types.EventPeerJoined:
		return decode[types.PeerInfo](t, m).Username + " joined"
	case types.EventPeerUpdated:
		p := decode[types.PeerInfo](t, m)
		s := p.Username + " is"
		for _, on := range []struct {
			is   bool
			name string
		}{{p.State.Microphone, "mic"}, {p.State.Camera, "cam"}, {p.State.Hand, "hand"}} {
			if on.is {
				s += " " + on.name
			}
		}
		return s + " " + string(p.State.Connection)
	}
	return m.Event
}

func decode[T any](t *testing.T, m types.Message) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(m.Data), &v); err != nil {
		t.Fatalf("%s: %v in %s", m.Event, err, m.Data)
	}
	return v
}

// fakeMedia notes what the room asks of it.
type fakeMedia struct {
	t    *testing.T
	room string

	mu     sync.Mutex
	peers  []*fakePeer // there now
	closed bool
	// onAdd runs in AddPeerConnection.
	onAdd func(*fakePeer)
}

type fakePeer struct {
	config  MediaConfig
	mu      sync.Mutex
	blocked types.SourceSet
	resumes []bool
	nudges  int
}

func (m *fakeMedia) AddPeerConnection(c MediaConfig) MediaPeer {
	p := &fakePeer{config: c}
	m.mu.Lock()
	if m.closed {
		m.t.Error("AddPeerConnection after Close")
	}
	m.peers = append(m.peers, p)
	onAdd := m.onAdd
	m.mu.Unlock()
	if onAdd != nil {
		onAdd(p)
	}
	_ = c.Signaller.Send(types.Message{Event: types.EventOffer, OfferID: 1})
	return p
}

func (m *fakeMedia) RemovePeerConnection(p MediaPeer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.peers, p.(*fakePeer))
	if i < 0 {
		m.t.Error("a peer was removed twice")
		return
	}
	m.peers = slices.Delete(m.peers, i, i+1)
}

func (m *fakeMedia) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		m.t.Error("closed twice")
	}
	if len(m.peers) > 0 {
		m.t.Errorf("closed with %d peers", len(m.peers))
	}
	m.closed = true
}

func (m *fakeMedia) list() []*fakePeer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.peers)
}

func (p *fakePeer) HandleAnswer(types.SessionDescription, uint64) *types.ProtocolError { return nil }
func (p *fakePeer) HandleCandidate(types.Candidate) *types.ProtocolError               { return nil }
func (p *fakePeer) Publish(types.Publish) *types.ProtocolError                         { return nil }
func (p *fakePeer) Unpublish(types.Publish) *types.ProtocolError                       { return nil }
func (p *fakePeer) View(types.View) *types.ProtocolError                               { return nil }
func (p *fakePeer) File(types.File) *types.ProtocolError                               { return nil }
func (p *fakePeer) Restart()                                                           {}
func (p *fakePeer) MLines() int                                                        { return 2 }

func (p *fakePeer) Block(set types.SourceSet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = set
}

func (p *fakePeer) blocks() types.SourceSet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.blocked
}

func (p *fakePeer) Nudge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nudges++
}

func (p *fakePeer) Resume(s types.Signaller, keep bool) {
	p.mu.Lock()
	p.resumes = append(p.resumes, keep)
	p.mu.Unlock()
	_ = s.Send(types.Message{Event: types.EventTracks})
}

// world is a manager with fake media.
type world struct {
	*RoomManager
	t *testing.T

	mu    sync.Mutex
	media []*fakeMedia
	onAdd func(*fakePeer)
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	w := &world{t: t}
	opts := Options{
		NewMedia: func(room string) Media {
			w.mu.Lock()
			defer w.mu.Unlock()
			m := &fakeMedia{t: t, room: room, onAdd: w.onAdd}
			w.media = append(w.media, m)
			return m
		},
		Metrics:      metrics.New(),
		Log:          slog.New(slog.NewTextHandler(io.Discard, nil)),
		MaxRooms:     100,
		ChatHistory:  100,
		ResumeWindow: 30 * time.Second,
	}
	if change != nil {
		change(&opts)
	}
	w.RoomManager = NewManager(opts)
	return w
}

// close ends the manager and checks that nothing is left.
func (w *world) close() {
	w.t.Helper()
	w.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.media {
		m.mu.Lock()
		if !m.closed {
			w.t.Errorf("the media of room %s was not closed", m.room)
		}
		m.mu.Unlock()
	}
	o := w.opts.Metrics
	if rooms, peers := o.ActiveRooms.Load(), o.ActivePeers.Load(); rooms != 0 || peers != 0 {
		w.t.Errorf("metrics show %d rooms and %d peers in the end", rooms, peers)
	}
	if left := w.budget.Left(); left != 256<<20 {
		w.t.Errorf("chat history holds %d bytes in the end", 256<<20-left)
	}
	if n := w.peers.Load(); n != 0 {
		w.t.Errorf("%d places are taken in the end", n)
	}
}

// join adds a protocol=1 client to the room "demo".
// join lets somebody in who says something at once, as clients do.
func (w *world) join(name string) (*Member, *fakeConn) {
	w.t.Helper()
	m, c := w.joinAs(JoinRequest{Room: "demo", Username: name, Protocol: 1})
	m.Spoke(c)
	return m, c
}

func (w *world) joinAs(req JoinRequest) (*Member, *fakeConn) {
	w.t.Helper()
	conn := &fakeConn{}
	if req.Conn == nil {
		req.Conn = conn
	}
	m, err := w.AddPeerToRoom(req)
	if err != nil {
		w.t.Fatalf("%s cannot join: %v", req.Username, err)
	}
	return m, conn
}

// welcome takes what was queued and returns the welcome, which must be first.
func welcome(t *testing.T, c *fakeConn) types.Welcome {
	t.Helper()
	messages := c.take()
	if len(messages) == 0 || messages[0].Event != types.EventWelcome {
		t.Fatalf("the first message is no welcome: %v", messages)
	}
	return decode[types.Welcome](t, messages[0])
}
