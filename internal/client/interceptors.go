package client

import (
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
)

// wireFactory makes the interceptor next to the network. It loses packets as
// the options say, and names the layer on retransmissions, which pion leaves
// out: a server finds the RTX stream of a simulcast layer by its repaired
// stream id, as browsers send it (RFC 8852, section 3.2).
type wireFactory struct {
	received, sent func(*rtp.Header) bool
	writer         func(ssrc uint32, w interceptor.RTPWriter)
	repairs        *repairs
}

// repairs knows the RTX streams of the layers of one client.
type repairs struct {
	mu     sync.Mutex
	layers map[uint32]repairedLayer // by RTX SSRC
}

type repairedLayer struct {
	mid, rid           string
	midID, rrID, ridID uint8
}

func newRepairs() *repairs { return &repairs{layers: make(map[uint32]repairedLayer)} }

func (r *repairs) set(ssrc uint32, l repairedLayer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.layers[ssrc] = l
}

// mark adds the extensions to a packet of an RTX stream.
func (r *repairs) mark(h *rtp.Header) {
	r.mu.Lock()
	l, ok := r.layers[h.SSRC]
	r.mu.Unlock()
	if !ok {
		return
	}
	if h.GetExtension(l.ridID) != nil { // the original's
		_ = h.DelExtension(l.ridID)
	}
	_ = h.SetExtension(l.midID, []byte(l.mid))
	_ = h.SetExtension(l.rrID, []byte(l.rid))
}

func (f wireFactory) NewInterceptor(string) (interceptor.Interceptor, error) {
	return &wire{factory: f}, nil
}

type wire struct {
	interceptor.NoOp
	factory wireFactory
}

// BindRemoteStream reads on past the packets to lose.
func (w *wire) BindRemoteStream(_ *interceptor.StreamInfo, reader interceptor.RTPReader) interceptor.RTPReader {
	if w.factory.received == nil {
		return reader
	}
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			n, attributes, err := reader.Read(b, a)
			if err != nil {
				return n, attributes, err
			}
			var h rtp.Header
			if _, err := h.Unmarshal(b[:n]); err != nil || !w.factory.received(&h) {
				return n, attributes, nil
			}
		}
	})
}

// BindLocalStream pretends to have sent the packets to lose.
func (w *wire) BindLocalStream(info *interceptor.StreamInfo, writer interceptor.RTPWriter) interceptor.RTPWriter {
	if w.factory.writer != nil {
		w.factory.writer(info.SSRC, writer)
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if h.SSRC != info.SSRC {
			copied := h.Clone() // the responder keeps its own
			w.factory.repairs.mark(&copied)
			h = &copied
		}
		if w.factory.sent != nil && w.factory.sent(h) {
			return len(payload), nil
		}
		return writer.Write(h, payload, a)
	})
}
