package webrtcapi

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"aq-server/internal/metrics"
	"aq-server/internal/udpio"
)

// home is a server with two addresses, and a connection of ICE under the name
// "ours".
type home struct {
	demux *demux
	a, b  *udpio.Socket
	conn  *handle
}

func newHome(t testing.TB) *home {
	t.Helper()
	h := &home{demux: newDemux(func(*muxConn, *udpio.Socket, []byte, netip.AddrPort) {})}
	h.a, h.b = socketAt(t, "127.0.0.1"), socketAt(t, "127.0.0.2")
	h.conn = h.open("ours")
	t.Cleanup(func() {
		h.demux.closing.Store(true)
		_ = h.a.Close()
		_ = h.b.Close()
		h.demux.wg.Wait()
		_ = h.conn.Close()
	})
	for _, s := range []*udpio.Socket{h.a, h.b} {
		h.demux.wg.Go(func() { h.demux.read(s, slog.New(slog.DiscardHandler)) })
	}
	return h
}

func (h *home) open(ufrag string) *handle {
	return newHandle(h.demux.get(connKey{ufrag, false}, h.a.LocalAddr(), func() []*udpio.Socket { return []*udpio.Socket{h.a, h.b} }))
}

func socketAt(t testing.TB, host string) *udpio.Socket {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Skipf("no address %s here: %v", host, err)
	}
	return udpio.New(conn, udpio.Options{Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler)})
}

// guest is a client's socket.
type guest struct {
	t    testing.TB
	conn *net.UDPConn
}

func newGuest(t testing.TB) *guest {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &guest{t, conn}
}

func (g *guest) addr() netip.AddrPort { return g.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (g *guest) send(s *udpio.Socket, b []byte) {
	g.t.Helper()
	if _, err := g.conn.WriteTo(b, s.LocalAddr()); err != nil {
		g.t.Fatal(err)
	}
}

// from returns which socket the next datagram came from, and the datagram.
func (g *guest) from() (netip.AddrPort, string) {
	g.t.Helper()
	buf := make([]byte, 2000)
	_ = g.conn.SetReadDeadline(time.Now().Add(deadline))
	n, from, err := g.conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		g.t.Fatalf("nothing has come: %v", err)
	}
	return from, string(buf[:n])
}

func at(s *udpio.Socket) netip.AddrPort { return s.LocalAddr().(*net.UDPAddr).AddrPort() }

// check is a connectivity check to a user name.
func check(t testing.TB, ufrag string, more ...stun.Setter) *stun.Message {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(ufrag + ":theirs")}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func answer(t testing.TB, request *stun.Message) []byte {
	t.Helper()
	m, err := stun.Build(stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

type useCandidate struct{}

func (useCandidate) AddTo(m *stun.Message) error { m.Add(stun.AttrUseCandidate, nil); return nil }

func (h *home) expect(t testing.TB, conn *handle, want []byte, from netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 2000)
	read := make(chan error, 1)
	var n int
	var got netip.AddrPort
	go func() { // ends with the datagram, or with the handle
		var err error
		n, got, err = conn.ReadFromAddrPort(buf)
		read <- err
	}()
	select {
	case err := <-read:
		if err != nil || string(buf[:n]) != string(want) || got != from {
			t.Fatalf("read %d octets from %s (%v), want %d from %s", n, got, err, len(want), from)
		}
	case <-time.After(deadline):
		t.Fatal("nothing to read")
	}
}

func (h *home) write(t testing.TB, conn *handle, b []byte, to netip.AddrPort) {
	t.Helper()
	if _, err := conn.WriteToAddrPort(b, to); err != nil {
		t.Fatal(err)
	}
}

func TestAnswersLeaveWhereTheCheckCameIn(t *testing.T) {
	h, g := newHome(t), newGuest(t)
	one, two := check(t, "ours"), check(t, "ours")
	g.send(h.a, one.Raw)
	h.expect(t, h.conn, one.Raw, g.addr())
	g.send(h.b, two.Raw)
	h.expect(t, h.conn, two.Raw, g.addr())
	h.write(t, h.conn, answer(t, one), g.addr())
	if from, _ := g.from(); from != at(h.a) {
		t.Errorf("the first answer came from %s", from)
	}
	h.write(t, h.conn, answer(t, two), g.addr())
	if from, _ := g.from(); from != at(h.b) {
		t.Errorf("the second answer came from %s", from)
	}
}

// Media goes where media comes from, or where the client nominated; a check by
// another way changes nothing.
func TestMediaKeepsItsWay(t *testing.T) {
	h, g := newHome(t), newGuest(t)
	first := check(t, "ours")
	g.send(h.a, first.Raw)
	h.expect(t, h.conn, first.Raw, g.addr())
	h.write(t, h.conn, answer(t, first), g.addr())
	_, _ = g.from()
	step := func(what string, in []byte, by, want *udpio.Socket) {
		t.Helper()
		g.send(by, in)
		h.expect(t, h.conn, in, g.addr())
		h.write(t, h.conn, []byte("media"), g.addr())
		if from, got := g.from(); from != at(want) || got != "media" {
			t.Errorf("after %s media comes from %s", what, from)
		}
	}
	step("a check by the other way", check(t, "ours").Raw, h.b, h.a)
	step("media by the other way", []byte("\x80media"), h.b, h.b)
	step("a check by the first", check(t, "ours").Raw, h.a, h.b)
	step("a nomination of the first", check(t, "ours", useCandidate{}).Raw, h.a, h.a)
}

func TestFirstCheckLeavesByEverySocket(t *testing.T) {
	h, g := newHome(t), newGuest(t)
	ours := check(t, "theirs")
	h.write(t, h.conn, ours.Raw, g.addr())
	seen := map[netip.AddrPort]bool{}
	for range 2 {
		from, _ := g.from()
		seen[from] = true
	}
	if !seen[at(h.a)] || !seen[at(h.b)] {
		t.Errorf("the check came from %v", seen)
	}
	g.send(h.b, answer(t, ours)) // and this is the way
	h.expect(t, h.conn, answer(t, ours), g.addr())
	h.write(t, h.conn, check(t, "theirs").Raw, g.addr())
	if from, _ := g.from(); from != at(h.b) {
		t.Errorf("the next check came from %s", from)
	}
}

// Nobody gets at a connection by an address that it has not written to, and a
// restart takes the address over.
func TestWhoGetsWhat(t *testing.T) {
	h, g, other := newHome(t), newGuest(t), newGuest(t)
	other.send(h.a, []byte("\x80from a stranger"))
	other.send(h.a, check(t, "nobody").Raw)
	first := check(t, "ours")
	g.send(h.a, first.Raw)
	h.expect(t, h.conn, first.Raw, g.addr()) // and not what the stranger sent
	h.write(t, h.conn, answer(t, first), g.addr())
	g.send(h.a, []byte("\x80media"))
	h.expect(t, h.conn, []byte("\x80media"), g.addr())

	again := h.open("again")
	restart := check(t, "again")
	g.send(h.a, restart.Raw)
	h.expect(t, again, restart.Raw, g.addr())
	h.write(t, again, answer(t, restart), g.addr())
	h.demux.remove("ours")
	_ = h.conn.Close()
	g.send(h.a, []byte("\x80media again"))
	h.expect(t, again, []byte("\x80media again"), g.addr())
	_ = again.Close()
	h.demux.mu.Lock()
	defer h.demux.mu.Unlock()
	if n := len(h.demux.names) + len(h.demux.remote); n != 0 {
		t.Errorf("%d names and addresses are left", n)
	}
}

func TestClosingAHandleEndsItsReadsAlone(t *testing.T) {
	h, g := newHome(t), newGuest(t)
	second := h.open("ours")
	ended := make(chan error, 1)
	go func() { // ends with the handle
		_, _, err := second.ReadFrom(make([]byte, 2000))
		ended <- err
	}()
	_ = second.Close()
	_ = second.Close() // twice is once
	select {
	case err := <-ended:
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the read ended with %v", err)
		}
	case <-time.After(deadline):
		t.Fatal("the read goes on")
	}
	m := check(t, "ours")
	g.send(h.a, m.Raw)
	h.expect(t, h.conn, m.Raw, g.addr())
}

func TestQueueIsBounded(t *testing.T) {
	h, g := newHome(t), newGuest(t)
	c := h.conn.muxConn
	for range maxQueued + 100 {
		c.deliver(h.a, []byte("\x80x"), g.addr(), false)
	}
	if c.queued != maxQueued {
		t.Errorf("%d datagrams wait, want %d", c.queued, maxQueued)
	}
}

// FuzzReceive: whatever comes in, the reader goes on and nobody gets at what is
// not his.
func FuzzReceive(f *testing.F) {
	f.Add(check(f, "ours").Raw)
	f.Add(check(f, "ours", useCandidate{}).Raw[:25])
	f.Add([]byte{})
	f.Add([]byte("\x80\x60media"))
	h := newHome(f)
	from := netip.MustParseAddrPort("127.0.0.1:9")
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > receiveMTU {
			return
		}
		h.demux.receive(h.a, b, from)
		if ufrag, ok := requestedUfrag(b); ok && strings.Contains(ufrag, ":") {
			t.Errorf("user name fragment %q", ufrag)
		}
		h.conn.mu.Lock()
		h.conn.first, h.conn.last, h.conn.queued = nil, nil, 0
		h.conn.mu.Unlock()
	})
}

func TestOtherAddressesAreInTheOffer(t *testing.T) {
	all := []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.1:8080"), netip.MustParseAddrPort("192.0.2.9:8080"),
		netip.MustParseAddrPort("[2001:db8::1]:8080"), netip.MustParseAddrPort("127.0.0.1:8080"),
	}
	for _, c := range []struct{ line, want string }{
		{"a=candidate:1 1 udp 2130706431 192.0.2.1 8080 typ host ufrag abc\r\n",
			"a=candidate:%d 1 udp 2130706175 192.0.2.9 8080 typ host ufrag abc\r\n" +
				"a=candidate:%d 1 udp 2130705919 127.0.0.1 8080 typ host ufrag abc\r\n"},
		{"a=candidate:1 1 udp 2130706431 2001:db8::1 8080 typ host\r\n", ""}, // it is the only one
		{"a=candidate:1 1 udp 2130706431 203.0.113.5 8080 typ host\r\n", ""}, // a public one
		{"a=candidate:1 1 udp 1694498815 192.0.2.1 8080 typ srflx raddr 0.0.0.0 rport 0\r\n", ""},
		{"a=candidate:broken\r\n", ""},
		{"a=mid:0\r\n", ""},
	} {
		var b strings.Builder
		addOthers(&b, c.line, all)
		got := b.String()
		for _, line := range strings.SplitAfter(got, "\r\n") {
			if _, rest, ok := strings.Cut(line, " "); ok && !strings.Contains(c.want, rest) {
				t.Errorf("%q adds %q", c.line, line)
			}
		}
		if strings.Count(got, "\r\n") != strings.Count(c.want, "\r\n") {
			t.Errorf("%q adds %q", c.line, got)
		}
	}
}

// Of a client who is heard consent is asked for now and then; of one who is not, whenever
// pion wants to. Checks that look for a way, or nominate one, always go out.
func TestConsentIsAskedForNowAndThen(t *testing.T) {
	message := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	request := message(stun.BindingRequest)
	to, other := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("192.0.2.1:1001")
	c := &muxConn{routes: []route{{to: to}}}
	check := func(what string, b []byte, to netip.AddrPort, want bool) {
		t.Helper()
		if got := c.needless(b, to); got != want {
			t.Errorf("%s: needless %v, want %v", what, got, want)
		}
	}
	heard := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.noteSocketLocked(nil, message(stun.BindingSuccess), to, true)
	}
	heard()
	check("before the way is proven", request, to, false)
	c.tap.Store(&Inbound{})
	check("the first", request, to, false)
	heard()
	check("the next", request, to, true)
	check("nothing heard since", request, to, false)
	heard()
	check("a nomination", message(stun.BindingRequest, stun.RawAttribute{Type: stun.AttrUseCandidate}), to, false)
	check("an answer", message(stun.BindingSuccess), to, false)
	check("media", []byte{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, to, false)
	check("another address", request, other, false)
	check("heard all the while", request, to, true)
	heard()
	c.routes[0].asked = time.Now().Add(-consentInterval)
	check("after a while", request, to, false)
}
