package webrtcapi

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"aq-server/internal/metrics"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/udpio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds every wait of these tests.
const deadline = 10 * time.Second

// line is a TrackLocal that shows which SSRC it was given, and pion's writer.
type line struct {
	bound chan webrtc.TrackLocalContext
}

func (*line) ID() string                { return "track" }
func (*line) RID() string               { return "" }
func (*line) StreamID() string          { return "stream" }
func (*line) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeVideo }
func (l *line) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	l.bound <- ctx
	return ctx.CodecParameters()[0], nil
}
func (*line) Unbind(webrtc.TrackLocalContext) error { return nil }

// pair is a PeerConnection of ours that is connected to one of plain pion.
type pair struct {
	api    *API
	ours   *Connection
	theirs *webrtc.PeerConnection
	track  webrtc.TrackLocalContext
}

func newAPI(t testing.TB) *API {
	t.Helper()
	api, err := New(Options{MediaPort: freePort(t), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	return api
}

func freePort(t testing.TB) int {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// connect joins a client with these settings to a PeerConnection of ours.
func connect(t testing.TB, tune func(*webrtc.SettingEngine)) (*pair, <-chan *webrtc.TrackRemote) {
	t.Helper()
	return connectTo(t, nil, nil, tune)
}

// connectTo is connect with a receiver of what the client sends, and a track of his.
func connectTo(t testing.TB, receiver Receiver, publish webrtc.TrackLocal, tune func(*webrtc.SettingEngine)) (*pair, <-chan *webrtc.TrackRemote) {
	t.Helper()
	api := newAPI(t)
	ours, err := api.NewPeerConnection(false, func() {}, func() {}, receiver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = ours.PC.GracefulClose()
		ours.Out.Close()
	})
	l := &line{bound: make(chan webrtc.TrackLocalContext, 1)}
	if _, err := ours.PC.AddTransceiverFromTrack(l, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		t.Fatal(err)
	}
	if publish != nil {
		if _, err := ours.PC.AddTransceiverFromKind(publish.Kind(), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	var settings webrtc.SettingEngine
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	tune(&settings)
	engine, err := newMediaEngine()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.GracefulClose() })
	tracks := make(chan *webrtc.TrackRemote, 1)
	theirs.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { tracks <- track })
	connected := make(chan struct{}, 2)
	for _, pc := range []*webrtc.PeerConnection{ours.PC, theirs} {
		pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
			if s == webrtc.PeerConnectionStateConnected {
				connected <- struct{}{}
			}
		})
	}
	negotiate(t, ours.PC, theirs, func() {
		if publish == nil {
			return
		}
		if _, err := theirs.AddTrack(publish); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 {
		select {
		case <-connected:
		case <-time.After(deadline):
			t.Fatal("not connected")
		}
	}
	return &pair{api: api, ours: ours, theirs: theirs, track: <-l.bound}, tracks
}

func negotiate(t testing.TB, offerer, answerer *webrtc.PeerConnection, offered func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	offer, err := offerer.CreateOffer(nil)
	must(err)
	gathered := webrtc.GatheringCompletePromise(offerer)
	must(offerer.SetLocalDescription(offer))
	<-gathered
	must(answerer.SetRemoteDescription(*offerer.LocalDescription()))
	offered()
	answer, err := answerer.CreateAnswer(nil)
	must(err)
	gathered = webrtc.GatheringCompletePromise(answerer)
	must(answerer.SetLocalDescription(answer))
	<-gathered
	must(offerer.SetRemoteDescription(*answerer.LocalDescription()))
}

// handshakes are those after which keys differ.
var handshakes = []struct {
	name string
	tune func(*webrtc.SettingEngine)
}{
	{"AES-128-GCM", func(*webrtc.SettingEngine) {}},
	{"AES-256-GCM", func(s *webrtc.SettingEngine) { s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_256_GCM) }},
	{"AES-CM with HMAC", func(s *webrtc.SettingEngine) { s.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80) }},
	{"keys by SHA-384", func(s *webrtc.SettingEngine) {
		s.SetDTLSCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)
	}},
}

func TestSealedPacketsAreReadByPion(t *testing.T) {
	for _, c := range handshakes {
		t.Run(c.name, func(t *testing.T) {
			p, tracks := connect(t, c.tune)
			if err := p.ours.Out.Open(p.ours.PC); err != nil {
				t.Fatalf("the way is not open: %v", err)
			}
			// Enough for the numbers to turn around: the rollover counter counts.
			const first, many = 65500, 100
			b := NewBatch()
			for i := range many {
				h := &rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: uint16(first + i), Timestamp: 7,
					SSRC: uint32(p.track.SSRC()), PaddingSize: uint8(i % 4), Padding: i%4 > 0}
				_ = h.SetExtension(1, []byte{'0'})
				if n, err := p.ours.Out.WriteRTP(b, h, payload(i)); err != nil || n != 20+len(payload(i))+i%4 {
					t.Fatalf("%d, %v", n, err)
				}
				if i%8 == 0 {
					b.Flush()
				}
			}
			b.Flush()
			var track *webrtc.TrackRemote
			select {
			case track = <-tracks:
			case <-time.After(deadline):
				t.Fatal("no track at the client")
			}
			_ = track.SetReadDeadline(time.Now().Add(deadline))
			for i := range many {
				got, _, err := track.ReadRTP()
				if err != nil {
					t.Fatalf("packet %d: %v", i, err)
				}
				if got.SequenceNumber != uint16(first+i) || !bytes.Equal(got.Payload, payload(i)) {
					t.Fatalf("packet %d is number %d with %d octets", i, got.SequenceNumber, len(got.Payload))
				}
			}
		})
	}
}

func payload(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 10+i*7) }

// Who is the DTLS client does not see the server's random: pion's writer is the
// way then, and nothing was sealed twice.
func TestClientRoleHasNoKeys(t *testing.T) {
	p, _ := connect(t, func(s *webrtc.SettingEngine) {
		if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
			t.Fatal(err)
		}
	})
	if err := p.ours.Out.Open(p.ours.PC); !errors.Is(err, errNoKeys) {
		t.Errorf("opened as the DTLS client: %v", err)
	}
}

// wrongWriter reports by way of no PeerConnection at all.
type wrongWriter func([]rtcp.Packet) error

func (f wrongWriter) WriteRTCP(p []rtcp.Packet) error { return f(p) }

func TestOtherKeysAreFound(t *testing.T) {
	p, _ := connect(t, func(*webrtc.SettingEngine) {})
	keys := p.ours.Out.keys
	keys.mu.Lock()
	keys.master = append([]byte{keys.master[0] ^ 1}, keys.master[1:]...)
	keys.mu.Unlock()
	if err := p.ours.Out.Open(p.ours.PC); err == nil {
		t.Error("keys that are not pion's were taken")
	}
}

func TestWayThatIsNotOursIsNotTaken(t *testing.T) {
	p, _ := connect(t, func(*webrtc.SettingEngine) {})
	if err := p.ours.Out.Open(wrongWriter(func([]rtcp.Packet) error { return nil })); err == nil {
		t.Error("opened although no report passed a socket")
	}
}

// The secrets of the handshake do not stay in memory, and a way that is closed
// is not looked up any more.
func TestOpenForgetsTheSecrets(t *testing.T) {
	p, _ := connect(t, func(*webrtc.SettingEngine) {})
	if err := p.ours.Out.Open(p.ours.PC); err != nil {
		t.Fatal(err)
	}
	if keys := p.ours.Out.keys; keys.master != nil || keys.clientRandom != nil {
		t.Error("the master secret is still there")
	}
	p.ours.Out.Close()
	p.api.outboundsMu.Lock()
	defer p.api.outboundsMu.Unlock()
	if n := len(p.api.outbounds); n != 0 {
		t.Errorf("%d ways are left", n)
	}
}

func TestOversizedPacketIsRefused(t *testing.T) {
	o := sealed(t, nil)
	b := NewBatch()
	if _, err := o.WriteRTP(b, &rtp.Header{Version: 2}, make([]byte, udpio.MaxDatagram-12-tagSize+1)); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
	if _, err := o.WriteRTP(b, &rtp.Header{Version: 2}, make([]byte, udpio.MaxDatagram-12-tagSize)); err != nil {
		t.Errorf("the largest packet: %v", err)
	}
}

// Whatever a publisher gets in gets out: with all header extensions of this hop,
// as RTX, evened out and sealed it is larger than it was, and larger than an
// Ethernet frame at worst. IP cuts it then.
func TestLargestReceivedPacketGetsOut(t *testing.T) {
	o := sealed(t, nil)
	h := &rtp.Header{Version: 2, Padding: true, PaddingSize: 8}
	for id, size := range []int{16, 2, 3, 1, 1, 16} { // MID, TWCC, send time, level, orientation, capture time
		if err := h.SetExtension(uint8(id+1), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	const rtx = 2 // octets of the original number, RFC 4588
	if _, err := o.WriteRTP(NewBatch(), h, make([]byte, packet.MaxSize-12+rtx)); err != nil {
		t.Error(err)
	}
}

// sealed returns a way with keys of its own, to a socket that nobody reads.
func sealed(t testing.TB, api *API) *Outbound {
	t.Helper()
	if api == nil {
		api = newAPI(t)
	}
	o := api.newOutbound(nil)
	t.Cleanup(o.Close)
	var err error
	if o.seal, err = srtp.CreateContext(make([]byte, 16), make([]byte, 12), srtp.ProtectionProfileAeadAes128Gcm); err != nil {
		t.Fatal(err)
	}
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	_ = sink.SetReadBuffer(1) // what nobody reads is dropped early
	o.path.Store(udpio.NewPath(testSocket(t), sink.LocalAddr().(*net.UDPAddr).AddrPort()))
	return o
}

func testSocket(t testing.TB) *udpio.Socket {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := udpio.New(conn, udpio.Options{Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func header(sn uint16) *rtp.Header {
	h := &rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: sn, SSRC: 7}
	_ = h.SetExtension(4, []byte{1, 2})
	_ = h.SetExtension(5, []byte{1, 2, 3})
	return h
}

func TestSealingAllocatesNothing(t *testing.T) {
	o := sealed(t, nil)
	b := NewBatch()
	h := header(0)
	body := make([]byte, 1100)
	if n := testing.AllocsPerRun(1000, func() {
		h.SequenceNumber++
		if _, err := o.WriteRTP(b, h, body); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%.1f allocations for a packet", n)
	}
}

// BenchmarkWay is what a packet of 1,100 octets costs from its header to the
// kernel, in bursts of 6 to each of 100 people: sealed into a batch.
func BenchmarkWay(b *testing.B) {
	api := newAPI(b)
	var people []*Outbound
	for range 100 {
		people = append(people, sealed(b, api))
	}
	socket := people[0].path.Load().Socket()
	for _, o := range people {
		o.path.Store(udpio.NewPath(socket, o.path.Load().To()))
	}
	batch, body, h := NewBatch(), make([]byte, 1100), header(0)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h.SequenceNumber = uint16(i * 6)
		for _, o := range people {
			for n := range 6 {
				h.SequenceNumber = uint16(i*6 + n)
				if _, err := o.WriteRTP(batch, h, body); err != nil {
					b.Fatal(err)
				}
			}
		}
		batch.Flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/600, "ns/packet")
}

// BenchmarkSender is the same by pion's sender, to one person (more would need as
// many PeerConnections).
func BenchmarkSender(b *testing.B) {
	p, tracks := connect(b, func(*webrtc.SettingEngine) {})
	writer, h, body := p.track.WriteStream(), header(0), make([]byte, 1100)
	h.SSRC = uint32(p.track.SSRC())
	go func() { // ends when the client's PeerConnection is closed
		track := <-tracks
		for buf := make([]byte, 2000); ; {
			if _, _, err := track.Read(buf); err != nil {
				return
			}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h.SequenceNumber = uint16(i)
		if _, err := writer.WriteRTP(h, body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/packet")
}

// The path follows what pion sends under our SSRC, and nothing else.
func TestPathFollowsOurReports(t *testing.T) {
	api := newAPI(t)
	o := api.newOutbound(nil)
	defer o.Close()
	s := testSocket(t)
	at := func(port int) netip.AddrPort { return netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", port)) }
	report, err := rtcp.Marshal([]rtcp.Packet{o.Report()})
	if err != nil {
		t.Fatal(err)
	}
	api.sent(&muxConn{}, s, report, at(1000))
	if p := o.path.Load(); p == nil || p.To() != at(1000) {
		t.Fatalf("path %v", p)
	}
	other, _ := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: o.SSRC() + 1}})
	media, _ := header(1).Marshal()
	for _, b := range [][]byte{other, media, report[:7], nil} {
		api.sent(&muxConn{}, s, b, at(2000))
	}
	if p := o.path.Load(); p.To() != at(1000) {
		t.Errorf("path %s after packets that are not ours", p.To())
	}
	before := o.path.Load()
	api.sent(&muxConn{}, s, report, at(1000))
	if o.path.Load() != before {
		t.Error("the same way is made anew")
	}
	api.sent(&muxConn{}, s, report, at(3000))
	if p := o.path.Load(); p.To() != at(3000) {
		t.Errorf("path %s after a report to another", p.To())
	}
}
