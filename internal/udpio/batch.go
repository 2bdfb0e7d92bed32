package udpio

import (
	"net/netip"
	"sync/atomic"
)

const (
	// MaxDatagram bounds one datagram of a batch: what fills an Ethernet frame when
	// it comes is larger when it leaves, with other header extensions.
	MaxDatagram = 1600
	// maxMessages is how many messages one system call sends. More would save
	// nothing and make the first wait for the last.
	maxMessages = 64
	// maxSegments is UDP_MAX_SEGMENTS of Linux before 6.9.
	maxSegments = 64
	// maxMessage is what a UDP datagram can be, and so a message of several.
	maxMessage = 65507 - 8
	// arenaSize holds 100 full datagrams; a batch that is full is sent.
	arenaSize = 160 << 10
)

// Path is a way to one remote address. It is made once for many packets.
type Path struct {
	socket *Socket
	to     netip.AddrPort
	name   sockaddr
	// narrow is set when the kernel refused several datagrams as one message on
	// this way: it carries smaller packets only, so they have to be cut by IP.
	narrow atomic.Bool
}

// NewPath returns the way through a socket to an address.
func NewPath(s *Socket, to netip.AddrPort) *Path {
	p := &Path{socket: s, to: netip.AddrPortFrom(to.Addr().Unmap(), to.Port())}
	if s.kernel != nil {
		p.name = s.kernel.sockaddr(p.to)
	}
	return p
}

// To returns the remote address.
func (p *Path) To() netip.AddrPort { return p.to }

// Socket returns the socket.
func (p *Path) Socket() *Socket { return p.socket }

// message is what one entry of sendmmsg(2) gets: datagrams of one size, the last
// may be smaller.
type message struct {
	path       *Path
	start, end int // in the arena
	segment    int // octets of each datagram
	last       int // of the last one
	count      int
}

// Batch gathers datagrams until Flush. It belongs to one goroutine at a time,
// and holds memory of a fixed size.
type Batch struct {
	arena    []byte
	used     int
	messages [maxMessages]message
	n        int
	order    [maxMessages]uint8 // in which they are sent
	sends    int
	system   systemBatch
}

// NewBatch returns an empty batch.
func NewBatch() *Batch {
	b := &Batch{arena: make([]byte, arenaSize)}
	b.system.init()
	return b
}

// Room returns memory for one datagram of up to MaxDatagram octets, which Add
// takes over. It may send what the batch holds.
func (b *Batch) Room() []byte {
	if arenaSize-b.used < MaxDatagram {
		b.send()
	}
	return b.arena[b.used : b.used+MaxDatagram : b.used+MaxDatagram]
}

// Add puts the first size octets of the last Room on the way.
func (b *Batch) Add(p *Path, size int) {
	if b.n > 0 && b.messages[b.n-1].add(p, size) {
		b.used += size
		return
	}
	if b.n == maxMessages {
		// The datagram is in the arena behind what is sent now: it moves down.
		start := b.used
		b.send()
		copy(b.arena, b.arena[start:start+size])
	}
	b.messages[b.n] = message{path: p, start: b.used, end: b.used + size, segment: size, last: size, count: 1}
	b.n++
	b.used += size
}

// add appends a datagram, which lies behind the message in the arena, if it
// fits.
func (m *message) add(p *Path, size int) bool {
	if m.path != p || m.last != m.segment || size > m.segment || m.count == maxSegments ||
		m.end-m.start+size > maxMessage || p.narrow.Load() || !p.socket.GSO() {
		return false
	}
	m.end += size
	m.last = size
	m.count++
	return true
}

// Flush sends what the batch holds.
func (b *Batch) Flush() {
	if b.n > 0 {
		b.send()
	}
}

// Sends returns how often the batch has been sent since it was made: a long one
// is a place to let others have the processor.
func (b *Batch) Sends() int { return b.sends }

// send hands the messages to their sockets, all of a socket at once.
func (b *Batch) send() {
	b.sends++
	b.group()
	for i := 0; i < b.n; {
		socket, j := b.at(i).path.socket, i+1
		for j < b.n && b.at(j).path.socket == socket {
			j++
		}
		if socket.kernel != nil {
			socket.kernel.send(b, i, j, socket.metrics)
		} else {
			socket.sendSingly(b, i, j)
		}
		i = j
	}
	clear(b.messages[:b.n]) // let go of the paths
	b.n, b.used = 0, 0
}

// at is the message that is sent as the i-th.
func (b *Batch) at(i int) *message { return &b.messages[b.order[i]] }

// group orders the messages by their sockets: a machine has a few, and people on each
// of them in any order. Those of one socket stay in the order they had.
func (b *Batch) group() {
	var taken [maxMessages]bool
	n := 0
	for first := 0; first < b.n; first++ {
		if taken[first] {
			continue
		}
		socket := b.messages[first].path.socket
		for i := first; i < b.n; i++ {
			if !taken[i] && b.messages[i].path.socket == socket {
				taken[i], b.order[n] = true, uint8(i)
				n++
			}
		}
	}
}

// sendSingly sends the datagrams of messages [i, j) one by one.
func (s *Socket) sendSingly(b *Batch, i, j int) {
	for ; i < j; i++ {
		m := b.at(i)
		for at := m.start; at < m.end; at += m.segment {
			s.metrics.SendCalls.Add(1)
			s.metrics.SendMessages.Add(1)
			if _, err := s.WriteToAddrPort(b.arena[at:min(at+m.segment, m.end)], m.path.to); err != nil {
				s.metrics.SendFailed.Add(1)
			}
		}
	}
}
