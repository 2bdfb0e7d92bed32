package sfu

import (
	"maps"
	"reflect"
	"slices"

	"aq-server/internal/sfu/slots"
	"aq-server/internal/types"
)

// syncPublished makes the client's tracks available to the others or takes them
// away, as the client asks and as he may.
func (p *Peer) syncPublished() {
	if p.conn == nil {
		return
	}
	p.mu.Lock()
	wanted := maps.Clone(p.wanted)
	p.mu.Unlock()
	for _, t := range p.conn.published() {
		if wanted[t.info.Source] && !p.blocks(t.info.Source) {
			p.session.AddTrack(t)
		} else {
			p.session.RemoveTrack(t)
		}
	}
}

// arrange gives each track that the client should receive its m-line, as far as
// that is possible without an offer. With stable, m-lines are added and taken
// out of use as well; structural tells that an offer must follow, now or when
// the present one is answered.
func (p *Peer) arrange(stable bool) (structural bool, err error) {
	if structural, err = p.arrangePublish(stable); err != nil {
		return false, err
	}
	files, err := p.arrangeFiles(stable)
	if err != nil {
		return false, err
	}
	structural = structural || files
	tracks := p.receivable()
	var more bool
	if p.extended() {
		more, err = p.arrangeSlots(tracks, stable)
	} else {
		more, err = p.arrangeBase(tracks, stable)
	}
	return structural || more, err
}

// arrangePublish adds the m-lines for sources that the client wants to send,
// and offers one again that the client refused before it asked for it, or
// accepted without a word of what it would send, as pion does without a track.
func (p *Peer) arrangePublish(stable bool) (structural bool, err error) {
	p.mu.Lock()
	wanted, asked := maps.Clone(p.wanted), maps.Clone(p.asked)
	if stable {
		clear(p.asked)
	}
	p.mu.Unlock()
	for _, source := range types.Sources() {
		i := slices.IndexFunc(p.conn.publish, func(l *publishLine) bool { return l.source == source })
		switch {
		case !wanted[source]:
		case i >= 0:
			line := p.conn.publish[i]
			structural = structural || asked[source] && (line.refused || line.undeclared)
		default:
			structural = true
			if stable {
				if err := p.conn.addPublishLine(source); err != nil {
					return false, err
				}
			}
		}
	}
	return structural, nil
}

// receivable lists the tracks of the others.
func (p *Peer) receivable() []*Track {
	if !p.cfg.Permissions.Subscribe {
		return nil
	}
	return slices.DeleteFunc(p.session.trackList(), func(t *Track) bool { return t.info.PeerID == p.cfg.Peer.ID })
}

// arrangeBase gives a base client one m-line per track. An m-line whose track
// has ended is taken out of use, and used again for the next of its kind.
func (p *Peer) arrangeBase(tracks []*Track, stable bool) (structural bool, err error) {
	c := p.conn
	carried := map[*Track]bool{}
	for _, s := range c.slots {
		source := s.track()
		if s.free {
			continue
		}
		if source != nil && slices.Contains(tracks, source) {
			carried[source] = true
			continue
		}
		structural = true
		if !stable {
			s.setSource(nil, types.TrackView{})
		} else if err := c.removeSlot(s); err != nil {
			return false, err
		}
	}
	for _, t := range tracks {
		if carried[t] {
			continue
		}
		structural = true
		if stable {
			if err := c.addSlot(t); err != nil {
				return false, err
			}
			c.slotOf(t).setSource(t, types.TrackView{})
		}
	}
	return structural, nil
}

// slotOf returns the slot that was made for t.
func (c *connection) slotOf(t *Track) *slot {
	i := slices.IndexFunc(c.slots, func(s *slot) bool { return !s.free && s.id == string(t.info.TrackID) })
	return c.slots[i]
}

// arrangeSlots gives the tracks of the room to the m-lines of a protocol=1
// client: to each its own while there are enough, else by what the client views
// and who speaks.
func (p *Peer) arrangeSlots(tracks []*Track, stable bool) (structural bool, err error) {
	c := p.conn
	byID := make(map[types.TrackID]*Track, len(tracks))
	for _, t := range tracks {
		byID[t.info.TrackID] = t
	}
	views, order := p.viewSnapshot()
	candidates := p.candidatesFor(tracks, views, order)
	limits := slots.Limits{Video: p.session.opts.VideoSlots, Audio: p.session.opts.AudioSlots}
	result := slots.Assign(c.slotList(), candidates, limits)
	if result.AddVideo+result.AddAudio > 0 {
		structural = true
	}
	if stable && structural {
		for _, id := range result.Waiting {
			if err := c.addSlot(byID[id]); err != nil {
				return false, err
			}
		}
		result = slots.Assign(c.slotList(), candidates, limits)
	}
	// Take away first, then give: a track must never be on two m-lines.
	for _, give := range []bool{false, true} {
		for _, change := range result.Changes {
			if (change.Track != "") == give {
				c.slots[change.Slot].setSource(byID[change.Track], views[change.Track])
			}
		}
	}
	for _, s := range c.slots {
		if t := s.track(); t != nil {
			s.setView(views[t.info.TrackID])
			missing, err := c.offerCodec(s, t.codec, stable)
			if err != nil {
				return false, err
			}
			structural = structural || missing
		}
	}
	p.scarce.Store(len(result.Unassigned) > 0)
	return structural, nil
}

// offerCodec adds a codec to those that a slot's m-line lists. It tells whether
// an offer is needed for it.
func (c *connection) offerCodec(s *slot, key codecKey, stable bool) (needed bool, err error) {
	if s.offered[key] {
		return false, nil
	}
	if !stable {
		return true, nil
	}
	s.offered[key] = true
	if err := s.transceiver.SetCodecPreferences(preferences(s.kind, s.offered)); err != nil {
		c.peer.log.Debug("codec not offered", "codec", key, "err", err)
		return false, nil // the client cannot decode it; the track shows as paused
	}
	return true, nil
}

// slotList describes the m-lines to slots.Assign; a slot's ID is its index.
func (c *connection) slotList() []slots.Slot {
	list := make([]slots.Slot, len(c.slots))
	for i, s := range c.slots {
		list[i] = slots.Slot{ID: i, Kind: s.kind, Pair: slots.NoPair}
		if t := s.track(); t != nil {
			list[i].Holds = t.info.TrackID
		}
		for j, o := range c.slots {
			if o.kind != s.kind && o.stream == s.stream {
				list[i].Pair = j
			}
		}
	}
	return list
}

func (p *Peer) viewSnapshot() (map[types.TrackID]types.TrackView, []types.TrackID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.views), slices.Clone(p.viewOrder)
}

// candidatesFor orders the tracks by how much the client needs them: screens,
// then pictures that it asked to see (the latest request first), then those of
// the last speakers, then the rest; what it hides comes last. Voices: the
// loudest first.
func (p *Peer) candidatesFor(
	tracks []*Track, views map[types.TrackID]types.TrackView, order []types.TrackID,
) []slots.Candidate {
	voices := *p.session.voices.Load()
	const last = 1 << 20
	position := func(i int) int {
		if i < 0 {
			return last
		}
		return i
	}
	rank := func(t *Track) int {
		view, viewed := views[t.info.TrackID]
		spoke := position(slices.Index(voices, t.info.PeerID))
		switch {
		case viewed && view.Hidden && t.info.Kind == types.KindVideo:
			return 4*last + spoke
		case t.info.Source == types.SourceScreen || t.info.Source == types.SourceScreenAudio:
			return 0
		case viewed && t.info.Kind == types.KindVideo:
			return last - position(slices.Index(order, t.info.TrackID))
		}
		return 2*last + spoke
	}
	sorted := slices.Clone(tracks)
	slices.SortStableFunc(sorted, func(a, b *Track) int { return rank(a) - rank(b) })
	list := make([]slots.Candidate, len(sorted))
	for i, t := range sorted {
		view, viewed := views[t.info.TrackID]
		list[i] = slots.Candidate{
			TrackID: t.info.TrackID, PeerID: t.info.PeerID, Kind: t.info.Kind,
			Stream: t.info.Source.Stream(t.info.PeerID),
			Sticky: viewed && !view.Hidden && t.info.Kind == types.KindVideo &&
				slices.Index(order, t.info.TrackID) >= len(order)-p.session.opts.VideoSlots,
		}
	}
	return list
}

// sendTracks tells a protocol=1 client what its m-lines carry, if that is not
// what it knows.
func (p *Peer) sendTracks() {
	c := p.conn
	if !p.extended() || c.offerID == 0 {
		return
	}
	p.mu.Lock()
	wanted := maps.Clone(p.wanted)
	p.mu.Unlock()
	event := types.Tracks{Tracks: []types.TrackMapping{}, Publish: []types.PublishSlot{}, Unassigned: []types.TrackInfo{}}
	carried := map[*Track]bool{}
	for _, s := range c.slots {
		if t := s.track(); t != nil && s.mid != "" {
			carried[t] = true
			event.Tracks = append(event.Tracks, types.TrackMapping{MID: s.mid, TrackInfo: t.info})
		}
	}
	for _, l := range c.publish {
		if mid := l.transceiver.Mid(); mid != "" && wanted[l.source] {
			slot := types.PublishSlot{MID: mid, Kind: l.source.Kind(), Source: l.source}
			if l.source == types.SourceCamera {
				slot.RIDs = simulcastRIDs[:]
			}
			event.Publish = append(event.Publish, slot)
		}
	}
	for _, t := range p.receivable() {
		if !carried[t] {
			event.Unassigned = append(event.Unassigned, t.info)
		}
	}
	if p.sentOnce && reflect.DeepEqual(event, p.lastSent) {
		return
	}
	p.lastSent, p.sentOnce = event, true
	p.send(types.NewMessage(types.EventTracks, event))
}

// track returns what feeds the slot now, or nil.
func (s *slot) track() *Track {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source
}
