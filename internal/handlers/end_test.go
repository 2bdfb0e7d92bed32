package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/recovery"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

// How a socket ends decides what the others see.
func TestEndings(t *testing.T) {
	closeWith := func(code int) func(*peer) {
		return func(p *peer) {
			data := websocket.FormatCloseMessage(code, "")
			_ = p.WriteControl(websocket.CloseMessage, data, time.Now().Add(time.Second))
		}
	}
	cut := func(p *peer) { _ = p.NetConn().Close() }
	reset := func(p *peer) {
		_ = p.NetConn().(*net.TCPConn).SetLinger(0)
		_ = p.NetConn().Close()
	}
	half := func(p *peer) {
		_, _ = p.NetConn().Write([]byte{0x81, 0xfe})
		_ = p.NetConn().Close()
	}
	const lost = "none: may come back"
	tests := []struct {
		name  string
		end   func(*peer)
		base  types.LeaveReason
		named types.LeaveReason // protocol=1; lost: may come back
	}{
		{"1000", closeWith(1000), types.LeaveLeft, types.LeaveLeft},
		{"1001", closeWith(1001), types.LeaveLeft, types.LeaveLeft},
		{"close() without a code", closeWith(websocket.CloseNoStatusReceived), types.LeaveLeft, types.LeaveLeft},
		{"leave", func(p *peer) { p.send("leave", "") }, types.LeaveLeft, types.LeaveLeft},
		{"1011 of the client", closeWith(1011), types.LeaveLost, lost},
		{"4000 of a page that is left", closeWith(closeAway), types.LeaveLeft, lost},
		{"4001 of the client", closeWith(4001), types.LeaveLost, lost},
		{"FIN", cut, types.LeaveLost, lost},
		{"RST", reset, types.LeaveLost, lost},
		{"FIN within a frame", half, types.LeaveLost, lost},
		{"binary", func(p *peer) { _ = p.WriteMessage(websocket.BinaryMessage, nil) }, types.LeaveRejected, types.LeaveRejected},
		{"not UTF-8", func(p *peer) { p.raw("\xff") }, types.LeaveRejected, types.LeaveRejected},
		{"protocol error", func(p *peer) { _, _ = p.NetConn().Write([]byte{0x83, 0x80, 0, 0, 0, 0}) }, types.LeaveRejected, types.LeaveRejected},
	}
	s := serve(t, nil)
	other := s.dial("protocol=1&username=Other")
	other.await(types.EventOffer)
	for _, tt := range tests {
		for protocol, want := range []types.LeaveReason{tt.base, tt.named} {
			p := s.dial(fmt.Sprintf("username=X&protocol=%d", protocol))
			other.await(types.EventPeerJoined)
			p.spoke()
			start := time.Now()
			tt.end(p)
			if m := other.next(); want == lost {
				info := decodeAs[types.PeerInfo](t, m)
				if m.Event != types.EventPeerUpdated || info.State.Connection != types.ConnectionLost {
					t.Errorf("%s, protocol %d: %+v", tt.name, protocol, m)
				}
			} else if left := decodeAs[types.PeerLeft](t, m); m.Event != types.EventPeerLeft || left.Reason != want {
				t.Errorf("%s, protocol %d: %+v, want %s", tt.name, protocol, m, want)
			}
			if took := time.Since(start); took > time.Second*raceFactor {
				t.Errorf("%s: the others heard after %v", tt.name, took)
			}
			_ = p.Close()
		}
	}
}

func TestCausesOfReading(t *testing.T) {
	tests := []struct {
		err  error
		want error
	}{
		{&websocket.CloseError{Code: 1006, Text: io.ErrUnexpectedEOF.Error()}, errBroken},
		{websocket.ErrReadLimit, errTooBig},
		{errTooBig, errTooBig},
		{errRate, errRate},
		{io.EOF, errBroken},
		{io.ErrUnexpectedEOF, errBroken},
		{net.ErrClosed, errBroken},
		{os.ErrDeadlineExceeded, errBroken},
		{errors.New("websocket: bad MASK"), errProtocol},
	}
	for _, tt := range tests {
		if got := causeOfRead(tt.err); !errors.Is(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
	if e := endingOf(errors.New("something else")); e.code != 1011 {
		t.Errorf("an unknown cause closes with %d", e.code)
	}
	if e := endingOf(nil); e.code != 1011 {
		t.Errorf("no cause closes with %d", e.code)
	}
	for _, e := range endings {
		if len(e.text) > 123 || e.reason == "" {
			t.Errorf("%+v", e)
		}
	}
}

func TestKeepaliveTimeout(t *testing.T) {
	for protocol, want := range []string{types.EventPeerLeft, types.EventPeerUpdated} {
		synctest.Test(t, func(t *testing.T) {
			s, d, end := bubble(t, nil)
			defer end()
			other := s.dialWith(d, "protocol=1")
			other.await(types.EventOffer)
			_ = other.SetReadDeadline(time.Time{})
			p := s.dialWith(d, fmt.Sprint("protocol=", protocol))
			_ = p.SetReadDeadline(time.Time{})
			p.spoke()
			p.SetPingHandler(func(string) error { return nil }) // alive, but does not answer
			closed := make(chan struct{})
			start := time.Now()
			go func() {
				defer close(closed)
				p.ends(4008, "keepalive timeout")
				if took := time.Since(start); took != 40*time.Second {
					t.Errorf("closed after %v", took)
				}
			}()
			other.await(types.EventPeerJoined)
			m := other.next()
			if m.Event != want || !strings.Contains(m.Data, `"timeout"`) && !strings.Contains(m.Data, `"lost"`) {
				t.Errorf("protocol %d: %+v", protocol, m)
			}
			if n := s.metrics.KeepaliveTimeouts.Load(); n != 1 {
				t.Errorf("%d timeouts counted", n)
			}
			if protocol == 1 {
				if m := other.next(); m.Event != types.EventPeerLeft || time.Since(start) != 70*time.Second {
					t.Errorf("after %v: %+v", time.Since(start), m)
				}
			}
			<-closed
			_ = p.Close()
			_ = other.Close()
		})
	}
}

// A client that is slowed down by its rate cannot answer pings in time, and is
// not to be blamed for it.
func TestSlowedDownIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, func(o *Options, _ *room.Options) {
			o.Limits = DefaultLimits()
			o.Limits.ChatRate, o.Limits.ChatBurst = 4, 1
			o.KeepalivePing, o.KeepalivePong = 2*time.Second, time.Second
		})
		defer end()
		p := s.dialWith(d, "")
		p.await(types.EventOffer)
		_ = p.SetReadDeadline(time.Time{})
		p.SetPingHandler(func(string) error { return nil }) // no pong comes through
		stop := flood(p.NetConn(), text(`{"event":"chat","data":"x"}`))
		p.ends(1008, "rate limit")
		_ = p.Close()
		stop()
	})
}

// A client comes back on a new socket: the old one, still open, gets 4009.
func TestResume(t *testing.T) {
	s := serve(t, nil)
	other := s.dial("protocol=1&username=Other")
	other.await(types.EventOffer)
	first := s.dial("protocol=1&username=Alice")
	before := decodeAs[types.Welcome](t, first.next())
	first.await(types.EventOffer) // his media is there
	second := s.dial("protocol=1&media=keep&resume=" + before.Resume.Token)
	after := decodeAs[types.Welcome](t, second.next())
	if !after.Resumed || after.PeerID != before.PeerID || after.Username != "Alice" {
		t.Errorf("welcome %+v", after)
	}
	first.ends(4009, "replaced")
	second.send("chat", "back")
	if m := other.await(types.EventChat); m.From != before.PeerID {
		t.Errorf("%+v", m)
	}
	// Read only after the join, of which media's resume is a part.
	if got, _, _ := strings.Cut(s.media.peer(1).noted(), " "); got != "resume" {
		t.Errorf("media got %s", got)
	}
	_ = second.NetConn().Close()
	other.await(types.EventPeerUpdated)
	third := s.dial("protocol=1&last_chat=0&resume=" + after.Resume.Token)
	if w := decodeAs[types.Welcome](t, third.next()); !w.Resumed || len(w.Chat) != 1 {
		t.Errorf("welcome %+v", w)
	}
	third.send("chat", "the welcome has arrived")
	third.await(types.EventChat)
	fourth := s.dial("protocol=1&media=keep&resume=" + after.Resume.Token)
	if w := decodeAs[types.Welcome](t, fourth.next()); w.Resumed || w.PeerID == before.PeerID {
		t.Errorf("a used token gives %+v", w)
	}
	if n := s.metrics.Resumes.Load(); n != 2 {
		t.Errorf("%d resumes counted", n)
	}
}

// joinPanics is a RoomManager whose join panics.
type joinPanics struct{ *room.RoomManager }

func (joinPanics) AddPeerToRoom(room.JoinRequest) (*room.Member, error) { panic("boom") }

func TestPanicInJoin(t *testing.T) {
	s := serve(t, nil)
	s.h.opts.Rooms = joinPanics{s.rooms}
	before := recovery.Panics()
	s.dial("").ends(1011, "internal")
	if recovery.Panics() != before+1 {
		t.Error("the panic was not counted")
	}
}

// What is queued before a close arrives before it.
func TestCloseComesAfterWhatIsQueued(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	signaller := s.media.peer(0).config.Signaller
	for i := range 1000 {
		if err := signaller.Send(types.Message{Event: types.EventSpeakers, Data: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	s.media.peer(0).config.Observer.Failed(errors.New("boom"))
	for i := range 1000 {
		if m := p.next(); m.Data != fmt.Sprint(i) {
			t.Fatalf("got %+v, want %d", m, i)
		}
	}
	p.ends(1011, "internal")
	if err := signaller.Send(types.Message{Event: types.EventSpeakers}); err != nil {
		t.Errorf("Send for somebody who is gone: %v", err)
	}
}

// Everyone is told of a restart; one who does not read does not hold it up.
func TestShutdown(t *testing.T) {
	s := serve(t, nil)
	var peers []*peer
	for i := range 5 {
		p := s.dial(fmt.Sprintf("protocol=%d&room=%d", i%2, i%3))
		p.await(types.EventOffer)
		peers = append(peers, p)
	}
	stalled := s.dialWith(smallBuffer, "room=stalled")
	stalled.await(types.EventOffer)
	signaller := s.media.peer(5).config.Signaller
	for range 80 { // more than the kernel takes, less than the queue
		if err := signaller.Send(types.Message{Event: "x", Data: strings.Repeat("x", 10_000)}); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.h.Shutdown(ctx) }()
	for _, p := range peers {
		p.ends(1012, "restart")
		_ = p.Close()
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(start); took > closeTime+lingerTime+patience/4 {
		t.Errorf("took %v", took)
	}
	_, resp, err := websocket.DefaultDialer.Dial(s.url(""), nil)
	if err == nil {
		t.Fatal("joined after Shutdown")
	}
	refused(t, "after Shutdown", resp, http.StatusServiceUnavailable, types.CodeDraining)
}

// When the time for a shutdown is over, sockets are cut.
func TestShutdownCuts(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.h.Shutdown(ctx); !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if n := s.metrics.ActiveConnections.Load(); n != 0 {
		t.Errorf("%d sockets after Shutdown", n)
	}
}

// A client that is still sending when it is closed learns why all the same.
func TestReasonSurvivesUnreadData(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	data := frame(0x82, 2, "{}")
	for range 100 {
		data = append(data, text(strings.Repeat("x", 60<<10))...)
	}
	if _, err := p.NetConn().Write(data); err != nil {
		t.Errorf("6 MB after a binary frame: %v", err)
	}
	eventually(t, "the room is empty", func() bool { return len(s.rooms.GetAllRooms()) == 0 })
	p.ends(1003, "text only")
}
