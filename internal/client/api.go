package client

import (
	"errors"
	"fmt"
	"io"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// newAPI makes the WebRTC stack of one client: host candidates only, no mDNS,
// and the interceptors of a usual pion client.
func newAPI(opts Options, repairs *repairs) (*webrtc.API, error) {
	if opts.Light {
		return newLightAPI(opts)
	}
	media := &webrtc.MediaEngine{}
	if err := registerCodecs(media, opts.Codecs); err != nil {
		return nil, err
	}
	if err := media.RegisterHeaderExtension(
		webrtc.RTPHeaderExtensionCapability{URI: sdp.AudioLevelURI}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	loggers := quiet()
	// The first interceptor is the nearest to the network: what is lost there
	// is lost for all the others.
	registry.Add(wireFactory{received: opts.DropReceived, sent: opts.DropSent, writer: opts.OnWriter, repairs: repairs})
	if err := errors.Join(
		webrtc.ConfigureTWCCHeaderExtensionSender(media, registry),
		webrtc.ConfigureTWCCSenderWithOptions(media, registry, twcc.WithLoggerFactory(loggers)),
	); err != nil {
		return nil, fmt.Errorf("client: interceptors: %w", err)
	}
	if opts.Misplaced != nil {
		registry.Add(wireFactory{received: opts.Misplaced, repairs: newRepairs()})
	}
	if err := errors.Join(
		webrtc.ConfigureNackWithOptions(media, registry,
			[]nack.GeneratorOption{nack.WithGeneratorLoggerFactory(loggers)}, nack.WithResponderLoggerFactory(loggers)),
		webrtc.ConfigureRTCPReportsWithOptions(registry,
			[]report.ReceiverOption{report.WithReceiverLoggerFactory(loggers)}, report.WithSenderLoggerFactory(loggers)),
		webrtc.ConfigureSimulcastExtensionHeaders(media),
	); err != nil {
		return nil, fmt.Errorf("client: interceptors: %w", err)
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings(opts)),
	), nil
}

// newLightAPI makes the stack of Options.Light.
func newLightAPI(opts Options) (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	vp8, err := capability(VP8)
	if err != nil {
		return nil, err
	}
	vp8.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack", Parameter: "pli"}}
	registry, loggers := &interceptor.Registry{}, quiet()
	if len(opts.Publish) > 0 {
		vp8.RTCPFeedback = append(vp8.RTCPFeedback, webrtc.RTCPFeedback{Type: "nack"})
		reports, err := report.NewSenderInterceptor(report.WithSenderLoggerFactory(loggers))
		if err != nil {
			return nil, err
		}
		responder, err := nack.NewResponderInterceptor(nack.WithResponderLoggerFactory(loggers))
		if err != nil {
			return nil, err
		}
		registry.Add(reports)
		registry.Add(responder)
	}
	err = media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: vp8, PayloadType: 96}, webrtc.RTPCodecTypeVideo)
	if err != nil {
		return nil, err
	}
	if err := registerCodecs(media, []string{Opus}); err != nil {
		return nil, err
	}
	for _, uri := range []string{sdp.SDESMidURI, sdp.ABSSendTimeURI, sdp.AudioLevelURI, sdp.SDESRTPStreamIDURI} {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
			if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return nil, err
			}
		}
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(media),
		webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings(opts)),
	), nil
}

// quiet makes loggers that say nothing: what goes wrong shows in State.
func quiet() logging.LoggerFactory {
	f := logging.NewDefaultLoggerFactory()
	f.DefaultLogLevel = logging.LogLevelDisabled
	f.Writer = io.Discard
	return f
}

func settings(opts Options) webrtc.SettingEngine {
	s := webrtc.SettingEngine{LoggerFactory: quiet()}
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	if opts.NetworkTypes != nil {
		s.SetNetworkTypes(opts.NetworkTypes)
	}
	s.DisableActiveTCP(true)
	if opts.DTLSServer {
		_ = s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer) // fails for DTLSRoleAuto alone
	}
	if opts.Interfaces != nil {
		s.SetInterfaceFilter(opts.Interfaces)
	}
	if opts.Net != nil {
		s.SetNet(opts.Net)
	}
	return s
}

// codecTable lists the codecs of synthetic media with the payload types that
// pion uses by default; an answer takes those of the offer.
func codecTable() []struct {
	name        string
	pt, rtx     webrtc.PayloadType
	clock       uint32
	channels    uint16
	fmtp        string
	contentType webrtc.RTPCodecType
} {
	return []struct {
		name        string
		pt, rtx     webrtc.PayloadType
		clock       uint32
		channels    uint16
		fmtp        string
		contentType webrtc.RTPCodecType
	}{
		{VP8, 96, 97, 90000, 0, "", webrtc.RTPCodecTypeVideo},
		{VP9, 98, 99, 90000, 0, "profile-id=0", webrtc.RTPCodecTypeVideo},
		{H264, 102, 103, 90000, 0, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", webrtc.RTPCodecTypeVideo},
		{AV1, 45, 46, 90000, 0, "", webrtc.RTPCodecTypeVideo},
		{Opus, 111, 0, 48000, 2, "minptime=10;useinbandfec=1", webrtc.RTPCodecTypeAudio},
	}
}

func mimeType(codec string) string {
	if codec == Opus {
		return "audio/opus"
	}
	return "video/" + codec
}

func capability(codec string) (webrtc.RTPCodecCapability, error) {
	for _, c := range codecTable() {
		if c.name == codec {
			return webrtc.RTPCodecCapability{
				MimeType: mimeType(codec), ClockRate: c.clock, Channels: c.channels, SDPFmtpLine: c.fmtp,
			}, nil
		}
	}
	return webrtc.RTPCodecCapability{}, fmt.Errorf("client: unknown codec %q", codec)
}

func registerCodecs(media *webrtc.MediaEngine, names []string) error {
	if names == nil {
		names = []string{VP8, VP9, H264, AV1, Opus}
	}
	feedback := []webrtc.RTCPFeedback{
		{Type: "goog-remb"}, {Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"},
	}
	for _, name := range names {
		described, err := capability(name)
		if err != nil {
			return err
		}
		for _, c := range codecTable() {
			if c.name != name {
				continue
			}
			if c.contentType == webrtc.RTPCodecTypeVideo {
				described.RTCPFeedback = feedback
			}
			if err := media.RegisterCodec(webrtc.RTPCodecParameters{
				RTPCodecCapability: described, PayloadType: c.pt,
			}, c.contentType); err != nil {
				return err
			}
			if c.rtx == 0 {
				continue
			}
			if err := media.RegisterCodec(webrtc.RTPCodecParameters{
				RTPCodecCapability: webrtc.RTPCodecCapability{
					MimeType: webrtc.MimeTypeRTX, ClockRate: c.clock, SDPFmtpLine: fmt.Sprintf("apt=%d", c.pt),
				}, PayloadType: c.rtx,
			}, c.contentType); err != nil {
				return err
			}
		}
	}
	return nil
}
