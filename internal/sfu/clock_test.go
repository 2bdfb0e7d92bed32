package sfu

import (
	"testing"
	"time"
)

func TestNTPRoundTrip(t *testing.T) {
	for _, unix := range []int64{0, 1, 1_700_000_000_123_456_789, time.Now().UnixNano()} {
		if d := fromNTP(toNTP(unix)) - unix; d < -1 || d > 1 {
			t.Errorf("%d comes back %d ns off", unix, d)
		}
	}
	// 1 January 1900 + 2208988800 s is the Unix epoch (RFC 5905, figure 4).
	if got := toNTP(0) >> 32; got != 2208988800 {
		t.Errorf("the Unix epoch is NTP second %d", got)
	}
}

func TestAbsSendTimeIsSixPointEighteen(t *testing.T) {
	ntp := toNTP(5*int64(time.Second) + int64(250*time.Millisecond))
	want := uint32((ntp>>32)&63)<<18 | 1<<16 // a quarter of a second
	if got := absSendTime(ntp); got != want {
		t.Errorf("abs-send-time %#x, want %#x", got, want)
	}
}

// A publisher's clock may be years off; what must hold is that his sound and
// his picture keep their relation, and that a slow report does not shift it.
func TestPublisherClockKeepsTheRelationOfSoundAndPicture(t *testing.T) {
	var c publisherClock
	const ahead = int64(10 * 365 * 24 * time.Hour)
	sent := func(at time.Duration) uint64 { return toNTP(ahead + int64(at)) }
	c.observe(sent(0), int64(20*time.Millisecond))
	prompt := c.observe(sent(time.Second), int64(1020*time.Millisecond))
	late := c.observe(sent(time.Second), int64(1220*time.Millisecond))
	if d := late - prompt; d < 0 || d > int64(5*time.Millisecond) {
		t.Errorf("a report that was 200 ms late moved the axis by %v", time.Duration(d))
	}
	if want := int64(1020 * time.Millisecond); prompt != want {
		t.Errorf("capture time %v, want %v", time.Duration(prompt), time.Duration(want))
	}
}

func TestPublisherClockFollowsAJump(t *testing.T) {
	var c publisherClock
	c.observe(toNTP(int64(time.Hour)), int64(time.Second))
	// The publisher sets his clock back by an hour.
	got := c.observe(toNTP(int64(time.Second)), int64(2*time.Second))
	if d := got - int64(2*time.Second); d != 0 {
		t.Errorf("after a jump the axis is %v off", time.Duration(d))
	}
}

func TestStreamClock(t *testing.T) {
	c := streamClock{rate: 90000}
	if got := c.time(1000, 500); got != 500 {
		t.Errorf("the first packet was captured at %d, want its arrival 500", got)
	}
	if got := c.time(1000+90000, 0); got != 500+int64(time.Second) {
		t.Errorf("a second later: %d", got)
	}
	if got := c.time(1000-9000, 0); got != 500-int64(100*time.Millisecond) {
		t.Errorf("an older packet: %d", got)
	}
	c.set(1000, 700)
	if got := c.time(1000, 0); got != 700 {
		t.Errorf("after a report: %d, want 700", got)
	}
}
