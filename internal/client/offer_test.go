package client

import (
	"testing"
	"time"

	"aq-server/internal/types"
)

// TestOwnOffer has one client offer to another one, who answers as clients do.
func TestOwnOffer(t *testing.T) {
	var sender, receiver *Client
	camera := Camera()
	camera.KeyframeEvery = 200 * time.Millisecond
	made := make(chan struct{})
	sender, err := NewLocal(Options{Protocol: 1, Publish: []PublishOptions{camera, Microphone()}}, func(m types.Message) error {
		<-made
		m.OfferID = 1
		receiver.Deliver(m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	receiver, err = NewLocal(Options{Protocol: 1}, func(m types.Message) error {
		sender.Deliver(m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(receiver.Close)
	close(made)

	sender.Offer()
	waitFor(t, receiver, "both tracks", func(s *State) bool {
		return s.From(sender.Tag(), types.KindVideo).Keyframes > 0 && s.From(sender.Tag(), types.KindAudio).Packets > 10
	})
	if times := sender.Times(); times.Answer.IsZero() || times.Connected.Before(times.Answer) {
		t.Errorf("times %+v", times)
	}
	if n := sender.Publication(types.SourceCamera).Sent(); n == 0 {
		t.Error("nothing was counted as sent")
	}
	for _, c := range []*Client{sender, receiver} {
		c.View(func(s *State) {
			if len(s.Failures) > 0 || s.Connections != 1 {
				t.Errorf("%d PeerConnections, failures %v", s.Connections, s.Failures)
			}
		})
	}
}

func TestAnswerToNothing(t *testing.T) {
	c, err := NewLocal(Options{Protocol: 1}, func(types.Message) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.Deliver(types.Message{Event: types.EventAnswer, Data: `{"type":"answer","sdp":""}`})
	waitFor(t, c, "the failure", func(s *State) bool { return len(s.Failures) == 1 })
}
