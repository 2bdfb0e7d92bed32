package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestOpenAtATime(t *testing.T) {
	a := NewAddresses(Options{Open: 2})
	first, second := a.Enter("192.0.2.1"), a.Enter("192.0.2.1:5000")
	if !first.OK || !second.OK || a.Enter("192.0.2.1").OK {
		t.Error("not two at a time")
	}
	if !a.Enter("192.0.2.2").OK {
		t.Error("another address")
	}
	first.Leave()
	if !a.Enter("::ffff:192.0.2.1").OK || a.Enter("192.0.2.1").OK {
		t.Error("not one more after one has left")
	}
}

func TestRate(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	a := NewAddresses(Options{Rate: 20, Burst: 200, Now: c.now})
	count := func() (n int) {
		for range 1000 {
			if v := a.Enter("2001:db8::1"); v.OK {
				n++
				v.Leave()
			} else if v.Retry <= 0 {
				t.Fatal("no word about when")
			}
		}
		return n
	}
	if n := count(); n != 200 {
		t.Errorf("a burst of %d", n)
	}
	c.at = c.at.Add(time.Second)
	if n := count(); n != 20 {
		t.Errorf("%d a second later", n)
	}
	if !a.Exhausted("2001:db8::2") {
		t.Error("another address of the same /64 is not the same")
	}
	if a.Exhausted("2001:db8:0:1::1") || !a.Enter("2001:db8:0:1::1").OK {
		t.Error("another /64 is the same")
	}
}

func TestNotCounted(t *testing.T) {
	a := NewAddresses(Options{Open: 1, Rate: 1, Burst: 1})
	for range 10 {
		for _, address := range []string{"127.0.0.1", "::1", "127.9.9.9:80", "@", "", "[::1]:5", "::ffff:127.0.0.1"} {
			if !a.Enter(address).OK {
				t.Errorf("%q is counted", address)
			}
		}
	}
	none := NewAddresses(Options{})
	for range 10 {
		if !none.Enter("192.0.2.1").OK {
			t.Error("no limit is a limit")
		}
	}
}

func TestQuietAddressesAreForgotten(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	a := NewAddresses(Options{Open: 5, Rate: 1, Burst: 2, Now: c.now})
	stays := a.Enter("192.0.2.1")
	for i := range 1000 {
		a.Enter(fmt.Sprintf("10.0.%d.%d", i/256, i%256)).Leave()
	}
	c.at = c.at.Add(time.Minute)
	a.Enter("192.0.2.9").Leave()
	if n := len(a.entries); n != 2 {
		t.Errorf("%d addresses are known", n)
	}
	stays.Leave()
}

func TestBound(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	a := NewAddresses(Options{Open: 1, Now: c.now})
	for i := range maxAddresses + 500 {
		if !a.Enter(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)).OK {
			t.Fatal("somebody new is refused")
		}
	}
	if n := len(a.entries); n != maxAddresses {
		t.Errorf("%d addresses", n)
	}
}
