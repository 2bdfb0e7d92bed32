package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"aq-server/internal/keepalive"
	"aq-server/internal/recovery"
	"aq-server/internal/room"
	"aq-server/internal/types"
)

const (
	// lingerTime and lingerBytes bound how long a closed socket is still read, and
	// thrown away: closing TCP over unread data makes the kernel send a reset,
	// which can overtake the close frame, and the client would never learn why.
	lingerTime  = time.Second
	lingerBytes = 16 << 20
)

// client is one WebSocket. Except for what mu guards, it belongs to the goroutine
// of ServeHTTP, which reads it.
type client struct {
	handler *WebsocketHandler
	opts    *Options
	join    joinRequest
	remote  string
	browser bool
	leave   func() // gives back his place among those of his address

	ws     *websocket.Conn
	wire   *wire
	out    *outbox
	watch  *keepalive.Watch
	member *room.Member // nil until joined; see here
	// knock is set while he waits to be let in, and answered says what came of it.
	knock    *room.Knock
	answered chan *room.Member // capacity 1

	chat, events pace
	candidates   candidates
	answers      int64               // received
	unknown      map[string]struct{} // names of unknown events that were answered

	mu      sync.Mutex // guards what other goroutines need to end this one
	closer  *outbox
	conn    net.Conn
	stopped bool // Shutdown came before the upgrade was through
}

// serve runs the client until the socket is gone.
func (c *client) serve(ws *websocket.Conn, conn *wire) {
	limits := c.opts.Limits
	c.ws, c.wire = ws, conn
	c.out = newOutbox(ws, conn, c.handler)
	c.chat = newPace(limits.ChatRate, limits.ChatBurst)
	c.events = newPace(limits.EventRate, limits.EventBurst)
	conn.setSendBuffer(sendBuffer)
	// The absolute limit. What this client may send now is looked at in read:
	// gorilla would compare with what held when it began to wait.
	ws.SetReadLimit(maxMessage)

	c.publish()

	c.session()
	c.depart()
	c.end()
}

// publish lets Shutdown reach the socket.
func (c *client) publish() {
	c.mu.Lock()
	c.closer, c.conn = c.out, c.wire
	stopped := c.stopped
	c.mu.Unlock()
	if stopped {
		c.out.Close(room.ErrShutdown)
	}
}

// shutdown closes the socket with 1012. Any goroutine.
func (c *client) shutdown() {
	c.mu.Lock()
	out := c.closer
	c.stopped = true
	c.mu.Unlock()
	if out != nil {
		out.Close(room.ErrShutdown)
	}
}

// cut closes the connection under the WebSocket. Any goroutine.
func (c *client) cut() {
	c.mu.Lock()
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
}

// session joins and reads until the socket is closing, whoever closed it. A
// panic in what is called from here costs this client alone.
func (c *client) session() {
	defer recovery.RecoverFunc("websocket reader of "+c.remote, func(any) { c.out.Close(room.ErrInternal) })
	knock := &room.Knock{Answered: c.letIn}
	c.answered = make(chan *room.Member, 1)
	member, err := c.opts.Rooms.AddPeerToRoom(room.JoinRequest{
		Knock: knock, Device: c.join.device,
		Conn: c.out, Room: c.join.room, Username: c.join.username, Protocol: c.join.protocol,
		Browser: c.browser, Remote: c.remote, Resume: c.join.resume, Keep: c.join.keep, LastChat: c.join.lastChat,
		Attempt: c.join.attempt, Grant: c.join.grant,
	})
	switch {
	case errors.Is(err, room.ErrWaiting):
		c.knock = knock
	case err != nil:
		c.out.Close(causeOfJoin(err))
		return
	}
	c.member = member
	c.watch = keepalive.Monitor(c.ws, c.opts.KeepalivePing, c.opts.KeepalivePong, func() {
		c.out.Close(errKeepalive)
	})
	c.countControlFrames()
	c.out.Close(c.read())
}

// depart tells the room that the socket is gone, at once and before anything
// that takes time.
func (c *client) depart() {
	defer recovery.RecoverWithPrefix("websocket end of " + c.remote)
	if c.knock != nil && c.member == nil && !c.knock.Cancel() {
		c.member = <-c.answered // he is being let in at this moment
	}
	if c.member == nil {
		return
	}
	e := endingOf(c.out.closeCause())
	if e.back == room.NotBack {
		c.member.Leave(c.out, e.reason)
	} else {
		c.member.SocketLost(c.out, e.reason, e.back)
	}
}

// end waits for the writer, lets the close frame arrive and closes.
func (c *client) end() {
	<-c.out.done // within the time that out.Close gave
	if endingOf(c.out.closeCause()).code != 0 {
		// Directly at the connection: wire refuses further reading now.
		conn := c.wire.Conn
		_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, conn, lingerBytes) // ends when the client closes
	}
	_ = c.ws.Close()
	if c.watch != nil {
		c.watch.Stop()
	}
}

// countControlFrames makes pings and pongs count as events. Monitor has
// installed its pong handler.
func (c *client) countControlFrames() {
	c.ws.SetPingHandler(func(data string) error {
		c.wire.budget += controlBudget
		if err := c.take(&c.events); err != nil {
			return err
		}
		err := c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(c.opts.WriteDeadline))
		var timeout net.Error
		if errors.Is(err, websocket.ErrCloseSent) || errors.As(err, &timeout) {
			return nil // the writer or the next read finds out
		}
		return err
	})
	pong := c.ws.PongHandler()
	c.ws.SetPongHandler(func(data string) error {
		c.wire.budget += controlBudget
		if err := c.take(&c.events); err != nil {
			return err
		}
		if c.here() {
			c.member.Answered()
		}
		return pong(data)
	})
}

// take counts an event and waits if there were too many: the client is slowed
// down by not being read, nothing is lost, and nobody else notices.
func (c *client) take(p *pace) error {
	wait, err := p.take(time.Now())
	if err != nil || wait == 0 {
		return err
	}
	c.watch.Alive() // his pongs are waiting behind what we do not read
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.out.closing:
	}
	return nil
}

// read handles messages until the socket ends and returns why.
func (c *client) read() error {
	for {
		c.wire.budget = wireBudget
		kind, r, err := c.ws.NextReader()
		switch {
		case err != nil:
			return causeOfRead(err)
		case kind != websocket.TextMessage:
			return errBinary
		}
		if err := c.readMessage(r); err != nil {
			return err
		}
		if c.out.closeCause() != nil {
			return nil // closed by somebody else; Close keeps his cause
		}
	}
}

func (c *client) readMessage(r io.Reader) error {
	buf := c.handler.buffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= 2*smallMessage {
			buf.Reset()
			c.handler.buffers.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(io.LimitReader(r, smallMessage+1)); err != nil {
		return causeOfRead(err)
	}
	if buf.Len() <= smallMessage {
		return c.handle(buf.Bytes())
	}
	if !c.here() {
		return errTooBig
	}
	limit := readLimit(c.member.Media().MLines())
	if limit <= smallMessage {
		return errTooBig
	}
	_ = c.wire.SetReadDeadline(time.Now().Add(largeTime))
	defer func() { _ = c.wire.SetReadDeadline(time.Time{}) }()
	rest := aliveReader{io.LimitReader(r, limit+1-int64(buf.Len())), c.watch}
	ctx, cancel := context.WithTimeout(context.Background(), largeWait)
	defer cancel()
	if err := c.handler.large.Acquire(ctx, limit); err != nil {
		n, err := io.Copy(io.Discard, rest)
		switch {
		case err != nil:
			return causeOfRead(err)
		case int64(buf.Len())+n > limit:
			return errTooBig
		}
		c.fail(types.Errorf(types.CodeServerBusy, "too much large data at once; send it again"), "")
		return nil
	}
	defer c.handler.large.Release(limit)
	if _, err := buf.ReadFrom(rest); err != nil {
		return causeOfRead(err)
	}
	if int64(buf.Len()) > limit {
		return errTooBig
	}
	return c.handle(buf.Bytes())
}

// aliveReader counts what arrives of a long frame as a sign of life: a pong
// cannot come in its midst (RFC 6455, section 5.4).
type aliveReader struct {
	io.Reader
	watch *keepalive.Watch
}

func (r aliveReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.watch.Alive()
	}
	return n, err
}

// handle checks, counts and routes one message.
func (c *client) handle(text []byte) error {
	if !utf8.Valid(text) {
		return errNotUTF8
	}
	c.opts.Metrics.TotalMessagesProcessed.Add(1)
	msg, err := decode(text)
	if paceErr := c.count(msg); paceErr != nil {
		return paceErr
	}
	here := c.here()
	switch {
	case err != nil:
	case here:
		err = c.route(msg)
	default:
		err = c.routeOutside(msg)
	}
	if here {
		c.member.Spoke(c.out)
	}
	switch {
	case err == errLeave:
		return room.ErrLeft
	case err != nil:
		c.fail(err, msg.Event)
	}
	return nil
}

// count applies the rates. Answers to offers of this socket are free: a room
// where people come and go must not punish those who answer.
func (c *client) count(msg message) error {
	switch msg.Event {
	case types.EventChat:
		return c.take(&c.chat)
	case types.EventAnswer:
		c.answers++
		if c.answers <= c.out.offers.Load() {
			return nil
		}
	case types.EventCandidate:
		if c.candidates.add(time.Now()) {
			return errRate
		}
	}
	return c.take(&c.events)
}

// fail answers a message with an error event and counts it.
func (c *client) fail(err *types.ProtocolError, event string) {
	reply := *err
	reply.Event = truncate(event)
	_ = c.out.Send(types.NewMessage(types.EventError, reply))
	c.out.Reject(err)
}
