package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

// A negotiation is what the negotiate goroutine keeps; nobody else touches it.
type negotiation struct {
	c          *Client
	pc         *webrtc.PeerConnection
	iceServers []webrtc.ICEServer
	early      []webrtc.ICECandidateInit // before the remote description
	slots      []types.PublishSlot       // of the last tracks event
	attached   map[string]*Publication   // by mid, in this PeerConnection
	local      *trickle
}

// negotiate answers offers in the order in which they come. It is the only
// caller of the PeerConnection's negotiation methods, closes it, and ends with
// the client.
func (c *Client) negotiate() {
	n := &negotiation{c: c}
	// Closing beside a running SetLocalDescription would leave pion's ICE agent
	// behind: only this goroutine closes what it negotiates.
	defer n.giveUp()
	for {
		select {
		case <-c.inbox.wake:
		case <-c.ctx.Done():
			return
		}
		for _, v := range c.inbox.take() {
			if c.ctx.Err() != nil {
				return
			}
			if err := n.handle(v); err != nil {
				c.fail(err)
			}
		}
	}
}

func (n *negotiation) handle(v any) error {
	m, ok := v.(types.Message)
	if !ok {
		if _, own := v.(offerOwn); own {
			return n.makeOffer()
		}
		n.giveUp() // drop
		return nil
	}
	switch m.Event {
	case types.EventWelcome:
		var w types.Welcome
		if err := json.Unmarshal([]byte(m.Data), &w); err != nil {
			return err
		}
		n.iceServers = nil
		for _, s := range w.ICEServers {
			n.iceServers = append(n.iceServers, webrtc.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
		}
	case types.EventTracks:
		var t types.Tracks
		if err := json.Unmarshal([]byte(m.Data), &t); err != nil {
			return err
		}
		n.slots = t.Publish
		if n.pc != nil && n.pc.RemoteDescription() != nil {
			return n.attach()
		}
	case types.EventLayers:
		var l types.Layers
		if err := json.Unmarshal([]byte(m.Data), &l); err != nil {
			return err
		}
		if n.c.opts.ObeyLayers {
			n.obey(l)
		}
	case types.EventCandidate:
		return n.candidate(m)
	case types.EventOffer:
		return n.offer(m)
	case types.EventAnswer:
		return n.answered(m)
	}
	return nil
}

func (n *negotiation) candidate(m types.Message) error {
	var init webrtc.ICECandidateInit
	if err := json.Unmarshal([]byte(m.Data), &init); err != nil {
		return fmt.Errorf("client: candidate: %w", err)
	}
	if n.pc == nil || n.pc.RemoteDescription() == nil {
		n.early = append(n.early, init)
		return nil
	}
	return n.pc.AddICECandidate(init)
}

// offer applies an offer and answers it.
func (n *negotiation) offer(m types.Message) error {
	c := n.c
	if c.opts.SocketOnly {
		return nil
	}
	if c.opts.HoldAnswer != nil && !c.opts.HoldAnswer(c.ctx, m.OfferID) {
		return nil
	}
	var offer webrtc.SessionDescription
	if err := json.Unmarshal([]byte(m.Data), &offer); err != nil {
		return fmt.Errorf("client: offer: %w", err)
	}
	if m.OfferID == 1 {
		n.giveUp() // the first offer of a session is for a new PeerConnection
	}
	if n.pc == nil {
		if err := n.connect(); err != nil {
			return err
		}
		if err := n.addTracks(); err != nil {
			return err
		}
	}
	n.local.hold()
	if err := n.pc.SetRemoteDescription(offer); err != nil {
		return fmt.Errorf("client: offer %d: %w", m.OfferID, err)
	}
	if err := n.addEarly(); err != nil {
		return err
	}
	if err := n.attach(); err != nil {
		return err
	}
	answer, err := n.pc.CreateAnswer(nil)
	if err != nil {
		return fmt.Errorf("client: answer to %d: %w", m.OfferID, err)
	}
	gathered := webrtc.GatheringCompletePromise(n.pc)
	if err := n.pc.SetLocalDescription(answer); err != nil {
		return fmt.Errorf("client: answer to %d: %w", m.OfferID, err)
	}
	if c.opts.CandidatesFirst {
		n.local.open()
		select {
		case <-gathered:
		case <-c.ctx.Done():
			return nil
		}
	}
	if c.opts.AlterAnswer != nil {
		answer.SDP = c.opts.AlterAnswer(answer.SDP)
	}
	reply := types.NewMessage(types.EventAnswer, answer)
	if c.opts.Protocol != 0 {
		reply.OfferID = m.OfferID
	}
	if err := c.Send(reply); err != nil {
		return nil // the reader sees the loss of the socket and tells it
	}
	c.update(func(s *State) {
		s.Answers++
		if s.Times.Answer.IsZero() {
			s.Times.Answer = time.Now()
		}
	})
	n.local.open()
	n.negotiated()
	return nil
}

// addEarly adds the candidates that came before the remote description.
func (n *negotiation) addEarly() error {
	for _, early := range n.early {
		if err := n.pc.AddICECandidate(early); err != nil {
			return fmt.Errorf("client: candidate: %w", err)
		}
	}
	n.early = nil
	return nil
}

// negotiated tells the publications what both sides now agree on.
func (n *negotiation) negotiated() {
	for mid, p := range n.attached {
		p.negotiated(mid, n.c.repairs)
		if n.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
			p.run(n.c) // published in the middle of the call
		}
	}
}

// connect makes the PeerConnection.
func (n *negotiation) connect() error {
	c := n.c
	pc, err := c.api.NewPeerConnection(webrtc.Configuration{ICEServers: n.iceServers})
	if err != nil {
		return fmt.Errorf("client: PeerConnection: %w", err)
	}
	local := &trickle{c: c}
	pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		defer recovery.RecoverWithPrefix("client candidate")
		if candidate != nil {
			local.found(candidate.ToJSON())
		}
	})
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		defer recovery.RecoverWithPrefix("client ICE state")
		if state == webrtc.ICEConnectionStateConnected {
			c.update(func(s *State) { s.Times.ICE = earliest(s.Times.ICE, time.Now()) })
		}
	})
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		defer recovery.RecoverWithPrefix("client connection state")
		c.connectionState(pc, state)
	})
	pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		defer recovery.RecoverWithPrefix("client data channel")
		c.useChannel(dc)
	})
	if !c.opts.Light {
		pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
			defer recovery.RecoverWithPrefix("client track")
			c.remote(pc, remote, receiver)
		})
	}
	c.update(func(s *State) {
		c.pc = pc
		s.Connections++
		s.ConnectionState = webrtc.PeerConnectionStateNew
		s.Times.ICE, s.Times.Connected = time.Time{}, time.Time{}
		s.Times.FirstRTP, s.Times.FirstKeyframe = time.Time{}, time.Time{}
	})
	n.pc, n.local, n.attached = pc, local, make(map[string]*Publication)
	return nil
}

// addTracks adds those of a base client at once, as a page does that calls addTrack
// before setRemoteDescription.
func (n *negotiation) addTracks() error {
	c := n.c
	if c.opts.Protocol != 0 {
		return nil
	}
	for _, p := range c.publicationList() {
		layers, err := p.newLayers(nil)
		if err != nil {
			return err
		}
		sender, err := n.pc.AddTrack(layers[0].track)
		if err != nil {
			return fmt.Errorf("client: add %s: %w", p.opts.Source, err)
		}
		n.attached[string(p.opts.Source)] = p
		p.use(c, sender, layers)
	}
	return nil
}

// attach gives the m-lines that await tracks theirs, as the page does with
// replaceTrack.
func (n *negotiation) attach() error {
	if n.c.opts.Protocol == 0 {
		return nil
	}
	for _, slot := range n.slots {
		p := n.c.Publication(slot.Source)
		if p == nil || n.attached[slot.MID] != nil {
			continue
		}
		i := slices.IndexFunc(n.pc.GetTransceivers(), func(t *webrtc.RTPTransceiver) bool { return t.Mid() == slot.MID })
		if i < 0 {
			continue // its offer is still to come
		}
		transceiver := n.pc.GetTransceivers()[i]
		layers, err := p.newLayers(slot.RIDs)
		if err != nil {
			return err
		}
		sender, err := n.send(transceiver, layers[0].track)
		if err != nil {
			return fmt.Errorf("client: send %s: %w", slot.Source, err)
		}
		for _, l := range layers[1:] {
			if err := sender.AddEncoding(l.track); err != nil {
				return fmt.Errorf("client: layer %s of %s: %w", l.rid, slot.Source, err)
			}
		}
		n.attached[slot.MID] = p
		p.use(n.c, sender, layers)
	}
	return nil
}

// send gives a transceiver that the offer made a sender for the track. Only the
// PeerConnection itself makes senders with the negotiated parameters and with
// interceptors, and AddTrack chooses the transceiver by itself; so the sender is
// made with a transceiver of its own and moved. What is left of that is
// inactive and never negotiated.
func (n *negotiation) send(to *webrtc.RTPTransceiver, track webrtc.TrackLocal) (*webrtc.RTPSender, error) {
	maker, err := n.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		return nil, err
	}
	sender := maker.Sender()
	none, err := n.c.api.NewRTPSender(track, sender.Transport())
	if err != nil {
		return nil, err
	}
	if err := maker.SetSender(none, nil); err != nil {
		return nil, err
	}
	return sender, to.SetSender(sender, track)
}

// obey turns layers on and off as the server asks.
func (n *negotiation) obey(l types.Layers) {
	for _, demand := range l.Tracks {
		if p := n.attached[demand.MID]; p != nil && demand.RIDs != nil {
			p.setActive(demand.RIDs)
		}
	}
}

// giveUp closes the PeerConnection; the next offer makes a new one.
func (n *negotiation) giveUp() {
	if n.pc == nil {
		return
	}
	_ = n.pc.GracefulClose()
	n.pc, n.attached, n.early = nil, nil, nil
	n.c.mu.Lock()
	n.c.pc = nil
	n.c.mu.Unlock()
}

func (c *Client) publicationList() []*Publication {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.publications)
}

func (c *Client) connectionState(pc *webrtc.PeerConnection, state webrtc.PeerConnectionState) {
	current := false
	c.update(func(s *State) {
		if current = c.pc == pc; !current {
			return
		}
		s.ConnectionState = state
		if state == webrtc.PeerConnectionStateConnected {
			s.Times.Connected = earliest(s.Times.Connected, time.Now())
		}
	})
	if current && state == webrtc.PeerConnectionStateConnected {
		for _, p := range c.publicationList() {
			p.run(c)
		}
	}
}
