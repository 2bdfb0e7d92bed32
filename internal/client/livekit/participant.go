// Package livekit is a participant of a LiveKit server, as far as a comparison needs
// one: it joins a room, publishes and receives what internal/client does, with the
// same stack, and nothing else. LiveKit's signalling is in this package alone; the
// media is that of two clients of internal/client, since a LiveKit participant has
// a PeerConnection to receive, which the server offers, and one to send, which the
// participant offers.
package livekit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

// errClosed ends a participant who was closed.
var errClosed = errors.New("livekit: closed")

const (
	writeDeadline = 10 * time.Second
	// closeWait bounds the closing handshake.
	closeWait = 2 * time.Second
	// pingInterval serves when the server names none; it gives up after 15 s.
	pingInterval = 5 * time.Second
)

// Options say how a participant joins.
type Options struct {
	// URL of the server: scheme http, https, ws or wss, host and port.
	URL string
	// Key and Secret sign the token that lets him in.
	Key, Secret string
	// Room is made by the server when it does not exist; Identity is his alone in it.
	Room, Identity string
	// DialTimeout bounds the opening handshake; 0 is 10 s.
	DialTimeout time.Duration

	// Receive and Send are the media of the two PeerConnections: of the fields of
	// client.Options those about media apply, Publish to Send alone. Without it there
	// is no second one.
	Receive, Send client.Options
	// Listens says that somebody else in the room sends: then the steps of the join
	// are those of the connection that receives, otherwise, of who publishes, those
	// of the one that sends.
	Listens bool
}

// Participant is one in a room. Its methods are safe for concurrent use. It owns its
// goroutines; Close stops them and waits.
type Participant struct {
	// Set by Dial, then constant.
	opts          Options
	ws            *websocket.Conn
	receives      *client.Client
	sends         *client.Client // nil: publishes nothing
	dialled, open time.Time
	ctx           context.Context // ends with the socket, with the reason as its cause
	end           context.CancelCauseFunc
	closing       sync.Once
	wg            sync.WaitGroup

	writing sync.Mutex // one writer at a time; nothing else is locked within

	// Owned by the reader.
	awaited map[string]bool // tracks that the server has not confirmed yet

	// mu guards what follows.
	mu      sync.Mutex
	welcome time.Time
	offers  []uint64 // the server's ids, in the order in which they came
}

// Dial joins a room and returns when the socket is open; media follows on its own.
// ctx bounds the opening handshake only.
func Dial(ctx context.Context, opts Options) (*Participant, error) {
	p := &Participant{opts: opts, awaited: make(map[string]bool)}
	p.ctx, p.end = context.WithCancelCause(context.Background())
	err := p.makeClients()
	p.dialled = time.Now() // the clients are there by then, as ours is
	if err == nil {
		p.ws, err = opts.dial(ctx)
	}
	if err != nil {
		p.end(err)
		p.closeClients()
		return nil, err
	}
	p.open = time.Now()
	p.wg.Go(func() { // ends with the socket
		defer recovery.RecoverWithPrefix("livekit reader")
		p.end(p.read())
	})
	return p, nil
}

// makeClients makes the two that carry the media. With protocol 1 they take m-lines as
// they are offered and add none.
func (p *Participant) makeClients() (err error) {
	receive, send := p.opts.Receive, p.opts.Send
	receive.Protocol, send.Protocol, receive.Publish = 1, 1, nil
	receive.Username, send.Username = p.opts.Identity, p.opts.Identity
	if p.receives, err = client.NewLocal(receive, p.fromReceiver); err != nil {
		return err
	}
	if len(send.Publish) > 0 {
		p.sends, err = client.NewLocal(send, p.fromSender)
	}
	return err
}

// Close leaves the room and waits until every goroutine is done. It is safe to call
// more than once.
func (p *Participant) Close() {
	p.closing.Do(func() {
		defer func() { _ = p.ws.Close() }()
		defer p.end(errClosed)
		text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		if p.write(leave()) != nil || p.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(closeWait)) != nil {
			return
		}
		timer := time.NewTimer(closeWait)
		defer timer.Stop()
		select {
		case <-p.ctx.Done(): // the reader has seen the end
		case <-timer.C:
		}
	})
	p.closeClients()
	p.wg.Wait()
}

func (p *Participant) closeClients() {
	for _, c := range []*client.Client{p.receives, p.sends} {
		if c != nil {
			c.Close()
		}
	}
}

// Times returns the steps of the join. Open is that of the WebSocket, Welcome the
// server's first response.
func (p *Participant) Times() client.Times {
	from := p.receives
	if p.sends != nil && !p.opts.Listens {
		from = p.sends
	}
	t := from.Times()
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Dial, t.Open, t.Welcome = p.dialled, p.open, p.welcome
	return t
}

// PeerConnection returns the one that receives, nil before the first offer.
func (p *Participant) PeerConnection() *webrtc.PeerConnection { return p.receives.PeerConnection() }

// Media returns all streams received so far.
func (p *Participant) Media() []*client.Track { return p.receives.Media() }

// Publication returns what is sent of a source, nil for nothing.
func (p *Participant) Publication(source types.Source) *client.Publication {
	if p.sends == nil {
		return nil
	}
	return p.sends.Publication(source)
}

// Wait returns when the connections are there, that is one or both, and with media
// when the first packet has been received as well: by OnRTP, not by a light client. It
// is an error when ctx or the participant ends first.
func (p *Participant) Wait(ctx context.Context, media bool) error {
	if err := context.Cause(p.ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.ctx, func() { cancel(context.Cause(p.ctx)) })()
	for _, c := range []*client.Client{p.receives, p.sends} {
		if c == nil {
			continue
		}
		if err := c.WaitFor(ctx, "the connection", connected); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
	if !media {
		return nil
	}
	came := func(s *client.State) bool { return !s.Times.FirstRTP.IsZero() }
	if err := p.receives.WaitFor(ctx, "media", came); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

func connected(s *client.State) bool { return s.ConnectionState == webrtc.PeerConnectionStateConnected }

// fromReceiver takes what the receiving client says: answers and candidates.
func (p *Participant) fromReceiver(m types.Message) error {
	switch m.Event {
	case types.EventAnswer:
		d, err := descriptionOf(m)
		if err != nil {
			return err
		}
		d.id = p.offerID(m.OfferID)
		return p.write(describe(requestAnswer, d))
	case types.EventCandidate:
		return p.write(trickle(candidate{m.Data, subscriber}))
	}
	return nil
}

// fromSender takes what the sending client says: its offer and candidates.
func (p *Participant) fromSender(m types.Message) error {
	switch m.Event {
	case types.EventOffer:
		d, err := descriptionOf(m)
		if err != nil {
			return err
		}
		d.id = 1
		return p.write(describe(requestOffer, d))
	case types.EventCandidate:
		return p.write(trickle(candidate{m.Data, publisher}))
	}
	return nil
}

// offerID is the server's id of the offer that the client knows by that number.
func (p *Participant) offerID(number uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if number < 1 || number > uint64(len(p.offers)) {
		return 0
	}
	return p.offers[number-1]
}

// write sends one request. When that fails the socket is of no use any more, which
// its reader notices.
func (p *Participant) write(m message) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	_ = p.ws.SetWriteDeadline(time.Now().Add(writeDeadline))
	if err := p.ws.WriteMessage(websocket.BinaryMessage, m); err != nil {
		_ = p.ws.Close()
		return fmt.Errorf("livekit: send: %w", err)
	}
	return nil
}
