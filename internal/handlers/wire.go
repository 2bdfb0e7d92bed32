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

	// The kernel's send buffer of a socket: enough for what a signalling socket
	// carries, and a bound on what a client that does not read can make the
	// kernel hold. Once such a client is given up, the buffer is enlarged so
	// that the close frame, which tells it why, still fits behind the rest.
	// Linux doubles both values (socket(7)), and net.core.wmem_max is 208 KiB
	// where nobody changed it.
	sendBuffer     = 128 << 10
	lastSendBuffer = 208 << 10
)

// wire is the connection under a WebSocket. It bounds the bytes of a message
// and, once closing, the time of writes.
type wire struct {
	net.Conn // set at the upgrade

	budget int64 // bytes left for this message; owned by the reader

	mu      sync.Mutex
	closing bool
	closeBy time.Time // no write deadline beyond it once closing
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

// SetWriteDeadline is called by gorilla before each write.
func (w *wire) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing && (t.IsZero() || t.After(w.closeBy)) {
		t = w.closeBy
	}
	return w.Conn.SetWriteDeadline(t)
}

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
	conn := w.Conn
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tls.NetConn()
	}
	if tcp, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = tcp.SetWriteBuffer(bytes) // without it a slow client may miss the reason, no more
	}
}

// closeWrite tells the client that nothing follows, so that it closes as well.
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
