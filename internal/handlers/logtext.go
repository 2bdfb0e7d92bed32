package handlers

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLogText is the most of a text from outside that a log line shows, in bytes.
const maxLogText = 256

// logText makes a text from outside fit for a log: one line, no controls, no
// escapes for terminals, no characters that turn the line around, not long.
// (slog quotes, but leaves some of these as they are in JSON.)
func logText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		shown := s[i : i+size]
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Sprintf(`\x%02x`, s[i])
		case !unicode.IsPrint(r):
			shown = fmt.Sprintf(`\u{%x}`, r)
		}
		if b.Len()+len(shown) > maxLogText-len("…") {
			b.WriteString("…")
			break
		}
		b.WriteString(shown)
		i += size
	}
	return b.String()
}
