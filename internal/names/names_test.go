package names

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"aq-server/internal/types"
)

func TestGoodNames(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"demo", "demo"},
		{" demo  ", "demo"},
		{"\u00a0demo\u3000", "demo"}, // other spaces
		{"two words", "two words"},
		{"Zoë 李 🙂", "Zoë 李 🙂"},
		{"Zoe\u0308", "Zoë"}, // NFC
		{"\u212b", "\u00c5"}, // ANGSTROM SIGN is Å
		{"👩\u200d👩\u200d👧\u200d👦", "👩\u200d👩\u200d👧\u200d👦"}, // joiners
		{"שרה\u200f", "שרה\u200f"},
		{"محمد", "محمد"},
		{"क्\u200dष", "क्\u200dष"},
		{"tom.jerry", "tom.jerry"},
		{strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{strings.Repeat("🙂", 64), strings.Repeat("🙂", 64)},
		{strings.Repeat("e\u0308", 64), strings.Repeat("ë", 64)}, // 64 after NFC
		{"<script>alert(1)</script>", "<script>alert(1)</script>"},
		{"%s %n", "%s %n"},
		{"'; DROP TABLE rooms; --", "'; DROP TABLE rooms; --"},
	}
	for _, tt := range tests {
		if got, err := Room(tt.raw); err != nil || got != tt.want {
			if !strings.ContainsAny(tt.want, "/") { // a closing tag is no room
				t.Errorf("Room(%q) = %q, %v; want %q", tt.raw, got, err, tt.want)
			}
		}
		if got, err := Username(tt.raw); err != nil || got != tt.want {
			t.Errorf("Username(%q) = %q, %v; want %q", tt.raw, got, err, tt.want)
		}
	}
}

func TestOnlyRoomsRefuse(t *testing.T) {
	for _, raw := range []string{"Alice c/o Bob", `a\b`, "/", ".hidden", "..", "../../etc/passwd", "x/../y"} {
		if got, err := Username(raw); err != nil || got != raw {
			t.Errorf("Username(%q) = %q, %v; want it as it is", raw, got, err)
		}
		if got, err := Room(raw); err == nil || err.Code != types.CodeBadRoom {
			t.Errorf("Room(%q) = %q, %v; want bad_room", raw, got, err)
		}
	}
}

func TestNastyNames(t *testing.T) {
	nasty := []string{
		" ", "\u3000\u00a0 ", // only spaces
		"\n", "demo\n", "\tdemo", "a\r\nb", "a\x00b", "a\x1b[31mb", "a\x7fb", // controls
		"a\u0085b", "a\u009b31mb", // C1 controls
		"a\u2028b", "a\u2029", // line separators
		"a\u202eb", "\u202aa", "a\u202cb", "a\u202d", "\u2066a\u2069", "a\u2067b", "\u2068a", // bidi
		"\xff", "a\xc3", "\xed\xa0\x80", "a\xf8b", // invalid UTF-8, a surrogate
		"\u200b", "\u200d\u200d", "\ufeff", "\u00ad", "\u2060", // nothing to see
		"\u3164", "\u115f\u1160", "\uffa0", "\u2800", // blank letters and symbols
		"\u0301", "\ufe0f", // marks without a base
		"\U000e0041",                            // a tag
		strings.Repeat("a", 65),                 // too long
		strings.Repeat("🙂", 65),                 // in characters
		strings.Repeat("e\u0301", 65),           // after NFC
		strings.Repeat("a", 5000),               // in bytes
		strings.Repeat(" ", 5000) + "a",         // not worth trimming
		"a" + strings.Repeat("\u0301", 1000000), // a mark a million times
	}
	for _, raw := range nasty {
		if got, err := Room(raw); err == nil || err.Code != types.CodeBadRoom || got != "" {
			t.Errorf("Room(%.40q) = %q, %v; want bad_room", raw, got, err)
		}
		if got, err := Username(raw); err == nil || err.Code != types.CodeBadUsername || got != "" {
			t.Errorf("Username(%.40q) = %q, %v; want bad_username", raw, got, err)
		}
	}
	if len(nasty) < 30 {
		t.Errorf("only %d nasty names", len(nasty))
	}
}

func TestEmptyNames(t *testing.T) {
	if got, err := Room(""); err != nil || got != "default" {
		t.Errorf(`Room("") = %q, %v`, got, err)
	}
	guest := regexp.MustCompile(`^Guest-[0-9]{4}$`)
	seen := make(map[string]bool)
	for range 50 {
		got, err := Username("")
		if err != nil || !guest.MatchString(got) {
			t.Fatalf(`Username("") = %q, %v`, got, err)
		}
		seen[got] = true
	}
	if len(seen) < 2 {
		t.Error("all guests have the same name")
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"demo", " Zoe\u0308 ", "a\u202eb", "\xff", ".x", "\u3164"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		room, roomErr := Room(raw)
		name, nameErr := Username(raw)
		if roomErr == nil && nameErr != nil {
			t.Fatalf("%q is a room but no username: %v", raw, nameErr)
		}
		if nameErr != nil || raw == "" {
			return
		}
		for _, got := range []string{room, name} {
			if got == "" { // no room
				continue
			}
			if !utf8.ValidString(got) || !norm.NFC.IsNormalString(got) || utf8.RuneCountInString(got) > MaxCharacters {
				t.Fatalf("%q gives %q", raw, got)
			}
			if again, err := Username(got); err != nil || again != got {
				t.Fatalf("%q gives %q, and that %q, %v", raw, got, again, err)
			}
		}
		if room != "" && (room[0] == '.' || strings.ContainsAny(room, "/\\\n\r\x00\u2028\u202e")) {
			t.Fatalf("%q gives the room %q", raw, room)
		}
	})
}
