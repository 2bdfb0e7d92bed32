package livekit

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// LiveKit's signalling is protobuf: SignalRequest from the client, SignalResponse
// from the server, each a oneof, so one field that holds a message. What follows
// knows the few fields that a participant needs, by their numbers in
// livekit_rtc.proto and livekit_models.proto of github.com/livekit/protocol, which
// never change, and skips the others.

// Fields of SignalRequest.
const (
	requestOffer    = 1
	requestAnswer   = 2
	requestTrickle  = 3
	requestAddTrack = 4
	requestLeave    = 8
	requestPing     = 16
)

// Fields of SignalResponse.
const (
	responseJoin      = 1
	responseAnswer    = 2
	responseOffer     = 3
	responseTrickle   = 4
	responsePublished = 6
	responseLeave     = 8
)

// A target is the connection that a candidate is for, in the words of LiveKit.
type target int

const (
	publisher  target = 0
	subscriber target = 1
)

// What the server says, as far as it matters here.
type (
	// joined is the first response; pingInterval is in seconds.
	joined struct {
		pingInterval int
	}
	// A description is an offer or an answer. An answer has the id of its offer.
	description struct {
		sdp string
		id  uint64
	}
	offered  description
	answered description
	// A candidate is JSON, an RTCIceCandidateInit.
	candidate struct {
		init   string
		target target
	}
	// published says that a track may be sent, by the id that the client gave it.
	published struct{ cid string }
	// left ends the participant; reason is a DisconnectReason.
	left struct{ reason int }
)

// A track is what the client announces before it offers to send it.
type track struct {
	cid, name     string
	video         bool
	width, height int
	bitsPerSecond int
}

// A message is protobuf; its methods append a field and leave out what is zero, as
// proto3 does.
type message []byte

func (m message) text(field protowire.Number, s string) message {
	if s == "" {
		return m
	}
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) number(field protowire.Number, n uint64) message {
	if n == 0 {
		return m
	}
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), n)
}

// inner keeps an empty message, which says which one it is.
func (m message) inner(field protowire.Number, inner message) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), inner)
}

// describe makes an offer or an answer, whose field tells which.
func describe(field protowire.Number, d description) message {
	kind := "offer"
	if field == requestAnswer {
		kind = "answer"
	}
	return message(nil).inner(field, message(nil).text(1, kind).text(2, d.sdp).number(3, d.id))
}

func trickle(c candidate) message {
	return message(nil).inner(requestTrickle, message(nil).text(1, c.init).number(2, uint64(c.target)))
}

func addTrack(t track) message {
	const (
		video, camera, microphone, high = 1, 1, 2, 2
	)
	m := message(nil).text(1, t.cid).text(2, t.name)
	if !t.video {
		m = m.number(8, microphone).number(13, 1) // without RED, which nobody here decodes
	} else {
		width, height := uint64(t.width), uint64(t.height)
		m = m.number(3, video).number(4, width).number(5, height).number(8, camera)
		m = m.inner(9, message(nil).number(1, high).number(2, width).number(3, height).number(4, uint64(t.bitsPerSecond)))
	}
	return message(nil).inner(requestAddTrack, m)
}

// leave says that the client goes by itself.
func leave() message {
	const clientInitiated = 1
	return message(nil).inner(requestLeave, message(nil).number(2, clientInitiated))
}

// ping keeps the connection alive.
func ping(milliseconds int64) message {
	return message(nil).inner(requestPing, message(nil).number(1, uint64(milliseconds)))
}

// parse returns what a response says: one of the types above, or nil for what does
// not matter here.
func parse(data []byte) (any, error) {
	outer, err := read(data)
	if err != nil {
		return nil, err
	}
	for field, text := range outer.texts {
		switch field {
		case responseJoin, responseAnswer, responseOffer, responseTrickle, responsePublished, responseLeave:
		default:
			continue // in a crowd most are about the others
		}
		inner, err := read(text)
		if err != nil {
			return nil, err
		}
		described := description{string(inner.texts[2]), inner.numbers[3]}
		switch field {
		case responseJoin:
			return joined{int(int32(inner.numbers[11]))}, nil
		case responseAnswer:
			return answered(described), nil
		case responseOffer:
			return offered(described), nil
		case responseTrickle:
			return candidate{string(inner.texts[1]), target(inner.numbers[2])}, nil
		case responsePublished:
			return published{string(inner.texts[1])}, nil
		case responseLeave:
			return left{int(inner.numbers[2])}, nil
		}
	}
	return nil, nil
}

// A content is what a message holds: of each field the last value, as proto3 has it
// for fields that are not repeated. The texts are part of what was read.
type content struct {
	numbers map[protowire.Number]uint64
	texts   map[protowire.Number][]byte
}

func read(data []byte) (content, error) {
	c := content{make(map[protowire.Number]uint64), make(map[protowire.Number][]byte)}
	for len(data) > 0 {
		field, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return c, fmt.Errorf("livekit: a response: %w", protowire.ParseError(size))
		}
		data = data[size:]
		switch kind {
		case protowire.VarintType:
			c.numbers[field], size = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			c.texts[field], size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(field, kind, data)
		}
		if size < 0 {
			return c, fmt.Errorf("livekit: a response: %w", protowire.ParseError(size))
		}
		data = data[size:]
	}
	return c, nil
}
