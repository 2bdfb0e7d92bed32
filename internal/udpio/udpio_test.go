package udpio

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aq-server/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens a socket of the kernel on loopback.
func listen(t testing.TB, network, host string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP(network, &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func socket(t testing.TB, conn net.PacketConn) *Socket {
	s := New(conn, Options{Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func addrOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// put adds a datagram of one octet, repeated, to a batch.
func put(b *Batch, p *Path, size int, fill byte) {
	room := b.Room()
	for i := range size {
		room[i] = fill
	}
	b.Add(p, size)
}

// receive reads one datagram.
func receive(t testing.TB, c *net.UDPConn) []byte {
	t.Helper()
	buf := make([]byte, 70000)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(buf)
	if err != nil {
		t.Fatalf("a datagram is missing: %v", err)
	}
	return buf[:n]
}

// nothingMore checks that no datagram is left.
func nothingMore(t testing.TB, c *net.UDPConn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := c.Read(make([]byte, 70000)); err == nil {
		t.Errorf("a datagram of %d octets too many", n)
	}
}

// plainConn hides that a connection is the kernel's.
type plainConn struct{ net.PacketConn }

func TestBatchesArriveAsTheyWereWritten(t *testing.T) {
	for _, c := range []struct {
		name, network, host string
		wrap                func(*net.UDPConn) net.PacketConn
		gso                 bool
	}{
		{"kernel", "udp4", "127.0.0.1", func(c *net.UDPConn) net.PacketConn { return c }, true},
		{"kernel without GSO", "udp4", "127.0.0.1", func(c *net.UDPConn) net.PacketConn { return c }, false},
		{"kernel, IPv6", "udp6", "::1", func(c *net.UDPConn) net.PacketConn { return c }, true},
		{"other", "udp4", "127.0.0.1", func(c *net.UDPConn) net.PacketConn { return plainConn{c} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := socket(t, c.wrap(listen(t, c.network, c.host)))
			if s.kernel != nil && !c.gso {
				s.kernel.gso.Store(false)
			}
			const people, rounds = 7, 40
			random := rand.New(rand.NewPCG(1, 2))
			b := NewBatch()
			var receivers [people]*net.UDPConn
			var paths [people]*Path
			for i := range people {
				receivers[i] = listen(t, c.network, c.host)
				paths[i] = NewPath(s, addrOf(receivers[i]))
			}
			for range rounds {
				var sent [people][][]byte
				for i := range people {
					// Mostly a run of one size, as a frame is, sometimes anything.
					size := 1 + random.IntN(MaxDatagram)
					for range 1 + random.IntN(12) {
						if random.IntN(5) == 0 {
							size = 1 + random.IntN(MaxDatagram)
						}
						fill := byte(random.Uint32())
						put(b, paths[i], size, fill)
						sent[i] = append(sent[i], bytes.Repeat([]byte{fill}, size))
					}
				}
				b.Flush()
				for i, list := range sent {
					for n, want := range list {
						if got := receive(t, receivers[i]); !bytes.Equal(got, want) {
							t.Fatalf("person %d, datagram %d: %d octets of %d, want %d of %d",
								i, n, len(got), got[0], len(want), want[0])
						}
					}
				}
			}
			for _, r := range receivers {
				nothingMore(t, r)
			}
			if n := s.metrics.SendFailed.Load() + s.metrics.SendResent.Load(); n != 0 {
				t.Errorf("%d datagrams failed or were sent again", n)
			}
		})
	}
}

// A run to one person is one message for the kernel, a batch of many people one
// system call.
func TestRunIsOneMessage(t *testing.T) {
	s := socket(t, listen(t, "udp4", "127.0.0.1"))
	if !s.GSO() {
		t.Skip("the kernel has no UDP_SEGMENT")
	}
	b := NewBatch()
	for range 10 {
		p := NewPath(s, addrOf(listen(t, "udp4", "127.0.0.1")))
		for i := range 6 {
			put(b, p, 1100-i/5*500, 1) // the last one is smaller
		}
	}
	b.Flush()
	if calls, messages := s.metrics.SendCalls.Load(), s.metrics.SendMessages.Load(); calls != 1 || messages != 10 {
		t.Errorf("%d calls with %d messages, want 1 with 10", calls, messages)
	}
}

// People on two sockets, in any order, cost a system call for each socket, and what one
// of them gets stays in its order.
func TestOneCallForEachSocket(t *testing.T) {
	sockets := []*Socket{socket(t, listen(t, "udp4", "127.0.0.1")), socket(t, listen(t, "udp4", "127.0.0.1"))}
	if sockets[0].kernel == nil {
		t.Skip("no batches here")
	}
	var receivers []*net.UDPConn
	b := NewBatch()
	for i := range 20 {
		r := listen(t, "udp4", "127.0.0.1")
		receivers = append(receivers, r)
		p := NewPath(sockets[i/3%2], addrOf(r))
		for n := range 3 { // of different sizes: three messages
			put(b, p, 10+n*5, byte(i*3+n))
		}
	}
	b.Flush()
	for i, r := range receivers {
		for n := range 3 {
			if got := receive(t, r); got[0] != byte(i*3+n) || len(got) != 10+n*5 {
				t.Errorf("receiver %d: %d octets of %d, want %d of %d", i, len(got), got[0], 10+n*5, i*3+n)
			}
		}
	}
	for i, s := range sockets {
		if n := s.metrics.SendCalls.Load(); n != 1 {
			t.Errorf("socket %d: %d system calls", i, n)
		}
	}
}

func TestFullBatchIsSent(t *testing.T) {
	s := socket(t, listen(t, "udp4", "127.0.0.1"))
	r := listen(t, "udp4", "127.0.0.1")
	_ = r.SetReadBuffer(4 << 20)
	p := NewPath(s, addrOf(r))
	b := NewBatch()
	const many = 3*maxMessages + 5
	for i := range many { // each another size: a message each
		put(b, p, 100+i%2*50+i%7, byte(i))
	}
	if b.Sends() == 0 {
		t.Error("nothing was sent before the flush")
	}
	b.Flush()
	for i := range many {
		if got := receive(t, r); got[0] != byte(i) || len(got) != 100+i%2*50+i%7 {
			t.Fatalf("datagram %d is %d octets of %d", i, len(got), got[0])
		}
	}
	nothingMore(t, r)
}

func TestReadsAreInOrderAndNameTheSender(t *testing.T) {
	for _, c := range [][2]string{{"udp4", "127.0.0.1"}, {"udp6", "::1"}} {
		s := socket(t, listen(t, c[0], c[1]))
		local := s.LocalAddr().(*net.UDPAddr)
		senders := []*net.UDPConn{listen(t, c[0], c[1]), listen(t, c[0], c[1])}
		const many = 3 * 32
		for i := range many {
			if _, err := senders[i%2].WriteTo(bytes.Repeat([]byte{byte(i)}, i+1), local); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 2048)
		for i := range many {
			n, from, err := s.ReadFromAddrPort(buf)
			if err != nil {
				t.Fatal(err)
			}
			if n != i+1 || buf[0] != byte(i) || from != addrOf(senders[i%2]) {
				t.Fatalf("read %d: %d octets of %d from %s", i, n, buf[0], from)
			}
		}
	}
}

func TestReadEndsWithTheSocket(t *testing.T) {
	s := socket(t, listen(t, "udp4", "127.0.0.1"))
	ended := make(chan error, 1)
	go func() { // ends when the socket is closed
		_, _, err := s.ReadFromAddrPort(make([]byte, 2048))
		ended <- err
	}()
	_ = s.Close()
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
			t.Errorf("the read ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the read goes on")
	}
	b := NewBatch()
	put(b, NewPath(s, netip.MustParseAddrPort("127.0.0.1:9")), 10, 1)
	b.Flush()
	if s.metrics.SendFailed.Load() != 1 {
		t.Error("a datagram for a closed socket does not count as failed")
	}
}

// What cannot be sent is one datagram's trouble, not that of its neighbours.
func TestRefusedDatagramStopsNobody(t *testing.T) {
	s := socket(t, listen(t, "udp4", "127.0.0.1"))
	r := listen(t, "udp4", "127.0.0.1")
	// A socket that is bound to loopback cannot send to the outside.
	outside := NewPath(s, netip.MustParseAddrPort("192.0.2.1:9"))
	p := NewPath(s, addrOf(r))
	b := NewBatch()
	put(b, p, 10, 1)
	put(b, outside, 10, 2)
	put(b, p, 10, 3)
	b.Flush()
	for _, want := range []byte{1, 3} {
		if got := receive(t, r); got[0] != want {
			t.Errorf("got %d, want %d", got[0], want)
		}
	}
	if n := s.metrics.SendFailed.Load(); n != 1 {
		t.Errorf("%d failed, want 1", n)
	}
}

func TestBatchAllocatesNothing(t *testing.T) {
	s := socket(t, listen(t, "udp4", "127.0.0.1"))
	b := NewBatch()
	var paths []*Path
	for range 100 {
		paths = append(paths, NewPath(s, addrOf(listen(t, "udp4", "127.0.0.1"))))
	}
	if n := testing.AllocsPerRun(50, func() {
		for _, p := range paths {
			put(b, p, 1000, 1)
			put(b, p, 1000, 2)
		}
		b.Flush()
	}); n != 0 {
		t.Errorf("%.1f allocations in a batch", n)
	}
	buf := make([]byte, 2048)
	out := listen(t, "udp4", "127.0.0.1")
	to := s.LocalAddr().(*net.UDPAddr).AddrPort()
	if n := testing.AllocsPerRun(50, func() {
		_, _ = out.WriteToUDPAddrPort([]byte("x"), to)
		_, _, _ = s.ReadFromAddrPort(buf)
	}); n != 0 {
		t.Errorf("%.1f allocations in a read", n)
	}
}
