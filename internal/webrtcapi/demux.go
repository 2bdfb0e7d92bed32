package webrtcapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/udpio"
)

// demux takes what comes in on all sockets to the PeerConnection that it is for:
// by the remote address, once we have written to that, which ICE only does after
// a check that it has authenticated; else by the user name of a STUN request
// (RFC 8445, section 7.3).
//
// pion's own mux has a connection, with two goroutines and 8 kB of buffer, for
// each address of the machine and each peer. Here each peer has one for IPv4 and
// one for IPv6, whatever number of addresses there is: see muxConn.
type demux struct {
	sent sentFunc // constant

	mu     sync.RWMutex
	names  map[connKey]*muxConn
	remote map[netip.AddrPort]*muxConn
	wg     sync.WaitGroup // readers
	// closing is set before the sockets are closed.
	closing atomic.Bool
}

// sentFunc is shown a datagram that is sent, on the goroutine that sends it and
// before it goes out. It must not keep b.
type sentFunc func(c *muxConn, s *udpio.Socket, b []byte, to netip.AddrPort)

// connKey names the connection of a PeerConnection: its ICE user name fragment
// and the family of addresses.
type connKey struct {
	ufrag string
	v6    bool
}

func newDemux(sent sentFunc) *demux {
	return &demux{sent: sent, names: map[connKey]*muxConn{}, remote: map[netip.AddrPort]*muxConn{}}
}

// receiveMTU is what pion reads at most of a datagram.
const receiveMTU = 1600

// readRetry is the pause after a read that failed although the socket is open.
const readRetry = 10 * time.Millisecond

// read takes in what comes on a socket until that is closed.
func (d *demux) read(s *udpio.Socket, log *slog.Logger) {
	buf := make([]byte, receiveMTU)
	for {
		n, from, err := s.ReadFromAddrPort(buf)
		switch {
		case err == nil:
			d.receive(s, buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case d.closing.Load() || errors.Is(err, net.ErrClosed):
			return
		default: // memory, say: it must not be the end of all calls
			log.Warn("media socket not read", "err", err)
			time.Sleep(readRetry)
		}
	}
}

// receive takes in one datagram. Whatever it is must not end the reader.
func (d *demux) receive(s *udpio.Socket, b []byte, from netip.AddrPort) {
	defer recovery.RecoverWithPrefix("media socket")
	isSTUN := stun.IsMessage(b)
	if c := d.find(b, from, isSTUN); c != nil {
		c.deliver(s, b, from, isSTUN)
	}
}

// find returns whose a datagram is. A request names its generation of ICE, which
// after a restart is another than that of the address so far.
func (d *demux) find(b []byte, from netip.AddrPort, isSTUN bool) *muxConn {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if isSTUN && isRequest(b) {
		if ufrag, ok := requestedUfrag(b); ok {
			if c := d.names[connKey{ufrag, from.Addr().Is6()}]; c != nil {
				return c
			}
		}
	}
	return d.remote[from]
}

// requestedUfrag returns our part of the user name of a STUN request, which
// stands first.
func requestedUfrag(b []byte) (string, bool) {
	username := stunAttribute(b, stun.AttrUsername)
	if username == nil {
		return "", false
	}
	ufrag, _, _ := strings.Cut(string(username), ":")
	return ufrag, true
}

// stunAttribute returns the value of an attribute of a STUN message (RFC 8489,
// section 5 and 14), nil when there is none.
func stunAttribute(b []byte, want stun.AttrType) []byte {
	const header = 20
	if len(b) < header {
		return nil
	}
	for b = b[header:]; len(b) >= 4; {
		kind, size := stun.AttrType(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+size {
			return nil
		}
		if kind == want {
			return b[4 : 4+size : 4+size]
		}
		b = b[min(4+(size+3)&^3, len(b)):]
	}
	return nil
}

// The class of a STUN message is two bits of its type (RFC 8489, section 5).
func isRequest(b []byte) bool  { return b[0]&1 == 0 && b[1]&0x10 == 0 }
func isResponse(b []byte) bool { return b[0]&1 == 1 }

// get returns the connection of a user name, a new one if there is none.
func (d *demux) get(key connKey, local net.Addr, sockets func() []*udpio.Socket) *muxConn {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.names[key]
	if c == nil {
		c = &muxConn{demux: d, key: key, local: local, sockets: sockets, wake: make(chan struct{}, 1)}
		d.names[key] = c
	}
	c.handles++
	return c
}

// enlist sends what comes from an address to c.
func (d *demux) enlist(to netip.AddrPort, c *muxConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.handles > 0 {
		d.remote[to] = c
	}
}

// release gives up one handle on c, and c with the last.
func (d *demux) release(c *muxConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.handles--; c.handles > 0 {
		return
	}
	if d.names[c.key] == c {
		delete(d.names, c.key)
	}
	d.forgetLocked(c)
	c.close()
}

// remove makes a user name unknown, and the addresses that were reached under it.
func (d *demux) remove(ufrag string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range []connKey{{ufrag, false}, {ufrag, true}} {
		if c := d.names[key]; c != nil {
			delete(d.names, key)
			d.forgetLocked(c)
		}
	}
}

// forgetLocked makes the addresses of c unknown.
func (d *demux) forgetLocked(c *muxConn) {
	for _, r := range c.takeRoutes() {
		if d.remote[r.to] == c {
			delete(d.remote, r.to)
		}
	}
}

// sameTransaction compares the transaction ids of two STUN messages.
func sameTransaction(id [12]byte, b []byte) bool { return bytes.Equal(id[:], b[8:20]) }
