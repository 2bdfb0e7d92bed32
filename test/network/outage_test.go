package network

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"aq-server/internal/client"
)

// call is two who send to each other, on machines 2 and 3.
type call struct {
	*lab
	server     *server
	alice, bob *client.Client
}

// newCall joins them; options are those of netlab.sh up.
func newCall(t *testing.T, options ...string) *call {
	t.Helper()
	l := newLab(t, 3, options...)
	c := &call{lab: l, server: l.serve()}
	c.alice = c.server.join(l.host(2), client.Options{Room: "call", Username: "Alice", Publish: both()})
	c.bob = c.server.join(l.host(3), client.Options{Room: "call", Username: "Bob", Publish: both()})
	meet(t, c.alice, c.bob)
	return c
}

// again makes ready for another run: both hear each other and nothing is lost.
func (c *call) again() {
	c.t.Helper()
	now := time.Now()
	hears(c.t, deadline, c.alice, c.bob, now)
	hears(c.t, deadline, c.bob, c.alice, now)
	pass(2 * time.Second)
	c.alice.ResetGaps()
	c.bob.ResetGaps()
}

// tell writes down what happened since a moment.
func (c *call) tell(since time.Time) {
	c.t.Log(story("Alice", c.alice, since))
	c.t.Log(story("Bob", c.bob, since))
}

// TestBlackhole is F9: nothing gets through to one for 10 s or 60 s, and media
// is back as soon as something does.
func TestBlackhole(t *testing.T) {
	t.Parallel()
	for outage, aim := range map[time.Duration]time.Duration{10 * time.Second: time.Second, time.Minute: 3 * time.Second} {
		if outage > 10*time.Second && !full() {
			continue
		}
		t.Run(outage.String(), func(t *testing.T) {
			t.Parallel()
			c := newCall(t)
			for range runs(t) {
				c.blackhole(t, outage, aim)
				c.again()
			}
		})
	}
}

func (c *call) blackhole(t *testing.T, outage, aim time.Duration) {
	path, made := ufrag(c.alice), connections(c.alice)
	began := time.Now()
	c.do("blackhole", "2", "on")
	pass(outage)
	over := time.Now()
	c.do("blackhole", "2", "off")
	toBob := hears(t, deadline, c.bob, c.alice, over)
	toAlice := hears(t, deadline, c.alice, c.bob, over)
	name := fmt.Sprintf("F9 blackhole of %.0f s: media back after its end", outage.Seconds())
	took(t, name, max(toBob.Sub(over), toAlice.Sub(over), 0), aim)
	wait(t, deadline, c.alice, "the socket", func(st *client.State) bool {
		return st.Connected && (len(st.Losses) == 0 || !st.Losses[len(st.Losses)-1].Back.IsZero())
	})
	pass(3 * time.Second) // a late restart would tear it now
	defer c.tell(began)
	if outage > 10*time.Second {
		return
	}
	if now := ufrag(c.alice); now != path {
		t.Errorf("an ICE restart was torn through an outage that heals by itself")
	}
	if now := connections(c.alice); now != made {
		t.Errorf("%d PeerConnections made", now-made)
	}
}

// TestSocketCut is F10: the WebSocket is reset and TCP gets nothing through for
// 10 s, while media flows.
func TestSocketCut(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	for range runs(t) {
		lostBefore, resumes, made := lost(c.bob)+lost(c.alice), resumed(c.bob), connections(c.bob)
		chat := chatTexts(c.bob)
		began := time.Now()
		c.do("tcpcut", "3")
		c.do("tcpblock", "3", "on")
		wait(t, deadline, c.alice, "the mark", func(st *client.State) bool {
			for _, p := range st.Peers {
				return p.State.Connection == "lost"
			}
			return false
		})
		took(t, "F10 socket cut: the others are told", time.Since(began), 2*time.Second)
		if n := c.server.peers("call"); n != 1 {
			t.Errorf("/rooms counts %d, and one of them is a ghost", n)
		}
		for i := range 20 {
			text := fmt.Sprintf("message %d of %v", i, began)
			if err := c.alice.Chat(text); err != nil {
				t.Fatal(err)
			}
			chat = append(chat, text)
			pass(100 * time.Millisecond)
		}
		pass(time.Until(began.Add(10 * time.Second)))
		over := time.Now()
		c.do("tcpblock", "3", "off")
		wait(t, deadline, c.bob, "the welcome", func(st *client.State) bool { return st.Resumes == resumes+1 })
		took(t, "F10 socket cut of 10 s: resumed after the network is back", time.Since(over), 2*time.Second)
		wait(t, deadline, c.bob, "the chat", func(st *client.State) bool { return len(st.Chat) >= len(chat) })
		if got := chatTexts(c.bob); !slices.Equal(got, chat) {
			t.Errorf("chat %q, want %q", got, chat)
		}
		count(t, "F10 RTP lost by sequence number", lost(c.bob)+lost(c.alice)-lostBefore, 0)
		count(t, "F10 PeerConnections made", connections(c.bob)-made, 0)
		took(t, "F10 longest gap of media", max(longest(c.alice, c.bob), longest(c.bob, c.alice)), 300*time.Millisecond)
		c.tell(began)
		c.again()
	}
}

// TestPausedServer is F18: the server's process stands still for 10 s.
func TestPausedServer(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	for range runs(t) {
		made := connections(c.alice) + connections(c.bob)
		c.server.signal(syscall.SIGSTOP)
		began := time.Now()
		pass(10 * time.Second)
		c.server.signal(syscall.SIGCONT)
		over := time.Now()
		back := over
		for _, pair := range [][2]*client.Client{{c.alice, c.bob}, {c.bob, c.alice}} {
			media := hears(t, deadline, pair[0], pair[1], over)
			wait(t, deadline, pair[0], "the socket", func(st *client.State) bool {
				return st.Connected && (len(st.Losses) == 0 || !st.Losses[len(st.Losses)-1].Back.IsZero())
			})
			back = latest(back, media)
			pair[0].View(func(st *client.State) {
				if n := len(st.Losses); n > 0 {
					back = latest(back, st.Losses[n-1].Back)
				}
				if len(st.Left) > 0 {
					t.Errorf("%v left the room", st.Left)
				}
			})
		}
		took(t, "F18 server stopped for 10 s: media and sockets back", back.Sub(over), 3*time.Second)
		count(t, "F18 PeerConnections made", connections(c.alice)+connections(c.bob)-made, 0)
		c.tell(began)
		c.again()
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func resumed(c *client.Client) (n int) {
	c.View(func(st *client.State) { n = st.Resumes })
	return n
}

func chatTexts(c *client.Client) (texts []string) {
	c.View(func(st *client.State) { texts = st.ChatTexts() })
	return texts
}
