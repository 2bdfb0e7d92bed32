package handlers

import (
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"aq-server/internal/room"
	"aq-server/internal/types"
)

// frame returns a masked client frame (RFC 6455, section 5.2) with a zero mask.
func frame(first byte, length uint64, payload string) []byte {
	b := []byte{first}
	switch {
	case length < 126:
		b = append(b, 0x80|byte(length))
	case length < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), length)
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

func text(payload string) []byte { return frame(0x81, uint64(len(payload)), payload) }

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// T16: frames that lie or break the protocol close the socket, at once and
// without memory.
func TestFrameTricks(t *testing.T) {
	s := serve(t, nil)
	tests := []struct {
		name  string
		bytes []byte
		code  int
		text  string
	}{
		{"256 MB announced", frame(0x81, 256<<20, "x"), 1009, ""},
		{"2^63-1 announced", frame(0x81, 1<<63-1, "x"), 1009, ""},
		{"2^64-1 announced", frame(0x81, 1<<64-1, "x"), 1009, ""},
		{"huge binary", frame(0x82, 256<<20, "x"), 1009, ""},
		{"binary", frame(0x82, 2, "{}"), 1003, "text only"},
		{"empty binary", frame(0x82, 0, ""), 1003, "text only"},
		{"not UTF-8", text("{\"event\":\"chat\",\"data\":\"\xff\"}"), 1007, ""},
		{"half a character", text("\xc3"), 1007, ""},
		{"a surrogate", text("\xed\xa0\x80"), 1007, ""},
		{"RSV1, as if compressed", frame(0xc1, 2, "{}"), 1002, "RSV1 set"},
		{"RSV2", frame(0xa1, 2, "{}"), 1002, "RSV2 set"},
		{"unknown opcode", frame(0x83, 2, "{}"), 1002, "bad opcode 3"},
		{"continuation of nothing", frame(0x80, 2, "{}"), 1002, "continuation after FIN"},
		{"text within text", append(frame(0x01, 2, "{}"), frame(0x81, 2, "{}")...), 1002, "data before FIN"},
		{"long ping", frame(0x89, 126, strings.Repeat("x", 126)), 1002, "len > 125 for control"},
		{"ping in fragments", frame(0x09, 1, "x"), 1002, "FIN not set on control"},
		{"no mask", []byte{0x81, 2, '{', '}'}, 1002, "bad MASK"},
		{"bad close code", frame(0x88, 2, "\x03\xed"), 1002, "bad close code 1005"},
		{"too big in fragments", append(frame(0x01, 60<<10, strings.Repeat("x", 60<<10)),
			frame(0x80, 30<<10, strings.Repeat("x", 30<<10))...), 1009, ""},
	}
	s.dial("").await(types.EventOffer)
	before := heap()
	for _, tt := range tests {
		p := s.dial("")
		p.await(types.EventOffer)
		start := time.Now()
		if _, err := p.NetConn().Write(tt.bytes); err != nil {
			t.Fatal(err)
		}
		p.ends(tt.code, tt.text)
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s took %v", tt.name, took)
		}
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("heap grew from %d to %d", before, after)
	}
}

// A message in pieces is a message.
func TestFragments(t *testing.T) {
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	whole := `{"event":"chat","data":"in pieces é"}`
	var wire []byte
	for i := range len(whole) {
		first := byte(0x00)
		if i == 0 {
			first = 0x01
		}
		wire = append(wire, frame(first, 1, whole[i:i+1])...)
		wire = append(wire, frame(0x89, 1, "p")...) // pings in between are fine
	}
	wire = append(wire, frame(0x80, 0, "")...)
	if _, err := p.NetConn().Write(wire); err != nil {
		t.Fatal(err)
	}
	if m := p.await(types.EventChat); m.Data != "in pieces é" {
		t.Errorf("got %q", m.Data)
	}
}

// A message in endless fragments has no end that the read limit would see.
func TestEndlessFragments(t *testing.T) {
	for _, payload := range []string{"", "x"} {
		s := serve(t, nil)
		p := s.dial("")
		p.await(types.EventOffer)
		piece := frame(0x00, uint64(len(payload)), payload)
		burst := []byte(strings.Repeat(string(piece), 4096))
		done := make(chan int)
		go func() {
			defer close(done)
			conn := p.NetConn()
			_, _ = conn.Write(frame(0x01, uint64(len(payload)), payload))
			sent := 0
			for {
				n, err := conn.Write(burst)
				sent += n
				if err != nil {
					done <- sent
					return
				}
			}
		}()
		p.ends(1009, "")
		_ = p.Close()
		if sent := <-done; sent > 64<<20 {
			t.Errorf("took %d bytes of fragments of %d bytes", sent, len(payload))
		}
	}
}

// L1: how long a message may be depends on how many m-lines were offered, as
// they are when it comes, not when the server began to wait for it.
func TestReadLimit(t *testing.T) {
	for mlines, want := range map[int]int64{0: 65536, -1: 65536, 2: 75776, 100: 577536, 192: 1048576, 1 << 40: 1048576} {
		if got := readLimit(mlines); got != want {
			t.Errorf("%d m-lines: %d, want %d", mlines, got, want)
		}
	}
	s := serve(t, nil)
	message := func(size int) string {
		const around = `{"event":"answer","data":"{\"type\":\"answer\",\"sdp\":\"\"}"}`
		return strings.Replace(around, `\"sdp\":\"`, `\"sdp\":\"`+strings.Repeat("x", size-len(around)), 1)
	}
	for _, tt := range []struct {
		mlines, size int
		fine         bool
	}{
		{0, 65536, true}, {0, 65537, false},
		{2, 75776, true}, {2, 75777, false},
		{200, 1 << 20, true}, {200, 1<<20 + 1, false}, {200, 2 << 20, false},
	} {
		s.media.mlines = 0
		p := s.dial("")
		p.await(types.EventOffer)
		// The server waits for the next message; only now the offers come.
		s.media.mu.Lock()
		s.media.mlines = tt.mlines
		s.media.mu.Unlock()
		p.raw(message(tt.size))
		if !tt.fine {
			p.ends(1009, "")
			continue
		}
		p.send("chat", "here")
		p.await(types.EventChat)
	}
}

// L6: large messages share 64 MiB. Who comes when that is used up is asked to
// send again; small messages are not touched.
func TestLargeMessagesShareMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, nil)
		defer end()
		s.media.mlines = 1000
		p := s.dialWith(d, "")
		p.await(types.EventOffer)
		if !s.h.large.TryAcquire(largeTotal - 1<<20 + 1) {
			t.Fatal("memory is taken in the beginning")
		}
		big := `{"event":"chat","data":"x","pad":"` + strings.Repeat("x", 100<<10) + `"}`
		start := time.Now()
		p.raw(big)
		if code := p.refusal(); code != types.CodeServerBusy {
			t.Errorf("code %s", code)
		}
		if took := time.Since(start); took != largeWait {
			t.Errorf("took %v", took)
		}
		p.send("chat", "small")
		if m := p.await(types.EventChat); m.Data != "small" {
			t.Errorf("got %+v", m)
		}
		s.h.large.Release(largeTotal - 1<<20 + 1)
		p.raw(big)
		p.await(types.EventChat)
		synctest.Wait()
		if !s.h.large.TryAcquire(largeTotal) {
			t.Error("memory is taken in the end")
		}
		_ = p.Close()
	})
}

// A large message that does not arrive gives its memory back.
func TestLargeMessageThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, func(o *Options, _ *room.Options) { o.KeepalivePing = time.Hour })
		defer end()
		s.media.mlines = 1000
		p := s.dialWith(d, "")
		p.await(types.EventOffer)
		start := time.Now()
		_, _ = p.NetConn().Write(frame(0x81, 1<<20, strings.Repeat("x", 100<<10)))
		_ = p.SetReadDeadline(time.Time{})
		if _, _, err := p.ReadMessage(); err == nil {
			t.Error("not closed")
		}
		if took := time.Since(start); took != largeTime {
			t.Errorf("took %v", took)
		}
		if !s.h.large.TryAcquire(largeTotal) {
			t.Error("memory is taken in the end")
		}
		_ = p.Close()
	})
}

// flood writes the same bytes without a pause until the socket is gone, and
// returns how often.
func flood(conn net.Conn, bytes []byte) (stop func() int) {
	done := make(chan int, 1)
	go func() {
		n := 0
		for {
			if _, err := conn.Write(bytes); err != nil {
				done <- n
				return
			}
			n++
		}
	}()
	return func() int { return <-done }
}

// L4: who sends faster than his rate is read more slowly; after ten seconds of
// it he is closed. Virtual time, no buffers: the figures are exact.
func TestRates(t *testing.T) {
	tests := []struct {
		name  string
		bytes []byte
		want  int // in the burst and ten seconds
	}{
		{"chat", text(`{"event":"chat","data":"x"}`), 2000 + 10*200},
		{"events", text(`{"event":"restart"}`), 3000 + 10*400},
		{"bad messages that do not count", text(`{"event":"dance"}`), 3000 + 10*400},
		{"pings", frame(0x89, 1, "x"), 3000 + 10*400},
		{"pongs", frame(0x8a, 1, "x"), 3000 + 10*400},
		// One offer was made: one answer is free.
		{"answers", text(`{"event":"answer","data":"{\"type\":\"answer\",\"sdp\":\"\"}"}`), 1 + 3000 + 10*400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d, end := bubble(t, nil)
				defer end()
				p := s.dialWith(d, "")
				p.await(types.EventOffer)
				_ = p.SetReadDeadline(time.Time{})
				pongs := 0
				p.SetPongHandler(func(string) error { pongs++; return nil })
				start := time.Now()
				stop := flood(p.NetConn(), tt.bytes)
				p.ends(1008, "rate limit")
				if took := time.Since(start); took < 10*time.Second || took > 10*time.Second+10*time.Millisecond {
					t.Errorf("closed after %v", took)
				}
				_ = p.Close()
				// What comes after the close frame is read and thrown away.
				if n := stop(); n < tt.want {
					t.Errorf("%d were sent, want %d", n, tt.want)
				}
				// The one that is too many is counted, too.
				n := s.metrics.TotalMessagesProcessed.Load()
				if n == 0 { // control frames
					n = int64(pongs) + 1
				}
				if n != int64(tt.want)+1 && tt.name != "pongs" {
					t.Errorf("%d got through, want %d", n-1, tt.want)
				}
			})
		})
	}
}

// A pause of half a second begins a new ten seconds; nothing is lost meanwhile.
func TestRateForgivesPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, func(o *Options, _ *room.Options) {
			o.Limits = DefaultLimits()
			o.Limits.ChatRate, o.Limits.ChatBurst = 10, 10
		})
		defer end()
		p := s.dialWith(d, "")
		p.await(types.EventOffer)
		_ = p.SetReadDeadline(time.Time{})
		const rounds, each = 5, 90 // 8 s over the rate each time
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range rounds {
				time.Sleep(time.Second)
				for j := range each {
					_ = p.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"event":"chat","data":"%d"}`, i*each+j))
				}
			}
		}()
		for i := range rounds * each {
			if m := p.await(types.EventChat); m.Data != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", m.Data, i)
			}
		}
		<-sent
		_ = p.Close()
	})
}

// Answers to our offers are free, however many.
func TestAnswersAreFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, end := bubble(t, func(o *Options, _ *room.Options) {
			o.Limits = DefaultLimits()
			o.Limits.EventRate, o.Limits.EventBurst = 1, 1
		})
		defer end()
		p := s.dialWith(d, "")
		p.await(types.EventOffer)
		start := time.Now()
		for range 100 {
			_ = s.media.peer(0).config.Signaller.Send(types.Message{Event: types.EventOffer, OfferID: 2})
			p.await(types.EventOffer)
			p.send("answer", types.SessionDescription{Type: "answer"})
		}
		p.send("chat", "end")
		p.await(types.EventChat)
		if took := time.Since(start); took != 0 {
			t.Errorf("answers were slowed down by %v", took)
		}
		_ = p.Close()
	})
}

// L3: a thousand candidates in ten seconds.
func TestCandidateFlood(t *testing.T) {
	var c candidates
	start := time.Now()
	for round := range 3 {
		now := start.Add(time.Duration(round) * candidatesTime)
		for i := range maxCandidates - 1 {
			if c.add(now.Add(time.Duration(i) * time.Millisecond)) {
				t.Fatalf("round %d: too many after %d", round, i+1)
			}
		}
	}
	s := serve(t, nil)
	p := s.dial("")
	p.await(types.EventOffer)
	for range maxCandidates - 1 {
		p.send("candidate", `{"candidate":"x"}`)
	}
	p.send("chat", "here")
	p.await(types.EventChat)
	p.send("candidate", `{"candidate":"x"}`)
	p.ends(1008, "rate limit")
}
