// Package webrtcapi makes the PeerConnections of the server: which codecs and
// header extensions are offered, how ICE and DTLS behave, and the one UDP port
// that all media of all peers shares.
package webrtcapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/metrics"
	"aq-server/internal/udpio"
)

// Times after which ICE takes a silent path for disconnected and for failed,
// and between two keepalives. A short outage heals by itself: nothing is torn
// down on "disconnected".
const (
	iceDisconnected = 5 * time.Second
	iceFailed       = 25 * time.Second // after iceDisconnected
	// Consent is to be asked for every 4 to 6 s (RFC 7675, section 5.1); clients
	// ask for ours on their own.
	iceKeepalive = 4 * time.Second
)

const (
	// sctpReceiveBuffer bounds what a client that sends more than it was asked for
	// makes the server hold.
	sctpReceiveBuffer = 512 << 10
	// sctpLongestRTO is how long a data channel waits, at most, before it tries
	// again after an outage. RFC 4960, section 15, would allow a minute.
	sctpLongestRTO = 3 * time.Second
)

// ErrNoAddress is returned by New when the machine has no usable address.
var ErrNoAddress = errors.New("no network interface has an address for media")

// ICEMode says whether the server sends connectivity checks of its own (full
// ICE) or only answers those of the client (ICE lite, RFC 8445, section 2.5).
type ICEMode string

// Which of the two is faster depends on who nominates: with lite the client
// does, which takes a browser no time and pion's agent 200 ms, with full the
// server, which takes two round trips (docs/adr/0005-ice-mode.md).
const (
	ICEAuto ICEMode = "auto" // lite for browsers, full for others
	ICELite ICEMode = "lite"
	ICEFull ICEMode = "full" // also for a server behind a NAT that maps nothing
)

// Options configures New.
type Options struct {
	// MediaPort is the UDP port of all media, on every address of the machine.
	MediaPort int
	// PublicIPs are addresses to advertise beside the machine's own, for a
	// server behind a one-to-one NAT.
	PublicIPs []netip.Addr
	// ICE is ICEAuto when empty.
	ICE ICEMode
	Log *slog.Logger
	// Metrics counts what is sent; nil counts for nobody.
	Metrics *metrics.Metrics
	// Net replaces the machine's network in tests; nil is the real one.
	Net transport.Net
}

// API makes PeerConnections. It owns the media sockets. Safe for concurrent
// use.
type API struct {
	opts    Options
	mux     *portMux
	engine  *webrtc.MediaEngine
	loggers *loggerFactory
	// One certificate for all PeerConnections and for the life of the process:
	// a replacement PeerConnection then has the fingerprint that the client
	// already knows (docs/protocol.md, "Leaving and coming back").
	certificate webrtc.Certificate
	net         transport.Net
	rewrites    []webrtc.ICEAddressRewriteRule

	// outboundsMu guards outbounds, which each RTCP packet that is sent is looked
	// up in by its SSRC. A leaf.
	outboundsMu sync.RWMutex
	outbounds   map[uint32]*Outbound
}

// Connection is a new PeerConnection and what belongs to it.
type Connection struct {
	PC *webrtc.PeerConnection
	// API makes further senders for the same PeerConnection.
	API *webrtc.API
	// Out is the short way of its RTP. The caller closes it.
	Out *Outbound

	streams *streams
}

// Expect allows the client to name as many more SSRCs in his reports: those of
// streams that are sent to him.
func (c *Connection) Expect(ssrcs int) { c.streams.expected.Add(int64(ssrcs)) }

// New opens the media port. The caller closes the API after the last
// PeerConnection.
func New(opts Options) (*API, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Metrics == nil {
		opts.Metrics = metrics.New()
	}
	network := opts.Net
	if network == nil {
		var err error
		if network, err = stdnet.NewNet(); err != nil {
			return nil, fmt.Errorf("read the network interfaces: %w", err)
		}
	}
	engine, err := newMediaEngine()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate the DTLS key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("generate the DTLS certificate: %w", err)
	}
	a := &API{
		opts: opts, engine: engine, certificate: *certificate, net: network,
		loggers:   &loggerFactory{log: opts.Log},
		outbounds: map[uint32]*Outbound{},
	}
	sockets := udpio.Options{Metrics: opts.Metrics, Log: opts.Log}
	if a.mux, err = newPortMux(network, opts.MediaPort, sockets, a.sent); err != nil {
		return nil, err
	}
	a.rewrites = publicRules(opts.PublicIPs, a.mux.addresses())
	return a, nil
}

// Healthy returns why media cannot work, or nil.
func (a *API) Healthy() error { return a.mux.healthy() }

// Addresses returns the addresses on which media is received.
func (a *API) Addresses() []netip.AddrPort { return a.mux.addresses() }

// Lite tells whether a PeerConnection with such a client is to use ICE lite. The
// client's candidates are then of no use to it.
func (a *API) Lite(browser bool) bool {
	switch a.opts.ICE {
	case ICELite:
		return true
	case ICEFull:
		return false
	}
	return browser
}

// Close closes the media sockets.
func (a *API) Close() error { return a.mux.Close() }

// NewPeerConnection returns a PeerConnection on the shared media port.
//
// It has no interceptors but those given: reports, NACK, RTX and TWCC are the
// sfu package's own, because pion's would copy every packet for every
// subscriber.
//
// onCheck is called with each authenticated connectivity check of the client, on
// pion's goroutine; it must return at once. So must onFlood, which is called once
// when the client has named more SSRCs than anybody needs: what he sends on further
// ones is thrown away, and the caller is to close the PeerConnection.
//
// receiver is offered what comes once Out has been opened; nil leaves all to pion.
func (a *API) NewPeerConnection(lite bool, onCheck, onFlood func(), receiver Receiver, interceptors ...interceptor.Factory) (*Connection, error) {
	out := a.newOutbound(receiver)
	settings, err := a.settings(lite, onCheck, out.keys)
	if err != nil {
		out.Close()
		return nil, err
	}
	streams := &streams{exceeded: onFlood, out: out}
	settings.BufferFactory = streams.buffer
	registry := &interceptor.Registry{}
	for _, i := range interceptors {
		registry.Add(i)
	}
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(a.engine),
		webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(registry),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		Certificates:  []webrtc.Certificate{a.certificate},
		BundlePolicy:  webrtc.BundlePolicyMaxBundle,
		RTCPMuxPolicy: webrtc.RTCPMuxPolicyRequire,
	})
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("new PeerConnection: %w", err)
	}
	return &Connection{PC: pc, API: api, Out: out, streams: streams}, nil
}

func (a *API) settings(lite bool, onCheck func(), keys *handshakeSecrets) (webrtc.SettingEngine, error) {
	s := webrtc.SettingEngine{LoggerFactory: a.loggers}
	s.SetNet(a.net)
	s.SetICEUDPMux(a.mux)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetRemoteIPFilter(usableRemoteIP)
	s.DisableActiveTCP(true)
	s.SetLite(lite)
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepalive)
	// A browser without camera permission shows only mDNS names, so its first
	// check is the first we hear of its address; the default would then wait a
	// second before such a pair is taken.
	s.SetPrflxAcceptanceMinWait(0)
	s.SetHostAcceptanceMinWait(0)
	// Nothing is selected with full ICE: a controlling agent that has its pair by
	// other means never nominates one, and the client waits for that.
	choose := func(*stun.Message) bool { return false }
	if lite {
		choose = firstPairSelector()
	}
	s.SetICEBindingRequestHandler(func(m *stun.Message, _, _ ice.Candidate, _ *ice.CandidatePair) bool {
		onCheck()
		return choose(m)
	})
	s.SetDTLSKeyLogWriter(keys)
	s.SetDTLSServerHelloMessageHook(keys.serverHello)
	// ICE has shown that the address is the peer's, so the DTLS cookie would
	// only cost a round trip.
	s.SetDTLSInsecureSkipHelloVerify(true)
	// AEAD first: 0.24 us a packet instead of 1.2 us with HMAC-SHA1.
	s.SetSRTPProtectionProfiles(
		dtls.SRTP_AEAD_AES_128_GCM,
		dtls.SRTP_AEAD_AES_256_GCM,
		dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	)
	s.SetSRTPReplayProtectionWindow(rtpWindow)
	s.SetSRTCPReplayProtectionWindow(rtcpWindow)
	s.SetFireOnTrackBeforeFirstRTP(false)
	// Data channels carry files (sfu/filechannel.go). Detached, pion starts no
	// reader for those that a client opens.
	s.DetachDataChannels()
	s.SetSCTPMaxReceiveBufferSize(sctpReceiveBuffer)
	s.SetSCTPRTOMax(sctpLongestRTO)
	if len(a.rewrites) > 0 {
		if err := s.SetICEAddressRewriteRules(a.rewrites...); err != nil {
			return s, fmt.Errorf("advertise PUBLIC_IP: %w", err)
		}
	}
	return s, nil
}

// firstPairSelector takes the pair of the first authenticated check of each ICE
// generation at once. Without it ICE lite waits for the client's nomination,
// one more exchange (about 50 ms in Chromium). Later changes of the pair follow
// USE-CANDIDATE as usual.
//
// pion calls it on the agent's goroutine, after it has verified the message
// integrity of the request.
func firstPairSelector() func(*stun.Message) bool {
	var taken atomic.Value // string: USERNAME of the generation that has its pair
	return func(m *stun.Message) bool {
		username, err := m.Get(stun.AttrUsername)
		if err != nil {
			return false
		}
		generation := string(username)
		if taken.Load() == generation {
			return false
		}
		taken.Store(generation)
		return true
	}
}

// usableRemoteIP drops candidates that can only be a mistake or an attempt to
// make the server send packets where it should not (multicast, link-local with
// the cloud metadata address, unspecified, limited broadcast).
func usableRemoteIP(ip net.IP) bool {
	return !ip.IsMulticast() && !ip.IsLinkLocalUnicast() && !ip.IsUnspecified() && !ip.Equal(net.IPv4bcast)
}

// publicRules advertises each public address beside the machine's main address
// of the same family: the one that a packet to the outside would leave from.
func publicRules(public []netip.Addr, local []netip.AddrPort) []webrtc.ICEAddressRewriteRule {
	var rules []webrtc.ICEAddressRewriteRule
	for _, ip := range public {
		behind := ""
		for _, l := range local {
			if l.Addr().Is4() == ip.Unmap().Is4() && !l.Addr().IsLoopback() && l.Addr() != ip.Unmap() {
				behind = l.Addr().String()
				break
			}
		}
		if behind == "" {
			continue
		}
		rules = append(rules, webrtc.ICEAddressRewriteRule{
			External: []string{ip.Unmap().String()}, Local: behind,
			AsCandidateType: webrtc.ICECandidateTypeHost,
			Mode:            webrtc.ICEAddressRewriteAppend,
		})
	}
	return rules
}
