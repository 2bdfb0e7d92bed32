package sfu

import (
	"encoding/binary"

	"github.com/pion/rtp"

	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
)

// extensionBuffer is the memory of the header extensions of one packet.
type extensionBuffer struct {
	twcc     [2]byte
	sendTime [3]byte
	list     [8]rtp.Extension
}

// writeLocked sends the packet that s.out describes.
//
// even is by how many octets the payload is to be padded; at is the session time.
func (s *slot) writeLocked(l *layer, p *packet.Packet, b *burst, even uint8, at int64) {
	payload := p.Payload
	if s.out.Rewrite {
		payload = s.out.Payload(p, s.scratchLocked())
	}
	h := &s.header
	h.Version, h.Marker, h.PayloadType = 2, s.out.Marker, s.pt.media
	h.SequenceNumber, h.Timestamp, h.SSRC = s.out.SN, s.out.TS, s.ssrc
	s.extendLocked(l, p, len(payload), true, at)
	if even > 0 {
		h.Padding, h.PaddingSize = true, even
		if s.rtxSSRC == 0 {
			s.fw.NotePadding(&s.out, even)
		}
	}
	ok := s.sendLocked(b, payload)
	h.Padding, h.PaddingSize = false, 0
	if ok {
		s.rtxBudget = min(s.rtxBudget+len(payload)/4, rtxBurst)
	}
}

// extendLocked writes the header extensions of this hop.
//
// On a stream without RTX a packet is repaired by sending it again as it was,
// under the same number. It then has to be the same to the last bit, or an
// AES-GCM nonce would serve two plaintexts: such a stream carries nothing that
// depends on when or how often a packet is sent.
//
// numbered gives the packet a transport-wide number. Repairs have none: a
// receiver names the stream of the last packet in its reports, and pion does not
// hand on those that name an RTX stream (but see connection.listen).
func (s *slot) extendLocked(l *layer, p *packet.Packet, size int, numbered bool, at int64) {
	h := &s.header
	s.beginExtensionsLocked()
	if s.rtxSSRC != 0 || s.kind == types.KindAudio {
		if s.ext.mid != 0 && s.midLeft > 0 {
			s.midLeft--
			_ = h.SetExtension(s.ext.mid, s.midBytes)
		}
		s.extendTimeLocked(size, numbered, at)
	}
	copyExtension(h, p, l.ext.level, s.ext.level)
	copyExtension(h, p, l.ext.orientation, s.ext.orientation)
	copyExtension(h, p, l.ext.capture, s.ext.capture)
}

func (s *slot) beginExtensionsLocked() {
	s.header.Extension, s.header.ExtensionProfile = false, 0
	s.header.Extensions = s.extBuf.list[:0]
}

// extendTimeLocked writes the extensions that tell when a packet was sent.
func (s *slot) extendTimeLocked(size int, numbered bool, at int64) {
	numbered = numbered && s.ext.twcc != 0
	if !numbered && s.ext.sendTime == 0 {
		return
	}
	h, clock := &s.header, s.conn.session().clock
	if numbered {
		binary.BigEndian.PutUint16(s.extBuf.twcc[:], s.conn.sent.next(s.number, size, at))
		_ = h.SetExtension(s.ext.twcc, s.extBuf.twcc[:])
	}
	if s.ext.sendTime != 0 {
		t := absSendTime(clock.ntp(at))
		s.extBuf.sendTime = [3]byte{byte(t >> 16), byte(t >> 8), byte(t)}
		_ = h.SetExtension(s.ext.sendTime, s.extBuf.sendTime[:])
	}
}

// copyExtension forwards the publisher's own extension under the subscriber's
// ID. Longer data than the one-byte form holds is left out.
func copyExtension(h *rtp.Header, p *packet.Packet, from, to uint8) {
	if from == 0 || to == 0 {
		return
	}
	if data := p.Extension(from); len(data) > 0 && len(data) <= 16 {
		_ = h.SetExtension(to, data)
	}
}

// sendLocked hands s.header and the payload to the writer.
func (s *slot) sendLocked(b *burst, payload []byte) bool {
	n, err := s.writer.WriteRTP(b.batch, &s.header, payload)
	if err != nil || n == 0 {
		b.failed++
		return false
	}
	b.packets++
	b.octets += int64(n)
	return true
}

// paddingSize is that of the packets of a probe: what browsers send themselves.
const paddingSize = 224

// canPad tells whether the slot has an RTX stream whose packets are reported on.
func (s *slot) canPad() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.padTypeLocked() != 0
}

// padTypeLocked returns the payload type of padding, 0 when it cannot be sent.
func (s *slot) padTypeLocked() uint8 {
	if s.writer == nil || s.rtxSSRC == 0 || s.ext.twcc == 0 || !s.conn.connected.Load() {
		return 0
	}
	rtx := uint8(0) // the same one each time, though any would do
	for _, pt := range s.types {
		rtx = max(rtx, pt.rtx)
	}
	return rtx
}

// pad sends n packets of nothing but padding (RFC 3550, section 5.1) on the RTX
// stream, where they take no number of the picture's: receivers count them for
// their reports and drop them. It returns how many it sent.
func (s *slot) pad(n int, b *burst) (sent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; sent < n; sent++ {
		pt := s.padTypeLocked()
		if pt == 0 {
			return sent
		}
		h := &s.header
		h.Version, h.Marker, h.PayloadType = 2, false, pt
		h.SequenceNumber, h.Timestamp, h.SSRC = s.rtxSN, s.out.TS, s.rtxSSRC
		s.rtxSN++
		s.beginExtensionsLocked()
		s.extendTimeLocked(paddingSize, true, s.sendTime())
		h.Padding, h.PaddingSize = true, paddingSize
		ok := s.sendLocked(b, nil)
		h.Padding, h.PaddingSize = false, 0
		if !ok {
			return sent
		}
	}
	return sent
}

func (s *slot) repairSSRC() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rtxSSRC
}

// scratchLocked returns memory for a rewritten payload. A slot whose source
// never needs rewriting never has it.
func (s *slot) scratchLocked() []byte {
	if s.scratch == nil {
		s.scratch = make([]byte, packet.MaxSize+2)
	}
	return s.scratch
}
