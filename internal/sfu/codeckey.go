package sfu

import (
	"strings"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// codecKey names a codec as far as a decoder cares: the lower-case media type,
// and for H.264 the packetization mode too, because a receiver that accepted
// only mode 0 cannot take fragments (RFC 6184, section 6.2).
type codecKey string

func keyOf(c webrtc.RTPCodecParameters) codecKey {
	key := strings.ToLower(c.MimeType)
	if strings.EqualFold(c.MimeType, webrtc.MimeTypeH264) {
		if strings.Contains(c.SDPFmtpLine, "packetization-mode=1") {
			return codecKey(key + ";1")
		}
		return codecKey(key + ";0")
	}
	return codecKey(key)
}

func rtpKind(k types.Kind) webrtc.RTPCodecType { return webrtc.NewRTPCodecType(string(k)) }

// preferences returns the codec parameters, each with its RTX, to offer on an
// m-line whose sources use these codecs.
func preferences(kind types.Kind, keys map[codecKey]bool) []webrtc.RTPCodecParameters {
	var list []webrtc.RTPCodecParameters
	take := false
	for _, c := range webrtcapi.Codecs(rtpKind(kind)) {
		if !strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) {
			take = keys[keyOf(c)]
		}
		if take {
			list = append(list, c)
		}
	}
	return list
}
