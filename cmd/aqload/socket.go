//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5"
	"golang.org/x/sys/unix"
)

var errClosed = fmt.Errorf("light socket: %w", net.ErrClosed)

const (
	// forPion bounds what waits for pion; it is a handshake at most.
	forPion = 64
	// receiveBuffer is asked of the kernel: a keyframe and more.
	receiveBuffer = 1 << 20
)

// A datagram for pion: STUN, DTLS and, if wanted, RTCP.
type datagram struct {
	data []byte
	from netip.AddrPort
}

// A socket is the UDP socket of one light subscriber. The poller reads it: RTP
// is counted, pion gets what else comes. pion writes to it.
type socket struct {
	// Set by listen, then constant.
	fd     int
	poller *poller
	local  netip.AddrPort
	in     chan datagram
	ended  chan struct{}
	// rtcp hands RTCP to pion, for those who publish.
	rtcp bool
	// started is called once, with the first packet of media.
	started func(time.Time)

	once    sync.Once
	dropped atomic.Int64 // pion did not read fast enough, or truncated

	// mu guards what follows.
	mu       sync.Mutex
	released bool
	counts   counts
}

// listen opens a socket at an address and has it read.
func (p *poller) listen(at netip.Addr, rtcp bool, started func(time.Time)) (*socket, error) {
	family, address := unix.AF_INET, sockaddr(netip.AddrPortFrom(at, 0))
	if at.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("light socket: %w", err)
	}
	s := &socket{
		fd: fd, poller: p, rtcp: rtcp, started: started,
		in: make(chan datagram, forPion), ended: make(chan struct{}),
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // the kernel may grant less
	err = unix.Bind(fd, address)
	if err == nil {
		var name unix.Sockaddr
		if name, err = unix.Getsockname(fd); err == nil {
			s.local = addrPort(name)
			err = p.add(s)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("light socket: %w", err)
	}
	return s, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if addr := a.Addr().Unmap(); addr.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPort(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port))
	}
	return netip.AddrPort{}
}

// drain reads until nothing is left. The poller calls it.
func (s *socket) drain(b *batch) {
	for {
		s.mu.Lock()
		limit := mtu
		if s.counts.established() {
			limit = peek
		}
		n, err := b.receive(s.fd, limit)
		if err != nil {
			s.mu.Unlock()
			return // EAGAIN, or what ICMP reported of an earlier write
		}
		first := s.take(b, n, limit)
		s.mu.Unlock()
		if first && s.started != nil {
			s.started(time.Now())
		}
		if n < batchSize {
			return
		}
	}
}

// take sorts n datagrams, by RFC 7983 and RFC 5761. It reports whether the first
// packet of media was among them. The caller holds mu.
func (s *socket) take(b *batch, n, limit int) (first bool) {
	for i := range n {
		data, length := b.datagram(i, limit)
		switch {
		case len(data) < 12:
		case data[0]>>6 == 2 && data[1]&0x7f >= 64 && data[1]&0x7f < 96:
			s.counts.rtcp++
			if s.rtcp {
				s.pass(data, length, b.from(i))
			}
		case data[0]>>6 == 2:
			first = s.counts.add(data, length) || first
		default:
			s.pass(data, length, b.from(i))
		}
	}
	return first
}

// pass hands a datagram to pion.
func (s *socket) pass(data []byte, length int, from netip.AddrPort) {
	if length > len(data) {
		s.dropped.Add(1)
		return
	}
	select {
	case s.in <- datagram{append([]byte(nil), data...), from}:
	default:
		s.dropped.Add(1)
	}
}

// snapshot copies the counters.
func (s *socket) snapshot() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts.clone()
}

// release closes the descriptor. The poller calls it.
func (s *socket) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.released {
		s.released = true
		_ = unix.Close(s.fd)
	}
}

// Close ends reading and writing.
func (s *socket) Close() error {
	s.once.Do(func() {
		close(s.ended)
		s.poller.remove(s)
	})
	return nil
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-s.in:
		return copy(b, d.data), d.from, nil
	case <-s.ended:
		return 0, netip.AddrPort{}, errClosed
	}
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (s *socket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released {
		return 0, errClosed
	}
	if err := unix.Sendto(s.fd, b, 0, sockaddr(to)); err != nil {
		return 0, os.NewSyscallError("sendto", err)
	}
	return len(b), nil
}

// What follows makes it a transport.UDPConn, as far as pion's ICE uses one.

var _ transport.UDPConn = (*socket)(nil)

func (s *socket) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(s.local) }
func (s *socket) RemoteAddr() net.Addr             { return nil }
func (s *socket) SetDeadline(time.Time) error      { return nil } // pion closes the socket next
func (s *socket) SetReadDeadline(time.Time) error  { return nil }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }
func (s *socket) SetReadBuffer(int) error          { return nil }
func (s *socket) SetWriteBuffer(int) error         { return nil }

func (s *socket) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromUDP(b)
	if err != nil {
		return n, nil, err
	}
	return n, from, nil
}

func (s *socket) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	return s.WriteToAddrPort(b, to.AddrPort())
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, transport.ErrNotUDPAddress
	}
	return s.WriteToUDP(b, udp)
}

func (s *socket) Read([]byte) (int, error)  { return 0, errors.ErrUnsupported }
func (s *socket) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (s *socket) ReadMsgUDP(_, _ []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	return 0, 0, 0, nil, errors.ErrUnsupported
}
func (s *socket) WriteMsgUDP(_, _ []byte, _ *net.UDPAddr) (n, oobn int, err error) {
	return 0, 0, errors.ErrUnsupported
}
