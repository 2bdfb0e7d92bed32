package handlers

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// wireBudget is the most that one message may take on the wire, the headers
	// of its fragments included. gorilla's read limit counts payload only, so
	// that a message in endless empty fragments would never end.
	wireBudget = maxMessage + 128<<10
	// controlBudget is a control frame at its longest: header, mask, payload.
	controlBudget = 2 + 4 + 125

	// writePiece is the most that is written at once, and for which WRITE_DEADLINE
	// holds: small messages are gathered up to this size, large ones cut. It is
	// the size of a TLS record.
	writePiece = 16 << 10

	// The kernel's send buffer of a socket: enough for what a signalling socket
	// carries, and a bound on what a client that does not read can make the
	// kernel hold. Once such a client is given up, the buffer is enlarged so
	// that the close frame, which tells it why, still fits behind the rest.
	// Linux doubles both values (socket(7)), and net.core.wmem_max is 208 KiB
	// where nobody changed it.
	sendBuffer     = 64 << 10
	lastSendBuffer = 208 << 10
)

// wire is the connection under a WebSocket. It bounds the bytes of a message to
// read, gathers small messages to write, and watches over the time of writes.
type wire struct {
	net.Conn      // set at the upgrade
	writeDeadline time.Duration

	budget int64 // bytes left for this message; owned by the reader

	// writing is held during a write: by the outbox's writer, or by who sends a
	// control frame.
	writing sync.Mutex
	corked  bool
	buffer  []byte      // what was written since cork
	stalled *time.Timer // runs while a write waits; nil before there is an outbox

	mu      sync.Mutex // a leaf
	closing bool
	closeBy time.Time // the end of all writing, once closing
}

// Read reads while the budget lasts.
func (w *wire) Read(p []byte) (int, error) {
	if w.budget <= 0 {
		return 0, errTooBig
	}
	n, err := w.Conn.Read(p)
	w.budget -= int64(n)
	return n, err
}

// Write writes whole frames, as gorilla does; between cork and uncork it only
// gathers them.
func (w *wire) Write(p []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if w.corked {
		w.buffer = append(w.buffer, p...)
		return len(p), nil
	}
	return w.writeOut(p)
}

// corkBuffers are used between cork and uncork only: an idle socket has none.
var corkBuffers = sync.Pool{New: func() any { return new([]byte) }}

// cork makes Write gather, so that many small messages need one system call.
func (w *wire) cork() {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.corked = true
	w.buffer = *corkBuffers.Get().(*[]byte)
}

// uncork writes what was gathered. keep is the largest buffer worth keeping for
// other sockets.
func (w *wire) uncork(keep int) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err := w.writeOut(w.buffer)
	w.corked = false
	if buffer := w.buffer[:0]; cap(buffer) <= keep {
		corkBuffers.Put(&buffer)
	}
	w.buffer = nil
	return err
}

// writeOut writes p piece by piece: the deadline is for progress, so that a long
// offer may take its time on a slow way, but not a client who does not read.
//
// A piece that takes longer than writeDeadline closes the socket, while the
// write goes on for a little: if the client then takes the rest, the close frame
// can follow. An expired deadline would leave half a message, after which nothing
// can be sent (and TLS could not go on either).
func (w *wire) writeOut(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		piece := p[:min(len(p), writePiece)]
		w.mu.Lock()
		deadline := time.Now().Add(w.writeDeadline + slowCloseTime)
		if w.closing && deadline.After(w.closeBy) {
			deadline = w.closeBy
		}
		_ = w.Conn.SetWriteDeadline(deadline) // a closed socket fails in Write
		w.mu.Unlock()
		if w.stalled != nil {
			w.stalled.Reset(w.writeDeadline)
		}
		n, err := w.Conn.Write(piece)
		if w.stalled != nil {
			w.stalled.Stop()
		}
		written += n
		if err != nil {
			return written, err
		}
		p = p[len(piece):]
	}
	return written, nil
}

// SetWriteDeadline is called by gorilla before each write, which sets its own.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline has no effect once closing.
func (w *wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return nil
	}
	return w.Conn.SetReadDeadline(t)
}

// expire ends the read under way and all further ones, and gives writes, also
// the one under way, until closeBy.
func (w *wire) expire(closeBy time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing, w.closeBy = true, closeBy
	_ = w.Conn.SetReadDeadline(time.Unix(1, 0))
	_ = w.Conn.SetWriteDeadline(closeBy)
}

// setSendBuffer sets the size of the kernel's send buffer where there is one.
// It wakes a write that waits for space.
func (w *wire) setSendBuffer(bytes int) {
	if tcp, ok := w.socket().(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(bytes) // without it a slow client may miss the reason, no more
	}
}

// socket returns the connection under TLS, if there is TLS.
func (w *wire) socket() net.Conn {
	if tls, ok := w.Conn.(interface{ NetConn() net.Conn }); ok {
		return tls.NetConn()
	}
	return w.Conn
}

// Close closes the socket at once. TLS would first try for up to five seconds to
// say that it ends; closeWrite has done that where it is of use.
func (w *wire) Close() error { return w.socket().Close() }

// closeWrite tells the client that nothing follows, so that it closes as well.
// Only for a client that takes what is written: see Close.
func (w *wire) closeWrite() {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// hijacker hands gorilla the wire in place of the connection of net/http.
type hijacker struct {
	http.ResponseWriter
	wire *wire
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire.Conn = conn
	return h.wire, buffers, nil
}
