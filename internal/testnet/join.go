package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/metrics"
	"aq-server/internal/sfu"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// mediaPort is the server's, on the simulated network.
const mediaPort = 5000

// API returns the server's PeerConnection factory on this network.
func (n *Net) API(lite bool) *webrtcapi.API {
	n.t.Helper()
	api, err := webrtcapi.New(webrtcapi.Options{MediaPort: mediaPort, Net: n.Server(), ICE: iceMode(lite)})
	if err != nil {
		n.t.Fatalf("testnet: %v", err)
	}
	n.t.Cleanup(func() {
		if err := api.Close(); err != nil {
			n.t.Errorf("testnet: %v", err)
		}
	})
	return api
}

func iceMode(lite bool) webrtcapi.ICEMode {
	if lite {
		return webrtcapi.ICELite
	}
	return webrtcapi.ICEFull
}

// Session makes a session on this network. What opts leaves out gets the
// values of a usual server.
func (n *Net) Session(opts sfu.Options) *sfu.Session {
	n.t.Helper()
	if opts.API == nil {
		opts.API = n.API(true)
	}
	if opts.Metrics == nil {
		opts.Metrics = metrics.New()
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Pool == nil {
		opts.Pool = packet.NewPool()
	}
	if opts.KeyframeInterval == 0 {
		opts.KeyframeInterval = 3 * time.Second
	}
	if opts.VideoSlots == 0 {
		opts.VideoSlots = 25
	}
	if opts.AudioSlots == 0 {
		opts.AudioSlots = 5
	}
	if opts.AnswerTimeout == 0 {
		opts.AnswerTimeout = 30 * time.Second
	}
	s := sfu.NewSession(opts, "room")
	n.t.Cleanup(s.Close)
	return s
}

// Peer is one participant: the client, its way to the server and the server's
// side of it.
type Peer struct {
	*client.Client
	Link *Link
	// Server is the peer inside the session, Info its identity.
	Server *sfu.Peer
	Info   types.Peer

	n       *Net
	session *sfu.Session

	ready    chan struct{} // closed when Server is set
	offline  atomic.Bool
	slow     atomic.Int64 // nanoseconds
	silences atomic.Int64
}

// A JoinOption shapes one peer's client.
type JoinOption func(*client.Options)

// State is what a client has seen, for Wait.
type State = client.State

// Camera and Microphone are what most clients publish, for Publishing.
func Camera() client.PublishOptions     { return client.Camera() }
func Microphone() client.PublishOptions { return client.Microphone() }

// Base makes a client that speaks the base protocol only. The others speak the
// extensions.
func Base() JoinOption { return func(o *client.Options) { o.Protocol = 0 } }

// Publishing gives a client these tracks from its first answer on, which is the
// only way for a base client.
func Publishing(tracks ...client.PublishOptions) JoinOption {
	return func(o *client.Options) { o.Publish = tracks }
}

// Join adds a client to the session and returns at once; see WaitConnected. The
// peer leaves at the end of the test, or by Leave.
func (n *Net) Join(session *sfu.Session, name string, opts ...JoinOption) *Peer {
	n.t.Helper()
	p := &Peer{n: n, session: session, Link: n.NewLink(), ready: make(chan struct{})}
	options := client.Options{Username: name, Protocol: 1, Net: p.Link.Net(), Interfaces: Interfaces}
	for _, option := range opts {
		option(&options)
	}
	c, err := client.NewLocal(options, p.fromClient)
	if err != nil {
		n.t.Fatalf("testnet: %v", err)
	}
	p.Client = c
	p.Info = types.Peer{
		ID: types.PeerID("p_" + name), Room: "room", Username: name, Protocol: options.Protocol, JoinedAt: time.Now(),
	}
	p.Server = session.AddPeerConnection(sfu.PeerConfig{
		Peer: p.Info, Permissions: types.Permissions{Publish: types.Sources(), Subscribe: true},
		Signaller: p.signaller(), Observer: observer{p},
	})
	close(p.ready)
	n.t.Cleanup(p.Leave)
	return p
}

// Offline takes the client's network away, signalling included, and gives it
// back. What is said meanwhile is lost.
func (p *Peer) Offline(offline bool) {
	p.offline.Store(offline)
	p.Link.Cut(offline)
}

// SocketLost takes the signalling away, or gives it back, while media flows on.
func (p *Peer) SocketLost(lost bool) { p.offline.Store(lost) }

// SlowAnswers delays the client's answers on their way to the server.
func (p *Peer) SlowAnswers(d time.Duration) { p.slow.Store(int64(d)) }

// Silences counts how often the server found the client silent.
func (p *Peer) Silences() int64 { return p.silences.Load() }

// Resume is what the room does when the client is back on another socket.
func (p *Peer) Resume() { p.Server.Resume(p.signaller(), true) }

func (p *Peer) signaller() types.Signaller { return signaller{p} }

// signaller hands the server's messages to the client, but none before the
// client's way back exists.
type signaller struct{ p *Peer }

func (s signaller) Send(m types.Message) error {
	<-s.p.ready
	if !s.p.offline.Load() {
		s.p.Deliver(m)
	}
	return nil
}

// Attached is what a member without a socket says (sfu.attachable).
func (s signaller) Attached() bool { return !s.p.offline.Load() }

// observer does what the room and the handlers do: a client who has fallen
// silent is asked on his socket, and answers if he has a network.
type observer struct{ p *Peer }

func (o observer) Publishing(bool, bool) {}
func (o observer) Failed(error)          {}

func (o observer) Silent(silent bool) {
	if !silent {
		return
	}
	o.p.silences.Add(1)
	if !o.p.offline.Load() {
		o.p.Server.Nudge()
	}
}

// fromClient does what the handlers do with a client's message.
func (p *Peer) fromClient(m types.Message) error {
	if p.offline.Load() {
		return client.ErrClosed
	}
	p.Server.Nudge()
	var fault *types.ProtocolError
	var err error
	switch m.Event {
	case types.EventAnswer:
		time.Sleep(time.Duration(p.slow.Load()))
		var d types.SessionDescription
		err = json.Unmarshal([]byte(m.Data), &d)
		fault = p.Server.HandleAnswer(d, m.OfferID)
	case types.EventCandidate:
		var c types.Candidate
		err = json.Unmarshal([]byte(m.Data), &c)
		fault = p.Server.HandleCandidate(c)
	case types.EventPublish:
		var v types.Publish
		err = json.Unmarshal([]byte(m.Data), &v)
		fault = p.Server.Publish(v)
	case types.EventUnpublish:
		var v types.Publish
		err = json.Unmarshal([]byte(m.Data), &v)
		fault = p.Server.Unpublish(v)
	case types.EventView:
		var v types.View
		err = json.Unmarshal([]byte(m.Data), &v)
		fault = p.Server.View(v)
	case types.EventFile:
		var v types.File
		err = json.Unmarshal([]byte(m.Data), &v)
		v.From = p.Info.ID // which the room does
		fault = p.Server.File(v)
	case types.EventRestart:
		p.Server.Restart()
	default:
		return fmt.Errorf("testnet: the media plane takes no %s", m.Event)
	}
	if err == nil && fault != nil {
		err = fault
	}
	return err
}

// Leave takes the peer out of the session and closes its client.
func (p *Peer) Leave() {
	p.session.RemovePeerConnection(p.Server)
	<-p.Server.Done()
	p.Close()
}

// SendVP8 publishes a camera with that many frames a second.
func (p *Peer) SendVP8(fps int) *Peer {
	return p.Send(client.PublishOptions{Source: types.SourceCamera, FPS: fps})
}

// SendOpus publishes a voice.
func (p *Peer) SendOpus() *Peer { return p.Send(client.Microphone()) }

// Send publishes a track of any sort.
func (p *Peer) Send(o client.PublishOptions) *Peer {
	p.n.t.Helper()
	if _, err := p.Publish(o); err != nil {
		p.n.t.Fatalf("testnet: %s publishes %s: %v", p.Info.Username, o.Source, err)
	}
	return p
}

// Wait fails the test when the condition does not hold within the time.
func (p *Peer) Wait(what string, within time.Duration, condition func(*client.State) bool) {
	p.n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := p.WaitFor(ctx, what, condition); err != nil {
		p.n.t.Fatalf("testnet: %v", err)
	}
}

// WaitConnected waits for ICE and DTLS.
func (p *Peer) WaitConnected(within time.Duration) {
	p.n.t.Helper()
	p.Wait("the connection", within, func(s *client.State) bool {
		return s.ConnectionState == webrtc.PeerConnectionStateConnected
	})
}

// WaitKeyframe waits until a whole keyframe of the other peer's video has come.
func (p *Peer) WaitKeyframe(of *Peer, within time.Duration) {
	p.n.t.Helper()
	p.Wait("a keyframe of "+of.Info.Username, within, func(s *client.State) bool {
		return s.From(of.Tag(), types.KindVideo).Keyframes > 0
	})
}

// WaitPackets waits until that many packets of one kind have come from the
// other peer since it joined.
func (p *Peer) WaitPackets(of *Peer, kind types.Kind, packets int64, within time.Duration) {
	p.n.t.Helper()
	p.Wait(fmt.Sprintf("%d %s packets of %s", packets, kind, of.Info.Username), within, func(s *client.State) bool {
		return s.From(of.Tag(), kind).Packets >= packets
	})
}

// Lost is the number of packets missing on all streams received, so far: what
// no repair has brought.
func (p *Peer) Lost() int64 {
	var lost int64
	for _, t := range p.Media() {
		lost += t.Stats().Lost
	}
	return lost
}
