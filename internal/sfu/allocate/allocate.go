// Package allocate divides what a subscriber's way carries among the videos that
// he is sent: which layer of each, or none. It is pure.
//
// Sound comes first: it is never paused, and what it needs is taken off before
// anything is given to pictures. Then each picture gets its smallest layer, the
// most important one first; what is left raises them, class by class, and
// within a class evenly.
package allocate

import "slices"

// None is the rank of a video that is not sent.
const None = -1

// A Layer of a video costs BPS bits per second on the wire.
type Layer struct {
	Rank int
	BPS  int64
}

// Video is one subscription. Videos are given in the order of their importance.
type Video struct {
	// Class groups those that are equally important: a class is raised only
	// when all before it have what they want.
	Class int
	// Layers are those that may be sent, from the smallest on. One of a video
	// that is not simulcast.
	Layers []Layer
	// Want is the largest rank of use to the view.
	Want int
	// Current is the largest rank that is allowed now; None when it is paused.
	Current int
}

// Result says what each video gets, in the order given.
type Result struct {
	Ranks []int
	// Used is what all of it costs, sound included.
	Used int64
	// Step is the bit/s that the next improvement would take, and Full what all
	// that is wanted would; both equal Used when nothing is missing.
	Step, Full int64
}

// A layer is taken up only where it leaves a tenth of itself free, and kept
// where a twentieth of it is missing: what it costs moves, and each change costs a
// keyframe. The smallest is kept even where a third of it is missing: what follows is
// no picture at all, for seconds, and an estimate that has been lowered once by
// mistake (a busy machine, a way that became longer) is rarely further off. A way
// that does not carry the rest shows it by its queue, and is lowered again.
const (
	headroom      = 10
	tolerance     = 20
	lastTolerance = 3
)

// price is what a layer must find free.
func price(v *Video, l Layer) int64 {
	if l.Rank > v.Current {
		return l.BPS + l.BPS/headroom
	}
	if l.Rank == v.Layers[0].Rank {
		return l.BPS - l.BPS/lastTolerance
	}
	return l.BPS - l.BPS/tolerance
}

// Divide gives bps bits per second to the videos, after audio, the bits per
// second of all sound. Of kept, if it is more, the smallest layers are kept that are
// sent already: what is lowered for a moment so that a queue empties costs no picture.
func Divide(bps, kept, audio int64, videos []Video) Result {
	r := Result{Ranks: make([]int, len(videos)), Used: audio}
	for i := range videos {
		r.Ranks[i] = None
	}
	free := bps - audio
	// The smallest layer of each.
	for i := range videos {
		lent := int64(0)
		if videos[i].Current != None {
			lent = max(kept-bps, 0)
		}
		free = raise(&r, videos, i, free+lent) - lent
	}
	for begin := 0; begin < len(videos); {
		end := begin
		for end < len(videos) && videos[end].Class == videos[begin].Class {
			end++
		}
		for raised := true; raised; {
			raised = false
			for i := begin; i < end; i++ {
				if r.Ranks[i] == None {
					continue // not even the smallest had room
				}
				before := r.Ranks[i]
				free = raise(&r, videos, i, free)
				raised = raised || r.Ranks[i] != before
			}
		}
		begin = end
	}
	r.Used = audio
	r.Full = audio
	r.Step = -1
	for i := range videos {
		v := &videos[i]
		have, full := cost(v, r.Ranks[i]), cost(v, v.Want)
		r.Used += have
		r.Full += full + full/headroom
		if l, ok := next(v, r.Ranks[i]); ok && (r.Step < 0 || l.BPS+l.BPS/headroom-have < r.Step) {
			r.Step = l.BPS + l.BPS/headroom - have
		}
	}
	if r.Step < 0 {
		r.Step, r.Full = r.Used, r.Used
		return r
	}
	r.Step = max(r.Step, 0) + r.Used // a larger layer can be the cheaper one
	r.Full = max(r.Full, r.Step)
	return r
}

// raise gives video i its next layer if it fits into what is free, and returns
// what is free then.
func raise(r *Result, videos []Video, i int, free int64) int64 {
	v := &videos[i]
	l, ok := next(v, r.Ranks[i])
	if !ok {
		return free
	}
	have := cost(v, r.Ranks[i])
	if price(v, l)-have > free {
		return free
	}
	r.Ranks[i] = l.Rank
	return free - (l.BPS - have)
}

// next returns the layer above a rank that the video may still get.
func next(v *Video, rank int) (Layer, bool) {
	i := slices.IndexFunc(v.Layers, func(l Layer) bool { return l.Rank > rank })
	if i < 0 || i > 0 && v.Layers[i].Rank > v.Want {
		return Layer{}, false
	}
	return v.Layers[i], true
}

// cost is that of the largest layer up to a rank; of the smallest when the rank
// is below all.
func cost(v *Video, rank int) int64 {
	if rank == None || len(v.Layers) == 0 {
		return 0
	}
	best := v.Layers[0].BPS
	for _, l := range v.Layers[1:] {
		if l.Rank <= rank {
			best = l.BPS
		}
	}
	return best
}
