package survival

import (
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// tap is a network whose sockets remember what went out, count what comes in, and
// let others write as the client: what an attacker has who holds a session.
type tap struct {
	transport.Net

	mu      sync.Mutex
	sockets []*tapped
}

// tapped is a socket of a tap.
type tapped struct {
	transport.UDPConn

	mu     sync.Mutex
	server net.Addr // where media went last
	media  [][]byte // SRTP that was sent, as it was sealed
	came   int      // SRTP packets
}

// mostTaped bounds what a socket remembers.
const mostTaped = 2000

func newTap(t *testing.T) *tap {
	t.Helper()
	network, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	return &tap{Net: network}
}

// ListenUDP implements transport.Net.
func (n *tap) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := n.Net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	s := &tapped{UDPConn: conn}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sockets = append(n.sockets, s)
	return s, nil
}

// isMedia tells RTP from RTCP, DTLS and STUN (RFC 7983, RFC 5761 section 4).
func isMedia(b []byte) bool {
	return len(b) > 12 && b[0] >= 128 && b[0] < 192 && (b[1] < 192 || b[1] > 223)
}

// WriteTo implements transport.UDPConn.
func (s *tapped) WriteTo(b []byte, to net.Addr) (int, error) {
	if isMedia(b) {
		s.mu.Lock()
		s.server = to
		if len(s.media) < mostTaped {
			s.media = append(s.media, append([]byte(nil), b...))
		}
		s.mu.Unlock()
	}
	return s.UDPConn.WriteTo(b, to)
}

// ReadFrom implements transport.UDPConn.
func (s *tapped) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.UDPConn.ReadFrom(b)
	if err == nil && isMedia(b[:n]) {
		s.mu.Lock()
		s.came++
		s.mu.Unlock()
	}
	return n, from, err
}

// inUse returns the socket that media goes over.
func (n *tap) inUse() (s *tapped, server netip.AddrPort, media [][]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range n.sockets {
		one.mu.Lock()
		if to, ok := one.server.(*net.UDPAddr); ok {
			s, server, media = one, to.AddrPort(), one.media
		}
		one.mu.Unlock()
	}
	return s, server, media
}

// came counts the packets of media that have arrived.
func (n *tap) came() (sum int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.sockets {
		s.mu.Lock()
		sum += s.came
		s.mu.Unlock()
	}
	return sum
}
