package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"aq-server/internal/auth"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

// Subprotocols (RFC 6455, section 1.9): a page cannot set headers, and what
// stands in an URL ends up in the logs of proxies. So a token may come as a
// subprotocol beside the real one, which is the one that is answered.
const (
	subprotocol      = "aq"
	tokenSubprotocol = "bearer."
)

// authTime bounds the wait for keys that have to be fetched.
const authTime = 5 * time.Second

// Tokens says what a token allows in a room (auth.Verifier).
type Tokens interface {
	Verify(ctx context.Context, token, room string) (*auth.Grant, error)
}

// tokenOf returns the token that a request brings: in the Authorization header,
// as a subprotocol, or in the query.
func tokenOf(r *http.Request, query string) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for part := range strings.SplitSeq(line, ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(part), tokenSubprotocol); ok {
				return token
			}
		}
	}
	return query
}

// authenticate finds out what the client may do, and who he is if his token
// says so. Somebody who comes back as himself needs no token: it may have
// expired since he came, and a live session does not end at that.
func (h *WebsocketHandler) authenticate(r *http.Request, join *joinRequest) *types.ProtocolError {
	if h.opts.Tokens == nil || h.opts.Rooms.Knows(join.room, join.resume) {
		return nil
	}
	token := tokenOf(r, join.token)
	join.token = "" // needed no more
	if token == "" {
		return types.Errorf(types.CodeTokenRequired, "this server lets in whoever has an invitation")
	}
	name := ""
	if join.roomGiven {
		name = join.room
	}
	ctx, cancel := context.WithTimeout(r.Context(), authTime)
	defer cancel()
	grant, err := h.opts.Tokens.Verify(ctx, token, name)
	if err != nil {
		// The client is told nothing that would help him to make a better one.
		h.opts.Log.Info("token refused", "remote", h.opts.Remote(r), "room", logText(name), "err", logText(err.Error()))
		return types.Errorf(types.CodeTokenInvalid, "the invitation is not valid for this room, or not any more; ask for a new one")
	}
	join.room = grant.Room
	join.grant = &room.Grant{
		Permissions: grant.Permissions, Subject: grant.Subject, Named: grant.Name != "",
		Lobby: grant.Lobby, Expires: grant.Expires,
	}
	if grant.Name != "" {
		join.username = grant.Name
	}
	return nil
}
