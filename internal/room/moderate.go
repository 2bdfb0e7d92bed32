package room

import (
	"slices"

	"aq-server/internal/types"
)

// Moderate does what a moderator wants. The error has code not_permitted,
// no_such_peer, bad_source or bad_message.
func (m *Member) Moderate(a types.Moderate) *types.ProtocolError {
	return m.room.moderate(m, a)
}

// Moderate does the same for the administrator, in a room of that name. The error
// may also be not_found.
func (rm *RoomManager) Moderate(id string, a types.Moderate) *types.ProtocolError {
	r := rm.pin(id)
	if r == nil {
		return errNoRoom()
	}
	defer r.Release()
	return r.moderate(nil, a)
}

// A deed is what is left to do once Room.mu is free again.
type deed func()

// moderate checks, changes what is under mu and then does the rest. by is nil for
// the administrator.
func (r *Room) moderate(by *Member, a types.Moderate) *types.ProtocolError {
	rest, err := r.decide(by, a)
	if err != nil {
		return err
	}
	r.manager.opts.Metrics.Moderated(string(a.Action))
	if rest != nil {
		rest()
	}
	log := r.log
	if by != nil {
		log = by.log
	}
	log.Info("moderated", "action", string(a.Action), "target", string(a.PeerID), "source", string(a.Source),
		"hard", a.Hard, "ban", a.Ban, "what", a.What, "on", a.On, "admin", by == nil)
	return nil
}

func (r *Room) decide(by *Member, a types.Moderate) (deed, *types.ProtocolError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if by != nil && (by.gone || !by.state.Moderator) {
		return nil, errMayNot()
	}
	if !slices.Contains(types.Actions(), a.Action) {
		return nil, types.Errorf(types.CodeBadMessage, "there is no such action")
	}
	switch a.Action {
	case types.ActionLock:
		r.policy.Locked = a.On
		r.tellPolicyLocked()
		return nil, nil
	case types.ActionLobby:
		return r.setLobbyLocked(a.On), nil
	case types.ActionAllow:
		return r.allowLocked(a)
	case types.ActionClearChat:
		r.clearChatLocked()
		return nil, nil
	}
	i := slices.IndexFunc(r.members, func(m *Member) bool { return m.peer.ID == a.PeerID })
	if i < 0 {
		return nil, types.Errorf(types.CodeNoSuchPeer, "there is nobody with that peer_id")
	}
	return r.decideAboutLocked(by, r.members[i], a)
}

// decideAboutLocked is the part that concerns one member.
func (r *Room) decideAboutLocked(by, m *Member, a types.Moderate) (deed, *types.ProtocolError) {
	switch a.Action {
	case types.ActionMute, types.ActionUnmute:
		if a.Source.Kind() == "" {
			return nil, types.Errorf(types.CodeBadSource, "there is no such source")
		}
		m.muteLocked(by, a)
		return m.applyBlocks, nil
	case types.ActionRemove:
		gone := []*Member{m}
		if a.Ban {
			gone = r.banLocked(m)
		}
		m.tellModeratedLocked(by, a)
		return func() {
			for _, m := range gone {
				r.remove(m, types.LeaveRemoved, func() bool { return true })
			}
		}, nil
	case types.ActionPromote, types.ActionHandOver:
		if m.peer.Protocol < 1 {
			return nil, types.Errorf(types.CodeBadMessage, "that client cannot moderate")
		}
		m.setModeratorLocked(true)
		if a.Action == types.ActionHandOver && by != nil && by != m {
			by.setModeratorLocked(false)
			return func() { m.applyBlocks(); by.applyBlocks() }, nil
		}
		return m.applyBlocks, nil
	}
	return nil, errMayNot() // not reached: all actions are above
}

// muteLocked mutes or frees a source. A shared screen and its sound are one. Who
// is muted softly turns it on again himself, by saying so (State, Publish); a
// client without the extensions cannot say so, and stays muted.
func (m *Member) muteLocked(by *Member, a types.Moderate) {
	set := types.SetOf(a.Source)
	if set&screens != 0 {
		set = screens
	}
	before := m.infoLocked()
	if a.Action == types.ActionUnmute {
		m.muted &^= set
		m.state.Muted &^= set
	} else {
		m.muted |= set
		if a.Hard {
			m.state.Muted |= set
		}
		if a.Source == types.SourceMicrophone {
			m.state.Microphone = false
		}
		if a.Source == types.SourceCamera {
			m.state.Camera = false
		}
	}
	m.tellModeratedLocked(by, a)
	m.updatedLocked(before)
}

func (m *Member) tellModeratedLocked(by *Member, a types.Moderate) {
	if m.peer.Protocol < 1 || m.conn == nil {
		return
	}
	told := types.Moderated{Action: a.Action, Source: a.Source, Hard: a.Hard}
	if by != nil {
		told.By, told.Username = by.peer.ID, by.username
	}
	_ = m.conn.Send(types.NewMessage(types.EventModerated, told))
}

// setModeratorLocked makes the member a moderator, or takes that away.
func (m *Member) setModeratorLocked(on bool) {
	if m.gone || m.state.Moderator == on {
		return
	}
	before := m.infoLocked()
	m.state.Moderator = on
	m.updatedLocked(before)
	m.tellPermissionsLocked()
	if on && len(m.room.waiting) > 0 {
		m.room.tellWaitingLocked(m)
	}
}

// inheritLocked finds a moderator where the first in a room is one: whoever has
// been there longest of those whose connection stands, or else of all.
func (r *Room) inheritLocked() *Member {
	if !r.manager.opts.FirstModerates || slices.ContainsFunc(r.members, func(m *Member) bool { return m.state.Moderator }) {
		return nil
	}
	var heir *Member
	for _, m := range r.members {
		if m.peer.Protocol >= 1 && (heir == nil || heir.conn == nil && m.conn != nil) {
			heir = m
		}
	}
	return heir
}

// allowLocked permits or forbids something to everybody but the moderators.
func (r *Room) allowLocked(a types.Moderate) (deed, *types.ProtocolError) {
	switch a.What {
	case "screen":
		r.policy.Screen = a.On
	case "chat":
		r.policy.Chat = a.On
	default:
		return nil, types.Errorf(types.CodeBadMessage, "what is screen or chat")
	}
	r.tellPolicyLocked()
	members := slices.Clone(r.members)
	for _, m := range members {
		if !m.state.Moderator {
			m.tellPermissionsLocked()
		}
	}
	return func() {
		for _, m := range members {
			m.applyBlocks()
		}
	}, nil
}

func (r *Room) tellPolicyLocked() {
	r.tellLocked(types.NewMessage(types.EventPolicy, r.policy), nil)
}

// clearChatLocked lets go of what was written to the room. What people have
// written to each other alone is none of a moderator's.
func (r *Room) clearChatLocked() {
	r.history.Clear()
	r.tellLocked(types.NewMessage(types.EventChatCleared, types.ChatCleared{LastID: r.lastChatID()}), nil)
}

// MayPublish takes the wish of a client to send a source: what is muted softly
// is free again by it. The error has code not_permitted.
func (m *Member) mayPublish(source types.Source) *types.ProtocolError {
	m.room.mu.Lock()
	set := types.SetOf(source)
	refused := m.state.Muted&set != 0 || !slices.Contains(m.permissionsLocked().Publish, source) && source.Kind() != ""
	freed := !refused && m.peer.Protocol >= 1 && m.muted&set != 0
	if freed {
		m.muted &^= set
	}
	m.room.mu.Unlock()
	if refused {
		return types.Errorf(types.CodeNotPermitted, "you may not publish %s here now", source)
	}
	if freed {
		m.applyBlocks()
	}
	return nil
}

// Publish passes a publish event on to media.
func (m *Member) Publish(p types.Publish) *types.ProtocolError {
	if err := m.mayPublish(p.Source); err != nil {
		return err
	}
	return m.Media().Publish(p)
}
