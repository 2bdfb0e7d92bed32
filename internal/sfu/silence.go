package sfu

import (
	"time"

	"aq-server/internal/types"
)

// Silence on a client's media path, and what is done about it.
//
// A NAT that forgets its mapping, or a client that has moved to another
// network, leaves a PeerConnection that both sides believe in and nothing passes
// through; ICE by itself gives it up after half a minute. A network that is away
// for ten seconds looks the same at first, but there nothing must be torn down:
// the old path works again the moment the network is back, and pion forgets it
// with an ICE restart. The WebSocket tells the two apart: who answers there has
// a network, so his media path is broken.
//
//	heard ... silent: the room marks him lost and pings his socket
//	            |-- something is heard:  all is well again
//	            |-- he answers, and is silent still after answerGrace: restart
//	            '-- no answer: an outage; wait
const (
	// lookInterval is how often the signs of life are looked at; while a client
	// is silent, the shorter one.
	lookInterval       = 500 * time.Millisecond
	silentLookInterval = 100 * time.Millisecond
	// idleLookInterval is that of a connection on which no media flows.
	idleLookInterval = 2 * time.Second
	// reportSilence is how long a client may be silent who is being sent packets
	// with transport-wide numbers, and so reports on them: browsers do that ten
	// times a second.
	reportSilence = 1750 * time.Millisecond
	// flowSilence is the same for one who was sending media himself. It is
	// longer than the 2.5 s between two checks of Chromium, all that is left to
	// hear of someone who has switched everything off.
	flowSilence = 3250 * time.Millisecond
	// idleSilence is the same for everyone else: consent is checked every 4 to
	// 6 s (RFC 7675, section 5.1), and one check may be lost.
	idleSilence = 12 * time.Second
	// answerGrace is how long media may still take to be heard after the client
	// has answered on his socket: when an outage ends, TCP may be the first.
	answerGrace = 200 * time.Millisecond
	// crowdGrace is the same while more than a quarter of the room is silent: it is
	// more likely that this machine, or theirs, has no time than that so many paths
	// have broken at once, and restarts for all would make it worse. It is short
	// enough for an office whose NAT has been restarted.
	crowdGrace = 2 * time.Second
	// lateLook is how late a look may be to count: on a machine that has no time
	// for its goroutines what was not heard may just not have been read, and a
	// restart for everyone would be all it needs.
	lateLook = 200 * time.Millisecond
)

// signs is what has been heard of a client on his media path, in session time.
type signs struct {
	media  int64 // RTP or RTCP, any
	flow   int64 // RTP
	check  int64 // a connectivity check
	report int64 // transport-wide feedback; 0: never
	// number is the last transport-wide number that was sent to him.
	number int64
}

// listener judges the signs. Pure; owned by the peer's goroutine.
type listener struct {
	silent bool
	since  int64 // session time of the last sign before the silence
	// reports: the silence was found by missing reports. Checks do not end it:
	// they may come on a path that media does not take.
	reports bool
	idle    bool // nothing flows either way

	number    int64
	numbering int64 // since when numbered packets have been sent without a pause; 0: they are not
}

// numbersPerLook is how many packets there must be between two looks for reports
// to be expected.
const numbersPerLook = 5

// look takes the signs of this moment in and reports whether the client has
// fallen silent or is back.
func (l *listener) look(now int64, s signs) (changed bool) {
	switch sent := s.number - l.number; {
	case sent < numbersPerLook:
		l.numbering = 0
	case l.numbering == 0:
		l.numbering = now
	}
	l.number = s.number
	latest := max(s.media, s.check)
	if l.silent {
		l.silent = s.media <= l.since && (l.reports || latest <= l.since)
		return !l.silent
	}
	last, limit := latest, idleSilence
	l.idle = false
	l.reports = s.report != 0 && l.numbering != 0 && now-l.numbering >= int64(reportSilence)
	switch {
	case l.reports:
		last, limit = s.media, reportSilence
	case s.flow != 0 && s.media-s.flow < int64(lookInterval):
		limit = flowSilence
	default:
		l.idle = l.numbering == 0
	}
	l.since, l.silent = last, now-last > int64(limit)
	return l.silent
}

// skip passes over a look.
func (l *listener) skip() { l.numbering = 0 }

// signs collects them.
func (c *connection) signs() signs {
	s := signs{media: c.heard.Load(), check: c.checked.Load(), report: c.reported.Load()}
	c.sent.mu.Lock()
	s.number = c.sent.seq
	c.sent.mu.Unlock()
	for _, l := range c.feedback.list() {
		s.flow = max(s.flow, l.lastPacket.Load())
	}
	s.media = max(s.media, s.flow)
	return s
}

// hear notes RTCP of the client.
func (c *connection) hear(now time.Time) { c.heard.Store(c.session().clock.at(now)) }

// check notes a connectivity check of the client. pion calls it on its agent's
// goroutine.
func (c *connection) check() { c.checked.Store(c.session().clock.at(time.Now())) }

// listen looks for signs of life and acts on a change.
func (p *Peer) listen(now time.Time) {
	c := p.conn
	late := now.Sub(c.nextLook) > lateLook
	c.nextLook = onGrid(now, lookInterval)
	if late && !c.listener.silent {
		c.listener.skip()
		return
	}
	at := c.session().clock.at(now)
	if c.listener.look(at, c.signs()) {
		p.silenceChanged(c.listener.silent)
	}
	switch {
	case c.listener.silent:
		c.nextLook = onGrid(now, silentLookInterval)
	case c.listener.idle && !p.session.anyTracks():
		c.nextLook = onGrid(now, idleLookInterval)
	}
}

// silenceChanged tells the room. Who is back has missed more than a repair
// brings: his pictures begin anew without waiting for him to ask.
func (p *Peer) silenceChanged(silent bool) {
	c := p.conn
	p.silent.Store(silent)
	c.askedAt = time.Time{}
	if silent {
		p.session.silent.Add(1)
		p.session.opts.Metrics.MediaSilences.Add(1)
		p.log.Info("media is silent", "ice", c.pc.ICEConnectionState().String())
	} else {
		p.session.silent.Add(-1)
		silence := p.session.clock.at(time.Now()) - c.listener.since
		p.log.Info("media is heard again", "after", time.Duration(silence).Round(time.Millisecond))
		for _, s := range c.slots {
			s.refresh()
		}
	}
	if p.cfg.Observer != nil {
		p.cfg.Observer.Silent(silent)
	}
}

// answered is told that a silent client has given a sign of life on his socket.
func (p *Peer) answered() {
	p.nudged.Store(false)
	if c := p.conn; c != nil && c.listener.silent && c.askedAt.IsZero() {
		c.askedAt = time.Now().Add(p.session.answerGrace())
	}
}

// answerGrace is how long one who has answered may stay silent.
func (s *Session) answerGrace() time.Duration {
	if n := int(s.silent.Load()); n > 2 && 4*n > len(s.peerList()) {
		return crowdGrace
	}
	return answerGrace
}

// checkAnswered looks for another way to a client who is there but silent.
func (p *Peer) checkAnswered(now time.Time) {
	c := p.conn
	c.askedAt = time.Time{}
	p.listen(now)
	if again := c.restarted.Add(restartTime); c.listener.silent && now.Before(again) {
		c.askedAt = again // he may not have been heard yet on the way that was just found
		return
	}
	if c.listener.silent && c.retry.IsZero() {
		c.retry = now.Add(restartRetry)
		p.restartFor(restartSilence)
	}
}

// forgetSilence is for a connection that ends: with it ends its silence.
func (p *Peer) forgetSilence() {
	if !p.silent.Swap(false) {
		return
	}
	p.session.silent.Add(-1)
	if p.cfg.Observer != nil {
		p.cfg.Observer.Silent(false)
	}
}

// refresh has a new picture sent: by a keyframe of the publisher.
func (s *slot) refresh() {
	s.mu.Lock()
	target := s.target
	s.mu.Unlock()
	if s.kind == types.KindVideo && target != nil && s.open.Load() {
		target.requestKeyframe()
	}
}
