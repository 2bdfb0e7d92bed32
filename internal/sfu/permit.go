package sfu

import (
	"aq-server/internal/sfu/allocate"
	"aq-server/internal/types"
)

// permit sets the largest rank that the downlink has room for. With cut a larger
// one that is being sent stops at once; else it goes on until the keyframe of the
// smaller one has come.
func (s *slot) permit(rank int, cut bool) {
	s.mu.Lock()
	same := s.limit == rank
	s.limit = rank
	if cut && s.target != nil && s.target.rank > rank && s.source != nil {
		if next := s.source.pick(s.view, rank); next != nil && next != s.target {
			s.fw.Stop()
		}
	}
	s.mu.Unlock()
	if !same {
		s.retarget()
	}
}

// servable tells whether the slot would be sent something if the downlink had
// room, and what: its track, and the layer that is forwarded, nil for none.
func (s *slot) servable() (t *Track, target *layer, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source == nil || s.writer == nil || s.view.Hidden {
		return nil, nil, false
	}
	_, ok = s.types[s.source.codec]
	return s.source, s.target, ok
}

// demand describes the slot, which t feeds, to the allocation.
func (s *slot) demand(t *Track, congested bool) allocate.Video {
	s.mu.Lock()
	view, limit := s.view, s.limit
	s.mu.Unlock()
	return allocate.Video{Layers: t.offered(congested), Want: t.ideal(view), Current: limit}
}

func (s *slot) currentView() types.TrackView {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

// Block sets the sources of the peer of which nothing is forwarded, whatever it
// sends: at once, by a mark that each packet looks at, and then by taking the
// tracks away from the others, so that nothing is repaired or replayed either.
func (p *Peer) Block(set types.SourceSet) {
	if p.blocked.Swap(uint32(set)) != uint32(set) {
		p.markDirty()
		if set.Has(types.SourceFiles) {
			p.session.withFiles(func(c *courier) { c.forbid(p) })
		}
	}
}

// blocks tells whether nothing of a source is forwarded.
func (p *Peer) blocks(source types.Source) bool {
	return types.SourceSet(p.blocked.Load()).Has(source)
}

// blocked tells whether nothing of the track is forwarded. Called for each
// packet.
func (t *Track) blocked() bool {
	set := t.conn.peer.blocked.Load()
	return set != 0 && types.SourceSet(set)&t.bit != 0
}
