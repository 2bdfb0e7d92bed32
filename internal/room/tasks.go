package room

import (
	"sync"

	"aq-server/internal/recovery"
)

// tasks counts what must have ended before RoomManager.Close returns: joins
// under way and the goroutines of rooms. mu is a leaf: nothing is locked under
// it.
type tasks struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

// enter counts one more task. It reports false after close.
func (t *tasks) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Add(1)
	return true
}

// leave ends a task that enter counted.
func (t *tasks) leave() { t.wg.Done() }

// start runs f in a goroutine that close waits for. It reports false, and does
// nothing, after close.
func (t *tasks) start(name string, f func()) bool {
	if !t.enter() {
		return false
	}
	// Owned by tasks, awaited by close; each f ends by itself or when the
	// members it belongs to are removed, which comes before close.
	go func() {
		defer t.leave()
		defer recovery.RecoverWithPrefix(name)
		f()
	}()
	return true
}

// close refuses new tasks and waits for those there are.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wg.Wait()
}
