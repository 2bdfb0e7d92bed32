package sfu

import (
	"math"
	"sync"
	"time"

	"aq-server/internal/sfu/bwe"
)

const (
	// wireOverhead is what a packet has beside its payload: RTP header and
	// extensions 24, SRTP tag 16, UDP 8 and IPv4 20 octets.
	wireOverhead = 68
	// The ring of departures starts small and grows, as long as reports come,
	// until it reaches back departureTime.
	departuresMin = 256
	departuresMax = 8192
	departureTime = time.Second
	// lostAfter is by how much later packets must have been received before one
	// that was not counts as lost: reports are made while packets overtake each
	// other.
	lostAfter = 100 * time.Millisecond
)

// departure is one packet sent: 8 octets without pointers, so that the ring
// stays in the cache and costs the garbage collector nothing.
type departure struct {
	at    uint32 // low bits of the session time in ticks
	size  uint16 // octets on the wire; 0: none
	owner uint8  // index in owners, see there
	state departureState
}

// tick is the unit of departure.at, 8.192 us; it turns around after ten hours.
const tick = 13 // bits of ns

type departureState uint8

const (
	unreported departureState = iota
	missing                   // reported as not received so far
	settled                   // received, or counted as lost
)

// departures numbers the packets to one subscriber transport-wide and finds them
// again in his reports (draft-holmer-rmcat-transport-wide-cc-extensions-01).
type departures struct {
	mu       sync.Mutex
	seq      int64 // last number given, unwrapped
	ring     []departure
	owners   []*slot // the last place is shared by all that found none of their own
	reported bool    // a report has come
	checked  int64   // all up to here are received, lost, or were not reported on
	lastAt   int64   // session time of the last packet, ns

	// The packets of the last probe are those of the numbers from first on, up
	// to last when it has ended.
	cluster     uint16
	first, last int64

	// Of reports: the reference time is 24 bits of 64 ms.
	reference     int64
	haveReference bool
	acks          []bwe.Ack
}

const maxOwners = 256

// enlist gives a slot the number under which its packets are remembered.
func (d *departures) enlist(s *slot) uint8 {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, o := range d.owners {
		if o == nil && i < maxOwners-1 {
			d.owners[i] = s
			return uint8(i)
		}
	}
	switch len(d.owners) {
	case maxOwners - 1:
		d.owners = append(d.owners, nil)
		fallthrough
	case maxOwners:
		return maxOwners - 1
	}
	d.owners = append(d.owners, s)
	return uint8(len(d.owners) - 1)
}

// dismiss frees the number of a slot that sends no more.
func (d *departures) dismiss(s *slot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owners[s.number] = nil
}

// next returns the number for a packet of so many octets of payload that leaves
// now, in session time.
func (d *departures) next(owner uint8, size int, now int64) uint16 {
	d.mu.Lock()
	d.seq++
	d.lastAt = now
	at := uint32(now >> tick)
	i := int(d.seq) & (len(d.ring) - 1)
	if len(d.ring) == 0 || d.reported && len(d.ring) < departuresMax &&
		at-d.ring[i].at < uint32(departureTime>>tick) && d.ring[i].size != 0 {
		d.grow()
		i = int(d.seq) & (len(d.ring) - 1)
	}
	d.ring[i] = departure{at: at, size: uint16(size + wireOverhead), owner: owner}
	seq := uint16(d.seq)
	d.mu.Unlock()
	return seq
}

func (d *departures) grow() {
	old := d.ring
	d.ring = make([]departure, max(2*len(old), departuresMin))
	for n := d.seq - int64(len(old)); n < d.seq; n++ {
		if n > 0 {
			d.ring[int(n)&(len(d.ring)-1)] = old[int(n)&(len(old)-1)]
		}
	}
}

// sentAt returns when the last packet left, 0 before the first.
func (d *departures) sentAt() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lastAt
}

// begin makes all packets from now on those of a probe.
func (d *departures) begin(cluster uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cluster, d.first, d.last = cluster, d.seq+1, math.MaxInt64
}

// end ends the probe and returns how many packets it had.
func (d *departures) end() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = d.seq
	return int(d.last - d.first + 1)
}

// feedback finds the packets of a report: those received for the first time, and
// those that it makes count as lost. The result is valid until the next call,
// which must not run beside this one. What the report claims is believed as far
// as packets of these numbers have been sent lately.
func (d *departures) feedback(cc transportReport, now int64) []bwe.Ack {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acks = d.acks[:0]
	if d.seq == 0 {
		return nil
	}
	d.reported = true
	r := report{
		d: d, cc: cc, now: now, newest: math.MinInt64 / 2, next: d.seq + int64(int16(cc.base-uint16(d.seq))),
		arrived: d.referenceTime(cc.reference),
	}
	for list := cc.symbols(); ; {
		symbol, ok := list.next()
		if !ok || !r.take(symbol) {
			break
		}
	}
	d.settle(r.newest, now)
	return d.acks
}

// referenceTime unwraps the time that a report starts from.
func (d *departures) referenceTime(v uint32) time.Duration {
	const unit, turn = 64 * time.Millisecond, 1 << 24
	if !d.haveReference {
		d.haveReference, d.reference = true, int64(v)
	}
	step := (int64(v) - d.reference) & (turn - 1)
	if step >= turn/2 {
		step -= turn
	}
	d.reference += step
	return time.Duration(d.reference) * unit
}

// report is one that is being read.
type report struct {
	d       *departures
	cc      transportReport
	now     int64
	next    int64 // number of the next symbol
	arrived time.Duration
	newest  int64 // sending time of the last packet received
}

// take reads the next symbol. It is false when the time that belongs to it is missing.
func (r *report) take(symbol uint8) bool {
	n := r.next
	r.next++
	timed := symbol == smallDelta || symbol == largeDelta
	if timed {
		delta, ok := r.cc.delta(symbol)
		if !ok {
			return false
		}
		r.arrived += delta
	}
	d := r.d
	if n <= max(d.seq-int64(len(d.ring)), 0) || n > d.seq {
		return true // never sent, or too long ago
	}
	p := &d.ring[int(n)&(len(d.ring)-1)]
	if p.size == 0 {
		return true // likewise
	}
	if symbol == notReceived {
		if p.state == unreported {
			p.state = missing
		}
		return true
	}
	if s := d.owners[p.owner]; s != nil {
		s.ackedAt.Store(r.now)
	}
	if timed && p.state != settled {
		a := d.ack(n, r.now)
		a.Arrived = r.arrived
		r.newest = max(r.newest, int64(a.Sent))
		d.acks = append(d.acks, a)
	}
	p.state = settled
	return true
}

// ack describes a packet that is in the ring.
func (d *departures) ack(n, now int64) bwe.Ack {
	p := d.ring[int(n)&(len(d.ring)-1)]
	age := int64(uint32(now>>tick)-p.at) << tick
	a := bwe.Ack{Sent: time.Duration(now&^(1<<tick-1) - age), Size: int(p.size)}
	if n >= d.first && n <= d.last {
		a.Probe = d.cluster
	}
	return a
}

// settle counts as lost what is still missing after packets have been received
// that were sent well after it.
func (d *departures) settle(newest, now int64) {
	d.checked = max(d.checked, d.seq-int64(len(d.ring)), 0)
	for d.checked < d.seq {
		lost := d.ack(d.checked+1, now)
		if int64(lost.Sent) > newest-int64(lostAfter) {
			return
		}
		d.checked++
		p := &d.ring[int(d.checked)&(len(d.ring)-1)]
		if p.state == missing {
			p.state = settled
			lost.Lost = true
			d.acks = append(d.acks, lost)
		}
	}
}
