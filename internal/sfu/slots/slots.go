// Package slots decides which m-line of a subscriber carries which track when a
// room has more tracks than m-lines. It is pure: what is held and what is
// wanted go in, the changes come out.
package slots

import (
	"slices"

	"aq-server/internal/types"
)

// NoPair is the Pair of an m-line that shares its MSID stream id with no other.
const NoPair = -1

// Slot is one m-line on which the subscriber receives.
type Slot struct {
	// ID names the m-line in Change; the caller's choice, unique.
	ID   int
	Kind types.Kind
	// Pair is the index, in the list given to Assign, of the m-line of the
	// other kind with the same MSID stream id, or NoPair. Browsers keep the
	// two in step (lip sync), whatever they carry.
	Pair int
	// Holds is the track carried now, "" for none.
	Holds types.TrackID
}

// Candidate is a track that the subscriber could receive.
type Candidate struct {
	TrackID types.TrackID
	PeerID  types.PeerID
	Kind    types.Kind
	// Stream is the MSID stream id (types.Source.Stream): tracks that share it
	// belong in step. Empty means that all tracks of the peer do.
	Stream string
	// Sticky: while it holds a slot it keeps it, even when tracks of higher
	// priority have none: a speaker who takes breath, a picture just shown.
	Sticky bool
}

func (c *Candidate) stream() string {
	if c.Stream != "" {
		return c.Stream
	}
	return string(c.PeerID)
}

// Limits is how many m-lines of each kind the subscriber may have. Those that
// he has already are used even if they are more.
type Limits struct{ Video, Audio int }

// Change says that a slot carries another track from now on, or none.
type Change struct {
	Slot  int // Slot.ID
	Track types.TrackID
}

// Result is what to do.
type Result struct {
	// Changes to slots, in the order of the list of slots.
	Changes []Change
	// AddVideo and AddAudio are how many new m-lines to offer; Waiting are the
	// tracks that would go there, in priority order. Call Assign again when
	// the m-lines exist.
	AddVideo, AddAudio int
	Waiting            []types.TrackID
	// Unassigned are the tracks beyond the limits, in priority order.
	Unassigned []types.TrackID
}

// Assign chooses the tracks to carry and puts them on m-lines with the least
// movement.
//
// Of each kind as many candidates are wanted as there may be m-lines: the
// sticky ones that hold a slot, then in the order of the list. A wanted track
// that holds a slot never moves. The others take free slots in order of
// priority; of those, a track prefers the m-line paired with the one that
// carries its own stream (a voice that of its camera) and avoids one whose
// partner carries another. Candidates named twice count once. The cost is
// quadratic in the tracks that are new on m-lines, and linear in the others.
func Assign(slots []Slot, candidates []Candidate, limits Limits) Result {
	a := assigner{
		slots: slots,
		holds: make([]*Candidate, len(slots)),
		place: make(map[place]int, len(slots)),
	}
	a.choose(types.KindVideo, candidates, limits.Video)
	a.choose(types.KindAudio, candidates, limits.Audio)
	a.keep()
	// Cameras first: there are more of them, and voices follow to their side.
	a.result.AddVideo = a.fill(types.KindVideo)
	a.result.AddAudio = a.fill(types.KindAudio)
	a.sortByPriority(candidates)
	for i := range slots {
		if track := a.track(i); track != slots[i].Holds {
			a.result.Changes = append(a.result.Changes, Change{Slot: slots[i].ID, Track: track})
		}
	}
	return a.result
}

type assigner struct {
	slots  []Slot
	holds  []*Candidate  // by index of slots, as it will be
	place  map[place]int // index of the slot that holds a track now
	wanted []*Candidate  // of both kinds
	result Result
}

type place struct {
	kind  types.Kind
	track types.TrackID
}

// placeOf returns the slot that holds c now.
func (a *assigner) placeOf(c *Candidate) (i int, held bool) {
	i, held = a.place[place{c.Kind, c.TrackID}]
	return i, held
}

// choose finds the wanted tracks of a kind; the rest is unassigned.
func (a *assigner) choose(kind types.Kind, candidates []Candidate, limit int) {
	room := 0
	for i := range a.slots {
		if s := &a.slots[i]; s.Kind == kind {
			room++
			key := place{kind, s.Holds}
			if _, double := a.place[key]; s.Holds != "" && !double {
				a.place[key] = i
			}
		}
	}
	room = max(room, limit)
	var all []*Candidate
	known := make(map[types.TrackID]bool, len(candidates))
	for i := range candidates {
		if c := &candidates[i]; c.Kind == kind && c.TrackID != "" && !known[c.TrackID] {
			known[c.TrackID] = true
			all = append(all, c)
		}
	}
	// The sticky holders are at most as many as slots, so there is room.
	var rest []*Candidate
	for _, c := range all {
		if _, held := a.placeOf(c); held && c.Sticky {
			a.wanted = append(a.wanted, c)
			room--
		} else {
			rest = append(rest, c)
		}
	}
	for i, c := range rest {
		if i < room {
			a.wanted = append(a.wanted, c)
		} else {
			a.result.Unassigned = append(a.result.Unassigned, c.TrackID)
		}
	}
}

// keep leaves the wanted tracks that hold a slot where they are.
func (a *assigner) keep() {
	for _, c := range a.wanted {
		if i, held := a.placeOf(c); held {
			a.holds[i] = c
		}
	}
}

// fill puts the wanted tracks of a kind that hold no slot on the free ones, and
// returns how many slots were too few.
func (a *assigner) fill(kind types.Kind) int {
	var free []int
	for i := range a.slots {
		if a.slots[i].Kind == kind && a.holds[i] == nil {
			free = append(free, i)
		}
	}
	var need []*Candidate
	for _, c := range a.wanted {
		if _, held := a.placeOf(c); c.Kind == kind && !held {
			need = append(need, c)
		}
	}
	missing := max(len(need)-len(free), 0)
	need, waiting := need[:len(need)-missing], need[len(need)-missing:]
	for _, c := range waiting {
		a.result.Waiting = append(a.result.Waiting, c.TrackID)
	}
	// The best fits first, so that nobody takes the place beside a partner from
	// the one who belongs there. In the end everybody has a slot.
	for fit := fitBest; fit >= fitWorst; fit-- {
		need = slices.DeleteFunc(need, func(c *Candidate) bool {
			k := slices.IndexFunc(free, func(i int) bool { return a.fit(c, i) == fit })
			if k < 0 {
				return false
			}
			a.holds[free[k]] = c
			free = slices.Delete(free, k, k+1)
			return true
		})
	}
	return missing
}

// How well a free slot suits a track.
const (
	fitWorst   = iota // its partner carries a track of another stream
	fitWasted         // its partner is free, and nobody belongs there
	fitSingle         // it has no partner
	fitPromise        // its partner is free, for a track that needs a slot too
	fitBest           // its partner carries the track's own stream
)

func (a *assigner) fit(c *Candidate, slot int) int {
	pair := a.slots[slot].Pair
	if pair < 0 || pair >= len(a.slots) {
		return fitSingle
	}
	switch partner := a.holds[pair]; {
	case partner != nil && partner.stream() == c.stream():
		return fitBest
	case partner != nil:
		return fitWorst
	case a.mateNeedsSlot(c):
		return fitPromise
	}
	return fitWasted
}

// mateNeedsSlot reports whether a track of the other kind that belongs in step
// with c waits for a slot as well.
func (a *assigner) mateNeedsSlot(c *Candidate) bool {
	return slices.ContainsFunc(a.wanted, func(m *Candidate) bool {
		if m.Kind == c.Kind || m.stream() != c.stream() {
			return false
		}
		_, held := a.placeOf(m)
		return !held
	})
}

func (a *assigner) track(i int) types.TrackID {
	if a.holds[i] == nil {
		return ""
	}
	return a.holds[i].TrackID
}

// sortByPriority brings the lists, gathered by kind, back to the order of the
// candidates.
func (a *assigner) sortByPriority(candidates []Candidate) {
	rank := make(map[types.TrackID]int, len(candidates))
	for i := len(candidates) - 1; i >= 0; i-- {
		rank[candidates[i].TrackID] = i
	}
	byRank := func(x, y types.TrackID) int { return rank[x] - rank[y] }
	slices.SortFunc(a.result.Waiting, byRank)
	slices.SortFunc(a.result.Unassigned, byRank)
}
