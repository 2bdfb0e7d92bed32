package codec

import (
	"bytes"
	"testing"
)

func TestFromMIME(t *testing.T) {
	for _, c := range []struct {
		mime  string
		want  Type
		name  string
		video bool
	}{
		{"audio/opus", Opus, "opus", false},
		{"AUDIO/Opus", Opus, "opus", false},
		{"audio/red", RED, "red", false},
		{"video/VP8", VP8, "VP8", true},
		{"video/vp9", VP9, "VP9", true},
		{"video/H264", H264, "H264", true},
		{"video/AV1", AV1, "AV1", true},
		{"video/rtx", Unknown, "unknown", false},
		{"audio/VP8", Unknown, "unknown", false},
		{"", Unknown, "unknown", false},
	} {
		got := FromMIME(c.mime)
		if got != c.want || got.String() != c.name || got.IsVideo() != c.video {
			t.Errorf("%q: %d %q video %v", c.mime, got, got, got.IsVideo())
		}
	}
	for _, c := range []Type{Opus, RED, VP8, VP9, H264, AV1} {
		if FromMIME(c.MIME()) != c {
			t.Errorf("%v is not found by its own name %q", c, c.MIME())
		}
	}
	if Type(200).MIME() != "" || Type(200).IsVideo() {
		t.Error("a type out of range is something")
	}
}

func TestIsKeyframe(t *testing.T) {
	const key, delta = 0x10, 0x11 // lowest bit of the VP8 frame tag
	for _, c := range []struct {
		name    string
		codec   Type
		payload []byte
		want    bool
	}{
		{"empty VP8", VP8, nil, false},
		{"VP8 descriptor only", VP8, []byte{0x10}, false},
		{"VP8 bare, keyframe", VP8, []byte{0x10, key}, true},
		{"VP8 bare, delta", VP8, []byte{0x10, delta}, false},
		{"VP8 continuation", VP8, []byte{0x00, key}, false},
		{"VP8 other partition", VP8, []byte{0x11, key}, false},
		{"VP8 non-reference bit does not matter", VP8, []byte{0x30, key}, true},
		{"VP8 all fields, keyframe", VP8, []byte{0x90, 0xf0, 0x81, 2, 3, 0x20, key}, true},
		{"VP8 all fields, delta", VP8, []byte{0x90, 0xf0, 0x81, 2, 3, 0x20, delta}, false},
		{"VP8 all fields, cut", VP8, []byte{0x90, 0xf0, 0x81, 2, 3, 0x20}, false},

		{"empty VP9", VP9, nil, false},
		{"VP9 plain, keyframe", VP9, []byte{0x08, 0x82}, true},
		{"VP9 without a frame", VP9, []byte{0x08}, false},
		{"VP9 not the beginning", VP9, []byte{0x00, 0x82}, false},
		{"VP9 predicted", VP9, []byte{0x48, 0x82}, false},
		{"VP9 keyframe in flexible mode", VP9, []byte{0xb8, 0x01, 0x00, 0x82}, true},
		{"VP9 base layer with 15-bit picture ID", VP9, []byte{0xa8, 0x81, 2, 0x00, 5, 0x82}, true},
		{"VP9 base layer with 7-bit picture ID", VP9, []byte{0xa8, 0x01, 0x00, 5, 0x82}, true},
		{"VP9 upper spatial layer", VP9, []byte{0xa8, 0x81, 2, 0x02, 5, 0x82}, false},
		{"VP9 depends on the layer below", VP9, []byte{0xa8, 0x81, 2, 0x01, 5, 0x82}, false},
		{"VP9 picture ID cut", VP9, []byte{0xa8}, false},
		{"VP9 layer octet cut", VP9, []byte{0xa8, 0x81, 2}, false},

		{"empty H264", H264, nil, false},
		{"H264 SPS", H264, []byte{0x67, 0x42}, true},
		{"H264 PPS", H264, []byte{0x68, 0x42}, false},
		{"H264 IDR without its SPS", H264, []byte{0x65, 0x88}, false},
		{"H264 slice", H264, []byte{0x41, 0x9a}, false},
		{"H264 STAP-A of SPS and PPS", H264, []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}, true},
		{"H264 STAP-A of AUD and SPS", H264, []byte{0x78, 0, 2, 0x09, 0x10, 0, 1, 0x67}, true},
		{"H264 STAP-A of slices", H264, []byte{0x78, 0, 2, 0x41, 0x42, 0, 1, 0x41}, false},
		{"H264 STAP-A with a size beyond the end", H264, []byte{0x78, 0, 9, 0x67, 0x42}, false},
		{"H264 STAP-A with an empty unit", H264, []byte{0x78, 0, 0, 0x67, 0x42}, false},
		{"H264 STAP-A empty", H264, []byte{0x78, 0}, false},
		{"H264 FU-A start of an SPS", H264, []byte{0x7c, 0x87, 0x42}, true},
		{"H264 FU-A middle of an SPS", H264, []byte{0x7c, 0x07, 0x42}, false},
		{"H264 FU-A start of an IDR", H264, []byte{0x7c, 0x85, 0x88}, false},

		{"empty AV1", AV1, nil, false},
		{"AV1 new sequence", AV1, []byte{0x18, 0x0a}, true},
		{"AV1 no new sequence", AV1, []byte{0x10, 0x0a}, false},
		{"AV1 continuation", AV1, []byte{0x98, 0x0a}, false},
		{"AV1 without an OBU", AV1, []byte{0x18}, false},

		{"Opus", Opus, []byte{0x10, key}, false},
		{"unknown", Unknown, []byte{0x10, key}, false},
	} {
		if got := IsKeyframe(c.codec, c.payload); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestParseVP8(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    VP8Descriptor
	}{
		{"bare", []byte{0x10, 0x11}, VP8Descriptor{Size: 1, S: true, Start: true}},
		{"extension without fields", []byte{0x80, 0x00, 0x11}, VP8Descriptor{Size: 2}},
		{"7-bit picture ID", []byte{0x80, 0x80, 0x7f, 1},
			VP8Descriptor{Size: 3, PictureIDOffset: 2, PictureIDBits: 7, PictureID: 0x7f}},
		{"15-bit picture ID", []byte{0xa3, 0x80, 0xff, 0xfe, 1},
			VP8Descriptor{Size: 4, N: true, PID: 3, PictureIDOffset: 2, PictureIDBits: 15, PictureID: 0x7ffe}},
		{"TL0PICIDX only", []byte{0x80, 0x40, 9, 1}, VP8Descriptor{Size: 3, TL0Offset: 2, TL0PICIDX: 9}},
		{"TID without KEYIDX", []byte{0x80, 0x20, 0xbf, 1},
			VP8Descriptor{Size: 3, TIDOffset: 2, HasTID: true, TID: 2, Y: true}},
		{"KEYIDX without TID", []byte{0x80, 0x10, 0xff, 1},
			VP8Descriptor{Size: 3, TIDOffset: 2, HasKeyIdx: true, KeyIdx: 31}},
		{"all, as Chromium sends it", []byte{0x90, 0xf0, 0x81, 0x02, 3, 0x65, 0x10},
			VP8Descriptor{Size: 6, S: true, PictureIDOffset: 2, PictureIDBits: 15, PictureID: 0x102,
				TL0Offset: 4, TL0PICIDX: 3, TIDOffset: 5, HasTID: true, TID: 1, Y: true,
				HasKeyIdx: true, KeyIdx: 5, Start: true, Keyframe: true}},
	} {
		got, ok := ParseVP8(c.payload)
		if !ok || got != c.want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.name, ok, got, c.want)
		}
		for n := range got.Size + 1 {
			if _, ok := ParseVP8(c.payload[:n]); ok {
				t.Errorf("%s: accepted when cut to %d octets", c.name, n)
			}
		}
	}
}

func TestParseVP9(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    VP9Descriptor
	}{
		{"bare", []byte{0x0c, 1}, VP9Descriptor{Start: true, End: true, Keyframe: true}},
		{"7-bit picture ID, predicted", []byte{0xc8, 0x7f, 1},
			VP9Descriptor{Start: true, Inter: true, PictureIDOffset: 1, PictureIDBits: 7, PictureID: 0x7f}},
		{"15-bit picture ID", []byte{0x80, 0xff, 0xfe, 1},
			VP9Descriptor{PictureIDOffset: 1, PictureIDBits: 15, PictureID: 0x7ffe}},
		{"layers, as Chromium sends them", []byte{0xa8, 0x81, 2, 0xb5, 9, 1},
			VP9Descriptor{Start: true, PictureIDOffset: 1, PictureIDBits: 15, PictureID: 0x102,
				HasLayers: true, TID: 5, U: true, SID: 2, D: true, TL0Offset: 4, TL0PICIDX: 9}},
		{"layers, flexible mode", []byte{0xb8, 0x81, 2, 0x00, 1},
			VP9Descriptor{Start: true, PictureIDOffset: 1, PictureIDBits: 15, PictureID: 0x102, HasLayers: true, Keyframe: true}},
		{"layers without picture ID", []byte{0x28, 0x00, 7, 1},
			VP9Descriptor{Start: true, HasLayers: true, TL0Offset: 2, TL0PICIDX: 7, Keyframe: true}},
	} {
		got, ok := ParseVP9(c.payload)
		if !ok || got != c.want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.name, ok, got, c.want)
		}
		for n := range c.payload {
			if _, ok := ParseVP9(c.payload[:n]); ok {
				t.Errorf("%s: accepted when cut to %d octets", c.name, n)
			}
		}
	}
}

func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		name     string
		codec    Type
		in, want []byte
	}{
		{"VP8, 15 bits", VP8, []byte{0x90, 0xf0, 0x81, 0x02, 3, 0x65, 0x10}, []byte{0x90, 0xf0, 0xd2, 0x34, 0x99, 0x7f, 0x10}},
		{"VP8, 7 bits stay 7", VP8, []byte{0x90, 0xf0, 0x01, 3, 0x65, 0x10}, []byte{0x90, 0xf0, 0x34, 0x99, 0x7f, 0x10}},
		{"VP8, KEYIDX absent", VP8, []byte{0x90, 0xe0, 0x01, 3, 0x65, 0x10}, []byte{0x90, 0xe0, 0x34, 0x99, 0x65, 0x10}},
		{"VP8, no counters", VP8, []byte{0x90, 0x20, 0x65, 0x10}, nil},
		{"VP9, 15 bits", VP9, []byte{0xa8, 0x81, 2, 0xb5, 9, 1}, []byte{0xa8, 0xd2, 0x34, 0xb5, 0x99, 1}},
		{"VP9, 7 bits stay 7", VP9, []byte{0xa8, 0x01, 0xb5, 9, 1}, []byte{0xa8, 0x34, 0xb5, 0x99, 1}},
		{"VP9, flexible mode", VP9, []byte{0xb8, 0x01, 0xb5, 9, 1}, []byte{0xb8, 0x34, 0xb5, 9, 1}},
		{"VP9, no counters", VP9, []byte{0x08, 1}, nil},
		{"H264", H264, []byte{0x90, 0xf0, 0x81, 0x02, 3, 0x65, 0x10}, nil},
		{"VP8, cut", VP8, []byte{0x90, 0xf0, 0x81}, nil},
		{"VP9, cut", VP9, []byte{0xa8, 0x81}, nil},
	} {
		counters, ok := ParseCounters(c.codec, c.in)
		if ok != (c.want != nil) {
			t.Errorf("%s: has counters %v", c.name, ok)
		}
		if !ok {
			continue
		}
		counters.Rewrite(c.in, 0x5234, 0x99, 0x1f)
		if !bytes.Equal(c.in, c.want) {
			t.Errorf("%s: %x, want %x", c.name, c.in, c.want)
		}
	}
}

// FuzzCounters: whatever parses can be rewritten, reads back as written, and
// nothing else has changed.
func FuzzCounters(f *testing.F) {
	f.Add(uint8(VP8), []byte{0x90, 0xf0, 0x81, 0x02, 3, 0x65, 0x10}, uint16(0x7fff), uint8(4), uint8(5))
	f.Add(uint8(VP8), []byte{0x90, 0xb0, 0x01, 0x65, 0x10}, uint16(1), uint8(4), uint8(5))
	f.Add(uint8(VP9), []byte{0xa8, 0x81, 2, 0xb5, 9, 1}, uint16(1), uint8(4), uint8(5))
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte, pictureID uint16, tl0, keyIdx uint8) {
		c, ok := ParseCounters(Type(codec), payload)
		if !ok {
			return
		}
		dst := bytes.Clone(payload)
		c.Rewrite(dst, pictureID, tl0, keyIdx)
		want := c
		if c.PictureIDOffset != 0 {
			want.PictureID = pictureID & c.PictureIDMask()
		}
		if c.TL0Offset != 0 {
			want.TL0PICIDX = tl0
		}
		if c.KeyIdxOffset != 0 {
			want.KeyIdx = keyIdx & 0x1f
		}
		if got, ok := ParseCounters(Type(codec), dst); !ok || got != want {
			t.Fatalf("reads back as\n%+v, want\n%+v", got, want)
		}
		if IsKeyframe(Type(codec), dst) != IsKeyframe(Type(codec), payload) {
			t.Fatal("a keyframe only before or after")
		}
		c.Rewrite(dst, c.PictureID, c.TL0PICIDX, c.KeyIdx)
		if !bytes.Equal(dst, payload) {
			t.Fatalf("touched more: %x to %x", payload, dst)
		}
	})
}

func FuzzIsKeyframe(f *testing.F) {
	f.Add(uint8(H264), []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68})
	f.Add(uint8(VP9), []byte{0xa8, 0x81, 2, 0x00, 5, 0x82})
	f.Fuzz(func(t *testing.T, c uint8, payload []byte) {
		before := bytes.Clone(payload)
		if IsKeyframe(Type(c), payload) && len(payload) < 2 {
			t.Error("a keyframe in less than two octets")
		}
		if !bytes.Equal(payload, before) {
			t.Error("changed the payload")
		}
	})
}

func BenchmarkParseVP8(b *testing.B) {
	payload := append([]byte{0x90, 0xf0, 0x81, 0x02, 3, 0x65, 0x11}, make([]byte, 1100)...)
	b.ReportAllocs()
	for b.Loop() {
		if d, ok := ParseVP8(payload); !ok || d.Keyframe {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkIsKeyframe(b *testing.B) {
	stap := []byte{0x78, 0, 2, 0x09, 0x42, 0, 1, 0x06, 0, 2, 0x67, 0x42}
	b.ReportAllocs()
	for b.Loop() {
		if !IsKeyframe(H264, stap) {
			b.Fatal("wrong")
		}
	}
}
