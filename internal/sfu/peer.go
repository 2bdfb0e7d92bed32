package sfu

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aq-server/internal/types"
)

// PeerConfig describes a participant to AddPeerConnection.
type PeerConfig struct {
	Peer types.Peer
	// Permissions are for good; Blocked is what else the peer may not send at
	// first, see Block.
	Permissions types.Permissions
	Blocked     types.SourceSet
	// Log is the peer's; nil: the session's.
	Log *slog.Logger
	// Signaller carries offers and events to the client.
	Signaller types.Signaller
	// Observer hears what the room needs to know. May be nil.
	Observer Observer
	// Errors is told of each mistake of the client that is found after its
	// message was accepted; the error event has been sent by then. May be nil.
	// It must not block.
	Errors func(*types.ProtocolError)
}

// Observer hears of changes in a peer's media. Its methods are called from
// goroutines of this package without its locks, and must not block.
type Observer interface {
	// Publishing tells which of the peer's sources the others can receive.
	Publishing(microphone, camera bool)
	// Silent tells that nothing comes from the client any more although something
	// should, or that it does again. Who is told so asks the client on his socket
	// whether he is there, and has Nudge called when he answers.
	Silent(silent bool)
	// Failed reports a fault of the server that ends the peer's media for
	// good; the member is to be closed.
	Failed(err error)
}

// maxCandidates is how many candidates of one ICE generation are used; the
// rest is ignored in silence (docs/limits.md, L3).
const maxCandidates = 64

// Peer is one participant's media: the goroutine that negotiates it, and its
// PeerConnection, which may be replaced by a new one.
//
// The methods that take a client's messages check them, queue what is to be
// done and return at once.
type Peer struct {
	// Set by newPeer, then constant.
	cfg     PeerConfig
	session *Session
	log     *slog.Logger
	lite    bool // ICE lite
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when run has ended for good

	inbox inbox

	// blocked are the sources of which nothing is forwarded, as a
	// types.SourceSet. Each packet reads it.
	blocked atomic.Uint32
	// silent is set while nothing is heard of the client, see silence.go; nudged
	// while answered is waiting in events.
	silent, nudged atomic.Bool
	// scarce is set while there are more tracks than m-lines for this peer.
	scarce atomic.Bool
	// filesWanted is set once the client needs a data channel.
	filesWanted atomic.Bool
	// mlines is the number of m-lines offered so far, for limits.
	mlines atomic.Int32
	// candidates counts those of the present ICE generation.
	candidates atomic.Int32
	// generation counts the PeerConnections; an answer to an older one is stale.
	generation atomic.Uint64

	// mu guards what clients ask for and the goroutine reads.
	mu        sync.Mutex
	signal    types.Signaller
	views     map[types.TrackID]types.TrackView
	wanted    map[types.Source]bool // sources it may send
	asked     map[types.Source]bool // by publish, and not looked at yet
	lastPub   [2]bool               // what the observer was told last
	toldOnce  bool
	viewOrder []types.TrackID // explicit views, the latest last

	// Owned by the goroutine.
	conn     *connection // nil while the client has none
	quality  qualityReporter
	lastSent types.Tracks // as the client knows it
	sentOnce bool
	joined   bool      // media has been connected once
	rebuilt  time.Time // when the watchdog last gave up a PeerConnection
	renewed  time.Time // when answersAnother began to count
	dropped  []string  // fingerprints of PeerConnections that it ended
}

func newPeer(s *Session, cfg PeerConfig) *Peer {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Peer{
		cfg: cfg, session: s, ctx: ctx, cancel: cancel, done: make(chan struct{}),
		log:    s.log.With("peer", cfg.Peer.ID),
		lite:   s.opts.API.Lite(cfg.Peer.Browser),
		signal: cfg.Signaller,
		views:  map[types.TrackID]types.TrackView{},
		wanted: map[types.Source]bool{},
		asked:  map[types.Source]bool{},
	}
	if cfg.Log != nil {
		p.log = cfg.Log
	}
	p.blocked.Store(uint32(cfg.Blocked))
	for _, source := range []types.Source{types.SourceMicrophone, types.SourceCamera} {
		p.wanted[source] = slices.Contains(cfg.Permissions.Publish, source)
	}
	return p
}

// ID returns the participant's id.
func (p *Peer) ID() types.PeerID { return p.cfg.Peer.ID }

// Done is closed when all of the peer's media is gone.
func (p *Peer) Done() <-chan struct{} { return p.done }

// MLines returns how many m-lines the client has been offered, the measure of
// how large its answer may be. Safe for any goroutine.
func (p *Peer) MLines() int { return int(p.mlines.Load()) }

// extended tells whether the client speaks the extensions.
func (p *Peer) extended() bool { return p.cfg.Peer.Protocol >= 1 }

// flooded ends a peer whose client names SSRCs without end. pion calls it where it
// reads.
func (p *Peer) flooded() {
	p.enqueue(func() { p.fail(types.Errorf(types.CodeTooManyStreams, "media with too many SSRCs")) })
}

// fail reports a fault that ends the peer.
func (p *Peer) fail(err error) {
	if p.ctx.Err() != nil {
		return
	}
	p.log.Warn("media ended", "err", err)
	p.stop()
	if p.cfg.Observer != nil {
		p.cfg.Observer.Failed(err)
	}
}

// An attachable Signaller may be without a client for a while, as that of a
// member whose socket broke is until he comes back.
type attachable interface{ Attached() bool }

// attached tells whether the client can answer at present.
func (p *Peer) attached() bool {
	p.mu.Lock()
	signal := p.signal
	p.mu.Unlock()
	a, ok := signal.(attachable)
	return !ok || a.Attached()
}

func (p *Peer) send(m types.Message) {
	p.mu.Lock()
	signal := p.signal
	p.mu.Unlock()
	// An error means that the client has left: the room removes the peer.
	_ = signal.Send(m)
}

// reject tells the client of a mistake that was found late.
func (p *Peer) reject(event string, e *types.ProtocolError) {
	e.Event = event
	p.send(types.NewMessage(types.EventError, e))
	if p.cfg.Errors != nil {
		p.cfg.Errors(e)
	}
}

// HandleAnswer takes the client's answer. offerID is 0 for a client that does
// not repeat it.
func (p *Peer) HandleAnswer(answer types.SessionDescription, offerID uint64) *types.ProtocolError {
	if answer.Type != "answer" {
		return types.Errorf(types.CodeBadSDP, "the description's type must be answer")
	}
	if err := checkAnswer(answer.SDP, p.MLines()); err != nil {
		return err
	}
	generation := p.generation.Load()
	p.enqueue(func() { p.handleAnswer(answer.SDP, offerID, generation) })
	return nil
}

// HandleCandidate takes one of the client's ICE candidates, before or after its
// answer.
func (p *Peer) HandleCandidate(c types.Candidate) *types.ProtocolError {
	usable, err := checkCandidate(c)
	if err != nil {
		return err
	}
	if !usable || p.lite || p.candidates.Add(1) > maxCandidates {
		return nil // ICE lite learns addresses from the checks themselves
	}
	p.enqueue(func() { p.handleCandidate(c) })
	return nil
}

// Publish gives the client an m-line to send a source on.
func (p *Peer) Publish(m types.Publish) *types.ProtocolError { return p.setWanted(m, true) }

// Unpublish takes a source of the client away from the others. Its m-line
// stays, for the next Publish.
func (p *Peer) Unpublish(m types.Publish) *types.ProtocolError { return p.setWanted(m, false) }

func (p *Peer) setWanted(m types.Publish, wanted bool) *types.ProtocolError {
	if m.Source == types.SourceFiles {
		return p.publishFiles(m, wanted)
	}
	if m.Source.Kind() == "" || m.Kind != "" && m.Kind != m.Source.Kind() {
		return types.Errorf(types.CodeBadSource, "no such source to publish")
	}
	if wanted && (!slices.Contains(p.cfg.Permissions.Publish, m.Source) || p.blocks(m.Source)) {
		return types.Errorf(types.CodeNotPermitted, "you may not publish %s", m.Source)
	}
	p.mu.Lock()
	p.wanted[m.Source], p.asked[m.Source] = wanted, wanted
	p.mu.Unlock()
	p.markDirty()
	return nil
}

// maxViews bounds the tracks whose views are remembered for one client.
const maxViews = 1024

// View takes the sizes at which the client shows tracks.
func (p *Peer) View(v types.View) *types.ProtocolError {
	if len(v.Tracks) > maxViews {
		return types.Errorf(types.CodeBadMessage, "a view names at most %d tracks", maxViews)
	}
	for _, t := range v.Tracks {
		if t.Width < 0 || t.Height < 0 || t.Width > 1<<16 || t.Height > 1<<16 || t.TrackID == "" {
			return types.Errorf(types.CodeBadMessage, "a view needs a track_id and a size from 0 to 65536")
		}
	}
	known := map[types.TrackID]bool{}
	for _, t := range p.session.trackList() {
		known[t.info.TrackID] = true
	}
	p.mu.Lock()
	maps.DeleteFunc(p.views, func(id types.TrackID, _ types.TrackView) bool { return !known[id] })
	for _, t := range v.Tracks {
		if !known[t.TrackID] {
			continue // gone by now, or never there
		}
		p.views[t.TrackID] = t
		p.viewOrder = append(slices.DeleteFunc(p.viewOrder, func(id types.TrackID) bool {
			return id == t.TrackID || !known[id]
		}), t.TrackID)
	}
	p.mu.Unlock()
	p.markDirty()
	p.session.wakeMonitor()
	return nil
}

// Restart offers new ICE credentials, because the client asks for them.
func (p *Peer) Restart() { p.enqueue(func() { p.restartFor(restartClient) }) }

// Nudge tells that the client is there: one that lost its PeerConnection
// because it did not answer is offered a new one, and one whose media is silent
// another way. Cheap; called for each of its messages and pongs.
func (p *Peer) Nudge() {
	switch {
	case p.generation.Load()&1 == 0: // even: has none, see startConnection
		p.enqueue(func() {
			if p.conn == nil {
				p.startConnection()
			}
		})
	case p.silent.Load() && p.nudged.CompareAndSwap(false, true):
		p.enqueue(p.answered)
	}
}

// Resume continues with a new way to the client. With keep its PeerConnection
// goes on, and what it may have missed is sent again; without, it gets a new
// one.
func (p *Peer) Resume(signal types.Signaller, keep bool) {
	p.mu.Lock()
	p.signal = signal
	p.mu.Unlock()
	p.enqueue(func() { p.resume(keep) })
}

// publishingChanged tells the observer which sources the others can receive.
func (p *Peer) publishingChanged() {
	if p.cfg.Observer == nil {
		return
	}
	microphone, camera := p.session.publishes(p.cfg.Peer.ID)
	p.mu.Lock()
	now := [2]bool{microphone, camera}
	same := p.toldOnce && p.lastPub == now
	p.lastPub, p.toldOnce = now, true
	p.mu.Unlock()
	if !same {
		p.cfg.Observer.Publishing(microphone, camera)
	}
}
