package webrtcapi

import (
	"fmt"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// URIs of the header extensions that the server negotiates.
const (
	// ExtMID (RFC 9143, section 15) names the m-line of a packet.
	ExtMID = sdp.SDESMidURI
	// ExtRID and ExtRepairedRID (RFC 8852) name the simulcast layer.
	ExtRID         = sdp.SDESRTPStreamIDURI
	ExtRepairedRID = sdp.SDESRepairRTPStreamIDURI
	// ExtTWCC is transport-wide congestion control
	// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
	ExtTWCC = sdp.TransportCCURI
	// ExtAbsSendTime is the sending time, 6.18 fixed-point seconds.
	ExtAbsSendTime = sdp.ABSSendTimeURI
	// ExtAudioLevel (RFC 6464) is the loudness of an audio packet.
	ExtAudioLevel = sdp.AudioLevelURI
	// ExtOrientation (3GPP TS 26.114, 7.4.5) is the rotation of a video frame.
	ExtOrientation = "urn:3gpp:video-orientation"
	// ExtCaptureTime is the absolute capture time of a frame.
	ExtCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
)

// Both directions of a transceiver kind, and one.
var (
	recvOnly = []webrtc.RTPTransceiverDirection{webrtc.RTPTransceiverDirectionRecvonly}
	sendOnly = []webrtc.RTPTransceiverDirection{webrtc.RTPTransceiverDirectionSendonly}
)

// newMediaEngine registers what the server forwards. Browsers send the first
// codec of an offer that they can encode: VP8 leads because every browser
// encodes it in simulcast. Opus RED is not offered: no browser sends it unless
// it comes first, and then those that cannot decode it would hear nothing. Nor
// is ULPFEC/video RED: browsers would send everything wrapped in it.
func newMediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		for _, c := range Codecs(kind) {
			if err := m.RegisterCodec(c, kind); err != nil {
				return nil, fmt.Errorf("register %s: %w", c.MimeType, err)
			}
		}
	}
	return m, registerExtensions(m)
}

func audioCodecs() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{{
		PayloadType: 111,
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
			SDPFmtpLine:  "minptime=10;useinbandfec=1;usedtx=1",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
		},
	}}
}

func videoCodecs() []webrtc.RTPCodecParameters {
	const h264 = "level-asymmetry-allowed=1;packetization-mode=%d;profile-level-id=42e01f"
	feedback := []webrtc.RTCPFeedback{
		{Type: "transport-cc"}, {Type: "ccm", Parameter: "fir"},
		{Type: "nack"}, {Type: "nack", Parameter: "pli"},
	}
	var list []webrtc.RTPCodecParameters
	for _, c := range []struct {
		mime string
		fmtp string
		pt   webrtc.PayloadType
	}{
		{webrtc.MimeTypeVP8, "", 96},
		{webrtc.MimeTypeVP9, "profile-id=0", 98},
		{webrtc.MimeTypeH264, fmt.Sprintf(h264, 1), 102},
		{webrtc.MimeTypeH264, fmt.Sprintf(h264, 0), 104},
		{webrtc.MimeTypeAV1, "level-idx=5;profile=0;tier=0", 106},
	} {
		list = append(list, webrtc.RTPCodecParameters{
			PayloadType: c.pt,
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: c.mime, ClockRate: 90000, SDPFmtpLine: c.fmtp, RTCPFeedback: feedback,
			},
		}, webrtc.RTPCodecParameters{
			PayloadType: c.pt + 1,
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", c.pt),
			},
		})
	}
	return list
}

// registerExtensions says which header extensions are negotiated on which hop.
// Of those that name a stream or a layer only MID goes out again; the loudness,
// the rotation and the capture time are the publisher's and are forwarded.
func registerExtensions(m *webrtc.MediaEngine) error {
	const audio, video = webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo
	for _, e := range []struct {
		uri        string
		kinds      []webrtc.RTPCodecType
		directions []webrtc.RTPTransceiverDirection
	}{
		{ExtMID, []webrtc.RTPCodecType{audio, video}, nil},
		{ExtRID, []webrtc.RTPCodecType{video}, recvOnly},
		{ExtRepairedRID, []webrtc.RTPCodecType{video}, recvOnly},
		{ExtTWCC, []webrtc.RTPCodecType{audio, video}, nil},
		{ExtAbsSendTime, []webrtc.RTPCodecType{audio, video}, sendOnly},
		{ExtAudioLevel, []webrtc.RTPCodecType{audio}, nil},
		{ExtOrientation, []webrtc.RTPCodecType{video}, nil},
		{ExtCaptureTime, []webrtc.RTPCodecType{audio, video}, nil},
	} {
		for _, kind := range e.kinds {
			capability := webrtc.RTPHeaderExtensionCapability{URI: e.uri}
			if err := m.RegisterHeaderExtension(capability, kind, e.directions...); err != nil {
				return fmt.Errorf("register header extension %s: %w", e.uri, err)
			}
		}
	}
	return nil
}

// Codecs returns the codec parameters of a kind as they are registered, each
// codec followed by its RTX, in order of preference.
func Codecs(kind webrtc.RTPCodecType) []webrtc.RTPCodecParameters {
	if kind == webrtc.RTPCodecTypeAudio {
		return audioCodecs()
	}
	return videoCodecs()
}
