package room

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aq-server/internal/timeline"
	"aq-server/internal/types"
)

// Info is a room as the administrator sees it.
type Info struct {
	Room string `json:"room"`
	// Peers are connected, Lost may come back, Waiting want to be let in.
	Peers     int          `json:"peers"`
	Lost      int          `json:"lost"`
	Waiting   int          `json:"waiting"`
	StartedAt time.Time    `json:"started_at"`
	Policy    types.Policy `json:"policy"`
}

// PeerInfo is somebody in a room as the administrator sees him.
type PeerInfo struct {
	types.PeerInfo
	Subject     string            `json:"subject,omitempty"`
	Remote      string            `json:"remote"`
	Protocol    int               `json:"protocol"`
	JoinedAt    time.Time         `json:"joined_at"`
	Permissions types.Permissions `json:"permissions"`
	// Blocked are the sources of which nothing is forwarded.
	Blocked types.SourceSet `json:"blocked"`
}

// Detail is a room with its people.
type Detail struct {
	Info
	People []PeerInfo      `json:"people"`
	Lobby  []types.Waiting `json:"lobby"`
}

// Rooms lists the rooms by name.
func (rm *RoomManager) Rooms() []Info {
	list := []Info{}
	for _, r := range rm.all() {
		r.mu.Lock()
		info := r.infoLocked()
		r.mu.Unlock()
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.Room, b.Room) })
	return list
}

func (r *Room) infoLocked() Info {
	info := Info{Room: r.id, Waiting: len(r.waiting), StartedAt: r.started.UTC(), Policy: r.policy}
	for _, m := range r.members {
		if m.conn != nil {
			info.Peers++
		} else {
			info.Lost++
		}
	}
	return info
}

// Describe returns a room with its people. The error has code not_found.
func (rm *RoomManager) Describe(id string) (Detail, *types.ProtocolError) {
	r := rm.pin(id)
	if r == nil {
		return Detail{}, errNoRoom()
	}
	defer r.Release()
	r.mu.Lock()
	defer r.mu.Unlock()
	d := Detail{Info: r.infoLocked(), People: []PeerInfo{}, Lobby: r.waitingLocked()}
	for _, m := range r.members {
		d.People = append(d.People, PeerInfo{
			PeerInfo: m.infoLocked(), Subject: m.subject, Remote: m.peer.Remote, Protocol: m.peer.Protocol,
			JoinedAt: m.peer.JoinedAt.UTC(), Permissions: m.permissionsLocked(), Blocked: m.blockedLocked(),
		})
	}
	return d, nil
}

// CloseRoom removes everybody from a room, and sends away who waits. The error
// has code not_found.
func (rm *RoomManager) CloseRoom(id string) *types.ProtocolError {
	r := rm.pin(id)
	if r == nil {
		return errNoRoom()
	}
	defer r.Release()
	r.mu.Lock()
	waiting := slices.Clone(r.waiting)
	for _, k := range waiting {
		r.takeKnockLocked(k)
	}
	r.mu.Unlock()
	for _, k := range waiting {
		k.finish(false)
	}
	for _, m := range r.list() {
		rm.RemovePeerFromRoom(m, types.LeaveRemoved)
	}
	rm.opts.Metrics.Moderated("close")
	r.log.Info("closed by the administrator")
	return nil
}

// Notice tells everybody in a room something; an empty id means every room. The
// error has code not_found.
func (rm *RoomManager) Notice(id, text string) *types.ProtocolError {
	rooms := rm.all()
	if id != "" {
		r := rm.pin(id)
		if r == nil {
			return errNoRoom()
		}
		defer r.Release()
		rooms = []*Room{r}
	}
	msg := types.NewMessage(types.EventNotice, types.Notice{Text: text})
	for _, r := range rooms {
		r.mu.Lock()
		r.tellLocked(msg, nil)
		r.mu.Unlock()
	}
	rm.opts.Metrics.Moderated("notice")
	return nil
}

// Past is how many of those who have left can still be asked about.
const maxPast = 200

// past is the timelines of those who have left, the oldest first.
type past struct {
	room string
	peer types.PeerID
	line *timeline.Timeline
}

func (rm *RoomManager) remember(m *Member) {
	rm.mu.Lock()
	defer rm.mu.Unlock()
	if len(rm.past) >= maxPast {
		rm.past = slices.Delete(rm.past, 0, 1)
	}
	rm.past = append(rm.past, past{m.room.id, m.peer.ID, m.line})
}

// Timeline returns what happened to somebody who is in a room, or has left it not
// long ago. The error has code no_such_peer.
func (rm *RoomManager) Timeline(id string, peer types.PeerID) ([]timeline.Entry, *types.ProtocolError) {
	if r := rm.pin(id); r != nil {
		defer r.Release()
		for _, m := range r.list() {
			if m.peer.ID == peer {
				return m.line.Entries(), nil
			}
		}
	}
	rm.mu.Lock()
	defer rm.mu.Unlock()
	for _, p := range rm.past {
		if p.room == id && p.peer == peer {
			return p.line.Entries(), nil
		}
	}
	return nil, types.Errorf(types.CodeNoSuchPeer, "nobody with that peer_id is there, or was lately")
}

// noteQuality notes what the client was told of his way when something in it has
// changed that he could notice.
func (m *Member) noteQuality(q types.Quality) {
	paused := make([]string, 0, len(q.Paused))
	for _, p := range q.Paused {
		if p.Reason != types.PausedHidden && p.Reason != types.PausedNoSlot {
			paused = append(paused, string(p.TrackID)+" "+string(p.Reason))
		}
	}
	slices.Sort(paused)
	data := map[string]string{"score": strconv.Itoa(q.Score), "paused": strings.Join(paused, ", ")}
	key := data["score"] + data["paused"]
	if old := m.quality.Swap(&key); old != nil && *old == key {
		return
	}
	data["rtt_ms"], data["bandwidth_bps"] = strconv.Itoa(q.RTTMillis), strconv.FormatInt(q.BandwidthBPS, 10)
	data["loss"] = strconv.FormatFloat(q.Loss, 'f', 3, 64)
	m.line.Add(time.Now(), "quality", data)
}
