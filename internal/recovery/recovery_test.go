package recovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// logged runs f with slog.Default writing to a buffer and returns the records.
func logged(t *testing.T, f func()) []map[string]any {
	t.Helper()
	var buf bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&buf, nil)))
	defer slog.SetDefault(old)
	f()
	var records []map[string]any
	for line := range strings.Lines(buf.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		records = append(records, r)
	}
	return records
}

func explode(v any) { panic(v) }

func TestRecoverStopsAndLogsPanic(t *testing.T) {
	tests := []struct {
		name   string
		run    func()
		prefix string
	}{
		{"Recover", func() { defer Recover(); explode("boom") }, "goroutine"},
		{"RecoverWithPrefix", func() { defer RecoverWithPrefix("peer p_1"); explode("boom") }, "peer p_1"},
		{"RecoverFunc", func() { defer RecoverFunc("peer p_2", nil); explode("boom") }, "peer p_2"},
		{"error value", func() { defer Recover(); explode(errors.New("boom")) }, "goroutine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := Panics()
			records := logged(t, tt.run)
			if got := Panics() - before; got != 1 {
				t.Errorf("counted %d panics, want 1", got)
			}
			if len(records) != 1 {
				t.Fatalf("%d log records, want 1", len(records))
			}
			r := records[0]
			if r["in"] != tt.prefix || r["panic"] != "boom" || r["level"] != "ERROR" {
				t.Errorf("logged %v", r)
			}
			if stack, _ := r["stack"].(string); !strings.Contains(stack, "recovery.explode") {
				t.Errorf("the stack does not show the function that panicked:\n%s", stack)
			}
		})
	}
}

func TestNoPanicNoLog(t *testing.T) {
	before := Panics()
	records := logged(t, func() {
		defer Recover()
		defer RecoverWithPrefix("x")
		defer RecoverFunc("x", func(any) { t.Error("onPanic called without a panic") })
	})
	if len(records) != 0 || Panics() != before {
		t.Errorf("logged %v, counted %d", records, Panics()-before)
	}
}

func TestRecoverFuncCallsBack(t *testing.T) {
	var got any
	logged(t, func() { defer RecoverFunc("x", func(v any) { got = v }); explode(42) })
	if got != 42 {
		t.Errorf("onPanic got %v, want 42", got)
	}
}

func TestPanicOfOnPanicIsRecovered(t *testing.T) {
	before := Panics()
	records := logged(t, func() { defer RecoverFunc("x", func(any) { explode("again") }); explode("first") })
	if len(records) != 2 || records[0]["panic"] != "first" || records[1]["panic"] != "again" {
		t.Errorf("logged %v", records)
	}
	if got := Panics() - before; got != 2 {
		t.Errorf("counted %d, want 2", got)
	}
}
