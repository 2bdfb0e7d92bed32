package sfu

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"aq-server/internal/recovery"
	"aq-server/internal/sfu/transfer"
	"aq-server/internal/types"
)

// Files go from one person to others in the room over data channels, and through
// this memory in pieces only: the server asks the sender for a chunk when somebody
// who has accepted the file has room for it, and passes it on. What is said of
// files (offer, accept, refuse, end) goes by the WebSocket, so that only who sends
// or accepts one has a channel (docs/adr/0009-files.md).
//
//	file offer -> courier -> file offer (to each)    accept -> Stream.Join
//	pull <- Stream.Ask <- room in the channels of those who accepted
//	chunk -> Stream.Arrive -> the channels of those who are in step

const (
	// maxFiles is how many files one person may have on offer.
	maxFiles = 8
	// offerRate and offerBurst bound how often he offers one.
	offerRate, offerBurst = 1, 20
	// offerTime is how long an offer stands that nobody takes.
	offerTime = 10 * time.Minute
	// openTime is how long the channels may take to open once a file is accepted.
	openTime = 30 * time.Second
	// stallTime is how long nothing may move before somebody is given up.
	stallTime = 20 * time.Second
	// progressTime is between two notes to a sender.
	progressTime = time.Second
)

// How often the courier looks at the clock: while a sender waits for his pace,
// while something moves, while there are offers.
const (
	paceTick, moveTick, offerTick = 20 * time.Millisecond, 250 * time.Millisecond, 10 * time.Second
)

// courier carries the files of one session. All of its state belongs to its
// goroutine, which starts with the first file or channel and ends with the session.
type courier struct {
	session *Session
	inbox   chan func()
	wakeup  chan struct{} // capacity 1: somebody has room
	done    chan struct{}

	// Owned by run.
	files    []*sharedFile // those whose turn it is first
	lastID   uint32
	channels map[*Peer]*fileChannel
	offers   map[*Peer]*rate.Limiter
	paced    bool // a sender waits for his pace
	pumped   time.Time
	looked   time.Time
}

// sharedFile is a file that somebody offers.
type sharedFile struct {
	id        uint32
	from      *Peer
	info      types.FileInfo
	chunks    int
	receivers []*fileReceiver // who have not refused it, and have not got it
	stream    *transfer.Stream[*fileReceiver]
	touched   time.Time // the last that was said of it, or moved
	arrived   time.Time // when the sender began to owe, or last paid
	told      time.Time // when he was last told how far it is
}

// fileReceiver is somebody to whom a file is offered.
type fileReceiver struct {
	peer     *Peer
	accepted time.Time // zero: not yet
	bytes    int64     // handed to his channel
	told     int64     // of them, to the sender
	whole    time.Time // when all of it was; zero: not yet
}

// openFiles returns the courier, a new one for the first file of the session, nil
// when the session is closed.
func (s *Session) openFiles() *courier {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.files.Load(); c != nil || s.closed {
		return c
	}
	c := newCourier(s)
	s.files.Store(c)
	s.loopWG.Go(c.run) // stopped and awaited by Close
	return c
}

func newCourier(s *Session) *courier {
	return &courier{
		session: s, inbox: make(chan func(), 64), wakeup: make(chan struct{}, 1), done: make(chan struct{}),
		channels: map[*Peer]*fileChannel{}, offers: map[*Peer]*rate.Limiter{},
	}
}

// withFiles has the courier do something, if there is one.
func (s *Session) withFiles(f func(c *courier)) {
	if c := s.files.Load(); c != nil {
		c.do(func() { f(c) })
	}
}

// do has f run by the goroutine, which never waits for anybody.
func (c *courier) do(f func()) {
	select {
	case c.inbox <- f:
	case <-c.done:
	}
}

// wake has the goroutine look who has room. It does not wait.
func (c *courier) wake() {
	select {
	case c.wakeup <- struct{}{}:
	default:
	}
}

func (c *courier) run() {
	defer close(c.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(c.nextDue()))
		select {
		case <-c.session.quit:
			return
		case f := <-c.inbox:
			c.guard(f)
		case <-c.wakeup:
			c.guard(func() { c.pump(time.Now()) })
		case now := <-timer.C:
			c.guard(func() { c.onDue(now) })
		}
	}
}

// guard runs one step. A fault costs the files of the room, not the people in it.
func (c *courier) guard(step func()) {
	defer recovery.RecoverFunc("sfu files", func(any) { c.files = nil })
	step()
}

// nextDue returns when the goroutine must look at the clock again.
func (c *courier) nextDue() time.Time {
	if len(c.files) == 0 {
		return time.Now().Add(time.Hour)
	}
	next := c.looked.Add(offerTick)
	if slices.ContainsFunc(c.files, (*sharedFile).accepted) {
		next = c.looked.Add(moveTick)
	}
	if again := c.pumped.Add(paceTick); c.paced && again.Before(next) {
		return again
	}
	return next
}

func (c *courier) onDue(now time.Time) {
	for _, ch := range c.channels {
		ch.down.Observe(now, ch.conn.down.waiting())
	}
	if now.Sub(c.looked) >= moveTick {
		c.look(now)
	}
	c.pump(now)
}

// opened takes a channel into use.
func (c *courier) opened(ch *fileChannel) {
	now := time.Now()
	ch.up = transfer.NewPace(now, upQueue, c.session.opts.FileRate)
	ch.down = transfer.NewPace(now, downQueue, math.MaxInt64)
	ch.moved = now
	c.channels[ch.conn.peer] = ch
	c.pump(time.Now())
}

// closed ends what went over a channel that is gone.
func (c *courier) closed(ch *fileChannel) {
	p := ch.conn.peer
	if c.channels[p] != ch {
		return
	}
	delete(c.channels, p)
	c.endAll(types.FileConnection, func(f *sharedFile, r *fileReceiver) bool {
		return !r.accepted.IsZero() && (f.from == p || r.peer == p)
	})
}

// chunk passes on what a sender sends. Of a file that has ended meanwhile some may
// be on the way; a file of somebody else is nobody's.
func (c *courier) chunk(p *Peer, message []byte) {
	f := c.find(binary.BigEndian.Uint32(message))
	if f == nil || f.from != p {
		return
	}
	now := time.Now()
	if c.channels[p] == nil {
		return
	}
	c.session.opts.Metrics.FileBytesIn.Add(int64(len(message) - types.ChunkHeader))
	index := int(binary.BigEndian.Uint32(message[4:]))
	size := min(f.info.Size-int64(index)*types.ChunkSize, types.ChunkSize)
	to, err := f.stream.Arrive(index, func(r *fileReceiver) bool {
		return c.room(r, 2*channelWindow, now) > 0 && !c.channels[r.peer].down.Indebted(now)
	})
	if err != nil || int64(len(message)-types.ChunkHeader) != size {
		p.log.Info("file ended", "file", f.id, "chunk", index, "err", err)
		c.endAll(types.FileFault, func(o *sharedFile, _ *fileReceiver) bool { return o == f })
		return
	}
	f.touched, f.arrived = now, now
	c.channels[p].up.Moved(now, len(message))
	c.channels[p].answered(f.id, uint32(index), now)
	for _, r := range to {
		if err := c.channels[r.peer].write(message, false, now); err != nil {
			c.end(f, r, types.FileConnection)
			continue
		}
		c.session.opts.Metrics.FileBytesOut.Add(size)
		if r.bytes += size; f.stream.Left(r) == 0 {
			r.whole = now
		}
	}
	c.pump(now)
}

// room is how many chunks a receiver's channel still takes of window.
func (c *courier) room(r *fileReceiver, window int, now time.Time) int {
	ch := c.channels[r.peer]
	if ch == nil {
		return 0
	}
	return window - (ch.buffered(now)+types.ChunkSize-1)/types.ChunkSize
}

// pump asks senders for what somebody has room for. Who was asked first this time
// comes last the next time.
func (c *courier) pump(now time.Time) {
	c.paced, c.pumped = false, now
	var served []*sharedFile
	for _, f := range c.files {
		if ch := c.channels[f.from]; ch != nil && c.ask(f, ch, now) {
			served = append(served, f)
		}
	}
	slices.SortStableFunc(c.files, func(a, b *sharedFile) int {
		return slices.Index(served, a) - slices.Index(served, b)
	})
}

// ask asks the sender of one file, as often as he and others keep their pace. It
// reports whether he was asked.
func (c *courier) ask(f *sharedFile, ch *fileChannel, now time.Time) (asked bool) {
	room := func(r *fileReceiver) int {
		window := c.room(r, channelWindow, now)
		if window <= 0 {
			return 0
		}
		may := c.channels[r.peer].down.Chunks(now)
		if may == 0 {
			c.paced = true
			return 0
		}
		return min(window, f.stream.Asked()+may)
	}
	for f.stream.Takers() > 0 {
		may := min(ch.up.Chunks(now), c.together(f, now))
		first, count := f.stream.Ask(room, min(maxPull, pullWindow-f.stream.Asked(), may))
		if count == 0 {
			c.paced = c.paced || may == 0
			return asked
		}
		if f.stream.Asked() == count {
			f.arrived = now
		}
		for _, r := range f.stream.InStep() {
			if to := c.channels[r.peer]; to != nil {
				to.down.Take(now, count)
			}
		}
		pull := types.Pull{FileID: f.id, Ref: f.info.Ref, Chunk: uint32(first), Count: uint32(count)}
		if err := ch.pull(pull, now); err != nil {
			return asked // its reader ends it
		}
		asked = true
	}
	return asked
}

// together is how many chunks may go to those who are in step now, so that they
// stay so: as many as the slowest of them takes, but for those who are less than
// half as fast as the fastest. They fall behind, and get theirs later.
func (c *courier) together(f *sharedFile, now time.Time) int {
	most, fastest := maxPull, int64(0)
	for _, slower := range []bool{false, true} {
		for _, r := range f.stream.InStep() {
			if c.room(r, channelWindow, now) <= 0 {
				continue
			}
			pace := c.channels[r.peer].down
			if !slower {
				fastest = max(fastest, pace.Rate())
			} else if 2*pace.Rate() >= fastest {
				most = min(most, pace.Chunks(now))
			}
		}
	}
	return most
}

// look goes by the clock: it ends what does not move, and tells senders how far
// their files are.
func (c *courier) look(now time.Time) {
	c.looked = now
	for _, f := range slices.Clone(c.files) {
		owing := f.stream.Asked() > 0 && now.Sub(f.arrived) > stallTime
		for _, r := range slices.Clone(f.receivers) {
			if reason := c.overdue(f, r, now); reason != "" {
				c.end(f, r, reason)
			} else if owing && !r.accepted.IsZero() && r.whole.IsZero() {
				c.end(f, r, types.FileStalled)
			}
		}
		c.tellProgress(f, now)
	}
}

// overdue tells why a receiver is given up, "" if he is not.
func (c *courier) overdue(f *sharedFile, r *fileReceiver, now time.Time) types.FileReason {
	if r.accepted.IsZero() {
		if now.Sub(f.touched) > offerTime {
			return types.FileExpired
		}
		return ""
	}
	ch := c.channels[r.peer]
	if ch == nil || c.channels[f.from] == nil {
		if now.Sub(r.accepted) > openTime {
			return types.FileConnection
		}
		return ""
	}
	waits := ch.buffered(now) > 0
	since := ch.moved
	if !r.whole.IsZero() && r.whole.After(since) {
		since = r.whole
	}
	if (waits || !r.whole.IsZero()) && now.Sub(since) > stallTime {
		return types.FileStalled
	}
	return ""
}

func (c *courier) tellProgress(f *sharedFile, now time.Time) {
	if now.Sub(f.told) < progressTime {
		return
	}
	f.told = now
	for _, r := range f.receivers {
		if r.bytes > r.told {
			r.told = r.bytes
			f.from.sendFile(types.File{Action: types.FileProgress, FileID: f.id, PeerID: r.peer.ID(), Bytes: r.bytes})
		}
	}
}

func (p *Peer) sendFile(f types.File) { p.send(types.NewMessage(types.EventFile, f)) }
