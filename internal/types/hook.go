package types

import "time"

// Hook is what a webhook is told (docs/webhooks.md).
type Hook struct {
	// ID is different for each hook, and the same when one is sent again.
	ID    string    `json:"id"`
	Event string    `json:"event"`
	Time  time.Time `json:"time"`
	Room  string    `json:"room"`
	Peer  *HookPeer `json:"peer,omitempty"`
}

// HookPeer is somebody in a Hook.
type HookPeer struct {
	PeerID   PeerID      `json:"peer_id"`
	Username string      `json:"username"`
	Subject  string      `json:"subject,omitempty"`
	Reason   LeaveReason `json:"reason,omitempty"` // of peer_left
}

// Events of hooks.
const (
	HookRoomStarted = "room_started"
	HookRoomEnded   = "room_ended"
	HookPeerJoined  = "peer_joined"
	HookPeerLeft    = "peer_left"
)
