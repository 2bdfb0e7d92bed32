package handlers

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"aq-server/internal/types"
)

// message is what is read of a client's frame. Fields that are not here are
// ignored, whatever they hold.
type message struct {
	Event   string `json:"event"`
	Data    string `json:"data"`
	Message string `json:"message"` // chat: used when Data is empty
	OfferID uint64 `json:"offer_id"`
	// To is read of chat events alone: elsewhere it may hold anything.
	To json.RawMessage `json:"to"`
}

// errLeave is no error: the client wants to leave.
var errLeave = &types.ProtocolError{}

// decode reads a frame. encoding/json refuses to nest deeper than 10,000 levels
// before it builds anything, so that a bomb of brackets costs one scan. The
// error has code bad_json.
func decode(text []byte) (message, *types.ProtocolError) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return message{}, types.Errorf(types.CodeBadJSON, "not a message: %s", jsonProblem(err))
	}
	if m.Event == "" {
		return message{}, types.Errorf(types.CodeBadJSON, "not a message: the event is missing")
	}
	return m, nil
}

// decodeData reads the JSON text in a message's data. The error has code
// bad_message.
func decodeData[T any](m message) (T, *types.ProtocolError) {
	var v T
	if m.Data == "" {
		return v, types.Errorf(types.CodeBadMessage, "the data is missing")
	}
	if err := json.Unmarshal([]byte(m.Data), &v); err != nil {
		return v, types.Errorf(types.CodeBadMessage, "the data: %s", jsonProblem(err))
	}
	return v, nil
}

// jsonProblem says what is wrong in words for people who write clients.
func jsonProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return "it is not a JSON object"
		}
		return "the field " + truncate(wrong.Field) + " has the wrong type or is out of range"
	}
	return "it is not valid JSON"
}

// faultPoint is nil but in builds for tests, see fault.go.
var faultPoint func(message)

// route hands a message to whom it concerns.
func (c *client) route(m message) *types.ProtocolError {
	if faultPoint != nil {
		faultPoint(m)
	}
	media := c.member.Media()
	switch m.Event {
	case types.EventAnswer:
		sdp, err := decodeData[types.SessionDescription](m)
		if err != nil {
			return err
		}
		if sdp.Type != "answer" {
			return types.Errorf(types.CodeBadMessage, `the type of an answer is "answer"`)
		}
		return media.HandleAnswer(sdp, m.OfferID)
	case types.EventCandidate:
		return with(m, media.HandleCandidate)
	case types.EventChat:
		return c.chatMessage(m)
	case types.EventPublish:
		return with(m, c.member.Publish)
	case types.EventUnpublish:
		return with(m, media.Unpublish)
	case types.EventView:
		return with(m, media.View)
	case types.EventState:
		return with(m, c.member.State)
	case types.EventReaction:
		return with(m, c.member.React)
	case types.EventFile:
		return with(m, c.member.File)
	case types.EventModerate:
		return with(m, c.member.Moderate)
	case types.EventAdmit:
		return with(m, c.member.Admit)
	case types.EventRestart:
		media.Restart()
		return nil
	case types.EventPing:
		return c.pong(m.Data)
	case types.EventLeave:
		return errLeave
	}
	return c.unknownEvent(m.Event)
}

// chatMessage hands on a message to the room, or to one in it. A to that cannot be
// read must not make the message public.
func (c *client) chatMessage(m message) *types.ProtocolError {
	var to *types.PeerID
	if len(m.To) > 0 && json.Unmarshal(m.To, &to) != nil {
		return types.Errorf(types.CodeBadMessage, "to is the peer_id of who is to read it")
	}
	text := m.Data
	if text == "" {
		text = m.Message
	}
	if to == nil {
		return c.member.Chat(text)
	}
	return c.member.ChatTo(text, *to)
}

// maxPing is the most characters that a ping may bring along.
const maxPing = 64

// pong answers a ping with what it brought: by it a page, which cannot see
// WebSocket pongs, finds out whether its socket still leads somewhere.
func (c *client) pong(data string) *types.ProtocolError {
	if len(data) > maxPing && utf8.RuneCountInString(data) > maxPing {
		return types.Errorf(types.CodeBadMessage, "a ping has at most %d characters", maxPing)
	}
	_ = c.out.Send(types.Message{Event: types.EventPong, Data: data})
	return nil
}

// with decodes the data of m and hands it to f.
func with[T any](m message, f func(T) *types.ProtocolError) *types.ProtocolError {
	v, err := decodeData[T](m)
	if err != nil {
		return err
	}
	return f(v)
}

// unknownEvent answers an unknown event the first time its name comes.
func (c *client) unknownEvent(name string) *types.ProtocolError {
	name = truncate(name)
	if _, seen := c.unknown[name]; seen || len(c.unknown) >= maxUnknown {
		return nil
	}
	if c.unknown == nil {
		c.unknown = make(map[string]struct{})
	}
	c.unknown[name] = struct{}{}
	return types.Errorf(types.CodeUnknownEvent, "clients do not send this event")
}

// truncate shortens a name that a client made up to at most 64 bytes.
func truncate(name string) string {
	const limit = 64
	if len(name) <= limit {
		return name
	}
	end := limit
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
