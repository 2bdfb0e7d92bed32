//go:build linux

package main

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func startPoller(t testing.TB) *poller {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// sender is a socket of somebody who sends to others.
func sender(t testing.TB) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t testing.TB, from *net.UDPConn, to *socket, data []byte) {
	t.Helper()
	if _, err := from.WriteToUDPAddrPort(data, to.local); err != nil {
		t.Fatal(err)
	}
}

// packet is RTP with a payload.
func packet(ssrc uint32, number uint16, size int) []byte {
	return append(header(ssrc, number), make([]byte, size)...)
}

// read reads what pion would, with a limit of time.
func read(t *testing.T, s *socket) []byte {
	t.Helper()
	timer := time.AfterFunc(10*time.Second, func() { _ = s.Close() })
	defer timer.Stop()
	b := make([]byte, mtu)
	n, _, err := s.ReadFromAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestPollerCountsRTPAndPassesTheRest(t *testing.T) {
	p, from := startPoller(t), sender(t)
	first := make(chan time.Time, 2)
	s, err := p.listen(loopback, true, func(at time.Time) { first <- at })
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte{22}, 1200) // DTLS as long as a certificate
	send(t, from, s, long)
	if got := read(t, s); !bytes.Equal(got, long) {
		t.Errorf("%d bytes came of a handshake message of %d", len(got), len(long))
	}
	for i := range 100 {
		send(t, from, s, packet(7, uint16(i), 1000))
	}
	send(t, from, s, []byte{1})                                      // too short for anything
	send(t, from, s, append([]byte{0x80, 200}, make([]byte, 26)...)) // a sender report
	if got := read(t, s); len(got) != 28 {
		t.Errorf("RTCP of %d bytes", len(got))
	}
	stun := append([]byte{0, 1}, make([]byte, 18)...)
	send(t, from, s, stun)
	if got := read(t, s); !bytes.Equal(got, stun) {
		t.Errorf("STUN became % x", got)
	}
	c := s.snapshot()
	if len(c.streams) != 1 || c.streams[0].packets != 100 || c.streams[0].bytes != 100*1012 || c.rtcp != 1 {
		t.Errorf("%+v", c)
	}
	if len(first) != 1 {
		t.Errorf("told of a first packet %d times", len(first))
	}
}

func TestPollerOfManySockets(t *testing.T) {
	const sockets, packets = 50, 40
	from := sender(t)
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	list := make([]*socket, sockets)
	started := make(chan time.Time, 2*sockets)
	for i := range list {
		var err error
		if list[i], err = p.listen(loopback, false, func(at time.Time) { started <- at }); err != nil {
			t.Fatal(err)
		}
	}
	for n := range packets {
		for i, s := range list {
			send(t, from, s, packet(uint32(i), uint16(n), 500))
		}
	}
	for i, s := range list { // what comes last is read last
		end := []byte("an end, and not RTP")
		send(t, from, s, end)
		if got := read(t, s); !bytes.Equal(got, end) {
			t.Errorf("socket %d: %q", i, got)
		}
		c := s.snapshot()
		if len(c.streams) != 1 || c.streams[0].ssrc != uint32(i) || c.streams[0].packets != packets {
			t.Errorf("socket %d: %+v", i, c)
		}
	}
	p.close()
	if len(started) != sockets {
		t.Errorf("%d of %d sockets had a first packet", len(started), sockets)
	}
}

func TestClosedSocket(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.listen(loopback, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	open, err := p.listen(loopback, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.WriteToAddrPort([]byte("hello"), s.local); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	_ = s.Close()
	if _, _, err := s.ReadFrom(make([]byte, 10)); !errors.Is(err, net.ErrClosed) && err != nil {
		t.Errorf("a read of a closed socket: %v", err)
	}
	p.close()
	for name, s := range map[string]*socket{"closed": s, "left open": open} {
		if _, err := s.WriteTo([]byte("x"), open.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: a write after the end of the poller: %v", name, err)
		}
	}
	if _, err := p.listen(loopback, false, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a socket after the end: %v", err)
	}
}

// BenchmarkDrain is what one packet costs the load generator: bursts of six to
// each of a hundred sockets. The sends are not counted.
func BenchmarkDrain(b *testing.B) {
	p, from := &poller{batch: newBatch()}, sender(b)
	real := startPoller(b)
	list := make([]*socket, 100)
	for i := range list {
		s, err := real.listen(loopback, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		real.mu.Lock()
		delete(real.sockets, s.fd) // it is read here
		real.mu.Unlock()
		b.Cleanup(s.release)
		list[i] = s
	}
	b.ReportAllocs()
	number := uint16(0)
	for range b.N {
		b.StopTimer()
		for _, s := range list {
			for i := range uint16(6) {
				send(b, from, s, packet(1, number+i, 1100))
			}
		}
		number += 6
		b.StartTimer()
		for _, s := range list {
			s.drain(p.batch)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*600), "ns/packet")
}
