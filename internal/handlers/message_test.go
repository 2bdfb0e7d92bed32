package handlers

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

func TestRouting(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("room=a&username=Alice&protocol=1")
	first := p.next()
	if first.Event != types.EventWelcome {
		t.Errorf("first came %s", first.Event)
	}
	me := string(decodeAs[types.Welcome](t, first).PeerID)
	if m := p.next(); m.Event != types.EventOffer || m.OfferID != 1 {
		t.Errorf("then came %+v", m)
	}
	p.raw(`{"event":"answer","offer_id":1,"data":"{\"type\":\"answer\",\"sdp\":\"v=0\"}","later":{"field":[1]}}`)
	p.send("candidate", types.Candidate{Candidate: "candidate:1"})
	p.send("candidate", `{}`)
	p.send("candidate", `null`)
	p.send("publish", types.Publish{Source: types.SourceScreen})
	p.send("unpublish", types.Publish{Source: types.SourceScreen})
	p.send("view", `{"tracks":[{"track_id":"t_1","width":640,"height":360}]}`)
	p.send("file", `{"action":"offer","name":"../a.txt","size":5}`)
	p.send("restart", "")
	p.send("state", `{"hand":true}`)
	if m := p.next(); m.Event != types.EventPeerUpdated || !strings.Contains(m.Data, `"hand":true`) {
		t.Errorf("got %+v", m)
	}
	p.send("chat", "Hello")
	if m := p.next(); m.Event != types.EventChat || m.Data != "Hello" || m.Username != "Alice" {
		t.Errorf("got %+v", m)
	}
	p.raw(`{"event":"chat","data":"data wins","message":"not this"}`)
	p.raw(`{"event":"chat","message":"only this"}`)
	p.raw(`{"event":"chat","data":"","message":"also this"}`)
	for _, want := range []string{"data wins", "only this", "also this"} {
		if m := p.next(); m.Data != want || m.Message != want {
			t.Errorf("got %+v, want %s", m, want)
		}
	}
	p.raw(`{"event":"chat","data":"a note","to":"` + me + `"}`)
	if m := p.next(); m.Data != "a note" || string(m.To) != me {
		t.Errorf("got %+v", m)
	}
	for _, nobody := range []string{`null`, `""`} {
		p.raw(`{"event":"chat","data":"to all","to":` + nobody + `}`)
		if m := p.next(); m.Data != "to all" || m.To != "" {
			t.Errorf("got %+v", m)
		}
	}
	p.raw(`{"event":"chat","data":"lost","to":"p_nobody"}`)
	if got := p.refusal(); got != types.CodeNoSuchPeer {
		t.Errorf("refused with %s", got)
	}
	p.raw(`{"event":"ping","data":"7","to":[5]}`) // a field that is not the event's may hold anything
	if m := p.next(); m.Event != types.EventPong {
		t.Errorf("got %+v", m)
	}
	p.send("reaction", `{"emoji":"👏"}`)
	if got := decodeAs[types.Reactions](t, p.next()).Reactions; len(got) != 1 || got[0].Emoji != "👏" || string(got[0].PeerID) != me {
		t.Errorf("got %+v", got)
	}
	want := "answer candidate candidate candidate publish:screen unpublish:screen view:t_1 file:offer:a.txt restart"
	if got := s.media.peer(0).noted(); got != want {
		t.Errorf("media got %s, want %s", got, want)
	}
	p.send("leave", "")
	p.ends(1000, "")
	eventually(t, "nobody is there", func() bool { return len(s.rooms.GetAllRooms()) == 0 })
}

// badMessages are frames that get an error event.
var badMessages = []struct {
	frame string
	code  types.ErrorCode
}{
	{``, types.CodeBadJSON},
	{`hello`, types.CodeBadJSON},
	{`null`, types.CodeBadJSON},
	{`[]`, types.CodeBadJSON},
	{`"chat"`, types.CodeBadJSON},
	{`{}`, types.CodeBadJSON},
	{`{"event":null}`, types.CodeBadJSON},
	{`{"event":1}`, types.CodeBadJSON},
	{`{"event":"chat","data":{"text":"x"}}`, types.CodeBadJSON},
	{`{"event":"chat","data":5}`, types.CodeBadJSON},
	{`{"event":"chat","data":"x"`, types.CodeBadJSON},
	{`{"event":"chat","data":"x"}{"event":"chat","data":"y"}`, types.CodeBadJSON},
	{`{"event":"answer","data":"{}","offer_id":-1}`, types.CodeBadJSON},
	{`{"event":"answer","data":"{}","offer_id":1e99}`, types.CodeBadJSON},
	{`{"event":"answer"}`, types.CodeBadMessage},
	{`{"event":"answer","data":"x"}`, types.CodeBadMessage},
	{`{"event":"chat","data":"secret","to":5}`, types.CodeBadMessage},
	{`{"event":"chat","data":"secret","to":["p_1"]}`, types.CodeBadMessage},
	{`{"event":"reaction","data":"{}"}`, types.CodeBadMessage},
	{`{"event":"file","data":"{\"file_id\":-1}"}`, types.CodeBadMessage},
	{`{"event":"file","data":"{\"file_id\":4294967296}"}`, types.CodeBadMessage},
	{`{"event":"file","data":"{\"action\":\"offer\",\"size\":1.5}"}`, types.CodeBadMessage},
	{`{"event":"reaction","data":"{\"emoji\":\"<b>\"}"}`, types.CodeBadMessage},
	{`{"event":"answer","data":"[]"}`, types.CodeBadMessage},
	{`{"event":"answer","data":"{\"type\":\"offer\",\"sdp\":\"v=0\"}"}`, types.CodeBadMessage},
	{`{"event":"answer","data":"{\"type\":\"answer\",\"sdp\":5}"}`, types.CodeBadMessage},
	{`{"event":"candidate","data":""}`, types.CodeBadMessage},
	{`{"event":"candidate","data":"{\"sdpMLineIndex\":65536}"}`, types.CodeBadMessage},
	{`{"event":"candidate","data":"{\"sdpMLineIndex\":-1}"}`, types.CodeBadMessage},
	{`{"event":"view","data":"{\"tracks\":{}}"}`, types.CodeBadMessage},
	{`{"event":"state","data":"{\"microphone\":\"yes\"}"}`, types.CodeBadMessage},
	{`{"event":"state","data":"{\"username\":\"\"}"}`, types.CodeBadUsername},
	{`{"event":"chat","data":""}`, types.CodeChatEmpty},
	{`{"event":"chat"}`, types.CodeChatEmpty},
	{`{"event":"offer","data":"{}"}`, types.CodeUnknownEvent},
	{`{"event":"welcome","data":"{}"}`, types.CodeUnknownEvent},
	{`{"event":"frobnicate","data":"{}"}`, types.CodeUnknownEvent},
}

// A client finds out whether his socket still leads somewhere.
func TestPing(t *testing.T) {
	s := serve(t, nil)
	for protocol := range 2 {
		p := s.dial(fmt.Sprintf("protocol=%d", protocol))
		for _, data := range []string{"", "1", strings.Repeat("é", maxPing)} {
			p.send("ping", data)
			if m := p.await(types.EventPong); m.Data != data {
				t.Errorf("%q was answered with %q", data, m.Data)
			}
		}
		p.send("ping", strings.Repeat("é", maxPing+1))
		if got := decodeAs[types.ProtocolError](t, p.await(types.EventError)); got.Code != types.CodeBadMessage || got.Event != types.EventPing {
			t.Errorf("a long ping: %+v", got)
		}
	}
}

// The room asks whether a client is there, and hears of his answer.
func TestProbe(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("protocol=1")
	p.await(types.EventOffer)
	pings := make(chan struct{}, 1)
	p.SetPingHandler(func(string) error {
		pings <- struct{}{}
		return p.WriteControl(websocket.PongMessage, nil, time.Now().Add(patience))
	})
	done := make(chan struct{})
	go func() { // ends with the leave below
		defer close(done)
		for {
			if _, _, err := p.NextReader(); err != nil {
				return
			}
		}
	}()
	media := s.media.peer(0)
	media.config.Observer.Silent(true)
	<-pings
	eventually(t, "media hears of the pong", func() bool { return media.nudges.Load() > 0 })
	p.send("leave", "")
	<-done
}

func TestBadMessages(t *testing.T) {
	s := serve(t, nil)
	other := s.dial("protocol=1&username=Other")
	for _, tt := range append(badMessages, struct {
		frame string
		code  types.ErrorCode
	}{`{"event":"chat","data":"` + strings.Repeat("x", 4097) + `"}`, types.CodeChatTooLong}) {
		p := s.dial("username=Bad")
		p.raw(tt.frame)
		got := decodeAs[types.ProtocolError](t, p.await(types.EventError))
		if got.Code != tt.code || got.Message == "" || strings.Contains(got.Message, "json:") || strings.Contains(got.Message, "Go ") {
			t.Errorf("%.80s: %+v, want %s", tt.frame, got, tt.code)
		}
		var sent struct{ Event any }
		if json.Unmarshal([]byte(tt.frame), &sent) == nil && tt.code != types.CodeBadJSON && got.Event != sent.Event {
			t.Errorf("%.80s: the error names event %q", tt.frame, got.Event)
		}
		p.send("chat", "still here")
		p.await(types.EventChat)
		p.send("leave", "")
		p.ends(1000, "")
	}
	// Nobody else noticed more than joins, chat and leaves.
	other.send("chat", "end")
	for {
		m := other.next()
		switch m.Event {
		case types.EventWelcome, types.EventOffer, types.EventPeerJoined, types.EventChat:
		case types.EventPeerLeft:
			if left := decodeAs[types.PeerLeft](t, m); left.Reason != types.LeaveLeft {
				t.Errorf("%+v", left)
			}
		default:
			t.Errorf("the other got %+v", m)
		}
		if m.Data == "end" {
			return
		}
	}
}

func TestUnknownEventsAreToldOnceAndFree(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	for range 50 {
		p.send("dance", "x")
	}
	long := strings.Repeat("é", 5000)
	p.send(long, "x")
	for i := range 500 {
		p.send(fmt.Sprint("unknown ", i), "x")
	}
	p.send("chat", "end")
	n := 0
	for {
		m := p.next()
		if m.Event == types.EventChat {
			break
		}
		n++
		if e := decodeAs[types.ProtocolError](t, m); e.Code != types.CodeUnknownEvent || len(e.Event) > 64 {
			t.Errorf("%+v", e)
		}
	}
	if n != maxUnknown {
		t.Errorf("%d errors for 502 names, want %d", n, maxUnknown)
	}
}

func TestTenMistakes(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	for range 9 {
		p.raw("x")
	}
	for range 9 {
		if code := p.refusal(); code != types.CodeBadJSON {
			t.Errorf("code %s", code)
		}
	}
	p.send("chat", "nine are fine")
	p.await(types.EventChat)
	p.raw("x")
	if code := p.refusal(); code != types.CodeBadJSON { // queued before the close
		t.Errorf("code %s", code)
	}
	p.ends(1008, "too many errors")
}

func TestMistakesCount(t *testing.T) {
	var m mistakes
	start := time.Now()
	for i := range 9 {
		if m.add(start.Add(time.Duration(i) * time.Second)) {
			t.Fatalf("closed at %d", i+1)
		}
	}
	if m.add(start.Add(60 * time.Second)) {
		t.Error("ten in 60 s are not within 60 s")
	}
	if !m.add(start.Add(60*time.Second + time.Millisecond)) {
		t.Error("ten in 59 s are fine")
	}
}

// Errors that media finds late count like the others; news do not.
func TestLateErrorsCount(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	report := s.media.peer(0).config.Errors
	for range 100 {
		report(types.Errorf(types.CodeInternal, "x"))
		report(types.Errorf(types.CodeMediaNotReached, "x"))
		report(types.Errorf(types.CodeServerBusy, "x"))
	}
	for range 9 {
		report(types.Errorf(types.CodeBadCandidate, "x"))
	}
	p.send("chat", "here")
	p.await(types.EventChat)
	report(types.Errorf(types.CodeBadSDP, "x"))
	p.ends(1008, "too many errors")
}

// An answer that nobody awaits, and one at the wrong moment, are errors of one
// client and nothing else.
func TestAnswerBeforeOffer(t *testing.T) {
	s := serve(t, nil)
	s.media.answer = func(*mediaPeer, types.SessionDescription, uint64) *types.ProtocolError {
		return types.Errorf(types.CodeUnexpected, "no offer was waiting for an answer")
	}
	p := s.dial("")
	p.send("answer", types.SessionDescription{Type: "answer", SDP: "v=0"})
	if code := p.refusal(); code != types.CodeUnexpected {
		t.Errorf("code %s", code)
	}
	p.send("chat", "here")
	p.await(types.EventChat)
}

// A panic while a message is handled costs its sender alone.
func TestPanicInHandler(t *testing.T) {
	s := serve(t, nil)
	s.media.answer = func(p *mediaPeer, sdp types.SessionDescription, _ uint64) *types.ProtocolError {
		if sdp.SDP == "boom" {
			panic("boom")
		}
		return nil
	}
	other := s.dial("protocol=1")
	other.await(types.EventOffer)
	before := recovery.Panics()
	p := s.dial("protocol=1&username=Bad")
	p.send("answer", types.SessionDescription{Type: "answer", SDP: "boom"})
	p.ends(1011, "internal")
	if left := decodeAs[types.PeerLeft](t, other.await(types.EventPeerLeft)); left.Reason != types.LeaveError || left.Username != "Bad" {
		t.Errorf("%+v", left)
	}
	if got := recovery.Panics() - before; got != 1 {
		t.Errorf("%d panics counted", got)
	}
	other.send("chat", "here")
	other.await(types.EventChat)
	s.dial("").await(types.EventOffer)
}

// T14: any events in any order do not end the server nor the room of others.
func TestRandomEvents(t *testing.T) {
	s := serve(t, nil)
	other := s.dial("protocol=1")
	other.await(types.EventOffer)
	frames := []string{
		`{"event":"answer","data":"{\"type\":\"answer\",\"sdp\":\"v=0\"}"}`,
		`{"event":"candidate","data":"{\"candidate\":\"x\"}"}`,
		`{"event":"chat","data":"x"}`,
		`{"event":"state","data":"{\"hand\":true,\"username\":\"Eve\"}"}`,
		`{"event":"state","data":"{\"peer_id\":\"p_someone\",\"room\":\"other\",\"hand\":false}"}`,
		`{"event":"restart"}`,
		`{"event":"publish","data":"{\"source\":\"screen\"}"}`,
		`{"event":"chat","data":"x","from":"p_someone","username":"Forged","id":"1"}`,
	}
	for _, bad := range badMessages {
		frames = append(frames, bad.frame)
	}
	for i := range 40 {
		p := s.dial("username=Random&protocol=" + fmt.Sprint(i%2))
		for range 250 {
			if err := p.WriteMessage(websocket.TextMessage, []byte(frames[rand.IntN(len(frames))])); err != nil {
				break
			}
		}
		_ = p.Close()
	}
	other.send("chat", "end")
	for {
		m := other.await(types.EventChat)
		if m.Username == "Forged" || m.From == "p_someone" || m.ID == "1" {
			t.Errorf("T23: forged %+v", m)
		}
		if m.Data == "end" {
			return
		}
	}
}

// T15: 60 KiB of brackets cost one scan, at both levels of JSON.
func TestDeepJSON(t *testing.T) {
	s := serve(t, nil)
	deep := strings.Repeat("[", 60<<10)
	escaped := strings.Repeat(`{\"a\":`, 7000)
	for frame, code := range map[string]types.ErrorCode{
		deep:                                             types.CodeBadJSON,
		strings.Repeat(`{"event":`, 6000):                types.CodeBadJSON,
		`{"event":"x","y":` + deep:                       types.CodeBadJSON,
		`{"event":"view","data":"` + deep + `"}`:         types.CodeBadMessage,
		`{"event":"candidate","data":"` + escaped + `"}`: types.CodeBadMessage,
	} {
		p := s.dial("")
		p.await(types.EventOffer)
		start := time.Now()
		p.raw(frame)
		if got := p.refusal(); got != code {
			t.Errorf("%.30s: %s, want %s", frame, got, code)
		}
		if took := time.Since(start); took > 50*time.Millisecond*raceFactor {
			t.Errorf("%.30s took %v", frame, took)
		}
	}
}

// raceFactor allows for the race detector and for machines shared with others.
const raceFactor = 10

func FuzzDecode(f *testing.F) {
	for _, bad := range badMessages {
		f.Add([]byte(bad.frame))
	}
	f.Add([]byte(`{"event":"answer","offer_id":1,"data":"{\"type\":\"answer\",\"sdp\":\"v=0\"}"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := decode(text)
		if err != nil {
			if err.Code != types.CodeBadJSON || !reflect.DeepEqual(m, message{}) {
				t.Fatalf("%+v, %v", m, err)
			}
			return
		}
		if m.Event == "" || len(truncate(m.Event)) > 64 {
			t.Fatalf("%+v", m)
		}
		if _, err := decodeData[types.SessionDescription](m); err != nil && err.Code != types.CodeBadMessage {
			t.Fatal(err)
		}
		_, _ = decodeData[types.Candidate](m)
		_, _ = decodeData[types.View](m)
		_, _ = decodeData[types.StateUpdate](m)
		_, _ = decodeData[types.Publish](m)
		_, _ = decodeData[types.File](m)
	})
}
