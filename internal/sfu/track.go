package sfu

import (
	"slices"
	"sync"
	"sync/atomic"

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

	// layers is sorted from the smallest to the largest; copied on write.
	layers atomic.Pointer[[]*layer]
	// subscribers is what each packet reads; copied on write.
	subscribers atomic.Pointer[[]*slot]
	// mu serialises the writers of both.
	mu sync.Mutex

	// demanded are the layers last asked of the publisher, as a bit set by
	// index. Owned by the session's monitor.
	demanded     uint8
	demandedOnce bool
	surplusSince int64 // session time since when more layers flow than wanted
}

func newTrack(info types.TrackInfo, conn *connection, mid string, key codecKey) *Track {
	t := &Track{info: info, conn: conn, mid: mid, codec: key}
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
// without a size wants the largest. nil when nothing flows.
func (t *Track) pick(v types.TrackView) *layer {
	var best *layer
	for _, l := range *t.layers.Load() {
		if !l.flowing.Load() {
			continue
		}
		best = l
		if l.enoughFor(v) {
			break
		}
	}
	return best
}

// wanted returns, as a bit set by rank, the layers that its subscribers would
// like to have, flowing or not.
func (t *Track) wanted() (set uint8) {
	layers := *t.layers.Load()
	for _, s := range *t.subscribers.Load() {
		v, visible := s.wants()
		if !visible {
			continue
		}
		for i, l := range layers {
			if l.enoughFor(v) || i == len(layers)-1 {
				set |= 1 << l.rank
				break
			}
		}
	}
	return set
}
