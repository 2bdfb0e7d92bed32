package sfu

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/metrics"
	"aq-server/internal/sfu/allocate"
	"aq-server/internal/sfu/forward"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
)

const (
	droppedMalformed = metrics.DropMalformed
	droppedDuplicate = metrics.DropDuplicate
	// replayLimit bounds the packets that are sent at once to a subscriber
	// that starts: the last keyframe and what followed it.
	replayLimit = 150
	// replayTime is in how many ms a way of a known limit must carry them;
	// packetOctets are those of a usual packet.
	replayTime   = 150
	packetOctets = 1100
	// midPackets is on how many packets of a source the MID stands, until the
	// receiver has learnt the SSRC (RFC 8843, section 15).
	midPackets = 50
	// noReports is after what time without RTCP a subscriber counts as one
	// that cannot ask for keyframes.
	noReports = 3 * time.Second
)

// slot is one m-line toward a subscriber: a webrtc.TrackLocal whose source, a
// published track, may change without an offer. It chooses the layer, rewrites
// headers and writes; nothing is copied or allocated for it on the way.
//
// One slot owns one SSRC (and that of its RTX) for the life of its
// PeerConnection, and every packet on them is written under its mutex: two
// packets with the same number would mean the same AES-GCM nonce.
type slot struct {
	// Set by newSlot, then constant.
	conn   *connection
	kind   types.Kind
	id     string // MSID track id
	stream string // MSID stream id: slots that share it are kept in lip sync

	// Owned by the negotiate goroutine.
	transceiver *webrtc.RTPTransceiver
	mid         string
	offered     map[codecKey]bool // codecs of the last offer
	free        bool              // a base client's m-line without a track, to be used again
	negotiated  bool              // an answer has covered it
	watch       slotWatch

	number uint8 // in departures; constant

	// open is true while packets are wanted: connected, negotiated, visible,
	// and allowed by the downlink.
	open atomic.Bool
	// ackedAt is when a transport-wide report said last that a packet of this
	// slot was received, in session time (ns); 0: never.
	ackedAt atomic.Int64

	// mu guards the rest. It is held while a packet is written (see above);
	// the write goes to a UDP socket and does not wait.
	mu       sync.Mutex
	source   *Track
	view     types.TrackView
	writer   PacketWriter // nil until bound
	ssrc     uint32
	rtxSSRC  uint32 // 0: no RTX
	ext      extensionIDs
	types    map[codecKey]payloadTypes // accepted by the client
	pt       payloadTypes              // of the source's codec
	limit    int                       // largest rank that the downlink allows; allocate.None: nothing
	target   *layer                    // what is or is about to be forwarded
	fw       *forward.Forwarder
	out      forward.Out
	header   rtp.Header
	scratch  []byte
	extBuf   extensionBuffer
	midBytes []byte
	midLeft  int

	rtxSN     uint16
	rtxBudget int // octets that may still be sent again, see repair.go
	rtxRefill time.Time

	started  time.Time // first packet of the present source
	lastRTCP time.Time
	pliAt    time.Time // unanswered request of the subscriber
	fraction float64   // lost, by the last receiver report
	// For the watchdog.
	asks, keys uint64    // requests for keyframes, and keyframes begun
	highest    uint32    // number that the last receiver report named
	advanced   time.Time // when that last grew
}

// noLimit allows all layers.
const noLimit = len(simulcastRIDs) - 1

// payloadTypes are those of one codec on one m-line; rtx is 0 without RTX.
type payloadTypes struct{ media, rtx uint8 }

func newSlot(c *connection, t *Track) *slot {
	s := &slot{
		conn: c, kind: t.info.Kind, id: string(t.info.TrackID), stream: t.info.Source.Stream(t.info.PeerID),
		fw:    forward.New(uint16(rand.Uint32())&0x7fff, rand.Uint32()),
		rtxSN: uint16(rand.Uint32()), limit: noLimit,
	}
	s.number = c.sent.enlist(s)
	return s
}

// ID implements webrtc.TrackLocal.
func (s *slot) ID() string { return s.id }

// RID implements webrtc.TrackLocal.
func (s *slot) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (s *slot) StreamID() string { return s.stream }

// Kind implements webrtc.TrackLocal.
func (s *slot) Kind() webrtc.RTPCodecType { return webrtc.NewRTPCodecType(string(s.kind)) }

// Bind implements webrtc.TrackLocal. pion calls it under its sender's lock when
// the answer is applied. It never fails: an error would keep pion from starting
// the other senders; what the client cannot decode is found in its answer.
func (s *slot) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = s.conn.writerFor(ctx.WriteStream())
	s.ssrc = uint32(ctx.SSRC())
	s.rtxSSRC = uint32(ctx.SSRCRetransmission())
	s.conn.bind(s.ssrc, s)
	if list := ctx.HeaderExtensions(); len(list) > 0 {
		s.ext = newExtensionIDs(list)
	} // else those of the slot before it on a reused m-line, see addSlot
	for _, c := range ctx.CodecParameters() {
		if s.offered[keyOf(c)] {
			return c, nil
		}
	}
	return webrtc.RTPCodecParameters{}, nil
}

func (s *slot) extensions() extensionIDs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ext
}

// Unbind implements webrtc.TrackLocal.
func (s *slot) Unbind(webrtc.TrackLocalContext) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writer = nil
	s.open.Store(false)
	s.conn.unbind(s.ssrc, s)
	return nil
}

// accept takes over which payload types the client's answer allows; an empty
// map means that it rejected the m-line. Called by the negotiate goroutine.
func (s *slot) accept(pts map[codecKey]payloadTypes) {
	s.mu.Lock()
	s.types, s.midBytes = pts, []byte(s.mid)
	if s.source != nil {
		s.pt = pts[s.source.codec]
	}
	s.mu.Unlock()
	s.retarget()
}

// setSource lets another track, or none, feed the m-line.
func (s *slot) setSource(t *Track, view types.TrackView) {
	s.mu.Lock()
	old := s.source
	if old == t {
		s.mu.Unlock()
		s.setView(view)
		return
	}
	s.source, s.view, s.target = t, view, nil
	if s.pt = (payloadTypes{}); t != nil {
		s.pt = s.types[t.codec]
	}
	s.limit = noLimit
	if s.kind == types.KindVideo && s.conn.down.rate.Load() != 0 {
		s.limit = allocate.None // until it has its share, which is next; see reconcile
	}
	s.started, s.pliAt = time.Time{}, time.Time{}
	s.fw.Stop()
	s.mu.Unlock()
	if old != nil {
		old.unsubscribe(s)
	}
	if t != nil {
		t.subscribe(s)
	}
	s.retarget()
}

// setView changes the size at which the source is shown.
func (s *slot) setView(view types.TrackView) {
	s.mu.Lock()
	same := s.view == view
	s.view = view
	s.mu.Unlock()
	if !same {
		s.retarget()
	}
}

// wants returns the view of the slot, the largest rank that its downlink has room
// for, and whether it can be served at all.
func (s *slot) wants() (v types.TrackView, limit int, visible bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view, s.limit, !s.view.Hidden && s.source != nil
}

// retarget chooses the layer to forward by what flows and what the client
// shows, and starts it if it is another than before. The present layer goes on
// until a keyframe of the new one has come.
func (s *slot) retarget() {
	s.mu.Lock()
	ready := s.conn.connected.Load() && s.writer != nil && s.source != nil && !s.view.Hidden && s.limit != allocate.None
	if ready {
		_, ready = s.types[s.source.codec]
	}
	if !ready {
		s.open.Store(false)
		s.target = nil
		s.fw.Stop()
		s.mu.Unlock()
		return
	}
	layer := s.source.pick(s.view, s.limit)
	if layer == nil || layer == s.target {
		s.mu.Unlock()
		return
	}
	starting := s.target == nil
	var b *burst
	s.target = layer
	video := layer.codec.IsVideo()
	s.fw.Start(layer.stream, video)
	s.open.Store(true)
	if starting {
		s.midLeft = midPackets
		s.started = time.Now()
		if s.rtxRefill.IsZero() {
			s.rtxRefill, s.rtxBudget = s.started, rtxStart
		}
		if video {
			b = s.conn.session().burst()
			s.replayLocked(layer, b)
		}
	}
	s.mu.Unlock()
	if b != nil {
		b.send()
	}
	if video {
		layer.requestKeyframe()
	}
}

// replayLocked sends the last keyframe of the layer and what followed it, when
// that is short: the subscriber has a picture without waiting for a new
// keyframe to come from the publisher. The keyframe is asked for all the same;
// Firefox drops what comes before its SRTP is ready.
func (s *slot) replayLocked(l *layer, b *burst) {
	limit := replayLimit
	if rate := s.conn.down.rate.Load(); rate != 0 {
		// All of it goes out at once: on a narrow way the new keyframe is there
		// sooner than the old one and what followed.
		limit = min(limit, int(rate/8*replayTime/1000/packetOctets))
	}
	for _, p := range l.history.FromKeyframe(limit, nil) {
		s.pushLocked(l, p, b)
		p.Release()
	}
}

// forward sends the packets of a run to the subscriber that are of the layer
// that he gets. Called by the layer's fan-out.
func (s *slot) forward(r *run, b *burst) {
	if !s.open.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source != r.layer.track {
		return
	}
	at := r.leaves(s.conn.session().clock)
	for i, p := range r.packets {
		if !s.open.Load() || !s.fw.Push(r.layer.stream, p, r.refs[i], r.layer.rate, &s.out) {
			continue
		}
		if p.Keyframe {
			s.pliAt = time.Time{}
			s.keys++
		}
		switched := s.out.Switched
		s.writeLocked(r.layer, p, b, r.even[i], at)
		if switched {
			s.catchUpLocked(r.layer, p.ExtSN, b)
		}
	}
}

// catchUpLocked sends what came before the packet that completed a switch but
// belongs after it: the keyframe's first packet may have been a repaired one.
func (s *slot) catchUpLocked(l *layer, after int64, b *burst) {
	highest, ok := l.history.Highest()
	for n := after + 1; ok && n <= highest; n++ {
		if p := l.history.Get(n); p != nil {
			s.pushLocked(l, p, b)
			p.Release()
		}
	}
}

// pushLocked sends a packet if the forwarder wants it.
func (s *slot) pushLocked(l *layer, p *packet.Packet, b *burst) bool {
	if !s.fw.Push(l.stream, p, l.refTime(p), l.rate, &s.out) {
		return false
	}
	s.writeLocked(l, p, b, 0, s.sendTime())
	return true
}

// needsKeyframe tells whether the subscriber waits for a keyframe of this
// layer, or sends no reports and so could not ask for one.
func (s *slot) needsKeyframe(l *layer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open.Load() || s.target != l {
		return false
	}
	if current, ok := s.fw.Current(); !ok || current != l.stream || !s.pliAt.IsZero() {
		return true
	}
	now := time.Now()
	return now.Sub(s.started) > noReports && now.Sub(s.lastRTCP) > noReports
}

// layer tells which simulcast layer of its source the slot sends; "" when it
// sends none, or the source has no layers.
func (s *slot) layer() (types.TrackID, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source == nil || s.target == nil {
		return "", ""
	}
	return s.source.info.TrackID, s.target.rid
}

// paused tells why the source of the slot is not being sent, "" when it is.
func (s *slot) paused() (types.TrackID, types.PauseReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source == nil || !s.conn.connected.Load() || s.types == nil {
		return "", ""
	}
	id := s.source.info.TrackID
	if s.view.Hidden {
		return id, types.PausedHidden
	}
	if _, ok := s.types[s.source.codec]; !ok {
		return id, types.PausedCodec
	}
	if s.source.pick(s.view, noLimit) == nil {
		return id, types.PausedSource
	}
	if s.limit == allocate.None {
		return id, types.PausedBandwidth
	}
	return "", ""
}
