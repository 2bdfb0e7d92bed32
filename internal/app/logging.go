package app

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"
)

// NewLogger returns a logger that writes text to a terminal and JSON to
// anything else. Whatever text from outside it is given becomes one line of
// bounded length, and of one cause there are only so many lines a second.
func NewLogger(out *os.File, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: tame}
	if info, err := out.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return slog.New(limitLog(slog.NewTextHandler(out, options), time.Now))
	}
	return slog.New(limitLog(slog.NewJSONHandler(out, options), time.Now))
}

// longest is the most bytes of one value in the log, except of those that are
// long by nature and not from outside, or only there at level Debug.
const longest = 256

var longByNature = map[string]bool{slog.MessageKey: true, "stack": true, "sdp": true}

// tame escapes what could forge a line, move a terminal's cursor or turn the
// line around, which slog does not do for JSON in all cases, and cuts long
// values.
func tame(_ []string, attr slog.Attr) slog.Attr {
	var text string
	switch value := attr.Value.Any().(type) {
	case string:
		text = value
	case error:
		text = value.Error()
	case fmt.Stringer:
		text = value.String()
	default:
		return attr
	}
	// Numbers, times and levels keep their type.
	if attr.Value.Kind() != slog.KindString && attr.Value.Kind() != slog.KindAny || attr.Key == slog.LevelKey {
		return attr
	}
	if !longByNature[attr.Key] && len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	if attr.Key != "stack" && strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		var b strings.Builder
		for _, r := range text {
			if unicode.IsPrint(r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, `\u{%x}`, r)
			}
		}
		text = b.String()
	}
	return slog.String(attr.Key, text)
}
