// Package packet holds received RTP packets in reference-counted pooled memory:
// the only memory of the media path that crosses goroutines.
//
//	Pool.Get -> read into Buf -> Parse -> Retain once per further owner -> Release by each
//
// A packet belongs to the goroutine that got it until it hands out references;
// from then on nobody may write to it, and each owner may read it until his own
// Release. The last Release returns the memory to the pool.
package packet

import (
	"sync/atomic"
	"time"

	"aq-server/internal/sfu/codec"
)

const (
	// MaxSize is the largest packet that can be read: an Ethernet MTU, from
	// which IP and UDP headers are still to be taken.
	MaxSize = 1500
	// SmallSize bounds the packets that Parse moves to a small buffer, so that
	// an audio packet kept in a history does not hold MaxSize. 320 octets are
	// 20 ms of Opus at 110 kbit/s with its headers.
	SmallSize = 320
)

// Packet is one received RTP packet.
type Packet struct {
	// Set by Parse.

	SSRC   uint32
	TS     uint32
	SN     uint16
	PT     uint8
	Marker bool
	// Padding is the number of padding octets, the count octet included.
	Padding uint8
	// Payload is what lies between header and padding. It is empty in the
	// packets that senders use to probe for bandwidth.
	Payload []byte

	// Set by the layer's reader before it hands the packet on.

	ExtSN    int64 // SN unwrapped
	ExtTS    int64 // TS unwrapped
	Arrival  time.Time
	Codec    codec.Type
	Keyframe bool // first packet of a keyframe, see codec.IsKeyframe
	RTX      bool // came as a retransmission

	raw        []byte // the packet as parsed
	extensions []byte // body of the header extension
	twoByte    bool   // RFC 8285 section 4.3 instead of 4.2

	refs  atomic.Int32
	pool  *Pool
	large *largeBuffer // one of the two holds raw
	small *smallBuffer
}

// Buf returns the memory to read a packet into, MaxSize long. It may be called
// between Get and Parse only.
func (p *Packet) Buf() []byte { return p.large[:] }

// Raw returns the packet as parsed, header and padding included.
func (p *Packet) Raw() []byte { return p.raw }

// HeaderSize returns the octets before the payload.
func (p *Packet) HeaderSize() int { return len(p.raw) - len(p.Payload) - int(p.Padding) }

// Retain adds a reference for one more owner. It panics when the packet has
// none left, because then the memory may be another packet's already.
func (p *Packet) Retain() {
	if p.refs.Add(1) <= 1 {
		panic("packet: Retain of a released packet")
	}
}

// Release gives up one reference; the caller must not touch the packet
// afterwards. It panics when there was none.
func (p *Packet) Release() {
	switch n := p.refs.Add(-1); {
	case n < 0:
		panic("packet: Release of a released packet")
	case n == 0:
		p.pool.put(p)
	}
}

// reset forgets everything but the memory.
func (p *Packet) reset() {
	p.SSRC, p.TS, p.SN, p.PT, p.Marker, p.Padding, p.Payload = 0, 0, 0, 0, false, 0, nil
	p.ExtSN, p.ExtTS, p.Arrival = 0, 0, time.Time{}
	p.Codec, p.Keyframe, p.RTX = codec.Unknown, false, false
	p.raw, p.extensions, p.twoByte = nil, nil, false
}
