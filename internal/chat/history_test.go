package chat

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"aq-server/internal/types"
)

func message(id int, text string) types.ChatMessage {
	return types.ChatMessage{ID: strconv.Itoa(id), From: "p_1", Username: "Alice", Message: text}
}

func ids(list []types.ChatMessage) string {
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.ID + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestHistoryKeepsTheLast(t *testing.T) {
	budget := NewBudget(TotalBytes)
	h := NewHistory(3, RoomBytes, budget)
	for i := 1; i <= 5; i++ {
		h.Add(message(i, "x"))
	}
	if got := ids(h.All()); got != "3 4 5" {
		t.Errorf("kept %s, want 3 4 5", got)
	}
	h.Close()
	if len(h.All()) != 0 || budget.Left() != TotalBytes {
		t.Errorf("after Close %d messages, %d bytes not given back", len(h.All()), TotalBytes-budget.Left())
	}
}

func TestSince(t *testing.T) {
	h := NewHistory(3, RoomBytes, NewBudget(TotalBytes))
	for _, id := range []int{8, 9, 10, 11} { // as numbers, not as text
		h.Add(message(id, "x"))
	}
	for id, want := range map[string]string{
		"9": "10 11", "10": "11", "11": "", "99": "", "1": "9 10 11", "0": "9 10 11",
		"": "9 10 11", "abc": "9 10 11", "-1": "9 10 11", "99999999999999999999999": "9 10 11",
	} {
		got := h.Since(id)
		if ids(got) != want || got == nil {
			t.Errorf("Since(%q) = %s, want %s", id, ids(got), want)
		}
	}
}

func TestCopies(t *testing.T) {
	h := NewHistory(2, RoomBytes, NewBudget(TotalBytes))
	h.Add(message(1, "x"))
	h.Add(message(2, "x"))
	all, since := h.All(), h.Since("1")
	h.Add(message(3, "x"))
	if ids(all) != "1 2" || ids(since) != "2" {
		t.Errorf("what was handed out changed: %s, %s", ids(all), ids(since))
	}
}

func TestNoHistory(t *testing.T) {
	budget := NewBudget(TotalBytes)
	h := NewHistory(0, RoomBytes, budget)
	h.Add(message(1, "x"))
	if all := h.All(); len(all) != 0 || all == nil || budget.Left() != TotalBytes {
		t.Errorf("kept %v", all)
	}
}

func TestBytesOfARoom(t *testing.T) {
	budget := NewBudget(TotalBytes)
	h := NewHistory(10_000, RoomBytes, budget)
	long := strings.Repeat("€", 4096) // 12 KiB
	for i := range 1000 {
		h.Add(message(i, long))
		if h.bytes > RoomBytes || TotalBytes-budget.Left() != h.bytes {
			t.Fatalf("after %d messages %d bytes, %d taken", i+1, h.bytes, TotalBytes-budget.Left())
		}
	}
	if n := len(h.All()); n < 15 || n > 21 {
		t.Errorf("kept %d messages of 12 KiB in 256 KiB", n)
	}
	if got := h.All(); got[len(got)-1].ID != "999" {
		t.Errorf("the last kept is %s", got[len(got)-1].ID)
	}
	h.Add(message(1000, strings.Repeat("x", RoomBytes)))
	if got := h.All(); got[len(got)-1].ID != "999" {
		t.Error("a message larger than the room's share was kept")
	}
}

func TestBudgetOfAllRooms(t *testing.T) {
	one := sizeOf(message(1, "x"))
	budget := NewBudget(4*one + one/2)
	a, b := NewHistory(100, RoomBytes, budget), NewHistory(100, RoomBytes, budget)
	for i := range 3 {
		a.Add(message(i, "x"))
	}
	for i := range 3 {
		b.Add(message(i, "x"))
	}
	if ids(a.All()) != "0 1 2" || ids(b.All()) != "2" {
		t.Errorf("a has %q, b has %q; want b to make place by its own", ids(a.All()), ids(b.All()))
	}
	c := NewHistory(100, RoomBytes, budget)
	c.Add(message(1, "x"))
	if len(c.All()) != 0 {
		t.Error("kept a message beyond the budget")
	}
	a.Close()
	c.Add(message(2, "x"))
	if ids(c.All()) != "2" {
		t.Error("memory given back cannot be used")
	}
	b.Close()
	c.Close()
	if budget.Left() != 4*one+one/2 {
		t.Errorf("%d bytes left in the end", budget.Left())
	}
}

func TestBudgetIsShared(t *testing.T) {
	budget := NewBudget(100_000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			h := NewHistory(50, RoomBytes, budget)
			for i := range 2000 {
				h.Add(message(i, "some text"))
				if budget.Left() < 0 {
					t.Error("overdrawn")
					return
				}
			}
			h.Close()
		})
	}
	wg.Wait()
	if budget.Left() != 100_000 {
		t.Errorf("%d left", budget.Left())
	}
}

func BenchmarkAdd(b *testing.B) {
	h := NewHistory(100, RoomBytes, NewBudget(TotalBytes))
	b.ReportAllocs()
	for b.Loop() {
		h.Add(message(1, "hello"))
	}
}

func TestMergeKeepsTheOrder(t *testing.T) {
	list := func(ids ...int) (l []types.ChatMessage) {
		for _, id := range ids {
			l = append(l, message(id, "x"))
		}
		return l
	}
	for _, c := range []struct {
		a, b []types.ChatMessage
		want string
	}{
		{list(8, 10, 11), list(9, 100), "8 9 10 11 100"}, // as numbers, not as text
		{list(1, 2), nil, "1 2"},
		{nil, list(1, 2), "1 2"},
		{nil, nil, ""},
	} {
		if got := Merge(c.a, c.b); ids(got) != c.want || got == nil {
			t.Errorf("Merge = %s, want %s", ids(got), c.want)
		}
	}
}

func TestPrivateBytes(t *testing.T) {
	budget := NewBudget(TotalBytes)
	h := NewHistory(10_000, PrivateBytes, budget)
	for i := range 1000 {
		h.Add(message(i, strings.Repeat("x", 1000)))
	}
	if h.bytes > PrivateBytes || h.bytes < PrivateBytes/2 || TotalBytes-budget.Left() != h.bytes {
		t.Errorf("holds %d bytes, of the budget %d", h.bytes, TotalBytes-budget.Left())
	}
}
