package codec

// VP8Descriptor is the VP8 payload descriptor of one packet, RFC 7741 section
// 4.2:
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+
//	|X|R|N|S|R| PID |
//	+-+-+-+-+-+-+-+-+
//	|I|L|T|K| RSV   |  if X
//	|M| PictureID   |  if I; 15 bits in two octets if M
//	|   TL0PICIDX   |  if L
//	|TID|Y| KEYIDX  |  if T or K
//
// Offsets count from the start of the payload; 0 means that the field is
// absent (the first octet is none of them).
type VP8Descriptor struct {
	Size int // octets of the descriptor

	S   bool  // start of a partition
	N   bool  // non-reference frame: may be dropped
	PID uint8 // partition index

	PictureIDOffset int
	PictureIDBits   uint8 // 7 or 15; 0 when absent
	PictureID       uint16

	TL0Offset int
	TL0PICIDX uint8 // valid if HasTL0

	// TIDOffset is the octet that TID, Y and KEYIDX share.
	TIDOffset int
	HasTID    bool
	TID       uint8
	Y         bool // layer sync: depends on the base layer only
	HasKeyIdx bool
	KeyIdx    uint8 // 5 bits

	// Start is set on the first packet of a frame (S=1, PID=0), and Keyframe
	// when that frame is a keyframe besides.
	Start    bool
	Keyframe bool
}

// HasPictureID reports whether the picture ID is there.
func (d *VP8Descriptor) HasPictureID() bool { return d.PictureIDOffset != 0 }

// HasTL0 reports whether TL0PICIDX is there.
func (d *VP8Descriptor) HasTL0() bool { return d.TL0Offset != 0 }

// ParseVP8 reads the descriptor at the start of payload. It is false when the
// payload ends within the descriptor or right behind it.
func ParseVP8(payload []byte) (VP8Descriptor, bool) {
	var d VP8Descriptor
	if len(payload) < 2 {
		return d, false
	}
	first := payload[0]
	d.N = first&0x20 != 0
	d.S = first&0x10 != 0
	d.PID = first & 0x07
	d.Size = 1
	if first&0x80 != 0 && !d.parseExtension(payload) {
		return VP8Descriptor{}, false
	}
	if len(payload) <= d.Size {
		return VP8Descriptor{}, false
	}
	d.Start = d.S && d.PID == 0
	// The P bit, lowest of the frame tag (RFC 6386 section 9.1), is 0 in
	// keyframes. It is the one thing that no descriptor field tells; encrypting
	// browsers leave these octets clear for that reason.
	d.Keyframe = d.Start && payload[d.Size]&0x01 == 0
	return d, true
}

// parseExtension reads from the octet I|L|T|K on and sets Size.
func (d *VP8Descriptor) parseExtension(payload []byte) bool {
	flags := payload[1]
	i := 2
	if flags&0x80 != 0 { // I
		if len(payload) <= i {
			return false
		}
		d.PictureIDOffset, d.PictureIDBits = i, 7
		d.PictureID = uint16(payload[i] & 0x7f)
		if payload[i]&0x80 != 0 { // M
			i++
			if len(payload) <= i {
				return false
			}
			d.PictureIDBits = 15
			d.PictureID = d.PictureID<<8 | uint16(payload[i])
		}
		i++
	}
	if flags&0x40 != 0 { // L
		if len(payload) <= i {
			return false
		}
		d.TL0Offset, d.TL0PICIDX = i, payload[i]
		i++
	}
	if flags&0x30 != 0 { // T or K
		if len(payload) <= i {
			return false
		}
		d.TIDOffset = i
		d.HasTID, d.HasKeyIdx = flags&0x20 != 0, flags&0x10 != 0
		if d.HasTID {
			d.TID, d.Y = payload[i]>>6, payload[i]&0x20 != 0
		}
		if d.HasKeyIdx {
			d.KeyIdx = payload[i] & 0x1f
		}
		i++
	}
	d.Size = i
	return true
}
