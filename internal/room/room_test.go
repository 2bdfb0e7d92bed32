package room

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/types"
)

func TestStoryOfARoom(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	if got := a.story(t); got != "welcome, offer" {
		t.Errorf("Alice got %s", got)
	}
	base, b := w.joinAs(JoinRequest{Room: "demo", Username: "Bob"})
	if got := b.story(t); got != "offer" {
		t.Errorf("Bob, a base client, got %s", got)
	}
	_, c := w.join("Carol")
	hello := welcome(t, c)
	if len(hello.Peers) != 2 || hello.Peers[0].Username != "Alice" || hello.Peers[1].Username != "Bob" {
		t.Errorf("Carol's welcome has %v", hello.Peers)
	}
	base.Publishing(true, true)
	base.Publishing(true, true) // no change
	alice.Publishing(true, true)
	on, name := true, "Alice B."
	if err := alice.State(types.StateUpdate{Hand: &on, Username: &name}); err != nil {
		t.Error(err)
	}
	if err := alice.State(types.StateUpdate{Hand: &on}); err != nil {
		t.Error(err)
	}
	for _, quality := range []int{-1, 6} {
		if err := alice.State(types.StateUpdate{Quality: &quality}); err == nil || err.Code != types.CodeBadMessage {
			t.Errorf("quality %d: %v", quality, err)
		}
	}
	quality := 2
	if err := alice.State(types.StateUpdate{Quality: &quality}); err != nil || w.GetPeersInRoom("demo")[0].State.Quality != 2 {
		t.Errorf("quality: %v, %+v", err, w.GetPeersInRoom("demo")[0])
	}
	if err := alice.Chat("hi"); err != nil {
		t.Error(err)
	}
	base.Leave(b, types.LeaveLeft)
	base.Leave(b, types.LeaveLost)
	const shared = "Bob is mic cam ok, Alice B. is hand ok, Alice B. is hand ok, "
	if got, want := c.story(t), shared+"Alice B.: hi, Bob left (left)"; got != want {
		t.Errorf("Carol saw %s, want %s", got, want)
	}
	// Alice gets the echo of a state that is what it was before.
	if got, want := a.story(t), "Bob joined, Carol joined, "+shared+"Alice B. is hand ok, Alice B.: hi, Bob left (left)"; got != want {
		t.Errorf("Alice saw %s, want %s", got, want)
	}
	if got := b.story(t); got != "Alice B.: hi" {
		t.Errorf("Bob saw %s", got)
	}
	if got := b.closed(); !errors.Is(got, ErrLeft) {
		t.Errorf("Bob's socket was closed with %v", got)
	}
}

func TestWelcome(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ICEServers = []types.ICEServer{{URLs: []string{"stun:x"}}} })
	defer w.close()
	m, c := w.join("Alice")
	got := welcome(t, c)
	if got.Protocol != 1 || got.Room != "demo" || got.Username != "Alice" || got.PeerID != m.Peer().ID || got.Resumed {
		t.Errorf("%+v", got)
	}
	if got.Peers == nil || got.Chat == nil || len(got.ICEServers) != 1 || got.Resume.WindowSeconds != 30 {
		t.Errorf("%+v", got)
	}
	if len(got.Permissions.Publish) != 4 || !got.Permissions.Chat || !got.Permissions.Subscribe || got.Permissions.Moderate {
		t.Errorf("permissions %+v", got.Permissions)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(got.Resume.Token) { // 128 bits
		t.Errorf("token %q", got.Resume.Token)
	}
	if !regexp.MustCompile(`^p_[0-9a-f]{16}$`).MatchString(string(got.PeerID)) {
		t.Errorf("peer id %q", got.PeerID)
	}
}

func TestRoomsAreWalls(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	var conns []*fakeConn
	var members []*Member
	for _, room := range []string{"one", "two"} {
		m, c := w.joinAs(JoinRequest{Room: room, Username: room, Protocol: 1})
		members, conns = append(members, m), append(conns, c)
	}
	conns[0].take()
	conns[1].take()
	on := true
	_ = members[0].Chat("secret")
	_ = members[0].State(types.StateUpdate{Camera: &on})
	members[0].Leave(conns[0], types.LeaveLeft)
	if got := conns[1].story(t); got != "" {
		t.Errorf("room two saw %s", got)
	}
	if len(w.media) != 2 || len(w.media[1].list()) != 1 {
		t.Error("the rooms share media")
	}
}

func TestStateIsAllOrNothing(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	m, c := w.join("Alice")
	c.take()
	on := true
	for _, name := range []string{"", "  ", "a\nb", strings.Repeat("x", 65), "\xff"} {
		err := m.State(types.StateUpdate{Hand: &on, Username: &name})
		if err == nil || err.Code != types.CodeBadUsername {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if got := c.story(t); got != "" {
		t.Errorf("told %s", got)
	}
	if p := w.GetPeersInRoom("demo")[0]; p.Username != "Alice" || p.State.Hand {
		t.Errorf("changed to %+v", p)
	}
}

func TestChat(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	m, c := w.join("Alice")
	c.take()
	for text, code := range map[string]types.ErrorCode{
		"": types.CodeChatEmpty, " \n ": types.CodeChatEmpty,
		strings.Repeat("x", 4097): types.CodeChatTooLong, strings.Repeat("🙂", 4097): types.CodeChatTooLong,
	} {
		if err := m.Chat(text); err == nil || err.Code != code {
			t.Errorf("%.20q: %v, want %s", text, err, code)
		}
	}
	texts := []string{"Hello", strings.Repeat("🙂", 4096), "<b>\u2028\x00"}
	for _, text := range texts {
		if err := m.Chat(text); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	var last uint64
	for i, got := range c.take() {
		id, err := strconv.ParseUint(got.ID, 10, 64)
		if err != nil || id <= last || id >= 1<<53 { // a number in JavaScript
			t.Errorf("id %q after %d", got.ID, last)
		}
		last = id
		stamp, err := time.Parse("2006-01-02T15:04:05.000Z", got.Timestamp)
		if err != nil || time.Since(stamp) > time.Minute || stamp.Local().Format("15:04:05") != got.Time {
			t.Errorf("time %q, timestamp %q: %v", got.Time, got.Timestamp, err)
		}
		if got.Data != texts[i] || got.Message != texts[i] || got.From != m.Peer().ID || got.Username != "Alice" {
			t.Errorf("got %.200v", got)
		}
	}
	if n := w.opts.Metrics.TotalChatMessages.Load(); n != 3 {
		t.Errorf("counted %d", n)
	}
}

// Ids also grow from one life of a room to the next.
func TestChatIDsAcrossLivesOfARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		var last uint64
		for range 3 {
			m, c := w.join("Alice")
			c.take()
			_ = m.Chat("one")
			_ = m.Chat("two")
			for _, got := range c.take() {
				id, _ := strconv.ParseUint(got.ID, 10, 64)
				if id <= last {
					t.Errorf("id %d after %d", id, last)
				}
				last = id
			}
			m.Leave(c, types.LeaveLeft)
			time.Sleep(time.Second)
		}
	})
}

func TestHistoryForTheLate(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ChatHistory = 2 })
	defer w.close()
	m, c := w.join("Alice")
	c.take()
	for _, text := range []string{"1", "2", "3"} {
		_ = m.Chat(text)
	}
	messages := c.take()
	_, late := w.join("Bob")
	if got := welcome(t, late).Chat; len(got) != 2 || got[0].Message != "2" || got[1].Event() != messages[2] {
		t.Errorf("history %+v", got)
	}
	_, later := w.joinAs(JoinRequest{Room: "demo", Username: "Carol", Protocol: 1, LastChat: messages[1].ID})
	if got := welcome(t, later).Chat; len(got) != 1 || got[0].Message != "3" {
		t.Errorf("history after last_chat %+v", got)
	}
}

func TestCapacity(t *testing.T) {
	refused := func(w *world, room string, want types.ErrorCode) {
		t.Helper()
		check := func(what string, err error) {
			t.Helper()
			var got *types.ProtocolError
			if !errors.As(err, &got) || got.Code != want {
				t.Errorf("%s(%s): %v, want %s", what, room, err, want)
			}
		}
		check("CanJoin", w.CanJoin(JoinRequest{Room: room}))
		conn := &fakeConn{}
		_, err := w.AddPeerToRoom(JoinRequest{Conn: conn, Room: room, Username: "x", Protocol: 1})
		check("AddPeerToRoom", err)
		if len(conn.take()) != 0 {
			t.Error("a refused client was told something")
		}
	}
	t.Run("room", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.RoomMaxPeers = 2 })
		defer w.close()
		a, ac := w.join("a")
		w.join("b")
		refused(w, "demo", types.CodeRoomFull)
		w.joinAs(JoinRequest{Room: "other", Username: "c"})
		a.Leave(ac, types.LeaveLeft)
		w.join("d")
	})
	t.Run("server", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.MaxPeers = 2 })
		defer w.close()
		a, ac := w.join("a")
		w.joinAs(JoinRequest{Room: "other", Username: "b"})
		refused(w, "demo", types.CodeServerFull)
		refused(w, "third", types.CodeServerFull)
		if rooms := w.GetAllRooms(); len(rooms) != 2 {
			t.Errorf("a refused join made a room: %v", rooms)
		}
		a.Leave(ac, types.LeaveLeft)
		w.join("d")
	})
	t.Run("rooms", func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.MaxRooms = 2 })
		defer w.close()
		a, ac := w.join("a")
		w.joinAs(JoinRequest{Room: "other", Username: "b"})
		refused(w, "third", types.CodeTooManyRooms)
		w.join("c")
		a.Leave(ac, types.LeaveLeft)
		refused(w, "third", types.CodeTooManyRooms) // c is still in demo
	})
}

func TestRoomEndsWithItsLastMember(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	if got := w.GetPeersInRoom("demo"); len(got) != 0 {
		t.Errorf("an unknown room has %v", got)
	}
	m, c := w.join("Alice")
	_, _ = w.joinAs(JoinRequest{Room: "other", Username: "Bob"})
	if got := fmt.Sprint(w.GetAllRooms()); got != "map[demo:1 other:1]" {
		t.Errorf("rooms %s", got)
	}
	m.Leave(c, types.LeaveLeft)
	if got := fmt.Sprint(w.GetAllRooms()); got != "map[other:1]" {
		t.Errorf("rooms %s", got)
	}
	if n := w.opts.Metrics.ActiveRooms.Load(); n != 1 {
		t.Errorf("%d active rooms", n)
	}
	r, err := w.GetOrCreateRoom("held")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := w.GetOrCreateRoom("held"); again != r {
		t.Error("two rooms of one name")
	}
	r.Release()
	r.Release()
	if n := w.opts.Metrics.ActiveRooms.Load(); n != 1 {
		t.Errorf("a room that nobody joined stayed: %d active rooms", n)
	}
}
