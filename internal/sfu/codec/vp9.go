package codec

// VP9Descriptor is the fixed part of the VP9 payload descriptor of one packet,
// RFC 9628 section 4.2:
//
//	 0 1 2 3 4 5 6 7
//	+-+-+-+-+-+-+-+-+
//	|I|P|L|F|B|E|V|Z|
//	+-+-+-+-+-+-+-+-+
//	|M| PictureID   |  if I; 15 bits in two octets if M
//	| TID |U| SID |D|  if L
//	|   TL0PICIDX   |  if L and not F
//
// Reference indices and scalability structure follow; the server needs neither.
// Offsets count from the start of the payload, 0 means absent.
type VP9Descriptor struct {
	PictureIDOffset int
	PictureIDBits   uint8 // 7 or 15; 0 when absent
	PictureID       uint16

	HasLayers bool
	TID, SID  uint8
	U         bool // switching up to this temporal layer is possible here
	D         bool // depends on the spatial layer below

	TL0Offset int
	TL0PICIDX uint8

	Inter      bool // P: predicted from earlier pictures
	Start, End bool // B and E: of the frame of one spatial layer
	// Keyframe is set on the first packet of a picture that depends on nothing.
	Keyframe bool
}

// HasPictureID reports whether the picture ID is there.
func (d *VP9Descriptor) HasPictureID() bool { return d.PictureIDOffset != 0 }

// HasTL0 reports whether TL0PICIDX is there.
func (d *VP9Descriptor) HasTL0() bool { return d.TL0Offset != 0 }

// ParseVP9 reads the descriptor at the start of payload. It is false when the
// payload ends within that part or right behind it.
func ParseVP9(payload []byte) (VP9Descriptor, bool) {
	var d VP9Descriptor
	if len(payload) < 2 {
		return d, false
	}
	flags := payload[0]
	d.Inter = flags&0x40 != 0
	d.Start, d.End = flags&0x08 != 0, flags&0x04 != 0
	i := 1
	if flags&0x80 != 0 { // I
		d.PictureIDOffset, d.PictureIDBits = i, 7
		d.PictureID = uint16(payload[i] & 0x7f)
		if payload[i]&0x80 != 0 { // M
			i++
			if len(payload) <= i {
				return VP9Descriptor{}, false
			}
			d.PictureIDBits = 15
			d.PictureID = d.PictureID<<8 | uint16(payload[i])
		}
		i++
	}
	if flags&0x20 != 0 { // L
		if len(payload) <= i {
			return VP9Descriptor{}, false
		}
		d.HasLayers = true
		d.TID, d.U = payload[i]>>5, payload[i]&0x10 != 0
		d.SID, d.D = payload[i]>>1&0x07, payload[i]&0x01 != 0
		i++
		if flags&0x10 == 0 { // F
			if len(payload) <= i {
				return VP9Descriptor{}, false
			}
			d.TL0Offset, d.TL0PICIDX = i, payload[i]
			i++
		}
	}
	if len(payload) <= i {
		return VP9Descriptor{}, false
	}
	d.Keyframe = d.Start && !d.Inter && d.SID == 0 && !d.D
	return d, true
}
