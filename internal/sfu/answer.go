package sfu

import (
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

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
	c.state, c.answered, c.lastOffer = stable, true, types.Message{}
	p.session.opts.Metrics.NegotiationTime.Time(time.Since(c.offeredAt))
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
	if !c.answered || c.state == waiting && c.restarts {
		// pion does not take one of a generation that it has not been told of.
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
