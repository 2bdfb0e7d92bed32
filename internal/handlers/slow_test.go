package handlers

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/room"
	"aq-server/internal/types"
)

// smallBuffer dials with a small receive buffer, so that a client who does not
// read is felt soon.
var smallBuffer = &websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
	c, err := net.Dial(network, addr)
	if err == nil {
		err = c.(*net.TCPConn).SetReadBuffer(32 << 10)
	}
	return c, err
}}

// readsAgain ends the stall. A small window would take seconds to empty.
func (p *peer) readsAgain() {
	conn := p.NetConn()
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	if err := conn.(*net.TCPConn).SetReadBuffer(1 << 20); err != nil {
		p.t.Error(err)
	}
	_ = p.SetReadDeadline(time.Now().Add(patience))
}

// chats reads chat messages until want came, and returns the longest time that
// passed between two of them.
func chats(p *peer, want int, check func(m types.Message)) (gap time.Duration, err error) {
	last := time.Time{}
	for n := 0; n < want; {
		_, data, err := p.ReadMessage()
		if err != nil {
			return gap, fmt.Errorf("after %d of %d messages: %w", n, want, err)
		}
		var m types.Message
		if err := json.Unmarshal(data, &m); err != nil {
			return gap, err
		}
		if m.Event != types.EventChat {
			continue
		}
		now := time.Now()
		if n > 0 {
			gap = max(gap, now.Sub(last))
		}
		last = now
		check(m)
		n++
	}
	return gap, nil
}

// T18: one of ten stops reading while the others write. They lose nothing, see
// the same order and do not wait; the stalled one is closed, and when it reads
// again it learns why.
func TestSlowReader(t *testing.T) {
	s := serve(t, nil)
	stalled := s.dialWith(smallBuffer, "username=stalled&protocol=1")
	stalled.await(types.EventOffer)
	const talkers, each = 9, 30
	var peers []*peer
	for i := range talkers {
		p := s.dial(fmt.Sprintf("username=%d", i))
		p.await(types.EventOffer)
		peers = append(peers, p)
	}
	text := strings.Repeat("x", 4080)
	var wg sync.WaitGroup
	orders := make([]string, talkers)
	gaps := make([]time.Duration, talkers)
	for i, p := range peers {
		// Each says the next thing when he has heard himself: the echo is the
		// acknowledgement.
		say := func(j int) {
			if err := p.WriteJSON(map[string]string{"event": "chat", "data": fmt.Sprintf("%d %s", j, text)}); err != nil {
				t.Errorf("talker %d: %v", i, err)
			}
		}
		wg.Go(func() {
			next := make(map[string]int)
			var order strings.Builder
			say(0)
			gap, err := chats(p, talkers*each, func(m types.Message) {
				if !strings.HasPrefix(m.Data, fmt.Sprintf("%d ", next[m.Username])) || len(m.Data) < 4080 {
					t.Errorf("talker %d got %.10s of %s, want %d", i, m.Data, m.Username, next[m.Username])
				}
				next[m.Username]++
				order.WriteString(m.ID + " ")
				if m.Username == fmt.Sprint(i) && next[m.Username] < each {
					say(next[m.Username])
				}
			})
			if err != nil {
				t.Errorf("talker %d: %v", i, err)
			}
			orders[i], gaps[i] = order.String(), gap
		})
	}
	wg.Wait()
	var worst time.Duration
	for i := range peers {
		if orders[i] != orders[0] {
			t.Errorf("talkers 0 and %d saw different orders", i)
		}
		worst = max(worst, gaps[i])
	}
	t.Logf("largest gap for the others: %v", worst)
	// If they waited for him, it would be for WRITE_DEADLINE. The figure on a
	// quiet machine is in docs/limits.md.
	if worst > 4*time.Second {
		t.Errorf("the others waited for %v", worst)
	}
	eventually(t, "the stalled one is given up", func() bool { return s.metrics.SlowConsumers.Load() == 1 })
	// The server has long gone on when he reads again.
	eventually(t, "his socket is closed", func() bool { return s.metrics.ActiveConnections.Load() == talkers })
	stalled.readsAgain()
	stalled.ends(1008, "slow consumer")
}

// A write that does not finish within WRITE_DEADLINE, with little in the queue.
func TestWriteDeadline(t *testing.T) {
	for _, protocol := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			s, d, end := bubble(t, nil)
			defer end()
			other := s.dialWith(d, "protocol=1&username=Other")
			other.await(types.EventOffer)
			p := s.dialWith(d, fmt.Sprint("username=Stalled&protocol=", protocol))
			_ = other.SetReadDeadline(time.Time{})
			other.await(types.EventPeerJoined)
			p.spoke()
			// The pipe has no buffer: not reading one message is enough.
			start := time.Now()
			other.send("chat", "read this")
			other.await(types.EventChat)
			m := other.next()
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("given up after %v", took)
			}
			if protocol == 0 {
				if left := decodeAs[types.PeerLeft](t, m); left.Reason != types.LeaveRejected {
					t.Errorf("%+v", left)
				}
			} else {
				// A phone in a tunnel: it may come back.
				if lost := decodeAs[types.PeerInfo](t, m); lost.State.Connection != types.ConnectionLost {
					t.Errorf("%+v", lost)
				}
			}
			if n := s.metrics.SlowConsumers.Load(); n != 1 {
				t.Errorf("%d slow consumers", n)
			}
			_ = p.Close()
			_ = other.Close()
		})
	}
}

// The deadline is for progress: a client that takes 16 KiB in four seconds keeps
// its socket, however long the message.
func TestSlowButSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, func(o *Options, _ *room.Options) { o.KeepalivePing = time.Hour })
		defer end()
		p := s.dialWith(d, "")
		p.await(types.EventOffer)
		long := types.Message{Event: types.EventOffer, Data: strings.Repeat("x", 300<<10)}
		if err := s.media.peer(0).config.Signaller.Send(long); err != nil {
			t.Fatal(err)
		}
		_ = p.SetReadDeadline(time.Time{})
		conn := p.NetConn()
		start := time.Now()
		buf := make([]byte, 16<<10)
		for total := 0; total < 300<<10; {
			time.Sleep(4 * time.Second)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", total, err)
			}
			total += n
		}
		if took := time.Since(start); took < time.Minute {
			t.Errorf("took only %v", took)
		}
		_ = p.Close()
	})
}

// The queue is bounded in messages and in bytes; what is too much closes.
func TestQueueBounds(t *testing.T) {
	fill := func(t *testing.T, o *outbox, m types.Message) int {
		t.Helper()
		for n := 0; ; n++ {
			switch err := o.Send(m); {
			case errors.Is(err, ErrSlow):
				if err := o.Send(m); !errors.Is(err, ErrClosed) {
					t.Errorf("after ErrSlow: %v", err)
				}
				return n
			case err != nil:
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		size, min, max int
	}{{1, 4096, 4096}, {10_000, 104, 104}, {2 << 20, 1, 1}} {
		s := newSite(t, nil)
		a, b := net.Pipe()
		defer b.Close()
		w := &wire{Conn: a, writeDeadline: time.Second}
		o := newOutbox(nil, w, s.h)
		o.writing = true // by nobody
		n := fill(t, o, types.Message{Event: "x", Data: strings.Repeat("x", tt.size)})
		if n < tt.min || n > tt.max {
			t.Errorf("%d messages of %d bytes were queued, want %d", n, tt.size, tt.min)
		}
		if !errors.Is(o.closeCause(), ErrSlow) || len(o.queue) != 0 {
			t.Errorf("closed for %v with %d messages", o.closeCause(), len(o.queue))
		}
		s.close()
	}
}

// 20,000 chat messages as fast as ten people can send them: within the burst of
// each, so nobody is slowed down. Every one arrives, in order, to everyone.
func TestTwentyThousandMessages(t *testing.T) {
	s := serve(t, nil)
	const talkers, each = 10, 2000
	listener := s.dial("username=listener")
	peers := []*peer{listener}
	for i := range talkers {
		peers = append(peers, s.dial(fmt.Sprintf("username=%d", i)))
	}
	for _, p := range peers {
		p.await(types.EventOffer)
	}
	before := heap()
	var wg sync.WaitGroup
	heard := make(chan struct{})
	_ = listener.SetReadDeadline(time.Now().Add(3 * patience))
	wg.Go(func() {
		defer close(heard)
		next := make(map[string]int)
		var last uint64
		_, err := chats(listener, talkers*each, func(m types.Message) {
			var id uint64
			_, _ = fmt.Sscan(m.ID, &id)
			if m.Data != fmt.Sprint(next[m.Username]) || id <= last {
				t.Errorf("got %s (%s) of %s, want %d", m.Data, m.ID, m.Username, next[m.Username])
			}
			next[m.Username]++
			last = id
		})
		if err != nil {
			t.Errorf("listener: %v", err)
		}
	})
	for i, p := range peers[1:] {
		// What comes back to the talkers is the same; they only take it.
		wg.Go(func() { _, _ = io.Copy(io.Discard, p.NetConn()) })
		wg.Go(func() {
			for j := range each {
				if err := p.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"event":"chat","data":"%d"}`, j)); err != nil {
					t.Errorf("talker %d: %v", i, err)
					return
				}
			}
		})
	}
	<-heard
	for _, p := range peers {
		_ = p.Close()
	}
	wg.Wait()
	if after := heap(); after > before+16<<20 {
		t.Errorf("heap grew from %d to %d", before, after)
	}
	if n := s.metrics.TotalChatMessages.Load(); n != talkers*each {
		t.Errorf("%d chat messages counted", n)
	}
}

// The same from one person: slowed down to his rate and, as he does not pause,
// closed after ten seconds. What was taken from him has arrived, in order.
func TestTwentyThousandMessagesOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, nil)
		defer end()
		listener := s.dialWith(d, "username=listener&protocol=1")
		listener.await(types.EventOffer)
		_ = listener.SetReadDeadline(time.Time{})
		p := s.dialWith(d, "username=talker")
		p.await(types.EventOffer)
		_ = p.SetReadDeadline(time.Time{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for j := range 20_000 {
				if p.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"event":"chat","data":"%d"}`, j)) != nil {
					return
				}
			}
		}()
		echoed := make(chan struct{})
		go func() {
			defer close(echoed)
			p.ends(1008, "rate limit")
			_ = p.Close()
		}()
		n := 0
		for {
			m := listener.next()
			if m.Event == types.EventPeerLeft {
				if left := decodeAs[types.PeerLeft](t, m); left.Reason != types.LeaveRejected {
					t.Errorf("%+v", left)
				}
				break
			}
			if m.Event == types.EventChat {
				if m.Data != fmt.Sprint(n) {
					t.Fatalf("got %s, want %d", m.Data, n)
				}
				n++
			}
		}
		if n != 4000 {
			t.Errorf("%d arrived, want 2000 and ten seconds of 200", n)
		}
		<-done
		<-echoed
		_ = listener.Close()
	})
}

// The reason reaches a slow client over TLS as well.
func TestSlowReaderTLS(t *testing.T) {
	s := newSite(t, nil)
	server := httptest.NewUnstartedServer(s.h)
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // HTTP/1.1 only
	server.StartTLS()
	defer server.Close()
	defer s.close()
	d := *smallBuffer
	d.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the test server's own certificate
	ws, _, err := d.Dial("wss"+strings.TrimPrefix(server.URL, "https")+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	p := &peer{ws, t}
	_ = p.SetReadDeadline(time.Now().Add(patience))
	p.await(types.EventOffer)
	signaller := s.media.peer(0).config.Signaller
	for {
		if err := signaller.Send(types.Message{Event: "x", Data: strings.Repeat("x", 1000)}); err != nil {
			break
		}
	}
	eventually(t, "the socket is closed", func() bool { return s.metrics.ActiveConnections.Load() == 0 })
	p.readsAgain()
	p.ends(1008, "slow consumer")
}

// What can wait is written together with what comes next, or a moment later, and in the
// order in which it was queued.
func TestWhatCanWaitIsGathered(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("username=Alice&protocol=1")
	p.await(types.EventOffer)
	s.h.mu.Lock()
	var out *outbox
	for c := range s.h.clients {
		out = c.out
	}
	s.h.mu.Unlock()
	say := func(i int) []byte { return fmt.Appendf(nil, `{"event":"n","data":"%d"}`, i) }
	got := 0
	expect := func(upTo int) {
		t.Helper()
		for ; got < upTo; got++ {
			if m := p.await("n"); m.Data != fmt.Sprint(got) {
				t.Fatalf("%s came in place of %d", m.Data, got)
			}
		}
	}
	for i := range 20 {
		if err := out.SendSoon(say(2 * i)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // does not wait, so neither does what is before it
			if err := out.SendEncoded(say(2*i + 1)); err != nil {
				t.Fatal(err)
			}
		} else if err := out.SendSoon(say(2*i + 1)); err != nil {
			t.Fatal(err)
		}
		expect(2 * (i + 1)) // the last by the timer
	}
	// Once the writer has nothing to do, what can wait does.
	for deadline := time.Now().Add(patience); ; {
		out.mu.Lock()
		idle := !out.writing
		if idle {
			out.mu.Unlock()
			break
		}
		out.mu.Unlock()
		if time.Now().After(deadline) {
			t.Fatal("the writer does not end")
		}
		runtime.Gosched()
	}
	start := time.Now()
	if err := out.SendSoon(say(got)); err != nil {
		t.Fatal(err)
	}
	expect(got + 1)
	if waited := time.Since(start); waited < gatherTime {
		t.Errorf("written after %v", waited)
	}
}
