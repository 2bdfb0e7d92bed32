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

// Return says whether and when somebody whose socket is gone may be back.
type Return int

const (
	// NotBack: he left, or was thrown out.
	NotBack Return = iota
	// BackAtOnce: his page was closed or is being loaded again, which is the same
	// at first. Who reloads is back within seconds.
	BackAtOnce
	// BackSoon: his connection broke. He has ResumeWindow.
	BackSoon
)

// awayWindow bounds the window of BackAtOnce: the others see that long a person
// who will not come back, if he closed the page.
const awayWindow = 5 * time.Second

// SocketLost says that conn is gone without a word of leaving. If it is still his
// socket, a base client is gone at once, for the given reason; a protocol=1
// client stays for the window of back, shown as lost, with his media going on.
// One who has never said anything is gone at once too: if his welcome has not
// arrived, he does not know the token that he would come back with.
func (m *Member) SocketLost(conn Conn, reason types.LeaveReason, back Return) {
	window := m.room.manager.opts.ResumeWindow
	late := types.LeaveTimeout
	if back == BackAtOnce {
		window, late = min(window, awayWindow), reason
	}
	if !m.awaitReturn(conn, window, late) {
		m.Leave(conn, reason)
		return
	}
	m.log.Info("connection lost", "window", window)
}

// awaitReturn starts the wait for a lost member, who is removed for the reason
// late when it is over. It reports false when there is nothing to wait for.
func (m *Member) awaitReturn(conn Conn, window time.Duration, late types.LeaveReason) bool {
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	stranger := m.unproven.Load() && m.used == ""
	if m.gone || m.conn != conn || m.peer.Protocol < 1 || window <= 0 || stranger {
		return false
	}
	waiting := make(chan struct{})
	if !r.manager.tasks.start("resume window", func() { m.wait(waiting, window, late) }) {
		return false
	}
	m.waiting = waiting
	m.disconnectLocked()
	m.connectionLocked()
	return true
}

// wait removes the member for the reason late unless waiting is closed within
// window.
func (m *Member) wait(waiting chan struct{}, window time.Duration, late types.LeaveReason) {
	timer := time.NewTimer(window)
	defer timer.Stop()
	select {
	case <-waiting:
	case <-timer.C:
		m.room.remove(m, late, func() bool { return m.waiting == waiting })
	}
}

func (m *Member) stopWaitingLocked() {
	if m.waiting != nil {
		close(m.waiting)
		m.waiting = nil
	}
}

// byTokenLocked returns the member whose resume token this is: the one of his
// last welcome, or the one he came back with and has not yet shown to have a
// successor of. Every token is compared in full, so that the time taken tells
// nothing about any.
func (r *Room) byTokenLocked(token string) *Member {
	var found *Member
	for _, m := range r.members {
		for _, valid := range [...]string{m.token, m.used} {
			if valid != "" && subtle.ConstantTimeCompare([]byte(valid), []byte(token)) == 1 {
				found = m
			}
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

// overtakenLocked tells whether a later attempt of the same client has come in
// before this one. A client whose attempts time out makes another each time, all
// with the same token; a server that stood still meanwhile finds them all at
// once, and those that nobody holds any more must not take the member away from
// the one that somebody waits on.
func (r *Room) overtakenLocked(req JoinRequest) bool {
	for _, m := range r.members {
		for _, token := range [...]string{m.token, m.used, m.retired} {
			if token != "" && req.Attempt < m.attempt && subtle.ConstantTimeCompare([]byte(token), []byte(req.Resume)) == 1 {
				return req.Attempt != 0
			}
		}
	}
	return false
}

// resume exchanges the socket of the member whose token req carries. It returns
// nil for a token that is not valid, and ErrReplaced for an attempt that was
// overtaken. The old socket, if it is still open, is closed with ErrReplaced.
func (r *Room) resume(req JoinRequest) (*Member, error) {
	m, old, err := r.exchange(req)
	if m == nil || err != nil {
		return nil, err
	}
	if old != nil {
		old.Close(ErrReplaced)
	}
	r.manager.opts.Metrics.Resumes.Add(1)
	m.log.Info("came back", "from", req.Remote, "media_kept", req.Keep)
	m.Media().Resume(m, req.Keep)
	return m, nil
}

func (r *Room) exchange(req JoinRequest) (m *Member, old Conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.overtakenLocked(req) {
		return nil, nil, ErrReplaced
	}
	m = r.byTokenLocked(req.Resume)
	if m == nil {
		return nil, nil, nil
	}
	m.attempt = req.Attempt
	old = m.conn
	m.stopWaitingLocked()
	m.token, m.used = newToken(), req.Resume
	m.unproven.Store(true)
	// First the welcome, then whatever media sends: Send goes on to the old
	// socket, or nowhere, until connectLocked.
	m.conn = req.Conn
	r.welcomeLocked(m, req.LastChat, true)
	m.connectLocked(req.Conn)
	m.connectionLocked()
	return m, old, nil
}
