// Package sfu forwards media: who hears whom within one room. A Session is the
// media side of a room, a Peer one participant's PeerConnection and the
// goroutine that negotiates it. What enters is a published layer (layer.go),
// what leaves is a slot (slot.go); between them lies one copy-on-write list.
//
//	layer.run -> history -> [ slot.forward -> PacketWriter ]   one per subscriber
//
// sfu knows neither rooms nor WebSockets nor other sessions: a packet cannot
// leave its room because there is no way out.
package sfu

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aq-server/internal/metrics"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/sfu/speaker"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// Options configures the sessions of a server.
type Options struct {
	API     *webrtcapi.API
	Metrics *metrics.Metrics
	Log     *slog.Logger
	// Pool is the packet memory that all sessions share.
	Pool *packet.Pool

	// KeyframeInterval and KeyframeDispatch drive DispatchKeyFrame.
	KeyframeInterval time.Duration
	KeyframeDispatch DispatchMode
	// VideoSlots and AudioSlots bound the m-lines that a protocol=1 client
	// receives on.
	VideoSlots, AudioSlots int
	// FileMaxBytes is the size of the largest file that clients may offer, 0: none;
	// FileRate how many bytes a second one sender is asked for.
	FileMaxBytes, FileRate int64
	// AnswerTimeout is how long a client may take to answer, and to connect.
	AnswerTimeout time.Duration
}

// Session is the media of one room.
type Session struct {
	// Set by NewSession, then constant.
	opts  Options
	log   *slog.Logger
	pool  *packet.Pool
	clock sessionClock

	nextStream atomic.Uint64 // last streamID given out
	nextTrack  atomic.Uint64
	silent     atomic.Int32 // peers of whom nothing is heard, see silence.go

	// mu guards what follows. Order: Session.mu -> Track.mu, slot.mu.
	mu     sync.Mutex
	peers  []*Peer  // in join order
	tracks []*Track // in the order they were published
	closed bool

	// speakerMu guards speakers; a leaf.
	speakerMu sync.Mutex
	speakers  *speaker.Detector[types.PeerID]

	// voices is how the audio slots are given out: peers, the loudest first.
	// Written by the monitor, copied on write.
	voices atomic.Pointer[[]types.PeerID]
	// lastSpeakers is the last speakers event, for those who come later.
	lastSpeakers atomic.Pointer[types.Message]
	// files is nil until somebody has to do with files. Written under mu.
	files atomic.Pointer[courier]

	// Owned by the monitor.
	lastSpoke  []types.PeerID // of the last speakers event
	speakersAt time.Time      // of it
	levelsDue  bool           // levels have changed since

	wakeup chan struct{} // capacity 1: the monitor has something to look at
	quit   chan struct{}
	peerWG sync.WaitGroup
	loopWG sync.WaitGroup
}

// NewSession returns an empty session. Its one goroutine, the monitor, ends
// with Close.
func NewSession(opts Options, room string) *Session {
	s := &Session{
		opts: opts, log: opts.Log.With("room", room), pool: opts.Pool,
		clock:  newSessionClock(),
		wakeup: make(chan struct{}, 1), quit: make(chan struct{}),
		speakers: speaker.New[types.PeerID](speaker.Options{}),
	}
	s.voices.Store(&[]types.PeerID{})
	s.loopWG.Go(s.monitor) // stopped and awaited by Close
	return s
}

// AddPeerConnection gives a participant his media: a PeerConnection is made and
// its first offer sent, on the peer's own goroutine. It returns at once. On a
// closed session the peer is closed from the start.
func (s *Session) AddPeerConnection(cfg PeerConfig) *Peer {
	p := newPeer(s, cfg)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		p.cancel()
		p.inbox.ended = true
		close(p.done)
		return p
	}
	s.peers = append(s.peers, p)
	s.peerWG.Add(1) // stopped by RemovePeerConnection or Close, awaited by Close
	s.mu.Unlock()
	p.enqueue(p.startConnection)
	return p
}

// RemovePeerConnection ends a peer's media for everyone. It returns at once and
// may be called twice; Done tells when all of it is gone.
func (s *Session) RemovePeerConnection(p *Peer) {
	s.mu.Lock()
	s.peers = slices.DeleteFunc(s.peers, func(o *Peer) bool { return o == p })
	s.mu.Unlock()
	p.stop()
	s.speakerMu.Lock()
	s.speakers.Remove(p.cfg.Peer.ID)
	s.speakerMu.Unlock()
	s.withFiles(func(c *courier) { c.left(p) })
}

// Close ends every peer and the session, and waits for all of their goroutines.
func (s *Session) Close() {
	s.mu.Lock()
	wasClosed := s.closed
	s.closed = true
	peers := s.peers
	s.peers = nil
	s.mu.Unlock()
	for _, p := range peers {
		p.stop()
	}
	s.peerWG.Wait()
	if !wasClosed {
		close(s.quit)
	}
	s.loopWG.Wait()
}

// SignalPeerConnections tells every peer that what it should receive may have
// changed. It is level-triggered: each peer compares what it has with what it
// should have, and makes an offer only if they differ.
func (s *Session) SignalPeerConnections() {
	for _, p := range s.peerList() {
		p.markDirty()
	}
	s.wakeMonitor()
}

// AddTrack makes a track available to all other peers.
func (s *Session) AddTrack(t *Track) {
	s.mu.Lock()
	if s.closed || slices.Contains(s.tracks, t) {
		s.mu.Unlock()
		return
	}
	s.tracks = append(s.tracks, t)
	s.mu.Unlock()
	s.opts.Metrics.TotalTracksAdded.Add(1)
	t.conn.peer.log.Info("track added", "track", t.info.TrackID, "source", t.info.Source, "codec", t.codec)
	s.SignalPeerConnections()
	t.conn.peer.publishingChanged()
}

// RemoveTrack takes a track away from all other peers.
func (s *Session) RemoveTrack(t *Track) {
	s.mu.Lock()
	i := slices.Index(s.tracks, t)
	if i < 0 {
		s.mu.Unlock()
		return
	}
	s.tracks = slices.Delete(slices.Clone(s.tracks), i, i+1)
	s.mu.Unlock()
	s.opts.Metrics.TotalTracksRemoved.Add(1)
	t.conn.peer.log.Info("track removed", "track", t.info.TrackID, "source", t.info.Source)
	s.SignalPeerConnections()
	t.conn.peer.publishingChanged()
}

// peerList returns the peers in join order.
func (s *Session) peerList() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers)
}

// trackList returns the tracks in the order they were published.
func (s *Session) trackList() []*Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tracks)
}

// anyTracks tells whether there is anything to receive.
func (s *Session) anyTracks() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tracks) > 0
}

// publishes tells which sources of a peer others can receive.
func (s *Session) publishes(id types.PeerID) (microphone, camera bool) {
	for _, t := range s.trackList() {
		if t.info.PeerID == id {
			microphone = microphone || t.info.Source == types.SourceMicrophone
			camera = camera || t.info.Source == types.SourceCamera
		}
	}
	return microphone, camera
}

func (s *Session) wakeMonitor() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

// observeLevel feeds the active speaker detection.
func (s *Session) observeLevel(t *Track, level uint8, voice bool, now time.Time) {
	s.speakerMu.Lock()
	defer s.speakerMu.Unlock()
	s.speakers.Observe(t.info.PeerID, level, voice, now)
}
