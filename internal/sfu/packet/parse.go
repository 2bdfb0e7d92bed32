package packet

import (
	"encoding/binary"
	"errors"
)

// Why Parse refuses a packet.
var (
	// ErrShort: the packet ends within its own header.
	ErrShort = errors.New("packet: shorter than its header says")
	// ErrVersion: not version 2, so not RTP.
	ErrVersion = errors.New("packet: not RTP version 2")
	// ErrPadding: the padding count is 0 or larger than the payload. Packets
	// like that have stopped other servers (CVE-2025-49140).
	ErrPadding = errors.New("packet: bad padding count")
)

const (
	headerSize   = 12
	profileOne   = 0xbede // RFC 8285 section 4.2
	profileTwo   = 0x1000 // RFC 8285 section 4.3, low 4 bits are free
	profileTwoOf = 0xfff0
	stopID       = 15 // in the one-byte form: ignore all that follows
)

// Parse reads the RTP header of Buf()[:n] (RFC 3550 section 5.1):
//
//	 0                   1                   2                   3
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|X|  CC   |M|     PT      |            SN                 |
//	|                              TS                               |
//	|                             SSRC                              |
//	|                     CSRC, CC times                            |
//	|           profile             |  length in 32-bit words       |  if X
//	|                     extensions                                |
//	|        payload ...            |  padding ... |  its length    |  if P
//
// It may be called once after Get. After an error the packet is good for
// Release only.
func (p *Packet) Parse(n int) error {
	if n < 0 || n > MaxSize {
		return ErrShort
	}
	if n <= SmallSize {
		p.pool.shrink(p, n)
		p.raw = p.small[:n:n]
	} else {
		p.raw = p.large[:n:n]
	}
	b := p.raw
	if len(b) < headerSize {
		return ErrShort
	}
	if b[0]>>6 != 2 {
		return ErrVersion
	}
	p.Marker = b[1]&0x80 != 0
	p.PT = b[1] & 0x7f
	p.SN = binary.BigEndian.Uint16(b[2:])
	p.TS = binary.BigEndian.Uint32(b[4:])
	p.SSRC = binary.BigEndian.Uint32(b[8:])

	i := headerSize + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < i+4 {
			return ErrShort
		}
		profile := binary.BigEndian.Uint16(b[i:])
		size := 4 * int(binary.BigEndian.Uint16(b[i+2:]))
		i += 4
		if len(b) < i+size {
			return ErrShort
		}
		if profile == profileOne || profile&profileTwoOf == profileTwo {
			p.extensions = b[i : i+size : i+size]
			p.twoByte = profile != profileOne
		}
		i += size
	}
	if len(b) < i {
		return ErrShort
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		if end == i {
			return ErrPadding
		}
		p.Padding = b[end-1]
		if p.Padding == 0 || int(p.Padding) > end-i {
			return ErrPadding
		}
		end -= int(p.Padding)
	}
	p.Payload = b[i:end:end]
	return nil
}

// Extension returns the data of the header extension element with this ID (1
// to 14, or to 255 in the two-byte form), nil when the packet has none. An
// element without data gives an empty slice that is not nil. A malformed tail
// hides the elements behind it, nothing else.
func (p *Packet) Extension(id uint8) []byte { return element(p.extensions, p.twoByte, id) }

// HeaderExtension is Extension for a raw RTP packet that is not parsed, where
// one element is all that matters. It returns nil when there is none, or when
// b is not an RTP packet.
func HeaderExtension(b []byte, id uint8) []byte {
	if len(b) < headerSize || b[0]>>6 != 2 || b[0]&0x10 == 0 {
		return nil
	}
	i := headerSize + 4*int(b[0]&0x0f)
	if len(b) < i+4 {
		return nil
	}
	profile := binary.BigEndian.Uint16(b[i:])
	size := 4 * int(binary.BigEndian.Uint16(b[i+2:]))
	if i += 4; len(b) < i+size || profile != profileOne && profile&profileTwoOf != profileTwo {
		return nil
	}
	return element(b[i:i+size], profile != profileOne, id)
}

// element finds one element in the body of a header extension.
func element(b []byte, twoByte bool, id uint8) []byte {
	if id == 0 {
		return nil
	}
	for len(b) > 0 {
		if b[0] == 0 { // padding between elements
			b = b[1:]
			continue
		}
		var have uint8
		var size, head int
		if twoByte {
			if len(b) < 2 {
				return nil
			}
			have, size, head = b[0], int(b[1]), 2
		} else {
			have, size, head = b[0]>>4, int(b[0]&0x0f)+1, 1
			if have == stopID {
				return nil
			}
		}
		if len(b) < head+size {
			return nil
		}
		if have == id {
			return b[head : head+size : head+size]
		}
		b = b[head+size:]
	}
	return nil
}
