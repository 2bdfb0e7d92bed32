package webrtcapi

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"aq-server/internal/udpio"
)

// Batch gathers sealed packets, see udpio.
type Batch = udpio.Batch

// NewBatch returns an empty batch for packets of any PeerConnections.
func NewBatch() *Batch { return udpio.NewBatch() }

// tagSize is the most that SRTP adds to a packet: 16 octets of GCM (RFC 7714),
// 10 of HMAC-SHA1.
const tagSize = 16

// errTooLarge says that a packet does not fit into one datagram.
var errTooLarge = errors.New("webrtcapi: packet too large")

// rtcpWriter is the part of a PeerConnection that sends RTCP.
type rtcpWriter interface{ WriteRTCP([]rtcp.Packet) error }

// Outbound is the short way of a PeerConnection's RTP: sealed by pion's SRTP
// straight into the memory from which the kernel sends it, past pion's sender,
// interceptors, SRTP session, ICE and mux (docs/adr/0008-packet-path.md).
//
// It is the only one that ever seals RTP with these keys, from the first packet
// on, or it seals none: two writers of one SSRC would use a nonce twice.
//
// Where packets go it learns from pion: the RTCP that pion sends under our SSRC
// passes the socket, and RTP goes where that went.
type Outbound struct {
	api  *API
	ssrc uint32
	keys *handshakeSecrets

	path atomic.Pointer[udpio.Path]
	in   *Inbound
	taps atomic.Bool // in is in use
	conn atomic.Pointer[muxConn]

	// mu guards the rest. It is a leaf, held while a packet is sealed.
	mu     sync.Mutex
	seal   *srtp.Context // nil until Open has proven the keys
	open   *srtp.Context // opens what pion sends, until the keys are proven
	proven bool
	parsed rtp.Header
}

// newOutbound registers the way under an SSRC that no other has. receiver may be
// nil: then all that comes is for pion.
func (a *API) newOutbound(receiver Receiver) *Outbound {
	o := &Outbound{api: a, keys: &handshakeSecrets{}}
	if receiver != nil {
		o.in = &Inbound{receiver: receiver}
	}
	a.outboundsMu.Lock()
	defer a.outboundsMu.Unlock()
	for o.ssrc == 0 || a.outbounds[o.ssrc] != nil {
		o.ssrc = rand.Uint32()
	}
	a.outbounds[o.ssrc] = o
	return o
}

// SSRC is that of the server's own RTCP on this PeerConnection.
func (o *Outbound) SSRC() uint32 { return o.ssrc }

// Close ends the way. Nothing may be written afterwards.
func (o *Outbound) Close() {
	o.api.outboundsMu.Lock()
	defer o.api.outboundsMu.Unlock()
	delete(o.api.outbounds, o.ssrc)
}

// Open decides whether this way is taken, once, when the PeerConnection is
// connected and before its first packet of RTP. It has pion send a report and
// opens that with the keys that it has derived: only when pion seals with the
// same ones, and by way of one of our sockets, are they used. On an error the
// sender's own writer is the way.
func (o *Outbound) Open(pc rtcpWriter) error {
	seal, open, inbound, err := o.keys.contexts()
	o.keys.forget()
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.open = open
	o.mu.Unlock()
	if err := o.Refresh(pc); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = nil
	switch {
	case o.path.Load() == nil:
		return errors.New("webrtcapi: the report did not leave by a socket of ours")
	case !o.proven:
		return errors.New("webrtcapi: pion seals with other keys")
	}
	o.seal = seal
	if o.in != nil {
		o.in.begin(inbound)
		o.taps.Store(true)
		o.conn.Load().tap.Store(o.in)
	}
	return nil
}

// In is the short way of what the client sends, in use once Open has succeeded.
func (o *Outbound) In() *Inbound { return o.in }

// Refresh looks where pion sends now. To be called when another candidate pair
// was selected.
func (o *Outbound) Refresh(pc rtcpWriter) error {
	if err := pc.WriteRTCP([]rtcp.Packet{o.Report()}); err != nil {
		return fmt.Errorf("report to find the way: %w", err)
	}
	return nil
}

// Report is an empty report under our SSRC. In front of others it shows the way
// at the same time.
func (o *Outbound) Report() rtcp.Packet { return &rtcp.ReceiverReport{SSRC: o.ssrc} }

// see is shown a packet of RTCP, sealed, that pion sends under our SSRC.
func (o *Outbound) see(c *muxConn, s *udpio.Socket, b []byte, to netip.AddrPort) {
	if o.conn.Swap(c) != c && o.taps.Load() {
		c.tap.Store(o.in) // another generation of ICE, or family of addresses
	}
	if p := o.path.Load(); p == nil || p.Socket() != s || p.To() != to {
		o.path.Store(udpio.NewPath(s, to))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open != nil {
		_, err := o.open.DecryptRTCP(nil, b, nil)
		o.proven = o.proven || err == nil
	}
}

// WriteRTP seals a packet into the batch and returns its size without the tag.
// Padding of header.PaddingSize octets follows the payload if header.Padding is
// set. Header and payload are copied.
func (o *Outbound) WriteRTP(b *Batch, header *rtp.Header, payload []byte) (int, error) {
	path := o.path.Load()
	buf := b.Room()
	size, err := header.MarshalTo(buf)
	if err != nil {
		return 0, fmt.Errorf("RTP header: %w", err)
	}
	if size+len(payload)+int(header.PaddingSize)+tagSize > len(buf) {
		return 0, errTooLarge
	}
	size += copy(buf[size:], payload)
	if header.Padding && header.PaddingSize > 0 {
		end := size + int(header.PaddingSize)
		clear(buf[size : end-1])
		buf[end-1] = header.PaddingSize
		size = end
	}
	o.mu.Lock()
	sealed, err := o.seal.EncryptRTP(buf[:0], buf[:size], &o.parsed)
	o.mu.Unlock()
	if err != nil {
		return 0, fmt.Errorf("seal: %w", err)
	}
	b.Add(path, len(sealed))
	return size, nil
}

// sent is shown each datagram that pion sends.
func (a *API) sent(c *muxConn, s *udpio.Socket, b []byte, to netip.AddrPort) {
	if !isRTCP(b) {
		return
	}
	a.outboundsMu.RLock()
	o := a.outbounds[ssrcOf(b[4:])]
	a.outboundsMu.RUnlock()
	if o != nil {
		o.see(c, s, b, to)
	}
}
