package livekit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

const (
	// protocol is the version of the signalling that clients of LiveKit with two
	// PeerConnections speak.
	protocol = "15"
	// tokenLife is more than any measurement takes.
	tokenLife = 6 * time.Hour
)

// token lets the bearer join the room, publish and subscribe.
func (o Options) token(now time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": o.Key, "sub": o.Identity, "exp": now.Add(tokenLife).Unix(),
		"video": map[string]any{"room": o.Room, "roomJoin": true},
	}).SignedString([]byte(o.Secret))
}

// address returns the URL to dial.
func (o Options) address(token string) (string, error) {
	u, err := client.WebSocketURL(o.URL)
	if err != nil {
		return "", err
	}
	u.Path = "/rtc"
	u.RawQuery = url.Values{
		"access_token": {token}, "auto_subscribe": {"1"}, "protocol": {protocol}, "sdk": {"go"}, "version": {"2.0.0"},
	}.Encode()
	return u.String(), nil
}

// dial opens the WebSocket.
func (o Options) dial(ctx context.Context) (*websocket.Conn, error) {
	token, err := o.token(time.Now())
	if err != nil {
		return nil, fmt.Errorf("livekit: token: %w", err)
	}
	address, err := o.address(token)
	if err != nil {
		return nil, fmt.Errorf("livekit: %w", err)
	}
	dialer := websocket.Dialer{HandshakeTimeout: o.DialTimeout}
	if dialer.HandshakeTimeout == 0 {
		dialer.HandshakeTimeout = 10 * time.Second
	}
	ws, response, err := dialer.DialContext(ctx, address, nil)
	if err != nil && response != nil {
		text, _ := io.ReadAll(response.Body) // gorilla keeps the first kilobyte
		return nil, fmt.Errorf("livekit: join refused with %d: %s", response.StatusCode, text)
	}
	if err != nil {
		return nil, fmt.Errorf("livekit: dial: %w", err)
	}
	return ws, nil
}

// read handles what the server sends until the socket ends, and returns why it did.
func (p *Participant) read() error {
	for {
		kind, data, err := p.ws.ReadMessage()
		if err != nil {
			return fmt.Errorf("livekit: socket: %w", err)
		}
		if kind != websocket.BinaryMessage {
			return errors.New("livekit: the server sent a frame that is no protobuf")
		}
		said, err := parse(data)
		if err == nil {
			err = p.handle(said)
		}
		if err != nil {
			_ = p.ws.Close()
			return err
		}
	}
}

func (p *Participant) handle(said any) error {
	switch said := said.(type) {
	case joined:
		return p.joined(said)
	case published:
		delete(p.awaited, said.cid)
		if len(p.awaited) == 0 && p.sends != nil {
			p.sends.Offer()
		}
	case offered:
		p.mu.Lock()
		p.offers = append(p.offers, said.id)
		number := uint64(len(p.offers))
		p.mu.Unlock()
		m := types.NewMessage(types.EventOffer, webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: said.sdp})
		m.OfferID = number // 1 is for a new PeerConnection
		p.receives.Deliver(m)
	case answered:
		if p.sends != nil {
			p.sends.Deliver(types.NewMessage(types.EventAnswer, webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: said.sdp}))
		}
	case candidate:
		m := types.Message{Event: types.EventCandidate, Data: said.init}
		if said.target == subscriber {
			p.receives.Deliver(m)
		} else if p.sends != nil {
			p.sends.Deliver(m)
		}
	case left:
		return fmt.Errorf("livekit: the server ends it, for reason %d", said.reason)
	}
	return nil
}

// joined starts the pings and announces what is to be published.
func (p *Participant) joined(j joined) error {
	p.mu.Lock()
	first := p.welcome.IsZero()
	if first {
		p.welcome = time.Now()
	}
	p.mu.Unlock()
	if !first {
		return errors.New("livekit: the server lets the same one in twice")
	}
	interval := time.Duration(j.pingInterval) * time.Second
	if interval <= 0 {
		interval = pingInterval
	}
	p.wg.Go(func() { // ends with the socket
		defer recovery.RecoverWithPrefix("livekit ping")
		p.ping(interval)
	})
	for _, o := range p.opts.Send.Publish {
		t := announcement(o)
		p.awaited[t.cid] = true
		if err := p.write(addTrack(t)); err != nil {
			return err
		}
	}
	return nil
}

// announcement describes a track to the server, which finds it in the offer by the
// id of its MSID: client.Publication makes that the source.
func announcement(o client.PublishOptions) track {
	t := track{cid: string(o.Source), name: string(o.Source)}
	if o.Source.Kind() == types.KindVideo {
		t.video, t.width, t.height, t.bitsPerSecond = true, 1280, 720, o.Bitrate
	}
	return t
}

func (p *Participant) ping(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if p.write(ping(now.UnixMilli())) != nil {
				return
			}
		case <-p.ctx.Done():
			return
		}
	}
}

func descriptionOf(m types.Message) (description, error) {
	var d webrtc.SessionDescription
	if err := json.Unmarshal([]byte(m.Data), &d); err != nil {
		return description{}, fmt.Errorf("livekit: %s: %w", m.Event, err)
	}
	return description{sdp: d.SDP}, nil
}
