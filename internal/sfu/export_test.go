package sfu

// ForgetSubscribers makes every track of the session lose its list of
// subscribers, as a bug would.
func (s *Session) ForgetSubscribers() {
	for _, t := range s.trackList() {
		t.mu.Lock()
		t.subscribers.Store(&[]*slot{})
		t.mu.Unlock()
	}
}

// HangUp closes the PeerConnection as a client does by its DTLS, and has the
// peer look at it with a change to offer before the new state is told.
func (p *Peer) HangUp() {
	p.enqueue(func() {
		_ = p.conn.pc.Close()
		p.conn.pending = true
		p.reconcile()
	})
}
