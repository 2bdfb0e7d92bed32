package network

import (
	"testing"
	"time"

	"aq-server/internal/client"
)

// TestRebinding is F7: the NAT before one forgets its mappings, and what he
// sends comes from another port.
func TestRebinding(t *testing.T) {
	t.Parallel()
	c := newCall(t, "--nat", "2")
	c.do("delay", "2", "25")
	for range runs(t) {
		c.again()
		began := time.Now()
		c.do("rebind", "2")
		c.moved(t, "F7 NAT rebinding at 50 ms: media gap", began)
	}
}

// TestAddressChange is F8: one goes from one network to another.
func TestAddressChange(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	c.do("delay", "2", "25")
	for range runs(t) {
		c.again()
		began := time.Now()
		c.do("readdr", "2")
		c.moved(t, "F8 address change at 50 ms: media gap", began)
	}
}

// moved waits until both hear each other over the new way.
func (c *call) moved(t *testing.T, name string, began time.Time) {
	t.Helper()
	hears(t, deadline, c.bob, c.alice, began)
	hears(t, deadline, c.alice, c.bob, began)
	pass(5 * time.Second) // it was the old way still when it all went fast
	hears(t, deadline, c.bob, c.alice, time.Now())
	hears(t, deadline, c.alice, c.bob, time.Now())
	took(t, name, max(longest(c.alice, c.bob), longest(c.bob, c.alice)), 4*time.Second)
	c.bob.View(func(st *client.State) {
		if len(st.Left) > 0 || st.Events["peer_joined"] > 0 {
			t.Errorf("left %v, joined %d times", st.Left, st.Events["peer_joined"])
		}
	})
	c.tell(began)
}
