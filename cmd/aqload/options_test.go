//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	c, err := parse([]string{"-bitrate", "800k", "-subscribers", "1", "-full", "5"})
	if err != nil || c.Bitrate != 800_000 || c.Full != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = parse([]string{"-meeting", "10"}); err != nil || c.Publishers != 0 || c.Subscribers != 0 || c.Full != 2 {
		t.Errorf("a meeting: %+v, %v", c, err)
	}
	for _, args := range [][]string{
		{"-rooms", "0"}, {"-ramp", "0"}, {"-duration", "1ms"}, {"-protocol", "2"}, {"-bitrate", "1"}, {"-bitrate", "x"},
		{"-search", "-rooms", "2"}, {"more"}, {"-publishers", "-1"}, {"-env", "A=1"},
		{"-livekit", "ws://a:1", "-server", "x"}, {"-livekit", "ws://a:1", "-livekit-server", "x"},
		{"-livekit", "ws://a:1", "-chat", "1"}, {"-livekit", "ws://a:1", "-simulcast"},
		{"-livekit-server", "x", "-protocol", "0"}, {"-livekit", "ws://a:1", "-env", "A=1"},
	} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

func TestFlagsOfLiveKit(t *testing.T) {
	t.Setenv("LIVEKIT_API_KEY", "")
	t.Setenv("LIVEKIT_API_SECRET", "hidden")
	c, err := parse([]string{"-livekit-server", "x", "-env", "LIVEKIT_RTC_USE_ICE_LITE=true", "-meeting", "3"})
	if err != nil || !c.livekit() || c.key != "devkey" || c.secret != "hidden" {
		t.Errorf("%+v, %v", c, err)
	}
	config := livekitConfig("7880", "7881", c.key, c.secret)
	for _, want := range []string{"port: 7880\n", "udp_port: 7880\n", "{port: 7881}", `{"devkey": "hidden"}`} {
		if !strings.Contains(config, want) {
			t.Errorf("no %s in\n%s", want, config)
		}
	}
}

func TestPlan(t *testing.T) {
	c := options{Rooms: 2, Publishers: 1, Subscribers: 3, Full: 1, Audio: true}
	first, then := c.plan()
	if len(first) != 2 || len(then) != 6 {
		t.Fatalf("%d publishers, %d subscribers", len(first), len(then))
	}
	if want := (entry{"load-2", role{full: true, listens: true}}); then[1] != want {
		t.Errorf("%+v, want %+v", then[1], want)
	}
	if want := (entry{"load-1", role{listens: true}}); then[2] != want {
		t.Errorf("%+v, want %+v", then[2], want)
	}
}

func TestProcessStatistics(t *testing.T) {
	const line = "1234 (a name) x) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 8 0 100 999999 2500 18446744073709551615 1"
	u, err := parseStat(line)
	if err != nil || u.cpu != 2*time.Second || u.rss != 2500*int64(os.Getpagesize()) {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := parseStat("1 (x) S 1"); err == nil {
		t.Error("a short line was taken")
	}
	if u, err := usageOf(os.Getpid()); err != nil || u.rss == 0 {
		t.Errorf("of this process: %+v, %v", u, err)
	}
	if u, err := ownUsage(); err != nil || u.cpu == 0 {
		t.Errorf("own: %+v, %v", u, err)
	}
}
