package room

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/types"
)

// ordered is a world where the first in a room moderates it.
func ordered(t *testing.T, change func(*Options)) *world {
	return newWorld(t, func(o *Options) {
		o.FirstModerates = true
		if change != nil {
			change(o)
		}
	})
}

func codeOf(err *types.ProtocolError) types.ErrorCode {
	if err == nil {
		return ""
	}
	return err.Code
}

func refusedWith(err error) types.ErrorCode {
	var refused *types.ProtocolError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

func last[T any](t *testing.T, c *fakeConn, event string) T {
	t.Helper()
	var found *types.Message
	for _, m := range c.take() {
		if m.Event == event {
			found = &m
		}
	}
	if found == nil {
		t.Fatalf("no %s came", event)
	}
	return decode[T](t, *found)
}

func TestFirstModeratesAndIsInherited(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	_, base := w.joinAs(JoinRequest{Room: "demo", Username: "Base"})
	alice, a := w.join("Alice")
	if got := welcome(t, a); !got.Permissions.Moderate {
		t.Error("the first who can moderate does not")
	}
	bob, b := w.join("Bob")
	carol, c := w.join("Carol")
	if welcome(t, b).Permissions.Moderate || welcome(t, c).Permissions.Moderate {
		t.Error("the second moderates")
	}
	if peers := w.GetPeersInRoom("demo"); !peers[1].State.Moderator || peers[2].State.Moderator {
		t.Errorf("%+v", peers)
	}
	// Nobody else may, whatever he sends.
	for _, action := range types.Actions() {
		if err := bob.Moderate(types.Moderate{Action: action, PeerID: alice.Peer().ID, Source: types.SourceCamera, What: "chat"}); codeOf(err) != types.CodeNotPermitted {
			t.Errorf("%s: %v", action, err)
		}
	}
	// Bob's connection is lost as Alice goes: Carol is there longest of those who
	// are.
	bob.SocketLost(b, types.LeaveLost, BackSoon)
	alice.Leave(a, types.LeaveLeft)
	if got := last[types.Permissions](t, c, types.EventPermissions); !got.Moderate {
		t.Error("nobody inherits")
	}
	if err := carol.Moderate(types.Moderate{Action: types.ActionLock, On: true}); err != nil {
		t.Error(err)
	}
	_ = base
}

func TestNobodyModeratesByDefault(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	if welcome(t, a).Permissions.Moderate {
		t.Error("somebody moderates")
	}
	if err := alice.Moderate(types.Moderate{Action: types.ActionLock, On: true}); codeOf(err) != types.CodeNotPermitted {
		t.Error(err)
	}
}

func TestHandOverAndPromote(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	bob, b := w.join("Bob")
	carol, _ := w.join("Carol")
	a.take()
	b.take()
	if err := alice.Moderate(types.Moderate{Action: types.ActionPromote, PeerID: bob.Peer().ID}); err != nil {
		t.Fatal(err)
	}
	if err := bob.Moderate(types.Moderate{Action: types.ActionHandOver, PeerID: carol.Peer().ID}); err != nil {
		t.Fatal(err)
	}
	if got := last[types.Permissions](t, b, types.EventPermissions); got.Moderate {
		t.Error("Bob still moderates")
	}
	if err := bob.Moderate(types.Moderate{Action: types.ActionLock}); codeOf(err) != types.CodeNotPermitted {
		t.Error(err)
	}
	for _, m := range []*Member{alice, carol} {
		if err := m.Moderate(types.Moderate{Action: types.ActionLock}); err != nil {
			t.Error(err)
		}
	}
	if err := alice.Moderate(types.Moderate{Action: types.ActionPromote, PeerID: "p_nobody"}); codeOf(err) != types.CodeNoSuchPeer {
		t.Error(err)
	}
	if err := alice.Moderate(types.Moderate{Action: "dance"}); codeOf(err) != types.CodeBadMessage {
		t.Error(err)
	}
}

func TestMute(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, _ := w.join("Alice")
	bob, b := w.join("Bob")
	media := bob.Media().(*fakePeer)
	on := true
	say := func() *types.ProtocolError { return bob.State(types.StateUpdate{Microphone: &on}) }
	mute := func(action types.Action, source types.Source, hard bool) {
		t.Helper()
		if err := alice.Moderate(types.Moderate{Action: action, PeerID: bob.Peer().ID, Source: source, Hard: hard}); err != nil {
			t.Fatal(err)
		}
	}
	blocks := func(want ...types.Source) {
		t.Helper()
		if got := media.blocks(); got != types.SetOf(want...) {
			t.Errorf("media blocks %v, want %v", got.Sources(), want)
		}
	}
	_ = say()
	b.take()

	mute(types.ActionMute, types.SourceMicrophone, false)
	blocks(types.SourceMicrophone)
	if got := b.story(t); got != "moderated, Bob is ok" {
		t.Error(got)
	}
	if err := say(); err != nil {
		t.Error(err)
	}
	blocks()

	mute(types.ActionMute, types.SourceMicrophone, true)
	blocks(types.SourceMicrophone)
	if err := say(); codeOf(err) != types.CodeNotPermitted {
		t.Errorf("he unmuted himself: %v", err)
	}
	if err := bob.Publish(types.Publish{Source: types.SourceMicrophone}); codeOf(err) != types.CodeNotPermitted {
		t.Errorf("he published: %v", err)
	}
	blocks(types.SourceMicrophone)
	if peers := w.GetPeersInRoom("demo"); !peers[1].State.Muted.Has(types.SourceMicrophone) || peers[1].State.Microphone {
		t.Errorf("%+v", peers[1].State)
	}
	mute(types.ActionUnmute, types.SourceMicrophone, false)
	blocks()
	if err := say(); err != nil {
		t.Error(err)
	}

	// A screen and its sound are one.
	mute(types.ActionMute, types.SourceScreenAudio, false)
	blocks(types.SourceScreen, types.SourceScreenAudio)
	if err := bob.Publish(types.Publish{Source: types.SourceScreen}); err != nil {
		t.Error(err)
	}
	if err := bob.Publish(types.Publish{Source: types.SourceScreenAudio}); err != nil {
		t.Error(err)
	}
	blocks()
	if err := alice.Moderate(types.Moderate{Action: types.ActionMute, PeerID: bob.Peer().ID, Source: "nose"}); codeOf(err) != types.CodeBadSource {
		t.Error(err)
	}
}

// Who comes back is still muted, and knows it from his welcome.
func TestMutedAcrossResume(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, _ := w.join("Alice")
	bob, b := w.join("Bob")
	token := welcome(t, b).Resume.Token
	if err := alice.Moderate(types.Moderate{Action: types.ActionMute, PeerID: bob.Peer().ID, Source: types.SourceCamera, Hard: true}); err != nil {
		t.Fatal(err)
	}
	bob.SocketLost(b, types.LeaveLost, BackSoon)
	_, back := w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Resume: token})
	if got := welcome(t, back); !got.Resumed || !got.Muted.Has(types.SourceCamera) {
		t.Errorf("%+v", got)
	}
}

// Who moderates because the one before him has left is free of what he forbade.
func TestHeirIsFree(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	bob, _ := w.join("Bob")
	for _, what := range []string{"screen", "chat"} {
		if err := alice.Moderate(types.Moderate{Action: types.ActionAllow, What: what}); err != nil {
			t.Fatal(err)
		}
	}
	media := bob.Media().(*fakePeer)
	if media.blocks() == 0 {
		t.Error("nothing is forbidden")
	}
	alice.Leave(a, types.LeaveLeft)
	if got := media.blocks(); got != 0 {
		t.Errorf("blocked: %v", got.Sources())
	}
}

func TestAllowAndForbid(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, _ := w.join("Alice")
	bob, b := w.join("Bob")
	media := bob.Media().(*fakePeer)
	b.take()
	allow := func(what string, on bool) {
		t.Helper()
		if err := alice.Moderate(types.Moderate{Action: types.ActionAllow, What: what, On: on}); err != nil {
			t.Fatal(err)
		}
	}
	allow("screen", false)
	allow("chat", false)
	got := last[types.Permissions](t, b, types.EventPermissions)
	if got.Chat || slices.Contains(got.Publish, types.SourceScreen) || slices.Contains(got.Publish, types.SourceScreenAudio) || len(got.Publish) != 2 {
		t.Errorf("%+v", got)
	}
	silent := screens | types.SetOf(types.SourceFiles) // who may not write may not send files
	if media.blocks() != silent {
		t.Errorf("media blocks %v", media.blocks().Sources())
	}
	if err := bob.Chat("hello"); codeOf(err) != types.CodeNotPermitted {
		t.Error(err)
	}
	if err := bob.Publish(types.Publish{Source: types.SourceScreen}); codeOf(err) != types.CodeNotPermitted {
		t.Error(err)
	}
	if err := alice.Chat("hello"); err != nil {
		t.Errorf("the moderator: %v", err)
	}
	// Who comes later is under the same rules from the start, and not any more
	// once he moderates himself.
	carol, c := w.join("Carol")
	if got := welcome(t, c); got.Policy.Chat || got.Policy.Screen || got.Permissions.Chat {
		t.Errorf("%+v", got.Policy)
	}
	peer := carol.Media().(*fakePeer)
	if peer.config.Blocked != silent || peer.blocks() != silent {
		t.Error("a newcomer is not blocked from the start")
	}
	if err := alice.Moderate(types.Moderate{Action: types.ActionPromote, PeerID: carol.Peer().ID}); err != nil || peer.blocks() != 0 {
		t.Errorf("%v %v", err, peer.blocks().Sources())
	}
	allow("screen", true)
	allow("chat", true)
	if err := bob.Chat("hello"); err != nil || media.blocks() != 0 {
		t.Errorf("%v %v", err, media.blocks().Sources())
	}
}

func TestClearChat(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	_ = alice.Chat("one")
	a.take()
	if err := alice.Moderate(types.Moderate{Action: types.ActionClearChat}); err != nil {
		t.Fatal(err)
	}
	if got := a.story(t); got != types.EventChatCleared {
		t.Error(got)
	}
	_, b := w.join("Bob")
	if got := welcome(t, b); len(got.Chat) != 0 {
		t.Errorf("%v", got.Chat)
	}
}

func TestRemoveAndBan(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	_, err := w.AddPeerToRoom(JoinRequest{Conn: &fakeConn{}, Room: "demo", Username: "Bob", Protocol: 1, Device: "other"})
	if err != nil {
		t.Fatal(err)
	}
	mallory, m := w.joinAs(JoinRequest{Room: "demo", Username: "Mallory", Protocol: 1, Device: "his", Grant: &Grant{Subject: "mallory", Permissions: alice.granted}})
	_, twin := w.joinAs(JoinRequest{Room: "demo", Username: "Mallory 2", Protocol: 1, Device: "his"})
	token := welcome(t, m).Resume.Token
	mallory.Spoke(m)
	a.take()
	if err := alice.Moderate(types.Moderate{Action: types.ActionRemove, PeerID: mallory.Peer().ID, Ban: true}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(m.closed(), ErrRemoved) || !errors.Is(twin.closed(), ErrRemoved) {
		t.Errorf("%v, in the other window %v", m.closed(), twin.closed())
	}
	if got := a.story(t); got != "Mallory left (removed), Mallory 2 left (removed)" {
		t.Error(got)
	}
	for what, req := range map[string]JoinRequest{
		"subject": {Grant: &Grant{Subject: "mallory"}}, "device": {Device: "his"}, "resume": {Resume: token},
	} {
		req.Room, req.Username, req.Protocol, req.Conn = "demo", "Somebody else", 1, &fakeConn{}
		if _, err := w.AddPeerToRoom(req); refusedWith(err) != types.CodeRemoved {
			t.Errorf("by %s: %v", what, err)
		}
		if err := w.CanJoin(req); refusedWith(err) != types.CodeRemoved {
			t.Errorf("CanJoin by %s: %v", what, err)
		}
	}
	// A name is not an identity, and a ban is for one room.
	for _, req := range []JoinRequest{{Room: "demo", Username: "Mallory", Protocol: 1, Device: "another"}, {Room: "else", Username: "M", Protocol: 1, Device: "his"}} {
		req.Conn = &fakeConn{}
		if _, err := w.AddPeerToRoom(req); err != nil {
			t.Errorf("%+v: %v", req.Room, err)
		}
	}
}

func TestRemovedOnceMayComeBack(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, _ := w.join("Alice")
	bob, _ := w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Device: "his"})
	if err := alice.Moderate(types.Moderate{Action: types.ActionRemove, PeerID: bob.Peer().ID}); err != nil {
		t.Fatal(err)
	}
	w.joinAs(JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Device: "his"})
}

func TestLock(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	token := welcome(t, a).Resume.Token
	if err := alice.Moderate(types.Moderate{Action: types.ActionLock, On: true}); err != nil {
		t.Fatal(err)
	}
	req := JoinRequest{Room: "demo", Username: "Bob", Protocol: 1, Conn: &fakeConn{}}
	if _, err := w.AddPeerToRoom(req); refusedWith(err) != types.CodeRoomLocked {
		t.Error(err)
	}
	if err := w.CanJoin(req); refusedWith(err) != types.CodeRoomLocked {
		t.Error(err)
	}
	// Whoever is inside comes back, and so does a moderator by token.
	alice.SocketLost(a, types.LeaveLost, BackSoon)
	w.joinAs(JoinRequest{Room: "demo", Username: "Alice", Protocol: 1, Resume: token})
	w.joinAs(JoinRequest{Room: "demo", Username: "Chief", Protocol: 1, Grant: &Grant{Permissions: types.Permissions{Moderate: true}}})
	if err := w.Moderate("demo", types.Moderate{Action: types.ActionLock}); err != nil {
		t.Fatal(err)
	}
	w.joinAs(req)
	if err := w.Moderate("nowhere", types.Moderate{Action: types.ActionLock}); codeOf(err) != types.CodeNotFound {
		t.Error(err)
	}
}

// visitor knocks and notes what comes of it.
type visitor struct {
	conn   *fakeConn
	knock  *Knock
	answer chan error
	member chan *Member
}

func (w *world) visit(t *testing.T, req JoinRequest) (*visitor, error) {
	t.Helper()
	v := &visitor{conn: &fakeConn{}, answer: make(chan error, 2), member: make(chan *Member, 2)}
	v.knock = &Knock{Answered: func(m *Member, err error) {
		v.member <- m
		v.answer <- err
	}}
	req.Room, req.Protocol, req.Conn, req.Knock = "demo", 1, v.conn, v.knock
	_, err := w.AddPeerToRoom(req)
	return v, err
}

func (v *visitor) waits(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrWaiting) {
		t.Fatalf("he does not wait: %v", err)
	}
	if got := v.conn.story(t); got != types.EventLobby {
		t.Errorf("he sees %s", got)
	}
}

func TestLobby(t *testing.T) {
	w := ordered(t, func(o *Options) { o.Lobby = true })
	defer w.close()
	alice, a := w.join("Alice") // the first, who moderates
	a.take()
	bob, err := w.visit(t, JoinRequest{Username: "Bob"})
	bob.waits(t, err)
	carol, err := w.visit(t, JoinRequest{Username: "Carol"})
	carol.waits(t, err)
	waiting := last[types.Knock](t, a, types.EventKnock).Waiting
	if len(waiting) != 2 || waiting[0].Username != "Bob" || waiting[1].Username != "Carol" {
		t.Fatalf("%+v", waiting)
	}
	if _, err := w.AddPeerToRoom(JoinRequest{Room: "demo", Username: "No", Conn: &fakeConn{}}); refusedWith(err) != types.CodeNotPermitted {
		t.Errorf("without a knock: %v", err)
	}
	if n := len(w.GetPeersInRoom("demo")); n != 1 {
		t.Errorf("%d are inside", n)
	}

	if err := alice.Admit(types.Admit{PeerID: waiting[0].PeerID, Admit: true}); err != nil {
		t.Fatal(err)
	}
	if err := <-bob.answer; err != nil {
		t.Fatal(err)
	}
	inside := <-bob.member
	if got := welcome(t, bob.conn); got.Username != "Bob" || got.Permissions.Moderate {
		t.Errorf("%+v", got)
	}
	if err := inside.Admit(types.Admit{PeerID: waiting[1].PeerID, Admit: true}); codeOf(err) != types.CodeNotPermitted {
		t.Errorf("one who was let in lets others in: %v", err)
	}
	if err := alice.Admit(types.Admit{PeerID: waiting[1].PeerID}); err != nil {
		t.Fatal(err)
	}
	if err := <-carol.answer; !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	if err := alice.Admit(types.Admit{PeerID: waiting[1].PeerID, Admit: true}); codeOf(err) != types.CodeNoSuchPeer {
		t.Error(err)
	}
	// Who goes away waits no more; who waits when the lobby ends comes in.
	dave, err := w.visit(t, JoinRequest{Username: "Dave"})
	dave.waits(t, err)
	if !dave.knock.Cancel() || dave.knock.Cancel() {
		t.Error("Cancel")
	}
	erin, err := w.visit(t, JoinRequest{Username: "Erin"})
	erin.waits(t, err)
	if err := alice.Moderate(types.Moderate{Action: types.ActionLobby, On: false}); err != nil {
		t.Fatal(err)
	}
	if err := <-erin.answer; err != nil {
		t.Error(err)
	}
	if n := w.opts.Metrics.Waiting.Load(); n != 0 {
		t.Errorf("%d wait", n)
	}
}

// Being early does not help: who waits for a moderator waits before he comes too,
// and while he is away.
func TestEarlyInLobby(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Lobby, o.GrantsOnly = true, true })
	defer w.close()
	guest := &Grant{Permissions: types.Permissions{Publish: types.Sources(), Subscribe: true, Chat: true}}
	bob, err := w.visit(t, JoinRequest{Username: "Bob", Grant: guest})
	bob.waits(t, err)
	chief := &Grant{Permissions: types.Permissions{Moderate: true}}
	m, c := w.joinAs(JoinRequest{Room: "demo", Username: "Chief", Protocol: 1, Grant: chief})
	waiting := last[types.Knock](t, c, types.EventKnock).Waiting
	if len(waiting) != 1 || waiting[0].Username != "Bob" {
		t.Errorf("%+v", waiting)
	}
	m.Leave(c, types.LeaveLeft)
	select {
	case err := <-bob.answer:
		t.Fatalf("answered: %v", err)
	default:
	}
	m, c = w.joinAs(JoinRequest{Room: "demo", Username: "Chief", Protocol: 1, Grant: chief})
	waiting = last[types.Knock](t, c, types.EventKnock).Waiting
	if err := m.Admit(types.Admit{PeerID: waiting[0].PeerID, Admit: true}); err != nil {
		t.Fatal(err)
	}
	if err := <-bob.answer; err != nil {
		t.Error(err)
	}
}

// A token may have its bearer wait in any room; and one that ends meanwhile lets
// nobody in.
func TestLobbyByToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		chief, _ := w.joinAs(JoinRequest{Room: "demo", Username: "Chief", Protocol: 1, Grant: &Grant{Permissions: types.Permissions{Moderate: true}}})
		bob, err := w.visit(t, JoinRequest{Username: "Bob", Grant: &Grant{Lobby: true, Expires: time.Now().Add(time.Minute)}})
		bob.waits(t, err)
		if err := chief.Moderate(types.Moderate{Action: types.ActionLobby, On: false}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(3 * time.Minute)
		if err := chief.Admit(types.Admit{PeerID: bob.knock.id, Admit: true}); err != nil {
			t.Fatal(err)
		}
		if err := <-bob.answer; !errors.Is(err, ErrExpired) {
			t.Error(err)
		}
	})
}

// When the last of an open room goes, who waits for him is sent away: the next to
// come is the first of a new room.
func TestLobbyOfAnEmptyRoom(t *testing.T) {
	w := ordered(t, func(o *Options) { o.Lobby = true })
	defer w.close()
	alice, a := w.join("Alice")
	bob, err := w.visit(t, JoinRequest{Username: "Bob"})
	bob.waits(t, err)
	alice.Leave(a, types.LeaveLeft)
	if err := <-bob.answer; !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	bob, err = w.visit(t, JoinRequest{Username: "Bob"})
	if err != nil || !welcome(t, bob.conn).Permissions.Moderate {
		t.Errorf("%v", err)
	}
}
