//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v5"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// A person is one client of the server under load.
type person struct {
	// Set by join, then constant.
	client participant
	room   string
	role
	ssrc uint32

	frames frames // of a full receiver

	mu       sync.Mutex
	sockets  []*socket // of a light one; another with each ICE restart
	firstRTP time.Time
	media    chan struct{} // closed with the first packet
}

// A role says what a person does.
type role struct {
	full, publishes bool
	// listens says that somebody else in the room sends.
	listens bool
}

// join lets a person in and returns when media has come, or when the connection
// is there if nobody sends. A person is returned together with an error if the
// socket was opened.
func (l *load) join(ctx context.Context, room, name string, r role) (*person, error) {
	l.poller.joining.Add(1)
	defer l.poller.joining.Add(-1)
	p := &person{room: room, role: r, ssrc: rand.Uint32(), media: make(chan struct{})}
	c, err := l.dial(ctx, p, name)
	if err != nil {
		return nil, err
	}
	p.client = c
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	// A light one's packets are counted by the poller.
	if err := c.wait(ctx, r.full && r.listens); err != nil || r.full || !r.listens {
		return p, err
	}
	select {
	case <-p.media:
		return p, nil
	case <-ctx.Done():
		return p, context.Cause(ctx)
	}
}

// publish is what a publisher sends.
func (c *options) publish() []client.PublishOptions {
	var list []client.PublishOptions
	if c.Audio {
		list = append(list, client.Microphone())
	}
	if c.Video {
		camera := client.PublishOptions{
			Source: types.SourceCamera, Bitrate: int(c.Bitrate), KeyframeEvery: keyframeEvery, Layers: 1,
		}
		if c.Simulcast {
			camera.Layers, camera.TemporalLayers = 3, 3
		}
		list = append(list, camera)
	}
	return list
}

// began notes the first packet of a light subscriber.
func (p *person) began(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.firstRTP.IsZero() {
		p.firstRTP = at
		close(p.media)
	}
}

// counts are those of all sockets of a light subscriber, one after the other.
func (p *person) counts() counts {
	p.mu.Lock()
	sockets := slices.Clone(p.sockets)
	p.mu.Unlock()
	var sum counts
	for _, s := range sockets {
		c := s.snapshot()
		sum.streams = append(sum.streams, c.streams...)
		sum.rtcp += c.rtcp
	}
	return sum
}

// times are the steps of the join, with the first packet.
func (p *person) times() client.Times {
	t := p.client.Times()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.full {
		t.FirstRTP = p.firstRTP
	}
	return t
}

// report sends the receiver report of a light subscriber.
func (p *person) report() {
	p.mu.Lock()
	var s *socket
	if n := len(p.sockets); n > 0 {
		s = p.sockets[n-1]
	}
	p.mu.Unlock()
	pc := p.client.PeerConnection()
	if s == nil || pc == nil {
		return
	}
	s.mu.Lock()
	rr := s.counts.report(p.ssrc)
	s.mu.Unlock()
	if rr != nil {
		_ = pc.WriteRTCP([]rtcp.Packet{rr}) // the connection may be closing
	}
}

// A fullNet gives sockets that hold a burst while this process does something
// else.
type fullNet struct{ transport.Net }

// ListenUDP implements transport.Net.
func (n fullNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(receiveBuffer) // the kernel may grant less
	return conn, nil
}

// A lightNet gives one person's ICE agent sockets that the poller reads.
type lightNet struct {
	transport.Net
	load   *load
	person *person
	// counted says that what arrives is what the person receives, rtcp that pion gets
	// the RTCP, for what he sends.
	counted, rtcp bool
}

// ListenUDP implements transport.Net.
func (n *lightNet) ListenUDP(_ string, at *net.UDPAddr) (transport.UDPConn, error) {
	addr, ok := netip.AddrFromSlice(at.IP)
	if !ok {
		return nil, transport.ErrNotUDPAddress
	}
	s, err := n.load.poller.listen(addr.Unmap(), n.rtcp, n.person.began)
	if err != nil {
		return nil, err
	}
	if !n.counted {
		return s, nil
	}
	n.person.mu.Lock()
	n.person.sockets = append(n.person.sockets, s)
	n.person.mu.Unlock()
	return s, nil
}
