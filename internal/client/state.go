package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// State is what a client has seen so far. It is read inside View and WaitFor
// only, and nothing of it may be kept or changed.
type State struct {
	// Connected says whether the socket is open. CloseCode and CloseReason are
	// those of the socket that closed last; 1006 without a close frame.
	Connected   bool
	CloseCode   int
	CloseReason string
	// CloseCodes lists those of every socket, in the order they closed.
	CloseCodes []int
	// Losses lists the sockets that ended while they were the client's, and the
	// returns; RestartsAsked counts the restart events of a client with ComeBack.
	Losses        []Loss
	RestartsAsked int

	// Welcome is the last one; Welcomes counts them, Resumes those that said
	// resumed.
	Welcome  types.Welcome
	Welcomes int
	Resumes  int
	// Peers are the others in the room, by the events of protocol=1.
	Peers map[types.PeerID]types.PeerInfo
	// Left lists those who went, in order.
	Left []types.PeerLeft
	// Updates counts peer_updated events.
	Updates  int
	Tracks   types.Tracks
	Layers   types.Layers
	Speakers types.Speakers
	Quality  types.Quality
	// Knock is who waits to be let in, for a moderator.
	Knock  types.Knock
	Errors []types.ProtocolError
	// Chat holds the chat events in the order they came; ChatAt when.
	Chat   []types.Message
	ChatAt []time.Time

	// Reactions lists them in the order they came.
	Reactions []types.Reaction

	// Files lists the file events, in the order they came; FileStates is the last
	// files event. Received has the files that have come, by their ids.
	Files      []types.File
	FileStates []types.FileState
	Received   map[uint32][]byte

	// Events counts the messages from the server by event; Bytes is their size.
	Events map[string]int
	Bytes  int64
	// Offers lists every offer that came, answered or not.
	Offers []Offer
	// Answers counts the answers sent.
	Answers int
	// Failures are errors of this client's own WebRTC stack: an offer that
	// could not be applied.
	Failures []error

	// ConnectionState is that of the PeerConnection in use; Connections counts
	// the PeerConnections made.
	ConnectionState webrtc.PeerConnectionState
	Connections     int
	// Media lists the streams received so far, ended ones included, in the
	// order in which they came.
	Media []*Track

	Times Times
}

// Offer describes one offer of the server.
type Offer struct {
	ID     uint64
	At     time.Time
	Bytes  int // of the SDP
	MLines int
	// Active counts the m-lines that are not inactive.
	Active int
	Ufrag  string
	SDP    string
}

// Times are the steps of a join; zero when not reached. A new PeerConnection
// starts those below Answer again.
type Times struct {
	Dial time.Time // Dial was called
	Open time.Time // the socket is open
	// Welcome is when the first welcome came; a base client gets none.
	Welcome time.Time
	Offer   time.Time // the first offer came
	Answer  time.Time // the first answer was sent
	// ICE is when connectivity checks had found a way.
	ICE time.Time
	// Connected is when the PeerConnection got connected: ICE and DTLS done.
	Connected time.Time
	// FirstRTP is the first packet of media received, FirstKeyframe the first
	// whole keyframe.
	FirstRTP      time.Time
	FirstKeyframe time.Time
}

func newState() State {
	return State{
		Peers:    make(map[types.PeerID]types.PeerInfo),
		Events:   make(map[string]int),
		Received: make(map[uint32][]byte),
	}
}

// PeerNames returns the usernames of the others, sorted.
func (s *State) PeerNames() []string {
	names := make([]string, 0, len(s.Peers))
	for _, p := range s.Peers {
		names = append(names, p.Username)
	}
	slices.Sort(names)
	return names
}

// ChatTexts returns the texts of the chat so far, in order.
func (s *State) ChatTexts() []string {
	texts := make([]string, len(s.Chat))
	for i, m := range s.Chat {
		texts[i] = m.Data
	}
	return texts
}

// File returns the last file event with that action and id; 0 takes any id.
func (s *State) File(action types.FileAction, id uint32) (types.File, bool) {
	for _, f := range slices.Backward(s.Files) {
		if f.Action == action && (id == 0 || f.FileID == id) {
			return f, true
		}
	}
	return types.File{}, false
}

// LastOffer returns the offer that came last, zero before the first.
func (s *State) LastOffer() Offer {
	if len(s.Offers) == 0 {
		return Offer{}
	}
	return s.Offers[len(s.Offers)-1]
}

// HasError reports whether an error event with that code came.
func (s *State) HasError(code types.ErrorCode) bool {
	return slices.ContainsFunc(s.Errors, func(e types.ProtocolError) bool { return e.Code == code })
}

// TrackOf returns what carries a peer's source to this client, if an m-line
// does.
func (s *State) TrackOf(peer types.PeerID, source types.Source) (types.TrackMapping, bool) {
	for _, m := range s.Tracks.Tracks {
		if m.PeerID == peer && m.Source == source {
			return m, true
		}
	}
	return types.TrackMapping{}, false
}

// View calls f with the state, under the client's lock: f must not call the
// client.
func (c *Client) View(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
}

// poll is how often WaitFor looks at counters of media, which do not announce
// each packet.
const poll = 5 * time.Millisecond

// WaitFor returns when the condition holds, or with an error that names what
// was waited for when ctx ends first. The condition runs under the client's
// lock at each change of the state and every few milliseconds; of the client it
// may call the methods of Track only.
func (c *Client) WaitFor(ctx context.Context, what string, condition func(*State) bool) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		ok, changed := c.holds(condition)
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("client %s: waiting for %s: %w (%s)", c.opts.Username, what, ctx.Err(), c.Summary())
		}
	}
}

// holds evaluates a condition, which may panic, and returns the channel that
// tells of the next change.
func (c *Client) holds(condition func(*State) bool) (bool, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return condition(&c.state), c.changed
}

// update changes the state and wakes those who wait.
func (c *Client) update(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
	close(c.changed)
	c.changed = make(chan struct{})
}

// Summary describes the client in one line, for messages of failed tests.
func (c *Client) Summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.state
	var packets int64
	for _, t := range s.Media {
		packets += t.Stats().Packets
	}
	events := make([]string, 0, len(s.Events))
	for _, name := range slices.Sorted(maps.Keys(s.Events)) {
		events = append(events, fmt.Sprintf("%s %d", name, s.Events[name]))
	}
	return fmt.Sprintf("connected %t, close %d %s, media %s, %d received tracks, %d packets, events %v, errors %v, failures %v",
		s.Connected, s.CloseCode, s.CloseReason, s.ConnectionState, len(s.Media), packets, events, s.Errors, s.Failures)
}
