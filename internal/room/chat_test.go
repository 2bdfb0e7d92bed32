package room

import (
	"fmt"
	"strings"
	"testing"

	"aq-server/internal/types"
)

// private is what somebody reads who asks for everything that he may.
func private(t *testing.T, chat []types.ChatMessage) string {
	t.Helper()
	var words []string
	for _, m := range chat {
		word := m.Username + ": " + m.Message
		if m.To != "" {
			word += " (private)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// back is a return with the token of a welcome.
func (w *world) back(welcomed types.Welcome, lastChat string) *fakeConn {
	w.t.Helper()
	_, c := w.joinAs(JoinRequest{Room: "demo", Username: "X", Protocol: 1, Resume: welcomed.Resume.Token, LastChat: lastChat})
	return c
}

func TestPrivateChat(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	bob, b := w.join("Bob")
	_, c := w.join("Carol")
	_, base := w.joinAs(JoinRequest{Room: "demo", Username: "Base"})
	aliceIn, bobIn, carolIn := welcome(t, a), welcome(t, b), welcome(t, c)
	base.take()

	_ = alice.Chat("1")
	_ = alice.ChatTo("2", bob.Peer().ID)
	_ = bob.ChatTo("3", alice.Peer().ID)
	_ = bob.Chat("4")
	for name, conn := range map[string]*fakeConn{"Alice": a, "Bob": b} {
		messages := conn.take()
		if len(messages) != 4 || messages[1].To != bob.Peer().ID || messages[2].To != alice.Peer().ID ||
			messages[0].To != "" || messages[1].From != alice.Peer().ID || messages[1].ID >= messages[2].ID {
			t.Errorf("%s got %+v", name, messages)
		}
	}
	for name, conn := range map[string]*fakeConn{"Carol": c, "Base": base} {
		if got := conn.story(t); got != "Alice: 1, Bob: 4" {
			t.Errorf("%s got %s", name, got)
		}
	}
	if n := w.opts.Metrics.TotalChatMessages.Load(); n != 4 {
		t.Errorf("counted %d", n)
	}

	// Both get it back when they come back; nobody else does, in no way.
	all := "Alice: 1, Alice: 2 (private), Bob: 3 (private), Bob: 4"
	for name, welcomed := range map[string]types.Welcome{"Alice": aliceIn, "Bob": bobIn} {
		got := welcome(t, w.back(welcomed, "")).Chat
		if private(t, got) != all {
			t.Errorf("%s came back to %s", name, private(t, got))
		}
	}
	if got := private(t, welcome(t, w.back(carolIn, "")).Chat); got != "Alice: 1, Bob: 4" {
		t.Errorf("Carol came back to %s", got)
	}
	_, late := w.join("Alice") // the name is not the person
	if got := private(t, welcome(t, late).Chat); got != "Alice: 1, Bob: 4" {
		t.Errorf("another Alice reads %s", got)
	}
}

func TestPrivateChatToOneWhoIsAway(t *testing.T) {
	w := newWorld(t, nil)
	defer w.close()
	alice, a := w.join("Alice")
	bob, b := w.join("Bob")
	bobIn := welcome(t, b)
	_ = alice.ChatTo("before", bob.Peer().ID)
	seen := b.take()[0].ID
	bob.SocketLost(b, types.LeaveLost, BackSoon)
	a.take()
	_ = alice.ChatTo("1", bob.Peer().ID)
	_ = alice.Chat("2")
	_ = alice.ChatTo("3", bob.Peer().ID)
	if got := a.story(t); got != "Alice: 1, Alice: 2, Alice: 3" {
		t.Errorf("Alice's echoes: %s", got)
	}
	if got := private(t, welcome(t, w.back(bobIn, seen)).Chat); got != "Alice: 1 (private), Alice: 2, Alice: 3 (private)" {
		t.Errorf("Bob missed %s", got)
	}
}

func TestPrivateChatIsRefused(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.FirstModerates = true })
	defer w.close()
	alice, a := w.join("Alice")
	bob, b := w.join("Bob")
	stranger, sc := w.joinAs(JoinRequest{Room: "other", Username: "Stranger", Protocol: 1})
	sc.take()
	left := bob.Peer().ID
	bob.Leave(b, types.LeaveLeft)
	a.take()
	for _, to := range []types.PeerID{"p_nobody", left, stranger.Peer().ID} {
		if err := alice.ChatTo("x", to); err == nil || err.Code != types.CodeNoSuchPeer {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if got := sc.story(t) + a.story(t); got != "" {
		t.Errorf("refused, and yet: %s", got)
	}
	carol, _ := w.join("Carol")
	for text, want := range map[string]types.ErrorCode{" ": types.CodeChatEmpty, strings.Repeat("x", MaxChat+1): types.CodeChatTooLong} {
		if err := alice.ChatTo(text, carol.Peer().ID); err == nil || err.Code != want {
			t.Errorf("%.5q: %v", text, err)
		}
	}
	// Where nobody may write, nobody may write to one either.
	if err := alice.Moderate(types.Moderate{Action: types.ActionAllow, What: "chat"}); err != nil {
		t.Fatal(err)
	}
	if err := carol.ChatTo("x", alice.Peer().ID); err == nil || err.Code != types.CodeNotPermitted {
		t.Errorf("got %v", err)
	}
	if err := alice.ChatTo("x", carol.Peer().ID); err != nil {
		t.Errorf("a moderator: %v", err)
	}
	granted, _ := w.joinAs(JoinRequest{Room: "demo", Username: "Mute", Protocol: 1, Grant: &Grant{}})
	if err := granted.ChatTo("x", alice.Peer().ID); err == nil || err.Code != types.CodeNotPermitted {
		t.Errorf("without the grant: %v", err)
	}
}

// Clearing the chat of a room leaves alone what two have written to each other,
// and who floods one person takes nothing of the room's history away.
func TestPrivateChatIsApart(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.FirstModerates, o.ChatHistory = true, 3 })
	defer w.close()
	alice, a := w.join("Alice")
	bob, b := w.join("Bob")
	aliceIn, bobIn := welcome(t, a), welcome(t, b)
	_ = alice.Chat("public")
	for i := range 10 {
		_ = bob.ChatTo(fmt.Sprint(i), alice.Peer().ID)
	}
	_, late := w.join("Carol")
	if got := private(t, welcome(t, late).Chat); got != "Alice: public" {
		t.Errorf("Carol reads %s", got)
	}
	if err := alice.Moderate(types.Moderate{Action: types.ActionClearChat}); err != nil {
		t.Fatal(err)
	}
	want := "Bob: 7 (private), Bob: 8 (private), Bob: 9 (private)"
	for name, welcomed := range map[string]types.Welcome{"Alice": aliceIn, "Bob": bobIn} {
		if got := private(t, welcome(t, w.back(welcomed, "")).Chat); got != want {
			t.Errorf("%s came back to %s", name, got)
		}
	}
	// Who is a base client cannot come back, so nothing is kept for him.
	base, c := w.joinAs(JoinRequest{Room: "demo", Username: "Base"})
	c.take()
	left := w.budget.Left()
	_ = base.ChatTo("note", base.Peer().ID)
	if got := c.take(); len(got) != 1 || got[0].To != base.Peer().ID || w.budget.Left() != left {
		t.Errorf("got %+v, %d bytes kept", got, left-w.budget.Left())
	}
}
