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
