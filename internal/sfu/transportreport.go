package sfu

import (
	"encoding/binary"
	"time"
)

// transportReport is transport-wide feedback, read where it lies: receivers send ten to
// twenty a second, and a packet and an object for each packet that they name would be
// most of what a subscriber costs
// (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1):
//
//	 0  V=2|P| FMT=15  PT=205  length
//	 4  SSRC of sender
//	 8  SSRC of a stream
//	12  base sequence number   packet status count
//	16  reference time (24 bits of 64 ms)   feedback count
//	20  chunks of two octets, then deltas of one or two
type transportReport struct {
	base      uint16
	count     int
	reference uint32
	chunks    []byte
	deltas    []byte
}

const (
	rtcpTransportFeedback = 205 // RFC 4585, section 6.1
	formatTransportWide   = 15
	reportHeader          = 20
)

// Symbols of a packet's status.
const (
	notReceived = 0
	smallDelta  = 1 // an octet
	largeDelta  = 2 // two, with a sign
	// 3 is reserved; it is taken for received without a time.
)

// deltaUnit is that of deltas.
const deltaUnit = 250 * time.Microsecond

func isTransportReport(b []byte) bool {
	return len(b) >= reportHeader && b[1] == rtcpTransportFeedback && b[0]&0x1f == formatTransportWide
}

// parseTransportReport reads a packet for which isTransportReport holds. The result
// refers to b.
func parseTransportReport(b []byte) (r transportReport, ok bool) {
	r.base = binary.BigEndian.Uint16(b[12:])
	r.count = int(binary.BigEndian.Uint16(b[14:]))
	r.reference = uint32(b[16])<<16 | uint32(b[17])<<8 | uint32(b[18])
	rest := b[reportHeader:]
	at := 0
	for named := 0; named < r.count; at += 2 {
		if at+2 > len(rest) {
			return r, false
		}
		switch chunk := binary.BigEndian.Uint16(rest[at:]); {
		case chunk>>15 == 0:
			named += int(chunk & 0x1fff)
		case chunk>>14&1 == 0:
			named += 14
		default:
			named += 7
		}
	}
	r.chunks, r.deltas = rest[:at], rest[at:]
	return r, true
}

// symbols goes through the statuses of a report.
type symbols struct {
	chunks []byte
	left   int    // of the report
	run    int    // of this chunk
	width  int    // bits of a symbol in a vector; 0: symbol is repeated
	vector uint16 // the next symbol is its highest bits
	symbol uint8
}

func (r *transportReport) symbols() symbols { return symbols{chunks: r.chunks, left: r.count} }

// next returns the next symbol; false at the end.
func (s *symbols) next() (symbol uint8, ok bool) {
	if s.left == 0 {
		return 0, false
	}
	for s.run == 0 {
		if len(s.chunks) < 2 {
			return 0, false
		}
		chunk := binary.BigEndian.Uint16(s.chunks)
		s.chunks = s.chunks[2:]
		switch {
		case chunk>>15 == 0:
			s.run, s.width, s.symbol = int(chunk&0x1fff), 0, uint8(chunk>>13&3)
		case chunk>>14&1 == 0:
			s.run, s.width, s.vector = 14, 1, chunk<<2
		default:
			s.run, s.width, s.vector = 7, 2, chunk<<2
		}
	}
	s.run--
	s.left--
	if s.width == 0 {
		return s.symbol, true
	}
	symbol = uint8(s.vector >> (16 - s.width))
	s.vector <<= s.width
	return symbol, true
}

// delta takes the next delta off the report; false: there is none.
func (r *transportReport) delta(symbol uint8) (time.Duration, bool) {
	switch {
	case symbol == smallDelta && len(r.deltas) >= 1:
		d := time.Duration(r.deltas[0]) * deltaUnit
		r.deltas = r.deltas[1:]
		return d, true
	case symbol == largeDelta && len(r.deltas) >= 2:
		d := time.Duration(int16(binary.BigEndian.Uint16(r.deltas))) * deltaUnit
		r.deltas = r.deltas[2:]
		return d, true
	}
	return 0, false
}
