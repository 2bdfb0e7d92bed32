package survival

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// Others take three quarters of the one core that the server has (F17): sound goes
// on and chat is there in time.
func TestStarvedServer(t *testing.T) {
	needsLinux(t)
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		t.Skip("no taskset")
	}
	p := launchTagged(t, "", []string{taskset, "-c", "0"})
	bird := p.canary()
	people := make([]*client.Client, 4)
	for i := range people {
		people[i] = p.join(client.Options{
			Room: "busy", Username: fmt.Sprint("Talker ", i), Protocol: 1,
			Publish: []client.PublishOptions{client.Microphone(), {Source: types.SourceCamera, FPS: 20, PacketsPerFrame: 3, PacketSize: 900, Layers: 1}},
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	for range 3 {
		hog := exec.CommandContext(ctx, taskset, "-c", "0", "sh", "-c", "while :; do :; done")
		if err := hog.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = hog.Wait() }()
	}
	defer cancel() // before the waiting
	pass(time.Duration(times(4, 30)) * time.Second)
	starved := usual
	// Pictures may wait: the rules ask for sound and chat.
	starved.gap, starved.share, starved.chat, starved.health = time.Second, 0.99, 500*time.Millisecond, time.Second
	bird.checkAgainst(starved)
}

// The wall clock jumps by an hour, forward and back (F13): nobody is disconnected,
// who lost his socket comes back, and tokens go by what the clock says now.
//
// The machine's own clock is everybody's. So the server is built with another
// time.Now, whose wall clock moves on a signal; its monotonic clock, and the timers
// of the runtime, are the usual ones, as they are when an operator sets the clock.
func TestClockJump(t *testing.T) {
	needsLinux(t)
	if !full { // all of the standard library is compiled anew
		t.Log("in the full form only: make survival")
		return
	}
	binary := movableClock(t)
	p := launchBinary(t, binary, nil, "AUTH=jwt", "AUTH_SECRET="+secret, "ADMIN_KEY="+adminKey,
		"KEEPALIVE_PING=1s", "KEEPALIVE_PONG=1s", "RESUME_WINDOW=10s")
	p.metricKey = adminKey
	hour, week := soon(t, time.Hour/2), soon(t, 7*24*time.Hour)
	bird := p.canary(week)
	lost := p.join(client.Options{Room: "canary", Username: "Lost", Protocol: 1, ComeBack: true, Query: url.Values{"token": {hour}}})
	resumes := 0
	for _, jump := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGUSR2, syscall.SIGUSR1} {
		if err := syscall.Kill(p.pid, jump); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second) // longer than ping and pong
		lost.Cut()
		resumes++
		wait(t, lost, "him to come back as himself", func(s *client.State) bool { return s.Resumes == resumes })
		if jump == syscall.SIGUSR1 && resumes == 1 {
			if _, err := p.dial(client.Options{Room: "canary", Query: url.Values{"token": {hour}}}); err == nil {
				t.Error("a token that has expired by the clock lets somebody in")
			}
			guest := p.join(client.Options{Room: "canary", Query: url.Values{"token": {week}}})
			guest.Close()
		}
	}
	bird.check()
	p.noPanic()
}

// soon is a token for the canary's room that expires so soon.
func soon(t *testing.T, ttl time.Duration) string {
	t.Helper()
	return token(t, jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"room": "canary", "exp": time.Now().Add(ttl).Unix()})
}

// movableClock builds the server with a wall clock that jumps forward by an hour on
// SIGUSR1 and back by one on SIGUSR2.
func movableClock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const now = "sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), now) == 0 {
		t.Fatal("time.Now is written differently now")
	}
	moved := strings.ReplaceAll(string(text), now, now+"\tsec += Jumped.Load()\n")
	moved = strings.Replace(moved, "import (\n", "import (\n\t\"sync/atomic\"\n", 1)
	moved += "\nvar Jumped atomic.Int64\n"
	const jumper = `package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range signals {
			by := int64(3600)
			if s == syscall.SIGUSR2 {
				by = -by
			}
			time.Jumped.Add(by)
		}
	}()
}
`
	command, err := filepath.Abs("../../cmd/server")
	if err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{source: filepath.Join(dir, "time.go"), filepath.Join(command, "jump_overlay.go"): filepath.Join(dir, "jump.go")}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"time.go": moved, "jump.go": jumper, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "server")
	out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, command).CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}
