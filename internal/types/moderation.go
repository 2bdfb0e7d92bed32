package types

import (
	"encoding/json"
	"fmt"
)

// Events of moderation (docs/protocol.md, "Moderation").
const (
	EventModerate    = "moderate"
	EventModerated   = "moderated"
	EventPermissions = "permissions"
	EventPolicy      = "policy"
	EventKnock       = "knock"
	EventAdmit       = "admit"
	EventLobby       = "lobby"
	EventNotice      = "notice"
	EventChatCleared = "chat_cleared"
)

// SourceSet is a set of sources, SourceFiles among them. In JSON it is a list.
type SourceSet uint8

var inSets = [...]Source{SourceMicrophone, SourceCamera, SourceScreen, SourceScreenAudio, SourceFiles}

// SetOf returns the set of these sources; unknown ones are left out.
func SetOf(sources ...Source) (set SourceSet) {
	for i, known := range inSets {
		for _, s := range sources {
			if s == known {
				set |= 1 << i
			}
		}
	}
	return set
}

// Has tells whether a source is in the set.
func (s SourceSet) Has(source Source) bool { return s&SetOf(source) != 0 }

// Sources lists the set.
func (s SourceSet) Sources() []Source {
	list := []Source{}
	for i, source := range inSets {
		if s&(1<<i) != 0 {
			list = append(list, source)
		}
	}
	return list
}

// MarshalJSON writes a list.
func (s SourceSet) MarshalJSON() ([]byte, error) { return json.Marshal(s.Sources()) }

// UnmarshalJSON reads a list.
func (s *SourceSet) UnmarshalJSON(b []byte) error {
	var list []Source
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("a list of sources: %w", err)
	}
	*s = SetOf(list...)
	return nil
}

// Action is what a moderator does.
type Action string

// What moderators do.
const (
	ActionMute      Action = "mute"       // peer_id, source, hard
	ActionUnmute    Action = "unmute"     // peer_id, source
	ActionRemove    Action = "remove"     // peer_id, ban
	ActionLock      Action = "lock"       // on
	ActionLobby     Action = "lobby"      // on
	ActionAllow     Action = "allow"      // what, on
	ActionPromote   Action = "promote"    // peer_id
	ActionHandOver  Action = "hand_over"  // peer_id
	ActionClearChat Action = "clear_chat" //
)

// Actions lists every action.
func Actions() []Action {
	return []Action{
		ActionMute, ActionUnmute, ActionRemove, ActionLock, ActionLobby, ActionAllow,
		ActionPromote, ActionHandOver, ActionClearChat,
	}
}

// Moderate is what a moderator wants done. Which fields an action uses stands
// beside it.
type Moderate struct {
	Action Action `json:"action"`
	PeerID PeerID `json:"peer_id,omitempty"`
	Source Source `json:"source,omitempty"`
	Hard   bool   `json:"hard,omitempty"`
	Ban    bool   `json:"ban,omitempty"`
	What   string `json:"what,omitempty"` // "screen" or "chat"
	On     bool   `json:"on,omitempty"`
}

// Moderated tells somebody what was done to him. By is empty for the
// administrator of the server.
type Moderated struct {
	Action   Action `json:"action"`
	Source   Source `json:"source,omitempty"`
	Hard     bool   `json:"hard,omitempty"`
	By       PeerID `json:"by,omitempty"`
	Username string `json:"username,omitempty"` // of By
}

// Policy is what holds in a room for everybody but its moderators.
type Policy struct {
	Locked bool `json:"locked"` // nobody comes in
	Lobby  bool `json:"lobby"`  // who comes in waits for a moderator
	Screen bool `json:"screen"` // screens may be shared
	Chat   bool `json:"chat"`   // everybody may write
}

// Knock is who waits to be let in, the first to come first.
type Knock struct {
	Waiting []Waiting `json:"waiting"`
}

// Waiting is one of them. The id is his for as long as he waits.
type Waiting struct {
	PeerID   PeerID `json:"peer_id"`
	Username string `json:"username"`
}

// Admit lets somebody in who waits, or sends him away.
type Admit struct {
	PeerID PeerID `json:"peer_id"`
	Admit  bool   `json:"admit"`
}

// Lobby tells somebody that he waits.
type Lobby struct {
	Room     string `json:"room"`
	Username string `json:"username"`
}

// Notice is a word of the administrator to a room.
type Notice struct {
	Text string `json:"text"`
}

// ChatCleared says that the messages up to this one are gone.
type ChatCleared struct {
	LastID string `json:"last_id"`
}
