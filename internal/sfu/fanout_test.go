package sfu

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"aq-server/internal/sfu/history"
	"aq-server/internal/sfu/packet"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// sized makes the next packets of the layer with payloads of these sizes, the
// last one ending the frame.
func (b *bench) sized(sizes ...int) (list []*packet.Packet) {
	for i, size := range sizes {
		p := b.session.pool.Get()
		b.sn++
		h := rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: b.sn, Timestamp: 3000, SSRC: 7, Marker: i == len(sizes)-1}
		n, _ := h.MarshalTo(p.Buf())
		payload := append([]byte{0x90, 0x80, 0x80 | byte(b.sn>>8)&0x7f, byte(b.sn), 0}, bytes.Repeat([]byte{byte(i)}, size)...)
		n += copy(p.Buf()[n:], payload[:size])
		p.Arrival = time.Now()
		if !b.layer.receive(p, n) {
			panic("the test's packet was refused")
		}
		list = append(list, p)
	}
	return list
}

func release(list []*packet.Packet) {
	for _, p := range list {
		p.Release()
	}
}

func TestNeighboursAreMadeEven(t *testing.T) {
	for _, c := range []struct{ sizes, want []int }{
		{[]int{1000, 1000, 1001, 1001}, []int{1, 1, 0, 0}},
		{[]int{1001, 1001, 1000, 1000}, []int{0, 0, 1, 0}}, // the last may be smaller
		{[]int{1001, 1000, 1001}, []int{0, 1, 0}},
		{[]int{1100, 300}, []int{0, 0}},
		{[]int{300, 1100, 1101}, []int{0, 1, 0}},
		{[]int{1000, 1000 + evenSpread, 1000}, []int{evenSpread, 0, 0}},
		{[]int{1000, 1001 + evenSpread}, []int{0, 0}},
		{[]int{700}, []int{0}},
	} {
		b := newBench(t)
		list := b.sized(c.sizes...)
		var r run
		r.set(b.layer, list)
		for i, want := range c.want {
			if int(r.even[i]) != want {
				t.Errorf("%v is padded by %v, want %v", c.sizes, r.even, c.want)
				break
			}
		}
		release(list)
	}
}

// What is padded arrives as it was. Without RTX a repair has the same padding:
// its nonce was used for these very bits.
func TestPaddedPacketsAreRepairedAsTheyWere(t *testing.T) {
	for _, rtx := range []uint32{0, 222} {
		b := newBench(t)
		w := &recorder{}
		s := b.slot(w, 111, rtx)
		b.send(true)
		w.packets = nil
		list := b.sized(1000, 1001, 1001)
		var r run
		r.set(b.layer, list)
		out := b.session.burst()
		b.layer.sendRun(&r, 0, out)
		out.send()
		if len(w.packets) != 3 {
			t.Fatalf("%d packets were sent", len(w.packets))
		}
		for i, p := range w.packets {
			if !bytes.Equal(p.Payload, list[i].Payload) {
				t.Errorf("payload %d has %d octets, want %d", i, len(p.Payload), len(list[i].Payload))
			}
			if want := i == 0; p.Padding != want || want && p.PaddingSize != 1 {
				t.Errorf("packet %d with RTX %d: padding %t of %d", i, rtx, p.Padding, p.PaddingSize)
			}
		}
		lost := []uint16{w.packets[0].SequenceNumber, w.packets[1].SequenceNumber}
		s.feedback(&rtcp.TransportLayerNack{MediaSSRC: 111, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)})
		if len(w.packets) != 5 {
			t.Fatalf("%d packets after a NACK for 2 of 3", len(w.packets))
		}
		for i, again := range w.packets[3:] {
			first := w.packets[i]
			same := again.Padding == first.Padding && again.PaddingSize == first.PaddingSize && bytes.Equal(again.Payload, first.Payload)
			if rtx == 0 && !same {
				t.Errorf("packet %d is sent again with padding %t of %d", i, again.Padding, again.PaddingSize)
			}
			if rtx != 0 && again.Padding {
				t.Errorf("the RTX packet %d is padded", i)
			}
		}
		release(list)
	}
}

// Each subscriber gets the whole run before the next one, and another one is
// first each time.
func TestRunGoesToOneAfterTheOther(t *testing.T) {
	b := newBench(t)
	var names string
	for i, name := range []string{"a", "b", "c"} {
		b.slot(writerFunc(func() { names += name }), uint32(100+i), uint32(200+i))
	}
	list := b.sized(1000, 500)
	defer release(list)
	var r run
	r.set(b.layer, list)
	for turn, want := range []string{"aabbcc", "bbccaa", "ccaabb"} {
		names = ""
		out := b.session.burst()
		for _, p := range list { // as if they were the next ones
			p.ExtSN += 2
		}
		b.layer.sendRun(&r, turn, out)
		out.send()
		if names != want {
			t.Errorf("turn %d: %s, want %s", turn, names, want)
		}
	}
}

// writerFunc is a PacketWriter that tells of each packet.
type writerFunc func()

func (f writerFunc) WriteRTP(_ *webrtcapi.Batch, _ *rtp.Header, payload []byte) (int, error) {
	f()
	return 12 + len(payload), nil
}

func TestBacklogWaitsForTheEndOfTheFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &backlog{wake: make(chan struct{}, 1)}
		b := newBench(t)
		list := b.sized(1000, 1000, 500)
		defer release(list)
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		took := make(chan time.Duration, 1)
		var got []*packet.Packet
		take := func() {
			start := time.Now()
			got = w.take(nil, timer)
			took <- time.Since(start)
		}
		go take() // ends with the frame
		w.put(list[0])
		time.Sleep(linger / 5)
		w.put(list[1])
		w.put(list[2])
		if d := <-took; d != linger/5 || len(got) != 3 {
			t.Errorf("%d packets after %v, want the frame of 3 at once", len(got), d)
		}
		release(got)
		go take() // ends without it
		w.put(list[0])
		if d := <-took; d != linger || len(got) != 1 {
			t.Errorf("%d packets after %v, want 1 after %v", len(got), d, linger)
		}
		release(got)
		w.close()
		if got := w.take(nil, timer); got != nil {
			t.Errorf("%d packets after the end", len(got))
		}
	})
}

func TestBacklogIsBounded(t *testing.T) {
	w := &backlog{wake: make(chan struct{}, 1)}
	b := newBench(t)
	list := b.sized(100)
	defer release(list)
	for i := range maxBacklog {
		if !w.put(list[0]) {
			t.Fatalf("refused packet %d", i)
		}
	}
	if w.put(list[0]) {
		t.Error("the backlog has no bound")
	}
	release(w.take(nil, nil))
}

// The reader's packets come out of the fan-out, and it ends after the reader.
func TestFanOutEndsAfterTheReader(t *testing.T) {
	b := newBench(t)
	b.layer.waiting.wake = make(chan struct{}, 1)
	w := &recorder{}
	s := b.slot(w, 111, 222)
	list := b.sized(1000, 1000, 500)
	for _, p := range list {
		b.layer.enqueue(p)
	}
	b.layer.waiting.close()
	b.layer.fanOut() // returns
	if len(w.packets) != 3 {
		t.Errorf("%d packets came out of the fan-out", len(w.packets))
	}
	s.setSource(nil, types.TrackView{})
	release(list)
	if !slices.ContainsFunc(w.packets, func(p rtp.Packet) bool { return p.Marker }) {
		t.Error("the end of the frame is missing")
	}
}

// A fault while a packet is received does not keep the layer from ending.
func TestFaultLeavesLayerFree(t *testing.T) {
	l := &layer{waiting: backlog{wake: make(chan struct{}, 1)}, history: history.New(4)}
	p := packet.NewPool().Get()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no fault: the layer has no track")
			}
		}()
		l.take(p, 20)
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.end()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the layer does not end")
	}
}
