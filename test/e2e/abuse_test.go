package e2e

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// A canary is a call in another room that nothing may disturb.
type canary struct {
	t          *testing.T
	s          *server
	alice, bob *client.Client
	stalled    atomic.Int64 // longest that this process stood still, ns
}

func (s *server) canary() *canary {
	c := &canary{t: s.t, s: s}
	c.watch()
	c.alice = s.join(client.Options{Room: "canary", Username: "Alice", Protocol: 1, Publish: both()})
	c.bob = s.join(client.Options{Room: "canary", Username: "Bob", Publish: both()})
	waitMeet(s.t, c.alice, c.bob)
	return c
}

// watch measures how long this process gets no processor at all, on a machine
// that does other things: such a gap is nobody's fault.
func (c *canary) watch() {
	quit, done := make(chan struct{}), make(chan struct{})
	c.t.Cleanup(func() { close(quit); <-done })
	go func() {
		defer close(done)
		const interval = 20 * time.Millisecond
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			now := time.Now()
			if late := int64(now.Sub(last) - interval); late > c.stalled.Load() {
				c.stalled.Store(late)
			}
			last = now
		}
	}()
}

// check wants media, chat and joins to work as if nothing had been.
func (c *canary) check() {
	c.t.Helper()
	seen := c.bob.From(c.alice.Tag(), types.KindVideo).Packets
	wait(c.t, c.bob, "media in the other room", func(st *client.State) bool {
		return st.From(c.alice.Tag(), types.KindVideo).Packets > seen+20
	})
	checkStream(c.t, "canary", c.bob)
	for _, track := range c.bob.Media() {
		allowed := time.Second + 2*time.Duration(c.stalled.Load())
		if gap := track.Stats().MaxGap; gap > allowed {
			c.t.Errorf("a gap of %v in the other room, %v allowed", gap, allowed)
		}
	}
	carol := c.s.join(client.Options{Room: "canary", Username: "Carol"})
	waitMeetOne(c.t, c.alice, carol)
	carol.Close()
}

// mallory is somebody whose connection stands.
func (s *server) mallory() *client.Client {
	s.t.Helper()
	m := s.join(client.Options{Room: "abuse", Username: "Mallory", Protocol: 1, Publish: []client.PublishOptions{microphone()}})
	wait(s.t, m, "the connection", func(st *client.State) bool { return !st.Times.Connected.IsZero() })
	return m
}

func answer(sdp string) types.Message {
	return types.NewMessage(types.EventAnswer, types.SessionDescription{Type: "answer", SDP: sdp})
}

func TestHugeDescription(t *testing.T) {
	s := start(t)
	c := s.canary()
	m := s.mallory()
	if err := m.Send(answer("v=0\r\n" + strings.Repeat("a=x:1234567890\r\n", 1<<16))); err != nil {
		t.Fatal(err)
	}
	wait(t, m, "the end", func(st *client.State) bool { return !st.Connected && st.CloseCode == websocket.CloseMessageTooBig })
	c.check()
}

func TestDescriptionWithTooManyMLines(t *testing.T) {
	s := start(t)
	c := s.canary()
	m := s.mallory()
	bomb := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", 1000)
	if err := m.Send(answer(bomb)); err != nil {
		t.Fatal(err)
	}
	wait(t, m, "the refusal", func(st *client.State) bool { return st.HasError(types.CodeTooManyMLines) && st.Connected })
	c.check()
}

func TestAnswerThatNobodyAwaits(t *testing.T) {
	s := start(t)
	c := s.canary()
	m := s.mallory()
	sdp := m.PeerConnection().LocalDescription().SDP
	if err := m.Send(answer(sdp)); err != nil {
		t.Fatal(err)
	}
	wait(t, m, "the error", func(st *client.State) bool { return st.HasError(types.CodeUnexpected) && st.Connected })
	c.check()
}

func TestTwentyThousandCandidates(t *testing.T) {
	s := start(t)
	c := s.canary()
	m := s.mallory()
	mid, before := "0", runtime.NumGoroutine()
	for i := range 20000 {
		text := fmt.Sprintf("candidate:%d 1 udp 2130706431 192.0.2.%d %d typ host", i, i%250+1, 1024+i)
		if m.Send(types.NewMessage(types.EventCandidate, types.Candidate{Candidate: text, SDPMid: &mid})) != nil {
			break
		}
	}
	wait(t, m, "the end", func(st *client.State) bool { return !st.Connected && st.CloseCode == websocket.ClosePolicyViolation })
	if now := runtime.NumGoroutine(); now > before+200 {
		t.Errorf("%d goroutines, before %d", now, before)
	}
	c.check()
}

// TestWrongMessages sends each sort once: an error event with the right code,
// and the connection stays.
func TestWrongMessages(t *testing.T) {
	s := start(t)
	data := func(event, data string) []byte {
		text, err := json.Marshal(types.Message{Event: event, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, test := range map[string]struct {
		frame []byte
		code  types.ErrorCode
	}{
		"not JSON":            {[]byte("hello"), types.CodeBadJSON},
		"deep JSON":           {[]byte(strings.Repeat("[", 60000)), types.CodeBadJSON},
		"data is an object":   {[]byte(`{"event":"chat","data":{"a":1}}`), types.CodeBadJSON},
		"unknown event":       {data("dance", ""), types.CodeUnknownEvent},
		"empty chat":          {data(types.EventChat, ""), types.CodeChatEmpty},
		"long chat":           {data(types.EventChat, strings.Repeat("x", 4097)), types.CodeChatTooLong},
		"candidate not JSON":  {data(types.EventCandidate, "x"), types.CodeBadMessage},
		"candidate not valid": {data(types.EventCandidate, `{"candidate":"nonsense"}`), types.CodeBadCandidate},
		"answer not JSON":     {data(types.EventAnswer, "x"), types.CodeBadMessage},
		"bad source":          {data(types.EventPublish, `{"source":"moon"}`), types.CodeBadSource},
		"bad name":            {data(types.EventState, `{"username":"a\u0000b"}`), types.CodeBadUsername},
		"bad view":            {data(types.EventView, `{"tracks":[{"track_id":"t","width":-1}]}`), types.CodeBadMessage},
		"an offer":            {data(types.EventOffer, "{}"), types.CodeUnknownEvent},
	} {
		t.Run(name, func(t *testing.T) {
			m := s.join(client.Options{Room: "wrong", Username: "Mallory", Protocol: 1, SocketOnly: true})
			if err := m.SendRaw(websocket.TextMessage, test.frame); err != nil {
				t.Fatal(err)
			}
			wait(t, m, "the error", func(st *client.State) bool { return len(st.Errors) > 0 && st.Connected })
			m.View(func(st *client.State) {
				if st.Errors[0].Code != test.code || st.Errors[0].Message == "" {
					t.Errorf("got %+v, want %s", st.Errors[0], test.code)
				}
			})
			m.Close()
		})
	}
}

// TestWrongFrames break the WebSocket itself.
func TestWrongFrames(t *testing.T) {
	s := start(t)
	c := s.canary()
	for name, test := range map[string]struct {
		kind int
		data []byte
		code int
	}{
		"binary":     {websocket.BinaryMessage, []byte("{}"), websocket.CloseUnsupportedData},
		"not UTF-8":  {websocket.TextMessage, []byte{'"', 0xff, '"'}, websocket.CloseInvalidFramePayloadData},
		"too big":    {websocket.TextMessage, make([]byte, 128<<10), websocket.CloseMessageTooBig},
		"ten errors": {0, nil, websocket.ClosePolicyViolation},
	} {
		t.Run(name, func(t *testing.T) {
			m := s.join(client.Options{Room: "frames", Username: "Mallory", SocketOnly: true})
			if test.kind == 0 {
				for range 11 {
					_ = m.SendRaw(websocket.TextMessage, []byte("nonsense"))
				}
			} else if err := m.SendRaw(test.kind, test.data); err != nil {
				t.Fatal(err)
			}
			wait(t, m, "the end", func(st *client.State) bool { return !st.Connected && st.CloseCode == test.code })
		})
	}
	c.check()
}

// TestEndlessFrame sends one of 256 MiB. The server closes in the midst of it,
// so that its close frame may be lost in the reset of the connection.
func TestEndlessFrame(t *testing.T) {
	s := start(t)
	c := s.canary()
	m := s.join(client.Options{Room: "frames", Username: "Mallory", SocketOnly: true})
	if err := m.SendRaw(websocket.TextMessage, make([]byte, 256<<20)); err != nil {
		t.Fatal(err)
	}
	wait(t, m, "the end", func(st *client.State) bool { return !st.Connected })
	c.check()
}
