// Package room knows who is in which room and in which order things happened
// there: joins, leaves, states and chat. Media is another matter (Media); the
// way from a member to his media is one way, and back only types.Signaller and
// Observer lead.
//
// Lock order: RoomManager.mu -> Room.mu -> the lock of a Conn. Media is never
// called under any of them.
package room

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"aq-server/internal/chat"
	"aq-server/internal/metrics"
	"aq-server/internal/types"
)

// Options is what a RoomManager is made from. All fields are needed, except
// that a limit of 0 means none.
type Options struct {
	// NewMedia makes the media of a room. It must not block.
	NewMedia func(room string) Media
	Metrics  *metrics.Metrics
	Log      *slog.Logger

	MaxRooms     int // rooms on this server
	RoomMaxPeers int // members of one room, those who may come back included
	MaxPeers     int // members of all rooms, the same

	// ChatHistory is the number of messages a late joiner gets; 0: none.
	ChatHistory int
	// FileMaxBytes is the size of the largest file that clients may offer; 0: none.
	FileMaxBytes int64
	// ResumeWindow is how long a protocol=1 member whose socket broke may come
	// back as himself; 0: not at all.
	ResumeWindow time.Duration
	// GrantsOnly lets nobody in whose JoinRequest has no Grant.
	GrantsOnly bool
	// FirstModerates: whoever is first in a room moderates it, and after him
	// whoever has been there longest.
	FirstModerates bool
	// Lobby has newcomers of every room wait until a moderator lets them in.
	Lobby bool
	// Hook is told when rooms begin and end and people come and go; nil: nobody
	// is. It is called under locks and returns at once.
	Hook func(types.Hook)
	// ICEServers goes to clients as it is.
	ICEServers []types.ICEServer
}

// RoomManager holds the rooms of one server. All methods may be called from any
// goroutine.
type RoomManager struct {
	opts   Options
	budget *chat.Budget
	tasks  tasks
	peers  atomic.Int64 // members of all rooms

	mu       sync.Mutex // guards what follows, and Room.pins and Room.ended
	rooms    map[string]*Room
	past     []past
	draining bool
}

// NewManager returns a manager without rooms. End it with Close.
func NewManager(opts Options) *RoomManager {
	if opts.ICEServers == nil {
		opts.ICEServers = []types.ICEServer{} // the welcome has [], never null
	}
	if opts.Hook == nil {
		opts.Hook = func(types.Hook) {}
	}
	return &RoomManager{
		opts:   opts,
		budget: chat.NewBudget(chat.TotalBytes),
		rooms:  make(map[string]*Room),
	}
}

// GetOrCreateRoom returns the room of that name (as names.Room gave it), new if
// need be, and keeps it from ending until Release is called, which every caller
// must do: that is how a join and the leave of the last member cannot miss each
// other. An error is a *types.ProtocolError: too_many_rooms or draining.
func (rm *RoomManager) GetOrCreateRoom(id string) (*Room, error) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	if rm.draining {
		return nil, errDraining()
	}
	r := rm.rooms[id]
	if r == nil {
		if rm.opts.MaxRooms > 0 && len(rm.rooms) >= rm.opts.MaxRooms {
			return nil, errTooManyRooms()
		}
		r = newRoom(rm, id)
		rm.rooms[id] = r
		rm.opts.Metrics.ActiveRooms.Add(1)
	}
	r.pins++
	return r, nil
}

// pin is GetOrCreateRoom for a room that must be there already; nil if not.
func (rm *RoomManager) pin(id string) *Room {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	r := rm.rooms[id]
	if r != nil {
		r.pins++
	}
	return r
}

// CanJoin reports, without joining, how AddPeerToRoom would refuse a client now:
// nil, or a *types.ProtocolError with the code draining, token_required,
// room_full, server_full or too_many_rooms. Somebody who comes back with his
// resume token has his place already. Of req only Room, Resume and Grant count.
func (rm *RoomManager) CanJoin(req JoinRequest) error {
	rm.mu.Lock()
	r, draining, rooms := rm.rooms[req.Room], rm.draining, len(rm.rooms)
	rm.mu.Unlock()
	switch {
	case draining:
		return errDraining()
	case r != nil && r.knows(req.Resume):
		return nil
	case rm.opts.GrantsOnly && req.Grant == nil:
		return errTokenRequired()
	case r == nil && rm.opts.MaxRooms > 0 && rooms >= rm.opts.MaxRooms:
		return errTooManyRooms()
	case r != nil && r.refuses(req) != nil:
		return r.refuses(req)
	case rm.opts.MaxPeers > 0 && rm.peers.Load() >= int64(rm.opts.MaxPeers):
		return errServerFull()
	}
	return nil
}

// Knows tells whether a resume token is that of somebody in the room.
func (rm *RoomManager) Knows(id, resume string) bool {
	rm.mu.Lock()
	r := rm.rooms[id]
	rm.mu.Unlock()
	return r != nil && r.knows(resume)
}

// reservePeer takes one of MaxPeers places.
func (rm *RoomManager) reservePeer() bool {
	if n := rm.peers.Add(1); rm.opts.MaxPeers > 0 && n > int64(rm.opts.MaxPeers) {
		rm.peers.Add(-1)
		return false
	}
	rm.opts.Metrics.ActivePeers.Add(1)
	return true
}

func (rm *RoomManager) releasePeer() {
	rm.peers.Add(-1)
	rm.opts.Metrics.ActivePeers.Add(-1)
}

// JoinRequest is a client that wants into a room.
type JoinRequest struct {
	Conn Conn
	// Room and Username are as package names returned them.
	Room, Username string
	// Protocol is 1 for a client that speaks the extensions, 0 for the base.
	Protocol int
	// Browser: the join came from a page.
	Browser bool
	// Remote is the client's address, for logs.
	Remote string
	// Grant is what his token allows him; nil: he has none, and may do what
	// everybody may.
	Grant *Grant
	// Device is what his browser is known by, "" if by nothing.
	Device string
	// Knock is needed to wait where newcomers wait.
	Knock *Knock

	admitted bool // he has waited

	// Resume is the token of an earlier welcome, "" for none. Keep: the client
	// still has his PeerConnection. LastChat is the id of the last chat message
	// he has, "" for none.
	Resume   string
	Keep     bool
	LastChat string
	// Attempt grows from one attempt of this client to the next, 0 if he does not
	// say: his attempts may arrive in another order than he made them, or after
	// he has given them up.
	Attempt uint64
}

// AddPeerToRoom puts a client into a room, in one step with making the room. In
// this order, the client's queue gets the welcome (protocol=1 only) and then
// what his media has to say, and the others get peer_joined. With the resume
// token of a member, that member is returned with its socket exchanged; any
// other token is not an error.
//
// A refusal is a *types.ProtocolError as in CanJoin; the Conn is then untouched,
// except that while draining it may have been closed with ErrShutdown. It is
// ErrReplaced for an attempt that a later one of the same client has overtaken,
// and ErrWaiting for somebody who has to wait until he is let in.
func (rm *RoomManager) AddPeerToRoom(req JoinRequest) (*Member, error) {
	if !rm.tasks.enter() {
		return nil, errDraining()
	}
	defer rm.tasks.leave()
	m, err := rm.add(req)
	if err != nil {
		return nil, err
	}
	// Close may have looked at the room before this member was in.
	if rm.isDraining() {
		rm.RemovePeerFromRoom(m, types.LeaveShutdown)
		return nil, errDraining()
	}
	return m, nil
}

func (rm *RoomManager) add(req JoinRequest) (*Member, error) {
	if req.Protocol >= 1 && req.Resume != "" {
		if r := rm.pin(req.Room); r != nil {
			defer r.Release()
			if m, err := r.resume(req); m != nil || err != nil {
				return m, err
			}
		}
	}
	if rm.opts.GrantsOnly && req.Grant == nil {
		return nil, errTokenRequired() // he relied on a resume token that has ended meanwhile
	}
	r, err := rm.GetOrCreateRoom(req.Room)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	r.hold() // for as long as he waits, if he does
	m, err := r.join(req)
	if !errors.Is(err, ErrWaiting) {
		r.Release()
	}
	if err != nil {
		return nil, err
	}
	started := false
	defer func() { // a panic in media must not leave half a member behind
		if !started {
			rm.RemovePeerFromRoom(m, types.LeaveError)
		}
	}()
	m.startMedia()
	started = true
	return m, nil
}

// RemovePeerFromRoom takes a member out for good and tells the others why. If
// his socket is still open, it is closed. Whoever is removed already is left
// alone, so the call is idempotent.
func (rm *RoomManager) RemovePeerFromRoom(m *Member, reason types.LeaveReason) {
	m.room.remove(m, reason, func() bool { return true })
}

// GetPeersInRoom returns who is in a room, in the order of joining, with those
// whose connection is lost but may come back. It is empty for an unknown room.
func (rm *RoomManager) GetPeersInRoom(id string) []types.PeerInfo {
	rm.mu.Lock()
	r := rm.rooms[id]
	rm.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.peers()
}

// CountPeers returns how many members of a room are connected.
func (rm *RoomManager) CountPeers(id string) int {
	rm.mu.Lock()
	r := rm.rooms[id]
	rm.mu.Unlock()
	if r == nil {
		return 0
	}
	return r.connected()
}

// NamesInside returns the usernames of the first of those who are connected, at
// most so many, for somebody who would be among them if he joined now: nobody's
// for who would be refused or have to wait.
func (rm *RoomManager) NamesInside(req JoinRequest, most int) []string {
	if rm.CanJoin(req) != nil {
		return nil
	}
	rm.mu.Lock()
	r := rm.rooms[req.Room]
	rm.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.names(req, most)
}

// GetAllRooms returns the number of connected members of each room that has any.
func (rm *RoomManager) GetAllRooms() map[string]int {
	counts := make(map[string]int)
	for _, r := range rm.all() {
		if n := r.connected(); n > 0 {
			counts[r.id] = n
		}
	}
	return counts
}

func (rm *RoomManager) all() []*Room {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	rooms := make([]*Room, 0, len(rm.rooms))
	for _, r := range rm.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// collect ends a room that nobody is in, nobody joins and nobody holds.
func (rm *RoomManager) collect(r *Room) {
	rm.mu.Lock()
	end := r.pins == 0 && !r.ended && r.empty()
	if end {
		r.ended = true
		delete(rm.rooms, r.id)
		rm.opts.Metrics.ActiveRooms.Add(-1)
		if r.begun.Load() {
			rm.opts.Hook(types.Hook{Event: types.HookRoomEnded, Room: r.id})
		}
	}
	rm.mu.Unlock()
	// Closing media waits for it; the member who left last does not.
	if end && !rm.tasks.start("room "+r.id, r.end) {
		r.end()
	}
}

func (rm *RoomManager) isDraining() bool {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	return rm.draining
}

// Drain refuses every join from now on.
func (rm *RoomManager) Drain() {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	rm.draining = true
}

// Close is Drain, removes every member, closing his socket with ErrShutdown if it
// is still open, and waits for the media of all rooms to end. It does not wait
// for sockets: they are their handler's. It is idempotent.
func (rm *RoomManager) Close() {
	rm.Drain()
	for _, r := range rm.all() {
		for _, m := range r.list() {
			rm.RemovePeerFromRoom(m, types.LeaveShutdown)
		}
	}
	rm.tasks.close()
}
