package api

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aq-server/internal/auth"
	"aq-server/internal/names"
	"aq-server/internal/room"
	"aq-server/internal/timeline"
	"aq-server/internal/types"
)

func (h *Handler) rooms(*http.Request) (any, *types.ProtocolError) {
	return map[string][]room.Info{"rooms": h.opts.Rooms.Rooms()}, nil
}

func (h *Handler) room(r *http.Request) (any, *types.ProtocolError) {
	id, refusal := roomOf(r)
	if refusal != nil {
		return nil, refusal
	}
	return answer(h.opts.Rooms.Describe(id))
}

// answer is for what a room returns: without a value when there is an error.
func answer[T any](v T, refusal *types.ProtocolError) (any, *types.ProtocolError) {
	if refusal != nil {
		return nil, refusal
	}
	return v, nil
}

func (h *Handler) closeRoom(r *http.Request) (any, *types.ProtocolError) {
	id, refusal := roomOf(r)
	if refusal == nil {
		refusal = h.opts.Rooms.CloseRoom(id)
	}
	return nil, refusal
}

// moderate reads a body and does what make makes of it.
func moderate[T any](h *Handler, r *http.Request, make func(T) types.Moderate) (any, *types.ProtocolError) {
	v, refusal := body[T](r)
	if refusal != nil {
		return nil, refusal
	}
	return h.do(r, make(v))
}

func (h *Handler) do(r *http.Request, a types.Moderate) (any, *types.ProtocolError) {
	id, refusal := roomOf(r)
	if refusal == nil {
		a.PeerID = types.PeerID(r.PathValue("peer"))
		refusal = h.opts.Rooms.Moderate(id, a)
	}
	return nil, refusal
}

type lockBody struct {
	Locked bool `json:"locked"`
}

func (h *Handler) lock(r *http.Request) (any, *types.ProtocolError) {
	return moderate(h, r, func(b lockBody) types.Moderate { return types.Moderate{Action: types.ActionLock, On: b.Locked} })
}

type lobbyBody struct {
	Lobby bool `json:"lobby"`
}

func (h *Handler) lobby(r *http.Request) (any, *types.ProtocolError) {
	return moderate(h, r, func(b lobbyBody) types.Moderate { return types.Moderate{Action: types.ActionLobby, On: b.Lobby} })
}

type allowBody struct {
	What    string `json:"what"`
	Allowed bool   `json:"allowed"`
}

func (h *Handler) allow(r *http.Request) (any, *types.ProtocolError) {
	return moderate(h, r, func(b allowBody) types.Moderate {
		return types.Moderate{Action: types.ActionAllow, What: b.What, On: b.Allowed}
	})
}

type muteBody struct {
	Source types.Source `json:"source"`
	Muted  bool         `json:"muted"`
	Hard   bool         `json:"hard"`
}

func (h *Handler) mute(r *http.Request) (any, *types.ProtocolError) {
	return moderate(h, r, func(b muteBody) types.Moderate {
		if !b.Muted {
			return types.Moderate{Action: types.ActionUnmute, Source: b.Source}
		}
		return types.Moderate{Action: types.ActionMute, Source: b.Source, Hard: b.Hard}
	})
}

func (h *Handler) promote(r *http.Request) (any, *types.ProtocolError) {
	return h.do(r, types.Moderate{Action: types.ActionPromote})
}

func (h *Handler) clearChat(r *http.Request) (any, *types.ProtocolError) {
	return h.do(r, types.Moderate{Action: types.ActionClearChat})
}

func (h *Handler) removePeer(r *http.Request) (any, *types.ProtocolError) {
	switch ban := r.URL.Query().Get("ban"); ban {
	case "", "true", "false":
		return h.do(r, types.Moderate{Action: types.ActionRemove, Ban: ban == "true"})
	}
	return nil, types.Errorf(types.CodeBadParameter, "ban is true or false")
}

func (h *Handler) admit(r *http.Request) (any, *types.ProtocolError) {
	a, refusal := body[types.Admit](r)
	if refusal != nil {
		return nil, refusal
	}
	id, refusal := roomOf(r)
	if refusal == nil {
		refusal = h.opts.Rooms.Admit(id, a)
	}
	return nil, refusal
}

// maxNotice is the longest notice, in characters.
const maxNotice = 1000

func (h *Handler) notice(r *http.Request) (any, *types.ProtocolError) {
	id, refusal := roomOf(r)
	if refusal != nil {
		return nil, refusal
	}
	return h.tell(r, id)
}

func (h *Handler) noticeAll(r *http.Request) (any, *types.ProtocolError) { return h.tell(r, "") }

func (h *Handler) tell(r *http.Request, id string) (any, *types.ProtocolError) {
	n, refusal := body[types.Notice](r)
	if refusal != nil {
		return nil, refusal
	}
	if strings.TrimSpace(n.Text) == "" || utf8.RuneCountInString(n.Text) > maxNotice {
		return nil, types.Errorf(types.CodeBadMessage, "a notice has from 1 to %d characters", maxNotice)
	}
	return nil, h.opts.Rooms.Notice(id, n.Text)
}

func (h *Handler) events(r *http.Request) (any, *types.ProtocolError) {
	id, refusal := roomOf(r)
	if refusal != nil {
		return nil, refusal
	}
	list, refusal := h.opts.Rooms.Timeline(id, types.PeerID(r.PathValue("peer")))
	return answer(map[string][]timeline.Entry{"events": list}, refusal)
}

// defaultTTL is that of an invitation that says none.
const defaultTTL = 2 * time.Hour

type inviteBody struct {
	Name       string        `json:"name"`
	Subject    string        `json:"sub"`
	Role       auth.Role     `json:"role"`
	Publish    *auth.Publish `json:"publish"`
	Subscribe  *bool         `json:"subscribe"`
	Chat       *bool         `json:"chat"`
	Moderate   *bool         `json:"moderate"`
	Lobby      bool          `json:"lobby"`
	TTLSeconds int64         `json:"ttl_seconds"`
}

type inviteAnswer struct {
	Token     string    `json:"token"`
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// maxSubject bounds what goes into a token.
const maxSubject = 256

func (h *Handler) invite(r *http.Request) (any, *types.ProtocolError) {
	if h.opts.Signer == nil {
		return nil, types.Errorf(types.CodeNoSigner, "this server makes no tokens: it needs AUTH=jwt with a secret or AUTH_PRIVATE_KEY_FILE")
	}
	b, refusal := body[inviteBody](r)
	if refusal != nil {
		return nil, refusal
	}
	id, refusal := roomOf(r)
	if refusal != nil {
		return nil, refusal
	}
	if b.Name != "" {
		if b.Name, refusal = names.Username(b.Name); refusal != nil {
			return nil, refusal
		}
	}
	if len(b.Subject) > maxSubject || strings.ContainsFunc(b.Subject, unicode.IsControl) {
		return nil, types.Errorf(types.CodeBadMessage, "sub has at most %d bytes and no controls", maxSubject)
	}
	ttl := defaultTTL
	if b.TTLSeconds != 0 {
		if b.TTLSeconds < 1 || b.TTLSeconds > int64(auth.MaxTTL/time.Second) {
			return nil, types.Errorf(types.CodeBadMessage, "ttl_seconds is from 1 to %d", int64(auth.MaxTTL/time.Second))
		}
		ttl = time.Duration(b.TTLSeconds) * time.Second
	}
	c := auth.Claims{
		Room: auth.Literal(id), Name: b.Name, Role: b.Role, Publish: b.Publish, Subscribe: b.Subscribe,
		Chat: b.Chat, Moderate: b.Moderate, Lobby: b.Lobby,
	}
	c.Subject = b.Subject
	now := time.Now()
	token, err := h.opts.Signer.Sign(c, ttl, now)
	if errors.Is(err, auth.ErrClaims) {
		return nil, types.Errorf(types.CodeBadMessage, "%v", err)
	} else if err != nil {
		return nil, types.Errorf(types.CodeInternal, "the token could not be made")
	}
	return inviteAnswer{token, auth.Link(h.base(r), id, token), now.Add(ttl).UTC().Truncate(time.Second)}, nil
}

// base is the address of this server in links.
func (h *Handler) base(r *http.Request) string {
	if h.opts.PublicURL != "" {
		return h.opts.PublicURL
	}
	if h.opts.Secure || r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
