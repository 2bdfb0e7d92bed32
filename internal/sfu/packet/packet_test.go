package packet

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"unsafe"

	"github.com/pion/rtp"
)

// header is V=2, PT 96 with marker, SN 0x1234, TS 0x01020304, SSRC 0xaabbccdd.
var header = []byte{0x80, 0xe0, 0x12, 0x34, 1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd}

// build returns header with other first-octet flags, followed by parts.
func build(flags byte, parts ...[]byte) []byte {
	b := append([]byte{0x80 | flags}, header[1:]...)
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

func parse(t testing.TB, pool *Pool, b []byte) (*Packet, error) {
	t.Helper()
	p := pool.Get()
	return p, p.Parse(copy(p.Buf(), b))
}

func TestParse(t *testing.T) {
	const padded, extended = 0x20, 0x10
	pool := NewPool()
	for _, c := range []struct {
		name    string
		in      []byte
		err     error
		payload []byte
		padding uint8
		header  int
	}{
		{name: "empty", in: nil, err: ErrShort},
		{name: "one octet less than a header", in: header[:11], err: ErrShort},
		{name: "header only", in: build(0), header: 12},
		{name: "version 1", in: append([]byte{0x40}, header[1:]...), err: ErrVersion},
		{name: "payload", in: build(0, []byte{7, 8}), payload: []byte{7, 8}, header: 12},
		{name: "csrc", in: build(2, make([]byte, 8), []byte{7}), payload: []byte{7}, header: 20},
		{name: "csrc cut", in: build(2, make([]byte, 7)), err: ErrShort},
		{name: "padding", in: build(padded, []byte{7, 0, 0, 3}), payload: []byte{7}, padding: 3, header: 12},
		{name: "padding only", in: build(padded, []byte{0, 0, 3}), padding: 3, header: 12},
		{name: "padding count 0", in: build(padded, []byte{7, 0}), err: ErrPadding},
		{name: "padding larger than payload", in: build(padded, []byte{7, 3}), err: ErrPadding},
		{name: "padding without payload", in: build(padded), err: ErrPadding},
		{name: "padding would reach into extension", in: build(padded|extended, []byte{0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 2}), err: ErrPadding},
		{name: "extension", in: build(extended, []byte{0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 7}), payload: []byte{7}, header: 20},
		{name: "empty extension", in: build(extended, []byte{0xbe, 0xde, 0, 0, 7}), payload: []byte{7}, header: 16},
		{name: "extension header cut", in: build(extended, []byte{0xbe, 0xde, 0}), err: ErrShort},
		{name: "extension cut", in: build(extended, []byte{0xbe, 0xde, 0, 2, 0x10, 9, 0, 0, 7}), err: ErrShort},
		{name: "unknown profile", in: build(extended, []byte{0xab, 0xcd, 0, 1, 0x10, 9, 0, 0, 7}), payload: []byte{7}, header: 20},
		{name: "largest", in: build(0, make([]byte, MaxSize-12)), payload: make([]byte, MaxSize-12), header: 12},
		{name: "largest small", in: build(0, make([]byte, SmallSize-12)), payload: make([]byte, SmallSize-12), header: 12},
		{name: "smallest large", in: build(0, make([]byte, SmallSize-11)), payload: make([]byte, SmallSize-11), header: 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := parse(t, pool, c.in)
			defer p.Release()
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if p.PT != 96 || !p.Marker || p.SN != 0x1234 || p.TS != 0x01020304 || p.SSRC != 0xaabbccdd {
				t.Errorf("header: %+v", p)
			}
			if !bytes.Equal(p.Payload, c.payload) || p.Padding != c.padding || p.HeaderSize() != c.header {
				t.Errorf("payload %x, padding %d, header %d; want %x, %d, %d",
					p.Payload, p.Padding, p.HeaderSize(), c.payload, c.padding, c.header)
			}
			if !bytes.Equal(p.Raw(), c.in) {
				t.Errorf("raw %x, want %x", p.Raw(), c.in)
			}
			if cap(p.Payload) != len(p.Payload) {
				t.Errorf("an append to the payload would overwrite what follows")
			}
		})
	}
	p := pool.Get()
	defer p.Release()
	if err := p.Parse(MaxSize + 1); !errors.Is(err, ErrShort) {
		t.Errorf("longer than the buffer: %v", err)
	}
}

func TestExtension(t *testing.T) {
	pool := NewPool()
	one := []byte{0xbe, 0xde, 0, 3, 0x12, 1, 2, 3, 0x00, 0x20, 4, 0xf1, 9, 0x30, 5, 0}
	two := []byte{0x10, 0x05, 0, 3, 1, 0, 0, 2, 3, 1, 2, 3, 255, 1, 9, 0}
	for _, c := range []struct {
		name string
		ext  []byte
		id   uint8
		want []byte
	}{
		{"one byte, three octets", one, 1, []byte{1, 2, 3}},
		{"one byte, behind padding", one, 2, []byte{4}},
		{"one byte, absent", one, 4, nil},
		{"one byte, 15 ends it", one, 3, nil},
		{"one byte, 15 is none", one, 15, nil},
		{"0 is none", one, 0, nil},
		{"two bytes, empty element", two, 1, []byte{}},
		{"two bytes, behind padding", two, 2, []byte{1, 2, 3}},
		{"two bytes, high id", two, 255, []byte{9}},
		{"two bytes, absent", two, 9, nil},
		{"one byte, element cut", []byte{0xbe, 0xde, 0, 1, 0x10, 1, 0x27, 2}, 2, nil},
		{"one byte, before a cut one", []byte{0xbe, 0xde, 0, 1, 0x10, 1, 0x27, 2}, 1, []byte{1}},
		{"two bytes, length cut off", []byte{0x10, 0, 0, 1, 1, 1, 7, 2}, 2, nil},
		{"unknown profile", []byte{0xab, 0xcd, 0, 1, 0x10, 1, 0, 0}, 1, nil},
	} {
		p, err := parse(t, pool, build(0x10, c.ext))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := p.Extension(c.id)
		if !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		p.Release()
	}
}

func TestReferences(t *testing.T) {
	mustPanic := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		f()
	}
	p := NewPool().Get()
	p.Retain()
	p.Release()
	if p.Buf() == nil {
		t.Fatal("memory taken away while an owner is left")
	}
	p.Release()
	mustPanic("release without a reference", p.Release)
	q := NewPool().Get()
	q.Release()
	mustPanic("retain without a reference", q.Retain)
}

// A recycled packet shows nothing of its former life.
func TestRecycledPacketIsEmpty(t *testing.T) {
	pool := NewPool()
	p, err := parse(t, pool, build(0x30, []byte{0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 7, 1}))
	if err != nil {
		t.Fatal(err)
	}
	p.ExtSN, p.ExtTS, p.RTX, p.Keyframe, p.Codec = 1, 2, true, true, 3
	p.Release()
	// The pool may or may not give the same packet, so look at this one.
	if p.SSRC != 0 || p.Payload != nil || p.Raw() != nil || p.Extension(1) != nil ||
		p.ExtSN != 0 || p.RTX || p.Keyframe || p.Codec != 0 || p.Padding != 0 || p.Marker {
		t.Errorf("left over: %+v", p)
	}
}

func TestReferencesFromManyGoroutines(t *testing.T) {
	pool := NewPool()
	var wg sync.WaitGroup
	for range 50 {
		p, err := parse(t, pool, build(0, []byte{42}))
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			p.Retain()
			wg.Go(func() { // ends by itself
				if p.Payload[0] != 42 {
					t.Error("payload changed while retained")
				}
				p.Release()
			})
		}
		p.Release()
	}
	wg.Wait()
}

func TestPacketIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Packet{}); size > 224 {
		t.Errorf("a packet takes %d octets besides its buffer", size)
	}
}

// FuzzParse compares with pion's parser wherever both accept.
func FuzzParse(f *testing.F) {
	f.Add(build(0, []byte{1, 2, 3}))
	f.Add(build(0x20, []byte{1, 2, 2}))
	f.Add(build(0x10, []byte{0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 7}))
	f.Add(build(0x12, make([]byte, 8), []byte{0x10, 0, 0, 1, 1, 1, 9, 0, 7}))
	pool := NewPool()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxSize {
			return
		}
		p, err := parse(t, pool, b)
		defer p.Release()
		if err != nil {
			return
		}
		if p.HeaderSize()+len(p.Payload)+int(p.Padding) != len(b) {
			t.Fatalf("%d + %d + %d octets of %d", p.HeaderSize(), len(p.Payload), p.Padding, len(b))
		}
		for id := range 256 {
			p.Extension(uint8(id))
		}
		var h rtp.Header
		if _, err := h.Unmarshal(b); err != nil {
			return
		}
		if h.SequenceNumber != p.SN || h.Timestamp != p.TS || h.SSRC != p.SSRC ||
			h.PayloadType != p.PT || h.Marker != p.Marker {
			t.Fatalf("pion reads %+v, we %+v", h, p)
		}
	})
}

// FuzzExtension builds a packet with pion and finds its elements again.
func FuzzExtension(f *testing.F) {
	f.Add(uint8(1), []byte{1, 2, 3}, uint8(2), []byte{4})
	f.Add(uint8(14), make([]byte, 16), uint8(3), []byte{0})
	f.Add(uint8(200), make([]byte, 90), uint8(15), []byte{})
	pool := NewPool()
	f.Fuzz(func(t *testing.T, id1 uint8, data1 []byte, id2 uint8, data2 []byte) {
		h := rtp.Header{Version: 2, Extension: true, ExtensionProfile: profileOne}
		if id1 > 14 || id2 > 14 || len(data1) > 16 || len(data2) > 16 || len(data1) == 0 || len(data2) == 0 {
			h.ExtensionProfile = profileTwo
		}
		if id1 == id2 || h.SetExtension(id1, data1) != nil || h.SetExtension(id2, data2) != nil {
			return
		}
		b, err := h.Marshal()
		if err != nil || len(b) > MaxSize {
			return
		}
		p, err := parse(t, pool, b)
		defer p.Release()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Extension(id1); !bytes.Equal(got, data1) || got == nil {
			t.Errorf("element %d: %x, want %x", id1, got, data1)
		}
		if got := p.Extension(id2); !bytes.Equal(got, data2) || got == nil {
			t.Errorf("element %d: %x, want %x", id2, got, data2)
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	pool := NewPool()
	in := build(0x10, []byte{0xbe, 0xde, 0, 2, 0x10, 9, 0x22, 1, 2, 3, 0, 0}, make([]byte, 1100))
	b.ReportAllocs()
	for b.Loop() {
		p := pool.Get()
		if p.Parse(copy(p.Buf(), in)) != nil || p.Extension(2) == nil {
			b.Fatal("not parsed")
		}
		p.Release()
	}
}
