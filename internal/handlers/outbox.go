package handlers

import (
	"encoding/json"
	"errors"
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
	// gatherTime is how long a message waits for others that need not go at once.
	gatherTime = 50 * time.Millisecond
)

// outbox is the queue to one client and the goroutine that empties it: the only
// one that writes messages to the socket, and there while there are some. It is the
// room.Conn and the Signaller of its client. Its methods never block; a client that
// does not take what is queued is closed, never waited for.
type outbox struct {
	ws          *websocket.Conn
	wire        *wire
	maxMessages int
	maxBytes    int
	metrics     *metrics.Metrics

	offers   atomic.Int64 // sent through this socket
	mistakes mistakes

	closing chan struct{} // closed with the first Close
	done    chan struct{} // closed when the writer has ended for good, after it

	// mu is a leaf of the lock order: nothing is locked under it.
	mu      sync.Mutex
	queue   [][]byte
	bytes   int   // queued or being written
	ping    bool  // one is to be written
	writing bool  // run is under way, or has ended for good
	cause   error // of the close; nil while open
	// gather calls the writer for what could wait; nil before there was any.
	gather    *time.Timer
	gathering bool
}

// newOutbox returns the outbox of a socket. Its owner closes it and waits for done.
func newOutbox(ws *websocket.Conn, w *wire, h *WebsocketHandler) *outbox {
	o := &outbox{
		ws: ws, wire: w, metrics: h.opts.Metrics,
		maxMessages: h.opts.Limits.QueueMessages,
		maxBytes:    h.opts.Limits.QueueBytes,
		closing:     make(chan struct{}),
		done:        make(chan struct{}),
	}
	// Armed by writes. The function takes microseconds and touches only the
	// outbox, so that nobody needs to wait for it.
	w.stalled = time.AfterFunc(time.Hour, func() {
		defer recovery.RecoverWithPrefix("websocket write deadline")
		o.Close(ErrSlow)
	})
	w.stalled.Stop()
	return o
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
	return o.queueFrame(frame, (*outbox).pokeLocked)
}

// SendSoon queues a message that may wait for more (room.Conn).
func (o *outbox) SendSoon(frame []byte) error {
	return o.queueFrame(frame, (*outbox).pokeSoonLocked)
}

// queueFrame queues a message and has the writer called.
func (o *outbox) queueFrame(frame []byte, poke func(*outbox)) error {
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
	poke(o)
	o.mu.Unlock()
	return nil
}

// Reject counts a mistake (room.Conn); too many close the socket.
func (o *outbox) Reject(err *types.ProtocolError) {
	o.metrics.MessagesRejected.Add(1)
	if counts(err.Code) && o.mistakes.add(time.Now()) {
		o.Close(errMistakes)
	}
}

// Probe has a ping written (room.Conn).
func (o *outbox) Probe() {
	o.mu.Lock()
	o.ping = true
	o.pokeLocked()
	o.mu.Unlock()
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
	o.mu.Lock()
	o.pokeLocked()
	o.mu.Unlock()
}

// closeCause returns the cause of Close, nil while the socket is open.
func (o *outbox) closeCause() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

// pokeLocked has what is queued written, or the close frame.
func (o *outbox) pokeLocked() {
	if !o.writing {
		o.writing = true
		go o.run() // ends when all is written; done tells when for the last time
	}
}

// pokeSoonLocked has it written within gatherTime. The timer takes microseconds and
// touches only the outbox, so that nobody needs to wait for it.
func (o *outbox) pokeSoonLocked() {
	switch {
	case o.writing || o.gathering:
		return
	case o.gather == nil:
		o.gather = time.AfterFunc(gatherTime, func() {
			defer recovery.RecoverWithPrefix("websocket gathering")
			o.mu.Lock()
			defer o.mu.Unlock()
			o.gathering = false
			if len(o.queue) > 0 {
				o.pokeLocked()
			}
		})
	default:
		o.gather.Reset(gatherTime)
	}
	o.gathering = true
}

// next returns what there is to write: a ping, messages, as many as fit into
// writePiece, or both. If there is neither, the close frame is due, or the writer
// ends until there is more.
func (o *outbox) next() (frames [][]byte, size int, ping, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.queue) && (n == 0 || size+len(o.queue[n]) <= writePiece) {
		size += len(o.queue[n])
		n++
	}
	frames, o.queue = o.queue[:n:n], o.queue[n:]
	if len(o.queue) == 0 {
		o.queue = nil // an idle client keeps no memory
	}
	closing := o.cause != nil
	ping, o.ping = o.ping && !closing, false
	more = n > 0 || ping || closing
	o.writing = more
	return frames, size, ping, more
}

// written makes place in the queue.
func (o *outbox) written(size int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bytes = max(0, o.bytes-size) // Close may have emptied the queue
}

// run is the writer. It ends for good after Close, at the latest when the time that
// Close gave is over.
func (o *outbox) run() {
	last := true
	defer func() {
		if last {
			o.wire.stalled.Stop()
			o.stopGathering()
			close(o.done)
		}
	}()
	defer recovery.RecoverFunc("websocket writer", func(any) { o.Close(errBroken) })
	for {
		frames, size, ping, more := o.next()
		if !more {
			last = false
			return
		}
		if len(frames) == 0 && !ping {
			break
		}
		var err error
		if ping {
			err = o.ws.WriteControl(websocket.PingMessage, nil, time.Time{})
		}
		if err == nil && len(frames) > 0 {
			err = o.write(frames)
		}
		o.written(size)
		if err != nil {
			o.Close(errBroken)
			break
		}
	}
	e := endingOf(o.closeCause())
	if e.code == 0 {
		return
	}
	data := websocket.FormatCloseMessage(e.code, e.text)
	err := o.ws.WriteControl(websocket.CloseMessage, data, time.Now().Add(closeTime))
	// gorilla has sent a close frame already if it found the fault (1002, 1009).
	if err == nil || errors.Is(err, websocket.ErrCloseSent) {
		o.wire.closeWrite()
	}
}

func (o *outbox) stopGathering() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gather != nil {
		o.gather.Stop()
	}
}

// write sends each message as a frame of its own, all in one write.
func (o *outbox) write(frames [][]byte) error {
	o.wire.cork()
	var err error
	for _, frame := range frames {
		if err = o.ws.WriteMessage(websocket.TextMessage, frame); err != nil {
			break // what was gathered before a close frame of gorilla goes out
		}
	}
	return errors.Join(err, o.wire.uncork(2*writePiece))
}
