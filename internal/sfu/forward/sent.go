package forward

import (
	"time"

	"aq-server/internal/seqnum"
	"aq-server/internal/sfu/codec"
)

// How many of the last numbers can be looked up and resent: more than 2 s of
// video at 4 Mbit/s, 5 s of audio. Powers of two. 4.3 kB and 1.1 kB each.
const (
	videoWindow = 1024
	audioWindow = 256
)

// sentRing remembers of the last numbers whether they were sent, and the
// timestamp and marker under which. A number's place is itself modulo the size.
type sentRing struct {
	ts     []uint32
	sent   []uint64 // bit sets
	marker []uint64
	// padding is nil until a packet was padded.
	padding []uint8
}

// init allocates the ring with the first packet: most slots never get one.
// A ring of audio that turns to video keeps its size.
func (r *sentRing) init(c codec.Type) {
	if r.ts != nil {
		return
	}
	size := audioWindow
	if c.IsVideo() {
		size = videoWindow
	}
	bits := make([]uint64, 2*size/64)
	r.ts, r.sent, r.marker = make([]uint32, size), bits[:size/64], bits[size/64:]
}

func (r *sentRing) window() int64 { return int64(len(r.ts)) }

// advance forgets the numbers whose places (from, to] will take.
func (r *sentRing) advance(from, to int64) {
	if to-from >= r.window() {
		clear(r.sent)
		return
	}
	for n := from + 1; n <= to; n++ {
		i := n & (r.window() - 1)
		r.sent[i/64] &^= 1 << (i % 64)
	}
}

func (r *sentRing) has(n int64) bool {
	i := n & (r.window() - 1)
	return r.sent[i/64]&(1<<(i%64)) != 0
}

// note writes down what was sent.
func (r *sentRing) note(out *Out) {
	i := out.ExtSN & (r.window() - 1)
	bit := uint64(1) << (i % 64)
	r.ts[i] = out.TS
	r.sent[i/64] |= bit
	r.marker[i/64] &^= bit
	if out.Marker {
		r.marker[i/64] |= bit
	}
	if r.padding != nil {
		r.padding[i] = 0
	}
}

// NotePadding writes down that the packet of out was padded by so many octets.
// Resend then says so: a packet that is sent again under its number must be the
// same to the bit.
func (f *Forwarder) NotePadding(out *Out, octets uint8) {
	r := &f.sent
	if r.padding == nil {
		r.padding = make([]uint8, r.window())
	}
	r.padding[out.ExtSN&(r.window()-1)] = octets
}

// get fills in what note was given.
func (r *sentRing) get(out *Out) {
	i := out.ExtSN & (r.window() - 1)
	out.Sent = r.has(out.ExtSN)
	if out.Sent {
		out.TS = r.ts[i]
		out.Marker = r.marker[i/64]&(1<<(i%64)) != 0
		if r.padding != nil {
			out.Padding = r.padding[i]
		}
	}
}

// unwrap finds the number that a subscriber means; false when it is not among
// the last ones.
func (f *Forwarder) unwrap(outSN uint16) (int64, bool) {
	n := f.out + int64(seqnum.Diff16(outSN, uint16(f.out)))
	return n, f.started && n <= f.out && n > f.out-f.sent.window()
}

// Lookup tells which packet the subscriber knows, or would have known had it
// come, as outSN. It reaches back over switches and Stop.
func (f *Forwarder) Lookup(outSN uint16) (s Stream, srcExtSN int64, ok bool) {
	n, ok := f.unwrap(outSN)
	if !ok {
		return 0, 0, false
	}
	seg := f.table.byOut(n)
	if seg == nil {
		return 0, 0, false
	}
	return seg.stream, n - seg.off, true
}

// Resend is Lookup that also fills out as Push did when the packet was sent.
// When out.Sent is false it never was: there is a gap, and the packet, if the
// history has it by now, must go through Push instead.
//
// To resend under the same SSRC and number, with header extensions that differ,
// would use an SRTP nonce twice: send it as RTX (RFC 4588).
func (f *Forwarder) Resend(outSN uint16, out *Out) (s Stream, srcExtSN int64, ok bool) {
	n, ok := f.unwrap(outSN)
	if !ok {
		return 0, 0, false
	}
	seg := f.table.byOut(n)
	if seg == nil {
		return 0, 0, false
	}
	*out = Out{ExtSN: n, SN: outSN, offsets: seg.offsets, Rewrite: seg.offsets != offsets{}}
	f.sent.get(out)
	return seg.stream, n - seg.off, true
}

const (
	// A number is resent at most maxResends times, and not again within the
	// time in which the last one can have arrived. Where a tenth is lost, one
	// packet of ten thousand is lost four times; browsers stop their picture for
	// three seconds before they ask for a keyframe instead. So up to ampleResends
	// are served to those who ask for little; some clients ask for all again that
	// they have long had.
	maxResends    = 3
	ampleResends  = 8
	minResendTime = 20 * time.Millisecond
	// maxResendTime keeps a wild RTT from mattering.
	maxResendTime = 2 * time.Second
)

// resends counts per number how often it was asked for.
type resends struct {
	ring  []resend // as long as sentRing, made with the first NACK
	start time.Time
}

type resend struct {
	at    uint16 // milliseconds since start; turns around after 65 s
	count uint8
}

// advance forgets the numbers whose places (from, to] will take.
func (r *resends) advance(from, to int64) {
	size := int64(len(r.ring))
	if size == 0 {
		return
	}
	if to-from >= size {
		clear(r.ring)
		return
	}
	for n := from + 1; n <= to; n++ {
		r.ring[n&(size-1)] = resend{}
	}
}

// AllowResend reports whether a NACK for outSN may be served now, and if so
// counts it as served. rtt is that to the subscriber, 0 if unknown; ample says
// that he has been sent little again lately.
func (f *Forwarder) AllowResend(outSN uint16, now time.Time, rtt time.Duration, ample bool) bool {
	n, ok := f.unwrap(outSN)
	if !ok || f.table.byOut(n) == nil {
		return false
	}
	r := &f.resends
	if r.ring == nil {
		r.ring, r.start = make([]resend, f.sent.window()), now
	}
	e := &r.ring[n&int64(len(r.ring)-1)]
	at := uint16(now.Sub(r.start) / time.Millisecond)
	wait := min(max(rtt, minResendTime), maxResendTime)
	most := uint8(maxResends)
	if ample {
		most = ampleResends
	}
	if e.count >= most || e.count > 0 && time.Duration(at-e.at)*time.Millisecond < wait {
		return false
	}
	e.at, e.count = at, e.count+1
	return true
}
