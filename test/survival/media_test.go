package survival

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// mallory has a session like everybody, and the keys to it: she publishes, and
// sends what no client sends.
type mallory struct {
	*client.Client
	p   *process
	tap *tap

	mu     sync.Mutex
	writer interceptor.RTPWriter // of her camera
	ssrc   uint32
}

// mallory joins a room and is seen by the first of the others there.
func (p *process) mallory(room string, witness *client.Client) *mallory {
	p.t.Helper()
	m := &mallory{p: p, tap: newTap(p.t)}
	m.Client = p.join(client.Options{
		Room: room, Username: "Mallory", Net: m.tap,
		Publish: []client.PublishOptions{{Source: types.SourceCamera, FPS: 20, PacketsPerFrame: 2, PacketSize: 200, Layers: 1}},
		OnWriter: func(ssrc uint32, w interceptor.RTPWriter) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.ssrc, m.writer = ssrc, w
		},
	})
	wait(p.t, witness, "Mallory's picture", func(s *client.State) bool {
		return s.From(m.Tag(), types.KindVideo).Keyframes > 0
	})
	return m
}

// write sends a packet that is sealed with her keys. What cannot be a packet at
// all does not leave her machine.
func (m *mallory) write(h *rtp.Header, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.writer.Write(h, payload, interceptor.Attributes{})
}

// gone tells whether the server has closed her socket.
func (m *mallory) gone() (gone bool) {
	m.View(func(s *client.State) { gone = s.CloseCode != 0 })
	return gone
}

// noPanic wants nothing to have been recovered from.
func (p *process) noPanic() {
	p.t.Helper()
	if n := p.series()["aq_panics_recovered_total"]; n != 0 {
		p.t.Errorf("%v panics", n)
	}
}

// A publisher sends mutated RTP and RTCP under her own keys (T4): her packets may
// be lost, nothing else is.
func TestMutatedMedia(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	witness := p.join(client.Options{Room: "mutants", Username: "Witness", Protocol: 1})
	m := p.mallory("mutants", witness)
	random := mathrand.New(mathrand.NewPCG(4, 4))
	payload := make([]byte, 1000)
	_, _ = rand.Read(payload)
	reports, sessions := rtcpSeeds(m.ssrc), 1
	for i := range times(5_000, 100_000) {
		if i%4 == 3 {
			raw := append([]byte(nil), reports[random.IntN(len(reports))]...)
			for range 1 + random.IntN(4) {
				raw[1+random.IntN(len(raw)-1)] = byte(random.Uint32()) // the version stays: it is RTCP at all
			}
			raw[1] = 200 + raw[1]%8
			packet := rtcp.RawPacket(raw)
			_ = m.PeerConnection().WriteRTCP([]rtcp.Packet{&packet})
		} else {
			m.write(mutatedHeader(random, m.ssrc), payload[:random.IntN(len(payload))])
		}
		if i%50 == 49 {
			pass(time.Millisecond)
		}
		if i%1000 == 999 && m.gone() { // for all the SSRCs that she has named: she comes again
			m.Close()
			m = p.mallory("mutants", witness)
			sessions++
		}
	}
	t.Logf("%d sessions", sessions)
	bird.check()
	p.noPanic()
	// She is still there, or somebody like her: the next picture comes through.
	again := p.mallory("mutants", witness)
	again.Close()
}

// mutatedHeader is a header that can be written, with anything in it.
func mutatedHeader(random *mathrand.Rand, ssrc uint32) *rtp.Header {
	h := &rtp.Header{
		Version: 2, Padding: random.IntN(2) == 0, Marker: random.IntN(2) == 0, SSRC: ssrc,
		PayloadType: uint8(random.IntN(128)), SequenceNumber: uint16(random.Uint32()), Timestamp: random.Uint32(),
	}
	if random.IntN(3) > 0 {
		h.PayloadType = 96
	}
	for range random.IntN(4) {
		h.CSRC = append(h.CSRC, random.Uint32())
	}
	if random.IntN(2) == 0 {
		h.Extension, h.ExtensionProfile = true, []uint16{0xbede, 0x1000}[random.IntN(2)]
		for range random.IntN(6) {
			value := make([]byte, 1+random.IntN(16))
			_, _ = rand.Read(value)
			_ = h.SetExtension(uint8(1+random.IntN(14)), value)
		}
	}
	return h
}

// rtcpSeeds are packets of each kind that the server reads.
func rtcpSeeds(ssrc uint32) (seeds [][]byte) {
	for _, packet := range []rtcp.Packet{
		&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: ssrc},
		&rtcp.FullIntraRequest{SenderSSRC: 1, MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: ssrc, Nacks: []rtcp.NackPair{{PacketID: 7, LostPackets: 0xffff}}},
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ssrc}, {SSRC: 2}}},
		&rtcp.SenderReport{SSRC: ssrc, NTPTime: 1, RTPTime: 2},
		&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: 1e6, SSRCs: []uint32{ssrc}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: ssrc, Items: []rtcp.SourceDescriptionItem{{Type: 1, Text: "x"}}}}},
		&rtcp.Goodbye{Sources: []uint32{2}},
	} {
		if raw, err := packet.Marshal(); err == nil {
			seeds = append(seeds, raw)
		}
	}
	// Transport-wide feedback with chunks that promise more than there is.
	twcc := make([]byte, 32)
	copy(twcc, []byte{0x8f, 205, 0, 7})
	binary.BigEndian.PutUint32(twcc[8:], ssrc)
	binary.BigEndian.PutUint16(twcc[14:], 0xffff)
	twcc[20], twcc[21] = 0x3f, 0xff
	return append(seeds, twcc)
}

// A thousand SSRCs, with payload types that nobody agreed to, under the keys of a
// session (T31): they take no memory and reach nobody, and who goes on with it is
// thrown out.
func TestThousandSSRCs(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	witness := p.join(client.Options{Room: "ssrcs", Username: "Witness", Protocol: 1})
	m := p.mallory("ssrcs", witness)
	base, streams := p.state(), len(witness.Media())
	payload := make([]byte, 300)
	for i := range 1000 * times(4, 40) {
		m.write(&rtp.Header{
			Version: 2, SSRC: uint32(0x5eed0000 + i%1000), PayloadType: uint8(96 + i%3*7), SequenceNumber: uint16(i), Timestamp: uint32(i * 3000),
		}, payload)
		if i%50 == 49 {
			pass(time.Millisecond)
		}
	}
	m.thrownOut(base)
	if n := len(witness.Media()); n != streams {
		t.Errorf("the witness has %d streams, %d before", n, streams)
	}
	bird.check()
	p.calm(base)
	p.noPanic()
}

// Reports on streams that nobody has are heard, and cost nothing: by pion's way each SSRC
// in them would be a stream of its own.
func TestReportsOnNothing(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	witness := p.join(client.Options{Room: "reports", Username: "Witness", Protocol: 1})
	m := p.mallory("reports", witness)
	base := p.state()
	random := mathrand.New(mathrand.NewPCG(31, 31))
	for i := range times(2_000, 20_000) {
		report := &rtcp.ReceiverReport{SSRC: 1}
		for range 31 {
			report.Reports = append(report.Reports, rtcp.ReceptionReport{SSRC: random.Uint32()})
		}
		pc := m.PeerConnection()
		if pc == nil || pc.WriteRTCP([]rtcp.Packet{report}) != nil {
			break
		}
		if i%20 == 19 {
			pass(time.Millisecond)
		}
	}
	m.harmless(base)
	if pc := m.PeerConnection(); pc == nil || pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
		t.Error("whoever reports on nothing has lost her PeerConnection")
	}
	m.Close()
	bird.check()
	p.calm(base)
	p.noPanic()
}

// thrownOut wants the server to have closed her socket, and to have taken no more
// memory for her than what she may have.
func (m *mallory) thrownOut(base state) {
	t := m.p.t
	t.Helper()
	m.harmless(base)
	wait(t, m.Client, "her socket to be closed", func(s *client.State) bool { return s.CloseCode == 1008 })
}

// harmless wants the server to have taken no more memory for her than what she may have.
func (m *mallory) harmless(base state) {
	t := m.p.t
	t.Helper()
	now := m.p.state()
	t.Logf("%v, before %v", now, base)
	if now.heap > base.heap+4+garbage {
		t.Errorf("%v, before %v", now, base)
	}
}

// garbage is what the heap of a small server moves by between two collections, in MiB.
const garbage = 4

// A certificate that is not the one of the description ends the session, and
// nothing of it is forwarded (T5).
func TestWrongFingerprint(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	witness := p.join(client.Options{Room: "prints", Username: "Witness", Protocol: 1})
	began := time.Now()
	m := p.join(client.Options{
		Room: "prints", Username: "Mallory", Protocol: 1, Publish: []client.PublishOptions{client.Microphone()},
		AlterAnswer: func(sdp string) string {
			before, print, found := strings.Cut(sdp, "a=fingerprint:sha-256 ")
			if !found {
				t.Error("an answer without a fingerprint")
				return sdp
			}
			return before + "a=fingerprint:sha-256 00:11" + print[len("00:11"):]
		},
	})
	wait(t, m, "the end of her media", func(s *client.State) bool {
		return s.ConnectionState == webrtc.PeerConnectionStateClosed || s.ConnectionState == webrtc.PeerConnectionStateFailed
	})
	t.Logf("ended after %v", time.Since(began))
	if took := time.Since(began); took > 5*time.Second+2*time.Duration(bird.stalled.Load()) {
		t.Errorf("it stood for %v", took)
	}
	bird.check()
	if n := witness.From(m.Tag(), types.KindAudio).Packets; n != 0 {
		t.Errorf("%d packets were forwarded", n)
	}
}

// Packets of media that were sent before are sent again, from the session's own
// socket and from others (T6, T7): nothing reaches anybody twice, and who is no
// party to the call gets nothing.
func TestReplay(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	ears := newTap(t)
	witness := p.join(client.Options{Room: "replay", Username: "Witness", Net: ears})
	m := p.mallory("replay", witness)
	before := witness.From(m.Tag(), types.KindVideo).Packets
	wait(t, witness, "a hundred packets", func(s *client.State) bool {
		return s.From(m.Tag(), types.KindVideo).Packets > before+100
	})
	m.Publication(types.SourceCamera).Pause(true)
	quiet(t, "the picture to stop", ears.came)
	own, server, media := m.tap.inUse()
	heard := ears.came()

	stranger, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	to := net.UDPAddrFromAddrPort(server)
	for i := range times(2_000, 20_000) {
		packet := media[i%len(media)]
		if _, err := own.UDPConn.WriteTo(packet, to); err != nil {
			t.Fatal(err)
		}
		forged := append([]byte(nil), packet...)
		if i%2 == 0 {
			binary.BigEndian.PutUint16(forged[2:], uint16(40_000+i)) // a number that has not been
		}
		_, _ = stranger.WriteToUDPAddrPort(forged, server)
		if i%50 == 49 {
			pass(time.Millisecond)
		}
	}
	pass(200 * time.Millisecond) // what would be forwarded is on its way
	if n := ears.came() - heard; n != 0 {
		t.Errorf("%d packets reached the witness", n)
	}
	_ = stranger.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, _, err := stranger.ReadFromUDP(make([]byte, 1500)); err == nil {
		t.Errorf("the stranger got %d octets", n)
	}
	// The session itself has taken no harm.
	m.Publication(types.SourceCamera).Pause(false)
	before = witness.From(m.Tag(), types.KindVideo).Packets
	wait(t, witness, "the picture again", func(s *client.State) bool {
		return s.From(m.Tag(), types.KindVideo).Packets > before+20
	})
	bird.check()
	p.noPanic()
}

// quiet waits until a count has stood still for a while.
func quiet(t *testing.T, what string, count func() int) {
	t.Helper()
	last, since := count(), time.Now()
	for end := time.Now().Add(patience); time.Since(since) < 300*time.Millisecond; pass(20 * time.Millisecond) {
		if now := count(); now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Records of DTLS, right ones and mutated ones, into a session that stands, from
// the socket it goes over (T2): the session may end, nothing else does.
func TestMutatedDTLS(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	witness := p.join(client.Options{Room: "dtls", Username: "Witness", Protocol: 1})
	m := p.mallory("dtls", witness)
	own, server, _ := m.tap.inUse()
	to := net.UDPAddrFromAddrPort(server)
	random := mathrand.New(mathrand.NewPCG(2, 2))
	record := make([]byte, 1200)
	for i := range times(10_000, 1_000_000) {
		size := dtlsRecord(random, record)
		if _, err := own.UDPConn.WriteTo(record[:size], to); err != nil {
			break // the session has ended
		}
		if i%100 == 99 {
			pass(time.Millisecond)
		}
	}
	bird.check()
	p.noPanic()
	again := p.mallory("dtls", witness)
	again.Close()
}

// dtlsRecord makes one record of DTLS 1.2 (RFC 6347, section 4.1), in most cases a
// handshake fragment, with lengths that agree or do not.
func dtlsRecord(random *mathrand.Rand, b []byte) int {
	size := 13 + random.IntN(len(b)-13)
	for i := range b[:size] {
		b[i] = byte(random.Uint32())
	}
	copy(b, []byte{byte(20 + random.IntN(5)), 0xfe, 0xfd, 0, byte(random.IntN(2))})
	if random.IntN(4) > 0 {
		b[0] = 22
		binary.BigEndian.PutUint16(b[11:], uint16(size-13))
		if size > 25 {
			b[13] = []byte{0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 20}[random.IntN(11)]
			length := size - 25
			b[14], b[15], b[16] = 0, byte(length>>8), byte(length)
			b[19], b[20], b[21] = 0, 0, 0 // offset of the fragment
			b[22], b[23], b[24] = 0, byte(length>>8), byte(length)
			if random.IntN(3) == 0 {
				b[14+random.IntN(11)] ^= 1 << random.IntN(8)
			}
		}
	}
	return size
}

// Garbage at the media port from many, while people join (T1, T3, T6): they get
// their media, and nobody notices.
func TestMediaPort(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	stop := make(chan struct{})
	var flood sync.WaitGroup
	var sent [2]int
	for i := range sent {
		conn, err := net.Dial("udp", "127.0.0.1:"+p.port)
		if err != nil {
			t.Fatal(err)
		}
		flood.Go(func() {
			defer func() { _ = conn.Close() }()
			sent[i] = garbageAt(conn, stop, i)
		})
	}
	began := time.Now()
	joins := times(8, 50)
	var slowest time.Duration
	for i := range joins {
		started := time.Now()
		c := p.join(client.Options{Room: "canary", Username: fmt.Sprint("Guest ", i), Protocol: i % 2})
		wait(t, c, "media", func(s *client.State) bool { return s.From(bird.sender.Tag(), types.KindVideo).Keyframes > 0 })
		slowest = max(slowest, time.Since(started))
		c.Close()
	}
	close(stop)
	flood.Wait()
	if allowed := mostJoin + 2*time.Duration(bird.stalled.Load()); slowest > allowed {
		t.Errorf("a join took %v, %v allowed", slowest, allowed)
	}
	t.Logf("%d joins, the slowest %v, under %.0f packets a second", joins, slowest, float64(sent[0]+sent[1])/time.Since(began).Seconds())
	bird.check()
	p.noPanic()
}

// garbageAt sends what is nearly DTLS, STUN, TURN, RTP and RTCP until it is told to
// stop, and returns how many.
func garbageAt(conn net.Conn, stop <-chan struct{}, which int) int {
	packet := make([]byte, 1200)
	_, _ = rand.Read(packet)
	kinds := [][]byte{
		{0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 1}, // DTLS ClientHello
		{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42},                  // STUN binding request
		{0, 3, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42},            // Allocate, a length that lies
		{0x80, 111, 0, 1}, {0xbf, 0x60, 0xff, 0xff}, {0x80, 200, 0, 6}, {0x8f, 205, 0xff, 0xff}, {0xff},
	}
	for i := which; ; i++ {
		copy(packet, kinds[i%len(kinds)])
		size := 4 + (i*7919)%1196
		packet[size-1]++ // no two are the same
		_, _ = conn.Write(packet[:size])
		if i%100 != 99 {
			continue
		}
		select { // as much as a socket of this machine takes in
		case <-stop:
			return i
		case <-time.After(time.Millisecond):
		}
	}
}
