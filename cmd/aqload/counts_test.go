//go:build linux

package main

import (
	"encoding/binary"
	"testing"
)

// header makes the fixed header of an RTP packet.
func header(ssrc uint32, number uint16) []byte {
	b := make([]byte, 12)
	b[0], b[1] = 2<<6, 96
	binary.BigEndian.PutUint16(b[2:], number)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

func TestCountsFindLoss(t *testing.T) {
	var c counts
	if !c.add(header(1, 65533), 1000) {
		t.Error("the first packet was not the first")
	}
	before := c.clone()
	// 65534 comes late, 0 and 2 never, over the wrap.
	for _, n := range []uint16{65535, 65534, 1, 3} {
		if c.add(header(1, n), 1000) {
			t.Errorf("%d was the first", n)
		}
	}
	// Another stream begins in between and loses one of three.
	c.add(header(2, 7), 100)
	c.add(header(2, 9), 100)
	var got tally
	got.since(before, c)
	if want := (tally{Packets: 6, Bytes: 4200, Expected: 9}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if loss := got.loss(); loss != 3.0/9 {
		t.Errorf("loss %f", loss)
	}
	if loss := (tally{}).loss(); loss != 0 {
		t.Errorf("loss of nothing is %f", loss)
	}
}

func TestReceiverReport(t *testing.T) {
	var c counts
	if c.report(9) != nil {
		t.Error("a report of nothing")
	}
	for _, n := range []uint16{65534, 65535, 0, 3} { // 1 and 2 are missing
		c.add(header(1, n), 1000)
	}
	rr := c.report(9)
	if rr.SSRC != 9 || len(rr.Reports) != 1 {
		t.Fatalf("%+v", rr)
	}
	r := rr.Reports[0]
	if r.SSRC != 1 || r.LastSequenceNumber != 1<<16|3 || r.TotalLost != 2 || r.FractionLost != 2*256/6 {
		t.Errorf("%+v", r)
	}
	c.add(header(1, 4), 1000)
	if r := c.report(9).Reports[0]; r.FractionLost != 0 || r.TotalLost != 2 || r.LastSequenceNumber != 1<<16|4 {
		t.Errorf("the next report: %+v", r)
	}
	if _, err := rr.Marshal(); err != nil {
		t.Error(err)
	}
}

func BenchmarkCount(b *testing.B) {
	var c counts
	audio, video := header(1, 0), header(2, 0)
	for i := range b.N {
		binary.BigEndian.PutUint16(audio[2:], uint16(i))
		c.add(audio, 100)
		binary.BigEndian.PutUint16(video[2:], uint16(i))
		c.add(video, 1100)
	}
}
