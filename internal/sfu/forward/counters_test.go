package forward

import (
	"bytes"
	"testing"

	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/packet"
)

// vp8Packet is packet n with a descriptor as Chromium sends it.
func vp8Packet(n int64, pictureID uint16, tl0, keyIdx uint8) *packet.Packet {
	return pkt(codec.VP8, n, func(p *packet.Packet) {
		p.Payload = []byte{0x90, 0xf0, 0x80 | byte(pictureID>>8), byte(pictureID), tl0, 0x20 | keyIdx, 0x11, 0xaa}
	})
}

func vp8Packet7(n int64, pictureID, tl0, keyIdx uint8) *packet.Packet {
	return pkt(codec.VP8, n, func(p *packet.Packet) {
		p.Payload = []byte{0x90, 0xf0, pictureID, tl0, 0x20 | keyIdx, 0x11, 0xaa}
	})
}

func TestVP8Counters(t *testing.T) {
	f := New(0, 0)
	scratch := make([]byte, packet.MaxSize)
	for i, c := range []struct {
		stream    Stream
		p         *packet.Packet
		pictureID uint16
		tl0, key  uint8
		rewritten bool
	}{
		// The first stream keeps its own.
		{1, vp8Packet(1, 0x7ffe, 254, 30), 0x7ffe, 254, 30, false},
		{1, vp8Packet(2, 0x7fff, 255, 31), 0x7fff, 255, 31, false},
		// All wrap around at the switch, and go on as their source does.
		{2, vp8Packet(50, 1000, 77, 7), 0, 0, 0, true},
		{2, vp8Packet(52, 1002, 78, 8), 2, 1, 1, true},
		{2, vp8Packet(51, 1001, 77, 7), 1, 0, 0, true}, // late
		// 7 bits stay 7.
		{3, vp8Packet7(9, 127, 5, 5), 3, 2, 2, true},
		{3, vp8Packet7(10, 0, 6, 6), 4, 3, 3, true},
		// Without counters nothing is rewritten, and those of before are kept.
		{4, pkt(codec.VP8, 3, func(p *packet.Packet) { p.Payload = []byte{0x10, 0x10} }), 0, 0, 0, false},
		{5, vp8Packet(77, 4, 4, 4), 5, 4, 4, true},
		// By chance they fit.
		{6, vp8Packet(7, 6, 5, 5), 6, 5, 5, false},
		{6, vp8Packet(8, 0x7fff, 6, 6), 0x7fff, 6, 6, false},
		{7, vp8Packet(9, 0, 7, 7), 0, 7, 7, false},
	} {
		c.p.Keyframe = true
		f.Start(c.stream, true)
		before := bytes.Clone(c.p.Payload)
		out, ok := push(f, c.stream, c.p)
		if !ok {
			t.Fatalf("packet %d refused", i)
		}
		got := out.Payload(c.p, scratch)
		if !bytes.Equal(before, c.p.Payload) {
			t.Fatalf("packet %d: the source was changed", i)
		}
		if (&got[0] != &c.p.Payload[0]) != c.rewritten {
			t.Errorf("packet %d: rewritten %v", i, !c.rewritten)
		}
		d, _ := codec.ParseVP8(got)
		if d.PictureID != c.pictureID || d.TL0PICIDX != c.tl0 || d.KeyIdx != c.key {
			t.Errorf("packet %d: %d %d %d, want %d %d %d", i,
				d.PictureID, d.TL0PICIDX, d.KeyIdx, c.pictureID, c.tl0, c.key)
		}
		if old, _ := codec.ParseVP8(before); d.Size != old.Size || d.TID != old.TID || d.Y != old.Y {
			t.Errorf("packet %d: more was changed: %x to %x", i, before, got)
		}
		var again Out
		if _, src, ok := f.Resend(out.SN, &again); !ok || src != c.p.ExtSN || !again.Sent || again.TS != out.TS {
			t.Errorf("packet %d: resent as %+v", i, again)
		}
		if other := again.Payload(c.p, make([]byte, packet.MaxSize)); !bytes.Equal(got, other) {
			t.Errorf("packet %d: resent as %x, was %x", i, other, got)
		}
	}
}

func vp9Packet(n int64, pictureID uint16, tl0 uint8) *packet.Packet {
	return pkt(codec.VP9, n, func(p *packet.Packet) {
		p.Payload = []byte{0xa8, 0x80 | byte(pictureID>>8), byte(pictureID), 0x00, tl0, 0xaa}
	})
}

func TestVP9Counters(t *testing.T) {
	f := New(0, 0)
	scratch := make([]byte, packet.MaxSize)
	for i, c := range []struct {
		stream    Stream
		p         *packet.Packet
		pictureID uint16
		tl0       uint8
	}{
		{1, vp9Packet(1, 500, 60), 500, 60},
		{1, vp9Packet(3, 502, 62), 502, 62},
		{1, vp9Packet(2, 501, 61), 501, 61}, // late
		{2, vp9Packet(50, 9, 200), 503, 63},
		{2, vp9Packet(51, 10, 201), 504, 64},
	} {
		f.Start(c.stream, false)
		out, ok := push(f, c.stream, c.p)
		if !ok {
			t.Fatalf("packet %d refused", i)
		}
		d, _ := codec.ParseVP9(out.Payload(c.p, scratch))
		if d.PictureID != c.pictureID || d.TL0PICIDX != c.tl0 {
			t.Errorf("packet %d: %d %d, want %d %d", i, d.PictureID, d.TL0PICIDX, c.pictureID, c.tl0)
		}
	}
}
