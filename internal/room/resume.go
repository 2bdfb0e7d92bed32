package room

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"aq-server/internal/types"
)

// newToken returns a resume token: 128 random bits.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// SocketLost says that conn broke without a word of leaving. If it is still his
// socket, a base client is gone at once, for the given reason; a protocol=1
// client stays for the resume window, shown as lost, with his media going on.
func (m *Member) SocketLost(conn Conn, reason types.LeaveReason) {
	if !m.awaitReturn(conn) {
		m.Leave(conn, reason)
		return
	}
	m.log.Info("connection lost", "window", m.room.manager.opts.ResumeWindow)
}

// awaitReturn starts the wait for a lost member. It reports false when there is
// nothing to wait for.
func (m *Member) awaitReturn(conn Conn) bool {
	r := m.room
	window := r.manager.opts.ResumeWindow
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.gone || m.conn != conn || m.peer.Protocol < 1 || window <= 0 {
		return false
	}
	waiting := make(chan struct{})
	if !r.manager.tasks.start("resume window", func() { m.wait(waiting, window) }) {
		return false
	}
	m.waiting = waiting
	m.disconnectLocked()
	m.state.Connection = types.ConnectionLost
	r.tellLocked(types.NewMessage(types.EventPeerUpdated, m.infoLocked()), m)
	return true
}

// wait removes the member unless waiting is closed within window.
func (m *Member) wait(waiting chan struct{}, window time.Duration) {
	timer := time.NewTimer(window)
	defer timer.Stop()
	select {
	case <-waiting:
	case <-timer.C:
		m.room.remove(m, types.LeaveTimeout, func() bool { return m.waiting == waiting })
	}
}

func (m *Member) stopWaitingLocked() {
	if m.waiting != nil {
		close(m.waiting)
		m.waiting = nil
	}
}

// byTokenLocked returns the member whose resume token this is. Every token is
// compared in full, so that the time taken tells nothing about any.
func (r *Room) byTokenLocked(token string) *Member {
	var found *Member
	for _, m := range r.members {
		if m.token != "" && subtle.ConstantTimeCompare([]byte(m.token), []byte(token)) == 1 {
			found = m
		}
	}
	return found
}

func (r *Room) knows(token string) bool {
	if token == "" {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byTokenLocked(token) != nil
}

// resume exchanges the socket of the member whose token req carries, or returns
// nil. The old socket, if it is still open, is closed with ErrReplaced.
func (r *Room) resume(req JoinRequest) *Member {
	m, old := r.exchange(req)
	if m == nil {
		return nil
	}
	if old != nil {
		old.Close(ErrReplaced)
	}
	r.manager.opts.Metrics.Resumes.Add(1)
	m.log.Info("came back", "from", req.Remote, "media_kept", req.Keep)
	m.Media().Resume(m, req.Keep)
	return m
}

func (r *Room) exchange(req JoinRequest) (m *Member, old Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m = r.byTokenLocked(req.Resume)
	if m == nil {
		return nil, nil
	}
	old = m.conn
	m.stopWaitingLocked()
	m.token = newToken()
	lost := m.state.Connection == types.ConnectionLost
	m.state.Connection = types.ConnectionOK
	// First the welcome, then whatever media sends: Send goes on to the old
	// socket, or nowhere, until connectLocked.
	m.conn = req.Conn
	r.welcomeLocked(m, req.LastChat, true)
	m.connectLocked(req.Conn)
	if lost {
		r.tellLocked(types.NewMessage(types.EventPeerUpdated, m.infoLocked()), m)
	}
	return m, old
}
