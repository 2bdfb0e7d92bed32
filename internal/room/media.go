package room

import (
	"log/slog"

	"aq-server/internal/types"
)

// Media is the forwarding of one room's audio and video, as the room needs it
// (sfu.Session behind an adapter in app; a fake in tests). The room makes it
// with its first member and closes it after its last. None of the methods is
// called under a lock of this package.
type Media interface {
	// AddPeerConnection starts the media of one peer: its first offer is on the
	// way to c.Signaller. It must not wait for the client.
	AddPeerConnection(c MediaConfig) MediaPeer
	// RemovePeerConnection ends it. It is idempotent and returns at once.
	RemovePeerConnection(p MediaPeer)
	// Close ends everything and waits until it is gone.
	Close()
}

// MediaConfig is what a peer's media is made from.
type MediaConfig struct {
	Peer types.Peer
	// Signaller stays the same when the client comes back on another socket.
	Signaller types.Signaller
	Observer  Observer
	// Permissions are for good; Blocked is what he may not send at first.
	Permissions types.Permissions
	Blocked     types.SourceSet
	Log         *slog.Logger
	// Errors is told of mistakes of the client that are found late, after the
	// handling method has returned. The error event has been sent already. It
	// does not block.
	Errors func(*types.ProtocolError)
}

// Observer hears from a peer's media. The methods do not block; they are called
// while the caller holds no lock.
type Observer interface {
	// Publishing says which of a base client's sources send now.
	Publishing(microphone, camera bool)
	// Silent says that nothing comes any more on the peer's media path although
	// something should, or that it does again.
	Silent(silent bool)
	// Failed says that the media of this peer ended by a fault of the server.
	Failed(err error)
}

// MediaPeer is the media of one peer. The methods check, queue and return; what
// is found wrong later arrives by MediaConfig.Errors.
type MediaPeer interface {
	HandleAnswer(sdp types.SessionDescription, offerID uint64) *types.ProtocolError
	HandleCandidate(c types.Candidate) *types.ProtocolError
	Publish(p types.Publish) *types.ProtocolError
	Unpublish(p types.Publish) *types.ProtocolError
	View(v types.View) *types.ProtocolError
	// File offers a file, or answers an offer.
	File(f types.File) *types.ProtocolError
	// Restart asks for an offer with new ICE credentials.
	Restart()
	// Nudge says that the client gave a sign of life on his socket: a closed
	// PeerConnection is replaced, and a silent media path repaired.
	Nudge()
	// Resume says that the client is back on a new socket. keep: he still has
	// his PeerConnection; otherwise a new one is made.
	Resume(s types.Signaller, keep bool)
	// Block sets the sources of which nothing is forwarded, whatever the client
	// sends. It takes effect at once.
	Block(set types.SourceSet)
	// MLines is the number of m-lines offered to this client so far.
	MLines() int
}

// Conn is one client's socket as the room needs it (the outbox of handlers).
// All methods return at once and may be called under a lock.
type Conn interface {
	types.Signaller
	// SendEncoded is Send for a message that is JSON already. The bytes are
	// shared between many sockets and never changed.
	SendEncoded(frame []byte) error
	// SendSoon is SendEncoded for what may wait a moment (50 ms) for more of its
	// kind; the order stays.
	SendSoon(frame []byte) error
	// Reject counts a mistake of the client that media found late.
	Reject(err *types.ProtocolError)
	// Probe sends a ping of its own, whose pong is told by Member.Answered. No
	// pong has no consequence.
	Probe()
	// Close ends the socket, after what has been queued where that is possible.
	// The cause (errors.go) decides the close code. Only the first call counts.
	Close(cause error)
}
