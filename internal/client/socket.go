package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

// ErrClosed is returned by sends on a client whose socket is gone.
var ErrClosed = errors.New("client: socket closed")

// A RefusedError is a join that the server answered with an HTTP status.
type RefusedError struct {
	Status     int
	RetryAfter string
	types.ProtocolError
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("client: join refused with %d: %s: %s", e.Status, e.Code, e.Message)
}

const (
	writeDeadline = 10 * time.Second
	// closeWait bounds the closing handshake.
	closeWait = 2 * time.Second
	// outgoing bounds what waits for the writer; a full queue blocks the
	// sender, who is a test or a load tool.
	outgoing = 256
)

type frame struct {
	kind int
	data []byte
}

// A socket is one WebSocket connection and the goroutine that writes it. Its
// reader is Client.read.
type socket struct {
	ws   *websocket.Conn
	out  chan frame
	done chan struct{} // closed by shut
	once sync.Once
	// ended is closed when the reader is done.
	ended chan struct{}
	// heard is when anything last came, in nanoseconds since 1970; 0 for never.
	heard atomic.Int64
	// silent says that the client gave the socket up because nothing came.
	silent atomic.Bool
}

// alive notes a sign of life.
func (s *socket) alive() { s.heard.Store(time.Now().UnixNano()) }

func (s *socket) isEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// heardAt is when anything last came, zero for never.
func (s *socket) heardAt() time.Time {
	if n := s.heard.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// open dials and starts the writer in wg.
func (o Options) open(ctx context.Context, extra url.Values, wg *sync.WaitGroup) (*socket, error) {
	address, err := o.address(extra)
	if err != nil {
		return nil, err
	}
	dialer := websocket.Dialer{
		NetDialContext:   o.NetDial,
		TLSClientConfig:  o.TLS,
		HandshakeTimeout: o.DialTimeout,
		Proxy:            nil,
	}
	if dialer.HandshakeTimeout == 0 {
		dialer.HandshakeTimeout = 10 * time.Second
	}
	ws, response, err := dialer.DialContext(ctx, address, o.Header)
	if err != nil {
		if response != nil {
			return nil, refused(response)
		}
		return nil, fmt.Errorf("client: dial: %w", err)
	}
	s := &socket{ws: ws, out: make(chan frame, outgoing), done: make(chan struct{}), ended: make(chan struct{})}
	answer := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		s.alive()
		return answer(data)
	})
	ws.SetPongHandler(func(string) error {
		s.alive()
		return nil
	})
	wg.Go(s.run)
	return s, nil
}

func refused(response *http.Response) error {
	var body struct {
		Error types.ProtocolError `json:"error"`
	}
	// gorilla keeps the first kilobyte of the body, which holds the error.
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		body.Error.Message = response.Status
	}
	return &RefusedError{
		Status:        response.StatusCode,
		RetryAfter:    response.Header.Get("Retry-After"),
		ProtocolError: body.Error,
	}
}

// run sends the queued frames until the socket is shut.
func (s *socket) run() {
	defer recovery.RecoverWithPrefix("client writer")
	for {
		select {
		case f := <-s.out:
			_ = s.ws.SetWriteDeadline(time.Now().Add(writeDeadline))
			if err := s.ws.WriteMessage(f.kind, f.data); err != nil {
				s.shut()
				return
			}
		case <-s.done:
			return
		}
	}
}

// send implements link.
func (s *socket) send(m types.Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.write(websocket.TextMessage, data)
}

// write queues a frame and waits only while the queue is full.
func (s *socket) write(kind int, data []byte) error {
	select {
	case <-s.done:
		return ErrClosed
	default:
	}
	select {
	case s.out <- frame{kind, data}:
		return nil
	case <-s.done:
		return ErrClosed
	}
}

// say is send for the comeback, which cannot wait while the queue is full.
func (s *socket) say(m types.Message) {
	if data, err := json.Marshal(m); err == nil {
		s.offer(frame{websocket.TextMessage, data})
	}
}

func (s *socket) offer(f frame) {
	select {
	case s.out <- f:
	default:
	}
}

// shut closes the connection without a word to the server.
func (s *socket) shut() {
	s.once.Do(func() {
		close(s.done)
		_ = s.ws.Close()
	})
}

// reset cuts the TCP connection with an RST, as a killed machine behind a NAT
// or a crashed process would.
func (s *socket) reset() {
	conn := s.ws.NetConn()
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok { // tls.Conn
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
	s.shut()
}

// closing sends a close frame with code 1000 and waits for the server to end the
// connection. Closing at once would send an RST when something is unread, and
// that can overtake the close frame.
func (s *socket) closing() {
	defer s.shut()
	text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if s.ws.WriteControl(websocket.CloseMessage, text, time.Now().Add(closeWait)) != nil {
		return
	}
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-s.ended:
	case <-timer.C:
	}
}

// closeCode returns the code and reason text of the close frame that ended a
// read, and 1006 when there was none.
func closeCode(err error) (int, string) {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		return closed.Code, strings.TrimSpace(closed.Text)
	}
	return websocket.CloseAbnormalClosure, ""
}
