package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
)

// What a subscriber may have sent again (docs/limits.md, L13): a quarter of
// what it is sent, and 64 kbit/s; at most 48 packets for one RTCP packet.
const (
	rtxBytesPerSecond = 64_000 / 8
	rtxStart          = 16 << 10  // octets, for a subscriber that begins
	rtxBurst          = 128 << 10 // octets that can be saved up
	nacksPerPacket    = 48
)

// runRTCP reads the subscriber's feedback on this slot until its sender stops, where
// it does not come by (*receiver).ReceiveRTCP.
func (s *slot) runRTCP(sender *webrtc.RTPSender) {
	defer recovery.RecoverFunc("sfu slot RTCP", func(any) { s.conn.peer.fail(errPanic) })
	buf := make([]byte, packet.MaxSize)
	for {
		n, _, err := sender.Read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		s.conn.hear(now)
		for b := range packetsOf(buf[:n]) {
			if isTransportReport(b) {
				s.conn.transportFeedback(b, now)
			} else if packets, err := rtcp.Unmarshal(b); err == nil && len(packets) == 1 {
				s.feedback(packets[0])
			}
		}
	}
}

// feedback acts on one RTCP packet. pion hands a compound to every stream that
// it names, so each slot takes only what is its own.
func (s *slot) feedback(p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		if s.isMedia(p.MediaSSRC) {
			s.resend(p.Nacks)
		}
	case *rtcp.PictureLossIndication:
		if s.isMedia(p.MediaSSRC) {
			s.pictureLost()
		}
	case *rtcp.FullIntraRequest:
		for _, f := range p.FIR {
			if s.isMedia(f.SSRC) {
				s.pictureLost()
			}
		}
	case *rtcp.ReceiverReport:
		s.receiverReports(p.Reports)
	case *rtcp.SenderReport:
		s.receiverReports(p.Reports)
	}
}

// isMedia tells whether feedback is on the slot's media, and notes that it is heard.
func (s *slot) isMedia(ssrc uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastRTCP = time.Now()
	return s.ssrc == ssrc
}

func (s *slot) receiverReports(reports []rtcp.ReceptionReport) {
	for _, r := range reports {
		if s.isMedia(r.SSRC) {
			s.receiverReport(r, time.Now())
		}
	}
}

// receiverReport takes in what the subscriber says of this slot.
func (s *slot) receiverReport(r rtcp.ReceptionReport, now time.Time) {
	s.conn.receiverReport.Store(s.conn.session().clock.at(now))
	s.mu.Lock()
	s.lastRTCP = now
	s.fraction = float64(r.FractionLost) / 256
	if r.LastSequenceNumber != s.highest {
		s.highest, s.advanced = r.LastSequenceNumber, now
	}
	s.mu.Unlock()
	if r.LastSenderReport != 0 {
		s.conn.observeRTT(r.LastSenderReport, r.Delay, now)
	}
}

// pictureLost asks the publisher for a keyframe on the subscriber's behalf.
func (s *slot) pictureLost() {
	s.conn.session().opts.Metrics.PLIsIn.Add(1)
	s.mu.Lock()
	s.pliAt = time.Now()
	s.asks++
	target := s.target
	s.mu.Unlock()
	if target != nil && target.codec.IsVideo() {
		target.requestKeyframe()
	}
}

// resend answers a NACK from the history of the layer that each packet came
// from: by RTX (RFC 4588) where negotiated, else as it was.
func (s *slot) resend(pairs []rtcp.NackPair) {
	m := s.conn.session().opts.Metrics
	now := time.Now()
	rtt := s.conn.roundTrip()
	b := s.conn.session().burst()
	defer b.send()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writer == nil || s.source == nil {
		return
	}
	burst := rtxBurst
	if rate := s.conn.down.rate.Load(); rate != 0 {
		burst = min(burst, int(rate/8/8)) // what the way carries in 1/8 s
	}
	s.rtxBudget = min(s.rtxBudget+int(now.Sub(s.rtxRefill).Seconds()*rtxBytesPerSecond), burst)
	s.rtxRefill = now
	served := 0
	for _, pair := range pairs {
		for _, sn := range pair.PacketList() {
			m.NacksIn.Add(1)
			if served < nacksPerPacket && s.rtxBudget > 0 && s.resendLocked(b, sn, now, rtt, s.rtxBudget > burst/2) {
				served++
				m.RTXOut.Add(1)
			}
		}
	}
}

func (s *slot) resendLocked(b *burst, sn uint16, now time.Time, rtt time.Duration, ample bool) bool {
	stream, extSN, ok := s.fw.Resend(sn, &s.out)
	if !ok {
		return false
	}
	l := s.source.layerOf(stream)
	if l == nil || l.track.blocked() {
		return false // of an earlier source, or not to be seen any more
	}
	if l.rank > s.limit {
		return false // of a layer that the way did not carry; a keyframe follows
	}
	pt, ok := s.types[l.track.codec]
	// A stream with RTX never sends a number twice; sound is not repaired.
	if !ok || s.kind == types.KindAudio || s.rtxSSRC != 0 && pt.rtx == 0 {
		return false
	}
	p := l.history.Get(extSN)
	if p == nil {
		return false
	}
	defer p.Release()
	if !s.out.Sent { // it was refused when it came, or comes at this moment
		return s.pushLocked(l, p, b)
	}
	if !s.fw.AllowResend(sn, now, rtt, ample) {
		return false
	}
	h := &s.header
	h.Version, h.Marker, h.PayloadType = 2, s.out.Marker, pt.media
	h.SequenceNumber, h.Timestamp, h.SSRC = s.out.SN, s.out.TS, s.ssrc
	scratch := s.scratchLocked()
	payload := s.out.Payload(p, scratch[2:])
	if s.rtxSSRC != 0 {
		copy(scratch[2:], payload) // no-op where it was rewritten in place
		binary.BigEndian.PutUint16(scratch, s.out.SN)
		payload = scratch[:2+len(payload)]
		h.PayloadType, h.SequenceNumber, h.SSRC = pt.rtx, s.rtxSN, s.rtxSSRC
		s.rtxSN++
	}
	s.extendLocked(l, p, len(payload), false, s.sendTime())
	s.rtxBudget -= len(payload)
	if s.rtxSSRC == 0 && s.out.Padding > 0 {
		h.Padding, h.PaddingSize = true, s.out.Padding
	}
	ok = s.sendLocked(b, payload)
	h.Padding, h.PaddingSize = false, 0
	return ok
}

// senderReport describes the slot's stream at this moment (RFC 3550, section
// 6.4.1). Its NTP time is the session's clock, the same for all slots, and the
// RTP time is that of the media captured now, so sound and picture of one
// person stay together.
func (s *slot) senderReport(now time.Time) (*rtcp.SenderReport, bool) {
	clock := s.conn.session().clock
	at := clock.at(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	ts, ok := s.fw.RTPTimeAt(at)
	if !ok || !s.open.Load() {
		return nil, false
	}
	packets, octets := s.fw.Sent()
	return &rtcp.SenderReport{
		SSRC: s.ssrc, NTPTime: clock.ntp(at), RTPTime: ts,
		PacketCount: uint32(packets), OctetCount: uint32(octets),
	}, true
}
