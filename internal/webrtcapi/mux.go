package webrtcapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5"

	"aq-server/internal/udpio"
)

// rescanInterval bounds how often the interfaces are read again when a
// PeerConnection gathers candidates.
const rescanInterval = 5 * time.Second

// portMux is an ice.UDPMux of one UDP port on every address of the machine, a
// socket per address: a wildcard socket would answer from the address that the
// route prefers instead of the one that was asked. Addresses that appear later
// (a laptop that changes its network) get their socket when the next
// PeerConnection gathers.
//
// ICE is shown one address of each family, the first; see muxConn.
type portMux struct {
	net   transport.Net
	port  int
	opts  udpio.Options
	log   *slog.Logger
	demux *demux

	mu       sync.Mutex
	sockets  map[netip.AddrPort]*udpio.Socket
	order    []netip.AddrPort
	scanned  time.Time
	closed   bool
	excluded map[netip.Addr]bool // could not be bound: logged once

	// families are the sockets by family, IPv4 first; copied on write.
	families [2]atomic.Pointer[[]*udpio.Socket]
	// dead counts sockets whose reader has ended.
	dead atomic.Int32
}

// newPortMux opens the sockets. sent is shown each datagram that pion sends.
func newPortMux(network transport.Net, port int, opts udpio.Options, sent sentFunc) (*portMux, error) {
	m := &portMux{
		net: network, port: port, opts: opts, log: opts.Log, demux: newDemux(sent),
		sockets:  map[netip.AddrPort]*udpio.Socket{},
		excluded: map[netip.Addr]bool{},
	}
	for i := range m.families {
		m.families[i].Store(&[]*udpio.Socket{})
	}
	m.mu.Lock()
	err := m.scanLocked()
	if err == nil && len(m.order) == 0 {
		err = ErrNoAddress
	}
	m.mu.Unlock()
	if err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// scanLocked opens a socket for each address that has none. An address whose
// port is in use is an error only while there is no socket at all, so that the
// start fails but a running server goes on.
func (m *portMux) scanLocked() error {
	m.scanned = time.Now()
	addrs, err := localAddresses(m.net)
	if err != nil {
		return err
	}
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, uint16(m.port))
		if m.sockets[at] != nil || m.excluded[addr] {
			continue
		}
		network := "udp4"
		if addr.Is6() {
			network = "udp6"
		}
		conn, err := m.net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
		if err != nil {
			if addr.IsLoopback() && addr.Is4() || len(m.order) == 0 {
				return fmt.Errorf("open UDP port %d for media on %s: %w", m.port, addr, err)
			}
			m.excluded[addr] = true
			m.log.Warn("address not used for media", "address", addr.String(), "err", err)
			continue
		}
		m.addLocked(at, udpio.New(conn, m.opts))
	}
	return nil
}

// addLocked takes a socket into use. Its reader is ended and awaited by Close.
func (m *portMux) addLocked(at netip.AddrPort, s *udpio.Socket) {
	m.sockets[at] = s
	m.order = append(m.order, at)
	family := &m.families[familyOf(at.Addr())]
	list := append(slices.Clone(*family.Load()), s)
	family.Store(&list)
	m.demux.wg.Go(func() {
		m.demux.read(s, m.log)
		m.dead.Add(1)
	})
}

// familyOf is the place in portMux.families.
func familyOf(a netip.Addr) int {
	if a.Is6() {
		return 1
	}
	return 0
}

// localAddresses lists the machine's addresses, loopback last, without those
// that a remote peer could not name (link-local needs a zone), and without ::1
// where there is 127.0.0.1: nobody has only that.
func localAddresses(network transport.Net) ([]netip.Addr, error) {
	interfaces, err := network.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("read the network interfaces: %w", err)
	}
	var addrs, loopback []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range list {
			ipnet, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			addr, ok := netip.AddrFromSlice(ipnet.IP)
			addr = addr.Unmap()
			switch {
			case !ok || addr.IsLinkLocalUnicast() || addr.IsMulticast():
			case addr.IsLoopback():
				loopback = append(loopback, addr)
			default:
				addrs = append(addrs, addr)
			}
		}
	}
	if slices.ContainsFunc(loopback, netip.Addr.Is4) {
		loopback = slices.DeleteFunc(loopback, netip.Addr.Is6)
	}
	return append(addrs, loopback...), nil
}

func (m *portMux) addresses() []netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.order)
}

func (m *portMux) healthy() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return net.ErrClosed
	}
	if int(m.dead.Load()) == len(m.sockets) {
		return errors.New("every media socket is closed")
	}
	return nil
}

// GetConn implements ice.UDPMux.
func (m *portMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("not a UDP address: %v", addr)
	}
	family := familyOf(udp.AddrPort().Addr().Unmap())
	sockets := func() []*udpio.Socket { return *m.families[family].Load() }
	if len(sockets()) == 0 {
		return nil, fmt.Errorf("no media socket for %v", addr)
	}
	return newHandle(m.demux.get(connKey{ufrag, family == 1}, addr, sockets)), nil
}

// RemoveConnByUfrag implements ice.UDPMux.
func (m *portMux) RemoveConnByUfrag(ufrag string) { m.demux.remove(ufrag) }

// GetListenAddresses implements ice.UDPMux: the first address of each family. The
// agent calls it when it gathers.
func (m *portMux) GetListenAddresses() []net.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && time.Since(m.scanned) > rescanInterval {
		if err := m.scanLocked(); err != nil {
			m.log.Warn("interfaces not read again", "err", err)
		}
	}
	var addrs []net.Addr
	for i := range m.families {
		if list := *m.families[i].Load(); len(list) > 0 {
			addrs = append(addrs, list[0].LocalAddr())
		}
	}
	return addrs
}

// Close implements ice.UDPMux: it closes every socket and waits for their readers.
func (m *portMux) Close() error {
	m.mu.Lock()
	m.closed = true
	m.demux.closing.Store(true)
	var errs []error
	for _, s := range m.sockets {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	m.mu.Unlock()
	m.demux.wg.Wait()
	return errors.Join(errs...)
}
