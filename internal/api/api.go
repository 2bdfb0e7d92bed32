// Package api is the interface of the administrator, under /api/v1: what rooms
// there are, who is in them, and what can be done about it. openapi.json is its
// description; a test compares the two.
package api

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"aq-server/internal/auth"
	"aq-server/internal/handlers"
	"aq-server/internal/metrics"
	"aq-server/internal/names"
	"aq-server/internal/ratelimit"
	"aq-server/internal/room"
	"aq-server/internal/timeline"
	"aq-server/internal/types"
)

// Prefix is where the interface lies.
const Prefix = "/api/v1"

// maxBody is the longest request.
const maxBody = 64 << 10

//go:embed openapi.json
var document []byte

// Rooms is what the interface needs of room.RoomManager.
type Rooms interface {
	Rooms() []room.Info
	Describe(id string) (room.Detail, *types.ProtocolError)
	CloseRoom(id string) *types.ProtocolError
	Notice(id, text string) *types.ProtocolError
	Moderate(id string, a types.Moderate) *types.ProtocolError
	Admit(id string, a types.Admit) *types.ProtocolError
	Timeline(id string, peer types.PeerID) ([]timeline.Entry, *types.ProtocolError)
}

// Options is what a Handler is made from.
type Options struct {
	Rooms   Rooms
	Metrics *metrics.Metrics
	Log     *slog.Logger
	// Key is the administrator's; without one nobody is.
	Key []byte
	// Signer makes invitations; nil: none can be made.
	Signer *auth.Signer
	// PublicURL is the address in invitations; empty: that of the request.
	PublicURL string
	// Remote tells a client's address, Secure whether he came by https.
	Remote func(*http.Request) string
	Secure bool
}

// Handler serves the interface.
type Handler struct {
	opts Options
	mux  *http.ServeMux
	// guesses counts wrong keys.
	guesses *ratelimit.Addresses
}

// An operation is one line of the table. Its answer is JSON; nil is 204.
type operation struct {
	method, path string
	run          func(*Handler, *http.Request) (any, *types.ProtocolError)
}

var operations = []operation{
	{"GET", "/rooms", (*Handler).rooms},
	{"GET", "/rooms/{room}", (*Handler).room},
	{"DELETE", "/rooms/{room}", (*Handler).closeRoom},
	{"POST", "/rooms/{room}/lock", (*Handler).lock},
	{"POST", "/rooms/{room}/lobby", (*Handler).lobby},
	{"POST", "/rooms/{room}/allow", (*Handler).allow},
	{"POST", "/rooms/{room}/admit", (*Handler).admit},
	{"POST", "/rooms/{room}/notice", (*Handler).notice},
	{"POST", "/rooms/{room}/invites", (*Handler).invite},
	{"DELETE", "/rooms/{room}/chat", (*Handler).clearChat},
	{"DELETE", "/rooms/{room}/peers/{peer}", (*Handler).removePeer},
	{"POST", "/rooms/{room}/peers/{peer}/mute", (*Handler).mute},
	{"POST", "/rooms/{room}/peers/{peer}/moderator", (*Handler).promote},
	{"GET", "/rooms/{room}/peers/{peer}/events", (*Handler).events},
	{"POST", "/notice", (*Handler).noticeAll},
}

// New returns the handler of everything under Prefix.
func New(o Options) *Handler {
	h := &Handler{
		opts: o, mux: http.NewServeMux(),
		guesses: ratelimit.NewAddresses(ratelimit.Options{Rate: 0.5, Burst: 20}),
	}
	h.mux.HandleFunc("GET "+Prefix+"/openapi.json", serveDocument)
	paths := map[string][]string{}
	for _, op := range operations {
		h.mux.Handle(op.method+" "+Prefix+op.path, h.guard(op))
		paths[op.path] = append(paths[op.path], op.method)
	}
	for path, methods := range paths {
		h.mux.HandleFunc(Prefix+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			handlers.WriteError(w, types.Errorf(types.CodeMethod, "this address answers %s only", strings.Join(methods, ", ")))
		})
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		handlers.WriteError(w, types.Errorf(types.CodeNotFound, "there is nothing at this address"))
	})
	return h
}

// ServeHTTP serves what is under Prefix.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

func serveDocument(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(document) // the client may be gone; nothing to do then
}

// Authorized reports whether a request has the administrator's key, and answers
// it if not. The key comes in a header alone, so no page of another site can use
// it on somebody's behalf.
func (h *Handler) Authorized(w http.ResponseWriter, r *http.Request) bool {
	refusal := h.authorize(r)
	if refusal == nil {
		return true
	}
	h.opts.Metrics.AdminRefused.Add(1)
	h.opts.Log.Info("administrator refused", "code", string(refusal.Code), "remote", h.opts.Remote(r))
	handlers.WriteError(w, refusal)
	return false
}

func (h *Handler) authorize(r *http.Request) *types.ProtocolError {
	remote := h.opts.Remote(r)
	switch {
	case len(h.opts.Key) == 0:
		return types.Errorf(types.CodeAdminKey, "this server has no administrator: set ADMIN_KEY")
	case h.guesses.Exhausted(remote):
		return types.Errorf(types.CodeTooMany, "too many wrong keys; wait a while")
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	// Of hashes, so that not even the length shows.
	want, got := sha256.Sum256(h.opts.Key), sha256.Sum256([]byte(strings.TrimSpace(key)))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		if v := h.guesses.Enter(remote); v.OK {
			v.Leave()
		}
		return types.Errorf(types.CodeAdminKey, "send the administrator's key: Authorization: Bearer KEY")
	}
	return nil
}

// guard lets the administrator through to an operation.
func (h *Handler) guard(op operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Authorized(w, r) {
			return
		}
		answer, refusal := op.run(h, r)
		w.Header().Set("Cache-Control", "no-store")
		switch {
		case refusal != nil:
			handlers.WriteError(w, refusal)
		case answer == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			handlers.WriteJSON(w, http.StatusOK, answer)
		}
	})
}

// body reads a JSON object, in which everything must be known: a misspelt field
// of an administrator is a mistake that he wants to know of.
func body[T any](r *http.Request) (v T, refusal *types.ProtocolError) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return v, types.Errorf(types.CodeMediaType, "send application/json")
	}
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return v, types.Errorf(types.CodeTooLong, "the body is longer than 64 KiB")
	case err != nil:
		return v, types.Errorf(types.CodeBadMessage, "the body: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, types.Errorf(types.CodeBadMessage, "the body: more than one object")
	}
	return v, nil
}

// roomOf returns the room in the path, as a join would name it.
func roomOf(r *http.Request) (string, *types.ProtocolError) { return names.Room(r.PathValue("room")) }
