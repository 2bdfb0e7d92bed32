package webrtcapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
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
type portMux struct {
	net  transport.Net
	port int
	opts udpio.Options
	log  *slog.Logger
	pion logging.LeveledLogger

	mu       sync.Mutex
	muxes    map[netip.AddrPort]*ice.UDPMuxDefault
	order    []netip.AddrPort
	scanned  time.Time
	closed   bool
	excluded map[netip.Addr]bool // could not be bound: logged once
}

func newPortMux(network transport.Net, port int, opts udpio.Options, pion logging.LeveledLogger) (*portMux, error) {
	m := &portMux{
		net: network, port: port, opts: opts, log: opts.Log, pion: pion,
		muxes:    map[netip.AddrPort]*ice.UDPMuxDefault{},
		excluded: map[netip.Addr]bool{},
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.scanLocked(); err != nil {
		m.closeLocked()
		return nil, err
	}
	if len(m.order) == 0 {
		return nil, ErrNoAddress
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
		if m.muxes[at] != nil || m.excluded[addr] {
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
		m.muxes[at] = ice.NewUDPMuxDefault(ice.UDPMuxParams{
			UDPConn: udpio.New(conn, m.opts), Logger: m.pion, Net: m.net,
		})
		m.order = append(m.order, at)
	}
	return nil
}

// localAddresses lists the machine's addresses, loopback last, without those
// that a remote peer could not name (link-local needs a zone).
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
	return append(addrs, loopback...), nil
}

func (m *portMux) addresses() []netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]netip.AddrPort(nil), m.order...)
}

func (m *portMux) healthy() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return net.ErrClosed
	}
	for _, mux := range m.muxes {
		if !mux.IsClosed() {
			return nil
		}
	}
	return errors.New("every media socket is closed")
}

// GetConn implements ice.UDPMux.
func (m *portMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("not a UDP address: %v", addr)
	}
	at := udp.AddrPort()
	m.mu.Lock()
	mux := m.muxes[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())]
	m.mu.Unlock()
	if mux == nil {
		return nil, fmt.Errorf("no media socket at %v", addr)
	}
	return mux.GetConn(ufrag, addr)
}

// RemoveConnByUfrag implements ice.UDPMux.
func (m *portMux) RemoveConnByUfrag(ufrag string) {
	for _, mux := range m.snapshot() {
		mux.RemoveConnByUfrag(ufrag)
	}
}

// GetListenAddresses implements ice.UDPMux. The agent calls it when it gathers.
func (m *portMux) GetListenAddresses() []net.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed && time.Since(m.scanned) > rescanInterval {
		if err := m.scanLocked(); err != nil {
			m.log.Warn("interfaces not read again", "err", err)
		}
	}
	addrs := make([]net.Addr, 0, len(m.order))
	for _, at := range m.order {
		addrs = append(addrs, m.muxes[at].LocalAddr())
	}
	return addrs
}

func (m *portMux) snapshot() []*ice.UDPMuxDefault {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*ice.UDPMuxDefault, 0, len(m.muxes))
	for _, mux := range m.muxes {
		list = append(list, mux)
	}
	return list
}

// Close implements ice.UDPMux and closes every socket.
func (m *portMux) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closeLocked()
}

func (m *portMux) closeLocked() error {
	m.closed = true
	var errs []error
	for _, mux := range m.muxes {
		errs = append(errs, mux.Close())
	}
	return errors.Join(errs...)
}
