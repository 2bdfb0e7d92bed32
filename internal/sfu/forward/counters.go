package forward

import (
	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/packet"
)

// offsets is what to add to the counters of VP8 and VP9 payload descriptors,
// modulo their widths, so that they go on after a switch. A decoder takes a
// jump in them for lost pictures, and one backwards for late ones (RFC 7741
// section 4.2, RFC 9628 section 4.2).
type offsets struct {
	pictureID uint16
	tl0       uint8
	keyIdx    uint8
}

// counters holds those of the newest packet sent.
type counters struct {
	pictureID uint16
	tl0       uint8
	keyIdx    uint8

	havePictureID, haveTL0, haveKeyIdx bool
}

// offsetsFor returns the offsets for a stream that begins with p, a keyframe:
// each counter goes on by one, as it does at a keyframe of the same stream.
func (v *counters) offsetsFor(p *packet.Packet) offsets {
	var o offsets
	c, ok := codec.ParseCounters(p.Codec, p.Payload)
	if !ok {
		return o
	}
	if v.havePictureID && c.PictureIDOffset != 0 {
		o.pictureID = (v.pictureID + 1 - c.PictureID) & 0x7fff
	}
	if v.haveTL0 && c.TL0Offset != 0 {
		o.tl0 = v.tl0 + 1 - c.TL0PICIDX
	}
	if v.haveKeyIdx && c.KeyIdxOffset != 0 {
		o.keyIdx = (v.keyIdx + 1 - c.KeyIdx) & 0x1f
	}
	return o
}

// note remembers the counters that p goes out with.
func (v *counters) note(p *packet.Packet, o offsets) {
	c, ok := codec.ParseCounters(p.Codec, p.Payload)
	if !ok {
		return
	}
	if c.PictureIDOffset != 0 {
		v.pictureID, v.havePictureID = (c.PictureID+o.pictureID)&c.PictureIDMask(), true
	}
	if c.TL0Offset != 0 {
		v.tl0, v.haveTL0 = c.TL0PICIDX+o.tl0, true
	}
	if c.KeyIdxOffset != 0 {
		v.keyIdx, v.haveKeyIdx = (c.KeyIdx+o.keyIdx)&0x1f, true
	}
}

// rewrite returns a copy of p's payload in scratch with the offsets added, or
// the payload itself when it has no counters.
func (o offsets) rewrite(p *packet.Packet, scratch []byte) []byte {
	c, ok := codec.ParseCounters(p.Codec, p.Payload)
	if !ok {
		return p.Payload
	}
	dst := scratch[:copy(scratch, p.Payload)]
	c.Rewrite(dst, (c.PictureID+o.pictureID)&c.PictureIDMask(), c.TL0PICIDX+o.tl0, c.KeyIdx+o.keyIdx)
	return dst
}
