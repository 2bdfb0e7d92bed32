package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aq-server/internal/types"
)

// interpret decodes a message into the change of state that it means, nil for
// none.
func interpret(m types.Message, now time.Time) (func(*State), error) {
	switch m.Event {
	case types.EventOffer:
		offer, err := describe(m, now)
		return func(s *State) {
			s.Offers = append(s.Offers, offer)
			if s.Times.Offer.IsZero() {
				s.Times.Offer = now
			}
		}, err
	case types.EventChat:
		return func(s *State) {
			s.Chat = append(s.Chat, m)
			s.ChatAt = append(s.ChatAt, now)
		}, nil
	case types.EventWelcome:
		return decode(m, func(s *State, w types.Welcome) {
			s.Welcome = w
			s.Welcomes++
			s.Times.Welcome = earliest(s.Times.Welcome, now)
			if w.Resumed {
				s.Resumes++
			}
			if n := len(s.Losses); n > 0 {
				s.Losses[n-1].Resumed = w.Resumed
			}
			clear(s.Peers)
			for _, p := range w.Peers {
				s.Peers[p.PeerID] = p
			}
			for _, chat := range w.Chat {
				s.Chat = append(s.Chat, chat.Event())
				s.ChatAt = append(s.ChatAt, now)
			}
		})
	case types.EventPeerJoined:
		return decode(m, func(s *State, p types.PeerInfo) { s.Peers[p.PeerID] = p })
	case types.EventPeerUpdated:
		return decode(m, func(s *State, p types.PeerInfo) {
			s.Updates++
			if p.PeerID != s.Welcome.PeerID {
				s.Peers[p.PeerID] = p
			}
		})
	case types.EventPeerLeft:
		return decode(m, func(s *State, p types.PeerLeft) {
			delete(s.Peers, p.PeerID)
			s.Left = append(s.Left, p)
		})
	case types.EventTracks:
		return decode(m, func(s *State, t types.Tracks) { s.Tracks = t })
	case types.EventLayers:
		return decode(m, func(s *State, l types.Layers) { s.Layers = l })
	case types.EventSpeakers:
		return decode(m, func(s *State, sp types.Speakers) { s.Speakers = sp })
	case types.EventQuality:
		return decode(m, func(s *State, q types.Quality) { s.Quality = q })
	case types.EventReaction:
		return decode(m, func(s *State, r types.Reactions) { s.Reactions = append(s.Reactions, r.Reactions...) })
	case types.EventFile:
		return decode(m, func(s *State, f types.File) { s.Files = append(s.Files, f) })
	case types.EventFiles:
		return decode(m, func(s *State, f types.Files) { s.FileStates = f.Files })
	case types.EventKnock:
		return decode(m, func(s *State, k types.Knock) { s.Knock = k })
	case types.EventError:
		return decode(m, func(s *State, e types.ProtocolError) { s.Errors = append(s.Errors, e) })
	}
	return nil, nil
}

func decode[T any](m types.Message, apply func(*State, T)) (func(*State), error) {
	var v T
	if err := json.Unmarshal([]byte(m.Data), &v); err != nil {
		return nil, fmt.Errorf("client: %s: %w", m.Event, err)
	}
	return func(s *State) { apply(s, v) }, nil
}

// describe reads of an offer what tests ask for.
func describe(m types.Message, now time.Time) (Offer, error) {
	var d types.SessionDescription
	if err := json.Unmarshal([]byte(m.Data), &d); err != nil {
		return Offer{}, fmt.Errorf("client: offer: %w", err)
	}
	o := Offer{ID: m.OfferID, At: now, Bytes: len(d.SDP), SDP: d.SDP}
	for line := range strings.Lines(d.SDP) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, "m="):
			o.MLines++
			o.Active++
		case line == "a=inactive":
			o.Active--
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			o.Ufrag = strings.TrimPrefix(line, "a=ice-ufrag:")
		}
	}
	return o, nil
}

// drop in the inbox gives up the PeerConnection in use.
type drop struct{}

// inbox is the unbounded queue of the negotiation goroutine. A server that
// floods its test client is a failed test, not a danger.
type inbox struct {
	wake chan struct{} // capacity 1

	mu    sync.Mutex
	queue []any // types.Message, drop or offerOwn
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (b *inbox) put(v any) {
	b.mu.Lock()
	b.queue = append(b.queue, v)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []any {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.queue)
	b.queue = b.queue[:0]
	return all
}
