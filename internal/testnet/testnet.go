// Package testnet puts the server's media plane and its peers on a simulated
// network inside a testing/synctest bubble: time is virtual, loss and delay are
// dialled in, and nothing touches a real socket.
//
//	synctest.Test(t, func(t *testing.T) {
//		net := testnet.New(t, testnet.Loss(0.05), testnet.Delay(20*time.Millisecond))
//		session := net.Session(sfu.Options{})
//		alice := net.Join(session, "alice").SendVP8(30) // frames a second
//		time.Sleep(10 * time.Second)                    // virtual: a late joiner
//		bob := net.Join(session, "bob")
//		bob.WaitKeyframe(alice, time.Second) // an outcome, with a bound
//	})
//
// Everything that is made is closed by t.Cleanup, in reverse order; a goroutine
// that is left over fails the test, because the bubble cannot end.
package testnet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/vnet"
)

const (
	subnet   = "10.0.0.0/24"
	serverIP = "10.0.0.1"
)

// Net is a network of one server and its clients, each with an address of its
// own. Its conditions hold for every packet from now on; they may be changed at
// any time from any goroutine.
type Net struct {
	t      testing.TB
	router *vnet.Router
	server *vnet.Net

	mu      sync.Mutex
	random  *rand.Rand
	links   map[string]*Link // by the client's address
	all     condition
	created int
}

type condition struct {
	lossUp, lossDown float64
	cut              bool
}

// An Option shapes the whole network.
type Option func(*options)

type options struct {
	loss      float64
	delay     time.Duration
	jitter    time.Duration
	duplicate float64
	late      float64
	lateBy    time.Duration
}

// Loss loses that share of all packets, 0 to 1, in both directions.
func Loss(share float64) Option { return func(o *options) { o.loss = share } }

// Delay is the time that a packet takes one way.
func Delay(d time.Duration) Option { return func(o *options) { o.delay = d } }

// Jitter adds up to d to the way of each packet. Packets stay in order.
func Jitter(d time.Duration) Option { return func(o *options) { o.jitter = d } }

// Duplicate delivers that share of all packets twice, the second time up to
// twice the network's delay later.
func Duplicate(share float64) Option { return func(o *options) { o.duplicate = share } }

// Reorder lets that share of all packets be late by the network's delay and up
// to a further time, so that younger ones overtake them.
func Reorder(share float64, by time.Duration) Option {
	return func(o *options) { o.late, o.lateBy = share, by }
}

// New makes a network and starts it.
func New(t testing.TB, opts ...Option) *Net {
	t.Helper()
	var o options
	for _, option := range opts {
		option(&o)
	}
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	quiet.Writer = io.Discard
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: subnet, MinDelay: o.delay, MaxJitter: o.jitter, LoggerFactory: quiet,
	})
	if err != nil {
		t.Fatalf("testnet: %v", err)
	}
	n := &Net{
		t: t, router: router, links: make(map[string]*Link),
		random: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // the same losses in each run
		all:    condition{lossUp: o.loss, lossDown: o.loss},
	}
	n.server = n.host(serverIP)
	if o.duplicate > 0 {
		router.AddChunkFilter(n.again(o.duplicate, o.delay).ChunkFilter())
	}
	if o.late > 0 {
		router.AddChunkFilter(n.reorder(o.late, n.again(1, o.lateBy)))
	}
	router.AddChunkFilter(n.pass)
	if err := router.Start(); err != nil {
		t.Fatalf("testnet: %v", err)
	}
	t.Cleanup(func() {
		if err := router.Stop(); err != nil {
			t.Errorf("testnet: %v", err)
		}
	})
	return n
}

// Server is the network as the server sees it, for webrtcapi.Options.Net.
func (n *Net) Server() transport.Net {
	return shapedNet{n.server, func(to net.Addr) *shaper {
		n.mu.Lock()
		defer n.mu.Unlock()
		if l := n.links[ipOf(to)]; l != nil {
			return &l.down
		}
		return nil
	}}
}

// host adds a machine with that address.
func (n *Net) host(ip string) *vnet.Net {
	n.t.Helper()
	machine, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
	if err != nil {
		n.t.Fatalf("testnet: %v", err)
	}
	if err := n.router.AddNet(machine); err != nil {
		n.t.Fatalf("testnet: %v", err)
	}
	return machine
}

// Interfaces is for client.Options.Interfaces: it leaves out the loopback of the
// simulated machines, from where packets would reach the server all the same.
func Interfaces(name string) bool { return name == "eth0" }

// again makes a filter that sends a share of the packets once more, after at
// most that time.
func (n *Net) again(share float64, within time.Duration) *vnet.DuplicationFilter {
	n.t.Helper()
	filter, err := vnet.NewDuplicationFilter(n.router,
		vnet.WithDuplicationProbability(share), vnet.WithDuplicationSeed(3),
		vnet.WithDuplicationExtraDelay(time.Millisecond, max(within, 2*time.Millisecond)))
	if err != nil {
		n.t.Fatalf("testnet: %v", err)
	}
	n.t.Cleanup(func() {
		if err := filter.Close(); err != nil {
			n.t.Errorf("testnet: %v", err)
		}
	})
	return filter
}

// reorder holds back a share of the packets: it has them sent again, and drops
// the first of the two.
func (n *Net) reorder(share float64, again *vnet.DuplicationFilter) vnet.ChunkFilter {
	repeat := again.ChunkFilter()
	var mu sync.Mutex
	late := make(map[string]int) // by addresses and content
	return func(chunk vnet.Chunk) bool {
		key := chunk.SourceAddr().String() + chunk.DestinationAddr().String() + string(chunk.UserData())
		mu.Lock()
		defer mu.Unlock()
		if late[key] > 0 {
			if late[key]--; late[key] == 0 {
				delete(late, key)
			}
			return true
		}
		n.mu.Lock()
		chosen := n.random.Float64() < share
		n.mu.Unlock()
		if chosen {
			late[key]++
			repeat(chunk)
		}
		return !chosen
	}
}

// Link is the way between one client and the server.
type Link struct {
	n    *Net
	net  *vnet.Net
	cond condition // guarded by n.mu

	// Guarded by n.mu: the client's ports seen so far, and those that a NAT has
	// forgotten.
	ports, forgotten map[int]bool
	up, down         shaper
}

// NewLink adds a client's machine to the network.
func (n *Net) NewLink() *Link {
	n.t.Helper()
	n.mu.Lock()
	n.created++
	ip := fmt.Sprintf("10.0.0.%d", 1+n.created)
	n.mu.Unlock()
	l := &Link{n: n, net: n.host(ip), ports: map[int]bool{}, forgotten: map[int]bool{}}
	n.mu.Lock()
	n.links[ip] = l
	n.mu.Unlock()
	return l
}

// Net is the network as this client sees it, for client.Options.Net.
func (l *Link) Net() transport.Net {
	return freshNet{shapedNet{l.net, func(net.Addr) *shaper { return &l.up }}, l}
}

// freshNet never gives a port again that a NAT has forgotten, which the simulated
// network's choice at random would once in a thousand times.
type freshNet struct {
	shapedNet
	l *Link
}

func (n freshNet) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	if at != nil && at.Port != 0 {
		return n.shapedNet.ListenUDP(network, at)
	}
	for {
		var choice net.UDPAddr // vnet writes its choice into it
		if at != nil {
			choice = *at
		}
		conn, err := n.shapedNet.ListenUDP(network, &choice)
		if err != nil || !n.l.hasForgotten(conn.LocalAddr()) {
			return conn, err
		}
		defer func() { _ = conn.Close() }() // not before another one is found
	}
}

func (l *Link) hasForgotten(at net.Addr) bool {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	udp, ok := at.(*net.UDPAddr)
	return ok && l.forgotten[udp.Port]
}

// Loss loses that share of the packets to the server (up) and from it (down),
// beside what the whole network loses.
func (l *Link) Loss(up, down float64) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.cond.lossUp, l.cond.lossDown = up, down
}

// Cut loses everything both ways while it is set.
func (l *Link) Cut(cut bool) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.cond.cut = cut
}

// Forget loses for ever what comes from the ports that the client has used so
// far, and what goes to them, as when a NAT has lost its mappings or the client
// has moved to another network. Sockets that he opens from now on work.
func (l *Link) Forget() {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	for port := range l.ports {
		l.forgotten[port] = true
	}
}

// forgot notes the client's port of a packet and tells whether it is forgotten.
// Caller holds n.mu.
func (l *Link) forgot(chunk vnet.Chunk, up bool) bool {
	addr := chunk.DestinationAddr()
	if up {
		addr = chunk.SourceAddr()
	}
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return false
	}
	l.ports[udp.Port] = true
	return l.forgotten[udp.Port]
}

// Cut loses everything on the whole network while it is set.
func (n *Net) Cut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all.cut = cut
}

// pass decides the fate of a packet.
func (n *Net) pass(chunk vnet.Chunk) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	link, up := n.links[ipOf(chunk.SourceAddr())], true
	if link == nil {
		link, up = n.links[ipOf(chunk.DestinationAddr())], false
	}
	conditions := []condition{n.all}
	if link != nil {
		if link.forgot(chunk, up) {
			return false
		}
		conditions = append(conditions, link.cond)
	}
	for _, c := range conditions {
		loss := c.lossDown
		if up {
			loss = c.lossUp
		}
		if c.cut || (loss > 0 && n.random.Float64() < loss) {
			return false
		}
	}
	return true
}

func ipOf(a net.Addr) string {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.IP.String()
	}
	return ""
}
