//go:build linux

package main

import (
	"encoding/binary"
	"slices"

	"github.com/pion/rtcp"
)

// counts is what a light subscriber knows of the RTP that came to it. The zero
// value is ready to use.
type counts struct {
	streams []stream
	rtcp    int64
}

// A stream is one SSRC. Numbers are extended: they go on where 16 bits wrap.
type stream struct {
	ssrc        uint32
	payloadType uint8
	packets     int64
	bytes       int64 // of UDP payload
	base, upper int64 // the first number (or lowest) and the highest
	// At the last receiver report.
	reportedUpper, reportedPackets int64
}

// established tells whether media has come.
func (c *counts) established() bool { return len(c.streams) > 0 }

// add counts one RTP packet of length bytes, of which at least the fixed header
// is there. It reports whether it was the first of all.
func (c *counts) add(header []byte, length int) (first bool) {
	ssrc := binary.BigEndian.Uint32(header[8:])
	number := binary.BigEndian.Uint16(header[2:])
	i := slices.IndexFunc(c.streams, func(s stream) bool { return s.ssrc == ssrc })
	if i < 0 {
		first = len(c.streams) == 0
		i = len(c.streams)
		n := 1<<16 | int64(number) // earlier ones may follow
		c.streams = append(c.streams, stream{
			ssrc: ssrc, payloadType: header[1] & 0x7f,
			base: n, upper: n, reportedUpper: n - 1,
		})
	}
	s := &c.streams[i]
	n := s.upper + int64(int16(number-uint16(s.upper)))
	s.base, s.upper = min(s.base, n), max(s.upper, n)
	s.packets++
	s.bytes += int64(length)
	return first
}

func (c *counts) clone() counts {
	return counts{streams: slices.Clone(c.streams), rtcp: c.rtcp}
}

// report makes the receiver report of what has come since the last one; nil
// when nothing has ever come. Without sender reports, which stay encrypted, it
// has no LSR and DLSR (RFC 3550, section 6.4.1: zero).
func (c *counts) report(sender uint32) *rtcp.ReceiverReport {
	if len(c.streams) == 0 {
		return nil
	}
	rr := &rtcp.ReceiverReport{SSRC: sender}
	for i := range c.streams {
		s := &c.streams[i]
		expected, received := s.upper-s.reportedUpper, s.packets-s.reportedPackets
		s.reportedUpper, s.reportedPackets = s.upper, s.packets
		if len(rr.Reports) == 31 { // all that one packet holds
			continue
		}
		rr.Reports = append(rr.Reports, rtcp.ReceptionReport{
			SSRC: s.ssrc, FractionLost: fraction(expected-received, expected),
			TotalLost:          uint32(min(max(s.upper-s.base+1-s.packets, 0), 1<<23-1)),
			LastSequenceNumber: uint32(s.upper - 1<<16),
		})
	}
	return rr
}

// fraction is lost/expected in 1/256.
func fraction(lost, expected int64) uint8 {
	if lost <= 0 || expected <= 0 {
		return 0
	}
	return uint8(min(lost*256/expected, 255))
}

// A tally sums up streams over a time.
type tally struct {
	Packets  int64
	Bytes    int64
	Expected int64
}

// since adds what came to c after the earlier snapshot.
func (t *tally) since(before, c counts) {
	for _, s := range c.streams {
		i := slices.IndexFunc(before.streams, func(b stream) bool { return b.ssrc == s.ssrc })
		if i < 0 { // it began meanwhile
			t.Packets += s.packets
			t.Bytes += s.bytes
			t.Expected += s.upper - s.base + 1
			continue
		}
		b := before.streams[i]
		t.Packets += s.packets - b.packets
		t.Bytes += s.bytes - b.bytes
		t.Expected += s.upper - b.upper
	}
}

func (t *tally) add(o tally) {
	t.Packets += o.Packets
	t.Bytes += o.Bytes
	t.Expected += o.Expected
}

// loss is the share of packets that did not come.
func (t tally) loss() float64 {
	if t.Expected <= 0 {
		return 0
	}
	return float64(max(t.Expected-t.Packets, 0)) / float64(t.Expected)
}
