package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

// stalled joins a room and never reads: its receive buffer is small, so that
// the server's writes block soon.
func (s *server) stalled(room string) {
	s.t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(4096)
		}
		return conn, err
	}}
	address := strings.Replace(s.url, "http", "ws", 1) + "/aq_server/websocket?username=stalled&room=" + url.QueryEscape(room)
	ws, response, err := dialer.Dial(address, http.Header{})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	s.t.Cleanup(func() { _ = ws.Close() })
}

// TestShutdownWithMediaFlowing stops the server while three are in a call, one
// has not answered, and one does not read.
func TestShutdownWithMediaFlowing(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "end", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "end", Username: "Bob", Publish: both()})
	carol := s.join(client.Options{Room: "end", Username: "Carol", Protocol: 1, Publish: both()})
	s.join(client.Options{Room: "end", Username: "Dave", HoldAnswer: func(context.Context, uint64) bool { return false }})
	s.stalled("end")
	waitMeet(t, alice, bob, carol)
	text := strings.Repeat("x", 4000)
	// More than the stalled one's buffers hold, but at a pace that the others
	// keep up with.
	for n := 1; n <= 200; n++ {
		if err := alice.Chat(text); err != nil {
			t.Fatal(err)
		}
		if n%20 == 0 {
			for _, c := range []*client.Client{alice, bob, carol} {
				wait(t, c, "the texts", func(st *client.State) bool { return len(st.Chat) == n })
			}
		}
	}
	began := time.Now()
	if err := s.app.Shutdown(); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	for _, c := range []*client.Client{alice, bob, carol} {
		wait(t, c, "the close frame", func(st *client.State) bool {
			return !st.Connected && st.CloseCode == websocket.CloseServiceRestart && st.CloseReason == "restart"
		})
	}
	if response, err := http.Get(s.url + "/health"); err == nil {
		_ = response.Body.Close()
		t.Error("the server still answers")
	}
}

// TestKilledBaseClientIsGoneAtOnce resets its TCP connection.
func TestKilledBaseClientIsGoneAtOnce(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "killed", Username: "Alice", Protocol: 1})
	bob := s.join(client.Options{Room: "killed", Username: "Bob", Publish: both()})
	waitMeetOne(t, bob, alice)
	bob.Abort()
	waitWithin(t, time.Second, alice, "Bob to be gone", func(st *client.State) bool {
		return len(st.Left) == 1 && st.Left[0].Reason == types.LeaveLost && len(st.Tracks.Tracks) == 0
	})
}

// TestLostClientKeepsHisPlaceForAWhile cuts a protocol=1 client's socket for
// good.
func TestLostClientKeepsHisPlaceForAWhile(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config.Config) { c.ResumeWindow = 2 * time.Second })
	alice := s.join(client.Options{Room: "lost", Username: "Alice", Protocol: 1})
	bob := s.join(client.Options{Room: "lost", Username: "Bob", Protocol: 1, Publish: both()})
	waitMeetOne(t, bob, alice)
	id := bob.PeerID()
	bob.Cut()
	cut := time.Now()
	wait(t, alice, "word of the loss", func(st *client.State) bool {
		return st.Peers[id].State.Connection == types.ConnectionLost
	})
	packets := alice.From(bob.Tag(), types.KindAudio).Packets
	wait(t, alice, "media to go on all the same", func(st *client.State) bool {
		return st.From(bob.Tag(), types.KindAudio).Packets > packets+5
	})
	wait(t, alice, "the end of it", func(st *client.State) bool {
		return len(st.Left) == 1 && st.Left[0].Reason == types.LeaveTimeout && len(st.Tracks.Tracks) == 0
	})
	if kept := time.Since(cut); kept < 1900*time.Millisecond {
		t.Errorf("gone after %v, want the window of 2 s", kept)
	}
}

// TestFrozenClientIsNoticed neither reads nor answers pings.
func TestFrozenClientIsNoticed(t *testing.T) {
	s := start(t, func(c *config.Config) { c.KeepalivePing, c.KeepalivePong = 300*time.Millisecond, 300*time.Millisecond })
	alice := s.join(client.Options{Room: "frozen", Username: "Alice", Protocol: 1})
	s.stalled("frozen")
	wait(t, alice, "the frozen one to be gone", func(st *client.State) bool {
		return len(st.Left) == 1 && st.Left[0].Reason == types.LeaveTimeout && len(st.Peers) == 0
	})
	alice.View(func(st *client.State) {
		if !st.Connected {
			t.Error("one who answers pings was closed")
		}
	})
}

// TestResumeKeepsTheMedia cuts the sockets of both ends of a stream, one after
// the other: not one packet is missing.
func TestResumeKeepsTheMedia(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "resume", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "resume", Username: "Bob", Protocol: 1, Publish: both()})
	carol := s.join(client.Options{Room: "resume", Username: "Carol", Protocol: 1, SocketOnly: true})
	waitMeet(t, alice, bob)
	for i, c := range []*client.Client{bob, alice} {
		id := c.PeerID()
		c.Cut()
		wait(t, carol, "word of the loss", func(st *client.State) bool { return st.Peers[id].State.Connection == types.ConnectionLost })
		missed := fmt.Sprintf("missed %d", i)
		if err := carol.Chat(missed); err != nil {
			t.Fatal(err)
		}
		wait(t, carol, "the echo", func(st *client.State) bool { return len(st.Chat) == i+1 })
		if err := c.Resume(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		wait(t, c, "the welcome back with what it missed", func(st *client.State) bool {
			return st.Welcomes == 2 && st.Welcome.Resumed && st.Welcome.PeerID == id &&
				len(st.Chat) == i+1 && st.Chat[i].Data == missed
		})
		wait(t, carol, "its return", func(st *client.State) bool { return st.Peers[id].State.Connection == types.ConnectionOK })
	}
	// A newcomer afterwards: negotiation works over the new sockets.
	dave := s.join(client.Options{Room: "resume", Username: "Dave", Publish: both()})
	waitMeet(t, alice, bob, dave)
	for name, c := range map[string]*client.Client{"Alice": alice, "Bob": bob} {
		checkStream(t, name, c)
		c.View(func(st *client.State) {
			if st.Connections != 1 || len(st.Left) != 0 || st.LastOffer().ID == 1 {
				t.Errorf("%s: %d connections, left %v", name, st.Connections, st.Left)
			}
		})
	}
	carol.View(func(st *client.State) {
		if len(st.Left) != 0 {
			t.Errorf("somebody left: %v", st.Left)
		}
	})
}

// TestResumeWithNewMedia is a reloaded page.
func TestResumeWithNewMedia(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := s.join(client.Options{Room: "reload", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "reload", Username: "Bob", Protocol: 1, Publish: both()})
	waitMeet(t, alice, bob)
	id := bob.PeerID()
	before := bob.From(alice.Tag(), types.KindVideo)
	heard := alice.From(bob.Tag(), types.KindVideo)
	bob.Cut()
	if err := bob.Resume(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "the same place with a new connection", func(st *client.State) bool {
		return st.Welcome.Resumed && st.Welcome.PeerID == id && st.Connections == 2 &&
			st.From(alice.Tag(), types.KindVideo).Keyframes > before.Keyframes
	})
	// Counted in packets: the new connection's frames have the numbers of the
	// old one's, and the client counts a keyframe's number once.
	wait(t, alice, "Bob's new pictures", func(st *client.State) bool {
		return st.From(bob.Tag(), types.KindVideo).Packets > heard.Packets+60 && len(st.Left) == 0
	})
}

// TestResumeOverAnOpenSocket replaces it, and the old token is worth nothing.
func TestResumeOverAnOpenSocket(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "twice", Username: "Alice", Protocol: 1, SocketOnly: true})
	wait(t, alice, "the welcome", func(st *client.State) bool { return st.Welcomes == 1 })
	var token string
	alice.View(func(st *client.State) { token = st.Welcome.Resume.Token })
	id := alice.PeerID()
	if err := alice.Resume(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "the replacement", func(st *client.State) bool {
		return st.Welcomes == 2 && st.Welcome.Resumed && st.Welcome.PeerID == id && st.Welcome.Resume.Token != token &&
			len(st.CloseCodes) == 1 && st.CloseCodes[0] == 4009 && st.Connected
	})
	// Her word on the new socket shows that the next token has arrived.
	if err := alice.Chat("back"); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "the echo", func(st *client.State) bool { return len(st.Chat) == 1 })
	again := s.join(client.Options{
		Room: "twice", Username: "Thief", Protocol: 1, SocketOnly: true, Query: url.Values{"resume": {token}},
	})
	wait(t, again, "an ordinary welcome", func(st *client.State) bool {
		return st.Welcomes == 1 && !st.Welcome.Resumed && st.Welcome.PeerID != id
	})
}

// TestICERestart asks for one in the midst of a call.
func TestICERestart(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := s.join(client.Options{Room: "ice", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "ice", Username: "Bob", Protocol: 1, Publish: both()})
	waitMeet(t, alice, bob)
	before := lastOffer(bob)
	if err := bob.RestartICE(); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "an offer with new credentials", func(st *client.State) bool {
		last := st.LastOffer()
		return last.ID > before.ID && last.Ufrag != before.Ufrag && st.Answers == len(st.Offers)
	})
	seen := bob.From(alice.Tag(), types.KindVideo).Packets
	wait(t, bob, "media to go on", func(st *client.State) bool {
		return st.From(alice.Tag(), types.KindVideo).Packets > seen+50 && st.Connections == 1
	})
	heard := alice.From(bob.Tag(), types.KindVideo).Packets
	wait(t, alice, "media to go on", func(st *client.State) bool {
		return st.From(bob.Tag(), types.KindVideo).Packets > heard+50
	})
}
