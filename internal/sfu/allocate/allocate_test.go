package allocate

import (
	"fmt"
	"slices"
	"testing"
)

// camera is a simulcast of usual rates.
func camera(class, want, current int) Video {
	return Video{Class: class, Layers: []Layer{{0, 150_000}, {1, 500_000}, {2, 2_000_000}}, Want: want, Current: current}
}

// plain is a video of one layer.
func plain(class int, bps int64, current int) Video {
	return Video{Class: class, Layers: []Layer{{0, bps}}, Want: 2, Current: current}
}

func TestDivide(t *testing.T) {
	for _, test := range []struct {
		name   string
		bps    int64
		videos []Video
		want   []int
	}{
		{"all there is", 10_000_000, []Video{camera(0, 2, None), camera(0, 2, None)}, []int{2, 2}},
		{"no more than the view wants", 10_000_000, []Video{camera(0, 0, 2), camera(0, 1, None)}, []int{0, 1}},
		{"the smallest of each comes first", 800_000, []Video{camera(0, 2, None), camera(1, 2, None), camera(2, 2, None)}, []int{0, 0, 0}},
		{"what is left raises the first class", 1_000_000, []Video{camera(0, 2, None), camera(1, 2, None), camera(1, 2, None)}, []int{1, 0, 0}},
		{"within a class one rank each", 1_400_000, []Video{camera(0, 2, None), camera(0, 2, None)}, []int{1, 1}},
		{"the last is paused", 420_000, []Video{camera(0, 2, None), camera(1, 2, None), camera(2, 2, None)}, []int{0, 0, None}},
		{"sound alone", 120_000, []Video{camera(0, 2, 2)}, []int{None}},
		{"less than the sound", 50_000, []Video{camera(0, 2, 2)}, []int{None}},
		{"one layer that does not fit", 1_300_000, []Video{plain(0, 2_000_000, 0), camera(1, 2, 2)}, []int{None, 1}},
		{"one layer that fits", 2_400_000, []Video{plain(0, 2_000_000, None), camera(1, 2, None)}, []int{0, 0}},
		{"no layer flows", 2_400_000, []Video{{Want: 2}, camera(1, 2, None)}, []int{None, 2}},
		{"only the largest flows", 2_400_000, []Video{{Layers: []Layer{{2, 900_000}}, Want: 0}}, []int{2}},
		{"a gap in the ranks", 800_000, []Video{{Layers: []Layer{{0, 150_000}, {2, 600_000}}, Want: 2, Current: None}}, []int{2}},
		{"kept where it is nearly there", 585_000, []Video{camera(0, 2, 1)}, []int{1}},
		{"not taken up there", 600_000, []Video{camera(0, 2, 0)}, []int{0}},
		{"taken up with headroom", 650_000, []Video{camera(0, 2, 0)}, []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Divide(test.bps, test.bps, 100_000, test.videos)
			if !slices.Equal(r.Ranks, test.want) {
				t.Errorf("ranks %v, want %v", r.Ranks, test.want)
			}
		})
	}
}

// While a queue is emptied the estimate is low on purpose: no picture that is there
// goes for it, and none comes.
func TestSmallestLayersAreKept(t *testing.T) {
	const audio = 60_000
	for _, test := range []struct {
		name      string
		bps, kept int64
		videos    []Video
		want      []int
	}{
		{"as long as the way carries it", 155_000, 255_000, []Video{camera(0, 2, 0)}, []int{0}},
		{"lowered to the smallest", 155_000, 255_000, []Video{camera(0, 2, 1)}, []int{0}},
		{"not where the way does not carry it", 130_000, 150_000, []Video{camera(0, 2, 0)}, []int{None}},
		{"not for a new one", 155_000, 255_000, []Video{camera(0, 2, None)}, []int{None}},
		{"the more important of two", 155_000, 255_000, []Video{camera(0, 2, 0), camera(0, 2, 0)}, []int{0, None}},
		{"nothing is raised by it", 300_000, 900_000, []Video{camera(0, 2, 0)}, []int{0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := Divide(test.bps, test.kept, audio, test.videos); !slices.Equal(r.Ranks, test.want) {
				t.Errorf("ranks %v, want %v", r.Ranks, test.want)
			}
		})
	}
}

func TestWhatIsMissing(t *testing.T) {
	r := Divide(800_000, 800_000, 100_000, []Video{camera(0, 2, 0), plain(1, 1_000_000, None)})
	if r.Used != 600_000 || r.Step != 600_000+1_100_000 || r.Full != 100_000+2_200_000+1_100_000 {
		t.Errorf("%+v", r)
	}
	r = Divide(8_000_000, 8_000_000, 100_000, []Video{camera(0, 2, 0), plain(1, 1_000_000, None)})
	if r.Used != 3_100_000 || r.Step != r.Used || r.Full != r.Used {
		t.Errorf("nothing is missing: %+v", r)
	}
}

// A division is stable while the way and the rates move by a little.
func TestNoFlapping(t *testing.T) {
	videos := []Video{camera(0, 2, None), camera(1, 2, None), camera(1, 1, None)}
	changes := 0
	for i := range 400 {
		moved := slices.Clone(videos)
		for j := range moved {
			moved[j].Layers = slices.Clone(moved[j].Layers)
			for k := range moved[j].Layers {
				moved[j].Layers[k].BPS += moved[j].Layers[k].BPS * int64((i*7+j*3+k)%9-4) / 100
			}
		}
		bps := 1_300_000 + int64(i%5)*5_000
		r := Divide(bps, bps, 100_000, moved)
		for j, rank := range r.Ranks {
			if i > 0 && videos[j].Current != rank {
				changes++
			}
			videos[j].Current = rank
		}
	}
	if changes > 2 {
		t.Errorf("%d changes", changes)
	}
}

// Whatever it is given: no more than there is, but for the sound and what is
// tolerated; nothing above what is wanted while there is something below.
func FuzzDivide(f *testing.F) {
	f.Add(int64(1_000_000), int64(50_000), []byte{0, 2, 1, 10, 20, 30, 1, 2, 0, 5, 50, 200})
	f.Fuzz(func(t *testing.T, bps, audio int64, data []byte) {
		bps, audio = bps%1e10, max(audio%1e8, 0)
		var videos []Video
		for ; len(data) >= 6 && len(videos) < 50; data = data[6:] {
			v := Video{Class: int(data[0]) / 64, Want: int(data[1]) % 3, Current: int(data[2])%4 - 1}
			for rank := range 3 {
				if n := data[3+rank]; n > 0 {
					v.Layers = append(v.Layers, Layer{rank, int64(n) * 10_000})
				}
			}
			videos = append(videos, v)
		}
		r := Divide(bps, bps, audio, videos)
		if r.Used > audio && (r.Used-audio)*5/6 > bps-audio+10 {
			t.Fatalf("%d used of %d: %+v", r.Used, bps, r)
		}
		if r.Step < r.Used || r.Full < r.Used {
			t.Fatalf("%+v", r)
		}
		for i, rank := range r.Ranks {
			v := videos[i]
			if rank > v.Want && v.Layers[0].Rank != rank {
				t.Fatal(fmt.Sprint("above what is wanted: ", rank, v))
			}
		}
	})
}
