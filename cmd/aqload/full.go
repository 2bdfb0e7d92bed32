//go:build linux

package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// samples collects durations while it is open. Safe for concurrent use.
type samples struct {
	open atomic.Bool

	mu   sync.Mutex
	list []time.Duration
}

func (s *samples) add(d time.Duration) {
	if !s.open.Load() {
		return
	}
	s.mu.Lock()
	s.list = append(s.list, d)
	s.mu.Unlock()
}

// take returns what was collected and begins anew.
func (s *samples) take() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list = nil
	return list
}

// received sees each packet of a full receiver.
func (l *load) received(p *person, t *client.Track, packet *rtp.Packet, stamp client.Stamp) {
	now := time.Now()
	if stamp.Sender == 0 {
		return
	}
	l.latency.add(now.Sub(stamp.SentAt))
	if !p.frames.packet(packet.MarshalSize()+srtpTag, t.Kind == types.KindVideo, stamp) {
		return
	}
	if pc := p.client.PeerConnection(); pc != nil { // as a decoder does
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: t.SSRC}}) // it may be closing
	}
}

// srtpTag is what AES-GCM adds to a packet.
const srtpTag = 16

// frames checks what a decoder would need: every packet of every frame, and a
// keyframe before anything else. Safe for concurrent use.
type frames struct {
	mu      sync.Mutex
	bytes   int64
	streams map[streamKey]*assembly
	FrameCounts
}

// FrameCounts is the verdict.
type FrameCounts struct {
	Whole   int64 `json:"whole"`
	Broken  int64 `json:"broken"`  // a packet is missing
	NoKey   int64 `json:"no_key"`  // streams that did not begin with a keyframe
	Useless int64 `json:"useless"` // whole, but behind a broken one and before the next keyframe
}

func (f *FrameCounts) add(o FrameCounts, sign int64) {
	f.Whole += sign * o.Whole
	f.Broken += sign * o.Broken
	f.NoKey += sign * o.NoKey
	f.Useless += sign * o.Useless
}

type streamKey struct {
	sender uint64
	source types.Source
}

// An assembly is the frame of a stream that is under way. On loopback packets
// come in order but for repairs, which come within a second.
type assembly struct {
	frames    [32]frame // about a second
	decodable bool
	asked     uint32 // the frame at which a keyframe was last asked for
}

// askAgain is how many frames pass between two requests for a keyframe.
const askAgain = 15

type frame struct {
	number  uint32
	of, got int
	key     bool
}

// packet takes one packet in, and reports whether a decoder would now ask for a
// keyframe.
func (f *frames) packet(bytes int, video bool, stamp client.Stamp) (ask bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes += int64(bytes)
	if !video {
		return false
	}
	if f.streams == nil {
		f.streams = map[streamKey]*assembly{}
	}
	key := streamKey{stamp.Sender, stamp.Source}
	a := f.streams[key]
	if a == nil {
		a = &assembly{}
		f.streams[key] = a
		if !stamp.Key {
			f.NoKey++
		}
	}
	// Layers of simulcast number their frames alike.
	at := &a.frames[stamp.Frame%uint32(len(a.frames))]
	if at.of == 0 || at.number != stamp.Frame {
		if at.of != 0 && int32(stamp.Frame-at.number) < 0 {
			return false // a repair that comes too late
		}
		if f.retire(a, at) && stamp.Frame-a.asked >= askAgain {
			ask, a.asked = true, stamp.Frame
		}
		*at = frame{number: stamp.Frame, of: stamp.Of, key: stamp.Key}
	}
	at.got++
	return ask
}

// retire judges a frame whose place is needed, and reports whether it could not
// be decoded.
func (f *frames) retire(a *assembly, at *frame) bool {
	switch {
	case at.of == 0:
		return false
	case at.got < at.of:
		f.Broken++
		a.decodable = false
	case at.key:
		f.Whole++
		a.decodable = true
	case !a.decodable:
		f.Useless++
	default:
		f.Whole++
	}
	return !a.decodable
}

// snapshot returns the verdict and the bytes so far.
func (f *frames) snapshot() (FrameCounts, int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.FrameCounts, f.bytes
}
