package livekit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	key    = "a key"
	secret = "a secret of thirty-two characters"
)

// A fake is LiveKit's signalling for one participant: what it sends comes from one
// client of internal/client, which offers, and what it receives goes to another one,
// which answers.
type fake struct {
	t     *testing.T
	http  *httptest.Server
	bye   chan struct{} // closed when the participant has said that he leaves
	query chan map[string][]string

	mu              sync.Mutex
	ws              *websocket.Conn
	gives, receives *client.Client
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, bye: make(chan struct{}), query: make(chan map[string][]string, 1)}
	camera := client.Camera()
	camera.KeyframeEvery = 200 * time.Millisecond
	var err error
	f.gives, err = client.NewLocal(client.Options{Protocol: 1, Publish: []client.PublishOptions{camera}}, func(m types.Message) error {
		if m.Event == types.EventOffer {
			return f.say(response(responseOffer, m, 41))
		}
		return f.say(message(nil).inner(responseTrickle, message(nil).text(1, m.Data).number(2, uint64(subscriber))))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.gives.Close)
	f.receives, err = client.NewLocal(client.Options{Protocol: 1}, func(m types.Message) error {
		if m.Event == types.EventAnswer {
			return f.say(response(responseAnswer, m, 1))
		}
		return f.say(message(nil).inner(responseTrickle, message(nil).text(1, m.Data)))
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.receives.Close)
	f.http = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.http.Close)
	return f
}

// response makes an offer or an answer of the server.
func response(field protowire.Number, m types.Message, id uint64) message {
	d, err := descriptionOf(m)
	if err != nil {
		panic(err)
	}
	return message(nil).inner(field, message(nil).text(2, d.sdp).number(3, id))
}

func (f *fake) say(m message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ws.WriteMessage(websocket.BinaryMessage, m)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	_, err := jwt.Parse(r.URL.Query().Get("access_token"), func(*jwt.Token) (any, error) { return []byte(secret), nil },
		jwt.WithIssuer(key), jwt.WithSubject("somebody"), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"HS256"}))
	if err != nil || r.URL.Path != "/rtc" {
		http.Error(w, "no entry", http.StatusUnauthorized)
		return
	}
	f.query <- r.URL.Query()
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer func() { _ = ws.Close() }()
	f.mu.Lock()
	f.ws = ws
	f.mu.Unlock()
	if f.say(message(nil).inner(responseJoin, message(nil).number(11, 1))) != nil {
		return
	}
	f.gives.Offer()
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if !f.handle(data) {
			return
		}
	}
}

// handle does what a request asks, and reports whether the participant stays.
func (f *fake) handle(data []byte) bool {
	outer, err := read(data)
	if err != nil {
		f.t.Error(err)
	}
	for field, text := range outer.texts {
		inner, err := read(text)
		if err != nil {
			f.t.Error(err)
		}
		switch field {
		case requestAddTrack:
			_ = f.say(message(nil).inner(responsePublished, message(nil).text(1, string(inner.texts[1]))))
		case requestOffer, requestAnswer:
			f.describe(string(inner.texts[1]), string(inner.texts[2]), inner.numbers[3])
		case requestTrickle:
			m := types.Message{Event: types.EventCandidate, Data: string(inner.texts[1])}
			if target(inner.numbers[2]) == subscriber {
				f.gives.Deliver(m)
			} else {
				f.receives.Deliver(m)
			}
		case requestLeave:
			close(f.bye)
			return false
		}
	}
	return true
}

// describe takes the participant's offer or answer.
func (f *fake) describe(kind, sdp string, id uint64) {
	d := webrtc.SessionDescription{Type: webrtc.NewSDPType(kind), SDP: sdp}
	if kind == "offer" {
		m := types.NewMessage(types.EventOffer, d)
		m.OfferID = 1
		f.receives.Deliver(m)
		return
	}
	if id != 41 {
		f.t.Errorf("an answer to %d", id)
	}
	f.gives.Deliver(types.NewMessage(types.EventAnswer, d))
}

func join(t *testing.T, f *fake, publish ...client.PublishOptions) *Participant {
	t.Helper()
	p, err := Dial(t.Context(), Options{
		URL: f.http.URL, Key: key, Secret: secret, Room: "a room", Identity: "somebody",
		Send: client.Options{Publish: publish}, Listens: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestParticipantSendsAndReceives(t *testing.T) {
	f := newFake(t)
	p := join(t, f, client.Camera(), client.Microphone())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := p.Wait(ctx, true); err != nil {
		t.Fatal(err)
	}
	sent := func(s *client.State) bool {
		return s.From(p.sends.Tag(), types.KindVideo).Packets > 0 && s.From(p.sends.Tag(), types.KindAudio).Packets > 0
	}
	if err := f.receives.WaitFor(ctx, "what the participant sends", sent); err != nil {
		t.Fatal(err)
	}
	times := p.Times()
	for i, at := range []time.Time{times.Open, times.Welcome, times.ICE, times.Connected, times.FirstRTP} {
		if at.Before(times.Dial) {
			t.Errorf("step %d: %+v", i, times)
		}
	}
	if query := <-f.query; query["auto_subscribe"][0] != "1" || query["protocol"][0] != protocol {
		t.Errorf("query %v", query)
	}
	if p.PeerConnection() == nil || len(p.Media()) != 1 || p.Publication(types.SourceCamera).Sent() == 0 {
		t.Errorf("%d streams received", len(p.Media()))
	}
	p.Close()
	<-f.bye
	p.Close()
	if err := p.Wait(t.Context(), false); err == nil {
		t.Error("connected after the end")
	}
}

func TestServerEndsIt(t *testing.T) {
	f := newFake(t)
	p := join(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := p.Wait(ctx, true); err != nil {
		t.Fatal(err)
	}
	if p.Publication(types.SourceCamera) != nil {
		t.Error("a publication of somebody who sends nothing")
	}
	if err := f.say(message(nil).inner(responseLeave, message(nil).number(2, 5))); err != nil {
		t.Fatal(err)
	}
	<-p.ctx.Done()
	if err := p.Wait(t.Context(), true); err == nil || !strings.Contains(err.Error(), "reason 5") {
		t.Errorf("%v", err)
	}
}

func TestRefused(t *testing.T) {
	f := newFake(t)
	_, err := Dial(t.Context(), Options{URL: f.http.URL, Key: key, Secret: "another", Identity: "somebody"})
	if err == nil || !strings.Contains(err.Error(), "401: no entry") {
		t.Errorf("%v", err)
	}
}
