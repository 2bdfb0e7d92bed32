//go:build linux

package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runLimit is generous: the tests run under the race detector on machines that
// do other things.
const runLimit = 2 * time.Minute

// measure runs the load generator with flags.
func measure(t *testing.T, args ...string) *Result {
	t.Helper()
	cfg, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	r, err := run(ctx, cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failures) > 0 {
		t.Errorf("failures: %v", r.Failures)
	}
	return r
}

// starved tells whether the machine had no time for the senders: then there is
// little to judge, but what came must have come to all.
func starved(r *Result) bool { return r.PacketsPerSecond < 100*float64(r.Connections) }

// checkMedia checks that everything came to everybody. Of frames some may be
// useless that follow one that was incomplete at the join.
func checkMedia(t *testing.T, r *Result) {
	t.Helper()
	if r.Lost != 0 || r.Loss != 0 || r.Worst != 0 || r.LossFull != 0 || r.Silent != 0 {
		t.Errorf("loss %f (%d packets), worst %f, full %f, silent %d", r.Loss, r.Lost, r.Worst, r.LossFull, r.Silent)
	}
	if f := r.Frames; f.Whole == 0 && !starved(r) || f.Broken != 0 || f.NoKey != 0 {
		t.Errorf("frames: %+v", f)
	}
	if l := r.Latency; l.Count == 0 || l.P50 <= 0 || l.P99 < l.P50 || l.Max < l.P99 {
		t.Errorf("latency: %+v", l)
	}
	for phase, d := range map[string]Distribution{
		"socket": r.Joins.Socket, "welcome": r.Joins.Welcome, "ICE": r.Joins.ICE,
		"DTLS": r.Joins.DTLS, "first RTP": r.Joins.FirstRTP,
	} {
		if d.Count != r.Connections || d.P50 <= 0 || d.Max < d.P50 {
			t.Errorf("join, %s: %+v", phase, d)
		}
	}
	if r.ServerCPU <= 0 || r.CPUPerPacket <= 0 || r.LoadCPU <= 0 || r.ServerRSS <= 0 {
		t.Errorf("server %f of a core, %f us a packet, %f kB; load %f of a core", r.ServerCPU, r.CPUPerPacket, r.ServerRSS, r.LoadCPU)
	}
}

// own is this process, which is the server as well.
func own(t *testing.T, url string) []string {
	t.Helper()
	self, err := os.Readlink("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-url", url, "-pid", self}
}

func TestOneRoomWithoutLoss(t *testing.T) {
	r := measure(t, append(own(t, startApp(t)),
		"-publishers", "3", "-subscribers", "12", "-full", "2", "-bitrate", "300k", "-settle", "300ms", "-duration", "2s",
		"-chat", "20")...)
	checkMedia(t, r)
	if r.Connections != 15 || r.FullPeople != 2 {
		t.Errorf("%d connections, %d full", r.Connections, r.FullPeople)
	}
	// Three publishers to 14 others each: 50 packets of sound a second and 30
	// frames of one or two packets, if the machine has time for all of them.
	const all = 80 * (3*12 + 3*2)
	if n := r.PacketsPerSecond; n == 0 || n > 2*all || r.BitsPerSecond < 50*8*n {
		t.Errorf("%.0f packets/s, want %d or so; %.0f bit/s", n, all, r.BitsPerSecond)
	}
	if c := r.Chat; c == nil || c.Sent < 1 || c.Latency.Count < c.Sent || c.Latency.P50 <= 0 {
		t.Errorf("chat: %+v", c)
	}
	path := filepath.Join(t.TempDir(), "result.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var again Result
	if err := json.Unmarshal(data, &again); err != nil || again.Window != r.Window {
		t.Errorf("JSON: %v\n%s", err, data)
	}
	var table strings.Builder
	if err := r.print(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"us a packet", "latency", "join: ICE connected", "chat"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &table)
		}
	}
}

func TestMeetingsWithSimulcast(t *testing.T) {
	r := measure(t, append(own(t, startApp(t)),
		"-rooms", "2", "-meeting", "3", "-full", "1", "-simulcast", "-bitrate", "300k", "-settle", "300ms", "-duration", "1s")...)
	checkMedia(t, r)
	if r.Connections != 6 || r.FullPeople != 2 {
		t.Errorf("%d connections, %d full", r.Connections, r.FullPeople)
	}
}

func TestChurnAndStorm(t *testing.T) {
	r := measure(t, append(own(t, startApp(t)),
		"-subscribers", "6", "-full", "1", "-video=false", "-storm", "-churn", "5", "-settle", "100ms", "-duration", "2s")...)
	if c := r.Churn; c == nil || c.Left < 1 || c.Came != c.Left || c.FirstRTP.P50 <= 0 {
		t.Errorf("churn: %+v", c)
	}
	// Who leaves at the end of the window may not have been replaced yet.
	if r.Connections < 2 || r.Connections > 7 || r.Lost != 0 {
		t.Errorf("%d connections, %d packets lost", r.Connections, r.Lost)
	}
}

// TestServerOfItsOwn also finds that a small number of subscribers is bearable.
func TestServerOfItsOwn(t *testing.T) {
	before, err := cores()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := moveTo(before); err != nil {
			t.Error(err)
		}
	})
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := measure(t, "-server", binary, "-env", asServer+"=1",
		"-search", "-subscribers", "8", "-video=false", "-settle", "100ms", "-duration", "500ms")
	if s := r.Search; s == nil || s.Most != 8 || s.Over != 0 {
		t.Errorf("search: %+v", s)
	}
	if r.RSSPerConnection <= 0 || r.Lost != 0 {
		t.Errorf("%f kB a connection, %d packets lost", r.RSSPerConnection, r.Lost)
	}
	if now, err := cores(); err != nil || len(before) > 1 && len(now) != len(before)-1 {
		t.Errorf("the load runs on cores %v of %v, %v", now, before, err)
	}
}

func TestNoServer(t *testing.T) {
	for _, flags := range [][]string{{"-url", "http://127.0.0.1:1"}, {"-livekit", "ws://127.0.0.1:1"}} {
		cfg, err := parse(append(flags, "-subscribers", "1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(context.Background(), cfg, io.Discard); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%v without a server: %v", flags, err)
		}
	}
}
