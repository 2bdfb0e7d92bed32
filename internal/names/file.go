package names

import (
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxFile is the longest name of a file, in bytes: less than what file
	// systems take, so that a browser can still number copies.
	maxFile = 200
	// maxExtension is how much of that the end after the last dot may be, which
	// is kept when the rest is cut.
	maxExtension = 20
	// maxType is the longest MIME type.
	maxType = 100

	unknownType = "application/octet-stream"
)

// File returns a name that is safe to show and to save a file under: without
// folders, controls and what turns text around, not hidden, not too long. What
// people have chosen is changed and not refused. It is never empty.
func File(raw string) string {
	raw = strings.ToValidUTF8(raw[max(0, len(raw)-maxBytes):], "")
	raw = raw[strings.LastIndexAny(raw, `/\`)+1:]
	name := strings.Map(func(r rune) rune {
		switch {
		case forbidden(r):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r): // not in names on Windows
			return '_'
		}
		return r
	}, norm.NFC.String(raw))
	name = trimFile(name)
	if extension := path.Ext(name); len(name) > maxFile {
		if len(extension) > maxExtension {
			extension = ""
		}
		name = trimFile(cut(strings.TrimSuffix(name, extension), maxFile-len(extension)) + extension)
	}
	if !strings.ContainsFunc(name, shows) {
		return "file"
	}
	return name
}

// trimFile takes away what hides a file or is lost on Windows.
func trimFile(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || isSpace(r) })
}

// cut shortens s to at most so many bytes, between characters.
func cut(s string, most int) string {
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// FileType returns a MIME type in lower case and without parameters, that of
// unknown bytes for what is none (RFC 6838, section 4.2).
func FileType(raw string) string {
	raw, _, _ = strings.Cut(raw[:min(len(raw), 4*maxType)], ";")
	name := strings.ToLower(strings.TrimSpace(raw))
	kind, sub, ok := strings.Cut(name, "/")
	if !ok || kind == "" || sub == "" || len(name) > maxType {
		return unknownType
	}
	for _, r := range kind + sub {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$&-^_.+", r) {
			return unknownType
		}
	}
	return name
}
