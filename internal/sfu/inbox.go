package sfu

import (
	"sync"
	"time"

	"aq-server/internal/recovery"
)

// eventQueue bounds what a client may have waiting for its negotiation.
const eventQueue = 256

// inbox is what a Peer has to do. It is done by one goroutine, which is there while
// there is something to do: thousands of people who listen need none.
type inbox struct {
	mu      sync.Mutex // a leaf
	events  []func()   // in order
	dirty   bool       // compare and repair
	narrow  bool       // the downlink has changed, see allocate
	due     bool       // it is time to look at the clock
	running bool       // the goroutine is there
	ended   bool       // nothing is done any more
	timer   *time.Timer
}

// work is what the goroutine does next.
type work struct {
	event              func() // nil: none
	dirty, narrow, due bool
}

// put changes the inbox and has the goroutine see to it. It reports whether there was
// room for more.
func (p *Peer) put(change func(*inbox) bool) bool {
	b := &p.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return true
	}
	if !change(b) {
		return false
	}
	if !b.running {
		b.running = true
		go p.run() // ends when all is done; the last time, closes done
	}
	return true
}

// enqueue has f run by the peer's goroutine.
func (p *Peer) enqueue(f func()) {
	if !p.put(func(b *inbox) bool {
		if len(b.events) >= eventQueue {
			return false
		}
		b.events = append(b.events, f)
		return true
	}) {
		p.fail(errOverflow)
	}
}

// markDirty has the peer compared with what it should have.
func (p *Peer) markDirty() {
	p.put(func(b *inbox) bool { b.dirty = true; return true })
}

// markCongestion has the pictures divided anew.
func (p *Peer) markCongestion() {
	p.put(func(b *inbox) bool { b.narrow = true; return true })
}

// tick is called when the timer runs out.
func (p *Peer) tick() {
	p.put(func(b *inbox) bool { b.due = true; return true })
}

// stop ends the peer. It returns at once; done tells when all is gone.
func (p *Peer) stop() {
	p.cancel()
	p.put(func(*inbox) bool { return true })
}

// next takes what is to be done, or lets the goroutine go until there is something.
func (p *Peer) next() (w work, more bool) {
	wait := time.Until(p.nextDue())
	b := &p.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	w = work{dirty: b.dirty, narrow: b.narrow, due: b.due}
	b.dirty, b.narrow, b.due = false, false, false
	if len(b.events) > 0 {
		w.event, b.events[0] = b.events[0], nil
		if b.events = b.events[1:]; len(b.events) == 0 {
			b.events = nil // who is idle keeps no memory
		}
	}
	if w.event != nil || w.dirty || w.narrow || w.due || p.ctx.Err() != nil {
		return w, true
	}
	b.running = false
	if b.timer == nil {
		b.timer = time.AfterFunc(wait, p.tick)
	} else {
		b.timer.Reset(wait)
	}
	return w, false
}

// run is the peer's goroutine, the only one that changes its PeerConnection: it makes
// every offer and takes every answer. It comes and goes, but there is never more than
// one of a peer.
func (p *Peer) run() {
	last := true
	defer func() {
		if last {
			p.end()
		}
	}()
	defer recovery.RecoverFunc("sfu peer", func(any) { p.fail(errPanic) })
	for {
		w, more := p.next()
		if !more {
			last = false
			return
		}
		if p.ctx.Err() != nil {
			return
		}
		p.do(w)
	}
}

func (p *Peer) do(w work) {
	if w.event != nil {
		w.event()
	}
	if w.dirty {
		p.reconcile()
	}
	if w.narrow {
		p.allocate(time.Now())
	}
	if w.due {
		p.onDue(time.Now())
	}
}

// end gives up what the peer has, for good.
func (p *Peer) end() {
	b := &p.inbox
	b.mu.Lock()
	b.ended, b.events = true, nil
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	defer p.session.peerWG.Done()
	defer close(p.done)
	if p.conn != nil {
		p.closeConnection()
	}
}
