package handlers

import (
	"aq-server/internal/room"
	"aq-server/internal/types"
)

// letIn is told how the wait ended (room.Knock). Not on the reader's goroutine.
func (c *client) letIn(member *room.Member, err error) {
	if err != nil {
		c.out.Close(causeOfJoin(err))
	}
	c.answered <- member // nil with an error
}

// here tells whether he is in the room by now. Only the reader asks.
func (c *client) here() bool {
	if c.member == nil && c.knock != nil {
		select {
		case c.member = <-c.answered:
			c.knock = nil
		default:
		}
	}
	return c.member != nil
}

// routeOutside hands on what somebody may say who waits to be let in.
func (c *client) routeOutside(m message) *types.ProtocolError {
	switch m.Event {
	case types.EventPing:
		return c.pong(m.Data)
	case types.EventLeave:
		return errLeave
	}
	return types.Errorf(types.CodeWaiting, "you are waiting to be let in")
}
