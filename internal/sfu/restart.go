package sfu

import (
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/metrics"
)

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
			if !p.joined {
				p.joined = true
				p.session.opts.Metrics.JoinTime.Time(time.Since(p.cfg.Peer.JoinedAt))
			}
			c.chooseWay()
			c.nextReport = onGrid(time.Now(), firstReport)
			c.check() // so that silence is counted from here
			c.nextLook = onGrid(time.Now(), lookInterval)
			c.nextWatch = onGrid(time.Now(), watchInterval)
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
		if c.state == waiting && c.pc.ICEConnectionState() == webrtc.ICEConnectionStateFailed {
			// Nobody has answered for so long that pion's agent has given up what
			// the offer names, candidates and all: an answer leads nowhere.
			c.restarts = false
		}
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
	p.session.withFiles(func(c *courier) { c.tell(p) })
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
