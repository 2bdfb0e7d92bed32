package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/metrics"
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
func (s *slot) writeLocked(l *layer, p *packet.Packet) {
	pt := s.types[l.track.codec]
	payload := p.Payload
	if s.out.Rewrite {
		payload = s.out.Payload(p, s.scratchLocked())
	}
	h := &s.header
	h.Version, h.Marker, h.PayloadType = 2, s.out.Marker, pt.media
	h.SequenceNumber, h.Timestamp, h.SSRC = s.out.SN, s.out.TS, s.ssrc
	s.extendLocked(l, p, len(payload))
	if s.sendLocked(payload) {
		s.rtxBudget = min(s.rtxBudget+len(payload)/4, rtxBurst)
	}
}

// extendLocked writes the header extensions of this hop.
//
// On a stream without RTX a packet is repaired by sending it again as it was,
// under the same number. It then has to be the same to the last bit, or an
// AES-GCM nonce would serve two plaintexts: such a stream carries nothing that
// depends on when or how often a packet is sent.
func (s *slot) extendLocked(l *layer, p *packet.Packet, size int) {
	h := &s.header
	h.Extension, h.ExtensionProfile = false, 0
	h.Extensions = s.extBuf.list[:0]
	if s.rtxSSRC != 0 || s.kind == types.KindAudio {
		if s.ext.mid != 0 && s.midLeft > 0 {
			s.midLeft--
			_ = h.SetExtension(s.ext.mid, s.midBytes)
		}
		if s.ext.twcc != 0 {
			seq := s.conn.sent.next(size)
			binary.BigEndian.PutUint16(s.extBuf.twcc[:], seq)
			_ = h.SetExtension(s.ext.twcc, s.extBuf.twcc[:])
		}
		if s.ext.sendTime != 0 {
			clock := s.conn.session().clock
			t := absSendTime(clock.ntp(clock.at(time.Now())))
			s.extBuf.sendTime = [3]byte{byte(t >> 16), byte(t >> 8), byte(t)}
			_ = h.SetExtension(s.ext.sendTime, s.extBuf.sendTime[:])
		}
	}
	copyExtension(h, p, l.ext.level, s.ext.level)
	copyExtension(h, p, l.ext.orientation, s.ext.orientation)
	copyExtension(h, p, l.ext.capture, s.ext.capture)
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
func (s *slot) sendLocked(payload []byte) bool {
	m := s.conn.session().opts.Metrics
	n, err := s.writer.WriteRTP(&s.header, payload)
	if err != nil || n == 0 {
		m.PacketsDropped[metrics.DropWriteError].Add(1)
		return false
	}
	m.PacketsOut.Add(1)
	m.BytesOut.Add(int64(n))
	return true
}

// scratchLocked returns memory for a rewritten payload. A slot whose source
// never needs rewriting never has it.
func (s *slot) scratchLocked() []byte {
	if s.scratch == nil {
		s.scratch = make([]byte, packet.MaxSize+2)
	}
	return s.scratch
}
