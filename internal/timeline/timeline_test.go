package timeline

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestTheLastAreKept(t *testing.T) {
	var line Timeline
	for i := range Most + 5 {
		line.Add(time.Unix(int64(i), 0), fmt.Sprint(i), nil)
	}
	list := line.Entries()
	if len(list) != Most || list[0].Event != "5" || list[Most-1].Event != fmt.Sprint(Most+4) {
		t.Errorf("%d from %s to %s", len(list), list[0].Event, list[len(list)-1].Event)
	}
}

// What is below the level of the log is noted all the same, and nothing is lost
// on its way to the log.
func TestLogger(t *testing.T) {
	var line Timeline
	var out bytes.Buffer
	log := line.Logger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})).With("room", "demo"))
	log.With("track", "t_1").WithGroup("g").With("a", 1).Info("media silent", "b", 2)
	log.Debug("too small")
	log.Warn("media ended", "err", strings.Repeat("x", 500))
	list := line.Entries()
	if len(list) != 2 || list[0].Event != "media silent" || list[0].Data["track"] != "t_1" || list[0].Data["g.a"] != "1" || list[0].Data["g.b"] != "2" {
		t.Errorf("%+v", list)
	}
	if n := len(list[1].Data["err"]); n > maxText+3 {
		t.Errorf("%d bytes", n)
	}
	if text := out.String(); strings.Contains(text, "silent") || !strings.Contains(text, "media ended") || !strings.Contains(text, "room=demo") {
		t.Error(text)
	}
}
