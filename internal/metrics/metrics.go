// Package metrics counts what the server does: typed atomic counters, shown as
// JSON and as Prometheus text.
//
// No label and no name ever comes from a client, so the number of series is
// fixed when the program is built.
package metrics

import (
	"slices"
	"sync/atomic"
)

// Metrics holds the counters of one server. Each is added to where the thing
// happens, with one atomic operation, from any goroutine. Create with New; a
// Metrics must not be copied.
type Metrics struct {
	// WebSockets. Created - Closed = Active; a refused upgrade is none of them.
	ActiveConnections       atomic.Int64
	TotalConnectionsCreated atomic.Int64
	TotalConnectionsClosed  atomic.Int64

	// Messages received from clients, chat included, and how many of them were
	// answered with an error event.
	TotalMessagesProcessed atomic.Int64
	TotalChatMessages      atomic.Int64
	MessagesRejected       atomic.Int64
	// Reactions are those that were told to rooms: what came too fast is not.
	Reactions atomic.Int64

	// Files: offered, and their bytes from senders and to receivers.
	FileOffers   atomic.Int64
	FileBytesIn  atomic.Int64
	FileBytesOut atomic.Int64
	FileEnds     [fileEnds]atomic.Int64
	FileRefusals [fileRefusals]atomic.Int64

	// Published tracks.
	TotalTracksAdded   atomic.Int64
	TotalTracksRemoved atomic.Int64

	// Rooms and the people in them now. A peer whose WebSocket was lost counts
	// until its resume window ends.
	ActiveRooms atomic.Int64
	ActivePeers atomic.Int64

	// RTP from publishers and to subscribers, RTX included; bytes are those of
	// whole RTP packets before encryption.
	PacketsIn, BytesIn   atomic.Int64
	PacketsOut, BytesOut atomic.Int64
	// PacketsDropped counts RTP packets that were not forwarded to one
	// subscriber, or to none, by reason.
	PacketsDropped [dropReasons]atomic.Int64

	// How packets get to the kernel: system calls that sent batches, the messages
	// in them, the datagrams that the kernel refused, those that it took singly
	// only, and how often a socket had no room. And by which of the two ways the
	// packets of a PeerConnection go, see sfu.PacketWriter.
	SendCalls, SendMessages                atomic.Int64
	SendFailed, SendResent, SendWaits      atomic.Int64
	ConnectionsSealed, ConnectionsBySender atomic.Int64

	// Repair. NACKs are counted in sequence numbers asked for, not in RTCP
	// packets.
	NacksIn  atomic.Int64 // from subscribers
	NacksOut atomic.Int64 // to publishers
	RTXOut   atomic.Int64 // packets sent again, by RTX or as they were
	PLIsIn   atomic.Int64 // PLI and FIR from subscribers
	PLIsOut  atomic.Int64 // PLI to publishers

	// Congestion control toward subscribers, counted for each video of each.
	LayersLowered atomic.Int64 // a smaller layer, because the way does not carry the other
	LayersRaised  atomic.Int64 // a larger one, or one again after a pause
	VideosPaused  atomic.Int64 // none: not even the smallest has room
	ProbePackets  atomic.Int64 // of padding, to find out about more room

	// Offers sent, and those that ended without a usable answer.
	Negotiations       atomic.Int64
	NegotiationsFailed atomic.Int64

	// Media paths that fell silent, ICE restarts that were offered, by cause, and
	// what the watchdog found and did.
	MediaSilences   atomic.Int64
	MediaRestarts   [restartCauses]atomic.Int64
	WatchdogFaults  [faultCauses]atomic.Int64
	WatchdogRepairs [repairSteps]atomic.Int64

	// Moderations counts what moderators and the administrator did, by action, and
	// Waiting the people who wait to be let in now.
	Moderations [moderations]atomic.Int64
	Waiting     atomic.Int64

	// AdminRefused counts requests without the administrator's key.
	AdminRefused atomic.Int64

	// Webhooks counts hooks by what became of them; one that is retried counts
	// each time.
	Webhooks [hookResults]atomic.Int64

	// RefusedJoins counts joins refused before the upgrade, by reason.
	RefusedJoins [refuseReasons]atomic.Int64

	// How connections ended or came back.
	SlowConsumers     atomic.Int64 // closed with 1008 "slow consumer"
	KeepaliveTimeouts atomic.Int64 // closed with 4008
	Resumes           atomic.Int64 // welcomes with resumed: true

	// NegotiationTime is from an offer to its answer, JoinTime from a join to
	// media that is connected, ForwardTime from the arrival of a packet to its
	// being written to the last subscriber (of one packet of each batch), and
	// Bandwidth what the ways to clients carry, in bits per second, each time the
	// client is told.
	NegotiationTime, JoinTime, ForwardTime, Bandwidth Histogram

	// Panics returns the panics recovered from in this process. Set it before
	// the first use of Handler; nil counts as none.
	Panics func() int64
}

// New returns counters that are all zero.
func New() *Metrics {
	return &Metrics{
		NegotiationTime: newHistogram(waitBounds, 1e9), JoinTime: newHistogram(waitBounds, 1e9),
		ForwardTime: newHistogram(forwardBounds, 1e9), Bandwidth: newHistogram(rateBounds, 1),
	}
}

// DropReason says why an RTP packet was not forwarded.
type DropReason int

// Why packets are dropped.
const (
	DropMalformed  DropReason = iota // not parseable, or a header we cannot forward
	DropDuplicate                    // there before, or later than the history reaches back
	DropWriteError                   // the write to the subscriber failed
	DropBehind                       // the processor is too slow for all subscribers of the layer
	DropForbidden                    // muted by a moderator, or not allowed in the room
	dropReasons
)

var dropNames = [dropReasons]string{
	"malformed", "duplicate", "write_error", "behind", "forbidden",
}

// String returns the reason as the metrics show it.
func (r DropReason) String() string { return dropNames[r] }

// RefuseReason says why a join was refused before the upgrade.
type RefuseReason int

// Why joins are refused: the codes of docs/protocol.md, and RefusedOther for
// any other code.
const (
	RefusedOther RefuseReason = iota
	RefusedBadRoom
	RefusedBadUsername
	RefusedBadParameter
	RefusedNotWebSocket
	RefusedMethod
	RefusedOrigin
	RefusedNotPermitted
	RefusedTokenRequired
	RefusedTokenInvalid
	RefusedTooMany
	RefusedRoomLocked
	RefusedRemoved
	RefusedRoomFull
	RefusedServerFull
	RefusedTooManyRooms
	RefusedDraining
	refuseReasons
)

var refuseNames = [refuseReasons]string{
	"other", "bad_room", "bad_username", "bad_parameter", "not_websocket", "method_not_allowed",
	"origin_not_allowed", "not_permitted", "token_required", "token_invalid",
	"too_many_requests", "room_locked", "removed", "room_full", "server_full", "too_many_rooms", "draining",
}

// String returns the reason as the metrics show it.
func (r RefuseReason) String() string { return refuseNames[r] }

// RefuseJoin counts a refused join by its error code (types.ErrorCode). A code
// that is not among the reasons counts as RefusedOther.
func (m *Metrics) RefuseJoin(code string) {
	reason := RefusedOther
	for i, name := range refuseNames {
		if name == code {
			reason = RefuseReason(i)
			break
		}
	}
	m.RefusedJoins[reason].Add(1)
}

// HookResult is what became of a webhook.
type HookResult int

// What becomes of webhooks.
const (
	HookSent HookResult = iota
	HookRetried
	HookDropped
	hookResults
)

var hookNames = [hookResults]string{"sent", "retried", "dropped"}

// moderationNames are the actions of moderators (types.Actions), and one name for
// any other.
var moderationNames = [moderations]string{
	"other", "mute", "unmute", "remove", "lock", "lobby", "allow", "promote", "hand_over", "clear_chat", "close", "notice",
}

const moderations = 12

// Moderated counts what a moderator did.
func (m *Metrics) Moderated(action string) {
	m.Moderations[max(slices.Index(moderationNames[:], action), 0)].Add(1)
}
