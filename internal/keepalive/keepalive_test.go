package keepalive

import (
	"bufio"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

const (
	interval = 30 * time.Second
	wait     = 10 * time.Second
)

// hijacker lets websocket.Upgrader take over one end of a net.Pipe.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// pair returns both ends of a WebSocket over a net.Pipe. A reader goroutine at
// the server's end handles pongs until the socket is closed; the client's end
// is read by the test. Runs inside a synctest bubble, which fails the test when
// a goroutine is left over.
func pair(t *testing.T) (server, client *websocket.Conn) {
	t.Helper()
	a, b := net.Pipe()
	ready := make(chan *websocket.Conn)
	go func() {
		request, err := http.ReadRequest(bufio.NewReader(a))
		if err != nil {
			t.Errorf("read the upgrade request: %v", err)
			close(ready)
			return
		}
		var upgrader websocket.Upgrader
		ws, err := upgrader.Upgrade(hijacker{conn: a}, request, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
		}
		ready <- ws
	}()
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return b, nil }}
	client, _, err := dialer.Dial("ws://test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	server = <-ready
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// drain reads ws until it fails.
func drain(ws *websocket.Conn) {
	for {
		if _, _, err := ws.NextReader(); err != nil {
			return
		}
	}
}

// timeouts returns an onTimeout that notes the time since the call.
func timeouts() (onTimeout func(), at chan time.Duration) {
	at = make(chan time.Duration, 10)
	start := time.Now()
	return func() { at <- time.Since(start) }, at
}

func TestAnsweringClientStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(server)
		start := time.Now()
		var pings []time.Duration
		client.SetPingHandler(func(data string) error {
			pings = append(pings, time.Since(start))
			return client.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		go drain(client)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(at) != 0 {
			t.Fatalf("timed out after %v although every ping was answered", <-at)
		}
		if len(pings) != 120 {
			t.Fatalf("%d pings in an hour, want 120", len(pings))
		}
		for i, p := range pings {
			if want := time.Duration(i+1) * interval; p != want {
				t.Errorf("ping %d at %v, want %v", i, p, want)
			}
		}
		w.Stop()
	})
}

func TestSilentClientTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(server)
		client.SetPingHandler(func(string) error { return nil }) // reads, never answers
		go drain(client)
		if got := <-at; got != interval+wait {
			t.Errorf("timed out after %v, want %v", got, interval+wait)
		}
		w.Stop()
		time.Sleep(time.Hour)
		if len(at) != 0 {
			t.Error("timed out twice")
		}
	})
}

// A client that reads nothing blocks the ping in the pipe as a full socket
// buffer does; that must not take longer to notice.
func TestClientThatReadsNothingTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(server)
		if got := <-at; got != interval+wait {
			t.Errorf("timed out after %v, want %v", got, interval+wait)
		}
		w.Stop()
	})
}

func TestClientThatStopsAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(server)
		var frozen atomic.Bool
		client.SetPingHandler(func(data string) error {
			if frozen.Load() {
				return nil
			}
			return client.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		go drain(client)
		time.Sleep(2*interval + time.Second)
		frozen.Store(true)
		if got := <-at; got != 3*interval+wait {
			t.Errorf("timed out after %v, want %v", got, 3*interval+wait)
		}
		w.Stop()
	})
}

func TestLatePongWithinWaitCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(server)
		client.SetPingHandler(func(data string) error {
			time.Sleep(wait - time.Nanosecond)
			return client.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
		})
		go drain(client)
		time.Sleep(10*interval + wait) // the last pong is out as well
		synctest.Wait()
		if len(at) != 0 {
			t.Errorf("timed out after %v", <-at)
		}
		w.Stop()
	})
}

// An old sign of life does not answer a new ping.
func TestPongBeforePingDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(server)
		client.SetPingHandler(func(string) error { return nil })
		go drain(client)
		if err := client.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if got := <-at; got != interval+wait {
			t.Errorf("timed out after %v, want %v", got, interval+wait)
		}
		w.Stop()
	})
}

func TestAliveCountsAsPong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		client.SetPingHandler(func(string) error { return nil })
		go drain(client)
		for range 10 { // the owner does not read for 100 s
			time.Sleep(wait - time.Second)
			w.Alive()
		}
		if len(at) != 0 {
			t.Errorf("timed out after %v", <-at)
		}
		w.Stop()
	})
}

func TestWaitLongerThanInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, time.Second, time.Minute, onTimeout)
		go drain(server)
		client.SetPingHandler(func(string) error { return nil })
		go drain(client)
		if got := <-at; got != time.Second+time.Minute {
			t.Errorf("timed out after %v, want %v", got, time.Second+time.Minute)
		}
		w.Stop()
	})
}

// Stop ends the goroutine at any moment, without a timeout being reported.
func TestStop(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, interval, interval + time.Second} {
		synctest.Test(t, func(t *testing.T) {
			server, client := pair(t)
			onTimeout, at := timeouts()
			w := Monitor(server, interval, wait, onTimeout)
			client.SetPingHandler(func(string) error { return nil })
			go drain(client)
			time.Sleep(after)
			start := time.Now()
			w.Stop()
			w.Stop()
			if took := time.Since(start); took != 0 {
				t.Errorf("Stop after %v took %v", after, took)
			}
			if len(at) != 0 {
				t.Errorf("Stop after %v reported a timeout", after)
			}
		})
	}
}

func TestClosedSocketIsNoTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		onTimeout, at := timeouts()
		w := Monitor(server, interval, wait, onTimeout)
		go drain(client)
		server.Close()
		time.Sleep(2 * interval)
		if len(at) != 0 {
			t.Error("a closed socket was reported as a timeout")
		}
		w.Stop()
	})
}

func TestPanicOfOwnerClosesSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := pair(t)
		w := Monitor(server, interval, wait, func() { panic("boom") })
		client.SetPingHandler(func(string) error { return nil })
		drain(client) // ends because the server closed
		w.Stop()
	})
}
