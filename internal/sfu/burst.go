package sfu

import (
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/metrics"
	"aq-server/internal/webrtcapi"
)

// PacketWriter takes one RTP packet on its way to a subscriber and returns its
// size before it was sealed. It copies header and payload before it returns, and
// does not block. It may leave the packet in the batch, which its owner flushes.
//
// There are two: webrtcapi.Outbound seals into the batch, senderWriter sends by
// pion's sender. A PeerConnection takes one of them before its first packet and
// never changes.
type PacketWriter interface {
	WriteRTP(batch *webrtcapi.Batch, header *rtp.Header, payload []byte) (int, error)
}

// senderWriter writes by pion's sender, which sends at once.
type senderWriter struct{ stream webrtc.TrackLocalWriter }

func (w senderWriter) WriteRTP(_ *webrtcapi.Batch, header *rtp.Header, payload []byte) (int, error) {
	return w.stream.WriteRTP(header, payload)
}

// burst is what one goroutine sends at a time: to one subscriber, or to all of
// a layer, one after the other. What was written leaves with send at the latest.
type burst struct {
	batch   *webrtcapi.Batch
	metrics *metrics.Metrics
	packets int64
	octets  int64
	failed  int64
}

// bursts are shared by all sessions: a batch is large, and few goroutines send
// at the same moment.
var bursts = sync.Pool{New: func() any { return &burst{batch: webrtcapi.NewBatch()} }}

// burst returns an empty one. Who takes it ends it with send, without a lock.
func (s *Session) burst() *burst {
	b := bursts.Get().(*burst)
	b.metrics = s.opts.Metrics
	return b
}

// send sends what is left and gives the burst back.
func (b *burst) send() {
	b.flush()
	bursts.Put(b)
}

// flush sends what is left and counts all since the last time.
func (b *burst) flush() {
	b.batch.Flush()
	if b.packets > 0 {
		b.metrics.PacketsOut.Add(b.packets)
		b.metrics.BytesOut.Add(b.octets)
	}
	if b.failed > 0 {
		b.metrics.PacketsDropped[metrics.DropWriteError].Add(b.failed)
	}
	b.packets, b.octets, b.failed = 0, 0, 0
}
