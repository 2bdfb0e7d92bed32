package webrtcapi

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5/packetio"
)

// What pion makes for each SSRC that it reads of, at most so many octets of
// packets nobody has read yet. As pion itself does.
const (
	rtpBuffer  = 1000 * 1000
	rtcpBuffer = 100 * 1000
)

// A client may name SSRCs as he likes: pion makes a stream, 2 to 5 kB, for each in
// the packets it has authenticated, and 31 for one report. These are those that a
// connection may have open at once. Browsers send some twenty, and name in reports
// what they receive, which is expected (Connection.Expect), and what is gone.
const (
	maxRTPStreams  = 256
	maxRTCPStreams = 1024
)

// streams makes the buffers of pion's SRTP streams, and bounds how many there are.
type streams struct {
	rtp, rtcp atomic.Int64
	expected  atomic.Int64
	exceeded  func()
	once      sync.Once
	out       *Outbound // when it is in use, nobody reads RTCP of pion
}

// buffer implements the BufferFactory of a SettingEngine. It is called with each
// SSRC that is declared, or seen in a packet for the first time.
func (s *streams) buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	open, size, most := &s.rtp, rtpBuffer, int64(maxRTPStreams)
	if kind == packetio.RTCPBufferPacket {
		open, size, most = &s.rtcp, rtcpBuffer, maxRTCPStreams+s.expected.Load()
	}
	if open.Add(1) > most {
		s.once.Do(s.exceeded)
		return &sink{open: open, closed: make(chan struct{})}
	}
	b := &streamBuffer{open: open, size: size}
	if kind == packetio.RTCPBufferPacket {
		b.unread = &s.out.taps
	}
	return b
}

// streamBuffer is one stream's, as pion makes it, and counted. It has memory once
// somebody reads or writes it: RTCP mostly goes another way (Inbound).
type streamBuffer struct {
	open   *atomic.Int64
	size   int
	unread *atomic.Bool // nobody will read; nil: somebody does
	once   sync.Once

	mu     sync.Mutex
	buffer *packetio.Buffer // nil until it is needed
}

func (b *streamBuffer) get() *packetio.Buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buffer == nil {
		b.buffer = packetio.NewBuffer()
		b.buffer.SetLimitSize(b.size)
	}
	return b.buffer
}

func (b *streamBuffer) Read(p []byte) (int, error) {
	n, _, err := b.get().Read(p, nil)
	return n, err
}

func (b *streamBuffer) Write(p []byte) (int, error) { return b.WriteWithAttributes(p, nil) }

// ReadWithAttributes is what pion's streams read by.
func (b *streamBuffer) ReadWithAttributes(p []byte, a packetio.Attributes) (int, packetio.Attributes, error) {
	return b.get().Read(p, a)
}

// WriteWithAttributes is what pion's streams write by.
func (b *streamBuffer) WriteWithAttributes(p []byte, a packetio.Attributes) (int, error) {
	if b.unread != nil && b.unread.Load() {
		return len(p), nil
	}
	return b.get().Write(p, a)
}

// SetReadDeadline is what pion's streams end reads by.
func (b *streamBuffer) SetReadDeadline(t time.Time) error { return b.get().SetReadDeadline(t) }

func (b *streamBuffer) Close() error {
	b.once.Do(func() { b.open.Add(-1) })
	return b.get().Close()
}

// sink takes what comes on one stream too many, until the connection is closed.
type sink struct {
	open   *atomic.Int64
	once   sync.Once
	closed chan struct{}
}

func (s *sink) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func (s *sink) Close() error {
	s.once.Do(func() {
		s.open.Add(-1)
		close(s.closed)
	})
	return nil
}
