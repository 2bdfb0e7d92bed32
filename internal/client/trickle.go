package client

import (
	"sync"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// trickle sends the candidates of one PeerConnection as they are found, but while
// an answer is being made not before it is opened: pion may find the first before
// the answer is written, also those of an ICE restart.
type trickle struct {
	c *Client

	mu      sync.Mutex
	opened  bool
	waiting []webrtc.ICECandidateInit
}

// found is called by pion, for one candidate after the other.
func (t *trickle) found(candidate webrtc.ICECandidateInit) {
	t.mu.Lock()
	if !t.opened {
		t.waiting = append(t.waiting, candidate)
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	t.send(candidate)
}

func (t *trickle) hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened = false
}

func (t *trickle) open() {
	t.mu.Lock()
	t.opened = true
	waiting := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	for _, candidate := range waiting {
		t.send(candidate)
	}
}

// send ignores that the socket may be gone: its reader tells that.
func (t *trickle) send(candidate webrtc.ICECandidateInit) {
	_ = t.c.Send(types.NewMessage(types.EventCandidate, candidate))
}
