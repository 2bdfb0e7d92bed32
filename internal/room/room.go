package room

import (
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aq-server/internal/chat"
	"aq-server/internal/types"
)

// Room is the people of one room. Its members, their states, its chat and the
// order in which all of that happened are guarded by mu; whatever is told to
// members is queued under mu, so that all of them see the same order.
type Room struct {
	// Set by newRoom, then constant.
	manager *RoomManager
	id      string
	started time.Time
	log     *slog.Logger
	media   func() Media // makes it on the first call

	begun atomic.Bool // somebody has been in it

	// Guarded by RoomManager.mu.
	pins  int  // joins under way and other holders; the room stays while > 0
	ended bool // no longer in the manager's map

	// mu comes after RoomManager.mu and before the locks of Conns.
	mu         sync.Mutex
	members    []*Member // in the order of joining
	history    *chat.History
	chatID     uint64 // of the last chat message
	mediaStart bool   // media() has been called
	policy     types.Policy
	bans       map[ban]struct{}
	waiting    []*Knock // the first to come first
	// reactions wait to be told, and reacting runs while a moment of them does;
	// see reaction.go.
	reactions []types.Reaction
	reacting  bool
}

func newRoom(rm *RoomManager, id string) *Room {
	return &Room{
		manager: rm,
		id:      id,
		started: time.Now(),
		log:     rm.opts.Log.With("room", id),
		media:   sync.OnceValue(func() Media { return rm.opts.NewMedia(id) }),
		history: chat.NewHistory(rm.opts.ChatHistory, chat.RoomBytes, rm.budget),
		// Ids begin at the time, in milliseconds, so that they also grow from
		// one life of a room (or of the server) to the next: a client that was
		// away for longer and asks for what came after its last_chat gets it.
		chatID: uint64(max(time.Now().UnixMilli(), 0)),
		policy: types.Policy{Lobby: rm.opts.Lobby, Screen: true, Chat: true},
		bans:   map[ban]struct{}{},
	}
}

// Release gives back what GetOrCreateRoom took. A room that nobody is in ends.
func (r *Room) Release() {
	r.manager.mu.Lock()
	r.pins--
	r.manager.mu.Unlock()
	r.manager.collect(r)
}

// end frees what the room holds, after it was taken out of the manager's map.
func (r *Room) end() {
	r.mu.Lock()
	r.history.Close()
	started := r.mediaStart
	r.mu.Unlock()
	if started {
		r.media().Close()
	}
}

// join makes a member and tells everyone.
func (r *Room) join(req JoinRequest) (*Member, error) {
	m := newMember(r, req)
	if err := r.admit(m, req); err != nil {
		return nil, err
	}
	m.log.Info("joined", "username", req.Username, "protocol", req.Protocol)
	return m, nil
}

func (r *Room) admit(m *Member, req JoinRequest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.turnedAwayLocked(req); err != nil && !req.admitted {
		return err
	}
	if r.mustWaitLocked(req) {
		return r.waitLocked(req)
	}
	if r.fullLocked() {
		return errRoomFull()
	}
	if !r.manager.reservePeer() {
		return errServerFull()
	}
	r.members = append(r.members, m)
	if r.inheritLocked() == m {
		m.state.Moderator = true
	}
	r.mediaStart = true
	r.welcomeLocked(m, req.LastChat, false)
	m.connectLocked(req.Conn)
	if m.state.Moderator && len(r.waiting) > 0 {
		r.tellWaitingLocked(m)
	}
	if !r.begun.Swap(true) {
		r.manager.opts.Hook(types.Hook{Event: types.HookRoomStarted, Room: r.id})
	}
	r.hookLocked(types.HookPeerJoined, m, "")
	r.tellPresenceLocked(types.NewMessage(types.EventPeerJoined, m.infoLocked()), m)
	return nil
}

// hold keeps the room from ending until Release.
func (r *Room) hold() {
	r.manager.mu.Lock()
	r.pins++
	r.manager.mu.Unlock()
}

// remove takes m out if it is still in and condition, called under mu, holds.
// It reports whether it did. The room is held meanwhile: its media ends after
// that of its last member.
func (r *Room) remove(m *Member, reason types.LeaveReason, condition func() bool) bool {
	r.hold()
	defer r.Release()
	media, conn, heir, removed := r.takeOut(m, reason, condition)
	if !removed {
		return false
	}
	if media != nil { // else startMedia is under way and finds the member gone
		r.media().RemovePeerConnection(media)
	}
	if conn != nil {
		conn.Close(causeOf(reason))
	}
	if heir != nil {
		heir.applyBlocks()
	}
	r.dismissWaiting()
	m.log.Info("left", "reason", string(reason), "after", time.Since(m.peer.JoinedAt).Round(time.Millisecond))
	r.manager.releasePeer()
	r.manager.remember(m)
	return true
}

// takeOut also returns who moderates now in his place, if somebody does.
func (r *Room) takeOut(
	m *Member, reason types.LeaveReason, condition func() bool,
) (media MediaPeer, conn Conn, heir *Member, removed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.gone || !condition() {
		return nil, nil, nil, false
	}
	conn = m.conn
	m.gone = true
	m.closePrivateLocked()
	m.disconnectLocked()
	m.stopWaitingLocked()
	if i := slices.Index(r.members, m); i >= 0 {
		r.members = slices.Delete(r.members, i, i+1)
	}
	r.tellPresenceLocked(types.NewMessage(types.EventPeerLeft, types.PeerLeft{
		PeerID: m.peer.ID, Username: m.username, Reason: reason,
	}), nil)
	r.hookLocked(types.HookPeerLeft, m, reason)
	if heir = r.inheritLocked(); heir != nil {
		heir.setModeratorLocked(true)
	}
	return m.media, conn, heir, true
}

func (r *Room) hookLocked(event string, m *Member, reason types.LeaveReason) {
	r.manager.opts.Hook(types.Hook{Event: event, Room: r.id, Peer: &types.HookPeer{
		PeerID: m.peer.ID, Username: m.username, Subject: m.subject, Reason: reason,
	}})
}

// tellLocked queues an extension event for every member but one (nil: for all).
// Base clients would ignore it, so it is not sent to them.
func (r *Room) tellLocked(msg types.Message, but *Member) {
	frame := encode(msg)
	for _, m := range r.members {
		if m != but && m.peer.Protocol >= 1 {
			m.sendEncodedLocked(frame)
		}
	}
}

// crowdSize is from how many people on it may take a moment until everybody knows who has
// come: of a hundred who come at once, each would be told a hundred times.
const crowdSize = 32

// tellPresenceLocked is tellLocked for who comes, goes, and how he is.
func (r *Room) tellPresenceLocked(msg types.Message, but *Member) {
	if len(r.members) < crowdSize {
		r.tellLocked(msg, but)
		return
	}
	frame := encode(msg)
	for _, m := range r.members {
		if m != but && m.peer.Protocol >= 1 && m.conn != nil {
			_ = m.conn.SendSoon(frame) // an error means that he is being removed
		}
	}
}

// welcomeLocked queues the first message to a protocol=1 client.
func (r *Room) welcomeLocked(m *Member, lastChat string, resumed bool) {
	if m.peer.Protocol < 1 {
		return
	}
	peers := make([]types.PeerInfo, 0, len(r.members))
	for _, other := range r.members {
		if other != m {
			peers = append(peers, other.infoLocked())
		}
	}
	opts := &r.manager.opts
	_ = m.conn.Send(types.NewMessage(types.EventWelcome, types.Welcome{
		Protocol:    1,
		PeerID:      m.peer.ID,
		Room:        r.id,
		Username:    m.username,
		Permissions: m.permissionsLocked(),
		Peers:       peers,
		Chat:        r.missedLocked(m, lastChat),
		ICEServers:  opts.ICEServers,
		Resume:      types.Resume{Token: m.token, WindowSeconds: int(opts.ResumeWindow / time.Second)},
		Resumed:     resumed,
		Policy:      r.policy,
		Muted:       m.muted | m.state.Muted,
		Files:       types.FileLimits{MaxBytes: opts.FileMaxBytes},
	}))
}

func (r *Room) list() []*Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.members)
}

func (r *Room) peers() []types.PeerInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	infos := make([]types.PeerInfo, 0, len(r.members))
	for _, m := range r.members {
		infos = append(infos, m.infoLocked())
	}
	return infos
}

func (r *Room) connected() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, m := range r.members {
		if m.conn != nil {
			n++
		}
	}
	return n
}

// names is NamesInside, but for the check whether he would be let in.
func (r *Room) names(req JoinRequest, most int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mustWaitLocked(req) {
		return nil
	}
	var names []string
	for _, m := range r.members {
		if m.conn != nil && len(names) < most {
			names = append(names, m.username)
		}
	}
	return names
}

func (r *Room) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.members) == 0
}

// refuses says why a newcomer would not be let in now, nil if he would. Who has
// to wait is not refused.
func (r *Room) refuses(req JoinRequest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.turnedAwayLocked(req); err != nil {
		return err
	}
	if r.fullLocked() && !r.mustWaitLocked(req) {
		return errRoomFull()
	}
	return nil
}

func (r *Room) fullLocked() bool {
	limit := r.manager.opts.RoomMaxPeers
	return limit > 0 && len(r.members) >= limit
}

// encode is done once for all receivers.
func encode(msg types.Message) []byte {
	frame, err := json.Marshal(msg)
	if err != nil {
		panic("room: encode " + msg.Event + ": " + err.Error()) // strings and a number always encode
	}
	return frame
}
