// Package client is a client of AQ Server's protocol (docs/protocol.md) on
// pion, for tests and tools: it joins, answers offers, publishes synthetic
// media, keeps statistics of what it receives, and can be told to behave badly.
//
// A Client is safe for concurrent use. It owns its goroutines; Close stops them
// and waits. Each packet that it sends carries a Stamp, so that a receiver
// knows whose it is.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

// Client is one participant. Use Dial to make one.
type Client struct {
	// Set by Dial, then constant.
	opts    Options
	api     *webrtc.API
	repairs *repairs
	tag     uint64
	// publications exist from Dial on and outlive PeerConnections.
	ctx    context.Context
	cancel context.CancelFunc
	inbox  *inbox          // offers, candidates and track lists, in order
	stay   context.Context // of the comeback; ends when the client leaves
	leave  context.CancelFunc

	gaps  gaps
	files files

	wg sync.WaitGroup // everything; see start

	// mu guards what follows. Nothing is called while it is held but the
	// functions given to View, WaitFor and update.
	mu           sync.Mutex
	state        State
	changed      chan struct{} // closed at each change of state
	closed       bool
	link         link
	sockets      []*socket // whose readers may still run
	pc           *webrtc.PeerConnection
	publications []*Publication
}

// A link carries the client's messages to the server. Its methods may be called
// from any goroutine.
type link interface {
	send(m types.Message) error
	closing() // leaves in order
	reset()   // breaks off
}

// Dial joins a room and returns when the socket is open; media follows on its
// own. A join that the server refuses is a *RefusedError. ctx bounds the
// opening handshake only.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	c, err := newClient(opts)
	if err != nil {
		return nil, err
	}
	s, err := opts.open(ctx, nil, &c.wg)
	if err != nil {
		c.leave()
		c.cancel()
		return nil, err
	}
	c.attach(s)
	c.start("client negotiation", c.negotiate)
	if opts.ComeBack {
		b := &comeback{c: c, ctx: c.stay}
		b.waits.opened(time.Since(c.Times().Dial))
		c.start("client comeback", b.run)
	}
	return c, nil
}

// NewLocal makes a client without a socket, for tests of the media plane and for
// other servers' signalling: what it sends is handed to send, and what the server
// says is given to Deliver.
func NewLocal(opts Options, send func(types.Message) error) (*Client, error) {
	c, err := newClient(opts)
	if err != nil {
		return nil, err
	}
	c.state.Connected = true
	c.link = localLink(send)
	c.start("client negotiation", c.negotiate)
	return c, nil
}

// Deliver takes a message from the server of a client made by NewLocal. It does
// not block.
func (c *Client) Deliver(m types.Message) { c.receive(m, len(m.Data)) }

type localLink func(types.Message) error

func (l localLink) send(m types.Message) error { return l(m) }
func (l localLink) closing()                   {}
func (l localLink) reset()                     {}

func newClient(opts Options) (*Client, error) {
	repairs := newRepairs()
	api, err := newAPI(opts, repairs)
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts: opts, api: api, repairs: repairs, tag: rand.Uint64(), inbox: newInbox(),
		changed: make(chan struct{}), state: newState(),
	}
	for _, p := range opts.Publish {
		publication, err := newPublication(c.tag, p)
		if err != nil {
			return nil, err
		}
		c.publications = append(c.publications, publication)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.stay, c.leave = context.WithCancel(c.ctx)
	c.state.Times.Dial = time.Now()
	return c, nil
}

// attach makes s the client's socket and starts to read it. A client that was
// closed meanwhile has no use for it.
func (c *Client) attach(s *socket) {
	late := false
	c.update(func(st *State) {
		if late = c.closed; late {
			return
		}
		c.link = s
		c.sockets = append(slices.DeleteFunc(c.sockets, (*socket).isEnded), s)
		st.Connected = true
		if st.Times.Open.IsZero() {
			st.Times.Open = time.Now()
		}
	})
	if late {
		s.shut()
		return
	}
	c.start("client reader", func() { c.read(s) })
}

// start runs f on a goroutine that Close waits for, unless the client is
// closed already.
func (c *Client) start(name string, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.wg.Go(func() {
		defer recovery.RecoverWithPrefix(name)
		f()
	})
}

// Tag is the Sender of the stamps in this client's packets.
func (c *Client) Tag() uint64 { return c.tag }

// PeerID is the identity that the server gave; empty for a base client, who is
// not told, and before the welcome.
func (c *Client) PeerID() types.PeerID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Welcome.PeerID
}

// Times returns the steps of the join.
func (c *Client) Times() Times {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Times
}

// PeerConnection returns the one in use, nil before the first offer. Tests read
// its statistics; changing it is the client's.
func (c *Client) PeerConnection() *webrtc.PeerConnection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pc
}

// Send sends one message. It waits while earlier ones queue up and returns
// ErrClosed when the socket is gone.
func (c *Client) Send(m types.Message) error { return c.current().send(m) }

// SendRaw sends a frame of any kind and content. It needs a socket.
func (c *Client) SendRaw(kind int, data []byte) error {
	s, ok := c.current().(*socket)
	if !ok {
		return errors.ErrUnsupported
	}
	return s.write(kind, data)
}

func (c *Client) current() link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// Chat sends a message to the room.
func (c *Client) Chat(text string) error {
	return c.Send(types.Message{Event: types.EventChat, Data: text})
}

// ChatTo sends a message to one in the room.
func (c *Client) ChatTo(text string, to types.PeerID) error {
	return c.Send(types.Message{Event: types.EventChat, Data: text, To: to})
}

// React shows the room a picture.
func (c *Client) React(emoji string) error {
	return c.Send(types.NewMessage(types.EventReaction, types.React{Emoji: emoji}))
}

// SetState changes what the others see of this client.
func (c *Client) SetState(s types.StateUpdate) error {
	return c.Send(types.NewMessage(types.EventState, s))
}

// SetView tells the server how tracks are shown.
func (c *Client) SetView(tracks ...types.TrackView) error {
	return c.Send(types.NewMessage(types.EventView, types.View{Tracks: tracks}))
}

// Publish asks for an m-line for one more track and sends on it when it comes.
func (c *Client) Publish(p PublishOptions) (*Publication, error) {
	publication, err := newPublication(c.tag, p)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.publications = append(c.publications, publication)
	c.mu.Unlock()
	return publication, c.Send(types.NewMessage(types.EventPublish, types.Publish{Source: p.Source, Kind: p.Source.Kind()}))
}

// Unpublish takes the track of a source away from the others and stops sending
// it. Publish again with the same source uses the same m-line.
func (c *Client) Unpublish(source types.Source) error {
	if p := c.Publication(source); p != nil {
		p.Pause(true)
	}
	return c.Send(types.NewMessage(types.EventUnpublish, types.Publish{Source: source, Kind: source.Kind()}))
}

// Publication returns what the client sends of a source, nil for nothing.
func (c *Client) Publication(source types.Source) *Publication {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.publications, func(p *Publication) bool { return p.opts.Source == source })
	if i < 0 {
		return nil
	}
	return c.publications[i]
}

// RestartICE asks the server for an ICE restart.
func (c *Client) RestartICE() error { return c.Send(types.Message{Event: types.EventRestart}) }

// Leave sends the leave event; the server closes the socket.
func (c *Client) Leave() error { return c.Send(types.Message{Event: types.EventLeave}) }

// Cut resets the TCP connection of the signalling, without a close frame. Media
// goes on as long as the server lets it.
func (c *Client) Cut() { c.current().reset() }

// Resume opens a new socket with the token of the last welcome. With keep the
// PeerConnection goes on; the server may refuse that, and then, as without
// keep, a new one starts with the next offer. It returns when the socket is
// open; the welcome follows. A socket that is still open is left to the server,
// who closes it; its welcome is waited for, since without the token this would
// be another one who joins. A base client leaves first, for that reason.
func (c *Client) Resume(ctx context.Context, keep bool) error {
	if c.opts.Protocol != 0 {
		known := func(s *State) bool { return s.Welcomes > 0 || !s.Connected }
		if err := c.WaitFor(ctx, "the welcome", known); err != nil {
			return err
		}
	}
	c.mu.Lock()
	welcome := c.state.Welcome
	lastChat := ""
	if n := len(c.state.Chat); n > 0 {
		lastChat = c.state.Chat[n-1].ID
	}
	c.mu.Unlock()
	query := url.Values{}
	if token := welcome.Resume.Token; token != "" {
		attempt := strconv.FormatInt(time.Now().UnixMilli(), 10)
		query = url.Values{"resume": {token}, "media": {"new"}, "attempt": {attempt}}
		if lastChat != "" {
			query.Set("last_chat", lastChat)
		}
	} else {
		keep = false // a base client has nothing to come back with
		c.current().closing()
	}
	if keep {
		query.Set("media", "keep")
	} else {
		c.inbox.put(drop{})
	}
	s, err := c.opts.open(ctx, query, &c.wg)
	if err != nil {
		return err
	}
	c.attach(s)
	return nil
}

// Close leaves with close code 1000 and waits until every goroutine is done. It
// is safe to call more than once, but not beside Resume. A client that is
// coming back by itself stops doing so first.
func (c *Client) Close() { c.close(link.closing) }

// Abort is Close without a close frame: the TCP connection is reset.
func (c *Client) Abort() { c.close(link.reset) }

func (c *Client) close(end func(link)) {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	l, sockets := c.link, c.sockets
	c.mu.Unlock()
	if !already {
		c.leave()
		end(l)
		for _, s := range sockets {
			s.shut()
		}
		c.cancel() // the negotiation closes the PeerConnection
	}
	c.wg.Wait()
}

// aboutOthers begins the events that tell who is in the room. In a crowd each
// gets as many as there are people, and a light client looks at none.
const aboutOthers = `{"event":"peer_`

// read handles what the server sends until the socket ends.
func (c *Client) read(s *socket) {
	defer close(s.ended)
	for {
		kind, data, err := s.ws.ReadMessage()
		if err != nil {
			code, reason := closeCode(err)
			s.shut()
			c.update(func(st *State) {
				st.CloseCodes = append(st.CloseCodes, code)
				if c.link == link(s) {
					st.Connected, st.CloseCode, st.CloseReason = false, code, reason
					st.Losses = append(st.Losses, Loss{At: time.Now(), Code: code, Silent: s.silent.Load()})
				}
			})
			return
		}
		s.alive()
		if c.opts.Light && bytes.HasPrefix(data, []byte(aboutOthers)) {
			continue
		}
		var m types.Message
		if err := json.Unmarshal(data, &m); err != nil || kind != websocket.TextMessage {
			c.fail(errors.New("client: the server sent a frame that is no message"))
			continue
		}
		c.receive(m, len(data))
	}
}

// fail records a fault that the protocol has no word for.
func (c *Client) fail(err error) {
	c.update(func(st *State) { st.Failures = append(st.Failures, err) })
}

// receive handles one message. What concerns negotiation also goes to its
// goroutine, in the order in which it came.
func (c *Client) receive(m types.Message, size int) {
	now := time.Now()
	if m.Event == types.EventChat && c.opts.OnChat != nil {
		c.opts.OnChat(m)
		return
	}
	apply, err := interpret(m, now)
	c.update(func(st *State) {
		st.Events[m.Event]++
		st.Bytes += int64(size)
		if n := len(st.Losses); n > 0 && st.Losses[n-1].Back.IsZero() {
			st.Losses[n-1].Back = now
		}
		if err != nil {
			st.Failures = append(st.Failures, err)
			return
		}
		if apply != nil {
			apply(st)
		}
		if n := len(st.Offers); c.opts.Light && n > 0 {
			st.Offers[n-1].SDP = ""
			clear(st.Peers)
			st.Welcome.Peers = nil
		}
	})
	switch m.Event {
	case types.EventOffer, types.EventAnswer, types.EventCandidate, types.EventTracks, types.EventLayers, types.EventWelcome:
		c.inbox.put(m)
	}
}
