package client

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// Track is one stream received from the server: one SSRC on one m-line. Its
// source may change (slots); Stats tells them apart by stamp.
type Track struct {
	// Set when the track starts, then constant.
	MID      string
	Kind     types.Kind
	Codec    string // MIME type
	SSRC     uint32
	ID       string // of the MSID
	StreamID string

	mu    sync.Mutex
	stats TrackStats
	order order
	// keys assembles the last keyframes; several may be under way when packets
	// come in another order or are repaired.
	keys    [4]keyframe
	nextKey int
}

// keyframe counts the packets that have come of one.
type keyframe struct {
	frame uint32
	from  uint64
	layer int
	got   int
}

// TrackStats count what came on a track. Packets are those of media, each
// counted once; RTX counts how many of them came as repairs.
type TrackStats struct {
	Packets    int64
	Bytes      int64 // of payload
	RTX        int64
	Duplicates int64
	// Lost is the number of sequence numbers between the first and the highest
	// that never came, so far.
	Lost int64
	// Keyframes counts whole keyframes of synthetic senders and first packets
	// of keyframes of others.
	Keyframes       int
	FirstAt, LastAt time.Time
	FirstKeyframeAt time.Time
	// MaxGap is the longest time between two packets.
	MaxGap time.Duration
	// Senders tells who sent the packets, by the tag of the stamp.
	Senders map[uint64]SenderStats
	// SenderReports counts RTCP packets that came with the stream.
	SenderReports int64
	// Ended is set when the server took the stream away.
	Ended bool
}

// SenderStats count what came from one source.
type SenderStats struct {
	Packets         int64
	Keyframes       int
	FirstAt, LastAt time.Time
	FirstKeyframeAt time.Time
	// Layers counts packets by simulcast layer, lowest first.
	Layers [4]int64
	// LatencySum divided by Packets is the mean time from sender to receiver.
	LatencySum, LatencyMax time.Duration
}

// Stats returns a copy of the counters.
func (t *Track) Stats() TrackStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Lost = t.order.lost()
	s.Senders = maps.Clone(t.stats.Senders)
	return s
}

// Media returns all streams received so far, ended ones included, in the order
// in which they came.
func (c *Client) Media() []*Track {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.state.Media)
}

// From sums up what came of one kind from the client with the tag, over all
// streams.
func (c *Client) From(tag uint64, kind types.Kind) SenderStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.From(tag, kind)
}

// From is Client.From for use inside View and WaitFor.
func (s *State) From(tag uint64, kind types.Kind) SenderStats {
	var sum SenderStats
	for _, t := range s.Media {
		if t.Kind != kind {
			continue
		}
		t.mu.Lock()
		part := t.stats.Senders[tag]
		t.mu.Unlock()
		sum.Packets += part.Packets
		sum.Keyframes += part.Keyframes
		sum.FirstAt = earliest(sum.FirstAt, part.FirstAt)
		sum.FirstKeyframeAt = earliest(sum.FirstKeyframeAt, part.FirstKeyframeAt)
		if part.LastAt.After(sum.LastAt) {
			sum.LastAt = part.LastAt
		}
		for i := range part.Layers {
			sum.Layers[i] += part.Layers[i]
		}
		sum.LatencySum += part.LatencySum
		sum.LatencyMax = max(sum.LatencyMax, part.LatencyMax)
	}
	return sum
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// remote receives a track of the PeerConnection until it ends. pion calls it on
// a goroutine of its own.
func (c *Client) remote(pc *webrtc.PeerConnection, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	t := &Track{
		MID: midOf(pc, receiver), Kind: types.Kind(remote.Kind().String()),
		Codec: remote.Codec().MimeType, SSRC: uint32(remote.SSRC()),
		ID: remote.ID(), StreamID: remote.StreamID(),
	}
	t.stats.Senders = make(map[uint64]SenderStats)
	c.update(func(s *State) { s.Media = append(s.Media, t) })
	c.start("client track", func() { c.receiveTrack(t, pc, remote) })
	c.start("client track RTCP", func() {
		for {
			if _, _, err := receiver.ReadRTCP(); err != nil {
				return
			}
			t.mu.Lock()
			t.stats.SenderReports++
			t.mu.Unlock()
		}
	})
}

func midOf(pc *webrtc.PeerConnection, receiver *webrtc.RTPReceiver) string {
	for _, transceiver := range pc.GetTransceivers() {
		if transceiver.Receiver() == receiver {
			return transceiver.Mid()
		}
	}
	return ""
}

// A video whose first packets bring no whole keyframe is asked for one, as browsers
// ask: nobody can know of what was lost before the first packet that came.
const (
	keyframePatience = 200 * time.Millisecond
	keyframeAgain    = 500 * time.Millisecond
)

func (c *Client) receiveTrack(t *Track, pc *webrtc.PeerConnection, remote *webrtc.TrackRemote) {
	var ask time.Time // for a keyframe; zero: nothing has come, or one has
	for {
		p, attributes, err := remote.ReadRTP()
		if err != nil {
			break
		}
		now := time.Now()
		repaired := attributes.Get(webrtc.AttributeRtxSsrc) != nil
		stamp, _ := FindStamp(p.Payload)
		fresh, first, keyframe := t.count(p, stamp, repaired, now)
		if first || keyframe {
			c.milestone(keyframe, now)
		}
		switch {
		case keyframe:
			ask = time.Time{}
		case first && t.Kind == types.KindVideo:
			ask = now.Add(keyframePatience)
		case !ask.IsZero() && now.After(ask):
			ask = now.Add(keyframeAgain)
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: t.SSRC}}) // a closed one needs no picture
		}
		if fresh && stamp.Sender != 0 {
			c.gaps.packet(stamp.Sender, t.Kind, now)
		}
		if fresh && c.opts.OnRTP != nil {
			c.opts.OnRTP(t, p, stamp)
		}
	}
	t.mu.Lock()
	t.stats.Ended = true
	t.mu.Unlock()
	c.update(func(*State) {})
}

// milestone notes the times that a join is judged by.
func (c *Client) milestone(keyframe bool, now time.Time) {
	c.update(func(s *State) {
		s.Times.FirstRTP = earliest(s.Times.FirstRTP, now)
		if keyframe {
			s.Times.FirstKeyframe = earliest(s.Times.FirstKeyframe, now)
		}
	})
}

// count takes one packet into the statistics. fresh says that it is no
// duplicate, first that it is the track's first, keyframe that it completes the
// first whole keyframe.
func (t *Track) count(p *rtp.Packet, stamp Stamp, repaired bool, now time.Time) (fresh, first, keyframe bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.order.take(p.SequenceNumber) {
		t.stats.Duplicates++
		return false, false, false
	}
	s := &t.stats
	s.Packets++
	s.Bytes += int64(len(p.Payload))
	if repaired {
		s.RTX++
	}
	first = s.FirstAt.IsZero()
	if first {
		s.FirstAt = now
	} else {
		s.MaxGap = max(s.MaxGap, now.Sub(s.LastAt))
	}
	s.LastAt = now

	whole := t.assemble(p, stamp)
	if whole {
		s.Keyframes++
		keyframe = s.FirstKeyframeAt.IsZero()
		s.FirstKeyframeAt = earliest(s.FirstKeyframeAt, now)
	}
	if stamp.Sender != 0 {
		from := s.Senders[stamp.Sender]
		from.Packets++
		from.FirstAt = earliest(from.FirstAt, now)
		from.LastAt = now
		if whole {
			from.Keyframes++
			from.FirstKeyframeAt = earliest(from.FirstKeyframeAt, now)
		}
		if stamp.Layer < len(from.Layers) {
			from.Layers[stamp.Layer]++
		}
		latency := now.Sub(stamp.SentAt)
		from.LatencySum += latency
		from.LatencyMax = max(from.LatencyMax, latency)
		s.Senders[stamp.Sender] = from
	}
	return true, first, keyframe
}

// assemble reports whether the packet makes a keyframe whole.
func (t *Track) assemble(p *rtp.Packet, stamp Stamp) bool {
	if stamp.Sender == 0 {
		return t.Kind == types.KindVideo && isKeyframe(t.Codec, p.Payload)
	}
	if !stamp.Key {
		return false
	}
	for i := range t.keys {
		k := &t.keys[i]
		if k.got > 0 && k.frame == stamp.Frame && k.from == stamp.Sender && k.layer == stamp.Layer {
			k.got++
			return k.got == stamp.Of
		}
	}
	t.keys[t.nextKey] = keyframe{frame: stamp.Frame, from: stamp.Sender, layer: stamp.Layer, got: 1}
	t.nextKey = (t.nextKey + 1) % len(t.keys)
	return stamp.Of == 1
}

// order follows the sequence numbers of one SSRC: which are new, which came
// twice, how many are missing. Its window is far wider than what a repair takes.
type order struct {
	started     bool
	base, upper int64 // extended numbers: the first (or lowest) and the highest
	unique      int64
	seen        [2048]int64 // extended number + 1 of the packet at number mod 2048
}

// take notes a number and reports whether it is new.
func (o *order) take(sn uint16) bool {
	var n int64
	if !o.started {
		o.started = true
		n = 1<<16 | int64(sn)
		o.base, o.upper = n, n
	} else {
		n = o.upper + int64(int16(sn-uint16(o.upper)))
		o.base, o.upper = min(o.base, n), max(o.upper, n)
	}
	slot := &o.seen[n%int64(len(o.seen))]
	if *slot >= n+1 {
		return false
	}
	*slot = n + 1
	o.unique++
	return true
}

func (o *order) lost() int64 {
	if !o.started {
		return 0
	}
	return o.upper - o.base + 1 - o.unique
}
