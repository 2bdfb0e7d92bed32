package network

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// deadline bounds what has no figure of its own.
const deadline = 60 * time.Second

// scratch is a folder for what the tests build.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "aq-network-")
	if err != nil {
		panic(err)
	}
	scratch = dir
	flag.Parse()
	if !full() {
		// They wait far more than they work; the figures of the full form are
		// taken two at a time.
		_ = flag.Set("test.parallel", "5")
	}
	code := m.Run()
	fmt.Print(figures.table())
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println(err)
			code = 1
		}
	}
	os.Exit(code)
}

// A figure is what was measured, over one or several runs, against its aim.
type figure struct {
	name string
	aim  string
	unit string
	runs []float64
	more bool // more is better
}

type table struct {
	mu   sync.Mutex
	rows []*figure
}

var figures table

func (f *table) add(name, aim, unit string, more bool, value float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.rows, func(r *figure) bool { return r.name == name })
	if i < 0 {
		i = len(f.rows)
		f.rows = append(f.rows, &figure{name: name, aim: aim, unit: unit, more: more})
	}
	f.rows[i].runs = append(f.rows[i].runs, value)
}

// table returns the figures as a table in Markdown: the median and the worst.
func (f *table) table() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rows) == 0 {
		return ""
	}
	slices.SortStableFunc(f.rows, func(a, b *figure) int { return strings.Compare(a.order(), b.order()) })
	var b strings.Builder
	b.WriteString("\n| fault and figure | median | worst | runs | aim |\n|---|---|---|---|---|\n")
	for _, r := range f.rows {
		slices.Sort(r.runs)
		worst := r.runs[len(r.runs)-1]
		if r.more {
			worst = r.runs[0]
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s |\n", r.name, r.text(r.runs[len(r.runs)/2]), r.text(worst), len(r.runs), r.aim)
	}
	return b.String()
}

// order sorts F2 before F10.
func (r *figure) order() string {
	number, rest, _ := strings.Cut(strings.TrimPrefix(r.name, "F"), " ")
	return fmt.Sprintf("%3s %s", number, rest)
}

func (r *figure) text(v float64) string {
	digits := 2
	if r.unit == "" {
		digits = 0
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', digits, 64) + " " + r.unit)
}

// patience is what a time may be longer than its aim before the test fails. The
// figures are taken in the full form, on a machine that does nothing else; the
// short form runs under the race detector beside other tests, and is there to
// see that things come back at all, and in which way.
func patience() time.Duration {
	if full() {
		return 1
	}
	return 4
}

// took records a time, and fails the test when it is longer than the aim.
func took(t *testing.T, name string, d, atMost time.Duration) {
	t.Helper()
	figures.add(name, "≤ "+atMost.String(), "s", false, d.Seconds())
	t.Logf("%s: %.2f s", name, d.Seconds())
	if d > atMost*patience() {
		t.Errorf("%s: %.2f s, more than %v", name, d.Seconds(), atMost*patience())
	}
}

// percent records a share, and fails the test when it is less than the aim.
func percent(t *testing.T, name string, share, atLeast float64) {
	t.Helper()
	figures.add(name, fmt.Sprintf("≥ %g %%", atLeast), "%", true, 100*share)
	t.Logf("%s: %.2f %%", name, 100*share)
	if 100*share < atLeast {
		t.Errorf("%s: %.3f %%, less than %g %%", name, 100*share, atLeast)
	}
}

// count records a number, and fails the test when it is larger than the aim.
func count(t *testing.T, name string, n, atMost int) {
	t.Helper()
	figures.add(name, fmt.Sprintf("≤ %d", atMost), "", false, float64(n))
	t.Logf("%s: %d", name, n)
	if n > atMost {
		t.Errorf("%s: %d, more than %d", name, n, atMost)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// runs returns how often a cheap case is repeated.
func runs(t *testing.T) int {
	t.Helper()
	if full() {
		return 3
	}
	return 1
}
