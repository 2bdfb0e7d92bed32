package room

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/types"
)

// The last one leaves while another joins, a thousand times, in every order the
// scheduler finds: the newcomer always has a living room.
func TestJoinWhileLastLeaves(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	for i := range 1000 {
		a, ac := w.join("a")
		var wg sync.WaitGroup
		wg.Go(func() { a.Leave(ac, types.LeaveLeft) })
		var b *Member
		bc := &fakeConn{}
		wg.Go(func() { b, _ = w.joinAs(JoinRequest{Conn: bc, Room: "demo", Username: "b", Protocol: 1}) })
		wg.Wait()
		bc.take()
		if err := b.Chat("alone?"); err != nil || len(bc.take()) != 1 {
			t.Fatalf("round %d: the newcomer is in a dead room", i)
		}
		if rooms := w.GetAllRooms(); rooms["demo"] != 1 {
			t.Fatalf("round %d: rooms %v", i, rooms)
		}
		b.Leave(bc, types.LeaveLeft)
		if rooms := w.GetAllRooms(); len(rooms) != 0 {
			t.Fatalf("round %d: rooms %v in the end", i, rooms)
		}
	}
}

// Whatever happens at once, everyone sees it in the same order.
func TestSameOrderForAll(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	_, first := w.join("first")
	_, second := w.join("second")
	first.take()
	second.take()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("%d-%d", i, j)
				m, c := w.join(name)
				on := true
				_ = m.State(types.StateUpdate{Hand: &on})
				_ = m.Chat("from " + name)
				if rand.IntN(2) == 0 {
					m.SocketLost(c, types.LeaveLost, BackSoon)
					w.RemovePeerFromRoom(m, types.LeaveTimeout)
				} else {
					m.Leave(c, types.LeaveLeft)
				}
				story := c.story(t)
				if !strings.HasPrefix(story, "welcome, ") {
					t.Errorf("%s saw %.60s", name, story)
				}
			}
		})
	}
	wg.Wait()
	a, b := first.story(t), second.story(t)
	if a != b {
		t.Error("two members saw two stories")
	}
	if n := strings.Count(a, "joined"); n != 400 {
		t.Errorf("%d joins seen, want 400", n)
	}
	if n := strings.Count(a, " left ("); n != 400 {
		t.Errorf("%d leaves seen, want 400", n)
	}
}

// A member who is removed while his media is being made takes it with him.
func TestRemovedWhileMediaStarts(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	w.onAdd = func(p *fakePeer) { p.config.Observer.Failed(errors.New("boom")) }
	m, c := w.join("Alice")
	if !errors.Is(c.closed(), ErrInternal) {
		t.Errorf("closed with %v", c.closed())
	}
	if m.Media() == nil || len(w.media[0].list()) != 0 {
		t.Error("his media stayed")
	}
	if rooms := w.GetAllRooms(); len(rooms) != 0 {
		t.Errorf("rooms %v", rooms)
	}
}

// A panic in media costs the one who joins, not the room.
func TestPanicWhileMediaStarts(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	_, a := w.join("Alice")
	w.media[0].onAdd = func(*fakePeer) {
		w.media[0].peers = w.media[0].peers[:1]
		panic("boom")
	}
	c := &fakeConn{}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = w.AddPeerToRoom(JoinRequest{Conn: c, Room: "demo", Username: "Bob", Protocol: 1})
	}()
	if got := a.story(t); got != "welcome, offer, Bob joined, Bob left (error)" {
		t.Errorf("Alice saw %s", got)
	}
	if !errors.Is(c.closed(), ErrInternal) {
		t.Errorf("Bob was closed with %v", c.closed())
	}
}

func TestFailedMedia(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	_, a := w.join("Alice")
	m, c := w.join("Bob")
	a.take()
	w.media[0].list()[1].config.Observer.Failed(errors.New("boom"))
	if got := a.story(t); got != "Bob left (error)" || !errors.Is(c.closed(), ErrInternal) {
		t.Errorf("Alice saw %s, Bob was closed with %v", got, c.closed())
	}
	m.Leave(c, types.LeaveError) // by the handler
	if got := a.story(t); got != "" {
		t.Errorf("then %s", got)
	}
}

func TestLateErrorsReachTheSocket(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	m, c := w.join("Alice")
	errs := w.media[0].list()[0].config.Errors
	errs(types.Errorf(types.CodeBadSDP, "x"))
	m.SocketLost(c, types.LeaveLost, BackSoon)
	errs(types.Errorf(types.CodeBadSDP, "x")) // to nobody
	if c.rejected != 1 {
		t.Errorf("counted %d", c.rejected)
	}
}

func TestDrainAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var conns []*fakeConn
		for i := range 5 {
			_, c := w.joinAs(JoinRequest{Room: fmt.Sprint(i % 2), Username: "x", Protocol: i % 2})
			conns = append(conns, c)
		}
		lost, lc := w.join("lost")
		token := welcome(t, lc).Resume.Token
		lost.SocketLost(lc, types.LeaveLost, BackSoon)

		w.Drain()
		for _, resume := range []string{"", token} {
			var refused *types.ProtocolError
			_, err := w.AddPeerToRoom(JoinRequest{Conn: &fakeConn{}, Room: "demo", Username: "x", Protocol: 1, Resume: resume})
			if !errors.As(err, &refused) || refused.Code != types.CodeDraining {
				t.Errorf("a join while draining: %v", err)
			}
			if err := w.CanJoin(JoinRequest{Room: "demo", Resume: resume}); !errors.As(err, &refused) || refused.Code != types.CodeDraining {
				t.Errorf("CanJoin while draining: %v", err)
			}
		}
		for _, c := range conns {
			if c.closed() != nil {
				t.Errorf("Drain closed a socket with %v", c.closed())
			}
		}
		start := time.Now()
		w.close()
		w.Close()
		if took := time.Since(start); took != 0 { // the window of the lost one does not matter
			t.Errorf("took %v", took)
		}
		for _, c := range conns {
			if !errors.Is(c.closed(), ErrShutdown) {
				t.Errorf("closed with %v", c.closed())
			}
		}
	})
}

// Joins, losses and returns go on while the manager closes.
func TestCloseUnderway(t *testing.T) {
	for range 20 {
		w := newWorld(t, nil)
		var wg sync.WaitGroup
		started := make(chan struct{}, 100)
		for i := range 4 {
			wg.Go(func() {
				for range 200 {
					c := &fakeConn{}
					m, err := w.AddPeerToRoom(JoinRequest{Conn: c, Room: fmt.Sprint(i % 2), Username: "x", Protocol: 1})
					if err != nil {
						return
					}
					select {
					case started <- struct{}{}:
					default:
					}
					_ = m.Chat("x")
					m.SocketLost(c, types.LeaveLost, BackSoon)
				}
			})
		}
		<-started
		w.Close()
		wg.Wait()
		w.close()
	}
}
