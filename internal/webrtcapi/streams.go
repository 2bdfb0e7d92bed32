package webrtcapi

import (
	"io"
	"sync"
	"sync/atomic"

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
	b := &streamBuffer{Buffer: packetio.NewBuffer(), open: open}
	b.SetLimitSize(size)
	return b
}

// streamBuffer is one stream's, as pion makes it, and counted.
type streamBuffer struct {
	*packetio.Buffer
	open *atomic.Int64
	once sync.Once
}

func (b *streamBuffer) Read(p []byte) (int, error) {
	n, _, err := b.Buffer.Read(p, nil)
	return n, err
}

func (b *streamBuffer) Write(p []byte) (int, error) { return b.Buffer.Write(p, nil) }

// ReadWithAttributes is what pion's streams read by.
func (b *streamBuffer) ReadWithAttributes(p []byte, a packetio.Attributes) (int, packetio.Attributes, error) {
	return b.Buffer.Read(p, a)
}

// WriteWithAttributes is what pion's streams write by.
func (b *streamBuffer) WriteWithAttributes(p []byte, a packetio.Attributes) (int, error) {
	return b.Buffer.Write(p, a)
}

func (b *streamBuffer) Close() error {
	b.once.Do(func() { b.open.Add(-1) })
	return b.Buffer.Close()
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
