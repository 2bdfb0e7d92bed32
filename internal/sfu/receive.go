package sfu

import (
	"encoding/binary"
	"iter"
	"maps"
	"time"

	"github.com/pion/rtcp"

	"aq-server/internal/recovery"
	"aq-server/internal/sfu/packet"
)

// receiver is a connection as webrtcapi sees it, which hands over what the client
// sends where it has been read (webrtcapi.Inbound).
type receiver connection

// ReceiveRTP implements webrtcapi.Receiver: the packets of streams that pion has
// announced are the layer's at once.
func (r *receiver) ReceiveRTP(ssrc uint32, sealed []byte, at time.Time) bool {
	c := (*connection)(r)
	defer recovery.RecoverFunc("sfu receiver", func(any) { c.peer.fail(errPanic) })
	for _, l := range c.feedback.list() {
		if l.ssrc == ssrc {
			return c.receiveMedia(l, sealed, at)
		}
	}
	return false
}

func (c *connection) receiveMedia(l *layer, sealed []byte, at time.Time) bool {
	p := c.session().pool.Get()
	n, pions, err := c.out.In().OpenRTP(p.Buf(), l.ssrc, sealed)
	if err != nil {
		p.Release()
		return !pions
	}
	if l.ext.twcc != 0 {
		if e := packet.HeaderExtension(p.Buf()[:n], l.ext.twcc); len(e) == 2 {
			c.arrivals.record(l.ssrc, uint16(e[0])<<8|uint16(e[1]), at)
		}
	}
	p.Arrival = at
	l.take(p, n)
	return true
}

// ReceiveRTCP implements webrtcapi.Receiver.
func (r *receiver) ReceiveRTCP(compound []byte, at time.Time) {
	c := (*connection)(r)
	defer recovery.RecoverFunc("sfu receiver", func(any) { c.peer.fail(errPanic) })
	c.hear(at)
	for p := range packetsOf(compound) {
		c.receiveReport(p, at)
	}
}

// packetsOf goes through the packets of a compound one (RFC 3550, section 6.1), up to the
// first that is broken.
func packetsOf(compound []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for b := compound; len(b) >= 4 && b[0]>>6 == 2; {
			size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
			if size > len(b) || !yield(b[:size]) {
				return
			}
			b = b[size:]
		}
	}
}

// receiveReport takes one packet of RTCP to whom it is for.
func (c *connection) receiveReport(b []byte, at time.Time) {
	if isTransportReport(b) {
		c.transportFeedback(b, at)
		return
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil || len(packets) != 1 {
		return
	}
	switch p := packets[0].(type) {
	case *rtcp.ReceiverReport:
		c.receiverReports(p.Reports, at)
	case *rtcp.SenderReport:
		for _, l := range c.feedback.list() {
			if l.ssrc == p.SSRC {
				l.senderReport(p, at)
			}
		}
		c.receiverReports(p.Reports, at)
	default:
		for _, ssrc := range p.DestinationSSRC() {
			if s := (*c.receivers.Load())[ssrc]; s != nil {
				s.feedback(p)
			}
		}
	}
}

func (c *connection) receiverReports(list []rtcp.ReceptionReport, at time.Time) {
	slots := *c.receivers.Load()
	for _, r := range list {
		if s := slots[r.SSRC]; s != nil {
			s.receiverReport(r, at)
		}
	}
}

// transportFeedback takes in what the client has received, by the numbers of all
// streams together.
func (c *connection) transportFeedback(b []byte, at time.Time) {
	if cc, ok := parseTransportReport(b); ok {
		c.reported.Store(c.heard.Load())
		c.onFeedback(cc, at)
	}
}

// bind notes that reports on an SSRC are a slot's, unbind that they are no longer.
// Callers may hold the slot's mutex.
func (c *connection) bind(ssrc uint32, s *slot) {
	c.changeReceivers(func(slots map[uint32]*slot) { slots[ssrc] = s })
}

func (c *connection) unbind(ssrc uint32, s *slot) {
	c.changeReceivers(func(slots map[uint32]*slot) {
		if slots[ssrc] == s {
			delete(slots, ssrc)
		}
	})
}

func (c *connection) changeReceivers(change func(map[uint32]*slot)) {
	c.receiversMu.Lock()
	defer c.receiversMu.Unlock()
	slots := maps.Clone(*c.receivers.Load())
	change(slots)
	c.receivers.Store(&slots)
}
