package client

import (
	"context"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// When the client doubts its socket, and when its media. Media is everything
// that comes on the PeerConnection, reports included, of which a healthy server
// sends one a second.
const (
	watchEvery = 100 * time.Millisecond
	// doubtMedia is the silence of media that had been flowing after which the
	// socket is asked for a sign of life. pongWait is how long that may take.
	doubtMedia = time.Second
	pongWait   = 1500 * time.Millisecond
	// doubtSocket is the silence of the socket itself: TCP may be dead while
	// media goes on.
	doubtSocket = 4 * time.Second
	// repairAfter is the silence of media after which the client asks for an
	// ICE restart, unless the server has started one by itself. It does so only
	// while the socket has shown life for settle, which is what a path that
	// healed together with the socket needs to be heard, and not more than once
	// in repairEvery.
	repairAfter = 2500 * time.Millisecond
	settle      = 250 * time.Millisecond
	repairEvery = 4 * time.Second
	// ghosts is how long an attempt that was given up may still reach a server
	// that was busy or stopped.
	ghosts = 30 * time.Second
)

// A Loss is one end of a socket and the return after it.
type Loss struct {
	At   time.Time
	Code int // of the close; 1006 without a close frame
	// Silent says that the client gave the socket up because nothing came on it.
	Silent bool
	// Attempts were needed to open the next socket.
	Attempts int
	// Back is when the server was first heard on the new socket; zero until then.
	Back time.Time
	// Resumed is what the welcome said: still the same peer.
	Resumed bool
}

// A comeback keeps a client in its room: it watches the socket and the media,
// and opens a new socket when the old one ends. Its goroutine alone uses it.
type comeback struct {
	c     *Client
	ctx   context.Context // ends when the client leaves
	waits waits
	media mediaWatch
	// abandoned is when an attempt or a socket was last given up without an
	// answer. The server may find it later, and then takes it for the newest.
	abandoned time.Time
}

// run is the goroutine of a client with Options.ComeBack.
func (b *comeback) run() {
	for {
		s, ok := b.c.current().(*socket)
		if !ok {
			return
		}
		o := b.guard(s)
		if o == final || !b.comeBack(o) {
			return
		}
	}
}

// comeBack opens a new socket, however long that takes. It returns false when
// there is none to be had.
func (b *comeback) comeBack(o outcome) bool {
	c := b.c
	// A network that has just gone may be another one by now: no wait.
	wait := time.Duration(0)
	if o == ended {
		wait = b.waits.next(o, 0)
	}
	for {
		if !pause(b.ctx, wait) {
			return false
		}
		c.update(func(s *State) {
			if n := len(s.Losses); n > 0 {
				s.Losses[n-1].Attempts++
			}
		})
		began := time.Now()
		ctx, cancel := context.WithTimeout(b.ctx, b.waits.limit())
		err := c.Resume(ctx, c.mediaLives())
		cancel()
		if err == nil {
			b.waits.took = time.Since(began)
			return true
		}
		if b.ctx.Err() != nil {
			return false
		}
		o, atLeast := outcomeOf(err)
		if o == final {
			c.fail(err)
			return false
		}
		if o == away {
			b.abandoned = time.Now()
		}
		wait = b.waits.next(o, atLeast)
	}
}

// mediaLives says whether there is a PeerConnection that can go on.
func (c *Client) mediaLives() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pc != nil && c.state.ConnectionState != webrtc.PeerConnectionStateClosed
}

// guard watches an open socket until it has ended, and ends it when it is dead.
func (b *comeback) guard(s *socket) outcome {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	opened := time.Now()
	asked := time.Time{} // an unanswered ping
	for {
		select {
		case <-s.ended:
			return b.lost(s)
		case <-b.ctx.Done():
			return final
		case <-ticker.C:
		}
		now := time.Now()
		heard := s.heardAt()
		if !heard.IsZero() && b.waits.failures > 0 {
			b.waits.opened(b.waits.took)
		}
		if heard.After(asked) {
			asked = time.Time{}
		}
		b.media.look(b.c.PeerConnection(), now)
		switch {
		case heard.IsZero() && now.Sub(opened) > b.waits.limit(), !asked.IsZero() && now.Sub(asked) > pongWait:
			b.giveUp(s)
		case heard.IsZero() || !asked.IsZero():
		case b.media.silent(now) > doubtMedia && now.Sub(heard) > doubtMedia, now.Sub(heard) > doubtSocket:
			asked = now
			b.ping(s)
		case b.media.silent(now) > repairAfter && now.Sub(opened) > settle:
			b.repair(s, now)
		}
	}
}

// ping asks the socket for a sign of life: with the protocol's own event, and
// with a control frame where the base has none.
func (b *comeback) ping(s *socket) {
	if b.c.opts.Protocol == 0 {
		s.offer(frame{websocket.PingMessage, nil})
		return
	}
	s.say(types.Message{Event: types.EventPing, Data: "alive?"})
}

// repair asks for an ICE restart over a socket that has just shown life.
func (b *comeback) repair(s *socket, now time.Time) {
	var offered time.Time
	b.c.View(func(st *State) { offered = st.LastOffer().At })
	if now.Sub(offered) < repairEvery || now.Sub(b.media.repaired) < repairEvery {
		return
	}
	b.media.repaired = now
	b.c.update(func(st *State) { st.RestartsAsked++ })
	s.say(types.Message{Event: types.EventRestart})
}

// giveUp ends a socket on which nobody answers. Its reader ends with it.
func (b *comeback) giveUp(s *socket) {
	b.abandoned = time.Now()
	s.silent.Store(true)
	s.shut()
}

// lost says what the end of a socket means.
func (b *comeback) lost(s *socket) outcome {
	if b.ctx.Err() != nil {
		return final
	}
	var code int
	var reason string
	b.c.View(func(st *State) { code, reason = st.CloseCode, st.CloseReason })
	switch {
	case s.silent.Load():
		return away
	case code == websocket.CloseAbnormalClosure && b.media.silent(time.Now()) > doubtMedia:
		// A server that dies resets the socket and falls silent in the same
		// moment. Here media had been silent before, and the reset is the
		// answer to a ping: the way has changed, behind a NAT or to another
		// network, and nobody is to be spared.
		return away
	case code == codeReplaced && time.Since(b.abandoned) < ghosts:
		return away // replaced by an attempt of its own
	case comesBack(code, reason):
		return ended
	}
	return final
}

// A mediaWatch knows since when nothing has come on the PeerConnection.
type mediaWatch struct {
	pc       *webrtc.PeerConnection
	bytes    uint64
	heard    time.Time // zero before the first packet
	repaired time.Time // when the last restart was asked for
}

// look compares what has come with the last time.
func (w *mediaWatch) look(pc *webrtc.PeerConnection, now time.Time) {
	if pc != w.pc {
		*w = mediaWatch{pc: pc}
	}
	if pc == nil {
		return
	}
	if n := pc.SCTP().Transport().ICETransport().Stats().BytesReceived; n != w.bytes {
		w.bytes, w.heard = n, now
	}
}

// silent returns how long nothing has come; 0 before anything did.
func (w *mediaWatch) silent(now time.Time) time.Duration {
	if w.heard.IsZero() {
		return 0
	}
	return now.Sub(w.heard)
}

// pause waits; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
