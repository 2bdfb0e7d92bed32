package types

import (
	"encoding/json"
	"fmt"
)

// Event names of the protocol. The first four are the base that every client
// speaks; the others are the extensions of protocol=1.
const (
	EventOffer     = "offer"
	EventAnswer    = "answer"
	EventCandidate = "candidate"
	EventChat      = "chat"

	EventWelcome     = "welcome"
	EventPeerJoined  = "peer_joined"
	EventPeerLeft    = "peer_left"
	EventPeerUpdated = "peer_updated"
	EventTracks      = "tracks"
	EventPublish     = "publish"
	EventUnpublish   = "unpublish"
	EventState       = "state"
	EventView        = "view"
	EventLayers      = "layers"
	EventSpeakers    = "speakers"
	EventQuality     = "quality"
	EventRestart     = "restart"
	EventReaction    = "reaction"
	EventLeave       = "leave"
	EventPing        = "ping"
	EventPong        = "pong"
	EventError       = "error"
)

// Message is one frame of the protocol, both ways. Data is always a string;
// where it carries structure it is JSON text inside that string, so that a
// client whose type says `Data string` never breaks. Fields that an event does
// not use are left out on the wire.
type Message struct {
	Event string `json:"event"`
	Data  string `json:"data"`

	// OfferID numbers the offers to one peer from 1. An answer may repeat it.
	OfferID uint64 `json:"offer_id,omitempty"`

	// The rest belongs to chat events only.

	// Message repeats Data, for clients that read this field.
	Message string `json:"message,omitempty"`
	// Time is the server's clock, HH:MM:SS.
	Time string `json:"time,omitempty"`
	// ID orders the messages of a room: a decimal number that only grows.
	ID   string `json:"id,omitempty"`
	From PeerID `json:"from,omitempty"`
	// To is who else reads it, empty for the whole room.
	To       PeerID `json:"to,omitempty"`
	Username string `json:"username,omitempty"`
	// Timestamp is RFC 3339 with milliseconds, UTC.
	Timestamp string `json:"timestamp,omitempty"`
}

// NewMessage returns a message whose data is the JSON text of v. It panics when
// v cannot be encoded, which is a mistake in this program, never in its input.
func NewMessage(event string, v any) Message {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("types: encode %s: %v", event, err))
	}
	return Message{Event: event, Data: string(data)}
}

// ChatMessage is one message of a history, as in Welcome.Chat.
type ChatMessage struct {
	ID        string `json:"id"`
	From      PeerID `json:"from"`
	To        PeerID `json:"to,omitempty"` // who else reads it; empty: the whole room
	Username  string `json:"username"`
	Message   string `json:"message"`
	Time      string `json:"time"`
	Timestamp string `json:"timestamp"`
}

// Event returns the message as the chat event that carries it.
func (c ChatMessage) Event() Message {
	return Message{
		Event: EventChat, Data: c.Message, Message: c.Message, Time: c.Time,
		ID: c.ID, From: c.From, To: c.To, Username: c.Username, Timestamp: c.Timestamp,
	}
}

// ICEServer has the shape that RTCPeerConnection takes.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Resume is the way back into the room after a lost WebSocket.
type Resume struct {
	Token         string `json:"token"`
	WindowSeconds int    `json:"window_seconds"`
}

// Welcome is the first message to a protocol=1 client.
type Welcome struct {
	Protocol    int           `json:"protocol"`
	PeerID      PeerID        `json:"peer_id"`
	Room        string        `json:"room"`
	Username    string        `json:"username"`
	Permissions Permissions   `json:"permissions"`
	Peers       []PeerInfo    `json:"peers"` // without the receiver himself
	Chat        []ChatMessage `json:"chat"`  // oldest first
	ICEServers  []ICEServer   `json:"iceServers"`
	Resume      Resume        `json:"resume"`
	Resumed     bool          `json:"resumed"`
	Policy      Policy        `json:"policy"`
	// Muted are the receiver's own sources that are muted, hard or not: what he
	// sends of them is not forwarded.
	Muted SourceSet  `json:"muted"`
	Files FileLimits `json:"files"`
}

// PeerLeft says that a peer is gone for good.
type PeerLeft struct {
	PeerID   PeerID      `json:"peer_id"`
	Username string      `json:"username"`
	Reason   LeaveReason `json:"reason"`
}

// LeaveReason says why a peer is gone.
type LeaveReason string

// Why a peer left.
const (
	LeaveLeft     LeaveReason = "left"     // close frame 1000/1001 or the leave event
	LeaveTimeout  LeaveReason = "timeout"  // no pong, or the resume window ran out
	LeaveLost     LeaveReason = "lost"     // a base client's socket broke
	LeaveRejected LeaveReason = "rejected" // closed for breaking the protocol or a limit
	LeaveError    LeaveReason = "error"    // a fault inside the server
	LeaveRemoved  LeaveReason = "removed"  // by a moderator, or by the administrator
	LeaveShutdown LeaveReason = "shutdown" // the server is going down
)

// TrackMapping tells which published track an m-line of the receiver's
// PeerConnection carries now.
type TrackMapping struct {
	MID string `json:"mid"`
	TrackInfo
}

// PublishSlot is an m-line that awaits the receiver's own track.
type PublishSlot struct {
	MID    string `json:"mid"`
	Kind   Kind   `json:"kind"`
	Source Source `json:"source"`
	// RIDs are the simulcast layers offered, lowest first; empty for one layer.
	RIDs []string `json:"rids,omitempty"`
}

// Tracks is the whole picture of a peer's m-lines: what is not listed carries
// nothing.
type Tracks struct {
	Tracks  []TrackMapping `json:"tracks"`
	Publish []PublishSlot  `json:"publish"`
	// Unassigned are tracks of the room that no m-line carries now because all
	// slots are taken. A view of such a track asks for a slot.
	Unassigned []TrackInfo `json:"unassigned"`
}

// Publish asks for an m-line to send on; Unpublish gives it back.
type Publish struct {
	Source Source `json:"source"`
	Kind   Kind   `json:"kind,omitempty"` // must fit the source when given
}

// StateUpdate changes the sender's own state; nil fields stay as they are.
type StateUpdate struct {
	Microphone *bool   `json:"microphone,omitempty"`
	Camera     *bool   `json:"camera,omitempty"`
	Hand       *bool   `json:"hand,omitempty"`
	Quality    *int    `json:"quality,omitempty"` // as in PeerState
	Username   *string `json:"username,omitempty"`
}

// React shows the others a picture for a moment.
type React struct {
	Emoji string `json:"emoji"`
}

// Reactions are those of the last moment, the first to come first.
type Reactions struct {
	Reactions []Reaction `json:"reactions"`
}

// Reaction is one of them.
type Reaction struct {
	PeerID PeerID `json:"peer_id"`
	Emoji  string `json:"emoji"`
}

// View says how the sender shows tracks. Tracks that are not named stay as
// they were; a track never named is wanted at full size.
type View struct {
	Tracks []TrackView `json:"tracks"`
}

// TrackView is the size, in device pixels, at which a track is shown. 0 means
// no limit.
type TrackView struct {
	TrackID TrackID `json:"track_id"`
	Width   int     `json:"width,omitempty"`
	Height  int     `json:"height,omitempty"`
	Hidden  bool    `json:"hidden,omitempty"`
}

// Layers tells a publisher which of his layers somebody watches.
type Layers struct {
	Tracks []LayerDemand `json:"tracks"`
}

// LayerDemand is the demand for one published track that has layers.
type LayerDemand struct {
	MID    string `json:"mid"`
	Source Source `json:"source"`
	// RIDs are the layers to send, the smallest first.
	RIDs []string `json:"rids"`
}

// Speakers lists who speaks, loudest first.
type Speakers struct {
	Speakers []Speaker `json:"speakers"`
}

// Speaker is one of them. Level is linear, 0 (silence) to 1 (full scale).
type Speaker struct {
	PeerID PeerID  `json:"peer_id"`
	Level  float64 `json:"level"`
}

// Quality is what the server knows of the way to the receiver.
type Quality struct {
	// Score is 1 (unusable) to 5 (perfect).
	Score int `json:"score"`
	// BandwidthBPS is what the way to the client carries, in bits per second, as
	// its own reports say: what arrived lately as long as it has shown no limit;
	// 0 when unknown.
	BandwidthBPS int64 `json:"bandwidth_bps"`
	// RTTMillis is the round-trip time in milliseconds; 0 when unknown.
	RTTMillis int `json:"rtt_ms"`
	// Loss is the share of packets lost on the way to the client, 0 to 1.
	Loss   float64       `json:"loss"`
	Paused []PausedTrack `json:"paused"`
	// Layers are the simulcast layers that are being sent.
	Layers []TrackLayer `json:"layers,omitempty"`
}

// TrackLayer says which layer of a track the receiver gets.
type TrackLayer struct {
	TrackID TrackID `json:"track_id"`
	RID     string  `json:"rid"`
}

// PausedTrack is a track that is not being sent to the receiver.
type PausedTrack struct {
	TrackID TrackID     `json:"track_id"`
	Reason  PauseReason `json:"reason"`
}

// PauseReason says why a track is not being sent.
type PauseReason string

// Why a track is paused.
const (
	PausedHidden PauseReason = "hidden"  // the receiver's view says so
	PausedNoSlot PauseReason = "no_slot" // all slots carry other tracks
	PausedCodec  PauseReason = "codec"   // the receiver cannot decode it
	PausedSource PauseReason = "source"  // its publisher sends nothing
	// PausedBandwidth: the way to the receiver does not carry it.
	PausedBandwidth PauseReason = "bandwidth"
)

// ErrorCode is a stable machine-readable word; the list is in docs/protocol.md.
type ErrorCode string

// Codes of refusals (HTTP) and of error events (WebSocket).
const (
	CodeBadRoom         ErrorCode = "bad_room"
	CodeBadUsername     ErrorCode = "bad_username"
	CodeBadParameter    ErrorCode = "bad_parameter"
	CodeNotWebSocket    ErrorCode = "not_websocket"
	CodeMethod          ErrorCode = "method_not_allowed"
	CodeNotFound        ErrorCode = "not_found"
	CodeOrigin          ErrorCode = "origin_not_allowed"
	CodeNotPermitted    ErrorCode = "not_permitted"
	CodeTokenRequired   ErrorCode = "token_required"
	CodeTokenInvalid    ErrorCode = "token_invalid"
	CodeAdminKey        ErrorCode = "admin_key_required"
	CodeNoSigner        ErrorCode = "no_signing_key"
	CodeTooMany         ErrorCode = "too_many_requests"
	CodeMediaType       ErrorCode = "unsupported_media_type"
	CodeTooLong         ErrorCode = "too_long"
	CodeRoomLocked      ErrorCode = "room_locked"
	CodeRemoved         ErrorCode = "removed"
	CodeWaiting         ErrorCode = "waiting"
	CodeNoSuchPeer      ErrorCode = "no_such_peer"
	CodeRoomFull        ErrorCode = "room_full"
	CodeServerFull      ErrorCode = "server_full"
	CodeTooManyRooms    ErrorCode = "too_many_rooms"
	CodeDraining        ErrorCode = "draining"
	CodeBadJSON         ErrorCode = "bad_json"
	CodeBadMessage      ErrorCode = "bad_message"
	CodeUnknownEvent    ErrorCode = "unknown_event"
	CodeUnexpected      ErrorCode = "unexpected_answer"
	CodeBadSDP          ErrorCode = "bad_sdp"
	CodeTooManyMLines   ErrorCode = "too_many_mlines"
	CodeBadCandidate    ErrorCode = "bad_candidate"
	CodeChatTooLong     ErrorCode = "chat_too_long"
	CodeChatEmpty       ErrorCode = "chat_empty"
	CodeBadSource       ErrorCode = "bad_source"
	CodeInternal        ErrorCode = "internal"
	CodeServerBusy      ErrorCode = "server_busy"
	CodeFilesOff        ErrorCode = "files_off"
	CodeFileTooLarge    ErrorCode = "file_too_large"
	CodeTooManyFiles    ErrorCode = "too_many_files"
	CodeNoSuchFile      ErrorCode = "no_such_file"
	CodeMediaNotReached ErrorCode = "media_not_connected"
	// CodeTooManyStreams is never sent: the socket is closed, with 1008.
	CodeTooManyStreams ErrorCode = "too_many_streams"
)

// ProtocolError is an error with a code that a client may see. Event is the
// event that caused it, if one did.
type ProtocolError struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"message"`
	Event   string    `json:"event,omitempty"`
	// Ref is the client's own name for the file that it is about.
	Ref string `json:"ref,omitempty"`
}

// Error returns the code and the text.
func (e *ProtocolError) Error() string { return string(e.Code) + ": " + e.Message }

// Errorf returns a ProtocolError. The text goes to the client: it names what is
// wrong with his message and nothing of the server's inside.
func Errorf(code ErrorCode, format string, args ...any) *ProtocolError {
	return &ProtocolError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// SessionDescription is the data of offer and answer.
type SessionDescription struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// Candidate is the data of a candidate event, in the shape of
// RTCIceCandidateInit.
type Candidate struct {
	Candidate        string  `json:"candidate"`
	SDPMid           *string `json:"sdpMid,omitempty"`
	SDPMLineIndex    *uint16 `json:"sdpMLineIndex,omitempty"`
	UsernameFragment *string `json:"usernameFragment,omitempty"`
}
