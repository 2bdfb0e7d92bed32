package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"aq-server/internal/room"
	"aq-server/internal/types"
)

// This file is the one place that turns errors into HTTP statuses, close codes
// and texts, and that says what the end of a socket means to the room.

// Errors of Send.
var (
	// ErrClosed: the socket is closed or closing.
	ErrClosed = errors.New("the socket is closed")
	// ErrSlow: the client does not read; its queue was full or a write took
	// longer than WRITE_DEADLINE.
	ErrSlow = errors.New("slow consumer")
)

// Further causes with which a socket ends. Those of the room are in room.
var (
	errClientClosed = errors.New("closed by the client")
	errAway         = errors.New("the page went away")
	errBroken       = errors.New("the connection broke")
	errProtocol     = errors.New("WebSocket protocol error")
	errBinary       = errors.New("binary frame")
	errNotUTF8      = errors.New("text that is not UTF-8")
	errTooBig       = errors.New("message too big")
	errRate         = errors.New("rate limit")
	errMistakes     = errors.New("too many errors")
	errNoPlace      = errors.New("the last place went meanwhile")
	errKeepalive    = errors.New("keepalive timeout")
)

// Close codes beyond RFC 6455, section 7.4.1.
const (
	// closeAway comes from a page that is closed or reloaded.
	closeAway      = 4000
	closeExpired   = 4001
	closeRemoved   = 4003
	closeKeepalive = 4008
	closeReplaced  = 4009
)

// ending is what a cause means: to the client the close code (0: none is sent,
// the other side has closed or is gone) and its text, to the room the reason,
// and whether the person may come back as himself.
type ending struct {
	cause  error
	code   int
	text   string
	reason types.LeaveReason
	back   room.Return
}

// A phone in a tunnel cannot read for a while: so a slow consumer may come back,
// unlike one who breaks a rule.
var endings = []ending{
	{room.ErrLeft, websocket.CloseNormalClosure, "", types.LeaveLeft, room.NotBack},
	{errClientClosed, 0, "", types.LeaveLeft, room.NotBack},
	{errAway, 0, "", types.LeaveLeft, room.BackAtOnce},
	{errBroken, 0, "", types.LeaveLost, room.BackSoon},
	{errProtocol, websocket.CloseProtocolError, "", types.LeaveRejected, room.NotBack},
	{errBinary, websocket.CloseUnsupportedData, "text only", types.LeaveRejected, room.NotBack},
	{errNotUTF8, websocket.CloseInvalidFramePayloadData, "", types.LeaveRejected, room.NotBack},
	{errRate, websocket.ClosePolicyViolation, "rate limit", types.LeaveRejected, room.NotBack},
	{ErrSlow, websocket.ClosePolicyViolation, "slow consumer", types.LeaveRejected, room.BackSoon},
	{errMistakes, websocket.ClosePolicyViolation, "too many errors", types.LeaveRejected, room.NotBack},
	{room.ErrFlood, websocket.ClosePolicyViolation, "too many streams", types.LeaveRejected, room.NotBack},
	{errTooBig, websocket.CloseMessageTooBig, "", types.LeaveRejected, room.NotBack},
	{room.ErrInternal, websocket.CloseInternalServerErr, "internal", types.LeaveError, room.NotBack},
	{room.ErrShutdown, websocket.CloseServiceRestart, "restart", types.LeaveShutdown, room.NotBack},
	{room.ErrRemoved, closeRemoved, "removed", types.LeaveRemoved, room.NotBack},
	{room.ErrRefused, closeRemoved, "refused", types.LeaveRejected, room.NotBack},
	{room.ErrLocked, closeRemoved, "locked", types.LeaveRejected, room.NotBack},
	{room.ErrExpired, closeExpired, "expired", types.LeaveRejected, room.NotBack},
	{errNoPlace, websocket.CloseTryAgainLater, "", types.LeaveRejected, room.NotBack},
	{errKeepalive, closeKeepalive, "keepalive timeout", types.LeaveTimeout, room.BackSoon},
	{room.ErrReplaced, closeReplaced, "replaced", types.LeaveLeft, room.NotBack},
}

// endingOf returns what cause means. An unknown cause is a fault of the server.
func endingOf(cause error) ending {
	for _, e := range endings {
		if errors.Is(cause, e.cause) {
			return e
		}
	}
	return endingOf(room.ErrInternal)
}

// causeOfRead returns the cause that an error of gorilla's reader stands for.
func causeOfRead(err error) error {
	for _, known := range []error{errTooBig, errRate} { // from our own hooks
		if errors.Is(err, known) {
			return known
		}
	}
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		switch closed.Code {
		case closeAway:
			return errAway
		case websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived:
			// A close frame without a code is what close() without arguments sends.
			return errClientClosed
		}
		return errBroken
	case errors.Is(err, websocket.ErrReadLimit):
		return errTooBig
	case strings.HasPrefix(err.Error(), "websocket: "):
		// gorilla v1.5.3 has no type for these; every error of the network below
		// is passed on as it is.
		return errProtocol
	}
	return errBroken
}

// causeOfJoin returns the cause for a join that fails after the upgrade.
func causeOfJoin(err error) error {
	var refused *types.ProtocolError
	for _, known := range []error{room.ErrReplaced, room.ErrRefused, room.ErrExpired} {
		if errors.Is(err, known) {
			return known
		}
	}
	switch {
	case !errors.As(err, &refused):
		return room.ErrInternal
	case refused.Code == types.CodeDraining:
		return room.ErrShutdown
	case refused.Code == types.CodeTokenRequired:
		return room.ErrExpired
	case refused.Code == types.CodeRemoved:
		return room.ErrRemoved
	case refused.Code == types.CodeRoomLocked, refused.Code == types.CodeNotPermitted:
		return room.ErrLocked
	}
	return errNoPlace
}

// counts tells whether an error event is a mistake of the client, ten of which
// close the socket. The others are news, or faults of the server.
func counts(code types.ErrorCode) bool {
	switch code {
	case types.CodeUnknownEvent, types.CodeMediaNotReached, types.CodeWaiting, types.CodeNoSuchPeer,
		types.CodeNoSuchFile, types.CodeTooManyFiles, types.CodeFileTooLarge, types.CodeServerBusy, types.CodeInternal:
		return false
	}
	return true
}

// statusOf returns the HTTP status of a refusal.
func statusOf(code types.ErrorCode) int {
	switch code {
	case types.CodeBadRoom, types.CodeBadUsername, types.CodeBadParameter, types.CodeNotWebSocket,
		types.CodeBadMessage, types.CodeBadSource:
		return http.StatusBadRequest
	case types.CodeTokenRequired, types.CodeTokenInvalid, types.CodeAdminKey:
		return http.StatusUnauthorized
	case types.CodeOrigin, types.CodeNotPermitted, types.CodeRoomLocked, types.CodeRemoved:
		return http.StatusForbidden
	case types.CodeNotFound, types.CodeNoSuchPeer:
		return http.StatusNotFound
	case types.CodeNoSigner:
		return http.StatusConflict
	case types.CodeMediaType:
		return http.StatusUnsupportedMediaType
	case types.CodeTooLong:
		return http.StatusRequestEntityTooLarge
	case types.CodeTooMany:
		return http.StatusTooManyRequests
	case types.CodeMethod:
		return http.StatusMethodNotAllowed
	case types.CodeRoomFull, types.CodeServerFull, types.CodeTooManyRooms, types.CodeDraining:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// WriteError answers a request with the status that belongs to the code and
// {"error":{"code":"...","message":"..."}}.
func WriteError(w http.ResponseWriter, err *types.ProtocolError) {
	status := statusOf(err.Code)
	switch {
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750, section 3
	case err.Code == types.CodeDraining:
		w.Header().Set("Retry-After", "2")
	case w.Header().Get("Retry-After") != "": // the caller knows better
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "10")
	}
	WriteJSON(w, status, map[string]*types.ProtocolError{"error": err})
}

// WriteJSON answers a request.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone; nothing to do then
}
