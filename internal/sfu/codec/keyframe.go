package codec

// IsKeyframe reports whether payload (of one RTP packet, without padding) is
// the first packet of a picture from which a decoder that knows nothing yet
// can start. It is false for audio, where every packet is such a one and
// nobody asks.
//
//   - VP8 (RFC 7741): start of the first partition (S=1, PID=0), and the P bit
//     of the payload header says "key frame".
//   - VP9 (RFC 9628): start of a frame (B=1) that uses no prediction over time
//     (P=0) nor from a lower spatial layer (SID=0, D=0).
//   - H.264 (RFC 6184): the packet carries a sequence parameter set. An IDR
//     slice alone is not enough: without its parameter sets nothing can be
//     decoded, and starting one packet after them would lose them for good.
//     Browsers send SPS and PPS before every IDR picture.
//   - AV1 (RTP payload format v1.0, section 4.4): the N bit, first packet of a
//     coded video sequence.
func IsKeyframe(t Type, payload []byte) bool {
	switch t {
	case VP8:
		return isKeyframeVP8(payload)
	case VP9:
		return isKeyframeVP9(payload)
	case H264:
		return isKeyframeH264(payload)
	case AV1:
		return isKeyframeAV1(payload)
	}
	return false
}

func isKeyframeVP8(payload []byte) bool {
	d, ok := ParseVP8(payload)
	return ok && d.Keyframe
}

func isKeyframeVP9(payload []byte) bool {
	d, ok := ParseVP9(payload)
	return ok && d.Keyframe
}

// H.264 NAL unit types and packetization types, RFC 6184 table 1.
const (
	naluSPS   = 7
	naluSTAPA = 24
	naluFUA   = 28
	fuStart   = 0x80
)

func isKeyframeH264(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	switch payload[0] & 0x1f {
	case naluSPS:
		return true
	case naluSTAPA:
		for rest := payload[1:]; len(rest) > 2; {
			size := int(rest[0])<<8 | int(rest[1])
			rest = rest[2:]
			if size == 0 || size > len(rest) {
				return false
			}
			if rest[0]&0x1f == naluSPS {
				return true
			}
			rest = rest[size:]
		}
	case naluFUA:
		return payload[1]&fuStart != 0 && payload[1]&0x1f == naluSPS
	}
	return false
}

// AV1 aggregation header: Z|Y|W W|N|- - -.
const (
	av1Z = 0x80
	av1N = 0x08
)

func isKeyframeAV1(payload []byte) bool {
	// A packet of a new sequence cannot begin with the rest of an older OBU.
	return len(payload) > 1 && payload[0]&(av1N|av1Z) == av1N
}
