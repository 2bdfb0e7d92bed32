package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/names"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

// joinRequest is what the query of a join says.
type joinRequest struct {
	room, username string
	roomGiven      bool
	token          string
	grant          *room.Grant
	device         string // of the cookie; "" if devices are not told apart
	protocol       int
	resume         string
	keep           bool
	lastChat       string
	attempt        uint64
}

// checkJoin is every check before the upgrade.
func (h *WebsocketHandler) checkJoin(r *http.Request) (joinRequest, *types.ProtocolError) {
	if r.Method != http.MethodGet {
		return joinRequest{}, types.Errorf(types.CodeMethod, "use GET")
	}
	if !websocket.IsWebSocketUpgrade(r) {
		return joinRequest{}, types.Errorf(types.CodeNotWebSocket, "this address speaks WebSocket only")
	}
	return h.check(r)
}

// check is the part of it that /aq_server/validate shares.
func (h *WebsocketHandler) check(r *http.Request) (joinRequest, *types.ProtocolError) {
	join, refusal := parseJoin(r.URL.RawQuery)
	if refusal != nil {
		return join, refusal
	}
	if refusal := checkOrigin(r, h.opts.AllowedOrigins); refusal != nil {
		return join, refusal
	}
	if refusal := h.authenticate(r, &join); refusal != nil {
		return join, refusal
	}
	if err := h.opts.Rooms.CanJoin(room.JoinRequest{Room: join.room, Resume: join.resume, Grant: join.grant}); err != nil {
		if errors.As(err, &refusal) {
			return join, refusal
		}
		return join, types.Errorf(types.CodeInternal, "the join could not be checked")
	}
	if h.opts.Short() && !h.opts.Rooms.Knows(join.room, join.resume) {
		return join, types.Errorf(types.CodeServerFull, "the server is full")
	}
	if h.files.full(time.Now()) {
		return join, types.Errorf(types.CodeServerFull, "the server is full")
	}
	return join, nil
}

// parseJoin reads the query of a join. Parameters that it does not know are left
// alone.
func parseJoin(query string) (joinRequest, *types.ProtocolError) {
	var join joinRequest
	values, err := url.ParseQuery(query)
	if err != nil {
		return join, types.Errorf(types.CodeBadParameter, "the query is not valid")
	}
	for _, name := range []string{"room", "username", "protocol", "resume", "media", "last_chat", "attempt", "token"} {
		if len(values[name]) > 1 {
			return join, types.Errorf(types.CodeBadParameter, "the parameter %s is given twice", name)
		}
	}
	switch values.Get("protocol") {
	case "", "0":
	case "1":
		join.protocol = 1
		join.resume = values.Get("resume")
		if attempt := values.Get("attempt"); attempt != "" {
			if join.attempt, err = strconv.ParseUint(attempt, 10, 64); err != nil {
				return join, types.Errorf(types.CodeBadParameter, "attempt is a whole number")
			}
		}
	default:
		return join, types.Errorf(types.CodeBadParameter, "protocol is 0 or 1")
	}
	join.token = values.Get("token")
	join.roomGiven = values.Get("room") != ""
	join.keep = values.Get("media") == "keep"
	join.lastChat = values.Get("last_chat")
	var refusal *types.ProtocolError
	if join.room, refusal = names.Room(values.Get("room")); refusal != nil {
		return join, refusal
	}
	join.username, refusal = names.Username(values.Get("username"))
	return join, refusal
}
