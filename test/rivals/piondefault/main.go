// Command piondefault is a selective forwarding unit as most people write their
// first one with pion: a TrackLocalStaticRTP for each track, the default codecs
// and interceptors, a socket for each PeerConnection. It speaks the base protocol
// (docs/protocol.md), so that cmd/aqload can load it like our server, beside it,
// on the same machine (docs/performance.md). It is one room, and no more than what
// the comparison needs.
package main

import (
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8081", "address of the WebSocket")
	flag.Parse()
	r := &room{tracks: map[string]*webrtc.TrackLocalStaticRTP{}}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"ok"}`)) })
	http.HandleFunc("/aq_server/websocket", r.serve)
	server := http.Server{Addr: *address, ReadHeaderTimeout: 10 * time.Second}
	slog.Error("ended", "err", server.ListenAndServe())
	os.Exit(1)
}

// room is everybody.
type room struct {
	mu     sync.Mutex
	peers  []*peer
	tracks map[string]*webrtc.TrackLocalStaticRTP
}

type peer struct {
	pc *webrtc.PeerConnection

	mu sync.Mutex // of writes
	ws *websocket.Conn
}

type message struct {
	Event string `json:"event"`
	Data  string `json:"data"`
}

func (p *peer) send(event string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.ws.WriteJSON(message{event, string(text)})
}

func (r *room) serve(w http.ResponseWriter, req *http.Request) {
	upgrader := websocket.Upgrader{}
	ws, err := upgrader.Upgrade(w, req, nil)
	if err != nil {
		return
	}
	defer func() { _ = ws.Close() }()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return
	}
	defer func() { _ = pc.Close() }()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return
		}
	}
	p := &peer{pc: pc, ws: ws}
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			p.send("candidate", c.ToJSON())
		}
	})
	pc.OnTrack(r.forward)
	r.mu.Lock()
	r.peers = append(r.peers, p)
	r.mu.Unlock()
	r.signal()
	r.read(p)
	r.mu.Lock()
	for i, o := range r.peers {
		if o == p {
			r.peers = append(r.peers[:i], r.peers[i+1:]...)
			break
		}
	}
	r.mu.Unlock()
	r.signal()
}

// read takes answers and candidates.
func (r *room) read(p *peer) {
	for {
		var m message
		if p.ws.ReadJSON(&m) != nil {
			return
		}
		switch m.Event {
		case "answer":
			var answer webrtc.SessionDescription
			if json.Unmarshal([]byte(m.Data), &answer) == nil && p.pc.SetRemoteDescription(answer) == nil {
				r.signal() // what came meanwhile
			}
		case "candidate":
			var candidate webrtc.ICECandidateInit
			if json.Unmarshal([]byte(m.Data), &candidate) == nil && p.pc.RemoteDescription() != nil {
				_ = p.pc.AddICECandidate(candidate)
			}
		}
	}
}

// forward copies a track to everybody.
func (r *room) forward(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	local, err := webrtc.NewTrackLocalStaticRTP(remote.Codec().RTPCodecCapability, remote.ID(), remote.StreamID())
	if err != nil {
		return
	}
	r.mu.Lock()
	r.tracks[local.ID()] = local
	r.mu.Unlock()
	r.signal()
	for {
		packet, _, err := remote.ReadRTP()
		if err != nil {
			break
		}
		packet.Extension, packet.Extensions = false, nil
		if local.WriteRTP(packet) != nil {
			break
		}
	}
	r.mu.Lock()
	delete(r.tracks, local.ID())
	r.mu.Unlock()
	r.signal()
}

// signal offers everybody what he does not have yet, and asks for keyframes.
func (r *room) signal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.peers {
		if p.pc.SignalingState() != webrtc.SignalingStateStable {
			continue // after his answer
		}
		if r.arrange(p) || p.pc.RemoteDescription() == nil {
			offer, err := p.pc.CreateOffer(nil)
			if err == nil && p.pc.SetLocalDescription(offer) == nil {
				p.send("offer", offer)
			}
		}
		for _, receiver := range p.pc.GetReceivers() {
			if track := receiver.Track(); track != nil {
				_ = p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(track.SSRC())}})
			}
		}
	}
}

// arrange adds and removes senders, and reports whether it did.
func (r *room) arrange(p *peer) (changed bool) {
	have := map[string]bool{}
	for _, sender := range p.pc.GetSenders() {
		track := sender.Track()
		if track == nil {
			continue
		}
		have[track.ID()] = true
		if r.tracks[track.ID()] == nil {
			changed = p.pc.RemoveTrack(sender) == nil || changed
		}
	}
	for _, receiver := range p.pc.GetReceivers() {
		if track := receiver.Track(); track != nil {
			have[track.ID()] = true // his own
		}
	}
	for id, track := range r.tracks {
		if have[id] {
			continue
		}
		sender, err := p.pc.AddTrack(track)
		if err != nil {
			continue
		}
		changed = true
		go func() { // ends with the sender
			for buf := make([]byte, 1500); ; {
				if _, _, err := sender.Read(buf); err != nil {
					return
				}
			}
		}()
	}
	return changed
}
