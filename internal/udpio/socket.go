package udpio

import (
	"log/slog"
	"net"
	"net/netip"

	"aq-server/internal/metrics"
)

// Buffer is what is asked of the kernel for each direction of a socket: a
// keyframe to many people is a burst of megabytes, and what many publishers send
// in the 10 ms in which the reader may have no processor is one too.
const Buffer = 4 << 20

// Socket is one UDP socket. It implements net.PacketConn and the AddrPort
// methods that pion's ICE looks for. Reads must come from one goroutine at a
// time; writes and batches from any number.
type Socket struct {
	net.PacketConn
	addrPort addrPortConn // nil when the connection has no such methods
	kernel   *kernel      // nil when the connection is not the kernel's
	metrics  *metrics.Metrics
}

// Options configures New.
type Options struct {
	// Metrics may be shared by many sockets.
	Metrics *metrics.Metrics
	Log     *slog.Logger
}

// addrPortConn is how datagrams go in and out without an allocation.
type addrPortConn interface {
	ReadFromAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// New takes over conn, which the Socket closes.
func New(conn net.PacketConn, opts Options) *Socket {
	s := &Socket{PacketConn: conn, metrics: opts.Metrics}
	if udp, ok := conn.(*net.UDPConn); ok {
		s.addrPort = netConn{udp}
		s.kernel = newKernel(udp, opts.Log)
	} else {
		s.addrPort, _ = conn.(addrPortConn)
	}
	return s
}

// GSO tells whether the kernel cuts messages into datagrams for this socket.
func (s *Socket) GSO() bool { return s.kernel != nil && s.kernel.gso.Load() }

// ReadFromAddrPort returns the next datagram. b must have room for it: what does
// not fit is lost.
func (s *Socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	if s.kernel != nil {
		return s.kernel.read(b)
	}
	if s.addrPort != nil {
		return s.addrPort.ReadFromAddrPort(b)
	}
	n, from, err := s.PacketConn.ReadFrom(b)
	return n, addrPortOf(from), err
}

// WriteToAddrPort sends one datagram at once.
func (s *Socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if s.kernel != nil {
		return s.kernel.write(b, to)
	}
	if s.addrPort != nil {
		return s.addrPort.WriteToAddrPort(b, to)
	}
	return s.PacketConn.WriteTo(b, net.UDPAddrFromAddrPort(to))
}

func addrPortOf(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}

// netConn gives a socket of the net package the methods of addrPortConn.
type netConn struct{ *net.UDPConn }

func (c netConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return c.ReadFromUDPAddrPort(b)
}

func (c netConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}
