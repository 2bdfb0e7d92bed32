package transfer

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// house is people who take a file: how much room each has, and what he has got.
type house struct {
	*Stream[string]
	room map[string]int
	got  map[string][]int
	sent int // chunks that the sender has sent
}

func newHouse(chunks int) *house {
	return &house{Stream: New[string](chunks), room: map[string]int{}, got: map[string][]int{}}
}

func (h *house) join(name string, room int) {
	h.Join(name)
	h.room[name] = room
}

// deliver answers a request.
func (h *house) deliver(t *testing.T, first, count int) {
	t.Helper()
	for chunk := first; chunk < first+count; chunk++ {
		to, err := h.Arrive(chunk, func(k string) bool { return h.room[k] > 0 })
		if err != nil {
			t.Fatal(err)
		}
		h.sent++
		for _, name := range to {
			h.room[name]--
			h.got[name] = append(h.got[name], chunk)
		}
	}
}

func (h *house) ask(most int) (first, count int) {
	return h.Ask(func(k string) int { return h.room[k] }, most)
}

// whole reports whether somebody has each chunk once.
func (h *house) whole(name string) bool {
	sorted := slices.Sorted(slices.Values(h.got[name]))
	for i, chunk := range sorted {
		if i != chunk {
			return false
		}
	}
	return len(sorted) == h.chunks
}

func TestOneTaker(t *testing.T) {
	h := newHouse(10)
	if _, count := h.ask(100); count != 0 {
		t.Errorf("asked for %d chunks for nobody", count)
	}
	h.join("a", 4)
	first, count := h.ask(3)
	if first != 0 || count != 3 {
		t.Errorf("asked for %d from %d", count, first)
	}
	if first, count = h.ask(3); first != 3 || count != 1 { // what is under way takes his room
		t.Errorf("asked for %d from %d", count, first)
	}
	if _, count = h.ask(3); count != 0 {
		t.Errorf("asked for %d beyond his room", count)
	}
	h.deliver(t, 0, 4)
	h.room["a"] = 100
	if first, count = h.ask(100); first != 4 || count != 6 {
		t.Errorf("asked for %d from %d", count, first)
	}
	h.deliver(t, 4, 6)
	if h.Takers() != 0 || h.Left("a") != 0 || !h.whole("a") {
		t.Errorf("got %v, %d takers", h.got["a"], h.Takers())
	}
}

// Who comes in the midst of it shares the rest, and gets the beginning after it.
func TestLateTakerSharesTheUpload(t *testing.T) {
	h := newHouse(10)
	h.join("a", 100)
	h.deliver(t, first(t, h, 6), 6)
	h.join("b", 100)
	if first, count := h.ask(100); first != 6 || count != 4 { // never beyond the end
		t.Fatalf("asked for %d from %d", count, first)
	}
	h.deliver(t, 6, 4)
	if !h.whole("a") || h.Left("b") != 6 {
		t.Errorf("a got %v, b lacks %d", h.got["a"], h.Left("b"))
	}
	if first, count := h.ask(100); first != 0 || count != 6 {
		t.Fatalf("asked for %d from %d", count, first)
	}
	h.deliver(t, 0, 6)
	if !h.whole("b") || h.sent != 16 {
		t.Errorf("b got %v, %d chunks sent", h.got["b"], h.sent)
	}
}

func first(t *testing.T, h *house, count int) int {
	t.Helper()
	first, n := h.ask(count)
	if n != count {
		t.Fatalf("asked for %d, want %d", n, count)
	}
	return first
}

// Who has no room at first, because his channel is still to be opened, shares all
// that is to come.
func TestTakerWhoBeginsLater(t *testing.T) {
	h := newHouse(10)
	h.join("a", 100)
	h.join("b", 0)
	h.deliver(t, first(t, h, 3), 3)
	h.room["b"] = 100
	if got := h.InStep(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("in step: %v", got)
	}
	h.deliver(t, first(t, h, 7), 7)
	h.deliver(t, first(t, h, 3), 3)
	if !h.whole("a") || !h.whole("b") || h.sent != 13 {
		t.Errorf("a got %v, b %v; %d chunks sent", h.got["a"], h.got["b"], h.sent)
	}
}

// Who has no room does not hold up the others, and misses nothing.
func TestSlowTakerHoldsUpNobody(t *testing.T) {
	h := newHouse(100)
	h.join("fast", 1000)
	h.join("slow", 2)
	for !h.whole("fast") {
		first, count := h.ask(8)
		if count == 0 {
			t.Fatalf("nothing is asked for; fast has %d", len(h.got["fast"]))
		}
		h.deliver(t, first, count)
	}
	if got := h.got["slow"]; !slices.Equal(got, []int{0, 1}) {
		t.Errorf("slow got %v", got)
	}
	for !h.whole("slow") {
		h.room["slow"] = 1
		first, count := h.ask(8)
		if count != 1 {
			t.Fatalf("asked for %d from %d", count, first)
		}
		h.deliver(t, first, count)
	}
	if h.sent != 198 {
		t.Errorf("%d chunks sent", h.sent)
	}
}

func TestNotAsked(t *testing.T) {
	h := newHouse(10)
	h.join("a", 100)
	all := func(string) bool { return true }
	if _, err := h.Arrive(0, all); !errors.Is(err, ErrNotAsked) {
		t.Errorf("unasked: %v", err)
	}
	h.ask(2)
	if _, err := h.Arrive(1, all); !errors.Is(err, ErrNotAsked) {
		t.Errorf("out of order: %v", err)
	}
	h.deliver(t, 0, 2)
	if _, err := h.Arrive(2, all); !errors.Is(err, ErrNotAsked) {
		t.Errorf("beyond: %v", err)
	}
	h.Leave("a") // what is under way may still come, for nobody
	if _, count := h.ask(5); count != 0 {
		t.Errorf("asked for %d for nobody", count)
	}
}

// FuzzStream has people come, go, and make room in any order. Whatever they do,
// nobody gets a chunk twice or more than he has room for, the sender is asked for
// what is in the file, and who stays gets all of it.
func FuzzStream(f *testing.F) {
	f.Add(uint8(10), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Add(uint8(1), []byte{0, 4, 8, 12})
	f.Add(uint8(200), []byte{0, 0, 4, 5, 8, 9, 13, 60, 61, 2, 6})
	f.Fuzz(func(t *testing.T, chunks uint8, script []byte) {
		h := newHouse(int(chunks) + 1)
		names, came := []string{}, 0
		type request struct{ first, count int }
		var under []request
		ask := func() bool {
			first, count := h.ask(7)
			if count < 0 || first < 0 || first+count > h.chunks {
				t.Fatalf("asked for %d from %d of %d", count, first, h.chunks)
			}
			if count > 0 {
				under = append(under, request{first, count})
			}
			return count > 0
		}
		answer := func() {
			if len(under) > 0 {
				h.deliver(t, under[0].first, under[0].count)
				under = under[1:]
			}
		}
		for i, b := range script[:min(len(script), 200)] {
			switch {
			case b%5 == 0 && len(names) < 20:
				came++
				name := string(rune(64 + came))
				names = append(names, name)
				h.join(name, int(b)/5)
			case b%5 == 1:
				ask()
			case b%5 == 2:
				answer()
			case b%5 == 3 && len(names) > 0:
				h.room[names[i%len(names)]] += int(b) / 5
			case b%5 == 4 && len(names) > 0 && b > 200:
				name := names[i%len(names)]
				h.Leave(name)
				names = slices.DeleteFunc(names, func(n string) bool { return n == name })
			}
		}
		order := rand.New(rand.NewPCG(1, uint64(chunks)))
		for turn := 0; h.Takers() > 0; turn++ {
			if turn > 100_000 {
				t.Fatalf("no end: %d takers", h.Takers())
			}
			for _, name := range names {
				h.room[name] = order.IntN(4)
			}
			ask()
			answer()
		}
		for _, name := range names {
			if !h.whole(name) {
				t.Fatalf("%s got %v of %d", name, h.got[name], h.chunks)
			}
		}
	})
}
