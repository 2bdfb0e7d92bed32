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
// bandwidth would otherwise count as lost. What comes past pion is recorded by
// (*receiver).ReceiveRTP.
type arrivals struct {
	interceptor.NoOp
	start time.Time

	mu       sync.Mutex
	recorder *twcc.Recorder
	any      bool
	paused   bool   // nothing had come by the last report
	resumed  func() // called when something comes again
}

func newArrivals() *arrivals { return &arrivals{start: time.Now(), paused: true} }

// begin sets the SSRC of the reports. It comes before the first packet.
func (a *arrivals) begin(senderSSRC uint32) { a.recorder = twcc.NewRecorder(senderSSRC) }

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
				a.record(ssrc, uint16(e[0])<<8|uint16(e[1]), time.Now())
			}
		}
		return n, attr, err
	})
}

func (a *arrivals) record(ssrc uint32, seq uint16, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.any = true
	if a.paused {
		a.paused = false
		a.resumed()
	}
	a.recorder.Record(ssrc, seq, at.Sub(a.start).Microseconds())
}

// some tells whether something has come since the last reports.
func (a *arrivals) some() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.any
}

// feedback returns the reports on what came since the last call.
func (a *arrivals) feedback() []rtcp.Packet {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paused = !a.any; a.paused {
		return nil
	}
	a.any = false
	return a.recorder.BuildFeedbackPacket()
}
