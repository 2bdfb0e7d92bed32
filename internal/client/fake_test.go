package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeServer speaks the protocol to one client at a time and sends the client's
// own media back to it: enough to try the client against, far from a server.
type fakeServer struct {
	t    *testing.T
	http *httptest.Server
	api  *webrtc.API

	received sync.Map // rid or kind -> *atomic.Int64 of packets
	stamps   sync.Map // layer index -> last Stamp
	levels   atomic.Int64

	deaf     atomic.Bool   // reads and answers nothing
	restarts atomic.Int64  // restart events that came
	resumes  bool          // a token brings the one session back
	joins    atomic.Int64  // sockets without a token
	hold     chan struct{} // until it is closed nobody is welcomed; nil: at once
	kept     *fakeSession
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	api, err := newAPI(Options{}, newRepairs())
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{t: t, api: api}
	f.http = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.http.Close)
	return f
}

func (f *fakeServer) packets(key string) int64 {
	if n, ok := f.received.Load(key); ok {
		return n.(*atomic.Int64).Load()
	}
	return 0
}

func (f *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("room") == "full" {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": types.Errorf(types.CodeRoomFull, "the room is full")})
		return
	}
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	if f.resumes && r.URL.Query().Get("resume") == "token" && r.URL.Query().Get("media") == "keep" {
		f.kept.comesBack(ws)
		return
	}
	f.joins.Add(1)
	pc, err := f.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		f.t.Error(err)
		return
	}
	s := &fakeSession{f: f, ws: ws, pc: pc, extended: r.URL.Query().Get("protocol") == "1"}
	end := func() {
		_ = pc.GracefulClose()
		s.wg.Wait()
	}
	if f.resumes {
		f.kept = s
		f.t.Cleanup(end)
	} else {
		defer end()
	}
	defer func() { _ = ws.Close() }()
	s.run()
}

type fakeSession struct {
	f        *fakeServer
	ws       *websocket.Conn
	pc       *webrtc.PeerConnection
	extended bool
	offers   uint64
	wg       sync.WaitGroup
	echoed   bool

	mu sync.Mutex // serialises writes to ws and negotiation
}

func (s *fakeSession) send(m types.Message) {
	_ = s.ws.WriteJSON(m)
}

func (s *fakeSession) run() {
	if s.f.hold != nil {
		<-s.f.hold
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := s.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			s.f.t.Error(err)
			return
		}
	}
	s.pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) { s.track(remote, receiver) })
	s.mu.Lock()
	if s.extended {
		s.send(types.NewMessage(types.EventWelcome, types.Welcome{
			Protocol: 1, PeerID: "p_1", Resume: types.Resume{Token: "token", WindowSeconds: 30},
		}))
		s.send(types.NewMessage(types.EventTracks, types.Tracks{Publish: []types.PublishSlot{
			{MID: "0", Kind: types.KindAudio, Source: types.SourceMicrophone},
			{MID: "1", Kind: types.KindVideo, Source: types.SourceCamera, RIDs: []string{"q", "h", "f"}},
		}}))
	}
	s.offer()
	s.mu.Unlock()
	s.read(s.ws)
}

func (s *fakeSession) read(ws *websocket.Conn) {
	for {
		var m types.Message
		if err := ws.ReadJSON(&m); err != nil {
			return
		}
		if !s.f.deaf.Load() {
			s.handle(m)
		}
	}
}

// comesBack goes on with the session over another socket.
func (s *fakeSession) comesBack(ws *websocket.Conn) {
	s.f.deaf.Store(false)
	s.mu.Lock()
	_ = s.ws.Close()
	s.ws = ws
	s.send(types.NewMessage(types.EventWelcome, types.Welcome{
		Protocol: 1, PeerID: "p_1", Resume: types.Resume{Token: "token", WindowSeconds: 30}, Resumed: true,
	}))
	s.mu.Unlock()
	defer func() { _ = ws.Close() }()
	s.read(ws)
}

func (s *fakeSession) handle(m types.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Event {
	case types.EventChat:
		m.ID, m.Message = "1", m.Data
		s.send(m)
	case types.EventPing:
		s.send(types.Message{Event: types.EventPong, Data: m.Data})
	case types.EventRestart:
		s.f.restarts.Add(1)
	case types.EventLeave:
		text := websocket.FormatCloseMessage(4009, "")
		_ = s.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
	case types.EventCandidate:
		var c webrtc.ICECandidateInit
		if err := json.Unmarshal([]byte(m.Data), &c); err != nil {
			s.f.t.Error(err)
		}
		if s.pc.RemoteDescription() != nil {
			_ = s.pc.AddICECandidate(c)
		}
	case types.EventAnswer:
		var answer webrtc.SessionDescription
		if err := json.Unmarshal([]byte(m.Data), &answer); err != nil {
			s.f.t.Error(err)
		}
		if s.extended && m.OfferID != s.offers {
			s.f.t.Errorf("answer to offer %d, want %d", m.OfferID, s.offers)
		}
		if err := s.pc.SetRemoteDescription(answer); err != nil {
			s.f.t.Error(err)
		}
	}
}

// offer sends an offer with all candidates inside, and with the layers of
// simulcast to an extended client.
func (s *fakeSession) offer() {
	offer, err := s.pc.CreateOffer(nil)
	if err != nil {
		s.f.t.Error(err)
		return
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(offer); err != nil {
		s.f.t.Error(err)
		return
	}
	<-gathered
	text := s.pc.LocalDescription().SDP
	if s.extended && !strings.Contains(text, "a=simulcast") {
		i := strings.Index(text, "a=recvonly\r\n")
		i += strings.Index(text[i+1:], "a=recvonly\r\n") + 1
		text = text[:i] + "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n" + text[i:]
	}
	s.offers++
	m := types.NewMessage(types.EventOffer, types.SessionDescription{Type: "offer", SDP: text})
	m.OfferID = s.offers
	s.send(m)
}

// track counts what a layer brings and echoes the first video of a session.
func (s *fakeSession) track(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	key := remote.RID()
	if key == "" {
		key = remote.Kind().String()
	}
	count := &atomic.Int64{}
	s.f.received.Store(key, count)
	var echo *webrtc.TrackLocalStaticRTP
	s.mu.Lock()
	if remote.Kind() == webrtc.RTPCodecTypeVideo && !s.echoed {
		s.echoed = true
		echo, _ = webrtc.NewTrackLocalStaticRTP(remote.Codec().RTPCodecCapability, "echo", "someone")
		transceiver, err := s.pc.AddTransceiverFromTrack(echo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			s.f.t.Error(err)
			return
		}
		s.wg.Go(func() { // the NACK responder works inside this read
			for {
				if _, _, err := transceiver.Sender().ReadRTCP(); err != nil {
					return
				}
			}
		})
		s.offer()
	}
	s.mu.Unlock()
	_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(remote.SSRC())}})
	for {
		p, _, err := remote.ReadRTP()
		if err != nil {
			return
		}
		count.Add(1)
		if stamp, ok := FindStamp(p.Payload); ok {
			s.f.stamps.Store(stamp.Layer, stamp)
		}
		if key == "audio" && s.hasLevel(p, receiver) {
			s.f.levels.Add(1)
		}
		if echo != nil {
			_ = echo.WriteRTP(p)
		}
	}
}

func (s *fakeSession) hasLevel(p *rtp.Packet, receiver *webrtc.RTPReceiver) bool {
	extensions := receiver.GetParameters().HeaderExtensions
	i := slices.IndexFunc(extensions, func(e webrtc.RTPHeaderExtensionParameter) bool { return e.URI == sdp.AudioLevelURI })
	if i < 0 {
		return false
	}
	var level rtp.AudioLevelExtension
	return level.Unmarshal(p.GetExtension(uint8(extensions[i].ID))) == nil && level.Level == 30 && level.Voice
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func waitFor(t *testing.T, c *Client, what string, condition func(*State) bool) {
	t.Helper()
	if err := c.WaitFor(testContext(t), what, condition); err != nil {
		t.Fatal(err)
	}
}
