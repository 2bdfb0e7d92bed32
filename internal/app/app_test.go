package app

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"aq-server/internal/certs"
	"aq-server/internal/config"
	"aq-server/internal/handlers"
	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds what takes milliseconds on a quiet machine.
const deadline = 20 * time.Second

// newApp returns an App on a free port.
func newApp(change func(*config.Config)) *App {
	c := config.Default()
	c.Port = "0"
	if change != nil {
		change(&c)
	}
	return New(Options{Config: c, Version: "v1.2.3"})
}

// start starts an App that is shut down at the end of the test.
func start(t *testing.T, change func(*config.Config)) *App {
	t.Helper()
	a := newApp(change)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Shutdown(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return a
}

// hostPort returns where to reach the App on loopback.
func hostPort(t *testing.T, a *App) string {
	t.Helper()
	_, port, err := net.SplitHostPort(a.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// client speaks HTTP without keeping connections, and trusts everybody.
func client() *http.Client {
	return &http.Client{
		Timeout:       deadline,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
}

func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	response, err := client().Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// join opens a WebSocket to room demo.
func join(t *testing.T, a *App, scheme string, dialer *websocket.Dialer) *websocket.Conn {
	t.Helper()
	u := url.URL{Scheme: scheme, Host: hostPort(t, a), Path: "/aq_server/websocket", RawQuery: "room=demo"}
	ws, response, err := dialer.Dial(u.String(), nil)
	if err != nil {
		t.Fatalf("join: %v (%v)", err, response)
	}
	t.Cleanup(func() { ws.Close() })
	return ws
}

// closeCode reads until the end and returns the code of the close frame.
func closeCode(t *testing.T, ws *websocket.Conn) (int, string) {
	t.Helper()
	_ = ws.SetReadDeadline(time.Now().Add(deadline))
	for {
		_, _, err := ws.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code, closed.Text
		}
		if err != nil {
			t.Errorf("the socket ended without a close frame: %v", err)
			return 0, ""
		}
	}
}

func TestServes(t *testing.T) {
	a := start(t, nil)
	base := "http://" + hostPort(t, a)
	status, _, body := get(t, base+"/health")
	if status != 200 || !strings.Contains(body, `"status":"ok","version":"v1.2.3"`) || !strings.Contains(body, `"media":"ok"`) {
		t.Errorf("health: %d %s", status, body)
	}
	if status, _, body := get(t, base+"/aq_server/"); status != 200 || !strings.Contains(body, "/aq_server/websocket") {
		t.Errorf("page: %d %s", status, body)
	}
	ws := join(t, a, "ws", websocket.DefaultDialer)
	_ = ws.SetReadDeadline(time.Now().Add(deadline))
	var first types.Message
	if err := ws.ReadJSON(&first); err != nil || first.Event != types.EventOffer {
		t.Errorf("first message %+v, %v: want an offer", first, err)
	}
	if status, _, body := get(t, base+"/rooms"); status != 200 || body != `{"rooms":[{"room":"demo","peers":1}]}`+"\n" {
		t.Errorf("rooms: %d %s", status, body)
	}
	if _, _, body := get(t, base+"/metrics"); !strings.Contains(body, `"active_connections": 1,`) {
		t.Errorf("metrics: %s", body)
	}
	if status, _, body := get(t, base+"/aq_server/validate?room=a%2Fb"); status != 400 || !strings.Contains(body, "bad_room") {
		t.Errorf("validate: %d %s", status, body)
	}
}

func TestRoomsListIsConfigured(t *testing.T) {
	a := start(t, func(c *config.Config) { c.RoomsList = "admin" })
	if status, _, _ := get(t, "http://"+hostPort(t, a)+"/rooms"); status != 403 {
		t.Errorf("rooms with ROOMS_LIST=admin: %d", status)
	}
}

func TestStartAndShutdownOnce(t *testing.T) {
	a := newApp(nil)
	if a.Addr() != "" {
		t.Errorf("an address before Start: %s", a.Addr())
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); !errors.Is(err, ErrState) {
		t.Errorf("second Start: %v", err)
	}
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			if err := a.Shutdown(); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
	calls.Wait()
	if err := a.Start(); !errors.Is(err, ErrState) {
		t.Errorf("Start after Shutdown: %v", err)
	}
	if _, err := net.Dial("tcp", a.Addr()); err == nil {
		t.Error("the port is open after Shutdown")
	}

	never := newApp(nil)
	if err := never.Shutdown(); err != nil {
		t.Errorf("Shutdown without Start: %v", err)
	}
	if err := never.Start(); !errors.Is(err, ErrState) {
		t.Errorf("Start after Shutdown: %v", err)
	}
}

// Whoever runs into a port that is taken is told which, and nothing is left
// open.
func TestPortInUse(t *testing.T) {
	tcp, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	_, taken, _ := net.SplitHostPort(tcp.Addr().String())
	err = newApp(func(c *config.Config) { c.Port = taken }).Start()
	if err == nil || !strings.Contains(err.Error(), "TCP port "+taken+" is in use") || strings.Contains(err.Error(), "\n") {
		t.Errorf("TCP: %v", err)
	}

	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	media := udp.LocalAddr().(*net.UDPAddr).Port
	err = newApp(func(c *config.Config) { c.MediaPort = media }).Start()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("UDP port %d is in use", media)) || !strings.Contains(err.Error(), "MEDIA_PORT") {
		t.Errorf("UDP: %v", err)
	}
}

func TestPortErrorText(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EADDRINUSE:    "TCP port 80 is in use; end what uses it or set PORT to another",
		syscall.EACCES:        "TCP port 80 is not allowed to this user; set PORT to one from 1024 on, or give the server CAP_NET_BIND_SERVICE",
		syscall.EADDRNOTAVAIL: "TCP port 80: listen: cannot assign requested address",
	} {
		wrapped := fmt.Errorf("listen: %w", err)
		if got := portError("80", "TCP", "PORT", wrapped).Error(); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestShutdownTellsClients(t *testing.T) {
	a := start(t, nil)
	sockets := []*websocket.Conn{join(t, a, "ws", websocket.DefaultDialer), join(t, a, "ws", websocket.DefaultDialer)}
	var readers sync.WaitGroup
	for _, ws := range sockets {
		readers.Go(func() {
			if code, text := closeCode(t, ws); code != websocket.CloseServiceRestart || text != "restart" {
				t.Errorf("closed with %d %q, want 1012 restart", code, text)
			}
		})
	}
	begin := time.Now()
	if err := a.Shutdown(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v with clients that listen", took)
	}
	readers.Wait()
}

// stall joins and reads nothing at all, and has the server's buffers for it
// filled by another one's chat.
func stall(t *testing.T, a *App) {
	t.Helper()
	stalled := &websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return conn, err
	}}
	join(t, a, "ws", stalled)
	loud := join(t, a, "ws", websocket.DefaultDialer)
	// More than the buffers of the kernel, less than the queue (L11).
	const messages = 100
	for range messages {
		if err := loud.WriteJSON(types.Message{Event: types.EventChat, Data: strings.Repeat("x", 4000)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = loud.SetReadDeadline(time.Now().Add(deadline))
	for echoes := 0; echoes < messages; {
		var m types.Message
		if err := loud.ReadJSON(&m); err != nil {
			t.Fatal(err)
		}
		if m.Event == types.EventChat {
			echoes++
		}
	}
}

// A client that has stopped reading neither holds the shutdown up nor keeps
// the others from being told; and whoever asks meanwhile learns what goes on.
func TestShutdownWithStalledClient(t *testing.T) {
	a := start(t, nil)
	stall(t, a)
	listening := join(t, a, "ws", websocket.DefaultDialer)
	base := "http://" + hostPort(t, a)

	begin := time.Now()
	done := make(chan error)
	go func() { done <- a.Shutdown() }()
	if code, _ := closeCode(t, listening); code != websocket.CloseServiceRestart {
		t.Errorf("closed with %d, want 1012", code)
	}
	// The stalled one is still there.
	status, _, body := get(t, base+"/health")
	var health struct{ Status, Reason string }
	if err := json.Unmarshal([]byte(body), &health); err != nil || status != 503 || health.Status != "draining" || health.Reason == "" {
		t.Errorf("health while draining: %d %s", status, body)
	}
	if status, header, body := get(t, base+"/aq_server/validate?room=demo"); status != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, `"draining"`) {
		t.Errorf("validate while draining: %d %s", status, body)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took < 2*time.Second || took > 10*time.Second {
		t.Errorf("took %v, want at least the 2 s that a socket gets to empty its queue (or the client was not stalled) and 10 s at most", took)
	}
}

func TestHealthOfBrokenParts(t *testing.T) {
	a := start(t, nil)
	if err := a.api.Close(); err != nil {
		t.Fatal(err)
	}
	status, _, body := get(t, "http://"+hostPort(t, a)+"/health")
	if status != 503 || !strings.Contains(body, `"status":"failed","reason":"media: `) {
		t.Errorf("without media sockets: %d %s", status, body)
	}
	select {
	case <-a.Failed():
		t.Fatal("failed without a reason")
	default:
	}
	a.listener.Close()
	select {
	case <-a.Failed():
	case <-time.After(deadline):
		t.Fatal("a dead listener went unnoticed")
	}
	if h := a.health(); h.Status != "failed" || h.Checks["http"] == "ok" {
		t.Errorf("without listener: %+v", h)
	}
}

func TestCertificateWarning(t *testing.T) {
	made := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	cert, err := certs.SelfSigned([]string{"a.test"}, nil, made) // until 1 April
	if err != nil {
		t.Fatal(err)
	}
	c := &certificate{get: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }}
	for days, want := range map[int]string{
		0: "ok", 75: "ok", 77: "expires on 2026-04-01 and was not renewed", 91: "expired on 2026-04-01",
	} {
		if got := c.check(made.AddDate(0, 0, days)); got != want {
			t.Errorf("after %d days: %q, want %q", days, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	c := config.Default()
	if got := limits(&c); got != handlers.DefaultLimits() {
		t.Errorf("with the defaults: %+v", got)
	}
	c.ChatRate, c.EventRate = 5, 100
	if got := limits(&c); got.ChatRate != 5 || got.ChatBurst != 50 || got.EventRate != 100 || got.EventBurst != 750 {
		t.Errorf("%+v", got)
	}
}

func TestSelfSigned(t *testing.T) {
	a := start(t, func(c *config.Config) { c.TLS = "self-signed" })
	host := hostPort(t, a)
	status, header, _ := get(t, "https://"+host+"/aq_server/")
	if status != 200 || header.Get("Strict-Transport-Security") != "" {
		t.Errorf("page by https: %d, HSTS %q (must not be there: the certificate is not trusted)", status, header.Get("Strict-Transport-Security"))
	}
	if status, _, body := get(t, "https://"+host+"/health"); status != 200 || !strings.Contains(body, `"certificate":"ok"`) {
		t.Errorf("health by https: %d %s", status, body)
	}
	ws := join(t, a, "wss", &websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}})
	_ = ws.SetReadDeadline(time.Now().Add(deadline))
	var first types.Message
	if err := ws.ReadJSON(&first); err != nil || first.Event != types.EventOffer {
		t.Errorf("first message by wss: %+v, %v", first, err)
	}
	// Who types only host:port comes by http.
	status, header, _ = get(t, "http://"+host+"/aq_server/?room=a%0d%0ab")
	if want := "https://" + host + "/aq_server/?room=a%0d%0ab"; status != 307 || header.Get("Location") != want {
		t.Errorf("by http: %d %q, want 307 %q", status, header.Get("Location"), want)
	}
	for _, request := range []string{"nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n"} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(deadline))
		_, _ = io.WriteString(conn, request)
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%q got %q", request, answer)
		}
	}
}

func TestCertificateThatCannotBeRead(t *testing.T) {
	err := newApp(func(c *config.Config) { c.TLSCert, c.TLSKey = "/nonexistent/c.pem", "/nonexistent/k.pem" }).Start()
	var value *config.ValueError
	if !errors.As(err, &value) || value.Variable != "TLS_CERT" || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

func TestAnnouncedURLs(t *testing.T) {
	for _, tt := range []struct{ scheme, host, port, want string }{
		{"http", "localhost", "8080", "http://localhost:8080/aq_server/"},
		{"http", "localhost", "80", "http://localhost/aq_server/"},
		{"https", "localhost", "80", "https://localhost:80/aq_server/"},
		{"https", "a.test", "443", "https://a.test/aq_server/"},
		{"https", "2001:db8::7", "8443", "https://[2001:db8::7]:8443/aq_server/"},
		{"https", "2001:db8::7", "443", "https://[2001:db8::7]/aq_server/"},
	} {
		if got := pageURL(tt.scheme, tt.host, tt.port); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	for _, scheme := range []string{"http", "https"} {
		var out strings.Builder
		c := config.Default()
		c.Port = "0"
		if scheme == "https" {
			c.TLS = "self-signed"
		}
		a := New(Options{Config: c, Log: slog.New(slog.NewTextHandler(&out, nil))})
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(a.Addr())
		if err := a.Shutdown(); err != nil {
			t.Error(err)
		}
		if want := "url=" + scheme + "://localhost:" + port + "/aq_server/"; !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, &out)
		}
	}
}
