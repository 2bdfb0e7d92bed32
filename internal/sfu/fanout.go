package sfu

import (
	"runtime"
	"sync"
	"time"

	"aq-server/internal/metrics"
	"aq-server/internal/recovery"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
)

const (
	// maxRun is how many packets go to one subscriber before it is the next one's
	// turn. A keyframe that is there as a whole goes as a whole: nobody waits for
	// all others twice.
	maxRun = 128
	// maxBacklog bounds the packets that wait for the processor. What comes then
	// is in the history, and can be asked for.
	maxBacklog = 512
	// evenSpread is up to what difference in size the packets of a run are padded
	// to the same: browsers cut a frame into parts that differ by an octet, and
	// the kernel takes packets of one size as one message.
	evenSpread = 8
	// linger is how long the packets of an unfinished frame wait for the rest of
	// it. It is shown when it is complete, so nobody sees the wait; what comes
	// together costs the kernel less.
	linger = 500 * time.Microsecond
	// lingerFor is from how many subscribers on that pays.
	lingerFor = 3
)

// backlog are the packets between the reader of a layer and its fan-out: while
// one run is on its way to the subscribers, the next one gathers.
type backlog struct {
	mu      sync.Mutex
	packets []*packet.Packet
	closed  bool
	wake    chan struct{} // capacity 1
}

// put hands a packet over with a reference of its own. It is false when too many
// wait already.
func (w *backlog) put(p *packet.Packet) bool {
	w.mu.Lock()
	if len(w.packets) >= maxBacklog {
		w.mu.Unlock()
		return false
	}
	p.Retain()
	w.packets = append(w.packets, p)
	tell := len(w.packets) == 1 || p.Marker
	w.mu.Unlock()
	if tell {
		w.signal()
	}
	return true
}

func (w *backlog) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close ends the fan-out when it has sent what is there.
func (w *backlog) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
}

// take waits for packets and returns all of them, in exchange for the memory of
// those before. It returns nothing when the reader has ended. With a timer it
// waits for the end of a frame that has begun, for linger at the most.
func (w *backlog) take(empty []*packet.Packet, timer *time.Timer) []*packet.Packet {
	var late <-chan time.Time
	for {
		w.mu.Lock()
		n := len(w.packets)
		if n > 0 && (timer == nil || w.packets[n-1].Marker || w.closed) {
			list := w.packets
			w.packets = empty[:0]
			w.mu.Unlock()
			return list
		}
		closed := w.closed
		w.mu.Unlock()
		if closed {
			return nil
		}
		if n > 0 && late == nil {
			timer.Reset(linger)
			late = timer.C
		}
		select {
		case <-w.wake:
		case <-late:
			timer = nil
		}
	}
}

// run is a few packets of a layer that follow each other, with what all
// subscribers need to know of them.
type run struct {
	layer   *layer
	packets []*packet.Packet
	refs    []int64 // when the media of each was captured, in session time
	even    []uint8 // octets of padding that make it as large as its neighbours
	// at is the session time at which they leave, looked up anew every few
	// subscribers: a clock costs as much as a packet's header.
	at     int64
	served int
}

// clockEvery is after how many subscribers that is: some 0.1 ms.
const clockEvery = 8

// leaves returns when the packets to the next subscriber leave.
func (r *run) leaves(clock sessionClock) int64 {
	if r.served%clockEvery == 0 {
		r.at = clock.at(time.Now())
	}
	r.served++
	return r.at
}

// set takes the next packets.
func (r *run) set(l *layer, packets []*packet.Packet) {
	r.layer, r.packets, r.served = l, packets, 0
	r.refs, r.even = r.refs[:0], r.even[:0]
	clock := l.track.conn.session().clock
	l.mu.Lock()
	for _, p := range packets {
		r.refs = append(r.refs, l.clock.time(p.ExtTS, clock.at(p.Arrival)))
		r.even = append(r.even, 0)
	}
	l.mu.Unlock()
	if len(packets) > 1 && l.track.info.Kind == types.KindVideo {
		r.evenOut()
	}
}

// evenOut finds groups of neighbours of about the same size and what each of
// them lacks to the largest. The last of a group may be smaller.
func (r *run) evenOut() {
	for i := 0; i < len(r.packets); {
		low, high := len(r.packets[i].Payload), len(r.packets[i].Payload)
		j := i + 1
		for ; j < len(r.packets); j++ {
			size := len(r.packets[j].Payload)
			if size == 0 || max(high, size)-min(low, size) > evenSpread {
				break
			}
			low, high = min(low, size), max(high, size)
		}
		for k := i; k < j-1; k++ {
			r.even[k] = uint8(high - len(r.packets[k].Payload))
		}
		i = j
	}
}

// fanOut sends the layer's packets to its subscribers: each gets the whole run
// before the next one, so that his packets lie side by side. It ends after the
// reader.
func (l *layer) fanOut() {
	defer recovery.RecoverFunc("sfu fan-out", func(any) { l.track.conn.peer.fail(errPanic) })
	var list []*packet.Packet
	var r run
	turn := 0
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := timer
		if l.track.info.Kind != types.KindVideo || len(*l.track.subscribers.Load()) < lingerFor {
			wait = nil
		}
		if list = l.waiting.take(list, wait); len(list) == 0 {
			return
		}
		b := l.track.conn.session().burst()
		for rest := list; len(rest) > 0; {
			n := min(len(rest), maxRun)
			r.set(l, rest[:n])
			rest = rest[n:]
			l.sendRun(&r, turn, b)
			turn++
		}
		b.send()
		l.track.conn.session().opts.Metrics.ForwardTime.Time(time.Since(list[0].Arrival))
		for i, p := range list {
			p.Release()
			list[i] = nil
		}
	}
}

// sendRun forwards a run to all. Who is first changes from run to run.
func (l *layer) sendRun(r *run, turn int, b *burst) {
	if l.track.blocked() { // since they came
		return
	}
	subscribers := *l.track.subscribers.Load()
	sends := b.batch.Sends()
	for i := range subscribers {
		subscribers[(turn+i)%len(subscribers)].forward(r, b)
		if n := b.batch.Sends(); n != sends {
			// Long lists are where sound would wait behind pictures.
			sends = n
			runtime.Gosched()
		}
	}
}

// enqueue hands a packet to the fan-out.
func (l *layer) enqueue(p *packet.Packet) {
	if !l.waiting.put(p) {
		l.track.conn.session().opts.Metrics.PacketsDropped[metrics.DropBehind].Add(1)
	}
}

// sendTime is what the header extensions of one subscriber's packets need of the
// moment at which they leave: looked up once for a run.
func (s *slot) sendTime() int64 { return s.conn.session().clock.at(time.Now()) }
