package sfu

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/metrics"
	"aq-server/internal/recovery"
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
	// restartRetry is after what time another way is looked for when a restart
	// has not connected: clients give up their checks sooner than an outage ends.
	restartRetry = 3 * time.Second
	// maxRenewals is how often within renewalsTime a client may find himself with
	// another PeerConnection than ours.
	maxRenewals  = 5
	renewalsTime = time.Minute
)

// run is the peer's goroutine, the only one that changes its PeerConnection:
// it makes every offer and takes every answer. It ends when the peer is
// removed.
func (p *Peer) run() {
	defer close(p.done)
	defer func() {
		if p.conn != nil {
			p.closeConnection()
		}
	}()
	defer recovery.RecoverFunc("sfu peer", func(any) { p.fail(errPanic) })
	p.timer = time.NewTimer(time.Hour)
	defer p.timer.Stop()
	p.startConnection()
	for {
		p.timer.Reset(time.Until(p.nextDue()))
		select {
		case <-p.ctx.Done():
			return
		case f := <-p.events:
			f()
		case <-p.dirty:
			p.reconcile()
		case <-p.narrow:
			p.allocate(time.Now())
		case <-p.timer.C:
			p.onDue(time.Now())
		}
	}
}

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
	if !c.nextReport.IsZero() && !now.Before(c.nextReport) {
		c.nextReport = now.Add(reportInterval)
		c.reports(now)
		p.reportQuality(now)
	}
	if !c.nextLook.IsZero() && !now.Before(c.nextLook) {
		p.listen(now)
	}
	if !c.nextWatch.IsZero() && !now.Before(c.nextWatch) {
		p.watch(now)
	}
	if !c.askedAt.IsZero() && !now.Before(c.askedAt) {
		p.checkAnswered(now)
	}
	if p.conn != c {
		return // replaced by the watchdog
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
	p.sendTracks()
	p.send(c.lastOffer)
	return nil
}

// handleAnswer applies an answer. generation is that of the PeerConnection that
// the client was believed to have when the answer came.
func (p *Peer) handleAnswer(text string, offerID, generation uint64) {

	c := p.conn
	switch {
	case c == nil || generation != p.generation.Load() || p.answersAnother(text) || offerID != 0 && offerID < c.offerID:
		return // late
	case c.state != waiting:
		if offerID == c.offerID {
			return // sent twice
		}
		p.reject(types.EventAnswer, types.Errorf(types.CodeUnexpected, "no offer is waiting for an answer"))
		return
	case offerID > c.offerID:
		p.reject(types.EventAnswer, types.Errorf(types.CodeUnexpected, "there is no offer %d", offerID))
		return
	}
	answer, err := parseAnswer(text, int(p.mlines.Load()), !p.lite)
	if err == nil {
		err = c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.text})
	}
	if err != nil {
		p.log.Debug("answer refused", "err", err)
		p.session.opts.Metrics.NegotiationsFailed.Add(1)
		p.reject(types.EventAnswer, types.Errorf(types.CodeBadSDP, "the answer cannot be used"))
		return
	}
	c.state, c.answered = stable, true
	if c.restarts {
		c.restarts, c.restarted = false, time.Now()
	}
	if c.connected.Load() && c.retry.IsZero() {
		c.deadline = time.Time{}
	}
	for _, candidate := range c.early {
		p.addCandidate(candidate)
	}
	c.early = nil
	c.apply(answer)
	p.reconcile()
}

// answersAnother tells whether an answer is of another PeerConnection of the client
// than ours is connected to, and begins anew then: no media could pass between the
// two. The numbers of the offers cannot tell. Offer 1 makes a client drop what he
// has; when it comes again (resume), or the first one of a new PeerConnection does,
// while his answer to an earlier one is on its way, that answer is taken here, and
// he goes on with a PeerConnection that we know nothing of. Every PeerConnection has
// a certificate of its own, in browsers and in pion. Answers of those that this ends
// are late from now on.
func (p *Peer) answersAnother(text string) bool {
	if !p.extended() { // he is never told to drop one
		return false
	}
	theirs := fingerprint(text)
	if slices.Contains(p.dropped, theirs) {
		return true
	}
	remote := p.conn.pc.RemoteDescription()
	if remote == nil || theirs == "" || fingerprint(remote.SDP) == theirs {
		return false
	}
	if now := time.Now(); now.Sub(p.renewed) > renewalsTime {
		p.renewed, p.dropped = now, nil
	}
	if len(p.dropped) >= 2*maxRenewals {
		return true
	}
	p.log.Info("the client has another PeerConnection")
	p.dropped = append(p.dropped, fingerprint(remote.SDP), theirs)
	p.closeConnection()
	p.startConnection()
	return true
}

// apply takes over what the answer says of each m-line.
func (c *connection) apply(a *answer) {
	for _, s := range c.slots {
		if m, ok := a.media[s.mid]; ok && !s.free {
			s.negotiated = true
			s.accept(m.types)
			if s.transceiver.SetCodecPreferences(preferences(s.kind, s.offered)) != nil {
				// The client cannot decode what the m-line was made for. pion
				// makes no offer with an m-line without codecs, so this one
				// lists from now on what the client can.
				_ = s.transceiver.SetCodecPreferences(nil)
			}
		}
	}
	for _, l := range c.publish {
		if m, ok := a.media[l.transceiver.Mid()]; ok {
			l.refused, l.undeclared = !m.sends, m.sends && !m.declared
		}
	}
	if !c.peer.extended() && c.undeclared() && c.asked < len(askAgain) {
		c.ask = time.Now().Add(askAgain[c.asked])
		c.asked++
	}
	c.mu.Lock()
	var ended []*Track
	for mid, t := range c.tracks {
		if m, ok := a.media[mid]; ok && !m.sends {
			ended = append(ended, t)
		}
	}
	c.mu.Unlock()
	for _, t := range ended {
		c.session().RemoveTrack(t)
	}
}

// askAgain is when an offer is repeated to a base client whose answer does not
// say by which SSRC it sends. GStreamer's webrtcbin answers so while its encoder
// has not started, and pion drops packets of an SSRC that it cannot place.
var askAgain = [...]time.Duration{500 * time.Millisecond, 3 * time.Second}

// undeclared tells whether the client sends something that cannot be placed.
func (c *connection) undeclared() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.publish, func(l *publishLine) bool {
		return l.undeclared && c.tracks[l.transceiver.Mid()] == nil
	})
}

func (p *Peer) handleCandidate(candidate types.Candidate) {
	c := p.conn
	if c == nil {
		return
	}
	init := webrtc.ICECandidateInit{
		Candidate: candidate.Candidate, SDPMid: candidate.SDPMid, SDPMLineIndex: candidate.SDPMLineIndex,
	}
	if !c.answered {
		c.early = append(c.early, init) // at most maxCandidates
		return
	}
	p.addCandidate(init)
}

func (p *Peer) addCandidate(init webrtc.ICECandidateInit) {
	if err := p.conn.pc.AddICECandidate(init); err != nil {
		p.log.Debug("candidate not used", "err", err)
	}
}

// connectionChanged follows the state of the PeerConnection. "disconnected"
// mends itself or becomes "failed"; then the way is looked for anew.
func (p *Peer) connectionChanged(c *connection, state webrtc.PeerConnectionState) {
	if p.conn != c {
		return
	}
	p.log.Debug("media connection", "state", state.String())
	switch state {
	case webrtc.PeerConnectionStateConnected:
		c.retry = time.Time{}
		if c.state == stable {
			c.deadline = time.Time{}
		}
		if c.nextReport.IsZero() {
			c.nextReport = time.Now().Add(firstReport)
			c.check() // so that silence is counted from here
			c.nextLook = time.Now().Add(lookInterval)
			c.nextWatch = time.Now().Add(watchInterval)
		}
		c.connected.Store(true)
		for _, s := range c.slots {
			s.retarget()
		}
		p.session.wakeMonitor()
	case webrtc.PeerConnectionStateFailed:
		if c.deadline.IsZero() {
			c.deadline = time.Now().Add(p.session.opts.AnswerTimeout)
		}
		c.retry = time.Now().Add(restartRetry)
		p.restartFor(restartFailed)
	case webrtc.PeerConnectionStateClosed:
		// DTLS was closed by the client: his PeerConnection is gone.
		p.closeConnection()
	}
}

// Why ICE is restarted.
const (
	restartClient   = metrics.RestartClient
	restartFailed   = metrics.RestartFailed
	restartSilence  = metrics.RestartSilence
	restartRepeated = metrics.RestartRepeated
	restartWatchdog = metrics.RestartWatchdog
)

// restartTime is how long a restart that has been answered may take to connect
// before a client's wish for another counts: he asks because media is silent,
// which the running one is about to mend.
const restartTime = time.Second

// restartFor offers new ICE credentials, as soon as no offer is waiting. One
// that is under way is enough.
func (p *Peer) restartFor(cause metrics.RestartCause) {
	c := p.conn
	switch {
	case c == nil:
		p.startConnection()
		return
	case c.state == waiting && c.restarts, cause == restartClient && time.Since(c.restarted) < restartTime:
		return
	}
	if !c.needRestart {
		p.session.opts.Metrics.MediaRestarts[cause].Add(1)
		p.log.Info("media restarts", "cause", cause.String())
	}
	c.needRestart = true
	p.reconcile()
}

// resume goes on with a client that came back on another socket.
func (p *Peer) resume(keep bool) {
	if p.conn != nil && !keep {
		p.closeConnection()
	}
	if p.conn == nil {
		p.startConnection()
		return
	}
	p.sentOnce = false
	p.sendTracks()
	if p.conn.state == waiting {
		p.conn.deadline = time.Now().Add(p.session.opts.AnswerTimeout)
		p.send(p.conn.lastOffer)
	}
	p.answered()
	for _, t := range p.conn.published() {
		if t.simulcast() {
			p.send(t.layersEvent())
		}
	}
	p.sendSpeakers()
	p.quality = qualityReporter{}
	p.reconcile()
}
