package sfu

import (
	"slices"
	"time"

	"aq-server/internal/metrics"
	"aq-server/internal/types"
)

// The watchdog compares twice a second what a subscriber should receive with what
// he does, and repairs what does not arrive: "somebody could not be heard until
// everyone reloaded" must not happen, whatever its cause, a bug of ours
// included. A repair that does not help is followed by the next:
//
//	keyframe -> new sender -> ICE restart -> new PeerConnection (protocol=1)
//
// What cannot be helped (a publisher who sends no keyframes) is asked for again,
// ever more rarely, and goes no further. Nothing is judged while the client is silent
// on his media path (silence.go): then nothing arrives, and the cause is known.
const (
	watchInterval = 500 * time.Millisecond
	// watchAfter is how long a source may take to arrive.
	watchAfter = time.Second
	// reportedWithin is how long a stream may be missing from receiver reports,
	// while reports come: browsers report video each second, sound every five.
	videoReported = 2500 * time.Millisecond
	audioReported = 12 * time.Second
	// feedbackWithin is the same for transport-wide feedback, which comes ten times
	// a second, if so many packets have been sent since.
	feedbackWithin  = time.Second
	feedbackPackets = 10
	// frozenLooks is for how many looks in a row a subscriber must have got
	// keyframes and asked for more. Loss explains one or two.
	frozenLooks = 4
	// restRebuilt is the least time between two PeerConnections that are given up
	// for new ones: the others lose what the client publishes for a moment.
	restRebuilt = 2 * time.Minute
	// stepTime is how long a step with an offer may take to show; restRepairs is
	// the pause after all of them have failed.
	stepTime    = 3 * time.Second
	restRepairs = 30 * time.Second
)

// watchdog is what is remembered of a connection between two looks. Owned by the
// peer's goroutine.
type watchdog struct {
	missing time.Time // since when tracks are not on any m-line; zero: none is
}

// slotWatch is the same of one slot.
type slotWatch struct {
	last   arrival
	lastAt time.Time

	// Suspicions.
	unsent  bool   // at the last look nothing had gone out
	frozen  int    // looks in a row at which he had keyframes and asked for more
	unknown missed // packets go out that no receiver report knows of
	unheard missed // and none that transport-wide feedback does

	// The fault, and what is done about it.
	since time.Time // zero: all is well
	cause metrics.FaultCause
	step  metrics.RepairStep
	next  time.Time     // no further step before
	waits time.Duration // between two requests for a keyframe that nobody answers
}

// missed is since when something has been missing that should follow what is
// sent. The zero value: it is not.
type missed struct {
	since time.Time
	sent  uint64 // packets by then
}

// note takes in whether it has come since the last look.
func (m *missed) note(came bool, sent uint64, now time.Time) {
	switch {
	case came:
		*m = missed{}
	case m.since.IsZero():
		*m = missed{now, sent}
	}
}

// too tells whether it has been missing for too long: for more than within, by
// which so many packets were sent, and the client has reported on others since.
func (m *missed) too(within time.Duration, packets, sent uint64, reported, now time.Time) bool {
	return !m.since.IsZero() && now.Sub(m.since) >= within && sent-m.sent >= packets && reported.Sub(m.since) > within/2
}

// reports is when a client last reported on anything, by either way; zero: never.
type reports struct{ receiver, feedback time.Time }

// arrival is what a slot knows of its stream at one moment.
type arrival struct {
	source   *Track
	expected bool // the client should be receiving now
	comes    bool // the publisher has sent since the last look
	started  time.Time
	waits    bool      // for a keyframe to begin with
	sent     uint64    // packets
	asks     uint64    // PLI and FIR of the client
	keys     uint64    // keyframes begun
	advanced time.Time // when the number in his receiver reports last grew
	acked    int64     // session time when feedback last had a packet as received
	numbered bool      // its packets carry numbers for that feedback
}

// watch looks at every slot.
func (p *Peer) watch(now time.Time) {
	c := p.conn
	late := now.Sub(c.nextWatch) > lateLook
	c.nextWatch = onGrid(now, watchInterval)
	if late || !c.connected.Load() || c.listener.silent || !c.retry.IsZero() {
		return
	}
	if !p.session.anyTracks() {
		c.nextWatch = onGrid(now, idleLookInterval)
	}
	p.watchMissing(now)
	for _, s := range slices.Clone(c.slots) {
		if p.conn != c {
			return // closed or replaced
		}
		if !s.free {
			p.watchSlot(s, now)
		}
	}
}

// watchMissing finds tracks that no m-line carries although nothing is under way.
func (p *Peer) watchMissing(now time.Time) {
	c := p.conn
	idle := c.state == stable && !c.pending && !c.needRestart
	switch {
	case !idle || p.accounted():
		c.watchdog.missing = time.Time{}
	case c.watchdog.missing.IsZero(): // it may be on its way through the inbox
		c.watchdog.missing = now
	default:
		c.watchdog.missing = time.Time{}
		p.log.Warn("tracks are not offered")
		p.count(metrics.FaultNotOffered, metrics.RepairOffer)
		p.reconcile()
	}
}

// accounted tells whether every track that the client should receive is on an
// m-line, or was said to be on none.
func (p *Peer) accounted() bool {
	known := make(map[types.TrackID]bool, len(p.conn.slots))
	for _, s := range p.conn.slots {
		if t := s.track(); t != nil && !s.free {
			known[t.info.TrackID] = true
		}
	}
	for _, t := range p.lastSent.Unassigned {
		known[t.TrackID] = true
	}
	return !slices.ContainsFunc(p.receivable(), func(t *Track) bool { return !known[t.info.TrackID] })
}

// watchSlot judges one slot and takes the next step if it is due.
func (p *Peer) watchSlot(s *slot, now time.Time) {
	w := &s.watch
	a := s.arrival(w.lastAt)
	switch {
	case !a.expected || a.source != w.last.source:
		*w = slotWatch{}
	case !a.comes: // nothing to be judged by
		w.unsent, w.frozen, w.unknown, w.unheard = false, 0, missed{}, missed{}
	case w.since.IsZero():
		if cause, bad := w.judge(a, s.kind, p.conn.reportsBy(now), now); bad {
			w.since, w.cause, w.step = now, cause, metrics.RepairKeyframe
			p.session.opts.Metrics.WatchdogFaults[cause].Add(1)
		}
	case w.healed(a):
		p.log.Info("track arrives again", "track", a.source.info.TrackID, "after", now.Sub(w.since).Round(time.Millisecond))
		*w = slotWatch{}
	}
	w.last, w.lastAt = a, now
	if !w.since.IsZero() && !now.Before(w.next) {
		p.repair(s, now)
	}
}

// judge compares two looks between which the publisher has sent.
func (w *slotWatch) judge(a arrival, kind types.Kind, r reports, now time.Time) (metrics.FaultCause, bool) {
	last := w.last
	if a.started.IsZero() || now.Sub(a.started) < watchAfter || a.started != last.started {
		return 0, false // he has just begun
	}
	if a.sent == last.sent {
		// What has come may be on its way out at this moment: look twice.
		unsent := w.unsent
		w.unsent = true
		if a.waits {
			return metrics.FaultNoKeyframe, unsent
		}
		return metrics.FaultNotSent, unsent
	}
	w.unsent = false
	switch {
	case a.asks == last.asks:
		w.frozen = 0
	case a.keys > last.keys:
		if w.frozen++; w.frozen >= frozenLooks {
			return metrics.FaultFrozen, true
		}
	}
	w.unknown.note(a.advanced != last.advanced, a.sent, now)
	w.unheard.note(a.acked != last.acked || !a.numbered, a.sent, now)
	within := videoReported
	if kind == types.KindAudio {
		within = audioReported
	}
	lost := w.unknown.too(within, 0, a.sent, r.receiver, now) || w.unheard.too(feedbackWithin, feedbackPackets, a.sent, r.feedback, now)
	return metrics.FaultNotReceived, lost
}

// healed tells whether a fault is over.
func (w *slotWatch) healed(a arrival) bool {
	switch w.cause {
	case metrics.FaultNotReceived:
		return a.advanced.After(w.since) && (a.acked != w.last.acked || !a.numbered)
	case metrics.FaultFrozen:
		if a.asks != w.last.asks {
			w.frozen = frozenLooks
		} else {
			w.frozen--
		}
		return w.frozen <= 0
	}
	return !a.waits && a.sent > w.last.sent
}

// reportsBy returns when the client last reported on anything that it receives.
func (c *connection) reportsBy(now time.Time) reports {
	at := func(session int64) time.Time {
		if session == 0 {
			return time.Time{}
		}
		return now.Add(-time.Duration(c.session().clock.at(now) - session))
	}
	return reports{receiver: at(c.receiverReport.Load()), feedback: at(c.reported.Load())}
}

// repair takes the next step for a slot.
func (p *Peer) repair(s *slot, now time.Time) {
	w, c := &s.watch, p.conn
	step := w.step
	if step != metrics.RepairKeyframe && c.state != stable {
		return // an answer is awaited; at the next look
	}
	p.log.Warn("track does not arrive", "track", s.trackID(), "mid", s.mid, "cause", w.cause.String(), "step", step.String())
	p.session.opts.Metrics.WatchdogRepairs[step].Add(1)
	w.next = now.Add(watchAfter)
	switch step {
	case metrics.RepairKeyframe:
		s.resubscribe()
		if w.cause != metrics.FaultNoKeyframe {
			w.step = metrics.RepairSender
			break
		}
		// Nothing else of ours would bring one.
		w.waits = min(max(watchAfter, 2*w.waits), restRepairs)
		w.next = now.Add(w.waits)
	case metrics.RepairSender:
		w.next, w.step = now.Add(stepTime), metrics.RepairRestart
		if err := c.renewSender(s); err != nil {
			p.broken(err)
			return
		}
		c.pending = true
		p.reconcile()
	case metrics.RepairRestart:
		w.next, w.step = now.Add(stepTime), metrics.RepairConnection
		// A base client could not follow to another PeerConnection.
		if !p.extended() || !p.rebuilt.IsZero() && now.Sub(p.rebuilt) < restRebuilt {
			w.next, w.step = now.Add(restRepairs), metrics.RepairKeyframe
		}
		c.retry = now.Add(restartRetry)
		p.restartFor(restartWatchdog)
	case metrics.RepairConnection:
		p.rebuilt = now
		p.closeConnection()
		p.startConnection()
	}
}

func (p *Peer) count(cause metrics.FaultCause, step metrics.RepairStep) {
	p.session.opts.Metrics.WatchdogFaults[cause].Add(1)
	p.session.opts.Metrics.WatchdogRepairs[step].Add(1)
}

// arrival takes stock of a slot, whose last look was at that time.
func (s *slot) arrival(last time.Time) arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := arrival{
		source: s.source, started: s.started, asks: s.asks, keys: s.keys, advanced: s.advanced,
		acked: s.ackedAt.Load(), numbered: s.ext.twcc != 0 && (s.rtxSSRC != 0 || s.kind == types.KindAudio),
	}
	a.sent, _ = s.fw.Sent()
	if s.source == nil || s.writer == nil || s.view.Hidden {
		return a
	}
	_, a.expected = s.types[s.source.codec]
	a.expected = a.expected && s.target != nil
	if l := s.target; l != nil {
		a.comes = l.lastMedia.Load() > s.conn.session().clock.at(last)
		current, ok := s.fw.Current()
		a.waits = !ok || current != l.stream
	}
	return a
}

func (s *slot) trackID() types.TrackID {
	if t := s.track(); t != nil {
		return t.info.TrackID
	}
	return ""
}

// resubscribe takes the source from the beginning: its track's list, the layer,
// the last keyframe.
func (s *slot) resubscribe() {
	s.mu.Lock()
	t := s.source
	s.target = nil
	s.fw.Stop()
	s.mu.Unlock()
	if t == nil {
		return
	}
	t.unsubscribe(s)
	t.subscribe(s)
	s.retarget()
}

// renewSender gives a slot's m-line another sender, and so another SSRC; an
// offer must follow. What a client's stack has come to believe of the old one
// ends with it.
func (c *connection) renewSender(old *slot) error {
	t := old.track()
	if t == nil {
		return nil
	}
	s := newSlot(c, t)
	s.id, s.stream = old.id, old.stream
	s.offered, s.watch = old.offered, old.watch
	old.mu.Lock()
	view := old.view
	old.mu.Unlock()
	old.setSource(nil, types.TrackView{})
	if err := old.transceiver.Sender().Stop(); err != nil {
		return err
	}
	if err := c.takeOver(s, old); err != nil {
		return err
	}
	s.setSource(t, view)
	return nil
}
