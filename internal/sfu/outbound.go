package sfu

import (
	"github.com/pion/webrtc/v4"
)

// writerFor returns how packets get from a slot to the client: past pion's
// sender when that way has been opened.
func (c *connection) writerFor(stream webrtc.TrackLocalWriter) PacketWriter {
	if c.sealed.Load() {
		return c.out
	}
	return senderWriter{stream}
}

// chooseWay decides, when the PeerConnection is first connected and before its
// first packet, how all of its packets are sent for its whole life.
func (c *connection) chooseWay() {
	m := c.session().opts.Metrics
	if err := c.out.Open(c.pc); err != nil {
		m.ConnectionsBySender.Add(1)
		c.peer.log.Info("packets go by the slower way", "err", err)
		c.readReports()
		return
	}
	m.ConnectionsSealed.Add(1)
	c.sealed.Store(true)
	for _, s := range c.slots {
		s.mu.Lock()
		if s.writer != nil { // else Bind takes it
			s.writer = c.out
		}
		s.mu.Unlock()
	}
}

// followPath looks where pion sends after another candidate pair was selected.
func (c *connection) followPath() {
	if !c.sealed.Load() {
		return
	}
	if err := c.out.Refresh(c.pc); err != nil {
		c.peer.log.Debug("path not followed", "err", err)
	}
}
