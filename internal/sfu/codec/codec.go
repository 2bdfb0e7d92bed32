// Package codec reads what the server must know from RTP payloads: whether
// decoding can start here, and the counters of the VP8 and VP9 payload
// descriptors. It never looks at the coded media behind the payload headers
// (but for the one VP8 bit that has no other place), allocates nothing and
// holds no state.
package codec

import "strings"

// Type is a codec that the server forwards.
type Type uint8

// The codecs, in no order of preference. Unknown is the zero value.
const (
	Unknown Type = iota
	Opus
	RED // redundant audio, RFC 2198; the primary encoding is Opus
	VP8
	VP9
	H264
	AV1
)

var mimes = [...]string{
	Unknown: "",
	Opus:    "audio/opus",
	RED:     "audio/red",
	VP8:     "video/VP8",
	VP9:     "video/VP9",
	H264:    "video/H264",
	AV1:     "video/AV1",
}

// FromMIME returns the codec of a media type such as "video/VP8", in any case
// of letters, and Unknown for all that the server does not forward by itself
// (video/rtx and the like).
func FromMIME(mime string) Type {
	for t := Opus; int(t) < len(mimes); t++ {
		if strings.EqualFold(mime, mimes[t]) {
			return t
		}
	}
	return Unknown
}

// MIME returns the media type as SDP spells it, "" for Unknown.
func (t Type) MIME() string {
	if int(t) >= len(mimes) {
		return ""
	}
	return mimes[t]
}

// String returns the name of the codec for logs: the media type's second half.
func (t Type) String() string {
	if _, name, ok := strings.Cut(t.MIME(), "/"); ok {
		return name
	}
	return "unknown"
}

// IsVideo reports whether the codec is one of video, that is, whether a
// receiver needs a keyframe to start.
func (t Type) IsVideo() bool {
	switch t {
	case VP8, VP9, H264, AV1:
		return true
	}
	return false
}
