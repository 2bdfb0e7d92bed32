package handlers

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/metrics"
	"aq-server/internal/recovery"
	"aq-server/internal/types"
)

const (
	// closeTime is how long a closing socket has to take what is queued and the
	// close frame.
	closeTime = 2 * time.Second
	// slowCloseTime is the same for a client that has not read for WRITE_DEADLINE
	// already: the rest of one message and the close frame.
	slowCloseTime = time.Second
)

// outbox is the queue to one client and the goroutine that empties it: the only
// one that writes messages to the socket. It is the room.Conn and the Signaller
// of its client. Its methods never block; a client that does not take what is
// queued is closed, never waited for.
type outbox struct {
	ws            *websocket.Conn
	wire          *wire
	writeDeadline time.Duration
	maxMessages   int
	maxBytes      int
	metrics       *metrics.Metrics
	log           *slog.Logger

	offers   atomic.Int64 // sent through this socket
	mistakes mistakes

	wake    chan struct{} // capacity 1: there is something to write, or closing
	closing chan struct{} // closed with the first Close
	done    chan struct{} // closed when the writer has ended

	// mu is a leaf of the lock order: nothing is locked under it.
	mu    sync.Mutex
	queue [][]byte
	bytes int   // queued or being written
	cause error // of the close; nil while open
}

func newOutbox(ws *websocket.Conn, w *wire, h *WebsocketHandler) *outbox {
	return &outbox{
		ws: ws, wire: w, metrics: h.opts.Metrics, log: h.opts.Log,
		writeDeadline: h.opts.WriteDeadline,
		maxMessages:   h.opts.Limits.QueueMessages,
		maxBytes:      h.opts.Limits.QueueBytes,
		wake:          make(chan struct{}, 1),
		closing:       make(chan struct{}),
		done:          make(chan struct{}),
	}
}

// Send queues a message. The error is ErrClosed or ErrSlow.
func (o *outbox) Send(m types.Message) error {
	frame, err := json.Marshal(m)
	if err != nil {
		return err // strings and numbers always encode
	}
	if err := o.SendEncoded(frame); err != nil {
		return err
	}
	if m.Event == types.EventOffer {
		o.offers.Add(1)
	}
	return nil
}

// SendEncoded queues a message that is JSON already (room.Conn). One message
// that is larger than the whole queue may be is let through while nothing else
// is queued.
func (o *outbox) SendEncoded(frame []byte) error {
	o.mu.Lock()
	if o.cause != nil {
		o.mu.Unlock()
		return ErrClosed
	}
	if len(o.queue) >= o.maxMessages || o.bytes > 0 && o.bytes+len(frame) > o.maxBytes {
		o.mu.Unlock()
		o.Close(ErrSlow)
		return ErrSlow
	}
	o.queue = append(o.queue, frame)
	o.bytes += len(frame)
	o.mu.Unlock()
	o.poke()
	return nil
}

// Reject counts a mistake (room.Conn); too many close the socket.
func (o *outbox) Reject(err *types.ProtocolError) {
	o.metrics.MessagesRejected.Add(1)
	if counts(err.Code) && o.mistakes.add(time.Now()) {
		o.Close(errMistakes)
	}
}

// Close ends the socket for a cause; only the first call counts (room.Conn).
// Reading stops at once. What is queued is still written, unless the client is
// gone or does not read, and then the close frame that belongs to the cause.
func (o *outbox) Close(cause error) {
	o.mu.Lock()
	if o.cause != nil {
		o.mu.Unlock()
		return
	}
	o.cause = cause
	slow := errors.Is(cause, ErrSlow)
	if slow || endingOf(cause).code == 0 {
		o.queue, o.bytes = nil, 0
	}
	close(o.closing)
	o.mu.Unlock()

	if slow {
		o.metrics.SlowConsumers.Add(1)
		o.wire.setSendBuffer(lastSendBuffer)
		o.wire.expire(time.Now().Add(slowCloseTime))
	} else {
		if errors.Is(cause, errKeepalive) {
			o.metrics.KeepaliveTimeouts.Add(1)
		}
		o.wire.expire(time.Now().Add(closeTime))
	}
	o.poke()
}

// closeCause returns the cause of Close, nil while the socket is open.
func (o *outbox) closeCause() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

func (o *outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// next waits for the next message to write; nil means that the close frame is
// due.
func (o *outbox) next() []byte {
	for {
		o.mu.Lock()
		if len(o.queue) > 0 {
			frame := o.queue[0]
			o.queue[0] = nil
			o.queue = o.queue[1:]
			o.mu.Unlock()
			return frame
		}
		o.queue = nil // an idle client keeps no memory
		closing := o.cause != nil
		o.mu.Unlock()
		if closing {
			return nil
		}
		<-o.wake
	}
}

func (o *outbox) written(frame []byte) {
	o.mu.Lock()
	o.bytes = max(0, o.bytes-len(frame)) // Close may have emptied the queue
	o.mu.Unlock()
}

// run is the writer. It ends after Close, at the latest when the time that
// Close gave is over.
func (o *outbox) run() {
	defer close(o.done)
	defer recovery.RecoverFunc("websocket writer", func(any) { o.Close(errBroken) })
	// A write that takes too long closes the socket while it goes on: if the
	// client then takes the rest of the message, the close frame can follow. An
	// expired deadline would leave half a message, after which nothing can be
	// sent (and TLS could not either). The timer's function takes microseconds
	// and touches only the outbox.
	stalled := time.AfterFunc(time.Hour, func() {
		defer recovery.RecoverWithPrefix("websocket write deadline")
		o.Close(ErrSlow)
	})
	defer stalled.Stop()
	stalled.Stop()
	for {
		frame := o.next()
		if frame == nil {
			break
		}
		stalled.Reset(o.writeDeadline)
		_ = o.ws.SetWriteDeadline(time.Now().Add(o.writeDeadline + slowCloseTime))
		err := o.ws.WriteMessage(websocket.TextMessage, frame)
		stalled.Stop()
		o.written(frame)
		if err != nil {
			o.Close(errBroken)
			break
		}
	}
	if e := endingOf(o.closeCause()); e.code != 0 {
		data := websocket.FormatCloseMessage(e.code, e.text)
		// The wire's own deadline is nearer. An error means that the client is
		// gone, or that gorilla has sent a close frame already (1002, 1009).
		_ = o.ws.WriteControl(websocket.CloseMessage, data, time.Now().Add(closeTime))
	}
	o.wire.closeWrite()
}
