package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

// fresh is how old the last packet of a track that flows is at most: they send
// five a second.
const fresh = time.Second

// whole waits until everybody has received everybody since it was called, and
// then looks again a moment later whether that has lasted. It returns how long
// it took, and what was missing when the limit was over.
func (r *race) whole(limit time.Duration) (took time.Duration, missing string) {
	began := time.Now()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		faults := r.faults(began)
		if len(faults) == 0 {
			break
		}
		if took = time.Since(began); took > limit {
			return took, strings.Join(faults, "\n")
		}
		<-ticker.C
	}
	took = time.Since(began)
	lasting := time.NewTimer(fresh)
	defer lasting.Stop()
	<-lasting.C
	// Voices take turns at slots, so that one look may come between.
	for end := time.Now().Add(limit); ; <-ticker.C {
		faults := r.faults(time.Now().Add(-fresh))
		if len(faults) == 0 {
			return took, ""
		}
		if time.Now().After(end) {
			return took, "that were there:\n" + strings.Join(faults, "\n")
		}
	}
}

// faults lists what is not as it should be, judged by packets since a moment.
func (r *race) faults(since time.Time) []string {
	var faults []string
	for _, p := range r.people {
		if p.c == nil {
			continue
		}
		faults = append(faults, p.knows()...)
		for _, other := range r.people {
			if other.c == nil || other == p {
				continue
			}
			for _, kind := range []types.Kind{types.KindAudio, types.KindVideo} {
				if fault := p.receives(other, kind, since); fault != "" {
					faults = append(faults, fmt.Sprintf("%s (protocol %d) of %s (protocol %d): %s", p.name, p.protocol, other.name, other.protocol, fault))
				}
			}
		}
	}
	return faults
}

// knows compares the people that a client shows with those who are there.
func (p *person) knows() []string {
	var faults []string
	p.c.View(func(s *client.State) {
		if !s.Connected {
			faults = append(faults, fmt.Sprintf("%s: his socket was closed with %d %s", p.name, s.CloseCode, s.CloseReason))
		}
		for _, failure := range s.Failures {
			// An offer for a PeerConnection that the server has closed meanwhile.
			if !errors.Is(failure, webrtc.ErrConnectionClosed) {
				faults = append(faults, fmt.Sprintf("%s: %v", p.name, failure))
			}
		}
		if p.protocol == 0 {
			return
		}
		var present []string
		for _, other := range p.race.people {
			if other.c != nil && other != p {
				present = append(present, other.name)
			}
		}
		slices.Sort(present)
		if shown := s.PeerNames(); !slices.Equal(shown, present) {
			faults = append(faults, fmt.Sprintf("%s shows %v, but %v are there", p.name, shown, present))
		}
		for _, peer := range s.Peers {
			if peer.State.Connection != types.ConnectionOK {
				faults = append(faults, fmt.Sprintf("%s shows %s as %s", p.name, peer.Username, peer.State.Connection))
			}
		}
	})
	return faults
}

// receives compares what another sends of a kind with what comes of it. A client
// with slots may be without those for whom there is none.
func (p *person) receives(other *person, kind types.Kind, since time.Time) (fault string) {
	var want []types.Source
	for _, source := range other.sends() {
		if source.Kind() == kind {
			want = append(want, source)
		}
	}
	id := other.c.PeerID()
	p.c.View(func(s *client.State) {
		flowing := flowing(s, other.c.Tag(), kind, since)
		if p.protocol == 0 {
			if len(flowing) < len(want) {
				fault = fmt.Sprintf("%v are sent, m-lines %v flow", want, flowing)
			}
			return
		}
		for _, source := range want {
			if mid, ok := carries(s, id, other.name, source); ok {
				if !slices.Contains(flowing, mid) {
					fault = fmt.Sprintf("%s flows not on m-line %s but on %v", source, mid, flowing)
				}
			} else if !full(s, kind) {
				fault = fmt.Sprintf("no m-line for %s; carried %v, unassigned %v", source, s.Tracks.Tracks, s.Tracks.Unassigned)
			}
		}
	})
	return fault
}

// flowing lists the m-lines on which packets of a sender have come since.
func flowing(s *client.State, tag uint64, kind types.Kind, since time.Time) []string {
	var mids []string
	for _, track := range s.Media {
		if track.Kind == kind && track.Stats().Senders[tag].LastAt.After(since) && !slices.Contains(mids, track.MID) {
			mids = append(mids, track.MID)
		}
	}
	return mids
}

// carries returns the m-line of somebody's source. A base client does not know
// his own id: he is found by his name.
func carries(s *client.State, id types.PeerID, name string, source types.Source) (string, bool) {
	for peer, info := range s.Peers {
		if id == "" && info.Username == name {
			id = peer
		}
	}
	mapping, ok := s.TrackOf(id, source)
	return mapping.MID, ok
}

// full reports whether all slots of a kind carry something.
func full(s *client.State, kind types.Kind) bool {
	slots := config.Default()
	most, used := slots.VideoSlots, 0
	if kind == types.KindAudio {
		most = slots.AudioSlots
	}
	for _, m := range s.Tracks.Tracks {
		if m.Kind == kind {
			used++
		}
	}
	return used == most
}
