//go:build linux

package main

import (
	"context"
	"errors"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/client/livekit"
	"aq-server/internal/types"
)

// A participant is a person's client of the server under load, whichever that is.
type participant interface {
	// wait returns when he is connected, and with media when some has come.
	wait(ctx context.Context, media bool) error
	Times() client.Times
	// PeerConnection is the one that receives.
	PeerConnection() *webrtc.PeerConnection
	Media() []*client.Track
	Publication(types.Source) *client.Publication
	Chat(text string) error
	Close()
}

// ours speaks our protocol.
type ours struct{ *client.Client }

func (o ours) wait(ctx context.Context, media bool) error {
	if err := o.WaitFor(ctx, "the connection", connected); err != nil || !media {
		return err
	}
	return o.WaitFor(ctx, "media", func(s *client.State) bool { return !s.Times.FirstRTP.IsZero() })
}

func connected(s *client.State) bool { return s.ConnectionState == webrtc.PeerConnectionStateConnected }

// theirs speaks that of LiveKit.
type theirs struct{ *livekit.Participant }

func (t theirs) wait(ctx context.Context, media bool) error { return t.Wait(ctx, media) }

// Chat is not compared.
func (t theirs) Chat(string) error { return errors.ErrUnsupported }

// dial has a person's client join the room.
func (l *load) dial(ctx context.Context, p *person, name string) (participant, error) {
	if l.cfg.livekit() {
		return l.dialLiveKit(ctx, p, name)
	}
	opts := l.media(p)
	opts.URL, opts.Room, opts.Username, opts.Protocol = l.url, p.room, name, l.cfg.Protocol
	opts.DialTimeout, opts.OnChat = joinTimeout, l.heard
	if p.publishes {
		opts.Publish = l.cfg.publish()
	}
	c, err := client.Dial(ctx, opts)
	if err != nil {
		return nil, err
	}
	return ours{c}, nil
}

// dialLiveKit does the same there, where who publishes has a second PeerConnection for
// that: the first one's packets are counted, the RTCP of the second is pion's.
func (l *load) dialLiveKit(ctx context.Context, p *person, name string) (participant, error) {
	opts := livekit.Options{
		URL: l.url, Key: l.cfg.key, Secret: l.cfg.secret, Room: p.room, Identity: name,
		DialTimeout: joinTimeout, Listens: p.listens, Receive: l.media(p),
	}
	opts.Receive.Codecs = []string{client.VP8, client.Opus}
	if p.publishes {
		opts.Send = opts.Receive
		opts.Send.OnRTP, opts.Send.Publish = nil, l.cfg.publish()
		if !p.full {
			opts.Receive.Net = &lightNet{Net: l.net, load: l, person: p, counted: true}
			opts.Send.Net = &lightNet{Net: l.net, load: l, person: p, rtcp: true}
		}
	}
	c, err := livekit.Dial(ctx, opts)
	if err != nil {
		return nil, err
	}
	return theirs{c}, nil
}

// media is what a person's client does with media, whatever the server.
func (l *load) media(p *person) client.Options {
	opts := client.Options{NetworkTypes: []webrtc.NetworkType{l.network}, Interfaces: l.onWay}
	if p.full {
		opts.Net = fullNet{l.net}
		opts.OnRTP = func(t *client.Track, packet *rtp.Packet, stamp client.Stamp) { l.received(p, t, packet, stamp) }
	} else {
		opts.Light = true
		opts.Net = &lightNet{Net: l.net, load: l, person: p, counted: true, rtcp: p.publishes}
	}
	return opts
}
