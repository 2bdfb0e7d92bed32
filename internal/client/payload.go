package client

import (
	"fmt"
	"strings"
)

// Codec names a client can publish and decode, in the words of SDP.
const (
	VP8  = "VP8"
	VP9  = "VP9"
	H264 = "H264"
	AV1  = "AV1"
	Opus = "opus"
)

// A packetizer makes the payloads of synthetic frames: headers and payload
// descriptors are valid and say what a parser on the way needs (keyframe or
// not, frame numbers, start and end of the frame); the coded picture is a stamp
// and filling. Not safe for concurrent use.
type packetizer struct {
	codec         string
	width, height int
	// plain makes frames of VP8 that decoders take: a grey picture, whatever its
	// size in bytes. They have no stamp.
	plain bool

	pictureID uint16 // VP8 and VP9, 15 bits

	// VP8 alone.
	tl0      uint8 // counts the frames of the base temporal layer
	temporal int   // 3: with temporal layers
	sinceKey int   // frames
}

// A payload is that of one packet. Its stamp begins at an offset.
type payload struct {
	data  []byte
	stamp int
}

func newPacketizer(codec string, width, height int) (*packetizer, error) {
	switch codec {
	case VP8, VP9, H264, AV1, Opus:
		return &packetizer{codec: codec, width: width, height: height}, nil
	}
	return nil, fmt.Errorf("client: no synthetic %q", codec)
}

// frame returns the payloads of the next frame, of about so many bytes each.
// Every packet carries the stamp, with its own Index.
func (p *packetizer) frame(stamp Stamp, sizes []int) []payload {
	p.pictureID = (p.pictureID + 1) & 0x7fff
	p.sinceKey++
	if stamp.Key {
		p.sinceKey = 0
	}
	if p.temporalLayer() == 0 {
		p.tl0++
	}
	switch {
	case p.codec == Opus:
		sizes = sizes[:1]
	case p.codec == H264 && stamp.Key && len(sizes) == 1:
		sizes = []int{sizes[0], sizes[0]} // parameter sets travel in a packet of their own
	}
	count, total := len(sizes), 0
	for _, size := range sizes {
		total += size
	}
	stamp.Of = count
	payloads := make([]payload, count)
	for i, size := range sizes {
		stamp.Index = i
		first, last := i == 0, i == count-1
		var head []byte
		switch p.codec {
		case VP8:
			head = p.vp8(stamp.Key, first, total)
		case VP9:
			head = p.vp9(stamp.Key, first, last)
		case H264:
			head = p.h264(stamp.Key, i, last)
		case AV1:
			head = p.av1(stamp.Key, first, last)
		case Opus:
			// RFC 6716, section 3.1: CELT, fullband, 20 ms, mono, one frame.
			head = []byte{31 << 3}
		}
		length := max(size, len(head)+stampSize)
		if p.codec == H264 && stamp.Key && first {
			length = len(head) + stampSize // a STAP-A has no filling
		}
		data := make([]byte, length)
		copy(data, head)
		if !p.plain {
			stamp.put(data[len(head):])
		}
		payloads[i] = payload{data: data, stamp: len(head)}
	}
	return payloads
}

// temporalLayer is that of the frame at hand: 0 2 1 2, beginning with each
// keyframe.
func (p *packetizer) temporalLayer() int {
	if p.temporal < 3 {
		return 0
	}
	return [4]int{0, 2, 1, 2}[p.sinceKey%4]
}

// vp8Descriptor is the size of the descriptor below.
const vp8Descriptor = 6

// vp8 returns the payload descriptor of RFC 7741, section 4.2, and on the first
// packet of a frame of size bytes the frame header of RFC 6386, section 9.1.
//
// When zeros alone follow that header, the frame is a valid one: to the boolean
// decoder each of its flags and modes is false then, which means one partition,
// macroblocks predicted from their (grey) edges, and no coefficients. 10 bits a
// macroblock are enough of them.
func (p *packetizer) vp8(key, first bool, size int) []byte {
	const (
		extended = 0x80
		start    = 0x10
		hasID    = 0x80 // I
		hasTL0   = 0x40 // L
		hasTID   = 0x20 // T
		longID   = 0x8000
		unused   = 0x20 // N: no frame refers to this one
		sync     = 0x20 // Y: refers to the base layer only
	)
	b := byte(extended)
	if first {
		b |= start
	}
	layer := p.temporalLayer()
	tid := byte(layer << 6)
	if layer == 2 {
		b |= unused
	}
	if p.sinceKey%4 == 1 && layer == 2 || layer == 1 {
		tid |= sync
	}
	id := longID | p.pictureID
	head := []byte{b, hasID | hasTL0 | hasTID, byte(id >> 8), byte(id), p.tl0, tid}
	if !first {
		return head
	}
	// Frame tag: bit 0 inverse keyframe, bits 1-3 version, bit 4 show, and 19
	// bits size of the first partition.
	partition := max(1, size/2) // of a keyframe half is modes, of others nearly all
	if !key {
		partition = max(1, size*4/5)
	}
	tag := []byte{0x10 | byte(partition<<5), byte(partition >> 3), byte(partition >> 11)}
	if !key {
		tag[0] |= 1
		return append(head, tag...)
	}
	head = append(head, tag...)
	head = append(head, 0x9d, 0x01, 0x2a)
	return append(head, byte(p.width), byte(p.width>>8), byte(p.height), byte(p.height>>8))
}

// vp9 returns the payload descriptor of RFC 9628, section 4.2 (non-flexible, no
// layer indices), and on the first packet an uncompressed header.
func (p *packetizer) vp9(key, first, last bool) []byte {
	b := byte(0x80) // I: a picture ID follows
	if !key {
		b |= 0x40 // P: inter-picture predicted
	}
	if first {
		b |= 0x08
	}
	if last {
		b |= 0x04
	}
	id := 0x8000 | p.pictureID
	head := []byte{b, byte(id >> 8), byte(id)}
	if !first {
		return head
	}
	if !key {
		return append(head, 0x86) // frame marker 2, profile 0, shown interframe
	}
	// Frame marker 2, profile 0, shown keyframe, sync code; BT.601, then
	// width and height minus one, 16 bits each.
	head = append(head, 0x82, 0x49, 0x83, 0x42)
	const bt601 = 0x2 // colour space 1, range 0: four bits before the size
	bits := (uint64(bt601)<<32 | uint64(p.width-1)<<16 | uint64(p.height-1)) << 4
	return append(head, byte(bits>>32), byte(bits>>24), byte(bits>>16), byte(bits>>8), byte(bits))
}

// h264 returns NAL unit headers for packetization mode 1 (RFC 6184): on a
// keyframe a STAP-A with SPS and PPS and then the fragments of an IDR picture.
func (p *packetizer) h264(key bool, index int, last bool) []byte {
	const (
		stapA, fuA = 24, 28
		idr, slice = 5, 1
		refIDC     = 0x60
	)
	if key && index == 0 {
		sps := []byte{refIDC | 7, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40, 0x50, 0x1e, 0xd0}
		pps := []byte{refIDC | 8, 0xce, 0x3c, 0x80}
		head := []byte{refIDC | stapA, 0, byte(len(sps))}
		head = append(head, sps...)
		head = append(head, 0, byte(len(pps)))
		head = append(head, pps...)
		// The rest of the packet is one SEI unit that holds the stamp.
		return append(head, 0, stampSize+1, 6)
	}
	nal, start := byte(slice), index == 0
	if key {
		nal, start = idr, index == 1
	}
	if start && last {
		return []byte{refIDC | nal, 0x88}
	}
	header := nal
	if start {
		header |= 0x80
	}
	if last {
		header |= 0x40
	}
	return []byte{refIDC | fuA, header, 0x88}
}

// av1 returns the aggregation header of the AV1 RTP specification, section 4.4,
// and on the first packet the start of a frame OBU, behind a sequence header
// when it is a keyframe.
func (p *packetizer) av1(key, first, last bool) []byte {
	b := byte(1 << 4) // W: one OBU element
	if !first {
		b |= 0x80 // Z: continues the last packet's
	}
	if !last {
		b |= 0x40 // Y: goes on in the next
	}
	if !first {
		return []byte{b}
	}
	if !key {
		return []byte{b, 6 << 3, 0x30} // frame OBU: shown interframe
	}
	sequence := []byte{1 << 3, 0x00, 0x00, 0x00, 0x04, 0x3c, 0xff, 0xbf, 0xf4}
	head := []byte{b&^0x30 | 2<<4 | 0x08, byte(len(sequence))} // W=2, N
	head = append(head, sequence...)
	return append(head, 6<<3, 0x10) // frame OBU: shown keyframe
}

// isKeyframe reports whether a payload without a stamp starts a VP8 keyframe.
// It serves streams of real encoders; other codecs are not looked into.
func isKeyframe(mimeType string, payload []byte) bool {
	if !strings.EqualFold(mimeType, "video/"+VP8) || len(payload) < 1 {
		return false
	}
	if payload[0]&0x17 != 0x10 { // S set, partition 0
		return false
	}
	i := 1
	if payload[0]&0x80 != 0 {
		if len(payload) < 2 {
			return false
		}
		x := payload[1]
		i = 2
		if x&0x80 != 0 {
			if len(payload) <= i {
				return false
			}
			if payload[i]&0x80 != 0 {
				i++
			}
			i++
		}
		if x&0x40 != 0 {
			i++
		}
		if x&0x30 != 0 {
			i++
		}
	}
	return len(payload) > i && payload[i]&1 == 0
}
