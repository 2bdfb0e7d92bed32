package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLogIsNotFlooded(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	log := slog.New(limitLog(slog.NewTextHandler(&out, nil), func() time.Time { return now }))
	lines := func() int {
		n := strings.Count(out.String(), "\n")
		return n
	}
	for range 1000 {
		log.With("room", "x").Info("join refused", "code", "room_full", "remote", "192.0.2.1")
		log.Info("join refused", "code", "bad_room")
		log.Warn("media ended", "err", errors.New("x"))
		log.Info("joined")
	}
	if n := lines(); n != 3*refusalLines+otherLines {
		t.Errorf("%d lines in a second", n)
	}
	out.Reset()
	now = now.Add(time.Second)
	log.Info("join refused", "code", "room_full")
	log.Info("join refused", "code", "room_full")
	if text := out.String(); strings.Count(text, "not_logged=990") != 1 {
		t.Error(text)
	}
	for i := range 2 * maxCauses {
		log.Info("join refused", "code", strings.Repeat("x", i))
	}
}
