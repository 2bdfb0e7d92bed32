package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

func TestWaits(t *testing.T) {
	for range 1000 {
		var w waits
		for i, bounds := range [][2]time.Duration{
			{500 * time.Millisecond, 3 * time.Second}, {time.Second, 6 * time.Second},
			{3500 * time.Millisecond, 7 * time.Second}, {3500 * time.Millisecond, 7 * time.Second},
		} {
			if got := w.next(ended, 0); got < bounds[0] || got > bounds[1] {
				t.Fatalf("wait %d is %v, want %v", i, got, bounds)
			}
		}
		if got := w.next(away, 0); got != 250*time.Millisecond {
			t.Fatalf("the network is away: wait %v", got)
		}
		if got := w.next(ended, 10*time.Second); got != 10*time.Second {
			t.Fatalf("asked for 10 s: wait %v", got)
		}
		w.opened(time.Second)
		if got := w.next(ended, 0); got > 3*time.Second {
			t.Fatalf("after a success: wait %v", got)
		}
	}
}

func TestAttemptsAreShort(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 2500 * time.Millisecond, time.Second: 4 * time.Second, 5 * time.Second: 10 * time.Second,
	} {
		w := waits{took: took}
		if got := w.limit(); got != want {
			t.Errorf("after %v: %v, want %v", took, got, want)
		}
	}
}

func TestOutcomes(t *testing.T) {
	refused := func(status int, retry string) error { return &RefusedError{Status: status, RetryAfter: retry} }
	for _, c := range []struct {
		err     error
		want    outcome
		atLeast time.Duration
	}{
		{refused(503, "2"), ended, 2 * time.Second},
		{refused(429, ""), ended, 0},
		{refused(400, ""), final, 0},
		{refused(403, ""), final, 0},
		{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), ended, 0},
		{fmt.Errorf("dial: %w", syscall.ECONNRESET), ended, 0},
		{fmt.Errorf("dial: %w", syscall.EHOSTUNREACH), away, 0},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), away, 0},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, away, 0},
	} {
		if got, atLeast := outcomeOf(c.err); got != c.want || atLeast != c.atLeast {
			t.Errorf("%v: %v, %v", c.err, got, atLeast)
		}
	}
}

func TestCodesThatComeBack(t *testing.T) {
	for _, code := range []int{1001, 1006, 1011, 1012, 4008} {
		if !comesBack(code, "") {
			t.Errorf("%d stays away", code)
		}
	}
	for _, code := range []int{1000, 1002, 1003, 1007, 1008, 1009, 1013, 4001, 4003, 4009} {
		if comesBack(code, "") {
			t.Errorf("%d comes back", code)
		}
	}
	if !comesBack(1008, "slow consumer") {
		t.Error("a slow consumer stays away")
	}
}

// road is a network between client and server that can be made worse.
type road struct {
	*stdnet.Net
	lost   atomic.Bool  // nothing arrives, and nobody answers who dials
	silent atomic.Bool  // no media arrives
	dials  atomic.Int64 // that were begun
}

func newRoad(t *testing.T) *road {
	t.Helper()
	n, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	return &road{Net: n}
}

func (r *road) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.dials.Add(1)
	if r.lost.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (r *road) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := r.Net.ListenUDP(network, local)
	return &roadConn{conn, r}, err
}

type roadConn struct {
	transport.UDPConn
	road *road
}

func (c *roadConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil || !c.road.silent.Load() {
			return n, from, err
		}
	}
}

// returning joins somebody who comes back by himself and hears himself.
func returning(t *testing.T, f *fakeServer) (*Client, *road) {
	t.Helper()
	r := newRoad(t)
	c := dial(t, f, Options{
		Protocol: 1, ComeBack: true, NetDial: r.dial, Net: r,
		Publish: []PublishOptions{{Source: types.SourceCamera, KeyframeEvery: time.Second, PacketSize: 100}},
	})
	waitFor(t, c, "media", func(s *State) bool { return s.From(c.tag, types.KindVideo).Packets > 10 })
	return c, r
}

func lastLoss(c *Client) (l Loss) {
	c.View(func(s *State) {
		if n := len(s.Losses); n > 0 {
			l = s.Losses[n-1]
		}
	})
	return l
}

func TestComesBackAfterACut(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	f.resumes = true
	c, _ := returning(t, f)
	c.Cut()
	waitFor(t, c, "the return", func(s *State) bool { return s.Connected && s.Resumes == 1 })
	l := lastLoss(c)
	if away := l.Back.Sub(l.At); l.Attempts != 1 || !l.Resumed || l.Silent || l.Code != 1006 ||
		away < firstWaitMin || away > firstWaitMax+5*time.Second {
		t.Errorf("%+v, away for %v", l, away)
	}
	c.View(func(s *State) {
		if s.Connections != 1 {
			t.Errorf("%d PeerConnections", s.Connections)
		}
	})
	if g := c.Gap(c.tag, types.KindVideo); g.Longest > 3*time.Second {
		t.Errorf("media stopped for %v", g.Longest)
	}
}

func TestJoinsAnewWhereNobodyKnowsIt(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	c, _ := returning(t, f)
	c.Cut()
	waitFor(t, c, "another PeerConnection with media", func(s *State) bool {
		return s.Connections == 2 && !s.Times.FirstRTP.IsZero() && s.Resumes == 0
	})
}

// TestBaseClientComesBackAsANewOne knows no token and no ping event.
func TestBaseClientComesBackAsANewOne(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	c := dial(t, f, Options{ComeBack: true, Publish: []PublishOptions{Microphone()}})
	waitFor(t, c, "media", func(*State) bool { return f.packets("audio") > 10 })
	c.Cut()
	waitFor(t, c, "another PeerConnection", func(s *State) bool {
		return s.Connected && s.Connections == 2 && s.ConnectionState == webrtc.PeerConnectionStateConnected
	})
	waitFor(t, c, "its media", func(*State) bool { return f.packets("audio") > 10 })
}

// TestGivesUpASocketWithoutAnAnswer lets the server fall silent: the client
// finds out, tries again at once, and goes on trying while the network is away.
func TestGivesUpASocketWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	f.resumes = true
	c, r := returning(t, f)
	r.lost.Store(true)
	f.deaf.Store(true)
	waitFor(t, c, "the doubt to become certainty", func(s *State) bool { return len(s.Losses) == 1 })
	waitFor(t, c, "two attempts", func(*State) bool { return r.dials.Load() >= 3 })
	r.lost.Store(false)
	waitFor(t, c, "the return", func(s *State) bool { return s.Connected && s.Resumes == 1 })
	l := lastLoss(c)
	if away := l.Back.Sub(l.At); !l.Silent || l.Attempts < 2 || away > time.Duration(l.Attempts)*(shortestTry+awayWait+5*time.Second) {
		t.Errorf("%+v, away for %v", l, away)
	}
}

// TestAsksForARestart lets media fall silent while the socket lives.
func TestAsksForARestart(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	c, r := returning(t, f)
	r.silent.Store(true)
	began := time.Now()
	waitFor(t, c, "the request", func(*State) bool { return f.restarts.Load() == 1 })
	if took := time.Since(began); took < repairAfter || took > repairAfter+10*time.Second {
		t.Errorf("asked after %v", took)
	}
	c.View(func(s *State) {
		if len(s.Losses) != 0 || s.RestartsAsked != 1 {
			t.Errorf("losses %v, %d restarts asked for", s.Losses, s.RestartsAsked)
		}
	})
}

func TestStaysAwayWhenItIsTold(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	c, r := returning(t, f)
	if err := c.Leave(); err != nil { // the fake says 4009
		t.Fatal(err)
	}
	waitFor(t, c, "the end", func(s *State) bool { return s.CloseCode == 4009 })
	c.Close() // waits for the goroutine that would have come back
	if n := r.dials.Load(); n != 1 {
		t.Errorf("%d sockets", n)
	}
}

func TestCloseEndsTheComingBack(t *testing.T) {
	t.Parallel()
	f := newFakeServer(t)
	c, r := returning(t, f)
	r.lost.Store(true)
	c.Cut()
	waitFor(t, c, "an attempt", func(*State) bool { return r.dials.Load() == 2 })
	began := time.Now()
	c.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := c.Chat("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("a send after Close: %v", err)
	}
}

func TestGaps(t *testing.T) {
	var g gaps
	at := time.Now().Add(-time.Minute)
	for _, ms := range []int{0, 20, 40, 540, 560, 800} {
		g.packet(1, types.KindAudio, at.Add(time.Duration(ms)*time.Millisecond))
	}
	g.packet(2, types.KindAudio, at)
	got := g.each[gapKey{1, types.KindAudio}].Gap
	if got.Longest != 500*time.Millisecond || !got.From.Equal(at.Add(40*time.Millisecond)) ||
		!got.Until().Equal(at.Add(540*time.Millisecond)) {
		t.Errorf("%+v", got)
	}
}
