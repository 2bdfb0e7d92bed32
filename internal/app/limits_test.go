package app

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/config"
)

// L9, T19: sockets that send their request drop by drop, or nothing, or no
// body, are closed in time, and do not disturb who behaves.
func TestSlowSocketsAreClosed(t *testing.T) {
	t.Parallel()
	plain := start(t, nil)
	secure := start(t, func(c *config.Config) { c.TLS = "self-signed" })
	const most = 15 * time.Second
	kinds := []struct {
		name  string
		app   *App
		begin string
		drip  string // sent once a second
	}{
		{"no byte", plain, "", ""},
		{"headers without end", plain, "GET /health HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n"},
		{"half a request line", plain, "GET /hea", ""},
		{"no body", plain, "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", ""},
		{"slow body", plain, "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x"},
		{"chunked body", plain, "POST /rooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		{"half a WebSocket handshake", plain, "GET /aq_server/websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n", ""},
		{"no TLS hello", secure, "", ""},
		{"half a TLS hello", secure, "\x16\x03\x01\x02\x00\x01", ""},
		{"plain HTTP at the TLS port", secure, "GET / HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n"},
	}
	var sockets sync.WaitGroup
	begin := time.Now()
	for _, kind := range kinds {
		for range 10 {
			sockets.Go(func() {
				conn, err := net.Dial("tcp", hostPort(t, kind.app))
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, kind.begin)
				gone := make(chan struct{})
				go func() { // ends when the server, or the line above, closes
					defer close(gone)
					_ = conn.SetReadDeadline(begin.Add(2 * most))
					_, _ = io.Copy(io.Discard, conn)
				}()
				tick := time.NewTicker(time.Second)
				defer tick.Stop()
				for {
					select {
					case <-gone:
						if took := time.Since(begin); took > most {
							t.Errorf("%s: closed after %v, want %v at most", kind.name, took, most)
						}
						return
					case <-tick.C:
						_, _ = io.WriteString(conn, kind.drip)
					}
				}
			})
		}
	}
	if status, _, _ := get(t, "http://"+hostPort(t, plain)+"/health"); status != 200 {
		t.Errorf("health beside slow sockets: %d", status)
	}
	sockets.Wait()
}

// The limits of a request end with the upgrade: somebody may look at the
// camera prompt for minutes.
func TestWebSocketOutlivesRequestLimits(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	ws := join(t, a, "ws", websocket.DefaultDialer)
	ended := make(chan error, 1)
	go func() { // ends with the socket, which the test closes
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				ended <- err
				return
			}
		}
	}()
	select {
	case err := <-ended:
		t.Errorf("the socket ended: %v", err)
	case <-time.After(12 * time.Second): // more than ReadTimeout
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"chat","data":"still here"}`)); err != nil {
		t.Error(err)
	}
}

func TestHeaderSize(t *testing.T) {
	a := start(t, nil)
	for size, want := range map[int]int{15 << 10: 200, 17 << 10: 431, 1 << 20: 431} {
		conn, err := net.Dial("tcp", hostPort(t, a))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(deadline))
		go func() { // the server may close before it has all
			_, _ = fmt.Fprintf(conn, "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Big: %s\r\n\r\n", strings.Repeat("a", size))
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		conn.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes of headers: %d, want %d", size, response.StatusCode, want)
		}
	}
}

// L9 over HTTP/2: what the server tells clients of its limits (RFC 9113, section
// 6.5), and that it keeps to them.
func TestHTTP2Limits(t *testing.T) {
	a := start(t, func(c *config.Config) { c.TLS = "self-signed" })
	client := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}
	conn, err := tls.Dial("tcp", hostPort(t, a), client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(deadline))
	_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	head := make([]byte, 9)
	if _, err := io.ReadFull(conn, head); err != nil || head[3] != 4 {
		t.Fatalf("no settings: % x, %v", head, err)
	}
	body := make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
	if _, err := io.ReadFull(conn, body); err != nil {
		t.Fatal(err)
	}
	settings := map[uint16]uint32{}
	for ; len(body) >= 6; body = body[6:] {
		settings[binary.BigEndian.Uint16(body)] = binary.BigEndian.Uint32(body[2:])
	}
	const concurrentStreams, initialWindow, frameSize, headerList = 3, 4, 5, 6
	if settings[concurrentStreams] != 128 || settings[initialWindow] > 64<<10 || settings[frameSize] > 16<<10 || settings[headerList] > 16<<10 {
		t.Errorf("settings %v", settings)
	}

	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for size, want := range map[int]int{10 << 10: 200, 17 << 10: 431} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+hostPort(t, a)+"/health", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Big", strings.Repeat("a", size))
		response, err := transport.RoundTrip(r)
		if err != nil {
			// Go's client does not even send what the settings forbid.
			if want != 431 || !strings.Contains(err.Error(), "header list") {
				t.Errorf("%d bytes of headers: %v", size, err)
			}
			continue
		}
		response.Body.Close()
		if response.StatusCode != want || response.ProtoMajor != 2 {
			t.Errorf("%d bytes of headers: %s %d", size, response.Proto, response.StatusCode)
		}
	}
}

// T27: rooms, names, methods and paths of clients make no series.
func TestMetricsSeriesAreFixed(t *testing.T) {
	a := start(t, nil)
	base := "http://" + hostPort(t, a)
	series := func() int {
		_, _, body := get(t, base+"/metrics?format=prometheus")
		n := 0
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "aq_") {
				n++
			}
		}
		return n
	}
	before := series()
	for i := range 200 {
		request, err := http.NewRequest(fmt.Sprintf("METHOD%d", i), fmt.Sprintf("%s/path%d?room=room%d&username=user%d", base, i, i, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Path = []string{request.URL.Path, "/aq_server/websocket", "/health"}[i%3]
		response, err := client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if after := series(); before == 0 || after != before {
		t.Errorf("%d series before, %d after", before, after)
	}
}
