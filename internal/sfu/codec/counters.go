package codec

// Counters are those fields of a VP8 or VP9 payload descriptor that count from
// packet to packet, so that whoever joins two streams must make them go on. The
// other codecs keep none in the payload.
type Counters struct {
	PictureIDOffset int // from the start of the payload; 0 means absent, here and below
	PictureIDBits   uint8
	PictureID       uint16 // changes with each picture

	TL0Offset int
	TL0PICIDX uint8 // changes with each picture of the lowest temporal layer

	KeyIdxOffset int
	KeyIdx       uint8 // 5 bits; VP8 only
}

// ParseCounters reads the counters of a payload. It is false when the codec has
// none, this payload has none, or is malformed.
func ParseCounters(t Type, payload []byte) (Counters, bool) {
	var c Counters
	switch t {
	case VP8:
		d, ok := ParseVP8(payload)
		if !ok {
			return c, false
		}
		c.PictureIDOffset, c.PictureIDBits, c.PictureID = d.PictureIDOffset, d.PictureIDBits, d.PictureID
		c.TL0Offset, c.TL0PICIDX = d.TL0Offset, d.TL0PICIDX
		if d.HasKeyIdx {
			c.KeyIdxOffset, c.KeyIdx = d.TIDOffset, d.KeyIdx
		}
	case VP9:
		d, ok := ParseVP9(payload)
		if !ok {
			return c, false
		}
		c.PictureIDOffset, c.PictureIDBits, c.PictureID = d.PictureIDOffset, d.PictureIDBits, d.PictureID
		c.TL0Offset, c.TL0PICIDX = d.TL0Offset, d.TL0PICIDX
	}
	return c, c.PictureIDOffset != 0 || c.TL0Offset != 0 || c.KeyIdxOffset != 0
}

// PictureIDMask returns the largest picture ID that the width of the field
// allows, 0 when there is none.
func (c *Counters) PictureIDMask() uint16 { return 1<<c.PictureIDBits - 1 }

// Rewrite puts other values into dst, a copy of the payload that c was parsed
// from. Widths stay: a 7-bit picture ID gets the low 7 bits, and a field that
// the descriptor lacks is left out. Nothing else is touched.
func (c *Counters) Rewrite(dst []byte, pictureID uint16, tl0, keyIdx uint8) {
	if i := c.PictureIDOffset; i != 0 {
		if c.PictureIDBits == 15 {
			dst[i], dst[i+1] = 0x80|byte(pictureID>>8), byte(pictureID)
		} else {
			dst[i] = byte(pictureID) & 0x7f
		}
	}
	if i := c.TL0Offset; i != 0 {
		dst[i] = tl0
	}
	if i := c.KeyIdxOffset; i != 0 {
		dst[i] = dst[i]&^0x1f | keyIdx&0x1f
	}
}
