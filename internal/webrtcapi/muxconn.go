package webrtcapi

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"

	"aq-server/internal/udpio"
)

const (
	// maxQueued bounds the datagrams that wait for a PeerConnection to read them,
	// as a socket's own buffer would: half a second of 10 Mbit/s.
	maxQueued = 512
	// requestsKept is of how many of the last checks it is known where they came
	// in; the answers leave by the same socket.
	requestsKept = 16
	// maxRoutes bounds the remote addresses of one connection. Each of them has
	// been written to, so it passed ICE's own limits (docs/limits.md, L3).
	maxRoutes = 256
	// consentInterval is how often consent is asked for of a client who is heard: it is
	// to be every 4 to 6 s (RFC 7675, section 5.1). pion asks every 2 s, whatever its
	// settings say (ice 4.4.8, connectivityChecks), and that is a third of what somebody
	// at rest costs.
	consentInterval = 5500 * time.Millisecond
)

// datagram is one that waits to be read.
type datagram struct {
	from netip.AddrPort
	size int
	next *datagram
	data [receiveMTU]byte
}

var datagrams = sync.Pool{New: func() any { return new(datagram) }}

// route is how a remote address is reached: by the socket on which its media
// comes in.
type route struct {
	to     netip.AddrPort
	socket *udpio.Socket // nil until something has come from there
	heard  bool          // something has, since pion last wanted to ask for consent
	asked  time.Time     // when it last did
}

// request is a check that came in.
type request struct {
	id     [12]byte
	socket *udpio.Socket
}

// muxConn is the connection of one PeerConnection to all addresses of the
// machine, of one family. To ICE they look like one: the candidates of the others
// are written into the offer (see Candidates), and checks that come in there
// count as checks of this one. What is sent leaves by
//
//   - the socket on which the check came in, if it is the answer to one;
//   - the socket on which media comes from that address, or on which the client
//     nominated the pair;
//   - every socket, if it is a check to an address that nothing came from yet.
type muxConn struct {
	// Constant.
	demux   *demux
	key     connKey
	local   net.Addr
	sockets func() []*udpio.Socket

	// tap is offered what has come before pion is; nil: all is for pion.
	tap atomic.Pointer[Inbound]

	handles int // guarded by demux.mu

	// mu guards the rest. Order: demux.mu -> muxConn.mu.
	mu       sync.Mutex
	first    *datagram
	last     *datagram
	queued   int
	closed   bool
	routes   []route
	requests [requestsKept]request
	nextReq  int

	wake chan struct{} // capacity 1
}

// deliver queues what has come in on a socket.
func (c *muxConn) deliver(s *udpio.Socket, b []byte, from netip.AddrPort, isSTUN bool) {
	d := datagrams.Get().(*datagram)
	d.from, d.size, d.next = from, copy(d.data[:], b), nil
	c.mu.Lock()
	if c.closed || c.queued >= maxQueued {
		c.mu.Unlock()
		datagrams.Put(d)
		return
	}
	c.noteSocketLocked(s, b, from, isSTUN)
	if c.last == nil {
		c.first = d
	} else {
		c.last.next = d
	}
	c.last = d
	c.queued++
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// noteSocketLocked learns by which socket an address is reached.
func (c *muxConn) noteSocketLocked(s *udpio.Socket, b []byte, from netip.AddrPort, isSTUN bool) {
	if isSTUN && isRequest(b) {
		c.requests[c.nextReq] = request{[12]byte(b[8:20]), s}
		c.nextReq = (c.nextReq + 1) % requestsKept
	}
	for i := range c.routes {
		r := &c.routes[i]
		if r.to != from {
			continue
		}
		r.heard = true
		if r.socket == nil || r.socket != s && (!isSTUN || stunAttribute(b, stun.AttrUseCandidate) != nil) {
			r.socket = s
		}
		return
	}
}

// ways returns the sockets by which a datagram leaves. known tells whether the
// address has been written to before.
func (c *muxConn) ways(b []byte, to netip.AddrPort) (one *udpio.Socket, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(b) >= 20 && stun.IsMessage(b) && isResponse(b) {
		for _, r := range c.requests {
			if r.socket != nil && sameTransaction(r.id, b) {
				one = r.socket
			}
		}
	}
	for i := range c.routes {
		if r := &c.routes[i]; r.to == to {
			if r.socket == nil {
				r.socket = one
			}
			if one == nil {
				one = r.socket
			}
			return one, true
		}
	}
	if len(c.routes) >= maxRoutes {
		return one, true // it works, but what comes back must be a check
	}
	c.routes = append(c.routes, route{to: to, socket: one})
	return one, false
}

// needless tells whether a datagram asks for consent that need not be asked for now. A
// check that nominates, or looks for a way, is none.
func (c *muxConn) needless(b []byte, to netip.AddrPort) bool {
	if c.tap.Load() == nil || len(b) < 20 || !stun.IsMessage(b) || !isRequest(b) || stunAttribute(b, stun.AttrUseCandidate) != nil {
		return false
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.routes {
		r := &c.routes[i]
		if r.to != to {
			continue
		}
		heard := r.heard
		r.heard = false
		if heard && now.Sub(r.asked) < consentInterval {
			return true
		}
		r.asked = now
		return false
	}
	return false
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (c *muxConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if c.needless(b, to) {
		return len(b), nil
	}
	socket, known := c.ways(b, to)
	if !known {
		c.demux.enlist(to, c)
	}
	if socket != nil {
		c.demux.sent(c, socket, b, to)
		return socket.WriteToAddrPort(b, to)
	}
	n, err := 0, error(net.ErrClosed)
	for _, s := range c.sockets() {
		// Loopback is reached from anywhere on the machine, other addresses not
		// from loopback.
		if local := s.LocalAddr().(*net.UDPAddr); local.IP.IsLoopback() && !to.Addr().IsLoopback() {
			continue
		}
		c.demux.sent(c, s, b, to)
		if sent, failed := s.WriteToAddrPort(b, to); failed == nil || n == 0 {
			n, err = sent, failed
		}
	}
	return n, err
}

// read waits for a datagram, or for done.
func (c *muxConn) read(b []byte, done <-chan struct{}) (int, netip.AddrPort, error) {
	for {
		c.mu.Lock()
		if d := c.first; d != nil {
			if c.first = d.next; c.first == nil {
				c.last = nil
			}
			c.queued--
			c.mu.Unlock()
			n, forPion := c.copyForPion(b, d)
			from := d.from
			datagrams.Put(d)
			if forPion {
				return n, from, nil
			}
			continue
		}
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return 0, netip.AddrPort{}, io.EOF
		}
		select {
		case <-c.wake:
		case <-done:
			return 0, netip.AddrPort{}, io.ErrClosedPipe
		}
	}
}

// copyForPion copies into b what pion is to see of a datagram: all of it, or nothing when
// it has been taken, or that the client is there.
func (c *muxConn) copyForPion(b []byte, d *datagram) (n int, any bool) {
	in := c.tap.Load()
	if in == nil || !in.take(d) {
		return copy(b, d.data[:d.size]), true
	}
	return in.signOfLife(b)
}

func (c *muxConn) takeRoutes() []route {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.routes
	c.routes = nil
	return list
}

func (c *muxConn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for d := c.first; d != nil; {
		next := d.next
		datagrams.Put(d)
		d = next
	}
	c.first, c.last, c.queued = nil, nil, 0
}

// handle is what an ICE candidate holds of a muxConn. Closing it ends its own
// reads; the last one closes the connection.
type handle struct {
	*muxConn
	once sync.Once
	done chan struct{}
}

func newHandle(c *muxConn) *handle { return &handle{muxConn: c, done: make(chan struct{})} }

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (h *handle) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) { return h.read(b, h.done) }

// ReadFrom implements net.PacketConn.
func (h *handle) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := h.read(b, h.done)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo implements net.PacketConn.
func (h *handle) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError("not a UDP address")
	}
	return h.WriteToAddrPort(b, udp.AddrPort())
}

// LocalAddr implements net.PacketConn.
func (h *handle) LocalAddr() net.Addr { return h.local }

// The deadlines of net.PacketConn have no effect: ICE sets none.

// SetDeadline implements net.PacketConn.
func (h *handle) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn.
func (h *handle) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.PacketConn.
func (h *handle) SetWriteDeadline(time.Time) error { return nil }

// Close implements net.PacketConn.
func (h *handle) Close() error {
	h.once.Do(func() {
		close(h.done)
		h.demux.release(h.muxConn)
	})
	return nil
}
