package names

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFile(t *testing.T) {
	long := strings.Repeat("ä", 300)
	for raw, want := range map[string]string{
		"report.pdf": "report.pdf", "Über uns (2).odt": "Über uns (2).odt", "日本語.txt": "日本語.txt", "👍.png": "👍.png",
		"/etc/passwd": "passwd", `C:\Windows\evil.exe`: "evil.exe", "../../x": "x", "a/": "file", "..": "file", "": "file",
		".bashrc": "bashrc", "  a b  ": "a b", "a.": "a", "a\x00b\n.txt": "ab.txt", "photo\u202egnp.exe": "photognp.exe",
		`a<b>:"c|d?*.txt`: "a_b___c_d__.txt", "e\u0301.txt": "é.txt", "\xff.txt": "txt", "\u200b": "file", "\u2028": "file",
		long + ".pdf": strings.Repeat("ä", 98) + ".pdf", long + "." + strings.Repeat("x", 30): strings.Repeat("ä", 100),
	} {
		if got := File(raw); got != want {
			t.Errorf("File(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestFileType(t *testing.T) {
	for raw, want := range map[string]string{
		"image/png": "image/png", "Image/PNG": "image/png", "text/plain; charset=utf-8": "text/plain",
		"application/vnd.oasis.opendocument.text": "application/vnd.oasis.opendocument.text", " a/b ": "a/b",
		"": unknownType, "png": unknownType, "/": unknownType, "a/": unknownType, "/b": unknownType, "a/b/c": unknownType,
		"text/<b>": unknownType, "text/ä": unknownType, "a b/c": unknownType, "x/" + strings.Repeat("y", 200): unknownType,
		"text/x\r\nEvil: 1": unknownType,
	} {
		if got := FileType(raw); got != want {
			t.Errorf("FileType(%q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("../a\u202eb.txt", "text/plain;x")
	f.Add(strings.Repeat("a.", 300), "a/b")
	f.Fuzz(func(t *testing.T, raw, kind string) {
		name := File(raw)
		if name == "" || len(name) > maxFile || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\\x00\r\n") ||
			name[0] == '.' || strings.ContainsFunc(name, forbidden) {
			t.Errorf("File(%q) = %q", raw, name)
		}
		if again := File(name); again != name {
			t.Errorf("File(%q) = %q, and of that %q", raw, name, again)
		}
		if got := FileType(kind); len(got) > maxType || strings.Count(got, "/") != 1 || strings.ContainsAny(got, " ;<>\"'\r\n") || FileType(got) != got {
			t.Errorf("FileType(%q) = %q", kind, got)
		}
	})
}
