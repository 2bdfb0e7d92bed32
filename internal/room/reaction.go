package room

import (
	"slices"
	"time"
	"unicode/utf8"

	"aq-server/internal/types"
)

// Everybody may clap at the same time, and clicks as fast as he can. So the first
// reaction is told at once, and those of the moment after it together in one
// event, each picture of each person once: a hundred people who clap cost a room
// no more than four messages a second to each.
const (
	reactionMoment = 250 * time.Millisecond
	// maxReacted is how many different pictures of one person a moment has, and
	// maxReactions how many of all. More are dropped in silence: nobody can tell
	// a hundred pictures from more.
	maxReacted   = 3
	maxReactions = 100
	// maxEmoji is in bytes. A family of four takes 25.
	maxEmoji = 32
)

// React shows everyone in the room, himself included, a picture for a moment. The
// error has code bad_message or not_permitted.
func (m *Member) React(re types.React) *types.ProtocolError {
	if !isEmoji(re.Emoji) {
		return types.Errorf(types.CodeBadMessage, "a reaction is one emoji")
	}
	r := m.room
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !m.permissionsLocked().Chat:
		return types.Errorf(types.CodeNotPermitted, "you may not react in this room")
	case m.gone, slices.Contains(m.reacted, re.Emoji), len(m.reacted) == maxReacted, len(r.reactions) == maxReactions:
		return nil
	}
	if !r.reacting && !r.manager.tasks.start("reactions of "+r.id, r.react) {
		return nil // the server ends
	}
	first := !r.reacting
	r.reacting = true
	m.reacted = append(m.reacted, re.Emoji)
	r.reactions = append(r.reactions, types.Reaction{PeerID: m.peer.ID, Emoji: re.Emoji})
	if first {
		r.tellReactionsLocked()
	}
	return nil
}

// react tells what has come in each moment until one is without reactions. There
// is one at a time for a room.
func (r *Room) react() {
	ticker := time.NewTicker(reactionMoment)
	defer ticker.Stop()
	for range ticker.C {
		if !r.endMoment() {
			return
		}
	}
}

// endMoment reports whether another moment begins.
func (r *Room) endMoment() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		m.reacted = m.reacted[:0]
	}
	if r.reacting = len(r.reactions) > 0; r.reacting {
		r.tellReactionsLocked()
	}
	return r.reacting
}

func (r *Room) tellReactionsLocked() {
	r.manager.opts.Metrics.Reactions.Add(int64(len(r.reactions)))
	r.tellLocked(types.NewMessage(types.EventReaction, types.Reactions{Reactions: r.reactions}), nil)
	r.reactions = nil
}

const (
	joiner  = '\u200d' // between the parts of one picture
	variant = '\ufe0f' // the picture, not the sign of text
	keycap  = '\u20e3'
)

// isEmoji tells whether s is one emoji as far as can be told without the tables of
// Unicode: a flag, a key, or pictures joined into one. There is no text among
// them, nothing that is invisible alone, and nothing that changes what follows.
func isEmoji(s string) bool {
	if len(s) > maxEmoji || !utf8.ValidString(s) {
		return false
	}
	runes := []rune(s)
	if len(runes) == 2 && isRegional(runes[0]) && isRegional(runes[1]) {
		return true
	}
	for {
		n := pictureLen(runes)
		switch {
		case n == 0:
			return false
		case n == len(runes):
			return true
		case runes[n] != joiner:
			return false
		}
		runes = runes[n+1:]
	}
}

// pictureLen is how many runes the picture takes that a text begins with, 0 if it
// begins with none.
func pictureLen(runes []rune) int {
	if len(runes) == 0 {
		return 0
	}
	if slices.Contains([]rune("0123456789#*"), runes[0]) {
		if len(runes) >= 3 && runes[1] == variant && runes[2] == keycap {
			return 3
		}
		return 0
	}
	if !isPicture(runes[0]) {
		return 0
	}
	n := 1
	if n < len(runes) && runes[n] == variant {
		n++
	}
	if n < len(runes) && runes[n] >= 0x1f3fb && runes[n] <= 0x1f3ff { // the colour of a skin
		n++
	}
	return n
}

func isRegional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// isPicture goes by the blocks in which there are emoji.
func isPicture(r rune) bool {
	switch {
	case isRegional(r):
		return false
	case r >= 0x1f000 && r <= 0x1faff, // all that are newer than Unicode 5.2
		r >= 0x2600 && r <= 0x27bf,                             // miscellaneous symbols, dingbats
		r >= 0x2190 && r <= 0x21ff, r >= 0x2b00 && r <= 0x2bff, // arrows, stars
		r >= 0x2300 && r <= 0x23ff, r >= 0x25a0 && r <= 0x25ff: // technical, geometric
		return true
	}
	return slices.Contains([]rune{'©', '®', '‼', '⁉', '™', 'ℹ', '⤴', '⤵', '〰', '〽', '㊗', '㊙'}, r)
}
