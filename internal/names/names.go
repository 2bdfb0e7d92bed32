// Package names holds the rules for what rooms, people and files may be called
// (docs/protocol.md, "Connecting"; docs/limits.md, L8): one place, used by the
// join, by the validate endpoint and by a change of name during a call. It is
// pure: no lock, no goroutine.
package names

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"aq-server/internal/types"
)

const (
	// DefaultRoom is where a client goes that names no room.
	DefaultRoom = "default"
	// MaxCharacters is the longest room or username, in code points after NFC.
	MaxCharacters = 64

	// maxBytes is looked at before anything else, so that a name of megabytes
	// costs nothing. 64 code points never need more: the longest canonical
	// decomposition has 4 code points of at most 4 bytes, which is 1 KiB.
	maxBytes = 4 << 10

	tooLong = "is longer than 64 characters"
)

// Room returns the name under which the room raw is kept: trimmed of spaces and
// in NFC. An empty raw is DefaultRoom. The error has code bad_room.
func Room(raw string) (string, *types.ProtocolError) {
	if raw == "" {
		return DefaultRoom, nil
	}
	name, problem := clean(raw)
	switch {
	case problem != "":
	case strings.ContainsAny(name, `/\`):
		problem = `contains / or \`
	case name[0] == '.':
		problem = "begins with a dot"
	default:
		return name, nil
	}
	return "", types.Errorf(types.CodeBadRoom, "the room name %s", problem)
}

// Username returns the name under which a person is shown: trimmed of spaces
// and in NFC. An empty raw is a new guest's name. The error has code
// bad_username.
func Username(raw string) (string, *types.ProtocolError) {
	if raw == "" {
		return fmt.Sprintf("Guest-%04d", rand.IntN(10_000)), nil
	}
	name, problem := clean(raw)
	if problem != "" {
		return "", types.Errorf(types.CodeBadUsername, "the username %s", problem)
	}
	return name, nil
}

// clean trims and normalises raw and returns what is wrong with it, "" if
// nothing is.
func clean(raw string) (name, problem string) {
	if len(raw) > maxBytes {
		return "", tooLong
	}
	if !utf8.ValidString(raw) {
		return "", "is not valid UTF-8"
	}
	// Only spaces are trimmed (Unicode category Zs). A line break or tab at the
	// end is a control character like any other and refused below.
	name = norm.NFC.String(strings.TrimFunc(raw, isSpace))
	visible := false
	for _, r := range name {
		if forbidden(r) {
			return "", fmt.Sprintf("contains the character %U, which names may not have", r)
		}
		visible = visible || shows(r)
	}
	switch {
	case utf8.RuneCountInString(name) > MaxCharacters:
		return "", tooLong
	case !visible:
		return "", "has nothing that can be seen"
	}
	return name, ""
}

func isSpace(r rune) bool { return unicode.Is(unicode.Zs, r) }

// forbidden tells the characters that could break a line or turn around the
// text that follows: controls, line and paragraph separators, and the explicit
// bidirectional embeddings, overrides and isolates (UAX #9, 2.1 to 2.5). The
// marks LRM, RLM and ALM stay allowed: they change no other text and names in
// Hebrew and Arabic use them. So do joiners, which emoji and Indic scripts need.
func forbidden(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return false
}

// shows tells whether a person sees r by itself: not so spaces, format
// characters, marks without a base, and letters and symbols that are blank.
func shows(r rune) bool {
	switch {
	case r == '\u2800': // BRAILLE PATTERN BLANK, a symbol by category
		return false
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r): // Hangul fillers
		return false
	}
	return !isSpace(r) && !unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me)
}
