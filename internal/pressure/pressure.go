// Package pressure tells when memory is so short that nobody new should be let
// in: those who are inside keep what they need (docs/limits.md, F16).
package pressure

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// full is the share of the limit from which on nobody new is let in, and soft
	// the share that the garbage collector is told to keep within, if nobody told
	// it (GOMEMLIMIT).
	full = 0.85
	soft = 0.80
	// look is how often memory is looked at.
	look = 250 * time.Millisecond
	// cgroup is where the limit of a container or a systemd unit stands (cgroup
	// version 2).
	cgroup = "/sys/fs/cgroup/memory.max"
)

// Memory watches the memory of this process. Its methods may be called from any
// goroutine.
type Memory struct {
	limit int64 // bytes; 0: none
	used  func() int64
	now   func() time.Time

	mu   sync.Mutex // a leaf
	at   time.Time
	full bool
}

// New returns a Memory for the limit that was set by GOMEMLIMIT or by the cgroup,
// the lesser of both.
func New() *Memory {
	set := debug.SetMemoryLimit(-1)
	limit := limitOf(set, readCgroup(cgroup))
	if set == math.MaxInt64 && limit > 0 {
		debug.SetMemoryLimit(int64(float64(limit) * soft))
	}
	return &Memory{limit: limit, used: used, now: time.Now}
}

// limitOf returns the lesser of two limits, of which 0 and MaxInt64 are none.
func limitOf(a, b int64) int64 {
	if a == math.MaxInt64 {
		a = 0
	}
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

func readCgroup(path string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0 // not Linux, or no cgroup
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 {
		return 0 // "max"
	}
	return n
}

// used is what the Go runtime holds of the system's memory.
func used() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64() - samples[2].Value.Uint64())
}

// Full reports whether nobody new should be let in.
func (m *Memory) Full() bool {
	if m.limit <= 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.at.IsZero() || now.Sub(m.at) >= look {
		m.at = now
		m.full = float64(m.used()) >= full*float64(m.limit)
	}
	return m.full
}
