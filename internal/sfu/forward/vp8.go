package forward

import (
	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/packet"
)

// vp8Offsets is what to add to the counters of the VP8 payload descriptor,
// modulo their widths, so that they go on after a switch. A decoder takes a
// jump in them for lost frames (RFC 7741 section 4.2).
type vp8Offsets struct {
	pictureID uint16
	tl0       uint8
	keyIdx    uint8
}

// vp8State holds the counters of the newest packet sent.
type vp8State struct {
	pictureID                       uint16
	tl0                             uint8
	keyIdx                          uint8
	havePictureID, haveTL0, haveKey bool
}

// offsetsFor returns the offsets for a stream that begins with p, a keyframe:
// each counter goes on by one, as it does at a keyframe of the same stream.
func (v *vp8State) offsetsFor(p *packet.Packet) vp8Offsets {
	var o vp8Offsets
	if p.Codec != codec.VP8 {
		return o
	}
	d, ok := codec.ParseVP8(p.Payload)
	if !ok {
		return o
	}
	if v.havePictureID && d.HasPictureID() {
		o.pictureID = (v.pictureID + 1 - d.PictureID) & 0x7fff
	}
	if v.haveTL0 && d.HasTL0() {
		o.tl0 = v.tl0 + 1 - d.TL0PICIDX
	}
	if v.haveKey && d.HasKeyIdx {
		o.keyIdx = (v.keyIdx + 1 - d.KeyIdx) & 0x1f
	}
	return o
}

// note remembers the counters that p goes out with.
func (v *vp8State) note(p *packet.Packet, o vp8Offsets) {
	d, ok := codec.ParseVP8(p.Payload)
	if !ok {
		return
	}
	if d.HasPictureID() {
		v.pictureID, v.havePictureID = (d.PictureID+o.pictureID)&d.PictureIDMask(), true
	}
	if d.HasTL0() {
		v.tl0, v.haveTL0 = d.TL0PICIDX+o.tl0, true
	}
	if d.HasKeyIdx {
		v.keyIdx, v.haveKey = (d.KeyIdx+o.keyIdx)&0x1f, true
	}
}

// rewrite returns a copy of payload in scratch with the offsets added, or
// payload itself when it has no counters.
func (o vp8Offsets) rewrite(payload, scratch []byte) []byte {
	d, ok := codec.ParseVP8(payload)
	if !ok || !d.HasPictureID() && !d.HasTL0() && !d.HasKeyIdx {
		return payload
	}
	dst := scratch[:copy(scratch, payload)]
	d.Rewrite(dst, (d.PictureID+o.pictureID)&d.PictureIDMask(), d.TL0PICIDX+o.tl0, d.KeyIdx+o.keyIdx)
	return dst
}
