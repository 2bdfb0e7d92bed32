package pressure

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestFull(t *testing.T) {
	now, bytes := time.Unix(1000, 0), int64(80)
	m := &Memory{limit: 100, used: func() int64 { return bytes }, now: func() time.Time { return now }}
	if m.Full() {
		t.Error("full at 80 %")
	}
	bytes = 90
	if m.Full() {
		t.Error("looked at once more within 250 ms")
	}
	now = now.Add(look)
	if !m.Full() {
		t.Error("not full at 90 %")
	}
	if (&Memory{}).Full() {
		t.Error("full without a limit")
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct{ a, b, want int64 }{{math.MaxInt64, 0, 0}, {math.MaxInt64, 5, 5}, {7, 5, 5}, {5, 7, 5}, {5, 0, 5}} {
		if got := limitOf(tt.a, tt.b); got != tt.want {
			t.Errorf("limitOf(%d, %d) = %d", tt.a, tt.b, got)
		}
	}
	file := filepath.Join(t.TempDir(), "memory.max")
	for text, want := range map[string]int64{"max\n": 0, "1048576\n": 1 << 20, "": 0, "-5": 0} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readCgroup(file); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	if readCgroup(file+"x") != 0 {
		t.Error("no file is a limit")
	}
	if n := used(); n < 1<<20 {
		t.Errorf("%d bytes used", n)
	}
}
