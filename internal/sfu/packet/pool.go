package packet

import "sync"

type (
	largeBuffer [MaxSize]byte
	smallBuffer [SmallSize]byte
)

// Pool recycles packets and their memory. It is safe for concurrent use and
// must not be copied. One for the whole server is enough.
type Pool struct {
	packets sync.Pool // *Packet without buffers
	large   sync.Pool // *largeBuffer
	small   sync.Pool // *smallBuffer
}

// NewPool returns an empty pool.
func NewPool() *Pool {
	pool := new(Pool)
	pool.packets.New = func() any { return &Packet{pool: pool} }
	pool.large.New = func() any { return new(largeBuffer) }
	pool.small.New = func() any { return new(smallBuffer) }
	return pool
}

// Get returns an empty packet with one reference, the caller's.
func (pool *Pool) Get() *Packet {
	p := pool.packets.Get().(*Packet)
	p.large = pool.large.Get().(*largeBuffer)
	p.refs.Store(1)
	return p
}

// shrink moves the first n octets of p to a small buffer.
func (pool *Pool) shrink(p *Packet, n int) {
	p.small = pool.small.Get().(*smallBuffer)
	copy(p.small[:n], p.large[:n])
	pool.large.Put(p.large)
	p.large = nil
}

// put takes back a packet without owners.
func (pool *Pool) put(p *Packet) {
	if p.large != nil {
		pool.large.Put(p.large)
	}
	if p.small != nil {
		pool.small.Put(p.small)
	}
	p.large, p.small = nil, nil
	p.reset()
	pool.packets.Put(p)
}
