package app

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

// logTo returns a logger and a function that reads what it wrote.
func logTo(t *testing.T) (*slog.Logger, func() []map[string]any) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return NewLogger(file, slog.LevelDebug), func() []map[string]any {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		var records []map[string]any
		for line := range strings.Lines(string(text)) {
			record := map[string]any{}
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			records = append(records, record)
		}
		return records
	}
}

func TestLoggerIsAProperHandler(t *testing.T) {
	log, records := logTo(t)
	if err := slogtest.TestHandler(log.Handler(), records); err != nil {
		t.Error(err)
	}
}

// T25: text from outside is one short line without tricks.
func TestLogTamesText(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		want  any
	}{
		"plain":     {"Zoë 李 🙂", "Zoë 李 🙂"},
		"newline":   {"a\r\nlevel=ERROR", `a\u{d}\u{a}level=ERROR`},
		"ANSI":      {"\x1b[31mred\u009b1m", `\u{1b}[31mred\u{9b}1m`},
		"separator": {"a\u2028b", `a\u{2028}b`},
		"bidi":      {"a\u202eb", `a\u{202e}b`},
		"long":      {strings.Repeat("ä", 5000), strings.Repeat("ä", 128) + "..."},
		"cut rune":  {"x" + strings.Repeat("ä", 5000), "x" + strings.Repeat("ä", 127) + "..."},
		"error":     {errors.New("bad\nname"), `bad\u{a}name`},
		"number":    {42, 42.0},
		"duration":  {time.Second, float64(time.Second)},
		"nil":       {nil, nil},
	} {
		log, records := logTo(t)
		log.With("inner", tt.value).WithGroup("group").Info("message", "outer", tt.value)
		record := records()[0]
		if got := record["inner"]; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if got := record["group"].(map[string]any)["outer"]; got != tt.want {
			t.Errorf("%s in a group: %q, want %q", name, got, tt.want)
		}
		if record["level"] != "INFO" || record["msg"] != "message" {
			t.Errorf("%s: %v", name, record)
		}
	}
}
