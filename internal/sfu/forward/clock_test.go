package forward

import (
	"testing"
	"time"

	"aq-server/internal/sfu/codec"
)

func TestTimestampOverASwitch(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		elapsed time.Duration // by the reference clock
		wall    time.Duration // by arrival; -1: unknown
		rate    uint32
		want    uint32
	}{
		{"one picture", 40 * ms, 40 * ms, 90000, 3600},
		{"captured before the last one", -30 * ms, 10 * ms, 90000, 1},
		{"at the same time", 0, 0, 90000, 1},
		{"another clock rate", 40 * ms, 40 * ms, 48000, 1920},
		{"after a pause", time.Minute, time.Minute, 90000, 60 * 90000},
		{"after a night", 9 * time.Hour, 9 * time.Hour, 90000, 3600 * 90000},
		{"the reference jumped", time.Hour, 20 * ms, 90000, 1800},
		{"the reference jumped back", -time.Hour, 20 * ms, 90000, 1800},
		{"the arrivals are unknown", 40 * ms, -1, 90000, 3600},
		{"the arrivals are unknown, and it jumped", time.Hour, -1, 90000, 1},
	} {
		f := New(0, 0xffffff00) // wraps on the way
		f.Start(1, false)
		var out Out
		p := pkt(codec.H264, 100)
		q := pkt(codec.H264, 7)
		q.Arrival = p.Arrival.Add(c.wall)
		r := ref(p)
		if c.wall < 0 {
			p.Arrival, q.Arrival = time.Time{}, time.Time{}
		}
		f.Push(1, p, r, 90000, &out)
		first := out.TS
		if first != 0xffffff00 {
			t.Fatalf("first timestamp %d", first)
		}
		f.Start(2, false)
		f.Push(2, q, r+int64(c.elapsed), c.rate, &out)
		if got := out.TS - first; got != c.want {
			t.Errorf("%s: %d ticks, want %d", c.name, got, c.want)
		}
		q2 := pkt(codec.H264, 8)
		f.Push(2, q2, r+int64(c.elapsed), c.rate, &out)
		if got := out.TS - first; got != c.want+900 {
			t.Errorf("%s: then %d ticks, want %d", c.name, got, c.want+900)
		}
	}
}

// Packets of the old and the new stream carry on the same line of time.
func TestTimestampIsTheClock(t *testing.T) {
	f := New(0, 5000)
	r0 := base.UnixNano()
	for i := range int64(50) {
		s := Stream(i/10 + 1)
		f.Start(s, false)
		p := pkt(codec.H264, 1000*int64(s)+i)
		p.Arrival = base.Add(time.Duration(i) * 10 * time.Millisecond)
		out, ok := push(f, s, p)
		if !ok || out.TS != 5000+uint32(i)*900 {
			t.Fatalf("packet %d: %v, %d", i, ok, out.TS)
		}
		at := r0 + i*int64(10*time.Millisecond)
		for _, ahead := range []time.Duration{0, time.Second, -time.Second} {
			want := out.TS + uint32(int64(ahead.Seconds())*videoRate)
			if got, ok := f.RTPTimeAt(at + int64(ahead)); !ok || got != want {
				t.Fatalf("packet %d, %v later: %d, want %d", i, ahead, got, want)
			}
		}
	}
}

func TestRTPTime(t *testing.T) {
	f := New(0, 5000)
	if _, ok := f.RTPTimeAt(0); ok {
		t.Error("a timestamp before the first packet")
	}
	if _, ok := f.LastTS(); ok {
		t.Error("a last timestamp before the first packet")
	}
	f.Start(1, false)
	push(f, 1, pkt(codec.H264, 100))
	push(f, 1, pkt(codec.H264, 102))
	push(f, 1, pkt(codec.H264, 101)) // a late one is not the newest
	if ts, ok := f.LastTS(); !ok || ts != 5000+1800 {
		t.Errorf("last %d", ts)
	}
	// A publisher whose timestamps begin anew.
	p := pkt(codec.H264, 103)
	p.TS -= 20 * videoRate
	out, _ := push(f, 1, p)
	if got, _ := f.RTPTimeAt(ref(p)); got != out.TS {
		t.Errorf("%d, want %d", got, out.TS)
	}
}

// Another clock rate in the same stream goes on where the time is.
func TestClockRateChange(t *testing.T) {
	f := New(0, 5000)
	f.Start(1, false)
	var out Out
	p := pkt(codec.H264, 100)
	f.Push(1, p, ref(p), 90000, &out)
	p = pkt(codec.H264, 102)
	p.TS = 77
	f.Push(1, p, ref(p), 48000, &out)
	if out.TS != 5000+960 || out.ExtSN != 1<<16+2 {
		t.Errorf("%+v", out)
	}
	p = pkt(codec.H264, 101) // late, of before the change
	f.Push(1, p, ref(p), 90000, &out)
	if out.TS != 5000+900 || out.ExtSN != 1<<16+1 {
		t.Errorf("%+v", out)
	}
}

func TestTicksDoNotOverflow(t *testing.T) {
	if got := ticks(int64(1000*time.Hour), 90000); got != 1000*3600*90000 {
		t.Errorf("%d", got)
	}
	if got := ticks(-int64(1000*time.Hour+time.Millisecond), 90000); got != -1000*3600*90000-90 {
		t.Errorf("%d", got)
	}
}
