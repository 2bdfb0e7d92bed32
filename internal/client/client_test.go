package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/types"
)

func dial(t *testing.T, f *fakeServer, opts Options) *Client {
	t.Helper()
	opts.URL = f.http.URL
	c, err := Dial(testContext(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestBaseClientPublishesAndReceives(t *testing.T) {
	f := newFakeServer(t)
	camera := Camera()
	camera.KeyframeEvery = 200 * time.Millisecond // the fake hands no request on
	c := dial(t, f, Options{Room: "r", Username: "u", Publish: []PublishOptions{Microphone(), camera}})
	waitFor(t, c, "its own media back", func(s *State) bool {
		return f.packets("audio") > 10 && f.packets("video") > 10 && s.From(c.tag, types.KindVideo).Keyframes > 0
	})
	times := c.Times()
	if times.Connected.Before(times.Answer) || times.FirstRTP.Before(times.Dial) || times.FirstKeyframe.IsZero() {
		t.Errorf("times %+v", times)
	}
	if f.levels.Load() == 0 {
		t.Error("no audio level on the packets")
	}
	if c.Publication(types.SourceCamera).PLIs() == 0 {
		t.Error("the server's PLI was not counted")
	}
}

func TestSimulcastByRIDs(t *testing.T) {
	f := newFakeServer(t)
	c := dial(t, f, Options{Protocol: 1, Publish: []PublishOptions{Camera(), Microphone()}})
	waitFor(t, c, "three layers at the server", func(*State) bool {
		return f.packets("q") > 5 && f.packets("h") > 5 && f.packets("f") > 5
	})
	for i := range 3 {
		v, ok := f.stamps.Load(i)
		if !ok || v.(Stamp).Sender != c.Tag() || v.(Stamp).Layer != i {
			t.Errorf("layer %d: stamp %+v", i, v)
		}
	}
	if got := c.PeerID(); got != "p_1" {
		t.Errorf("peer id %q", got)
	}
	waitFor(t, c, "the echo", func(s *State) bool { return s.From(c.tag, types.KindVideo).Packets > 10 })
}

func TestCandidatesFirst(t *testing.T) {
	f := newFakeServer(t)
	c := dial(t, f, Options{CandidatesFirst: true, Publish: []PublishOptions{Camera()}})
	waitFor(t, c, "media", func(*State) bool { return f.packets("video") > 0 })
}

func TestHoldAnswer(t *testing.T) {
	f := newFakeServer(t)
	release := make(chan struct{})
	held := make(chan struct{}, 10)
	c := dial(t, f, Options{
		Publish: []PublishOptions{Camera()},
		HoldAnswer: func(ctx context.Context, id uint64) bool {
			held <- struct{}{}
			select {
			case <-release:
				return true
			case <-ctx.Done():
				return false
			}
		},
	})
	<-held
	if err := c.Chat("hello"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, c, "the chat while the answer waits", func(s *State) bool { return len(s.Chat) == 1 && s.Answers == 0 })
	close(release)
	waitFor(t, c, "media", func(*State) bool { return f.packets("video") > 0 })
}

func TestLostPacketsAreRepaired(t *testing.T) {
	f := newFakeServer(t)
	c := dial(t, f, Options{
		Publish:      []PublishOptions{Camera()},
		DropReceived: func(h *rtp.Header) bool { return h.PayloadType == 96 && rand.IntN(10) == 0 },
	})
	waitFor(t, c, "repairs", func(st *State) bool {
		for _, track := range st.Media {
			if s := track.Stats(); s.Packets > 300 && s.RTX > 10 && s.Lost < 10 {
				return true
			}
		}
		return false
	})
}

func TestRefusedJoin(t *testing.T) {
	f := newFakeServer(t)
	_, err := Dial(testContext(t), Options{URL: f.http.URL, Room: "full"})
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.Code != types.CodeRoomFull || refused.RetryAfter != "3" {
		t.Errorf("got %v", err)
	}
}

func TestCutAndResumeKeepsTheConnection(t *testing.T) {
	f := newFakeServer(t)
	c := dial(t, f, Options{Protocol: 1, Publish: []PublishOptions{Microphone()}})
	waitFor(t, c, "media", func(*State) bool { return f.packets("audio") > 0 })
	c.Cut()
	waitFor(t, c, "the loss", func(s *State) bool { return !s.Connected && s.CloseCode == 1006 })
	if err := c.Chat("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("send on a dead socket: %v", err)
	}
	if err := c.Resume(testContext(t), true); err != nil {
		t.Fatal(err)
	}
	waitFor(t, c, "the second welcome and a new connection, for the fake knows no resume", func(s *State) bool {
		return s.Connected && s.Welcomes == 2 && s.Connections == 2
	})
}

// Who wants to come back before he was welcomed has no token yet: he does not
// join a second time.
func TestResumeWaitsForTheWelcome(t *testing.T) {
	f := newFakeServer(t)
	f.resumes, f.hold = true, make(chan struct{})
	c := dial(t, f, Options{Protocol: 1})
	ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
	defer cancel()
	if err := c.Resume(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a welcome: %v", err)
	}
	close(f.hold)
	if err := c.Resume(testContext(t), true); err != nil {
		t.Fatal(err)
	}
	waitFor(t, c, "the return", func(s *State) bool { return s.Resumes == 1 })
	if n := f.joins.Load(); n != 1 {
		t.Errorf("joined %d times", n)
	}
}

func TestOrderCountsLossAndDuplicates(t *testing.T) {
	var o order
	take := func(sn uint16, want bool) {
		t.Helper()
		if got := o.take(sn); got != want {
			t.Errorf("take(%d) = %t", sn, got)
		}
	}
	take(65534, true)
	take(0, true)     // 65535 is missing, over the wrap
	take(0, false)    // twice
	take(3, true)     // 1 and 2 are missing
	take(65535, true) // late
	if got := o.lost(); got != 2 {
		t.Errorf("lost %d, want 2", got)
	}
}

func TestStampSurvivesEveryCodec(t *testing.T) {
	for _, codec := range []string{VP8, VP9, H264, AV1, Opus} {
		for _, key := range []bool{true, false} {
			p, err := newPacketizer(codec, 1280, 720)
			if err != nil {
				t.Fatal(err)
			}
			want := Stamp{Sender: 7, Source: types.SourceCamera, Layer: 2, Key: key, Frame: 9}
			payloads := p.frame(want, []int{500, 500, 500})
			for i, payload := range payloads {
				got, ok := FindStamp(payload.data)
				if !ok || got.Sender != 7 || got.Layer != 2 || got.Key != key || got.Index != i || got.Of != len(payloads) {
					t.Errorf("%s key %t packet %d: %+v, %t", codec, key, i, got, ok)
				}
			}
			if codec == VP8 && isKeyframe("video/VP8", payloads[0].data) != key {
				t.Errorf("VP8 keyframe %t not recognised", key)
			}
		}
	}
}
