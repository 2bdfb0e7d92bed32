package client

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// Publication is one synthetic track that a client sends. It outlives the
// PeerConnection that it is sent on. Its methods are safe for concurrent use.
type Publication struct {
	// Set by newPublication, then constant.
	opts PublishOptions
	tag  uint64

	level    atomic.Uint32
	paused   atomic.Bool
	keyframe atomic.Bool // all layers are to send a keyframe
	sent     atomic.Int64
	plis     atomic.Int64
	nacks    atomic.Int64
	started  atomic.Uint32 // how often newLayers made layers

	mu      sync.Mutex
	running bool
	layers  []*layer
	sender  *webrtc.RTPSender
}

// A layer is one encoding of a publication on one PeerConnection.
type layer struct {
	rid   string
	index int
	track *webrtc.TrackLocalStaticRTP

	inactive atomic.Bool
	keyframe atomic.Bool
	plis     atomic.Int64
	nacks    atomic.Int64
	sent     atomic.Int64
	pictures atomic.Int64
	// heard is set by the first RTCP about this layer: the server knows its
	// SSRC, and MID and RID need not be sent any more.
	heard atomic.Bool
	// ids are the header extension numbers; nil before the negotiation.
	ids atomic.Pointer[extensionIDs]

	// Owned by the sending goroutine.
	payloads     *packetizer
	shape        *shaper // nil: the fixed sizes that follow
	packets      int     // a frame
	size         int
	sn           uint16
	offset       uint32 // of the RTP timestamp
	frames       uint32
	lastKeyframe time.Time
}

type extensionIDs struct {
	mid   string
	level uint8
	midID uint8
	ridID uint8
}

// LayerStats count one simulcast layer of a publication.
type LayerStats struct {
	RID  string
	Sent int64 // packets
	// Frames sent.
	Frames int64
	PLIs   int64 // PLI and FIR received
	NACKs  int64 // sequence numbers asked for again
	// Active is false while the server's layers event leaves it out.
	Active bool
}

func newPublication(tag uint64, opts PublishOptions) (*Publication, error) {
	if opts.Source.Kind() == "" {
		return nil, fmt.Errorf("client: no source %q", opts.Source)
	}
	opts = opts.withDefaults()
	if _, err := newPacketizer(opts.Codec, 0, 0); err != nil {
		return nil, err
	}
	p := &Publication{opts: opts, tag: tag}
	p.SetLevel(opts.Level, opts.Voice)
	return p, nil
}

// SetLevel changes the audio level; see PublishOptions.Level.
func (p *Publication) SetLevel(level uint8, voice bool) {
	v := uint32(level)
	if voice {
		v |= 1 << 8
	}
	p.level.Store(v)
}

// Pause stops and continues sending, as a muted device does.
func (p *Publication) Pause(paused bool) {
	p.paused.Store(paused)
	if !paused {
		p.keyframe.Store(true)
	}
}

// Keyframe makes every layer's next frame a keyframe.
func (p *Publication) Keyframe() { p.keyframe.Store(true) }

// Sent is the number of packets sent on all layers and PeerConnections.
func (p *Publication) Sent() int64 { return p.sent.Load() }

// PLIs is the number of keyframe requests received, FIR included.
func (p *Publication) PLIs() int64 { return p.plis.Load() }

// NACKs is the number of sequence numbers that the server asked for again.
func (p *Publication) NACKs() int64 { return p.nacks.Load() }

// Layers returns the counters of the layers on the PeerConnection in use.
func (p *Publication) Layers() []LayerStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := make([]LayerStats, len(p.layers))
	for i, l := range p.layers {
		stats[i] = LayerStats{
			RID: l.rid, Sent: l.sent.Load(), Frames: l.pictures.Load(), PLIs: l.plis.Load(), NACKs: l.nacks.Load(), Active: !l.inactive.Load(),
		}
	}
	return stats
}

// newLayers makes the local tracks for an m-line that offers those rids.
func (p *Publication) newLayers(rids []string) ([]*layer, error) {
	if p.opts.Layers > 0 && len(rids) > p.opts.Layers {
		rids = rids[:p.opts.Layers]
	}
	if len(rids) < 2 {
		rids = []string{""}
	}
	codec, err := capability(p.opts.Codec)
	if err != nil {
		return nil, err
	}
	stream := fmt.Sprintf("stream-%x", p.tag)
	firstFrame := p.started.Add(1) << 20 // another for each PeerConnection
	layers := make([]*layer, len(rids))
	for i, rid := range rids {
		var options []func(*webrtc.TrackLocalStaticRTP)
		if rid != "" {
			options = append(options, webrtc.WithRTPStreamID(rid))
		}
		track, err := webrtc.NewTrackLocalStaticRTP(codec, string(p.opts.Source), stream, options...)
		if err != nil {
			return nil, fmt.Errorf("client: track: %w", err)
		}
		down := len(rids) - 1 - i // how often the full size is halved
		payloads, err := newPacketizer(p.opts.Codec, 1280>>down, 720>>down)
		if err != nil {
			return nil, err
		}
		payloads.plain = p.opts.Plain && p.opts.Source.Kind() == types.KindVideo
		layers[i] = &layer{
			rid: rid, index: i, track: track, payloads: payloads,
			packets: max(1, p.opts.PacketsPerFrame>>down), size: max(100, p.opts.PacketSize>>down),
			frames: firstFrame,
			sn:     uint16(p.tag>>8) + uint16(i)<<12, offset: uint32(p.tag>>16) + uint32(i)*12345,
		}
		payloads.temporal = p.opts.TemporalLayers
		if p.opts.Source.Kind() == types.KindAudio {
			layers[i].packets, layers[i].size = 1, p.opts.PacketSize
		} else if p.opts.Bitrate > 0 {
			rate := p.opts.Bitrate / [3]int{1, 3, 10}[min(down, 2)]
			layers[i].shape = newShaper(rate, p.opts.FPS, p.opts.KeyframeEvery, p.tag+uint64(i))
		}
	}
	return layers, nil
}

// use makes the layers those that are sent, and reads the RTCP about them until
// the sender stops.
func (p *Publication) use(c *Client, sender *webrtc.RTPSender, layers []*layer) {
	p.mu.Lock()
	p.layers, p.sender = layers, sender
	p.mu.Unlock()
	for _, l := range layers {
		c.start("client sender RTCP", func() {
			for {
				var packets []rtcp.Packet
				var err error
				if l.rid == "" {
					packets, _, err = sender.ReadRTCP()
				} else {
					packets, _, err = sender.ReadSimulcastRTCP(l.rid)
				}
				if err != nil {
					return
				}
				p.feedback(l, packets)
			}
		})
	}
}

func (p *Publication) feedback(l *layer, packets []rtcp.Packet) {
	for _, packet := range packets {
		switch packet := packet.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			l.heard.Store(true)
			p.plis.Add(1)
			l.plis.Add(1)
			if !p.opts.IgnoreKeyframeRequests {
				l.keyframe.Store(true)
			}
		case *rtcp.TransportLayerNack:
			l.heard.Store(true)
			for _, pair := range packet.Nacks {
				n := int64(len(pair.PacketList()))
				p.nacks.Add(n)
				l.nacks.Add(n)
			}
		case *rtcp.ReceiverReport:
			l.heard.Store(true)
		}
	}
}

// negotiated reads the numbers of the header extensions after an answer.
func (p *Publication) negotiated(mid string, repairs *repairs) {
	p.mu.Lock()
	layers, sender := p.layers, p.sender
	p.mu.Unlock()
	ids := &extensionIDs{mid: mid}
	parameters := sender.GetParameters()
	var repairedID uint8
	for _, e := range parameters.HeaderExtensions {
		switch e.URI {
		case sdp.AudioLevelURI:
			ids.level = uint8(e.ID)
		case sdp.SDESMidURI:
			ids.midID = uint8(e.ID)
		case sdp.SDESRTPStreamIDURI:
			ids.ridID = uint8(e.ID)
		case sdp.SDESRepairRTPStreamIDURI:
			repairedID = uint8(e.ID)
		}
	}
	for _, e := range parameters.Encodings {
		if e.RID != "" && e.RTX.SSRC != 0 && repairedID != 0 && ids.midID != 0 {
			repairs.set(uint32(e.RTX.SSRC), repairedLayer{
				mid: mid, rid: e.RID, midID: ids.midID, rrID: repairedID, ridID: ids.ridID,
			})
		}
	}
	for _, l := range layers {
		l.ids.Store(ids)
	}
}

func (p *Publication) setActive(rids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.layers {
		was := l.inactive.Swap(!slices.Contains(rids, l.rid))
		if was && !l.inactive.Load() {
			l.keyframe.Store(true)
		}
	}
}

// run starts the sending goroutine, once. It ends with the client.
func (p *Publication) run(c *Client) {
	p.mu.Lock()
	running := p.running
	p.running = true
	p.mu.Unlock()
	p.Keyframe()
	if running {
		return
	}
	c.start("client sender", func() {
		interval := time.Second / time.Duration(p.opts.FPS)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		start := time.Now()
		for {
			p.tick(time.Now(), start)
			select {
			case <-ticker.C:
			case <-c.ctx.Done():
				return
			}
		}
	})
}

// tick sends one frame of every active layer.
func (p *Publication) tick(now, start time.Time) {
	if p.paused.Load() {
		return
	}
	p.mu.Lock()
	layers := p.layers
	p.mu.Unlock()
	all := p.keyframe.Swap(false)
	for _, l := range layers {
		if all {
			l.keyframe.Store(true)
		}
		if !l.inactive.Load() {
			p.sendFrame(l, now, now.Sub(start))
		}
	}
}

// sendFrame sends the next frame of a layer. Errors mean that the
// PeerConnection is closing, which ends the goroutine by other ways.
func (p *Publication) sendFrame(l *layer, now time.Time, elapsed time.Duration) {
	video := p.opts.Source.Kind() == types.KindVideo
	key := video && (l.keyframe.Swap(false) || l.lastKeyframe.IsZero() ||
		(p.opts.KeyframeEvery > 0 && now.Sub(l.lastKeyframe) >= p.opts.KeyframeEvery))
	if key {
		l.lastKeyframe = now
	}
	clock := 90000.0
	if !video {
		clock = 48000
	}
	stamp := Stamp{Sender: p.tag, Source: p.opts.Source, Layer: l.index, Key: key, Frame: l.frames, SentAt: now}
	l.frames++
	l.pictures.Add(1)
	payloads := l.payloads.frame(stamp, p.sizes(l, key))
	for i, payload := range payloads {
		if !l.payloads.plain {
			putSentAt(payload.data[payload.stamp:], time.Now())
		}
		packet := &rtp.Packet{
			Header: rtp.Header{
				Version: 2, SequenceNumber: l.sn, Timestamp: l.offset + uint32(elapsed.Seconds()*clock),
				Marker: video && i == len(payloads)-1,
			},
			Payload: payload.data,
		}
		l.sn++
		p.extend(l, &packet.Header)
		if l.track.WriteRTP(packet) == nil {
			l.sent.Add(1)
			p.sent.Add(1)
		}
	}
}

// sizes are those of the packets of the next frame.
func (p *Publication) sizes(l *layer, key bool) []int {
	if l.shape != nil {
		sizes := l.shape.next(key, vp8Descriptor)
		for i := range sizes {
			sizes[i] += vp8Descriptor
		}
		return sizes
	}
	count := l.packets
	if key {
		count = min(count*max(p.opts.KeyframeScale, 1), 255)
	}
	return slices.Repeat([]int{l.size}, count)
}

// extend adds the header extensions: audio level on each packet, RID and MID
// until the server has shown that it knows the SSRC, as browsers do.
func (p *Publication) extend(l *layer, h *rtp.Header) {
	ids := l.ids.Load()
	if ids == nil {
		return
	}
	if ids.level != 0 && p.opts.Source.Kind() == types.KindAudio {
		v := p.level.Load()
		level, err := rtp.AudioLevelExtension{Level: uint8(v & 0x7f), Voice: v&(1<<8) != 0}.Marshal()
		if err == nil {
			_ = h.SetExtension(ids.level, level)
		}
	}
	if l.rid == "" || l.heard.Load() {
		return
	}
	if ids.ridID != 0 {
		_ = h.SetExtension(ids.ridID, []byte(l.rid))
	}
	if ids.midID != 0 && ids.mid != "" {
		_ = h.SetExtension(ids.midID, []byte(ids.mid))
	}
}
