package room

import (
	"slices"
	"testing"

	"aq-server/internal/types"
)

// crowd is people who do things in any order, for FuzzEvents.
type crowd struct {
	*world
	t       *testing.T
	members []*Member
	conns   []*fakeConn
	knocks  []*visitor
	tokens  []string
}

func (c *crowd) pick(b byte) (*Member, *fakeConn) {
	if len(c.members) == 0 {
		return nil, nil
	}
	i := int(b) % len(c.members)
	return c.members[i], c.conns[i]
}

// act does one thing: what, and with or to whom, stands in three bytes.
func (c *crowd) act(what, who, how byte) {
	m, conn := c.pick(who)
	target, _ := c.pick(how)
	source := types.Sources()[int(how)%4]
	on := how%2 == 0
	switch what % 12 {
	case 0, 1:
		v, err := c.visit(c.t, JoinRequest{Username: "X", Device: string('a' + rune(how%4))})
		if err == nil {
			c.enter(v.conn)
		} else {
			c.knocks = append(c.knocks, v)
		}
		return
	case 2:
		if len(c.tokens) > 0 {
			if _, err := c.visit(c.t, JoinRequest{Username: "Y", Resume: c.tokens[int(how)%len(c.tokens)], Keep: on}); err != nil {
				return
			}
		}
		return
	}
	if m == nil {
		return
	}
	switch what % 12 {
	case 3:
		m.Leave(conn, types.LeaveLeft)
	case 4:
		if on {
			_ = m.Chat("hello")
		} else {
			_ = m.ChatTo("hello", target.Peer().ID)
			_ = m.React(types.React{Emoji: "👏"})
		}
	case 5:
		_ = m.State(types.StateUpdate{Microphone: &on, Camera: &on})
	case 6:
		_ = m.Publish(types.Publish{Source: source})
	case 7, 8, 9:
		a := types.Moderate{
			Action: types.Actions()[int(who)%len(types.Actions())], PeerID: target.Peer().ID, Source: source,
			Hard: on, Ban: on, On: on, What: []string{"screen", "chat"}[how%2],
		}
		may := c.moderates(m)
		if err := m.Moderate(a); err == nil && !may {
			c.t.Errorf("who does not moderate did %s", a.Action)
		}
	case 10:
		d, err := c.Describe("demo")
		if err == nil && len(d.Lobby) > 0 {
			_ = m.Admit(types.Admit{PeerID: d.Lobby[int(how)%len(d.Lobby)].PeerID, Admit: on})
		}
	case 11:
		m.Spoke(conn)
		m.SocketLost(conn, types.LeaveLost, BackSoon)
	}
}

func (c *crowd) moderates(m *Member) bool {
	m.room.mu.Lock()
	defer m.room.mu.Unlock()
	return m.state.Moderator && !m.gone
}

// enter takes up who was let in.
func (c *crowd) enter(conn *fakeConn) {
	r := c.pin("demo")
	if r == nil {
		return
	}
	defer r.Release()
	for _, m := range r.list() {
		m.room.mu.Lock()
		mine, token := m.conn == Conn(conn), m.token
		m.room.mu.Unlock()
		if mine {
			c.members, c.conns, c.tokens = append(c.members, m), append(c.conns, conn), append(c.tokens, token)
		}
	}
}

// FuzzEvents has people do valid things in any order. Whatever they do, media
// blocks what is muted, only moderators moderate, and nothing is left at the end.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 7, 0, 0, 5, 1, 0, 7, 4, 1, 10, 0, 0, 3, 0, 0})
	f.Add([]byte{0, 0, 0, 7, 4, 2, 0, 0, 1, 10, 0, 0, 7, 2, 0, 2, 0, 0, 11, 0, 0, 2, 0, 1})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 7, 7, 1, 3, 0, 0, 9, 6, 0, 8, 5, 1, 4, 0, 0, 6, 1, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		w := ordered(t, nil)
		c := &crowd{world: w, t: t}
		for chunk := range slices.Chunk(script[:min(len(script), 300)], 3) {
			if len(chunk) == 3 {
				c.act(chunk[0], chunk[1], chunk[2])
			}
		}
		for _, m := range c.members {
			m.room.mu.Lock()
			gone, blocked, media := m.gone, m.blockedLocked(), m.media
			m.room.mu.Unlock()
			if !gone && media.(*fakePeer).blocks() != blocked {
				t.Errorf("media blocks %v, want %v", media.(*fakePeer).blocks(), blocked)
			}
		}
		for _, k := range c.knocks {
			if k.knock.room != nil {
				k.knock.Cancel()
			}
		}
		w.close()
	})
}
