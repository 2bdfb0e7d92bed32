package room

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aq-server/internal/chat"
	"aq-server/internal/types"
)

// MaxChat is the longest chat message, in characters (code points).
const MaxChat = 4096

// Chat sends text to everyone in the room, himself included. The error has code
// chat_empty, chat_too_long or not_permitted.
func (m *Member) Chat(text string) *types.ProtocolError { return m.ChatTo(text, "") }

// ChatTo sends text to one member and to himself, and to nobody else, whoever
// moderates; an empty id is Chat. The error may also have code no_such_peer.
func (m *Member) ChatTo(text string, to types.PeerID) *types.ProtocolError {
	switch {
	case strings.TrimSpace(text) == "":
		return types.Errorf(types.CodeChatEmpty, "the message is empty")
	case len(text) > MaxChat && utf8.RuneCountInString(text) > MaxChat:
		return types.Errorf(types.CodeChatTooLong, "the message is longer than %d characters", MaxChat)
	}
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !m.permissionsLocked().Chat:
		return types.Errorf(types.CodeNotPermitted, "you may not write in this room")
	case m.gone:
		return nil
	case to == "":
		r.chatLocked(m, text)
		return nil
	}
	i := slices.IndexFunc(r.members, func(o *Member) bool { return o.peer.ID == to })
	if i < 0 {
		return types.Errorf(types.CodeNoSuchPeer, "nobody with that peer_id is here any more")
	}
	r.chatToLocked(m, r.members[i], text)
	return nil
}

// chatLocked keeps a message and queues it for everyone.
func (r *Room) chatLocked(from *Member, text string) {
	msg := r.stampLocked(from, text)
	r.history.Add(msg)
	frame := encode(msg.Event())
	for _, m := range r.members {
		m.sendEncodedLocked(frame)
	}
}

// chatToLocked keeps a message for two members and queues it for them: what they
// miss while a connection is lost comes with the welcome of their return.
func (r *Room) chatToLocked(from, to *Member, text string) {
	msg := r.stampLocked(from, text)
	msg.To = to.peer.ID
	frame := encode(msg.Event())
	from.keepLocked(msg)
	from.sendEncodedLocked(frame)
	if to != from {
		to.keepLocked(msg)
		to.sendEncodedLocked(frame)
	}
}

// stampLocked makes a message of the room. Private ones are numbered with the
// others, so that last_chat, which is one number, tells what somebody has missed
// of both.
func (r *Room) stampLocked(from *Member, text string) types.ChatMessage {
	now := time.Now()
	r.chatID++
	r.manager.opts.Metrics.TotalChatMessages.Add(1)
	return types.ChatMessage{
		ID:        r.lastChatID(),
		From:      from.peer.ID,
		Username:  from.username,
		Message:   text,
		Time:      now.Format(time.TimeOnly),
		Timestamp: now.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// lastChatID returns the id of the last message. Under mu.
func (r *Room) lastChatID() string { return strconv.FormatUint(r.chatID, 10) }

// missedLocked returns what a member may read that is newer than lastChat, all of
// it if that is empty.
func (r *Room) missedLocked(m *Member, lastChat string) []types.ChatMessage {
	missed := r.history.Since(lastChat)
	if m.private == nil {
		return missed
	}
	return chat.Merge(missed, m.private.Since(lastChat))
}

func (m *Member) sendEncodedLocked(frame []byte) {
	if m.conn != nil {
		_ = m.conn.SendEncoded(frame) // an error means that he is being removed
	}
}

// keepLocked keeps a private message for a member who can come back. Those of
// others are apart, so that nobody can make a late joiner miss the room's.
func (m *Member) keepLocked(msg types.ChatMessage) {
	if m.peer.Protocol < 1 {
		return
	}
	if m.private == nil {
		rm := m.room.manager
		m.private = chat.NewHistory(rm.opts.ChatHistory, chat.PrivateBytes, rm.budget)
	}
	m.private.Add(msg)
}

func (m *Member) closePrivateLocked() {
	if m.private != nil {
		m.private.Close()
	}
}
