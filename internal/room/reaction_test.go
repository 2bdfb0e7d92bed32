package room

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"aq-server/internal/types"
)

// reactions are those of the events that came, one event after the other.
func reactions(t *testing.T, c *fakeConn) string {
	t.Helper()
	var events []string
	for _, m := range c.take() {
		if m.Event != types.EventReaction {
			continue
		}
		var words []string
		for _, r := range decode[types.Reactions](t, m).Reactions {
			words = append(words, r.Emoji)
		}
		events = append(events, strings.Join(words, " "))
	}
	return strings.Join(events, ", ")
}

func react(t *testing.T, m *Member, emoji ...string) {
	t.Helper()
	for _, e := range emoji {
		if err := m.React(types.React{Emoji: e}); err != nil {
			t.Fatalf("%s: %v", e, err)
		}
	}
}

func TestReactionsAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		alice, a := w.join("Alice")
		bob, b := w.join("Bob")
		_, base := w.joinAs(JoinRequest{Room: "demo", Username: "Base"})
		_, other := w.joinAs(JoinRequest{Room: "other", Username: "Other", Protocol: 1})
		react(t, alice, "👏")
		if got := reactions(t, b); got != "👏" {
			t.Errorf("at once came %q", got)
		}
		react(t, alice, "👏", "❤️", "🎉", "👍", "😂") // one again, and more than three
		react(t, bob, "👏", "👏")
		time.Sleep(reactionMoment + time.Millisecond)
		if got := reactions(t, b); got != "❤️ 🎉 👏" {
			t.Errorf("then came %q", got)
		}
		react(t, alice, "👏")
		time.Sleep(reactionMoment)
		if got := reactions(t, b); got != "👏" {
			t.Errorf("in the moment after it came %q", got)
		}
		time.Sleep(2 * reactionMoment) // the worker has ended
		react(t, bob, "👋🏽")
		if got := reactions(t, b); got != "👋🏽" {
			t.Errorf("at once came %q", got)
		}
		if got := reactions(t, a); got != "👏, ❤️ 🎉 👏, 👏, 👋🏽" {
			t.Errorf("Alice got %q", got)
		}
		if got := reactions(t, other) + reactions(t, base); got != "" {
			t.Errorf("others got %q", got)
		}
		if n := w.opts.Metrics.Reactions.Load(); n != 6 {
			t.Errorf("counted %d", n)
		}
		if _, late := w.join("Late"); reactions(t, late) != "" {
			t.Error("who comes late got reactions")
		}
		react(t, bob, "👏") // its worker is there when everything ends
	})
}

// A hundred people who click without a pause make four events a second.
func TestClappingCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		defer w.close()
		var people []*Member
		_, watcher := w.join("Watcher")
		for i := range 100 {
			m, _ := w.join(fmt.Sprint(i))
			people = append(people, m)
		}
		watcher.take()
		for range 100 { // for ten seconds
			for _, m := range people {
				react(t, m, "👏", "👍")
			}
			time.Sleep(100 * time.Millisecond)
		}
		messages := watcher.take()
		if len(messages) < 39 || len(messages) > 41 {
			t.Errorf("%d events in ten seconds", len(messages))
		}
		for _, m := range messages {
			if n := len(decode[types.Reactions](t, m).Reactions); n > maxReactions {
				t.Errorf("%d reactions in one event", n)
			}
		}
	})
}

func TestReactionIsRefused(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.FirstModerates = true })
	defer w.close()
	alice, _ := w.join("Alice")
	bob, _ := w.join("Bob")
	if err := alice.Moderate(types.Moderate{Action: types.ActionAllow, What: "chat"}); err != nil {
		t.Fatal(err)
	}
	if err := bob.React(types.React{Emoji: "👏"}); err == nil || err.Code != types.CodeNotPermitted {
		t.Errorf("got %v", err)
	}
	if err := alice.React(types.React{Emoji: "clap"}); err == nil || err.Code != types.CodeBadMessage {
		t.Errorf("got %v", err)
	}
	react(t, alice, "👏")
}

func TestEmoji(t *testing.T) {
	for _, good := range []string{
		"👍", "👏🏽", "❤️", "❤", "😂", "🎉", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "1️⃣", "☝🏿", "⭐", "⏰", "➡️", "🧑🏻‍🚀", "™️", "🫶",
	} {
		if !isEmoji(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "a", "1", "ok", "👍👍", "👍 ", " 👍", "👍a", "<b>", "\u202e👍", "👍\u202e", "\x00", "👍\n", "\u200d", "\ufe0f",
		"👍\u200d", "\u200d👍", "👍\u200d\u200d👍", "❤\ufe0f\ufe0f", "\xff", "🇩", "🇩🇪🇫🇷", "ا", "中", "1\u20e3", "e\u0301",
		"👍\u0301\u0301\u0301", strings.Repeat("👍\u200d", 4) + "👍" + "\u200d👍", "🏴\U000e0067\U000e007f",
	} {
		if isEmoji(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzEmoji(f *testing.F) {
	for _, seed := range []string{"👍", "👏🏽", "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "\u202e", "a👍"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !isEmoji(s) {
			return
		}
		if s == "" || len(s) > maxEmoji || isEmoji(s+s+s+s+s+s+s+s+s) {
			t.Errorf("%q", s)
		}
		for _, r := range s {
			if unicode.IsLetter(r) && r != 'ℹ' || unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q has %U", s, r)
			}
		}
	})
}
