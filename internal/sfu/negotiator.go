package sfu

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

const (
	// freeOffers are made at once; later ones at most every offerInterval, so
	// that a room full of people coming and going costs each a few offers.
	freeOffers    = 3
	offerInterval = 500 * time.Millisecond
	// gatherTimeout bounds the wait for candidates, which all are local.
	gatherTimeout  = time.Second
	reportInterval = time.Second
	firstReport    = 100 * time.Millisecond
	// Sender reports come every second at first, until receivers have aligned sound
	// and picture, and then every laterReports seconds: clocks drift by less than a
	// millisecond in that time (RFC 3550, section 6.2, would allow five).
	earlyReports = 10
	laterReports = 3
	// restartRetry is after what time another way is looked for when a restart
	// has not connected: clients give up their checks sooner than an outage ends.
	restartRetry = 3 * time.Second
	// maxRenewals is how often within renewalsTime a client may find himself with
	// another PeerConnection than ours.
	maxRenewals  = 5
	renewalsTime = time.Minute
)

// attend has the recurring looks, which are rare while there is nothing to receive,
// come in good time after a change.
func (c *connection) attend() {
	if limit := onGrid(time.Now(), lookInterval); !c.nextLook.IsZero() && c.nextLook.After(limit) {
		c.nextLook, c.nextWatch = limit, limit
	}
}

// grid is what the recurring looks of all peers fall on: those of many that fall
// together cost one wake-up of the process, and those of all would hold up the media.
const grid = 50 * time.Millisecond

// onGrid returns the time of the grid that is in so long, or up to one step before.
func onGrid(now time.Time, in time.Duration) time.Time { return onFineGrid(now, in, grid) }

// onFineGrid is onGrid with another step.
func onFineGrid(now time.Time, in, step time.Duration) time.Time {
	t := now.Add(in)
	return t.Add(-time.Duration(t.UnixNano() % int64(step)))
}

// slack is by how much the recurring looks may come early, so that those that
// fall together cost one wake-up.
const slack = 10 * time.Millisecond

// soon tells whether a recurring look is due.
func soon(t, now time.Time) bool { return !t.IsZero() && t.Sub(now) <= slack }

// nextDue returns when the goroutine must look at the clock again.
func (p *Peer) nextDue() time.Time {
	next := time.Now().Add(time.Hour)
	c := p.conn
	if c == nil {
		return next
	}
	for _, t := range []time.Time{c.deadline, c.nextReport, c.retry, c.ask, c.nextLook, c.nextWatch, c.askedAt, c.down.nextDue()} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if (c.pending || c.needRestart) && c.state == stable && c.nextOffer.Before(next) {
		next = c.nextOffer
	}
	return next
}

func (p *Peer) onDue(now time.Time) {
	c := p.conn
	if c == nil {
		return
	}
	if !c.deadline.IsZero() && !now.Before(c.deadline) {
		if p.attached() {
			p.timedOut()
			return
		}
		// He cannot answer now, and his media may be flowing all the while.
		c.deadline = now.Add(p.session.opts.AnswerTimeout)
	}
	p.onDownlinkDue(now)
	if soon(c.nextReport, now) {
		c.nextReport = onGrid(now, reportInterval)
		if c.reportTicks++; c.reportTicks <= earlyReports || c.reportTicks%laterReports == 0 {
			c.reports(now)
		}
		p.reportQuality(now)
	}
	if soon(c.nextLook, now) {
		p.listen(now)
	}
	if soon(c.nextWatch, now) {
		p.watch(now)
	}
	if p.conn == c && !c.askedAt.IsZero() && !now.Before(c.askedAt) {
		p.checkAnswered(now)
	}
	if p.conn != c {
		return // closed, or replaced by the watchdog
	}
	if !c.retry.IsZero() && !now.Before(c.retry) {
		c.retry = now.Add(restartRetry)
		p.restartFor(restartRepeated)
	}
	if !c.ask.IsZero() && !now.Before(c.ask) {
		c.ask = time.Time{}
		c.pending = c.pending || c.undeclared()
	}
	if (c.pending || c.needRestart) && c.state == stable && !now.Before(c.nextOffer) {
		p.reconcile()
	}
}

// startConnection makes a PeerConnection and its first offer, which already has
// everything that the client should receive.
func (p *Peer) startConnection() {
	c, err := newConnection(p)
	if err != nil {
		p.fail(err)
		return
	}
	p.conn = c
	p.sentOnce = false
	p.generation.Add(1) // odd: there is one
	p.candidates.Store(0)
	c.pending = true
	p.reconcile()
	p.sendSpeakers()
}

// sendSpeakers tells a client who has just come who speaks.
func (p *Peer) sendSpeakers() {
	if m := p.session.lastSpeakers.Load(); m != nil && p.extended() {
		p.send(*m)
	}
}

func (p *Peer) closeConnection() {
	p.generation.Add(1) // even: there is none
	p.forgetSilence()
	p.conn.close()
	p.conn = nil
}

// timedOut gives up a PeerConnection that did not come about. The client keeps
// its place, its socket and its chat; the next thing it says starts a new one.
func (p *Peer) timedOut() {
	p.log.Info("media did not connect", "state", p.conn.pc.ConnectionState().String(), "answered", p.conn.state == stable)
	p.session.opts.Metrics.NegotiationsFailed.Add(1)
	p.closeConnection()
	if p.extended() {
		p.send(types.NewMessage(types.EventError, types.Errorf(types.CodeMediaNotReached,
			"media did not connect within %s", p.session.opts.AnswerTimeout)))
	}
}

// reconcile compares what the client should send and receive with what its
// m-lines carry, changes what needs no offer at once, and makes one offer of
// the rest when none is waiting for its answer.
func (p *Peer) reconcile() {
	c := p.conn
	if c == nil {
		return
	}
	p.syncPublished()
	c.attend()
	structural, err := p.arrange(c.state == stable)
	if err != nil {
		p.broken(err)
		return
	}
	p.allocate(time.Now())
	c.pending = c.pending || structural
	if c.state == stable && (c.pending || c.needRestart) && !time.Now().Before(c.nextOffer) {
		if err := p.offer(); err != nil {
			p.broken(err)
		}
		return
	}
	p.sendTracks()
}

// broken handles an error of the PeerConnection. One that the client has closed,
// as a page does that is loaded again, is no fault: he may come back, and its
// state will tell the same in a moment.
func (p *Peer) broken(err error) {
	if errors.Is(err, webrtc.ErrConnectionClosed) {
		p.closeConnection()
		return
	}
	p.fail(err)
}

// offer makes and sends one offer.
func (p *Peer) offer() error {
	c := p.conn
	var options *webrtc.OfferOptions
	if c.needRestart {
		options = &webrtc.OfferOptions{ICERestart: true}
		p.candidates.Store(0)
	}
	description, err := c.pc.CreateOffer(options)
	if err != nil {
		return fmt.Errorf("create offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(description); err != nil {
		return fmt.Errorf("set local description: %w", err)
	}
	timeout := time.NewTimer(gatherTimeout)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C:
	case <-p.ctx.Done():
		return nil
	}
	text, mlines := c.decorate(c.pc.LocalDescription().SDP)
	p.mlines.Store(int32(mlines))

	now := time.Now()
	c.offerID++
	c.state, c.pending, c.restarts, c.needRestart = waiting, false, c.needRestart, false
	if c.offerID >= freeOffers {
		c.nextOffer = now.Add(offerInterval)
	}
	if c.deadline.IsZero() {
		c.deadline = now.Add(p.session.opts.AnswerTimeout)
	}
	c.lastOffer = types.NewMessage(types.EventOffer, types.SessionDescription{Type: "offer", SDP: text})
	c.lastOffer.OfferID = c.offerID
	p.session.opts.Metrics.Negotiations.Add(1)
	c.offeredAt = now
	p.sendTracks()
	p.send(c.lastOffer)
	return nil
}
