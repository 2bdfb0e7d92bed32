package room

import (
	"slices"
	"time"

	"aq-server/internal/types"
)

// Grant is what a token allows its bearer in a room.
type Grant struct {
	Permissions types.Permissions
	// Subject is who he is to whoever signed the token; may be empty.
	Subject string
	// Named: the username of the join is the token's, and stays.
	Named bool
	// Lobby has him wait for a moderator, whatever holds in the room.
	Lobby bool
	// Expires is when it ends; zero: never. Who is in by then stays.
	Expires time.Time
}

// permissionsLocked is what the member may do now: what he was granted, less
// what the room does not allow, unless he moderates it.
func (m *Member) permissionsLocked() types.Permissions {
	p := m.granted
	p.Moderate = m.state.Moderator
	policy := m.room.policy
	if p.Moderate {
		return p
	}
	if !policy.Screen {
		p.Publish = slices.DeleteFunc(slices.Clone(p.Publish), isScreen)
	}
	p.Chat = p.Chat && policy.Chat
	return p
}

func isScreen(s types.Source) bool { return screens.Has(s) }

// screens are the sources of a shared screen.
var screens = types.SetOf(types.SourceScreen, types.SourceScreenAudio)

// blockedLocked are the sources of the member that media must not forward.
func (m *Member) blockedLocked() types.SourceSet {
	set := m.muted | m.state.Muted
	if !m.room.policy.Screen && !m.state.Moderator {
		set |= screens
	}
	if !m.permissionsLocked().Chat {
		set |= types.SetOf(types.SourceFiles)
	}
	return set
}

// applyBlocks tells media which of the member's sources to forward, as it is now.
// Not under Room.mu.
func (m *Member) applyBlocks() {
	// Two changes at once: the one that looks later also tells later.
	m.applying.Lock()
	defer m.applying.Unlock()
	m.room.mu.Lock()
	media, set := m.media, m.blockedLocked()
	m.room.mu.Unlock()
	if media != nil { // else startMedia does it
		media.Block(set)
	}
}

// toldPermissionsLocked tells a member what he may do now.
func (m *Member) tellPermissionsLocked() {
	if m.peer.Protocol >= 1 && m.conn != nil {
		_ = m.conn.Send(types.NewMessage(types.EventPermissions, m.permissionsLocked()))
	}
}
