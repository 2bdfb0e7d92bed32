package sfu

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/metrics"
	"aq-server/internal/recovery"
	"aq-server/internal/seqnum"
	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/forward"
	"aq-server/internal/sfu/history"
	"aq-server/internal/sfu/nack"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// streamID names one published layer to the forwarders.
type streamID = forward.Stream

const (
	// videoHistory holds about 2 s of a 2.5 Mbit/s layer, audioHistory 1.3 s.
	videoHistory = 512
	audioHistory = 64
	// historyAge bounds the memory of slow layers. A repair that comes later is
	// of no use; a keyframe older than this is not replayed to late joiners.
	historyAge = 2 * time.Second
	// flowTimeout is how long a layer may be silent before its subscribers
	// move to another.
	flowTimeout = time.Second
)

// layer is one RTP stream of a published track, read by its own goroutine.
type layer struct {
	// Set by newLayer, then constant.
	track    *Track
	rid      string
	rank     int // position among its track's layers, 0 is the smallest
	ssrc     uint32
	stream   streamID
	remote   *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
	codec    codec.Type
	rate     uint32 // clock rate, Hz
	pt       uint8
	history  *history.History
	ext      extensionIDs
	feedback *feedback
	waiting  backlog // for the fan-out

	// flowing is set by each packet and cleared by the monitor.
	flowing    atomic.Bool
	lastPacket atomic.Int64 // session time, ns
	lastMedia  atomic.Int64 // the same of a packet that was more than padding
	width      atomic.Int32 // of the last keyframe; 0 when unknown
	height     atomic.Int32

	// in is held while a packet is received, so that one comes after the other: most
	// by (*receiver).ReceiveRTP, some by run. Order: in -> Session, Track, mu.
	in    sync.Mutex
	ended bool // under in: the reader has
	// mu guards the rest: the readers, the feedback goroutine and senders of reports
	// meet here, for microseconds. It is a leaf.
	mu    sync.Mutex
	sn    seqnum.Unwrapper16
	ts    seqnum.Unwrapper32
	clock streamClock
	nack  *nack.Tracker
	stats receiverStats
	key   keyframeState
	meter meter
}

// extensionIDs are the negotiated header extension IDs of an m-line, 0 where
// the extension was not accepted.
type extensionIDs struct{ mid, twcc, sendTime, level, orientation, capture uint8 }

func newExtensionIDs(list []webrtc.RTPHeaderExtensionParameter) (e extensionIDs) {
	for _, x := range list {
		id := uint8(x.ID)
		switch x.URI {
		case webrtcapi.ExtMID:
			e.mid = id
		case webrtcapi.ExtTWCC:
			e.twcc = id
		case webrtcapi.ExtAbsSendTime:
			e.sendTime = id
		case webrtcapi.ExtAudioLevel:
			e.level = id
		case webrtcapi.ExtOrientation:
			e.orientation = id
		case webrtcapi.ExtCaptureTime:
			e.capture = id
		}
	}
	return e
}

// ridRank orders the layers as they are offered, smallest first.
func ridRank(rid string) int { return max(0, strings.Index("qhf", rid)) }

func newLayer(t *Track, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver, f *feedback) *layer {
	size := audioHistory
	if t.info.Kind == types.KindVideo {
		size = videoHistory
	}
	l := &layer{
		track: t, rid: remote.RID(), ssrc: uint32(remote.SSRC()), remote: remote, receiver: receiver,
		codec: codec.FromMIME(remote.Codec().MimeType), rate: remote.Codec().ClockRate,
		// PayloadType() is 0 for a layer that was found by its RID.
		pt: uint8(remote.Codec().PayloadType), history: history.New(size), feedback: f,
		ext:     newExtensionIDs(receiver.GetParameters().HeaderExtensions),
		stream:  streamID(t.conn.session().nextStream.Add(1)),
		nack:    nack.New(nackWindow),
		waiting: backlog{wake: make(chan struct{}, 1)},
	}
	if l.rid != "" {
		l.rank = ridRank(l.rid)
	}
	l.clock.rate = int64(l.rate)
	l.history.SetMaxAge(historyAge)
	return l
}

// run reads what comes of the layer by pion, until its PeerConnection closes: its first
// packets, repairs, and all of it where the short way is not open.
func (l *layer) run() {
	defer recovery.RecoverFunc("sfu layer", func(any) { l.track.conn.peer.fail(errPanic) })
	defer l.end()
	session := l.track.conn.session()
	for {
		p := session.pool.Get()
		n, _, err := l.remote.Read(p.Buf())
		if err != nil {
			p.Release()
			return
		}
		p.Arrival = time.Now()
		l.take(p, n)
	}
}

// end gives up what is kept. Nothing is taken any more.
func (l *layer) end() {
	l.in.Lock()
	defer l.in.Unlock()
	l.ended = true
	l.waiting.close()
	l.history.Close()
}

// take receives a packet, of n octets in its Buf, and hands it to the fan-out. It
// takes over the caller's reference.
func (l *layer) take(p *packet.Packet, n int) {
	defer p.Release()
	l.in.Lock()
	defer l.in.Unlock() // also after a panic, or end would wait for ever
	if !l.ended && l.receive(p, n) {
		l.enqueue(p)
	}
}

// receive takes one packet in: parse, number, deduplicate, note. It returns
// false when the packet is not to be forwarded. The caller holds in.
func (l *layer) receive(p *packet.Packet, n int) bool {
	counters := l.track.conn.session().opts.Metrics
	counters.PacketsIn.Add(1)
	counters.BytesIn.Add(int64(n))
	if err := p.Parse(n); err != nil || p.PT != l.pt || l.codec == codec.Unknown {
		counters.PacketsDropped[droppedMalformed].Add(1)
		return false
	}
	p.Codec = l.codec
	if l.codec.IsVideo() && len(p.Payload) > 0 {
		p.Keyframe = codec.IsKeyframe(l.codec, p.Payload)
	}
	now := l.track.conn.session().clock.at(p.Arrival)

	l.mu.Lock()
	p.ExtSN, p.ExtTS = l.sn.Unwrap(p.SN), l.ts.Unwrap(p.TS)
	l.mu.Unlock()
	if l.track.blocked() {
		l.refuse(p, now)
		return false
	}
	if !l.history.Add(p) {
		// Browsers probe for bandwidth by sending old packets again.
		counters.PacketsDropped[droppedDuplicate].Add(1)
		return false
	}
	ask := false
	l.mu.Lock()
	if l.codec.IsVideo() {
		ask = l.nack.Received(p.ExtSN, p.Arrival)
	}
	l.stats.received(p.ExtSN, p.TS, now, l.rate)
	l.meter.add(len(p.Payload), now)
	if p.Keyframe {
		l.key.seen()
	}
	l.mu.Unlock()
	if ask {
		l.feedback.wake()
	}
	if p.Keyframe {
		l.noteSize(p.Payload)
	}
	l.lastPacket.Store(now)
	if len(p.Payload) > 0 {
		l.lastMedia.Store(now)
	}
	if l.flowing.CompareAndSwap(false, true) {
		l.track.retarget()
		l.track.conn.session().wakeMonitor()
	}
	if l.ext.level != 0 && l.track.info.Source == types.SourceMicrophone {
		if b := p.Extension(l.ext.level); len(b) > 0 {
			l.track.conn.session().observeLevel(l.track, b[0]&0x7f, b[0]&0x80 != 0, p.Arrival)
		}
	}
	return true
}

// refuse notes a packet that is not to be forwarded, so that it does not count
// as lost. It is not kept either: nothing of it may be seen when the track is
// back.
func (l *layer) refuse(p *packet.Packet, now int64) {
	l.track.conn.session().opts.Metrics.PacketsDropped[metrics.DropForbidden].Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.codec.IsVideo() {
		l.nack.Received(p.ExtSN, p.Arrival)
	}
	l.stats.received(p.ExtSN, p.TS, now, l.rate)
	l.lastPacket.Store(now)
}

// refTime returns when the media in p was captured, in session time.
func (l *layer) refTime(p *packet.Packet) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.time(p.ExtTS, l.track.conn.session().clock.at(p.Arrival))
}

// noteSize keeps the picture size that a VP8 keyframe names (RFC 6386, section
// 9.1), behind the payload descriptor. Other codecs are judged by their rank.
func (l *layer) noteSize(payload []byte) {
	if l.codec != codec.VP8 {
		return
	}
	d, ok := codec.ParseVP8(payload)
	if !ok || len(payload) < d.Size+10 {
		return
	}
	f := payload[d.Size:]
	l.width.Store(int32(f[6]) | int32(f[7]&0x3f)<<8)
	l.height.Store(int32(f[8]) | int32(f[9]&0x3f)<<8)
}

// enoughFor tells whether the layer has enough pixels for a view.
func (l *layer) enoughFor(v types.TrackView) bool {
	picture := size{int64(l.width.Load()), int64(l.height.Load())}
	if picture.width == 0 || picture.height == 0 {
		picture = assumedSize(l.rank)
	}
	return picture.enoughFor(v)
}

// runRTCP reads the publisher's reports of this layer, which tie its RTP
// timestamps to the publisher's clock, where they do not come by
// (*receiver).ReceiveRTCP.
func (l *layer) runRTCP() {
	defer recovery.RecoverFunc("sfu layer RTCP", func(any) { l.track.conn.peer.fail(errPanic) })
	buf := make([]byte, packet.MaxSize)
	for {
		var n int
		var err error
		if l.rid != "" {
			n, _, err = l.receiver.ReadSimulcast(buf, l.rid)
		} else {
			n, _, err = l.receiver.Read(buf)
		}
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		l.track.conn.hear(time.Now())
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == l.ssrc {
				l.senderReport(sr, time.Now())
			}
		}
	}
}

func (l *layer) senderReport(sr *rtcp.SenderReport, arrival time.Time) {
	now := l.track.conn.session().clock.at(arrival)
	at := l.track.conn.clock.observe(sr.NTPTime, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.report(sr.NTPTime, now)
	if !l.stats.started {
		return // the timestamp cannot be placed before the first packet
	}
	l.clock.set(l.ts.Unwrap(sr.RTPTime), at)
}
