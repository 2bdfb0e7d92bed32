package room

import (
	"errors"

	"aq-server/internal/types"
)

// Causes with which the room closes a member's socket.
var (
	// ErrLeft: the member was taken out of the room in good order.
	ErrLeft = errors.New("left the room")
	// ErrReplaced: the same person came back on another socket.
	ErrReplaced = errors.New("replaced by a newer connection")
	// ErrShutdown: the server is going down.
	ErrShutdown = errors.New("the server restarts")
	// ErrExpired: the token that would let him in does not do so any more.
	ErrExpired = errors.New("the token has expired")
	// ErrRemoved: a moderator or the administrator has removed him.
	ErrRemoved = errors.New("removed from the room")
	// ErrLocked: the room was locked between his check and his join.
	ErrLocked = errors.New("the room is locked")
	// ErrRefused: he waited, and was not let in.
	ErrRefused = errors.New("not let in")
	// ErrFlood: what he sent as media is no client's.
	ErrFlood = errors.New("too many streams")
	// ErrInternal: a fault of the server ended this member's media.
	ErrInternal = errors.New("internal fault")
)

// causeOf returns the cause with which the socket of a member is closed who is
// removed for reason while his socket is open.
func causeOf(reason types.LeaveReason) error {
	switch reason {
	case types.LeaveShutdown:
		return ErrShutdown
	case types.LeaveError:
		return ErrInternal
	case types.LeaveRemoved:
		return ErrRemoved
	case types.LeaveRejected:
		return ErrFlood
	}
	return ErrLeft
}

// Refusals of a join.
func errDraining() *types.ProtocolError {
	return types.Errorf(types.CodeDraining, "the server is restarting; try again in a moment")
}

func errTokenRequired() *types.ProtocolError {
	return types.Errorf(types.CodeTokenRequired, "this server lets in whoever has an invitation")
}

func errRemoved() *types.ProtocolError {
	return types.Errorf(types.CodeRemoved, "you were removed from this room")
}

func errMayNot() *types.ProtocolError {
	return types.Errorf(types.CodeNotPermitted, "you do not moderate this room")
}

func errNoRoom() *types.ProtocolError {
	return types.Errorf(types.CodeNotFound, "there is no such room")
}

func errRoomFull() *types.ProtocolError {
	return types.Errorf(types.CodeRoomFull, "the room is full")
}

func errServerFull() *types.ProtocolError {
	return types.Errorf(types.CodeServerFull, "the server is full")
}

func errTooManyRooms() *types.ProtocolError {
	return types.Errorf(types.CodeTooManyRooms, "the server has no place for another room")
}
