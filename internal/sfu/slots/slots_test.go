package slots

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"aq-server/internal/types"
)

// list makes slots from words like "v0:camA", "a1=0:voiceA" (paired with the
// slot of index 0), "v2" (free). IDs are 100 and up, so that an index taken for
// an ID shows.
func list(words string) []Slot {
	var slots []Slot
	for i, w := range strings.Fields(words) {
		s := Slot{ID: 100 + i, Kind: types.KindVideo, Pair: NoPair}
		name, holds, _ := strings.Cut(w, ":")
		if name[0] == 'a' {
			s.Kind = types.KindAudio
		}
		if _, pair, ok := strings.Cut(name, "="); ok {
			s.Pair = int(pair[0] - '0')
		}
		s.Holds = types.TrackID(holds)
		slots = append(slots, s)
	}
	return slots
}

// tracks makes candidates from words like "camA", "voiceB", "camC!" (sticky):
// the last letter is the peer.
func tracks(words string) []Candidate {
	var candidates []Candidate
	for _, w := range strings.Fields(words) {
		id, sticky := strings.CutSuffix(w, "!")
		c := Candidate{TrackID: types.TrackID(id), PeerID: types.PeerID(id[len(id)-1:]), Kind: types.KindVideo, Sticky: sticky}
		if strings.HasPrefix(w, "voice") {
			c.Kind = types.KindAudio
		}
		if strings.HasPrefix(w, "screen") || strings.HasPrefix(w, "voicescreen") {
			c.Stream = string(c.PeerID) + "-screen"
		}
		candidates = append(candidates, c)
	}
	return candidates
}

// apply returns slots with the changes made.
func apply(slots []Slot, r Result) []Slot {
	slots = slices.Clone(slots)
	for _, c := range r.Changes {
		slots[c.Slot-100].Holds = c.Track
	}
	return slots
}

func show(slots []Slot) string {
	var words []string
	for _, s := range slots {
		words = append(words, string(s.Holds)+".")
	}
	return strings.Join(words, " ")
}

func TestAssign(t *testing.T) {
	for _, c := range []struct {
		name       string
		slots      string
		candidates string
		limits     Limits
		want       string // what the slots hold then, each with a dot
		add        Limits
		waiting    string
		unassigned string
	}{
		{name: "nothing", want: ""},
		{name: "no candidates", slots: "v0 a1", want: ". ."},
		{name: "free slots by kind", slots: "v0 a1", candidates: "voiceA camA", want: "camA. voiceA."},
		{name: "a track that left", slots: "v0:camA v1:camB", candidates: "camB", want: ". camB."},
		{name: "new m-lines below the limit", candidates: "camA voiceA camB voiceB", limits: Limits{25, 1},
			add: Limits{2, 1}, waiting: "camA voiceA camB", unassigned: "voiceB"},
		{name: "some slots, some new", slots: "v0", candidates: "camA camB camC camD", limits: Limits{3, 0},
			want: "camA.", add: Limits{2, 0}, waiting: "camB camC", unassigned: "camD"},
		{name: "more slots than the limit", slots: "v0 v1", candidates: "camA camB camC", limits: Limits{1, 0},
			want: "camA. camB.", unassigned: "camC"},
		{name: "the wanted never move", slots: "v0:camB v1:camA", candidates: "camA camB", want: "camB. camA."},
		{name: "the least wanted makes room", slots: "v0:camB v1:camC", candidates: "camA camB camC",
			want: "camB. camA.", unassigned: "camC"},
		{name: "the sticky stays", slots: "v0:camB v1:camC", candidates: "camA camB camC!",
			want: "camA. camC.", unassigned: "camB"},
		{name: "sticky without a slot is nothing", slots: "v0:camA", candidates: "camA camB!",
			want: "camA.", unassigned: "camB"},
		{name: "all sticky", slots: "v0:camB v1:camC", candidates: "camA camB! camC!",
			want: "camB. camC.", unassigned: "camA"},
		{name: "named twice", slots: "v0 v1", candidates: "camA camA", want: "camA. ."},
		{name: "held twice", slots: "v0:camA v1:camA", candidates: "camA", want: "camA. ."},
		{name: "held on an m-line of the other kind", slots: "v0:voiceA a1", candidates: "voiceA", want: ". voiceA."},

		{name: "a voice goes beside its camera", slots: "v0=2:camA v1=3:camB a2=0 a3=1", candidates: "camA camB voiceB voiceA",
			want: "camA. camB. voiceA. voiceB."},
		{name: "a camera goes beside its voice", slots: "v0=2 v1=3 a2=0 a3=1:voiceA", candidates: "camA voiceA",
			want: ". camA. . voiceA."},
		{name: "both new: on a pair", slots: "v0 v1=2 a2=1", candidates: "camA voiceA", want: ". camA. voiceA."},
		{name: "a camera without a voice leaves the pair", slots: "v0=2 v1 a2=0", candidates: "camA camB voiceB",
			want: "camB. camA. voiceB."},
		{name: "a voice avoids a foreign camera", slots: "v0=1:camB a1=0 a2", candidates: "camB voiceA",
			want: "camB. . voiceA."},
		{name: "but takes the place rather than none", slots: "v0=1:camB a1=0", candidates: "camB voiceA",
			want: "camB. voiceA."},
		{name: "nobody takes the place of the one who belongs there", slots: "v0=1:camB a1=0 a2", candidates: "voiceA voiceB camB",
			want: "camB. voiceB. voiceA."},
		{name: "a higher voice is not left waiting for that", slots: "v0=1:camB a1=0", candidates: "voiceA voiceB camB", limits: Limits{1, 2},
			want: "camB. voiceA.", add: Limits{0, 1}, waiting: "voiceB"},
		{name: "a voice never moves to its camera", slots: "v0=1 a1=0 a2:voiceA", candidates: "voiceA camA",
			want: "camA. . voiceA."},
		{name: "the sound of a screen goes to the screen", slots: "v0=2:camA v1=3:screenA a2=0 a3=1", candidates: "voicescreenA voiceA camA screenA",
			want: "camA. screenA. voiceA. voicescreenA."},
		{name: "a pair out of range is none", slots: "v0=9 a1=9", candidates: "camA voiceA", want: "camA. voiceA."},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := list(c.slots)
			before := slices.Clone(in)
			r := Assign(in, tracks(c.candidates), c.limits)
			if got := show(apply(in, r)); got != c.want {
				t.Errorf("slots hold %q, want %q", got, c.want)
			}
			if got := (Limits{r.AddVideo, r.AddAudio}); got != c.add {
				t.Errorf("add %+v, want %+v", got, c.add)
			}
			if got := words(r.Waiting); got != c.waiting {
				t.Errorf("waiting %q, want %q", got, c.waiting)
			}
			if got := words(r.Unassigned); got != c.unassigned {
				t.Errorf("unassigned %q, want %q", got, c.unassigned)
			}
			if !slices.Equal(in, before) {
				t.Error("changed its input")
			}
		})
	}
}

func TestCandidateWithoutTrackIsNone(t *testing.T) {
	r := Assign(list("v0"), []Candidate{{PeerID: "A", Kind: types.KindVideo}, {TrackID: "camB", Kind: types.KindVideo}}, Limits{})
	if len(r.Changes) != 1 || r.Changes[0] != (Change{100, "camB"}) || len(r.Unassigned) > 0 {
		t.Errorf("%+v", r)
	}
}

func words(ids []types.TrackID) string {
	var w []string
	for _, id := range ids {
		w = append(w, string(id))
	}
	return strings.Join(w, " ")
}

// room is a random room as one subscriber sees it, over time.
type room struct {
	rng        *rand.Rand
	slots      []Slot
	candidates []Candidate
	limits     Limits
	peers      int
}

func (r *room) join() {
	r.peers++
	peer := types.PeerID(fmt.Sprint(r.peers))
	for _, kind := range []types.Kind{types.KindVideo, types.KindAudio} {
		if r.rng.IntN(4) > 0 {
			r.candidates = append(r.candidates, Candidate{TrackID: types.TrackID(fmt.Sprintf("%s-%s", kind, peer)), PeerID: peer, Kind: kind})
		}
	}
}

func (r *room) step(t *testing.T, sticky bool) {
	switch r.rng.IntN(3) {
	case 0:
		r.join()
	case 1:
		if n := len(r.candidates); n > 0 {
			i := r.rng.IntN(n)
			r.candidates = slices.Delete(r.candidates, i, i+1)
		}
	case 2:
		r.rng.Shuffle(len(r.candidates), func(i, j int) {
			r.candidates[i], r.candidates[j] = r.candidates[j], r.candidates[i]
		})
	}
	for i := range r.candidates {
		r.candidates[i].Sticky = sticky && r.rng.IntN(3) == 0
	}
	result := Assign(r.slots, r.candidates, r.limits)
	after := apply(r.slots, result)
	r.check(t, after, result, sticky)
	if again := Assign(after, r.candidates, r.limits); len(again.Changes) > 0 {
		t.Fatalf("not stable: %+v", again.Changes)
	}
	r.slots = after
	for range result.AddVideo {
		r.slots = append(r.slots, Slot{ID: 100 + len(r.slots), Kind: types.KindVideo, Pair: NoPair})
	}
	for range result.AddAudio {
		s := Slot{ID: 100 + len(r.slots), Kind: types.KindAudio, Pair: NoPair}
		for i := range r.slots { // beside the first single video m-line
			if v := &r.slots[i]; v.Kind == types.KindVideo && v.Pair == NoPair && r.rng.IntN(2) == 0 {
				s.Pair, v.Pair = i, len(r.slots)
				break
			}
		}
		r.slots = append(r.slots, s)
	}
}

// check holds after each Assign, whatever came before.
func (r *room) check(t *testing.T, after []Slot, result Result, sticky bool) {
	t.Helper()
	held := map[types.TrackID]int{}
	free := map[types.Kind]int{}
	count := map[types.Kind]int{}
	for i, s := range after {
		count[s.Kind]++
		if s.Holds == "" {
			free[s.Kind]++
			continue
		}
		if _, twice := held[s.Holds]; twice {
			t.Fatalf("%s on two m-lines", s.Holds)
		}
		held[s.Holds] = i
	}
	changed := map[int]bool{}
	for _, c := range result.Changes {
		if changed[c.Slot] {
			t.Fatalf("slot %d changed twice", c.Slot)
		}
		changed[c.Slot] = true
	}
	limit := map[types.Kind]int{
		types.KindVideo: max(r.limits.Video, count[types.KindVideo]),
		types.KindAudio: max(r.limits.Audio, count[types.KindAudio]),
	}
	seen := map[types.Kind]int{}
	known := map[types.TrackID]bool{}
	for _, c := range r.candidates {
		known[c.TrackID] = true
		i, has := held[c.TrackID]
		waits := slices.Contains(result.Waiting, c.TrackID)
		without := slices.Contains(result.Unassigned, c.TrackID)
		if n := btoi(has) + btoi(waits) + btoi(without); n != 1 {
			t.Fatalf("%s: on an m-line %v, waiting %v, unassigned %v", c.TrackID, has, waits, without)
		}
		if has && after[i].Kind != c.Kind {
			t.Fatalf("%s on an m-line for %s", c.TrackID, after[i].Kind)
		}
		if !has && free[c.Kind] > 0 {
			t.Fatalf("%s has no m-line, and one is free", c.TrackID)
		}
		if !sticky && without != (seen[c.Kind] >= limit[c.Kind]) {
			t.Fatalf("%s, number %d of at most %d: unassigned %v", c.TrackID, seen[c.Kind], limit[c.Kind], without)
		}
		seen[c.Kind]++
		if was := slices.IndexFunc(r.slots, func(s Slot) bool { return s.Holds == c.TrackID }); was >= 0 {
			if has && i != was {
				t.Fatalf("%s moved", c.TrackID)
			}
			if !has && c.Sticky {
				t.Fatalf("%s is sticky and lost its m-line", c.TrackID)
			}
		}
	}
	for id := range held {
		if !known[id] {
			t.Fatalf("%s is carried and nobody's", id)
		}
	}
	if count[types.KindVideo]+result.AddVideo > limit[types.KindVideo] || count[types.KindAudio]+result.AddAudio > limit[types.KindAudio] {
		t.Fatalf("asks for too many m-lines: %+v", result)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRooms(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range 100 {
		r := room{rng: rng, limits: Limits{Video: rng.IntN(8), Audio: rng.IntN(4)}}
		for range 60 {
			r.step(t, i%2 == 0)
		}
	}
}

// Two people with camera and microphone each, on paired m-lines, end up in step
// whichever of their tracks comes first.
func TestLipSync(t *testing.T) {
	candidates := tracks("camA voiceA camB voiceB camC voiceC")
	rng := rand.New(rand.NewPCG(11, 12))
	for range 50 {
		slots := list("v0=3 v1=4 v2=5 a3=0 a4=1 a5=2")
		rng.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		for n := range candidates {
			slots = apply(slots, Assign(slots, candidates[:n+1], Limits{}))
		}
		for _, s := range slots[:3] {
			voice := slots[s.Pair].Holds
			if s.Holds[len(s.Holds)-1] != voice[len(voice)-1] {
				t.Fatalf("%s beside %s after %v", s.Holds, voice, candidates)
			}
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	var candidates []Candidate
	for i := range 200 {
		kind := types.KindVideo
		if i%2 == 1 {
			kind = types.KindAudio
		}
		candidates = append(candidates, Candidate{TrackID: types.TrackID(fmt.Sprint(i)), PeerID: types.PeerID(fmt.Sprint(i / 2)), Kind: kind})
	}
	var slots []Slot
	for i := range 30 {
		s := Slot{ID: i, Kind: types.KindVideo, Pair: NoPair}
		if i >= 25 {
			s.Kind, s.Pair = types.KindAudio, i-25
			slots[i-25].Pair = i
		}
		slots = append(slots, s)
	}
	b.ReportAllocs()
	for b.Loop() {
		Assign(slots, candidates, Limits{25, 5})
	}
}
