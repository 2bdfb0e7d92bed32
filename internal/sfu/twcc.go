package sfu

import (
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"

	"aq-server/internal/sfu/packet"
	"aq-server/internal/webrtcapi"
)

// arrivals records when the packets of a publisher came, by their
// transport-wide sequence numbers, for the feedback that lets browsers raise
// their bit rate (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//
// It sits in pion's receive path as an interceptor, because some packets never
// reach a track: the padding that browsers send on an RTX stream to probe for
// bandwidth would otherwise count as lost.
type arrivals struct {
	interceptor.NoOp
	start time.Time

	mu       sync.Mutex
	recorder *twcc.Recorder
	any      bool
}

func newArrivals(senderSSRC uint32) *arrivals {
	return &arrivals{start: time.Now(), recorder: twcc.NewRecorder(senderSSRC)}
}

// NewInterceptor implements interceptor.Factory. One PeerConnection, one
// recorder.
func (a *arrivals) NewInterceptor(string) (interceptor.Interceptor, error) { return a, nil }

// BindRemoteStream implements interceptor.Interceptor.
func (a *arrivals) BindRemoteStream(info *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	var id uint8
	for _, e := range info.RTPHeaderExtensions {
		if e.URI == webrtcapi.ExtTWCC {
			id = uint8(e.ID)
		}
	}
	if id == 0 {
		return reader
	}
	ssrc := info.SSRC
	return interceptor.RTPReaderFunc(func(b []byte, attr interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, attr, err := reader.Read(b, attr)
		if err == nil {
			if e := packet.HeaderExtension(b[:n], id); len(e) == 2 {
				a.record(ssrc, uint16(e[0])<<8|uint16(e[1]))
			}
		}
		return n, attr, err
	})
}

func (a *arrivals) record(ssrc uint32, seq uint16) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.any = true
	a.recorder.Record(ssrc, seq, time.Since(a.start).Microseconds())
}

// feedback returns the reports on what came since the last call.
func (a *arrivals) feedback() []rtcp.Packet {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.any {
		return nil
	}
	a.any = false
	return a.recorder.BuildFeedbackPacket()
}

// departures numbers the packets sent to one subscriber transport-wide and
// learns from his feedback how much of them arrives.
type departures struct {
	mu    sync.Mutex
	seq   uint16
	sizes [2048]uint16 // payload octets by number, a ring of the last ones

	since    time.Time // of the counts below
	received int       // octets
	lost     int       // packets
	total    int       // packets
	rate     int64     // bit/s over the last window
	loss     float64
}

// next returns the number for a packet of this size.
func (d *departures) next(size int) uint16 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seq++
	d.sizes[int(d.seq)%len(d.sizes)] = uint16(size)
	return d.seq
}

// rateWindow is the time over which the received bit rate is averaged.
const rateWindow = time.Second

// feedback counts what the report says was received.
func (d *departures) feedback(cc *rtcp.TransportLayerCC, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seq, left := cc.BaseSequenceNumber, int(cc.PacketStatusCount)
	count := func(symbol uint16) {
		if left == 0 {
			return
		}
		left--
		d.total++
		if symbol == rtcp.TypeTCCPacketNotReceived {
			d.lost++
		} else {
			d.received += int(d.sizes[int(seq)%len(d.sizes)])
		}
		seq++
	}
	for _, chunk := range cc.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range min(int(c.RunLength), left) {
				count(c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, symbol := range c.SymbolList {
				count(symbol)
			}
		}
	}
	switch elapsed := now.Sub(d.since); {
	case d.since.IsZero():
		d.since = now
	case elapsed >= rateWindow:
		d.rate = int64(float64(d.received*8) / elapsed.Seconds())
		d.loss = float64(d.lost) / float64(max(d.total, 1))
		d.since, d.received, d.lost, d.total = now, 0, 0, 0
	}
}

// measured returns what arrived lately in bit/s, 0 when unknown, and the share
// of packets that was lost.
func (d *departures) measured(now time.Time) (bitsPerSecond int64, loss float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since.IsZero() || now.Sub(d.since) > 3*rateWindow {
		return 0, 0
	}
	return d.rate, d.loss
}
