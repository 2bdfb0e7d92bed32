package room

import (
	"errors"
	"slices"
	"time"

	"aq-server/internal/types"
)

const (
	// maxWaiting bounds who waits before one room.
	maxWaiting = 200
	// expiryLeeway is how far clocks may be apart, as for tokens.
	expiryLeeway = time.Minute
)

// ErrWaiting is returned by AddPeerToRoom to somebody who must wait until a
// moderator lets him in; his Knock tells the end.
var ErrWaiting = errors.New("waits to be let in")

// Knock is somebody who may have to wait. A client without one is refused where
// others wait.
type Knock struct {
	// Answered is called once, unless Cancel comes before: with the member that
	// he has become, or with the error of AddPeerToRoom. On a goroutine of its
	// own, without locks.
	Answered func(*Member, error)

	// Set when he begins to wait, then constant.
	room *Room
	req  JoinRequest
	id   types.PeerID
}

// mustWaitLocked tells whether a newcomer has to wait.
func (r *Room) mustWaitLocked(req JoinRequest) bool {
	if req.admitted || req.Grant != nil && req.Grant.Permissions.Moderate {
		return false
	}
	if req.Grant != nil && req.Grant.Lobby {
		return true
	}
	// The first in an open room is its moderator, whom nobody could let in.
	first := r.manager.opts.FirstModerates && len(r.members) == 0 && len(r.waiting) == 0
	return r.policy.Lobby && !first
}

// waitLocked has a newcomer wait. The room stays meanwhile, whoever leaves it.
func (r *Room) waitLocked(req JoinRequest) error {
	k := req.Knock
	switch {
	case k == nil:
		return types.Errorf(types.CodeNotPermitted, "a moderator has to let you in, for which your client is not made")
	case len(r.waiting) >= maxWaiting:
		return errRoomFull()
	}
	k.room, k.req, k.id = r, req, newPeerID()
	r.waiting = append(r.waiting, k)
	if req.Protocol >= 1 {
		_ = req.Conn.Send(types.NewMessage(types.EventLobby, types.Lobby{Room: r.id, Username: req.Username}))
	}
	r.tellWaitingLocked(nil)
	r.manager.opts.Metrics.Waiting.Add(1)
	return ErrWaiting
}

// takeKnockLocked ends a wait; false if it has ended.
func (r *Room) takeKnockLocked(k *Knock) bool {
	i := slices.Index(r.waiting, k)
	if i < 0 {
		return false
	}
	r.waiting = slices.Delete(r.waiting, i, i+1)
	r.manager.opts.Metrics.Waiting.Add(-1)
	return true
}

// Cancel says that he waits no longer. It reports false when he is being let in
// or sent away: then Answered is called, or has been.
func (k *Knock) Cancel() bool {
	r := k.room
	r.mu.Lock()
	ok := r.takeKnockLocked(k)
	if ok {
		r.tellWaitingLocked(nil)
	}
	r.mu.Unlock()
	if ok {
		r.Release()
	}
	return ok
}

// tellWaitingLocked tells one moderator, or all (nil), who waits.
func (r *Room) tellWaitingLocked(only *Member) {
	frame := encode(types.NewMessage(types.EventKnock, types.Knock{Waiting: r.waitingLocked()}))
	for _, m := range r.members {
		if m.state.Moderator && m.conn != nil && (only == nil || only == m) {
			_ = m.conn.SendEncoded(frame)
		}
	}
}

func (r *Room) waitingLocked() []types.Waiting {
	list := make([]types.Waiting, 0, len(r.waiting))
	for _, k := range r.waiting {
		list = append(list, types.Waiting{PeerID: k.id, Username: k.req.Username})
	}
	return list
}

// Admit lets somebody in who waits, or sends him away. The error has code
// not_permitted or no_such_peer.
func (m *Member) Admit(a types.Admit) *types.ProtocolError { return m.room.answer(m, a) }

// Admit does the same for the administrator.
func (rm *RoomManager) Admit(id string, a types.Admit) *types.ProtocolError {
	r := rm.pin(id)
	if r == nil {
		return errNoRoom()
	}
	defer r.Release()
	return r.answer(nil, a)
}

func (r *Room) answer(by *Member, a types.Admit) *types.ProtocolError {
	r.mu.Lock()
	if by != nil && (by.gone || !by.state.Moderator) {
		r.mu.Unlock()
		return errMayNot()
	}
	i := slices.IndexFunc(r.waiting, func(k *Knock) bool { return k.id == a.PeerID })
	if i < 0 {
		r.mu.Unlock()
		return types.Errorf(types.CodeNoSuchPeer, "nobody with that peer_id waits any more")
	}
	k := r.waiting[i]
	r.takeKnockLocked(k)
	r.tellWaitingLocked(nil)
	r.mu.Unlock()
	k.finish(a.Admit)
	return nil
}

// setLobbyLocked changes whether newcomers wait. Those who do come in when it
// ends, but for those whose tokens have them wait.
func (r *Room) setLobbyLocked(on bool) deed {
	r.policy.Lobby = on
	r.tellPolicyLocked()
	if on {
		return nil
	}
	var in []*Knock
	for _, k := range slices.Clone(r.waiting) {
		if !r.mustWaitLocked(k.req) && r.takeKnockLocked(k) {
			in = append(in, k)
		}
	}
	r.tellWaitingLocked(nil)
	return func() {
		for _, k := range in {
			k.finish(true)
		}
	}
}

// dismissWaiting sends away those who wait for the moderator of an open room when
// the last of its members has gone: nobody will come who could let them in, and
// the next to come begins a new room.
func (r *Room) dismissWaiting() {
	if !r.manager.opts.FirstModerates {
		return
	}
	r.mu.Lock()
	var out []*Knock
	if len(r.members) == 0 {
		for _, k := range slices.Clone(r.waiting) {
			r.takeKnockLocked(k)
			out = append(out, k)
		}
	}
	r.mu.Unlock()
	for _, k := range out {
		k.finish(false)
	}
}

// finish lets him in or sends him away, on a goroutine of its own: whoever lets
// him in has nothing to do with what may go wrong.
func (k *Knock) finish(admit bool) {
	r := k.room
	answer := func() {
		defer r.Release()
		m, err := k.enter(admit)
		k.Answered(m, err)
	}
	if !r.manager.tasks.start("admit", answer) {
		defer r.Release()
		k.Answered(nil, errDraining())
	}
}

// enter is the join that was put off.
func (k *Knock) enter(admit bool) (m *Member, err error) {
	defer func() { // Answered is called whatever happens
		if v := recover(); v != nil {
			m, err = nil, ErrInternal
			k.room.log.Error("let in", "panic", v)
		}
	}()
	if !admit {
		return nil, ErrRefused
	}
	if g := k.req.Grant; g != nil && !g.Expires.IsZero() && time.Now().After(g.Expires.Add(expiryLeeway)) {
		return nil, ErrExpired
	}
	k.req.admitted = true
	return k.room.manager.AddPeerToRoom(k.req)
}
