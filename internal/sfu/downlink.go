package sfu

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/sfu/allocate"
	"aq-server/internal/sfu/bwe"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
)

const (
	// allocateEvery is how often the division is looked at while the way has a
	// known limit; at once when it narrows.
	allocateEvery = 250 * time.Millisecond
	// raiseEvery is the least time between two steps up.
	raiseEvery = 300 * time.Millisecond
	// probeTick is how often packets of a probe are sent.
	probeTick = 5 * time.Millisecond
)

// downlink is the congestion control toward one subscriber: what his reports say
// of the way (sfu/bwe), how that is divided among the pictures (sfu/allocate),
// and the probes that find out about more. It does nothing until the way has
// shown a limit, and never for a client without transport-wide feedback.
type downlink struct {
	// mu guards est and is held while a report is read. Order: downlink.mu ->
	// departures.mu. It is never taken on the packet path.
	mu  sync.Mutex
	est *bwe.Estimator // nil before the first report

	// rate is the estimate in bit/s, 0 while unknown; for those who only read.
	rate atomic.Int64

	// Owned by the peer's goroutine.
	due      time.Time // of the next look; zero: none
	raisedAt time.Time
	probe    bwe.Cluster
	packets  int // of the probe
	left     int // of them, still to be sent
	began    time.Time
	nextTick time.Time
	prober   *slot // whose RTX stream carries the padding
	readers  []*webrtc.RTPReceiver
}

// onFeedback takes a report. Called by the goroutines that read RTCP.
func (c *connection) onFeedback(cc transportReport, now time.Time) {
	d, at := &c.down, c.session().clock.at(now)
	d.mu.Lock()
	if d.est == nil {
		d.est = new(bwe.Estimator)
	}
	before := d.est.Rate()
	d.est.Feedback(time.Duration(at), c.sent.feedback(cc, at))
	after := d.est.Rate()
	d.rate.Store(after)
	d.mu.Unlock()
	// Growth by use can wait for the next look; what a probe has found cannot.
	if after != before && (after < before || before == 0 || after > before+before/5) {
		c.peer.markCongestion()
	}
}

// measured returns the estimate, or what arrives while there is none, in bit/s,
// and the share of packets that is lost. The rate is 0 for a client that sends
// no reports.
func (d *downlink) measured() (bitsPerSecond int64, loss float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.est == nil {
		return 0, 0
	}
	if rate := d.est.Rate(); rate != 0 {
		return rate, d.est.Loss()
	}
	return d.est.Throughput(), d.est.Loss()
}

// waiting returns how long packets wait on the way at least; long, while the
// estimate says that too much is sent.
func (d *downlink) waiting() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.est == nil {
		return 0
	}
	if d.est.Congested() {
		return time.Second
	}
	return d.est.Queue()
}

// allocate divides what the way carries among the client's pictures. It runs on
// the peer's goroutine, which owns the m-lines.
func (p *Peer) allocate(now time.Time) {
	c := p.conn
	if c == nil {
		return
	}
	d, at := &c.down, time.Duration(c.session().clock.at(now))
	d.mu.Lock()
	if d.est == nil {
		d.mu.Unlock()
		d.due = time.Time{}
		return // nothing is held back
	}
	d.est.Tick(at, time.Duration(c.sent.sentAt()))
	rate, kept, congested := d.est.Rate(), d.est.Kept(), d.est.Congested()
	d.rate.Store(rate)
	d.mu.Unlock()
	if d.due = (time.Time{}); rate == 0 {
		return // nothing is held back
	}
	d.due = now.Add(allocateEvery)
	if !c.connected.Load() {
		return
	}
	demand := p.demand(congested)
	result := allocate.Divide(rate, kept, demand.audio, demand.videos)
	mayRaise := now.Sub(d.raisedAt) >= raiseEvery
	// What is sent now fills the queue: a layer that must go is not sent on
	// until the keyframe of the next has come.
	cut := demand.sent > rate+rate/5
	raised := false
	for i, s := range demand.slots {
		before, rank := demand.videos[i].Current, result.Ranks[i]
		if rank > before && !mayRaise {
			continue
		}
		raised = raised || rank > before
		p.countChange(before, rank)
		s.permit(rank, cut)
	}
	if raised {
		d.raisedAt = now
		p.session.wakeMonitor() // layers that were switched off may be wanted
	}
	p.startProbe(now, result)
}

func (p *Peer) countChange(before, rank int) {
	m := p.session.opts.Metrics
	switch {
	case rank == before:
	case rank == allocate.None:
		m.VideosPaused.Add(1)
	case rank < before:
		m.LayersLowered.Add(1)
	default:
		m.LayersRaised.Add(1)
	}
}

// demand is what a subscriber's m-lines would like to carry.
type demand struct {
	audio  int64 // bit/s of all sound
	sent   int64 // bit/s of all that is forwarded now
	videos []allocate.Video
	slots  []*slot // of videos
}

// demand looks at the m-lines: sound, and each picture that the client would
// see, the most important first.
func (p *Peer) demand(congested bool) (d demand) {
	var pictures []*slot
	for _, s := range p.conn.slots {
		t, target, ok := s.servable()
		switch {
		case !ok:
		case s.kind == types.KindVideo:
			pictures = append(pictures, s)
		case t != nil:
			for _, l := range *t.layers.Load() {
				mean, _ := l.bitrate()
				d.audio += mean
			}
		}
		if target != nil && s.open.Load() && s.kind == types.KindVideo {
			mean, now := target.bitrate()
			d.sent += max(mean, now)
		}
	}
	d.sent += d.audio
	for _, c := range p.byImportance(pictures, congested) {
		d.slots = append(d.slots, c.slot)
		d.videos = append(d.videos, c.video)
	}
	return d
}

// picture is a video m-line among others.
type picture struct {
	slot     *slot
	video    allocate.Video
	position int   // among the candidates
	area     int64 // of its view, pixels
}

// stageRatio is by how much a view is larger than all others when it is the one
// that the client looks at.
const stageRatio = 2

// byImportance orders pictures: screens, then the one that fills the stage and
// that of the loudest voice, then the rest; each as for slots.
func (p *Peer) byImportance(list []*slot, congested bool) []picture {
	if len(list) == 0 {
		return nil
	}
	tracks := make([]*Track, 0, len(list))
	for _, s := range list {
		tracks = append(tracks, s.track())
	}
	views, order := p.viewSnapshot()
	position := map[types.TrackID]int{}
	for i, candidate := range p.candidatesFor(tracks, views, order) {
		position[candidate.TrackID] = i
	}
	var speaker types.PeerID
	if voices := *p.session.voices.Load(); len(voices) > 0 {
		speaker = voices[0]
	}
	pictures := make([]picture, len(list))
	var largest, second int64
	for i, s := range list {
		view := s.currentView()
		area := int64(view.Width) * int64(view.Height)
		if area == 0 {
			area = 1280 * 720 // without a size, or with one side: as large as it comes
		}
		if area > largest {
			largest, second = area, largest
		} else {
			second = max(second, area)
		}
		pictures[i] = picture{slot: s, video: s.demand(tracks[i], congested), area: area}
		pictures[i].position = position[tracks[i].info.TrackID]
	}
	for i := range pictures {
		c, t := &pictures[i], tracks[i]
		switch {
		case t.info.Source == types.SourceScreen:
			c.video.Class = 0
		case c.area == largest && largest >= stageRatio*second || t.info.PeerID == speaker:
			c.video.Class = 1
		default:
			c.video.Class = 2
		}
	}
	slices.SortStableFunc(pictures, func(a, b picture) int {
		return cmp.Or(cmp.Compare(a.video.Class, b.video.Class), cmp.Compare(a.position, b.position))
	})
	return pictures
}

// startProbe begins a probe when one is due.
func (p *Peer) startProbe(now time.Time, result allocate.Result) {
	c := p.conn
	d := &c.down
	if d.left > 0 {
		return
	}
	at, step, want := time.Duration(c.session().clock.at(now)), float64(result.Step), float64(result.Full)
	s := c.proberSlot()
	d.mu.Lock()
	if s == nil { // no RTX: the next layer itself shows whether there is room
		d.est.Try(at, step, want)
		d.mu.Unlock()
		return
	}
	probe, ok := d.est.Probe(at, float64(result.Used), step, want)
	d.mu.Unlock()
	if !ok {
		return
	}
	c.listen(s)
	d.probe, d.nextTick = probe, now
	d.packets = max(bwe.ProbePackets, int(probe.Rate*probe.Time.Seconds()/8)/(paddingSize+wireOverhead))
	d.left, d.began = d.packets, now
	c.sent.begin(probe.ID)
	p.continueProbe(now)
}

// continueProbe sends the part of the probe that is due.
func (p *Peer) continueProbe(now time.Time) {
	c := p.conn
	d := &c.down
	if d.left == 0 || now.Before(d.nextTick) {
		return
	}
	d.nextTick = now.Add(probeTick)
	// A tick that comes late sends what the ones before it should have.
	part := min(float64(now.Sub(d.began)+probeTick)/float64(d.probe.Time), 1)
	n := d.left - d.packets + int(math.Ceil(part*float64(d.packets)))
	d.left -= n
	b := p.session.burst()
	sent := d.prober.pad(n, b)
	b.send()
	p.session.opts.Metrics.ProbePackets.Add(int64(sent))
	if sent < n {
		d.left = 0 // its m-line has gone
	}
	if d.left > 0 {
		return
	}
	members := c.sent.end()
	d.mu.Lock()
	d.est.ProbeSent(time.Duration(c.session().clock.at(now)), members)
	d.mu.Unlock()
}

// nextDue returns when the downlink is to be looked at, zero for never.
func (d *downlink) nextDue() time.Time {
	if d.left > 0 {
		return d.nextTick
	}
	return d.due
}

// onDownlinkDue does what nextDue has announced.
func (p *Peer) onDownlinkDue(now time.Time) {
	p.continueProbe(now)
	if d := &p.conn.down; d.left == 0 && !d.due.IsZero() && !now.Before(d.due) {
		p.allocate(now)
	}
}

// proberSlot returns an m-line whose RTX stream can carry padding, the one that
// did last if possible.
func (c *connection) proberSlot() *slot {
	if s := c.down.prober; s != nil && slices.Contains(c.slots, s) && s.canPad() {
		return s
	}
	i := slices.IndexFunc(c.slots, (*slot).canPad)
	if i < 0 {
		return nil
	}
	return c.slots[i]
}

// listen reads the RTCP about the slot's RTX stream, where RTCP comes by pion. Receivers
// name the stream of the last packet that came in their transport-wide reports, and
// pion hands on only what names a sender's media stream.
func (c *connection) listen(s *slot) {
	d := &c.down
	if d.prober == s {
		return
	}
	if d.prober = s; c.sealed.Load() {
		return
	}
	receiver, err := c.api.NewRTPReceiver(webrtc.RTPCodecTypeVideo, c.pc.SCTP().Transport())
	if err == nil {
		err = receiver.Receive(webrtc.RTPReceiveParameters{Encodings: []webrtc.RTPDecodingParameters{{
			RTPCodingParameters: webrtc.RTPCodingParameters{SSRC: webrtc.SSRC(s.repairSSRC())},
		}}})
	}
	if err != nil {
		c.peer.log.Debug("reports on an RTX stream not read", "err", err)
		return
	}
	d.readers = append(d.readers, receiver)
	c.wg.Go(func() { // ends when the receiver stops, in close
		defer recovery.RecoverFunc("sfu RTX reports", func(any) { c.peer.fail(errPanic) })
		buf := make([]byte, packet.MaxSize)
		for {
			n, _, err := receiver.Read(buf)
			if err != nil {
				return
			}
			for b := range packetsOf(buf[:n]) {
				if isTransportReport(b) {
					c.transportFeedback(b, time.Now())
				}
			}
		}
	})
}

// stop ends the readers that listen made.
func (d *downlink) stop() {
	for _, r := range d.readers {
		_ = r.Stop()
	}
}
