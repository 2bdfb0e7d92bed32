package testnet

import (
	"net"
	"sync"
	"time"

	"github.com/pion/transport/v5"
)

// ipHeader is what a packet has on the wire beside what UDP carries.
const ipHeader = 28

// shaper is a bottleneck in one direction of a link: a rate, and a queue before
// it that drops what comes when it is full.
type shaper struct {
	mu    sync.Mutex
	bits  float64       // per second; 0: no limit
	queue time.Duration // how long a packet may have to wait
	free  time.Time     // when all that is queued has gone
}

func (s *shaper) set(bits int, queue time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bits, s.queue = float64(bits), queue
}

// pass returns how long a packet of so many octets takes through the bottleneck;
// false when the queue has no room.
func (s *shaper) pass(octets int) (wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.free.Before(now) {
		s.free = now
	}
	if s.bits == 0 {
		return s.free.Sub(now), true // behind what was queued before
	}
	if s.free.Sub(now) > s.queue {
		return 0, false
	}
	s.free = s.free.Add(time.Duration(float64(8*(octets+ipHeader)) / s.bits * float64(time.Second)))
	return s.free.Sub(now), true
}

// Rate bounds the bits per second to the server (up) and from it (down), each
// with a queue that holds what takes that long to send; 0 is no bound.
func (l *Link) Rate(up, down int, queue time.Duration) {
	l.up.set(up, queue)
	l.down.set(down, queue)
}

// shapedNet is the network of one machine whose UDP sockets send through the
// bottleneck that of finds for a destination; nil is none.
type shapedNet struct {
	transport.Net
	of func(to net.Addr) *shaper
}

func (n shapedNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	return shapedConn{conn, n.of}, nil
}

type shapedConn struct {
	transport.UDPConn
	of func(to net.Addr) *shaper
}

// WriteTo sends now, later or never.
func (c shapedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	s := c.of(to)
	if s == nil {
		return c.UDPConn.WriteTo(b, to)
	}
	wait, ok := s.pass(len(b))
	switch {
	case !ok:
	case wait == 0:
		return c.UDPConn.WriteTo(b, to)
	default:
		later := append([]byte(nil), b...)
		time.AfterFunc(wait, func() { _, _ = c.UDPConn.WriteTo(later, to) }) // fails when it is closed by then
	}
	return len(b), nil
}
