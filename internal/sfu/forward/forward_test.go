package forward

import (
	"testing"
	"time"

	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/packet"
)

const videoRate = 90000

var base = time.Unix(1000, 0)

// pkt returns packet n of a stream that sends one every 10 ms at 90 kHz.
func pkt(c codec.Type, n int64, change ...func(*packet.Packet)) *packet.Packet {
	p := &packet.Packet{
		SN: uint16(n), ExtSN: n, TS: uint32(n) * 900, ExtTS: n * 900,
		Arrival: base.Add(time.Duration(n) * 10 * time.Millisecond), Codec: c,
		Payload: []byte{1, 2, 3},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func key(p *packet.Packet)    { p.Keyframe = true }
func empty(p *packet.Packet)  { p.Payload = nil }
func marker(p *packet.Packet) { p.Marker = true }

func ref(p *packet.Packet) int64 { return p.Arrival.UnixNano() }

func push(f *Forwarder, s Stream, p *packet.Packet) (Out, bool) {
	var out Out
	ok := f.Push(s, p, ref(p), videoRate, &out)
	return out, ok
}

// dropped is the want of a packet that Push refuses for a reason.
func dropped(r Reason) int64 { return -1 - int64(r) }

func TestNumbers(t *testing.T) {
	type step struct {
		stream Stream
		n      int64
		want   int64 // offset from the first number, or dropped
		change func(*packet.Packet)
	}
	start := func(s Stream) step { return step{stream: s, n: -1} }
	startVideo := func(s Stream) step { return step{stream: s, n: -2} }
	stop := step{n: -3}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{start(1), {1, 100, 0, nil}, {1, 101, 1, nil}, {1, 102, 2, nil}}},
		{"nothing is current", []step{{1, 100, dropped(DropNotCurrent), nil}, start(1), {2, 7, dropped(DropNotCurrent), nil}}},
		{"a gap stays, the repair fits", []step{start(1), {1, 100, 0, nil}, {1, 103, 3, nil}, {1, 101, 1, nil}, {1, 102, 2, nil}}},
		{"duplicates", []step{start(1), {1, 100, 0, nil}, {1, 100, dropped(DropDuplicate), nil}, {1, 102, 2, nil},
			{1, 101, 1, nil}, {1, 101, dropped(DropDuplicate), nil}, {1, 102, dropped(DropDuplicate), nil}}},
		{"older than the switch", []step{start(1), {1, 100, 0, nil}, {1, 99, dropped(DropBeforeSwitch), nil}}},
		{"older than the window", []step{start(1), {1, 100, 0, nil}, {1, 102, 2, nil}, {1, 1000, 900, nil}, {1, 101, 1, nil},
			{1, 1126, 1026, nil}, {1, 103, 3, nil}, {1, 102, dropped(DropTooOld), nil}}},
		{"waits for a keyframe", []step{startVideo(1), {1, 100, dropped(DropWaitingKeyframe), nil}, {1, 101, 0, key}, {1, 102, 1, nil}}},
		{"padding closes its gap", []step{start(1), {1, 100, 0, nil}, {1, 101, dropped(DropPadding), empty}, {1, 102, 1, nil},
			{1, 101, dropped(DropDuplicate), empty}}},
		{"much padding", []step{start(1), {1, 100, 0, nil}, {1, 101, dropped(DropPadding), empty}, {1, 102, dropped(DropPadding), empty},
			{1, 104, dropped(DropPadding), empty}, {1, 105, 2, nil}, {1, 103, 1, nil}}},
		{"late padding fills its hole", []step{start(1), {1, 100, 0, nil}, {1, 102, 2, nil}, {1, 101, 1, empty}}},
		{"all behind it is padding", []step{start(1), {1, 100, 0, nil}, {1, 102, dropped(DropPadding), empty}, {1, 101, 1, nil}, {1, 103, 2, nil}}},
		{"padding does not start a stream", []step{start(1), {1, 100, dropped(DropPadding), empty}, {1, 101, 0, nil}}},
		{"a switch goes on", []step{start(1), {1, 100, 0, nil}, {1, 101, 1, nil}, startVideo(2), {1, 102, 2, nil},
			{2, 7000, dropped(DropWaitingKeyframe), nil}, {2, 7001, 3, key}, {1, 103, dropped(DropNotCurrent), nil},
			{2, 7000, dropped(DropBeforeSwitch), nil}, {2, 7002, 4, nil}}},
		{"a hole at the end of the old stream is not kept", []step{start(1), {1, 100, 0, nil}, {1, 102, dropped(DropPadding), empty},
			start(2), {2, 50, 1, nil}, {2, 51, 2, nil}}},
		{"a switch back", []step{start(1), {1, 100, 0, nil}, start(2), {2, 50, 1, nil}, start(1), {1, 99, 2, nil}, {1, 101, 4, nil},
			{1, 100, 3, nil}}},
		{"a pending switch is cancelled", []step{start(1), {1, 100, 0, nil}, startVideo(2), start(1), {2, 7, dropped(DropNotCurrent), key}, {1, 101, 1, nil}}},
		{"stop and go", []step{start(1), {1, 100, 0, nil}, stop, {1, 101, dropped(DropNotCurrent), nil}, startVideo(1),
			{1, 102, dropped(DropWaitingKeyframe), nil}, {1, 105, 1, key}, {1, 106, 2, nil}}},
		{"a repaired keyframe starts, the rest can be pushed again", []step{startVideo(1), {1, 101, dropped(DropWaitingKeyframe), nil},
			{1, 102, dropped(DropWaitingKeyframe), nil}, {1, 100, 0, key}, {1, 101, 1, nil}, {1, 102, 2, nil}, {1, 103, 3, nil}}},
		{"an old keyframe sent as a probe", []step{startVideo(1), {1, 2000, dropped(DropWaitingKeyframe), nil}, {1, 976, dropped(DropTooOld), key},
			{1, 977, 0, key}}},
		{"another target has other numbers", []step{startVideo(1), {1, 5000, dropped(DropWaitingKeyframe), nil}, startVideo(2), {2, 10, 0, key}}},
		{"the longest gap", []step{start(1), {1, 100, 0, nil}, {1, 1125, 1025, nil}}},
		{"a gap too long shrinks to one", []step{start(1), {1, 100, 0, nil}, {1, 1126, 2, nil}, {1, 1125, dropped(DropDuplicate), nil},
			{1, 1127, 3, nil}, {1, 100, dropped(DropDuplicate), nil}, {1, 101, dropped(DropDuplicate), nil}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := New(65530, 0)
			for i, s := range c.steps {
				switch s.n {
				case -1:
					f.Start(s.stream, false)
					continue
				case -2:
					f.Start(s.stream, true)
					continue
				case -3:
					f.Stop()
					continue
				}
				p := pkt(codec.H264, s.n)
				if s.change != nil {
					s.change(p)
				}
				before := f.Drops()
				out, ok := push(f, s.stream, p)
				if ok != (s.want >= 0) {
					t.Fatalf("step %d, packet %d: sent %v; drops %v", i, s.n, ok, f.Drops())
				}
				if !ok {
					before[-1-s.want]++
					if f.Drops() != before {
						t.Fatalf("step %d, packet %d: drops %v, want %v", i, s.n, f.Drops(), before)
					}
					continue
				}
				if want := 65536 + 65530 + s.want; out.ExtSN != want || out.SN != uint16(want) {
					t.Fatalf("step %d, packet %d: number %d (%d), want %d", i, s.n, out.ExtSN, out.SN, want)
				}
				stream, src, found := f.Lookup(out.SN)
				if !found || stream != s.stream || src != s.n {
					t.Fatalf("step %d, packet %d: looked up as %d of %d, %v", i, s.n, src, stream, found)
				}
			}
		})
	}
}

func TestCurrentAndTarget(t *testing.T) {
	var f Forwarder
	check := func(when string, current Stream, target Stream) {
		t.Helper()
		c, haveC := f.Current()
		g, haveT := f.Target()
		if c != current || haveC != (current != 0) || g != target || haveT != (target != 0) {
			t.Errorf("%s: current %d %v, target %d %v", when, c, haveC, g, haveT)
		}
	}
	check("zero value", 0, 0)
	f.Start(1, true)
	check("started", 0, 1)
	out, ok := push(&f, 1, pkt(codec.VP8, 5, key))
	check("keyframe", 1, 0)
	if !ok || !out.Switched || out.SN != 1 || out.TS != 0 {
		t.Errorf("the zero value begins with %+v", out)
	}
	if out, _ = push(&f, 1, pkt(codec.VP8, 6)); out.Switched {
		t.Error("switched again")
	}
	f.Start(2, true)
	check("next target", 1, 2)
	f.Stop()
	check("stopped", 0, 0)
	if _, _, ok := f.Lookup(2); !ok {
		t.Error("Stop forgets what was sent")
	}
}

func TestMarker(t *testing.T) {
	f := New(0, 0)
	f.Start(1, false)
	audio, video := codec.Opus, codec.VP8
	for _, c := range []struct {
		name string
		p    *packet.Packet
		want bool
	}{
		{"first audio packet", pkt(audio, 1), true},
		{"second", pkt(audio, 2), false},
		{"source's own", pkt(audio, 3, marker), true},
	} {
		out, ok := push(f, 1, c.p)
		if !ok || out.Marker != c.want {
			t.Errorf("%s: %v, marker %v", c.name, ok, out.Marker)
		}
		var again Out
		if _, _, ok := f.Resend(out.SN, &again); !ok || again.Marker != c.want {
			t.Errorf("%s, resent: %v, marker %v", c.name, ok, again.Marker)
		}
	}
	f.Start(2, true)
	if out, _ := push(f, 2, pkt(video, 1, key)); out.Marker {
		t.Error("first packet of a picture marked as the last")
	}
	if out, _ := push(f, 2, pkt(video, 2, marker)); !out.Marker {
		t.Error("marker of video lost")
	}
}

func TestSentCounts(t *testing.T) {
	f := New(0, 0)
	f.Start(1, false)
	for _, n := range []int64{1, 2, 2, 4, 3} {
		push(f, 1, pkt(codec.VP9, n))
	}
	push(f, 1, pkt(codec.VP9, 5, empty))
	if packets, octets := f.Sent(); packets != 4 || octets != 12 {
		t.Errorf("%d packets, %d octets", packets, octets)
	}
}

// A table full of padding does not forget what NACKs can ask for: further
// padding is sent as empty packets.
func TestSparsePadding(t *testing.T) {
	f := New(0, 0)
	f.Start(1, false)
	sentEmpty, leftOut := 0, 0
	outs := map[int64]int64{} // source number to ours
	for n := int64(1); n <= 1000; n++ {
		p := pkt(codec.VP9, n)
		if n%10 == 0 {
			empty(p)
		}
		out, ok := push(f, 1, p)
		switch {
		case ok && n%10 == 0:
			sentEmpty++
		case n%10 == 0:
			leftOut++
		}
		if ok {
			outs[n] = out.ExtSN
		}
	}
	if leftOut != maxSegments-1 || sentEmpty != 100-leftOut {
		t.Errorf("%d left out, %d sent", leftOut, sentEmpty)
	}
	for n, ext := range outs {
		if _, src, ok := f.Lookup(uint16(ext)); !ok || src != n {
			t.Fatalf("%d is found as %d, %v", n, src, ok)
		}
	}
	// When they leave the window, there is room again.
	for n := int64(1001); n < 2300; n++ {
		push(f, 1, pkt(codec.VP9, n))
	}
	if _, ok := push(f, 1, pkt(codec.VP9, 2300, empty)); ok {
		t.Error("sent although the table has room")
	}
}

// Nor does it forget the stream of before.
func TestSparsePaddingAfterASwitch(t *testing.T) {
	f := New(0, 0)
	f.Start(1, false)
	push(f, 1, pkt(codec.VP9, 100)) // number 0
	f.Start(2, false)
	for n := int64(1); n <= 200; n++ {
		p := pkt(codec.VP9, n)
		if n%10 == 0 {
			empty(p)
		}
		push(f, 2, p)
		if s, src, ok := f.Lookup(0); !ok || s != 1 || src != 100 {
			t.Fatalf("after %d packets the first is found as %d of %d, %v", n, src, s, ok)
		}
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	f := New(0, 0)
	f.Start(1, true)
	scratch := make([]byte, packet.MaxSize)
	a, b := vp8Packet(1, 100, 1, 1), vp8Packet(1, 500, 9, 9)
	a.Keyframe, b.Keyframe = true, true
	n := int64(0)
	var out Out
	next := func() {
		n++
		s, p := Stream(1), a
		if n%100 < 50 {
			s, p = 2, b
		}
		f.Start(s, true)
		p.ExtSN, p.TS = n, uint32(n)*10
		if !f.Push(s, p, n, videoRate, &out) {
			t.Fatal("refused")
		}
		out.Payload(p, scratch)
		if n%7 == 0 {
			f.AllowResend(out.SN, base, 0, false)
			f.Resend(out.SN, &out)
		}
	}
	for range 10 { // the rings are made
		next()
	}
	if allocs := testing.AllocsPerRun(1000, next); allocs != 0 {
		t.Errorf("%v allocations per packet", allocs)
	}
}

func BenchmarkPush(b *testing.B) {
	for _, c := range []struct {
		name string
		p    *packet.Packet
	}{
		{"Opus", pkt(codec.Opus, 0)},
		{"H264", pkt(codec.H264, 0, key)},
		{"VP8", vp8Packet(0, 100, 1, 1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := New(0, 0)
			f.Start(1, false)
			var out Out
			n := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				n++
				c.p.ExtSN, c.p.TS = n, uint32(n)
				if !f.Push(1, c.p, n, videoRate, &out) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkRewrite(b *testing.B) {
	p := vp8Packet(0, 100, 1, 1)
	p.Payload = append(p.Payload, make([]byte, 1100)...)
	out := Out{Rewrite: true, offsets: offsets{pictureID: 9}}
	scratch := make([]byte, packet.MaxSize)
	b.ReportAllocs()
	for b.Loop() {
		out.Payload(p, scratch)
	}
}
