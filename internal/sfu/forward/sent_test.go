package forward

import (
	"testing"
	"time"

	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/packet"
)

func TestLookupReachesBack(t *testing.T) {
	f := New(0, 0)
	if _, _, ok := f.Lookup(0); ok {
		t.Error("found something before the first packet")
	}
	f.Start(1, true)
	push(f, 1, pkt(codec.H264, 100, key)) // number 0
	push(f, 1, pkt(codec.H264, 102))      // 2
	f.Start(2, true)
	push(f, 2, pkt(codec.H264, 500, key)) // 3
	for _, c := range []struct {
		sn     uint16
		stream Stream
		src    int64
		sent   bool
		ok     bool
	}{
		{0, 1, 100, true, true},
		{1, 1, 101, false, true}, // would have been
		{2, 1, 102, true, true},
		{3, 2, 500, true, true},
		{4, 0, 0, false, false},
		{65535, 0, 0, false, false},
		{40000, 0, 0, false, false},
	} {
		var out Out
		s, src, ok := f.Resend(c.sn, &out)
		if s != c.stream || src != c.src || ok != c.ok || out.Sent != c.sent {
			t.Errorf("%d: %d of %d, %v, sent %v", c.sn, src, s, ok, out.Sent)
		}
		if ls, lsrc, lok := f.Lookup(c.sn); ls != s || lsrc != src || lok != ok {
			t.Errorf("%d: Lookup finds %d of %d, %v", c.sn, lsrc, ls, lok)
		}
	}
	for n := int64(501); n <= 500+1020; n++ {
		push(f, 2, pkt(codec.H264, n))
	}
	if _, _, ok := f.Lookup(0); !ok { // 1024 numbers: 0 to 1023
		t.Error("forgotten too early")
	}
	push(f, 2, pkt(codec.H264, 1521))
	if _, _, ok := f.Lookup(0); ok {
		t.Error("never forgotten")
	}
	// Nothing is left of the number that had the same place.
	f.Start(3, false)
	for n := range int64(1100) {
		var again Out
		out, _ := push(f, 3, pkt(codec.H264, n, func(p *packet.Packet) { p.Marker = n < 70 }))
		if _, _, ok := f.Resend(out.SN, &again); !ok || again.Marker != (n < 70) {
			t.Fatalf("packet %d: marker %v", n, again.Marker)
		}
	}
}

func TestAllowResend(t *testing.T) {
	f := New(0, 0)
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	if f.AllowResend(0, at(0), 0, false) {
		t.Error("allowed before the first packet")
	}
	f.Start(1, false)
	for n := range int64(10) {
		push(f, 1, pkt(codec.H264, n))
	}
	for i, c := range []struct {
		sn   uint16
		ms   int
		rtt  time.Duration
		want bool
	}{
		{3, 0, 0, true},
		{3, 19, 0, false}, // 20 ms at least
		{4, 19, 0, true},  // each for itself
		{3, 20, 0, true},
		{3, 69, 50 * time.Millisecond, false}, // and the RTT
		{3, 70, 50 * time.Millisecond, true},
		{3, 5000, 0, false}, // three times is enough
		{4, 1500, time.Hour, false},
		{4, 2019, time.Hour, true}, // a wild RTT
		{10, 5000, 0, false},       // not sent yet
		{65535, 5000, 0, false},
	} {
		if got := f.AllowResend(c.sn, at(c.ms), c.rtt, false); got != c.want {
			t.Errorf("case %d: number %d at %d ms: %v", i, c.sn, c.ms, got)
		}
	}
	for i, want := range []bool{true, true, true, true, true, false} {
		if got := f.AllowResend(3, at(6000+100*i), 0, true); got != want { // three times before
			t.Errorf("resend %d where there is room: %v", i, got)
		}
	}
	// A number's place is taken by a later one, which has its own count.
	for n := int64(10); n < 1030; n++ {
		push(f, 1, pkt(codec.H264, n))
	}
	if f.AllowResend(3, at(9000), 0, false) {
		t.Error("allowed outside the window")
	}
	if !f.AllowResend(1024+3, at(9000), 0, false) {
		t.Error("the count of an older number is held against a new one")
	}
	for i := range maxResends {
		f.AllowResend(1029, at(9000+i*100), 0, false)
	}
	push(f, 1, pkt(codec.H264, 2053)) // the longest gap: all places are new
	if f.AllowResend(1029, at(9900), 0, false) || !f.AllowResend(2053, at(9900), 0, false) {
		t.Error("after a gap as long as the ring")
	}
}
