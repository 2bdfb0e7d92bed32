package survival

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// raw opens a WebSocket by hand and returns the connection under it.
func (p *process) raw(query string) net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /aq_server/websocket?%s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", query, p.port)
	head := make([]byte, 0, 1024)
	one := make([]byte, 1)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		if _, err := conn.Read(one); err != nil {
			p.t.Fatalf("the handshake: %v after %q", err, head)
		}
		head = append(head, one[0])
	}
	if !strings.HasPrefix(string(head), "HTTP/1.1 101") || strings.Contains(strings.ToLower(string(head)), "deflate") {
		p.t.Fatalf("the handshake: %q", head)
	}
	return conn
}

// closeCode reads frames until the close frame and returns its code; 1006 when
// the connection ends without.
func closeCode(conn net.Conn, within time.Duration) int {
	_ = conn.SetReadDeadline(time.Now().Add(within))
	for {
		var head [2]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "reset") {
				return 1006
			}
			return 0 // still open
		}
		size := int64(head[1] & 0x7f)
		switch size {
		case 126:
			var n [2]byte
			_, _ = io.ReadFull(conn, n[:])
			size = int64(binary.BigEndian.Uint16(n[:]))
		case 127:
			var n [8]byte
			_, _ = io.ReadFull(conn, n[:])
			size = int64(binary.BigEndian.Uint64(n[:]))
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(conn, body); err != nil {
			return 1006
		}
		if head[0]&0xf == 8 {
			if len(body) < 2 {
				return 1005
			}
			return int(binary.BigEndian.Uint16(body))
		}
	}
}

// frame is a masked frame's header: FIN and opcode, and a length of 64 bits.
func frame(first byte, length uint64) []byte {
	b := append([]byte{first, 0x80 | 127}, make([]byte, 8)...)
	binary.BigEndian.PutUint64(b[2:], length)
	return append(b, 0, 0, 0, 0) // a mask of zeros
}

// 256 MiB frames from 20 sockets: the memory stays flat.
func TestHugeFrames(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	base := p.state()
	var all sync.WaitGroup
	for i := range 20 {
		conn := p.raw(fmt.Sprintf("room=huge%d", i))
		all.Go(func() {
			_, _ = conn.Write(frame(0x81, 256<<20))
			chunk := make([]byte, 64<<10)
			for range 4096 { // 256 MiB, as far as it lets us
				if _, err := conn.Write(chunk); err != nil {
					break
				}
			}
			if code := closeCode(conn, patience); code != 1009 && code != 1006 {
				t.Errorf("closed with %d", code)
			}
		})
	}
	worst := base
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for sampling := true; sampling; {
		select {
		case <-done:
			sampling = false
		case <-time.After(50 * time.Millisecond):
		}
		worst.rss = max(worst.rss, p.state().rss)
	}
	if grown := worst.rss - base.rss; grown > 32 {
		t.Errorf("RSS grew by %.0f MiB", grown)
	} else {
		t.Logf("RSS grew by %.1f MiB", grown)
	}
	bird.check()
	p.calm(base)
}

// Frames that lie: each ends its own connection, at once and in order (T16).
func TestFrameTricks(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	base := p.state()
	tricks := map[string]struct {
		bytes []byte
		codes []int
	}{
		"length of 2^63":       {frame(0x81, 1<<63), []int{1002, 1009}},
		"length of 2^62":       {frame(0x81, 1<<62), []int{1009}},
		"unmasked":             {[]byte{0x81, 2, '{', '}'}, []int{1002}},
		"reserved bits":        {append([]byte{0xf1, 0x80}, 0, 0, 0, 0), []int{1002}},
		"reserved opcode":      {append([]byte{0x83, 0x80}, 0, 0, 0, 0), []int{1002}},
		"binary":               {append([]byte{0x82, 0x81}, 0, 0, 0, 0, 'x'), []int{1003}},
		"long control frame":   {append([]byte{0x89, 0x80 | 126, 1, 0}, make([]byte, 260)...), []int{1002}},
		"fragmented control":   {append([]byte{0x09, 0x80}, 0, 0, 0, 0), []int{1002}},
		"continuation of none": {append([]byte{0x80, 0x80}, 0, 0, 0, 0), []int{1002}},
		"not UTF-8":            {append([]byte{0x81, 0x82}, 0, 0, 0, 0, 0xff, 0xfe), []int{1007}},
	}
	for what, trick := range tricks {
		conn := p.raw("room=tricks")
		began := time.Now()
		_, _ = conn.Write(trick.bytes)
		code := closeCode(conn, patience)
		ok := false
		for _, want := range trick.codes {
			ok = ok || code == want
		}
		if !ok || time.Since(began) > 3*time.Second {
			t.Errorf("%s: closed with %d after %v", what, code, time.Since(began))
		}
	}
	bird.check()
	p.calm(base)
}

// A bomb of brackets, and an answer of 2,000 m-lines: an error soon (T13, T15).
func TestBombs(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	c := p.join(client.Options{Room: "bombs", Username: "Mallory", Protocol: 1, SocketOnly: true})
	wait(t, c, "an offer", func(s *client.State) bool { return s.Events[types.EventOffer] > 0 })
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 1900)
	data, _ := json.Marshal(types.SessionDescription{Type: "answer", SDP: sdp})
	for what, bomb := range map[string]string{
		"brackets": strings.Repeat("[", 60<<10),
		"m-lines":  string(mustJSON(types.Message{Event: types.EventAnswer, Data: string(data)})),
	} {
		var before int
		c.View(func(s *client.State) { before = len(s.Errors) })
		began := time.Now()
		if err := c.SendRaw(websocket.TextMessage, []byte(bomb)); err != nil {
			t.Fatal(err)
		}
		wait(t, c, "an error", func(s *client.State) bool { return len(s.Errors) > before })
		if took := time.Since(began); took > 100*time.Millisecond+2*time.Duration(bird.stalled.Load()) {
			t.Errorf("%s: refused after %v", what, took)
		} else {
			t.Logf("%s: refused after %v", what, took)
		}
	}
	bird.check()
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Twenty thousand candidates, and five thousand with names (T11, T12): few are
// used, nothing is asked, and the rest costs nothing.
func TestCandidates(t *testing.T) {
	p := launch(t, "ICE_MODE=full")
	bird := p.canary()
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	c := p.join(client.Options{Room: "candidates", Username: "Mallory"})
	wait(t, c, "media", func(s *client.State) bool { return s.Times.Connected != (time.Time{}) })
	base := p.state()
	logged := len(p.log.String())
	mid := "0"
	sent := 0
	for i := range 20_000 {
		text := fmt.Sprintf("candidate:%d 1 udp 2130706431 127.0.0.1 %d typ host", i, 1024+i%60000)
		if i%4 == 0 {
			text = fmt.Sprintf("candidate:%d 1 udp 2130706431 %x.local 5000 typ host", i, i)
		}
		if c.Send(types.NewMessage(types.EventCandidate, types.Candidate{Candidate: text, SDPMid: &mid})) != nil {
			break // closed: 1,000 in 10 s are no browser's
		}
		sent++
	}
	wait(t, c, "the end", func(s *client.State) bool { return s.CloseCode == 1008 })
	if now := p.state(); now.goroutines > base.goroutines+20 {
		t.Errorf("%v, before %v", now, base)
	}
	lines := strings.Count(p.log.String()[logged:], "\n")
	if lines > 25 {
		t.Errorf("%d lines in the log", lines)
	}
	t.Logf("%d candidates sent, %d lines logged", sent, lines)
	bird.check()
}

// One of ten stops reading; for the others nothing stands still (T18).
func TestStalledReader(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	const people = 10
	stalled := p.raw("room=talk&protocol=1")
	if tcp, ok := stalled.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	var crowd []*client.Client
	for i := range people - 1 {
		crowd = append(crowd, p.join(client.Options{Room: "talk", Username: fmt.Sprint("Talker ", i), Protocol: 1, SocketOnly: true}))
	}
	text := strings.Repeat("x", 4000)
	rounds := times(40, 150) // 5 a second each
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for range rounds {
		for _, c := range crowd {
			if err := c.Chat(text); err != nil {
				t.Fatal(err)
			}
		}
		<-ticker.C
	}
	want := rounds * len(crowd)
	allowed := 200*time.Millisecond + 100*time.Millisecond + 2*time.Duration(bird.stalled.Load())
	for _, c := range crowd {
		wait(t, c, "all messages", func(s *client.State) bool { return len(s.Chat) == want })
		c.View(func(s *client.State) {
			var gap time.Duration
			for i := 1; i < len(s.ChatAt); i++ {
				gap = max(gap, s.ChatAt[i].Sub(s.ChatAt[i-1]))
			}
			if gap > allowed {
				t.Errorf("a gap of %v between messages, %v allowed", gap, allowed)
			}
		})
	}
	eventually(t, "the stalled one to be gone", func() bool { return p.series()["aq_slow_consumers_total"] == 1 })
	bird.check()
}

// Who sends slowly, or nothing, is closed within 15 s (T19).
func TestSlowSockets(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	base := p.state()
	var all sync.WaitGroup
	began := time.Now()
	for i := range times(100, 500) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			defer func() { _ = conn.Close() }()
			if i%2 == 0 {
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
			}
			_ = conn.SetReadDeadline(time.Now().Add(25 * time.Second))
			_, err := io.Copy(io.Discard, conn)
			if took := time.Since(began); err != nil && !strings.Contains(err.Error(), "reset") || took > 16*time.Second {
				t.Errorf("open for %v: %v", took, err)
			}
		})
	}
	all.Wait()
	bird.check()
	p.calm(base)
}

// Frames in any order, each valid in itself: nothing but errors and ends (T14).
func TestAnyOrder(t *testing.T) {
	p := launch(t, "OPEN_MODERATION=first")
	bird := p.canary()
	base := p.state()
	events := []string{
		`{"event":"answer","data":"{\"type\":\"answer\",\"sdp\":\"v=0\"}"}`, `{"event":"candidate","data":"{\"candidate\":\"\"}"}`,
		`{"event":"publish","data":"{\"source\":\"screen\"}"}`, `{"event":"unpublish","data":"{\"source\":\"camera\"}"}`,
		`{"event":"state","data":"{\"microphone\":true,\"hand\":true}"}`, `{"event":"view","data":"{\"tracks\":[{\"track_id\":\"t_1\",\"hidden\":true}]}"}`,
		`{"event":"restart","data":""}`, `{"event":"ping","data":"1"}`, `{"event":"chat","data":"x"}`,
		`{"event":"moderate","data":"{\"action\":\"lock\"}"}`, `{"event":"moderate","data":"{\"action\":\"clear_chat\"}"}`,
		`{"event":"moderate","data":"{\"action\":\"hand_over\",\"peer_id\":\"p_0\"}"}`, `{"event":"admit","data":"{\"peer_id\":\"p_0\",\"admit\":true}"}`,
		`{"event":"leave","data":""}`, `{"event":"offer","data":"{}"}`, `{"event":"welcome","data":"{}"}`,
	}
	var order [32]byte
	var everyone sync.WaitGroup
	for i := range times(100, 2000) {
		_, _ = rand.Read(order[:])
		script := order
		everyone.Go(func() {
			ws, _, err := websocket.DefaultDialer.Dial(strings.Replace(p.url, "http", "ws", 1)+fmt.Sprintf("/aq_server/websocket?room=any%d&protocol=%d", i%5, i%2), nil)
			if err != nil {
				t.Error(err)
				return
			}
			for _, b := range script {
				if ws.WriteMessage(websocket.TextMessage, []byte(events[int(b)%len(events)])) != nil {
					break
				}
			}
			_ = ws.Close()
		})
		if i%20 == 19 {
			everyone.Wait()
		}
	}
	everyone.Wait()
	bird.check()
	p.calm(base)
	if n := p.series()["aq_panics_recovered_total"]; n != 0 {
		t.Errorf("%v panics", n)
	}
}
