package room

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/types"
)

func TestLostAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		alice, a := w.join("Alice")
		bob, b := w.join("Bob")
		before := welcome(t, b)
		_ = alice.Chat("before")
		known := b.take()[0].ID
		a.take()

		bob.SocketLost(b, types.LeaveLost, BackSoon)
		if got := a.story(t); got != "Bob is lost" {
			t.Errorf("Alice saw %s", got)
		}
		if got := w.GetAllRooms()["demo"]; got != 1 {
			t.Errorf("%d counted while Bob is lost", got)
		}
		if got := w.GetPeersInRoom("demo"); len(got) != 2 || got[1].State.Connection != types.ConnectionLost {
			t.Errorf("peers %v", got)
		}
		_ = alice.Chat("missed")
		a.take()
		if err := bob.Send(types.Message{Event: types.EventOffer}); err != nil {
			t.Errorf("Send to a lost member: %v", err)
		}

		time.Sleep(30*time.Second - time.Nanosecond)
		back := &fakeConn{}
		again, _ := w.joinAs(JoinRequest{
			Conn: back, Room: "demo", Username: "another name", Protocol: 1,
			Resume: before.Resume.Token, Keep: true, LastChat: known,
		})
		if again != bob {
			t.Error("he is somebody else")
		}
		messages := back.take()
		if len(messages) != 2 || messages[1].Event != types.EventTracks {
			t.Fatalf("Bob got %v", messages)
		}
		now := decode[types.Welcome](t, messages[0])
		if !now.Resumed || now.PeerID != before.PeerID || now.Username != "Bob" || now.Resume.Token == before.Resume.Token {
			t.Errorf("welcome %+v", now)
		}
		if len(now.Chat) != 1 || now.Chat[0].Message != "missed" {
			t.Errorf("missed chat %v", now.Chat)
		}
		if got := a.story(t); got != "Bob is ok" {
			t.Errorf("Alice saw %s", got)
		}
		if got := w.media[0].list()[1].resumes; len(got) != 1 || !got[0] {
			t.Errorf("media was resumed %v", got)
		}
		time.Sleep(time.Hour) // the old window has no effect
		if got := a.story(t); got != "" {
			t.Errorf("then Alice saw %s", got)
		}
		bob.SocketLost(b, types.LeaveLost, BackSoon) // a late word of the old socket
		bob.Leave(b, types.LeaveLeft)
		if got := a.story(t); got != "" || w.GetAllRooms()["demo"] != 2 {
			t.Errorf("the old socket had an effect: %s", got)
		}
		if n := w.opts.Metrics.Resumes.Load(); n != 1 {
			t.Errorf("%d resumes counted", n)
		}
	})
}

func TestWindowRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		_, a := w.join("Alice")
		bob, b := w.join("Bob")
		token := welcome(t, b).Resume.Token
		a.take()
		bob.SocketLost(b, types.LeaveLost, BackSoon)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got := a.story(t); got != "Bob is lost, Bob left (timeout)" {
			t.Errorf("Alice saw %s", got)
		}
		again, c := w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Resume: token, Keep: true})
		if got := welcome(t, c); got.Resumed || again == bob {
			t.Error("came back after the window")
		}
	})
}

// He comes back at the very moment when the window ends: he is either in, and
// stays, or somebody new.
func TestBackInTheLastMoment(t *testing.T) {
	outcomes := make(map[bool]int)
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			defer w.close()
			m, c := w.join("Alice")
			token := welcome(t, c).Resume.Token
			m.SocketLost(c, types.LeaveLost, BackSoon)
			time.Sleep(30 * time.Second)
			back := &fakeConn{}
			again, _ := w.joinAs(JoinRequest{Conn: back, Room: "demo", Username: "Alice", Protocol: 1, Resume: token})
			synctest.Wait()
			resumed := welcome(t, back).Resumed
			outcomes[resumed]++
			if resumed != (again == m) || w.GetAllRooms()["demo"] != 1 || back.closed() != nil {
				t.Errorf("resumed %t, rooms %v, closed for %v", resumed, w.GetAllRooms(), back.closed())
			}
		})
	}
	t.Logf("resumed: %v", outcomes)
}

// The last member's room lives as long as his window.
func TestRoomWaitsForLostMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		m, c := w.join("Alice")
		token := welcome(t, c).Resume.Token
		m.SocketLost(c, types.LeaveLost, BackSoon)
		if rooms := w.GetAllRooms(); len(rooms) != 0 {
			t.Errorf("listed %v", rooms)
		}
		time.Sleep(20 * time.Second)
		again, c := w.joinAs(JoinRequest{Room: "demo", Username: "x", Protocol: 1, Resume: token})
		if again != m || !welcome(t, c).Resumed {
			t.Error("not the same person")
		}
		if got := w.media[0].list()[0].resumes; len(got) != 1 || got[0] {
			t.Errorf("media was resumed %v, want new", got)
		}
		m.SocketLost(c, types.LeaveLost, BackSoon)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if n := w.opts.Metrics.ActiveRooms.Load(); n != 0 {
			t.Errorf("%d rooms", n)
		}
	})
}

func TestReplacedSocket(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	_, a := w.join("Alice")
	bob, b := w.join("Bob")
	token := welcome(t, b).Resume.Token
	a.take()
	back := &fakeConn{}
	if again, _ := w.joinAs(JoinRequest{Conn: back, Room: "demo", Username: "Bob", Protocol: 1, Resume: token}); again != bob {
		t.Fatal("not the same person")
	}
	if !errors.Is(b.closed(), ErrReplaced) {
		t.Errorf("the old socket was closed with %v", b.closed())
	}
	if got := a.story(t); got != "" {
		t.Errorf("Alice saw %s", got)
	}
	_ = bob.Chat("x")
	if got := back.story(t); got != "welcome, tracks, Bob: x" {
		t.Errorf("the new socket got %s", got)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.RoomMaxPeers = 4 })
	defer w.close()
	alice, a := w.join("Alice")
	token := welcome(t, a).Resume.Token
	ordinary := func(what string, req JoinRequest) {
		t.Helper()
		m, c := w.joinAs(req)
		if m == alice || req.Protocol == 1 && welcome(t, c).Resumed {
			t.Errorf("%s: came back as Alice", what)
		}
		m.Leave(c, types.LeaveLeft)
	}
	ordinary("no token", JoinRequest{Room: "demo", Protocol: 1})
	ordinary("unknown token", JoinRequest{Room: "demo", Protocol: 1, Resume: strings.Repeat("A", 22)})
	ordinary("part of a token", JoinRequest{Room: "demo", Protocol: 1, Resume: token[:21]})
	ordinary("long token", JoinRequest{Room: "demo", Protocol: 1, Resume: strings.Repeat(token, 1000)})
	ordinary("another room", JoinRequest{Room: "other", Protocol: 1, Resume: token})
	ordinary("base client", JoinRequest{Room: "demo", Resume: token})
	// A full room keeps the place of those who may come back.
	for range 3 {
		w.join("x")
	}
	if err := w.CanJoin(JoinRequest{Room: "demo", Resume: ""}); err == nil {
		t.Error("the room is not full")
	}
	if err := w.CanJoin(JoinRequest{Room: "demo", Resume: token}); err != nil {
		t.Errorf("Alice cannot come back: %v", err)
	}
	m, back := w.joinAs(JoinRequest{Room: "demo", Protocol: 1, Resume: token})
	if m != alice {
		t.Error("Alice did not come back")
	}
	// It worked, and its successor has arrived.
	alice.Spoke(back)
	if err := w.CanJoin(JoinRequest{Room: "demo", Resume: token}); err == nil {
		t.Error("a used token keeps a place")
	}
	if _, err := w.AddPeerToRoom(JoinRequest{Conn: &fakeConn{}, Room: "demo", Protocol: 1, Resume: token}); err == nil {
		t.Error("a used token worked")
	}
}

// A welcome that is lost on the way must not cost the person his identity: the
// token that was used counts until the client has spoken on the new socket.
func TestLostWelcome(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	first := welcome(t, a).Resume.Token
	back := func(token string) (*Member, *fakeConn, types.Welcome) {
		t.Helper()
		m, c := w.joinAs(JoinRequest{Room: "demo", Username: "Alice", Protocol: 1, Resume: token, Keep: true})
		return m, c, welcome(t, c)
	}
	lost, lostConn, lostWelcome := back(first)
	if lost != alice || !lostWelcome.Resumed {
		t.Fatal("not resumed")
	}
	again, _, second := back(first)
	if again != alice || !second.Resumed || second.Resume.Token == first || second.Resume.Token == lostWelcome.Resume.Token {
		t.Fatalf("the second attempt was not resumed: %+v", second)
	}
	alice.Spoke(lostConn) // what was sent on a socket that has been replaced proves nothing
	if m, _, third := back(first); m != alice || !third.Resumed {
		t.Fatal("a word on the old socket made the token invalid")
	} else if m, next, fourth := back(third.Resume.Token); m != alice || !fourth.Resumed {
		t.Fatal("the successor is not valid")
	} else {
		alice.Spoke(next)
		second = fourth
	}
	for what, token := range map[string]string{"the first": first, "one never confirmed": lostWelcome.Resume.Token} {
		if m, c, got := back(token); m == alice || got.Resumed {
			t.Errorf("%s token is still valid", what)
		} else {
			m.Leave(c, types.LeaveLeft)
		}
	}
	if m, _, got := back(second.Resume.Token); m != alice || !got.Resumed {
		t.Error("the present token is not valid")
	}
}

// Attempts arrive in another order than they were made, and after their client
// has given them up.
func TestOvertakenAttempts(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	attempt := func(token string, n uint64) (*Member, *fakeConn, error) {
		c := &fakeConn{}
		m, err := w.AddPeerToRoom(JoinRequest{Conn: c, Room: "demo", Username: "Alice", Protocol: 1, Resume: token, Keep: true, Attempt: n})
		return m, c, err
	}
	alice, a, _ := attempt("", 100)
	token := welcome(t, a).Resume.Token
	alice.Spoke(a)
	alice.SocketLost(a, types.LeaveLost, BackSoon)

	early, earlyConn, err := attempt(token, 101)
	if early != alice || err != nil {
		t.Fatalf("%v, %v", early, err)
	}
	m, c, err := attempt(token, 104)
	if m != alice || err != nil || !errors.Is(earlyConn.closed(), ErrReplaced) {
		t.Fatalf("%v, %v; the one before was closed with %v", m, err, earlyConn.closed())
	}
	for _, proven := range []bool{false, true} {
		for _, n := range []uint64{101, 103} {
			if m, c, err := attempt(token, n); m != nil || !errors.Is(err, ErrReplaced) || len(c.take()) != 0 {
				t.Errorf("proven %t: attempt %d gave %v, %v", proven, n, m, err)
			}
		}
		alice.Spoke(c)
	}
	if c.closed() != nil || w.CountPeers("demo") != 1 {
		t.Errorf("closed with %v, %d in the room", c.closed(), w.CountPeers("demo"))
	}
	// The next one, and a client that does not count, come in as ever.
	token = welcome(t, c).Resume.Token
	if m, _, err := attempt(token, 105); m != alice || err != nil {
		t.Errorf("%v, %v", m, err)
	}
	if m, _, err := attempt(token, 0); m != alice || err != nil {
		t.Errorf("%v, %v", m, err)
	}
}

// Whose socket breaks before he has said anything does not know his token.
func TestNobodyWaitsForAStranger(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	_, a := w.join("Alice")
	m, c := w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1})
	a.take()
	m.SocketLost(c, types.LeaveLost, BackSoon)
	if got := a.story(t); got != "Bob left (lost)" {
		t.Errorf("Alice saw %s", got)
	}
}

// A page that is closed or loaded again leaves a short time to come back.
func TestAwayIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		_, a := w.join("Alice")
		bob, b := w.join("Bob")
		token := welcome(t, b).Resume.Token
		a.take()
		bob.SocketLost(b, types.LeaveLeft, BackAtOnce)
		time.Sleep(5*time.Second - time.Nanosecond)
		m, b := w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Resume: token})
		if m != bob {
			t.Fatal("not the same person after a reload")
		}
		bob.SocketLost(b, types.LeaveLeft, BackAtOnce)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := a.story(t); got != "Bob is lost, Bob is ok, Bob is lost, Bob left (left)" {
			t.Errorf("Alice saw %s", got)
		}
	})
}

// Who is silent on his media path is shown as lost, and asked on his socket.
func TestSilentMedia(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	bob, b := w.join("Bob")
	token := welcome(t, b).Resume.Token
	media := w.media[0].list()[1]
	a.take()
	bob.Silent(true)
	bob.Silent(true)
	if b.probes != 2 || a.probes != 0 {
		t.Errorf("%d probes for Bob, %d for Alice", b.probes, a.probes)
	}
	bob.Answered()
	bob.Spoke(b)
	if media.nudges != 3 { // the first when he joined
		t.Errorf("media was told of %d signs of life", media.nudges)
	}
	if got := w.CountPeers("demo"); got != 2 {
		t.Errorf("%d counted", got)
	}
	// Socket and media: back is who is back with both.
	bob.SocketLost(b, types.LeaveLost, BackSoon)
	if _, c := w.joinAs(JoinRequest{Room: "demo", Protocol: 1, Resume: token, Keep: true}); len(c.take()) == 0 {
		t.Error("no welcome")
	}
	if got := a.story(t); got != "Bob is lost" {
		t.Errorf("Alice saw %s", got)
	}
	bob.Silent(false)
	if got := a.story(t); got != "Bob is ok" {
		t.Errorf("then Alice saw %s", got)
	}
	alice.Leave(a, types.LeaveLeft)
	alice.Silent(true) // a late word of media
}

// The room ended meanwhile: the token leads into a new one, as a new person.
func TestResumeIntoARoomThatEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		bob, b := w.join("Bob")
		before := welcome(t, b)
		_ = bob.Chat("said before")
		bob.SocketLost(b, types.LeaveLost, BackSoon)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		m, c := w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Resume: before.Resume.Token, Keep: true, LastChat: "0"})
		got := welcome(t, c)
		if m == bob || got.Resumed || got.PeerID == before.PeerID || len(got.Chat) != 0 {
			t.Errorf("welcome %+v", got)
		}
		if len(w.media) != 2 {
			t.Errorf("%d rooms had media", len(w.media))
		}
	})
}

func TestBaseClientIsGoneAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	_, a := w.join("Alice")
	m, c := w.joinAs(JoinRequest{Room: "demo", Username: "Bob"})
	a.take()
	m.SocketLost(c, types.LeaveLost, BackSoon)
	if got := a.story(t); got != "Bob left (lost)" {
		t.Errorf("Alice saw %s", got)
	}
}

func TestNoWindow(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ResumeWindow = 0 })
	defer w.close()
	m, c := w.join("Alice")
	m.SocketLost(c, types.LeaveTimeout, BackSoon)
	if rooms := w.opts.Metrics.ActiveRooms.Load(); rooms != 0 {
		t.Error("stayed without a window")
	}
}

// Media messages of the time of the exchange never come before the welcome.
func TestWelcomeIsFirstAlsoOnReturn(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	m, c := w.join("Alice")
	token := welcome(t, c).Resume.Token
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = m.Send(types.Message{Event: types.EventSpeakers})
			}
		}
	}()
	for range 300 {
		back := &fakeConn{}
		if again, _ := w.joinAs(JoinRequest{Conn: back, Room: "demo", Protocol: 1, Resume: token, Keep: true}); again != m {
			t.Fatal("not the same person")
		}
		token = welcome(t, back).Resume.Token // fails if it is not the first
	}
	close(stop)
	<-done
}
