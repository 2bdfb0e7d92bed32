// Package types holds the nouns that the other packages share: identifiers,
// what is known of a peer and of a track, the messages of the signalling
// protocol (docs/protocol.md) and the one interface by which media reaches a
// client. It has no goroutine, no lock and no logic beyond encoding.
package types

import "time"

// PeerID names one participant of one room for as long as he is there, also
// across a resumed connection. Made by the server, never reused, safe in URLs.
type PeerID string

// TrackID names one published track (with all its simulcast layers). Made by
// the server, never reused.
type TrackID string

// Kind is the media kind of a track, in the words of SDP.
type Kind string

// The two kinds of media.
const (
	KindAudio Kind = "audio"
	KindVideo Kind = "video"
)

// Source tells what a track shows or carries. A peer publishes at most one
// track of each source.
type Source string

// The sources a peer can publish. A base client's tracks are taken as camera
// and microphone.
const (
	SourceMicrophone  Source = "microphone"
	SourceCamera      Source = "camera"
	SourceScreen      Source = "screen"
	SourceScreenAudio Source = "screen_audio"
)

// Kind returns the media kind of a source, and "" for an unknown source.
func (s Source) Kind() Kind {
	switch s {
	case SourceMicrophone, SourceScreenAudio:
		return KindAudio
	case SourceCamera, SourceScreen:
		return KindVideo
	}
	return ""
}

// Stream returns the MSID stream id of a peer's source. Microphone and camera
// share one, as do a screen and its sound, so that a client that groups tracks
// by stream shows one tile per person and browsers keep lips and voice in step.
func (s Source) Stream(peer PeerID) string {
	if s == SourceScreen || s == SourceScreenAudio {
		return string(peer) + "-screen"
	}
	return string(peer)
}

// Sources lists every known source.
func Sources() []Source {
	return []Source{SourceMicrophone, SourceCamera, SourceScreen, SourceScreenAudio}
}

// Connection says whether a peer's signalling is alive.
type Connection string

// A peer is ConnectionLost while his WebSocket is gone and his resume window
// still runs (docs/protocol.md, "Leaving and coming back").
const (
	ConnectionOK   Connection = "ok"
	ConnectionLost Connection = "lost"
)

// PeerState is what the others in the room see of a peer.
type PeerState struct {
	Microphone bool       `json:"microphone"`
	Camera     bool       `json:"camera"`
	Hand       bool       `json:"hand"`
	Connection Connection `json:"connection"`
	// Quality is how well he hears and is heard, by his own word: from 1
	// (unusable) to 5 (perfect), 0 when he does not say.
	Quality int `json:"quality,omitempty"`
	// Moderator: he may moderate. Muted are the sources that a moderator has
	// muted for good (hard).
	Moderator bool      `json:"moderator,omitempty"`
	Muted     SourceSet `json:"muted,omitempty"`
}

// PeerInfo is one participant as shown to the others.
type PeerInfo struct {
	PeerID   PeerID    `json:"peer_id"`
	Username string    `json:"username"`
	State    PeerState `json:"state"`
}

// Peer is the identity of a participant, fixed at the join (the username may
// change later; see PeerInfo for what holds now).
type Peer struct {
	ID       PeerID
	Room     string
	Username string
	// Protocol is 1 for a client that speaks the extensions, 0 for a base
	// client (docs/protocol.md).
	Protocol int
	// Browser: the join had an Origin header, as only browsers send it.
	Browser bool
	// Remote is the client's address as the server trusts it, for logs.
	Remote   string
	JoinedAt time.Time
}

// TrackInfo describes a published track.
type TrackInfo struct {
	TrackID TrackID `json:"track_id"`
	PeerID  PeerID  `json:"peer_id"`
	Kind    Kind    `json:"kind"`
	Source  Source  `json:"source"`
}

// Permissions is what a peer may do in his room.
type Permissions struct {
	Publish   []Source `json:"publish"`
	Subscribe bool     `json:"subscribe"`
	Chat      bool     `json:"chat"`
	Moderate  bool     `json:"moderate"`
}

// Signaller carries messages to one peer's client.
//
// Send queues m and returns at once; it may be called from any goroutine, also
// under a lock. Messages arrive in the order of the calls. The caller must not
// change m afterwards. The error is non-nil when the client has left or its
// queue was full; either way the peer is already being removed and there is
// nothing to undo. Send does not report delivery.
type Signaller interface{ Send(m Message) error }
