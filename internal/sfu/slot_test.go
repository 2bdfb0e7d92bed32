package sfu

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"aq-server/internal/metrics"
	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/history"
	"aq-server/internal/sfu/nack"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// recorder is a PacketWriter that keeps what it is given.
type recorder struct{ packets []rtp.Packet }

func (r *recorder) WriteRTP(_ *webrtcapi.Batch, h *rtp.Header, payload []byte) (int, error) {
	raw, err := (&rtp.Packet{Header: *h, Payload: payload}).Marshal()
	if err != nil {
		return 0, err
	}
	var p rtp.Packet
	if err := p.Unmarshal(raw); err != nil {
		return 0, err
	}
	r.packets = append(r.packets, p)
	return len(raw), nil
}

// nothing is a PacketWriter that costs nothing.
type nothing struct{}

func (nothing) WriteRTP(_ *webrtcapi.Batch, _ *rtp.Header, payload []byte) (int, error) {
	return 12 + len(payload), nil
}

// bench is the forwarding path without PeerConnections: a published layer and
// slots that write where the test says.
type bench struct {
	session *Session
	track   *Track
	layer   *layer
	sn      uint16
}

func newBench(t testing.TB) *bench {
	s := &Session{
		opts: Options{Metrics: metrics.New(), Log: slog.New(slog.DiscardHandler)}, pool: packet.NewPool(),
		clock: newSessionClock(), wakeup: make(chan struct{}, 1),
	}
	b := &bench{session: s}
	publisher := b.connection()
	b.track = newTrack(types.TrackInfo{TrackID: "t", PeerID: "p", Kind: types.KindVideo, Source: types.SourceCamera},
		publisher, "1", "video/vp8")
	b.layer = &layer{
		track: b.track, codec: codec.VP8, rate: 90000, pt: 96, stream: 1,
		history: history.New(videoHistory), nack: nack.New(nackWindow), feedback: newFeedback(publisher, nil),
	}
	b.layer.clock.rate = 90000
	b.track.addLayer(b.layer)
	t.Cleanup(b.layer.history.Close)
	return b
}

func (b *bench) connection() *connection {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a fault would be the test's own
	c := &connection{peer: &Peer{session: b.session, ctx: ctx, cancel: cancel}}
	c.connected.Store(true)
	return c
}

// slot returns a subscriber that has negotiated all extensions; rtx 0 is
// without retransmission streams.
func (b *bench) slot(w PacketWriter, ssrc, rtx uint32) *slot {
	s := newSlot(b.connection(), b.track)
	s.mid, s.writer, s.ssrc, s.rtxSSRC = "2", w, ssrc, rtx
	s.ext = extensionIDs{mid: 1, twcc: 4, sendTime: 5}
	pts := payloadTypes{media: 96}
	if rtx != 0 {
		pts.rtx = 97
	}
	s.setSource(b.track, types.TrackView{})
	s.accept(map[codecKey]payloadTypes{"video/vp8": pts})
	return s
}

// packet makes the next packet of the layer: a VP8 frame of one packet.
func (b *bench) packet(keyframe bool) *packet.Packet {
	p := b.session.pool.Get()
	b.sn++
	h := rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: b.sn, Timestamp: uint32(b.sn) * 3000, SSRC: 7, Marker: true}
	n, _ := h.MarshalTo(p.Buf())
	frame := byte(1)
	if keyframe {
		frame = 0
	}
	payload := append([]byte{0x90, 0x80, 0x80 | byte(b.sn>>8)&0x7f, byte(b.sn), frame}, bytes.Repeat([]byte{byte(b.sn)}, 1000)...)
	n += copy(p.Buf()[n:], payload)
	p.Arrival = time.Now()
	if !b.layer.receive(p, n) {
		panic("the test's packet was refused")
	}
	return p
}

func (b *bench) send(keyframe bool) {
	p := b.packet(keyframe)
	var r run
	r.set(b.layer, []*packet.Packet{p})
	out := b.session.burst()
	b.layer.sendRun(&r, 0, out)
	out.send()
	p.Release()
}

// With AES-GCM the SSRC and the packet's number make the nonce: no two packets
// that differ in anything may ever leave with the same pair.
func TestOneNonceOnePacket(t *testing.T) {
	for name, rtx := range map[string]uint32{"with RTX": 222, "without RTX": 0} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			w := &recorder{}
			s := b.slot(w, 111, rtx)
			for i := range 100 {
				b.send(i%40 == 0)
			}
			var lost []uint16
			for _, p := range w.packets[20:60] {
				lost = append(lost, p.SequenceNumber)
			}
			sent := len(w.packets)
			nack := rtcp.TransportLayerNack{MediaSSRC: 111, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)}
			s.feedback(&nack)
			if got := len(w.packets) - sent; got != len(lost) {
				t.Fatalf("%d of %d packets were sent again", got, len(lost))
			}
			out := b.session.burst()
			defer out.send()
			if n := s.pad(10, out); rtx != 0 && n != 10 || rtx == 0 && n != 0 {
				t.Fatalf("%d packets of padding were sent", n)
			}
			for range 10 {
				b.send(false)
			}
			s.feedback(&nack) // and some again
			seen := map[[2]uint32]rtp.Packet{}
			for _, p := range w.packets {
				key := [2]uint32{p.SSRC, uint32(p.SequenceNumber)}
				if old, twice := seen[key]; twice {
					if rtx != 0 {
						t.Fatalf("ssrc %d, number %d was used twice", p.SSRC, p.SequenceNumber)
					}
					a, _ := old.Marshal()
					z, _ := p.Marshal()
					if !bytes.Equal(a, z) {
						t.Fatalf("number %d went out with two contents", p.SequenceNumber)
					}
				}
				seen[key] = p
			}
		})
	}
}

func TestRTXCarriesTheOriginal(t *testing.T) {
	b := newBench(t)
	w := &recorder{}
	s := b.slot(w, 111, 222)
	for i := range 10 {
		b.send(i == 0)
	}
	original := w.packets[5]
	s.feedback(&rtcp.TransportLayerNack{MediaSSRC: 111, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{original.SequenceNumber})})
	repair := w.packets[len(w.packets)-1]
	if repair.SSRC != 222 || repair.PayloadType != 97 || repair.Timestamp != original.Timestamp {
		t.Errorf("repair %v of %v", repair.Header, original.Header)
	}
	if osn := binary.BigEndian.Uint16(repair.Payload); osn != original.SequenceNumber {
		t.Errorf("original sequence number %d, want %d", osn, original.SequenceNumber)
	}
	if !bytes.Equal(repair.Payload[2:], original.Payload) {
		t.Error("the payload is another")
	}
}

func TestNACKIsBounded(t *testing.T) {
	b := newBench(t)
	w := &recorder{}
	s := b.slot(w, 111, 222)
	for i := range 300 {
		b.send(i == 0)
	}
	var all []uint16
	for _, p := range w.packets {
		all = append(all, p.SequenceNumber)
	}
	sent := len(w.packets)
	for range 50 {
		s.feedback(&rtcp.TransportLayerNack{MediaSSRC: 111, Nacks: rtcp.NackPairsFromSequenceNumbers(all)})
	}
	// A quarter of 300 packets, the 16 that a beginner has, and those that
	// 64 kbit/s allow in the blink of the test.
	if again := len(w.packets) - sent; again > 300/4+16+10 || again < 48 {
		t.Errorf("%d packets were sent again for %d sent", again, sent)
	}
}

func TestHiddenTrackIsNotSent(t *testing.T) {
	b := newBench(t)
	w := &recorder{}
	s := b.slot(w, 111, 222)
	b.send(true)
	s.setView(types.TrackView{TrackID: "t", Hidden: true})
	before := len(w.packets)
	for range 20 {
		b.send(false)
	}
	if len(w.packets) != before {
		t.Errorf("%d packets of a hidden track were sent", len(w.packets)-before)
	}
	s.setView(types.TrackView{TrackID: "t"})
	b.send(true)
	if len(w.packets) == before {
		t.Error("nothing is sent after it is shown again")
	}
}

func TestLateSubscriberIsReplayedTheKeyframe(t *testing.T) {
	b := newBench(t)
	for i := range 30 {
		b.send(i == 0)
	}
	w := &recorder{}
	b.slot(w, 111, 222)
	if len(w.packets) != 30 {
		t.Fatalf("%d packets were replayed, want 30", len(w.packets))
	}
	b.send(false)
	for i := 1; i < len(w.packets); i++ {
		if w.packets[i].SequenceNumber != w.packets[i-1].SequenceNumber+1 {
			t.Fatalf("numbers %d, %d", w.packets[i-1].SequenceNumber, w.packets[i].SequenceNumber)
		}
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	b := newBench(t)
	for i := range 10 {
		b.slot(nothing{}, uint32(100+i), uint32(200+i))
	}
	for i := range 600 { // fill the history, use up the MIDs
		b.send(i == 0)
	}
	p := b.packet(false)
	sent := b.session.opts.Metrics.PacketsOut.Load()
	r, list, out := new(run), []*packet.Packet{p}, b.session.burst()
	defer out.send()
	allocs := testing.AllocsPerRun(200, func() {
		p.ExtSN++ // as if it were the next packet
		r.set(b.layer, list)
		b.layer.sendRun(r, 0, out)
		out.flush()
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations for a packet to %d subscribers", allocs, 10)
	}
	if got := b.session.opts.Metrics.PacketsOut.Load() - sent; got != 201*10 {
		t.Errorf("only %d packets were sent", got)
	}
}

func BenchmarkForward(b *testing.B) {
	bench := newBench(b)
	for i := range 100 {
		bench.slot(nothing{}, uint32(1000+i), uint32(2000+i))
	}
	for i := range 600 {
		bench.send(i == 0)
	}
	p := bench.packet(false)
	r, list, out := new(run), []*packet.Packet{p}, bench.session.burst()
	defer out.send()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		p.ExtSN++
		r.set(bench.layer, list)
		bench.layer.sendRun(r, 0, out)
		out.flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/packet")
}
