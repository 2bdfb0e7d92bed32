package sfu

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// simulcastRIDs are the layers that are offered, by rank: a quarter, a half and
// the full size.
var simulcastRIDs = [...]string{"q", "h", "f"}

// negotiationState is where offer and answer stand. What "waiting and dirty" is
// elsewhere needs no state here: after each answer the peer compares anew.
type negotiationState int

const (
	stable negotiationState = iota
	waiting
)

// connection is one PeerConnection of a peer and all that belongs to it. It
// ends with close; a peer whose client has lost his gets a new one.
type connection struct {
	// Set by newConnection, then constant.
	peer     *Peer
	pc       *webrtc.PeerConnection
	api      *webrtc.API // for more senders on the same PeerConnection
	out      *webrtcapi.Outbound
	ssrc     uint32          // of our own RTCP
	expect   func(ssrcs int) // that the client may name in reports
	arrivals *arrivals
	feedback *feedback
	closed   chan struct{}

	connected atomic.Bool
	sealed    atomic.Bool  // RTP goes by out; set before connected, if at all
	rtt       atomic.Int64 // ns to the client and back; 0: unknown
	// Signs of life, in session time: see silence.go.
	heard    atomic.Int64 // RTCP
	checked  atomic.Int64 // connectivity checks
	reported atomic.Int64 // transport-wide feedback; 0: never
	// receiverReport is when the client last reported on any of our streams, in
	// session time; 0: never.
	receiverReport atomic.Int64
	clock          publisherClock
	sent           departures
	down           downlink
	wg             sync.WaitGroup // readers and the feedback goroutine

	// receivers are the slots by the SSRC of their media, for the client's reports;
	// copied on write, under receiversMu, a leaf.
	receivers   atomic.Pointer[map[uint32]*slot]
	receiversMu sync.Mutex

	// mu guards the publishing side, which pion's callbacks enter.
	mu      sync.Mutex
	sources map[string]types.Source // by the mid of a publish m-line
	tracks  map[string]*Track       // by mid, from its first packet on
	// byPion is set when RTCP comes from pion's readers, of each stream one, because
	// the short way could not be opened.
	byPion bool

	// Owned by the peer's goroutine.
	state       negotiationState
	offerID     uint64
	lastOffer   types.Message
	slots       []*slot
	publish     []*publishLine
	files       *webrtc.DataChannel       // nil while the client needs none
	early       []webrtc.ICECandidateInit // before the answer
	idle        map[string]bool           // mids that carried nothing in the last offer
	answered    bool
	offeredAt   time.Time // the offer that is or was last waited for
	needRestart bool
	restarts    bool      // the offer that waits for its answer restarts ICE
	restarted   time.Time // when the last such offer was answered
	pending     bool      // an offer is due, see nextOffer
	nextOffer   time.Time // not before, after the first few
	deadline    time.Time // for the answer, and for the connection; zero: none
	nextReport  time.Time // zero until connected
	reportTicks int       // seconds of reports so far, see earlyReports
	retry       time.Time // of a restart that has not led back; zero: none
	ask         time.Time // again, for what the client has not declared; zero: nothing
	asked       int
	listener    listener
	nextLook    time.Time // at the signs of life; zero until connected
	askedAt     time.Time // when a silent client who has answered is looked at again; zero: not
	nextWatch   time.Time // over the slots; zero until connected
	watchdog    watchdog
}

// publishLine is an m-line that the client sends one of his sources on.
type publishLine struct {
	source      types.Source
	transceiver *webrtc.RTPTransceiver
	// refused is set when the client's answer sends nothing here: should he
	// want to after all, it takes another offer.
	refused bool
	// undeclared is set when he sends here without saying how to know his
	// packets.
	undeclared bool
}

func newConnection(p *Peer) (*connection, error) {
	c := &connection{
		peer: p, closed: make(chan struct{}),
		sources: map[string]types.Source{}, tracks: map[string]*Track{},
	}
	c.receivers.Store(&map[uint32]*slot{})
	c.arrivals = newArrivals()
	made, err := p.session.opts.API.NewPeerConnection(p.lite, c.check, p.flooded, (*receiver)(c), c.arrivals)
	if err != nil {
		return nil, err
	}
	c.pc, c.api, c.out, c.ssrc, c.expect = made.PC, made.API, made.Out, made.Out.SSRC(), made.Expect
	c.arrivals.begin(c.ssrc)
	c.feedback = newFeedback(c, c.arrivals)
	c.arrivals.resumed = c.feedback.wake
	for _, source := range []types.Source{types.SourceMicrophone, types.SourceCamera} {
		if err := c.addPublishLine(source); err != nil {
			c.out.Close()
			return nil, errors.Join(err, c.pc.Close())
		}
	}
	// pion calls back on goroutines of its own: hand over and return.
	c.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		p.enqueue(func() { p.connectionChanged(c, state) })
	})
	c.pc.OnTrack(c.onTrack)
	c.pc.OnDataChannel(c.refuseChannels)
	c.pc.SCTP().Transport().ICETransport().OnSelectedCandidatePairChange(func(*webrtc.ICECandidatePair) {
		p.enqueue(func() { c.followPath() })
	})
	return c, nil
}

func (c *connection) session() *Session { return c.peer.session }

func (c *connection) addPublishLine(source types.Source) error {
	t, err := c.pc.AddTransceiverFromKind(rtpKind(source.Kind()),
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		return fmt.Errorf("add the m-line for %s: %w", source, err)
	}
	c.publish = append(c.publish, &publishLine{source: source, transceiver: t})
	return nil
}

// close ends the PeerConnection and waits for its goroutines. What the peer
// published is gone for the others.
func (c *connection) close() {
	c.mu.Lock() // no layer starts after this
	close(c.closed)
	c.mu.Unlock()
	c.connected.Store(false)
	for _, t := range c.published() {
		c.session().RemoveTrack(t)
	}
	for _, s := range c.slots {
		s.setSource(nil, types.TrackView{})
	}
	c.down.stop()
	if err := c.pc.GracefulClose(); err != nil {
		c.peer.log.Debug("PeerConnection not closed cleanly", "err", err)
	}
	// pion closes a PeerConnection by itself when the client's DTLS ends. A
	// sender that addSlot gave to an m-line after that is not known to it.
	for _, s := range c.slots {
		if sender := s.transceiver.Sender(); sender != nil {
			_ = sender.Stop()
		}
	}
	// pion's SRTP streams wake one reader when they close, and its RTX reader
	// may be the one: a deadline wakes all (srtp 3.1.3, NextStream).
	for _, l := range c.feedback.list() {
		_ = l.remote.SetReadDeadline(time.Unix(1, 0))
	}
	// Or pion's own two are left, of a stream whose first packets came before the
	// answer that declares it: the one that looks what an undeclared stream is, and
	// the one that waits for the first packet of a declared one.
	for _, t := range c.pc.GetTransceivers() {
		if receiver := t.Receiver(); receiver != nil {
			for _, track := range receiver.Tracks() {
				wakeReaders(track)
			}
		}
	}
	c.wg.Wait()
	c.out.Close()
}

// wakeReaders ends all reads of a track of a PeerConnection that is closed. A
// track that was declared, but that pion has not begun to receive, has no stream,
// which pion does not look for (v4.2.26, setRTPReadDeadline); nor is there anybody
// to wake then.
func wakeReaders(track *webrtc.TrackRemote) {
	defer func() { _ = recover() }()
	_ = track.SetReadDeadline(time.Unix(1, 0))
}

func (c *connection) published() []*Track {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Track, 0, len(c.tracks))
	for _, t := range c.tracks {
		list = append(list, t)
	}
	return list
}

// onTrack takes a layer whose first packet has come. pion calls it once per
// stream.
func (c *connection) onTrack(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	defer recovery.RecoverFunc("sfu OnTrack", func(any) { c.peer.fail(errPanic) })
	mid := ""
	for _, t := range c.pc.GetTransceivers() {
		if t.Receiver() == receiver {
			mid = t.Mid()
		}
	}
	if c.addLayer(mid, remote, receiver) {
		c.peer.enqueue(c.peer.syncPublished)
	}
}

// addLayer starts the goroutines of a layer, unless the client may not send it
// or sends more than was asked for: then nothing of it is read, so nothing is
// forwarded.
func (c *connection) addLayer(mid string, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	source, known := c.sources[mid]
	if !known || !slices.Contains(c.peer.cfg.Permissions.Publish, source) || c.isClosed() {
		return false
	}
	track := c.tracks[mid]
	if track == nil {
		track = newTrack(types.TrackInfo{
			TrackID: types.TrackID(fmt.Sprintf("t_%s_%d", c.peer.cfg.Peer.ID, c.session().nextTrack.Add(1))),
			PeerID:  c.peer.cfg.Peer.ID, Kind: source.Kind(), Source: source,
		}, c, mid, keyOf(remote.Codec()))
		c.tracks[mid] = track
	}
	if len(*track.layers.Load()) >= len(simulcastRIDs) {
		return false
	}
	l := newLayer(track, remote, receiver, c.feedback)
	track.addLayer(l)
	if c.feedback.add(l) {
		c.wg.Go(c.feedback.run) // stopped by close, awaited there
	}
	c.wg.Go(l.run)    // ends when the PeerConnection closes
	c.wg.Go(l.fanOut) // ends after it
	if c.byPion {
		c.wg.Go(l.runRTCP) // likewise
	}
	c.peer.log.Debug("layer", "track", track.info.TrackID, "rid", l.rid, "ssrc", l.ssrc, "codec", track.codec)
	return true
}

func (c *connection) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// addSlot makes an m-line toward the client, fed by this track first. A base
// client's unused m-line of the same kind is taken again.
func (c *connection) addSlot(t *Track) error {
	s := newSlot(c, t)
	s.offered = map[codecKey]bool{t.codec: true}
	if i := slices.IndexFunc(c.slots, func(o *slot) bool { return o.free && o.kind == s.kind }); i >= 0 {
		return c.takeOver(s, c.slots[i])
	}
	transceiver, err := c.pc.AddTransceiverFromTrack(s,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("add an m-line: %w", err)
	}
	s.transceiver = transceiver
	c.slots = append(c.slots, s)
	c.startSlot(s, transceiver.Sender())
	return nil
}

// takeOver puts s into the place of another slot, whose sender has stopped: on
// its m-line, with a new sender.
func (c *connection) takeOver(s, old *slot) error {
	sender, err := c.api.NewRTPSender(s, c.pc.SCTP().Transport())
	if err != nil {
		return fmt.Errorf("new sender: %w", err)
	}
	if err := old.transceiver.SetSender(sender, s); err != nil {
		return fmt.Errorf("use an m-line again: %w", err)
	}
	s.transceiver, s.mid = old.transceiver, old.mid
	// A sender of the API's making knows nothing of what was negotiated.
	s.ext = old.extensions()
	c.slots[slices.Index(c.slots, old)] = s
	c.sent.dismiss(old)
	c.startSlot(s, sender)
	return nil
}

// startSlot offers the slot's codecs and reads what the client says of it.
func (c *connection) startSlot(s *slot, sender *webrtc.RTPSender) {
	if err := s.transceiver.SetCodecPreferences(preferences(s.kind, s.offered)); err != nil {
		// The client has said that it cannot decode this: the m-line is
		// offered with what it can, and the track shown as paused.
		c.peer.log.Debug("codec not offered", "mid", s.mid, "err", err)
	}
	c.expect(2) // with that of its repairs
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPion {
		c.wg.Go(func() { s.runRTCP(sender) }) // ends when the sender stops
	}
}

// readReports has RTCP read where pion puts it. Called by the peer's goroutine, once,
// before the connection counts as connected.
func (c *connection) readReports() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byPion = true
	if c.isClosed() {
		return
	}
	for _, s := range c.slots {
		if sender := s.transceiver.Sender(); sender != nil {
			c.wg.Go(func() { s.runRTCP(sender) })
		}
	}
	for _, l := range c.feedback.list() {
		c.wg.Go(l.runRTCP)
	}
}

// removeSlot takes a base client's m-line out of use, so that its page sees the
// track end.
func (c *connection) removeSlot(s *slot) error {
	s.setSource(nil, types.TrackView{})
	s.free, s.negotiated = true, false
	if err := c.pc.RemoveTrack(s.transceiver.Sender()); err != nil {
		return fmt.Errorf("remove a track: %w", err)
	}
	return nil
}

// observeRTT learns the round-trip time from a receiver report (RFC 3550,
// section 6.4.1): both values in units of 1/65536 s.
func (c *connection) observeRTT(lastSR, delay uint32, at time.Time) {
	clock := c.session().clock
	now := uint32(clock.ntp(clock.at(at)) >> 16)
	rtt := time.Duration(int32(now-lastSR-delay)) * time.Second / 65536
	if rtt < 0 || rtt > 10*time.Second {
		return
	}
	if old := c.rtt.Load(); old != 0 {
		rtt = (7*time.Duration(old) + rtt) / 8
	}
	c.rtt.Store(int64(max(rtt, time.Microsecond)))
}

// roundTrip returns the smoothed round-trip time, 0 when unknown.
func (c *connection) roundTrip() time.Duration { return time.Duration(c.rtt.Load()) }

// reports sends a sender report for each stream that flows.
func (c *connection) reports(now time.Time) {
	list := []rtcp.Packet{c.out.Report()}
	for _, s := range c.slots {
		if r, ok := s.senderReport(now); ok {
			list = append(list, r)
		}
	}
	if len(list) == 1 {
		return
	}
	if err := c.pc.WriteRTCP(list); err != nil {
		c.peer.log.Debug("reports not sent", "err", err)
	}
}
