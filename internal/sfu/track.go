package sfu

import (
	"slices"
	"sync"
	"sync/atomic"

	"aq-server/internal/sfu/allocate"
	"aq-server/internal/types"
)

// Track is what one peer publishes from one source: one layer, or the layers
// of a simulcast. Its layers' read loops fan packets out to the slots that
// subscribe to it.
type Track struct {
	// Set by newTrack, then constant.
	info  types.TrackInfo
	conn  *connection // of the publisher
	mid   string      // in the publisher's PeerConnection
	codec codecKey
	bit   types.SourceSet // of its source

	// layers is sorted from the smallest to the largest; copied on write.
	layers atomic.Pointer[[]*layer]
	// subscribers is what each packet reads; copied on write.
	subscribers atomic.Pointer[[]*slot]
	// mu serialises the writers of both.
	mu sync.Mutex

	// demanded are the layers last asked of the publisher, as a bit set by
	// rank. Written by the session's monitor.
	demanded     atomic.Uint32
	surplusSince int64 // session time since when more is asked for than wanted; the monitor's
}

func newTrack(info types.TrackInfo, conn *connection, mid string, key codecKey) *Track {
	t := &Track{info: info, conn: conn, mid: mid, codec: key, bit: types.SetOf(info.Source)}
	t.demanded.Store(1<<len(simulcastRIDs) - 1) // all, until somebody says otherwise
	t.layers.Store(&[]*layer{})
	t.subscribers.Store(&[]*slot{})
	return t
}

// addLayer adds a layer that has begun to flow.
func (t *Track) addLayer(l *layer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(slices.Clone(*t.layers.Load()), l)
	slices.SortStableFunc(list, func(a, b *layer) int { return a.rank - b.rank })
	t.layers.Store(&list)
}

// layerOf returns the layer with this forwarding stream, or nil.
func (t *Track) layerOf(id streamID) *layer {
	for _, l := range *t.layers.Load() {
		if l.stream == id {
			return l
		}
	}
	return nil
}

func (t *Track) subscribe(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(slices.Clone(*t.subscribers.Load()), s)
	t.subscribers.Store(&list)
}

func (t *Track) unsubscribe(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*t.subscribers.Load()), func(o *slot) bool { return o == s })
	t.subscribers.Store(&list)
}

// retarget lets every subscriber choose its layer anew.
func (t *Track) retarget() {
	for _, s := range *t.subscribers.Load() {
		s.retarget()
	}
}

// simulcast tells whether the publisher was offered layers for this track and
// uses them.
func (t *Track) simulcast() bool {
	layers := *t.layers.Load()
	return len(layers) > 0 && layers[0].rid != ""
}

// pick returns the layer to forward to a view of this size: the smallest that
// is large enough among those that flow, else the largest that flows. A view
// without a size wants the largest. Of layers above limit, a rank, it takes only
// the smallest, and only when nothing below flows. nil when nothing flows.
func (t *Track) pick(v types.TrackView, limit int) *layer {
	var best *layer
	for _, l := range *t.layers.Load() {
		if !l.flowing.Load() {
			continue
		}
		if best != nil && l.rank > limit {
			break
		}
		best = l
		if l.enoughFor(v) {
			break
		}
	}
	return best
}

// wanted returns, as a bit set by rank, the layers that its subscribers would
// like to have, flowing or not. As long as one of them does not flow, so are all
// below it: it may be off because nobody wanted it, the publisher's uplink may
// not have it to give, or his camera not the pixels.
func (t *Track) wanted() (set uint32) {
	known := t.known()
	for _, s := range *t.subscribers.Load() {
		v, limit, visible := s.wants()
		if !visible || limit == allocate.None {
			continue
		}
		ideal := min(t.ideal(v), limit)
		set |= 1 << ideal
		if l := known[ideal]; l == nil || !l.flowing.Load() {
			set |= 1<<ideal - 1
		}
	}
	return set
}

// known returns the layers by rank, nil where none has come yet.
func (t *Track) known() (known [len(simulcastRIDs)]*layer) {
	for _, l := range *t.layers.Load() {
		known[l.rank] = l
	}
	return known
}

// ideal returns the rank of the smallest layer that is large enough for a view,
// whether it flows or not.
func (t *Track) ideal(v types.TrackView) int {
	known := t.known()
	last := len(known) - 1
	for rank, l := range known[:last] {
		if l != nil && l.enoughFor(v) || l == nil && assumedSize(rank).enoughFor(v) {
			return rank
		}
	}
	return last
}

// offered lists the layers that can be forwarded, with what they cost: those
// that flow, and those that would if the publisher were asked. In congestion
// what a layer costs now counts as well as its mean; but not for the smallest of
// a simulcast, which has a keyframe in it just then.
func (t *Track) offered(congested bool) []allocate.Layer {
	known, demanded := t.known(), t.demanded.Load()
	simulcast := t.simulcast()
	list := make([]allocate.Layer, 0, len(known))
	for rank, l := range known {
		var mean, now int64
		flows := false
		if l != nil {
			mean, now = l.bitrate()
			flows = l.flowing.Load()
		}
		if !flows && (!simulcast || demanded&(1<<rank) != 0) {
			continue // it is not there, or asked for and not sent
		}
		if simulcast && mean == 0 {
			mean = assumedRates[rank] // it has just begun, or not yet
		}
		if congested && flows && (len(list) > 0 || !simulcast) {
			mean = max(mean, now)
		}
		list = append(list, allocate.Layer{Rank: rank, BPS: mean})
	}
	return list
}

// assumedRates are those of layers that have not been seen, in bit/s: of the
// encodings of our page.
var assumedRates = [len(simulcastRIDs)]int64{200_000, 700_000, 2_300_000}

// size is that of a picture in pixels.
type size struct{ width, height int64 }

// assumedSize is that of a layer of which no keyframe has told it: of the 720p
// that our page captures.
func assumedSize(rank int) size { return size{320 << rank, 180 << rank} }

// enoughFor tells whether a picture has enough pixels for a view. A view may be
// up to a third larger in area than the picture before that is visible.
func (s size) enoughFor(v types.TrackView) bool {
	switch {
	case v.Width <= 0 && v.Height <= 0:
		return false
	case v.Width <= 0:
		return s.height*4 >= int64(v.Height)*3
	case v.Height <= 0:
		return s.width*4 >= int64(v.Width)*3
	}
	return s.width*s.height*4 >= int64(v.Width)*int64(v.Height)*3
}
