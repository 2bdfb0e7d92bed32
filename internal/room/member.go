package room

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"aq-server/internal/chat"
	"aq-server/internal/names"
	"aq-server/internal/timeline"
	"aq-server/internal/types"
)

// Member is one person in one room, for as long as he is there: it survives the
// exchange of his socket. It is the Signaller and the Observer of his media. All
// exported methods may be called from any goroutine; those that have an effect
// have none once he is gone.
type Member struct {
	// applying is held while media is told what to forward. It comes before
	// Room.mu.
	applying sync.Mutex

	// Constant.
	room    *Room
	peer    types.Peer
	granted types.Permissions
	device  string // what his browser is known by
	subject string // who he is by his token; "" if nobody says
	named   bool   // by his token: he may not call himself otherwise
	log     *slog.Logger
	line    *timeline.Timeline // what log gets, and more

	// ready is closed once media is set; media is written once, under Room.mu.
	ready chan struct{}
	media MediaPeer

	// signal is the socket that Send uses, nil while there is none. It follows
	// conn, and is apart from it because media calls Send under locks of its own,
	// which are never held together with Room.mu.
	signal atomic.Pointer[Conn]

	// quality is what noteQuality noted last.
	quality atomic.Pointer[string]

	// unproven is set from a join or a resume to the first message on its socket:
	// so long the welcome may not have arrived, and the token that was used stays
	// valid. Written under Room.mu.
	unproven atomic.Bool

	// Guarded by Room.mu.
	conn     Conn // nil while the connection is lost
	username string
	state    types.PeerState
	muted    types.SourceSet // muted softly or hard: nothing of it is forwarded
	silent   bool            // nothing comes on his media path
	token    string          // of the next resume; "" for a base client
	used     string          // the token of the last resume while unproven, else ""
	retired  string          // what used was before
	attempt  uint64          // of conn, 0: unknown
	waiting  chan struct{}   // closed when the wait for his return is over; nil when he is here
	gone     bool
	reacted  []string      // of the present moment of reactions
	private  *chat.History // written to and by him alone; nil until then
}

func newMember(r *Room, req JoinRequest) *Member {
	id := newPeerID()
	token := ""
	if req.Protocol >= 1 {
		token = newToken()
	}
	m := &Member{
		room: r,
		peer: types.Peer{
			ID: id, Room: r.id, Username: req.Username, Protocol: req.Protocol,
			Browser: req.Browser, Remote: req.Remote, JoinedAt: time.Now(),
		},
		granted:  types.Permissions{Publish: types.Sources(), Subscribe: true, Chat: true},
		line:     new(timeline.Timeline),
		ready:    make(chan struct{}),
		conn:     req.Conn,
		username: req.Username,
		token:    token,
		state:    types.PeerState{Connection: types.ConnectionOK},
		attempt:  req.Attempt,
		device:   req.Device,
	}
	m.log = m.line.Logger(r.log.With("peer", string(id), "remote", req.Remote))
	m.unproven.Store(true)
	if g := req.Grant; g != nil {
		m.granted, m.subject, m.named = g.Permissions, g.Subject, g.Named
		m.state.Moderator = g.Permissions.Moderate && req.Protocol >= 1
	}
	return m
}

// newPeerID returns an id that is never used again: 64 random bits.
func newPeerID() types.PeerID {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return types.PeerID("p_" + hex.EncodeToString(b[:]))
}

// Peer returns who the member is, with the username of the join.
func (m *Member) Peer() types.Peer { return m.peer }

// Media returns his media. It is there as soon as AddPeerToRoom has returned.
func (m *Member) Media() MediaPeer {
	<-m.ready
	return m.media
}

// startMedia makes the media, after the welcome was queued.
func (m *Member) startMedia() {
	defer close(m.ready)
	media := m.room.media()
	m.room.mu.Lock()
	blocked := m.blockedLocked()
	m.room.mu.Unlock()
	p := media.AddPeerConnection(MediaConfig{
		Peer: m.peer, Signaller: m, Observer: m, Permissions: m.granted, Blocked: blocked, Log: m.log, Errors: m.reject,
	})
	m.room.mu.Lock()
	m.media = p
	gone := m.gone
	m.room.mu.Unlock()
	m.applyBlocks()
	if gone {
		media.RemovePeerConnection(p)
	}
}

// connectLocked makes conn the member's socket. The welcome has been queued.
func (m *Member) connectLocked(conn Conn) {
	m.conn = conn
	m.signal.Store(&conn)
}

func (m *Member) disconnectLocked() {
	m.conn = nil
	m.signal.Store(nil)
}

func (m *Member) infoLocked() types.PeerInfo {
	return types.PeerInfo{PeerID: m.peer.ID, Username: m.username, State: m.state}
}

// Send queues a message to his present socket (types.Signaller). While he has
// none, it is dropped without an error: when he is back, his media sends what
// holds then.
func (m *Member) Send(msg types.Message) error {
	switch msg.Event {
	case types.EventQuality:
		var q types.Quality
		if json.Unmarshal([]byte(msg.Data), &q) == nil {
			m.noteQuality(q)
		}
	case types.EventError:
		m.line.Add(time.Now(), "error", map[string]string{"data": msg.Data})
	}
	if conn := m.signal.Load(); conn != nil {
		return (*conn).Send(msg)
	}
	return nil
}

// Attached tells whether he has a socket at present. Media asks before it gives
// up on an answer.
func (m *Member) Attached() bool { return m.signal.Load() != nil }

// reject counts a mistake that media found late.
func (m *Member) reject(err *types.ProtocolError) {
	if conn := m.signal.Load(); conn != nil {
		(*conn).Reject(err)
	}
}

// State changes what the others see of him. Either all of u holds afterwards or
// none; the error has code bad_username, bad_message or not_permitted. He gets peer_updated in any case, the
// others when something changed.
func (m *Member) State(u types.StateUpdate) *types.ProtocolError {
	username := ""
	if u.Username != nil && m.named {
		return types.Errorf(types.CodeNotPermitted, "your invitation says what you are called")
	}
	if u.Quality != nil && (*u.Quality < 0 || *u.Quality > 5) {
		return types.Errorf(types.CodeBadMessage, "quality is a number from 0 to 5")
	}
	if u.Username != nil {
		if *u.Username == "" {
			return types.Errorf(types.CodeBadUsername, "the username is empty")
		}
		var err *types.ProtocolError
		if username, err = names.Username(*u.Username); err != nil {
			return err
		}
	}
	freed, err := m.changeState(u, username)
	if freed {
		m.applyBlocks()
	}
	return err
}

// changeState is State under the lock. Who turns on what was muted softly is
// heard again: freed.
func (m *Member) changeState(u types.StateUpdate, username string) (freed bool, err *types.ProtocolError) {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	var on types.SourceSet
	if u.Microphone != nil && *u.Microphone {
		on |= types.SetOf(types.SourceMicrophone)
	}
	if u.Camera != nil && *u.Camera {
		on |= types.SetOf(types.SourceCamera)
	}
	if on&m.state.Muted != 0 {
		return false, types.Errorf(types.CodeNotPermitted, "a moderator has muted you")
	}
	freed = on&m.muted != 0
	m.muted &^= on
	before := m.infoLocked()
	if username != "" {
		m.username = username
	}
	set(&m.state.Microphone, u.Microphone)
	set(&m.state.Camera, u.Camera)
	set(&m.state.Hand, u.Hand)
	set(&m.state.Quality, u.Quality)
	m.updatedLocked(before)
	return freed, nil
}

func set[T any](value *T, to *T) {
	if to != nil {
		*value = *to
	}
}

// updatedLocked tells of a change of state: himself always, the others unless
// all is as it was before.
func (m *Member) updatedLocked(before types.PeerInfo) {
	if m.gone {
		return
	}
	now := m.infoLocked()
	msg := types.NewMessage(types.EventPeerUpdated, now)
	if now != before {
		m.room.tellLocked(msg, nil)
	} else if m.conn != nil {
		_ = m.conn.Send(msg)
	}
}

// Publishing is told by media what a base client sends (Observer). A protocol=1
// client says it himself with the state event, so nothing happens then.
func (m *Member) Publishing(microphone, camera bool) {
	if m.peer.Protocol >= 1 {
		return
	}
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	before := m.infoLocked()
	m.state.Microphone, m.state.Camera = microphone, camera
	if m.infoLocked() != before {
		m.updatedLocked(before)
	}
}

// Silent is told by media that nothing comes from the client any more, or that
// something does again (Observer). The others see him as lost meanwhile, and his
// socket is asked whether he is there at all: if he is, only the way of media is
// broken, and media repairs it (Answered).
func (m *Member) Silent(silent bool) {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	m.silent = silent
	m.connectionLocked()
	if silent && m.conn != nil {
		m.conn.Probe()
	}
}

// connectionLocked tells the others when the member is lost or back: by his
// socket, or by his media.
func (m *Member) connectionLocked() {
	now := types.ConnectionOK
	if m.conn == nil || m.silent {
		now = types.ConnectionLost
	}
	if m.gone || now == m.state.Connection {
		return
	}
	m.state.Connection = now
	m.room.tellPresenceLocked(types.NewMessage(types.EventPeerUpdated, m.infoLocked()), m)
}

// Spoke says that a message came on conn.
func (m *Member) Spoke(conn Conn) {
	if m.unproven.Load() {
		m.prove(conn)
	}
	m.Media().Nudge()
}

// prove notes that the welcome of the last resume has arrived: its token counts
// from now on, and only it.
func (m *Member) prove(conn Conn) {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	if m.conn == conn {
		m.used, m.retired = "", m.used
		m.unproven.Store(false)
	}
}

// Answered says that a pong came on the member's socket.
func (m *Member) Answered() { m.Media().Nudge() }

// Failed is told by media that it ended (Observer): by a fault of the client that
// a ProtocolError names, or else of the server. The member goes, with 1008 or 1011.
func (m *Member) Failed(err error) {
	if broken := (*types.ProtocolError)(nil); errors.As(err, &broken) {
		m.log.Warn("media refused", "err", err)
		m.room.remove(m, types.LeaveRejected, func() bool { return true })
		return
	}
	m.log.Error("media failed", "err", err)
	m.room.remove(m, types.LeaveError, func() bool { return true })
}

// Leave takes him out for good if conn is still his socket.
func (m *Member) Leave(conn Conn, reason types.LeaveReason) {
	m.room.remove(m, reason, func() bool { return m.conn == conn })
}
