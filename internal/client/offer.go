package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// offerOwn in the inbox asks for an offer of the client's own.
type offerOwn struct{}

// Offer has a client made by NewLocal begin the negotiation itself, with an m-line
// for each track that it publishes. AQ Server always offers; others are offered to
// by whoever sends. The offer is handed to the function that NewLocal was given,
// and the answer comes back as a message of types.EventAnswer to Deliver. It is
// asked for once, and such a client is offered nothing. Offer does not block.
func (c *Client) Offer() { c.inbox.put(offerOwn{}) }

// makeOffer connects and offers.
func (n *negotiation) makeOffer() error {
	c := n.c
	if err := n.connect(); err != nil {
		return err
	}
	senders := make(map[*webrtc.RTPTransceiver]*Publication)
	for _, p := range c.publicationList() {
		layers, err := p.newLayers(nil)
		if err != nil {
			return err
		}
		transceiver, err := n.pc.AddTransceiverFromTrack(layers[0].track, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
		})
		if err != nil {
			return fmt.Errorf("client: add %s: %w", p.opts.Source, err)
		}
		senders[transceiver] = p
		p.use(c, transceiver.Sender(), layers)
	}
	offer, err := n.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("client: own offer: %w", err)
	}
	if err := n.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("client: own offer: %w", err)
	}
	for transceiver, p := range senders {
		n.attached[transceiver.Mid()] = p
	}
	if err := c.Send(types.NewMessage(types.EventOffer, offer)); err != nil {
		return nil // whoever carries the messages tells that he is gone
	}
	n.local.open()
	return nil
}

// answered applies the answer to the client's own offer.
func (n *negotiation) answered(m types.Message) error {
	var answer webrtc.SessionDescription
	if err := json.Unmarshal([]byte(m.Data), &answer); err != nil {
		return fmt.Errorf("client: answer: %w", err)
	}
	if n.pc == nil {
		return errors.New("client: an answer to no offer")
	}
	if err := n.pc.SetRemoteDescription(answer); err != nil {
		return fmt.Errorf("client: answer: %w", err)
	}
	if err := n.addEarly(); err != nil {
		return err
	}
	n.c.update(func(s *State) { s.Times.Answer = earliest(s.Times.Answer, time.Now()) })
	n.negotiated()
	return nil
}
