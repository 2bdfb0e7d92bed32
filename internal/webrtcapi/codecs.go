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

var videoFeedback = []webrtc.RTCPFeedback{
	{Type: "transport-cc"}, {Type: "ccm", Parameter: "fir"},
	{Type: "nack"}, {Type: "nack", Parameter: "pli"},
}

// newMediaEngine registers what the server forwards. Browsers send the first
// codec of an offer that they can encode: VP8 leads because every browser
// encodes it in simulcast. Opus RED is not offered: no browser sends it unless
// it comes first, and then those that cannot decode it would hear nothing. Nor
// is ULPFEC/video RED: browsers would send everything wrapped in it.
func newMediaEngine() (*webrtc.MediaEngine, error) {
	m := &webrtc.MediaEngine{}
	opus := webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
		SDPFmtpLine:  "minptime=10;useinbandfec=1;usedtx=1",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}},
	}}
	if err := m.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("register opus: %w", err)
	}
	const h264 = "level-asymmetry-allowed=1;packetization-mode=%d;profile-level-id=42e01f"
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
		codec := webrtc.RTPCodecParameters{PayloadType: c.pt, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: c.mime, ClockRate: 90000, SDPFmtpLine: c.fmtp, RTCPFeedback: videoFeedback,
		}}
		rtx := webrtc.RTPCodecParameters{PayloadType: c.pt + 1, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", c.pt),
		}}
		for _, p := range []webrtc.RTPCodecParameters{codec, rtx} {
			if err := m.RegisterCodec(p, webrtc.RTPCodecTypeVideo); err != nil {
				return nil, fmt.Errorf("register %s: %w", p.MimeType, err)
			}
		}
	}
	return m, registerExtensions(m)
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
