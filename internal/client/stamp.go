package client

import (
	"bytes"
	"encoding/binary"
	"time"

	"aq-server/internal/types"
)

// Stamp is what a synthetic sender writes into the payload of every packet, so
// that a receiver knows who sent it, from which layer, and how long it took,
// whatever the server did to headers, SSRCs and m-lines on the way.
//
// Layout, big endian, anywhere in the payload:
//
//	0      4        12      13     14     15      16   17      21       29
//	+------+--------+-------+------+------+-------+----+-------+--------+
//	| AQst | sender | source| layer| flags| index | of | frame | sent   |
//	+------+--------+-------+------+------+-------+----+-------+--------+
type Stamp struct {
	// Sender is the Tag of the client that sent the packet.
	Sender uint64
	Source types.Source
	// Layer is the index of the simulcast layer, lowest first; 0 without.
	Layer int
	// Key says that the packet belongs to a keyframe.
	Key bool
	// Frame counts the frames of one layer; Index and Of place the packet in
	// its frame.
	Frame     uint32
	Index, Of int
	// SentAt is when the packet was handed to the stack: the wall clock at the
	// start of the process, advanced by the monotonic clock. Both ends share it
	// when they run in one process, and nearly so on one machine.
	SentAt time.Time
}

// epoch ties the monotonic clock of this process to what stamps carry.
var epoch = time.Now()

const stampSize = 29

const stampKey = 1 << 0

// stampMagic starts a stamp. An array, so that nobody can change it.
const stampMagic = "AQst"

// put writes the stamp at the start of b, which holds at least stampSize bytes.
func (s Stamp) put(b []byte) {
	copy(b, stampMagic)
	binary.BigEndian.PutUint64(b[4:], s.Sender)
	b[12] = sourceIndex(s.Source)
	b[13] = byte(s.Layer)
	b[14] = 0
	if s.Key {
		b[14] |= stampKey
	}
	b[15] = byte(s.Index)
	b[16] = byte(s.Of)
	binary.BigEndian.PutUint32(b[17:], s.Frame)
	putSentAt(b, s.SentAt)
}

// putSentAt renews the time in a stamp that starts at b.
func putSentAt(b []byte, at time.Time) {
	binary.BigEndian.PutUint64(b[21:], uint64(epoch.UnixNano()+int64(at.Sub(epoch))))
}

// FindStamp returns the stamp inside an RTP payload, and false when there is
// none (a browser sent it).
func FindStamp(payload []byte) (Stamp, bool) {
	i := bytes.Index(payload, []byte(stampMagic))
	if i < 0 || len(payload)-i < stampSize {
		return Stamp{}, false
	}
	b := payload[i:]
	sources := types.Sources()
	if int(b[12]) >= len(sources) {
		return Stamp{}, false
	}
	return Stamp{
		Sender: binary.BigEndian.Uint64(b[4:]),
		Source: sources[b[12]],
		Layer:  int(b[13]),
		Key:    b[14]&stampKey != 0,
		Index:  int(b[15]),
		Of:     int(b[16]),
		Frame:  binary.BigEndian.Uint32(b[17:]),
		SentAt: epoch.Add(time.Duration(int64(binary.BigEndian.Uint64(b[21:])) - epoch.UnixNano())),
	}, true
}

func sourceIndex(s types.Source) byte {
	for i, known := range types.Sources() {
		if known == s {
			return byte(i)
		}
	}
	return 0xff
}
