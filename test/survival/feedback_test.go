package survival

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// video returns the SSRC of a picture that a client receives.
func video(c *client.Client) uint32 {
	for _, track := range c.Media() {
		if track.Kind == types.KindVideo {
			return track.SSRC
		}
	}
	return 0
}

// feed sends RTCP a hundred times a second for so long.
func feed(c *client.Client, d time.Duration, next func(i int) rtcp.Packet) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for i, end := 0, time.Now().Add(d); time.Now().Before(end); i++ {
		<-ticker.C
		if pc := c.PeerConnection(); pc == nil || pc.WriteRTCP([]rtcp.Packet{next(i)}) != nil {
			return
		}
	}
}

// Many ask for keyframes without end (T28): the publisher is asked twice a second.
func TestKeyframeStorm(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	publisher := p.join(client.Options{Room: "storm", Username: "Publisher", Protocol: 1, Publish: []client.PublishOptions{
		{Source: types.SourceCamera, FPS: 15, PacketsPerFrame: 2, PacketSize: 300, Layers: 1},
	}})
	crowd := make([]*client.Client, times(6, 20))
	for i := range crowd {
		crowd[i] = p.join(client.Options{Room: "storm", Username: fmt.Sprint("Mallory ", i), Protocol: i % 2})
		wait(t, crowd[i], "the picture", func(s *client.State) bool { return s.From(publisher.Tag(), types.KindVideo).Keyframes > 0 })
	}
	before, began := publisher.Publication(types.SourceCamera).PLIs(), time.Now()
	done := make(chan struct{})
	for _, c := range crowd {
		go func() {
			defer func() { done <- struct{}{} }()
			ssrc := video(c)
			feed(c, time.Duration(times(3, 20))*time.Second, func(i int) rtcp.Packet {
				if i%3 == 0 {
					return &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc, SequenceNumber: uint8(i)}}}
				}
				return &rtcp.PictureLossIndication{MediaSSRC: ssrc}
			})
		}()
	}
	for range crowd {
		<-done
	}
	asked := float64(publisher.Publication(types.SourceCamera).PLIs() - before)
	rate := asked / time.Since(began).Seconds()
	t.Logf("%.1f keyframes a second were asked for", rate)
	if asked < 2 || rate > 2.2+1/time.Since(began).Seconds() { // the first one is at once
		t.Errorf("the publisher was asked %.0f times, %.1f a second", asked, rate)
	}
	bird.check()
}

// Somebody asks for everything again, all the time (T29): he is sent a third more at
// most, and nobody else notices.
func TestNACKStorm(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	publisher := p.join(client.Options{Room: "nacks", Username: "Publisher", Publish: []client.PublishOptions{
		{Source: types.SourceCamera, FPS: 30, PacketsPerFrame: 4, PacketSize: 1000, Layers: 1},
	}})
	var newest atomic.Uint32 // sequence number
	m := p.join(client.Options{Room: "nacks", Username: "Mallory", Protocol: 1, OnRTP: func(_ *client.Track, packet *rtp.Packet, _ client.Stamp) {
		newest.Store(uint32(packet.SequenceNumber))
	}})
	wait(t, m, "the picture", func(s *client.State) bool { return s.From(publisher.Tag(), types.KindVideo).Packets > 100 })
	const sent, again = "aq_rtp_sent_bytes_total", "aq_rtx_sent_packets_total"
	over := func(d time.Duration, during func()) float64 {
		before, began := p.series()[sent], time.Now()
		during()
		pass(d - time.Since(began))
		return (p.series()[sent] - before) / time.Since(began).Seconds()
	}
	d := time.Duration(times(3, 20)) * time.Second
	usual := over(d, func() {})
	ssrc, repaired := video(m), p.series()[again]
	storm := func(i int) rtcp.Packet {
		nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc}
		for pair := range 60 { // a thousand packets, of which a part is still to come
			first := uint16(newest.Load()) - uint16(17*(pair+i%3)) + 50
			nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: first, LostPackets: 0xffff})
		}
		return nack
	}
	feed(m, 2*time.Second, storm) // what is saved up for the loss of a keyframe is used up
	attacked := over(d, func() { feed(m, d, storm) })
	t.Logf("%.0f octets a second, %.0f under NACKs, %.0f packets sent again", usual, attacked, p.series()[again]-repaired)
	if p.series()[again] == repaired {
		t.Error("nothing was sent again: it was no attack")
	}
	if attacked > 1.3*usual {
		t.Errorf("%.0f octets a second became %.0f", usual, attacked)
	}
	bird.check()
}

// Clients that open a socket, are made an offer, and leave it at that (T32). Their
// PeerConnections end after 30 s, they themselves when their sockets do.
func TestHalfOpen(t *testing.T) {
	p := launch(t)
	bird := p.canary()
	base := p.state()
	people := times(60, 500)
	closers := make([]io.Closer, 0, people)
	for i := range people {
		closers = append(closers, p.raw(fmt.Sprintf("room=half%d&protocol=%d", i%10, i%2)))
	}
	open := p.state()
	if full {
		limit := base.goroutines + 8*people // what a person costs who only chats
		for end := time.Now().Add(45 * time.Second); p.state().goroutines > limit; pass(250 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%v with %d sockets open, want %d goroutines at most", p.state(), people, limit)
			}
		}
	}
	t.Logf("%v, then %v", open, p.state())
	for _, c := range closers {
		_ = c.Close()
	}
	bird.check()
	p.calm(base)
}

// Events that name other people and other rooms (T23): who sends them is told that
// they are not his to send, and nobody else notices.
func TestOthersNames(t *testing.T) {
	p := launch(t, "OPEN_MODERATION=first")
	bird := p.canary()
	first := p.join(client.Options{Room: "names", Username: "First", Protocol: 1, Publish: []client.PublishOptions{client.Microphone(), client.Camera()}})
	m := p.join(client.Options{Room: "names", Username: "Mallory", Protocol: 1})
	wait(t, m, "the first one", func(s *client.State) bool { return s.From(first.Tag(), types.KindVideo).Keyframes > 0 })
	victims := []types.PeerID{first.PeerID(), bird.sender.PeerID(), bird.watchers[0].PeerID()}
	var track types.TrackID
	m.View(func(s *client.State) {
		for _, info := range s.Tracks.Tracks {
			track = info.TrackID
		}
	})
	for _, victim := range victims {
		for _, message := range []string{
			`{"event":"moderate","data":"{\"action\":\"mute\",\"peer_id\":\"%s\",\"source\":\"microphone\"}"}`,
			`{"event":"moderate","data":"{\"action\":\"remove\",\"peer_id\":\"%s\"}"}`,
			`{"event":"admit","data":"{\"peer_id\":\"%s\",\"admit\":false}"}`,
			`{"event":"state","data":"{\"microphone\":false}","peer_id":"%s","from":"%[1]s"}`,
			`{"event":"chat","data":"it was I","from":"%s","username":"First"}`,
		} {
			if err := m.SendRaw(1, fmt.Appendf(nil, message, victim)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.SendRaw(1, fmt.Appendf(nil, `{"event":"unpublish","data":"{\"source\":\"camera\",\"track_id\":\"%s\"}"}`, track)); err != nil {
		t.Fatal(err)
	}
	wait(t, m, "nine errors", func(s *client.State) bool { return len(s.Errors) >= 9 })
	wait(t, first, "what Mallory has written, under her own name", func(s *client.State) bool { return len(s.Chat) == len(victims) })
	first.View(func(s *client.State) {
		for _, message := range s.Chat {
			if message.Username != "Mallory" || message.From != m.PeerID() {
				t.Errorf("chat from %q, %s", message.Username, message.From)
			}
		}
		if s.CloseCode != 0 || s.Events["moderated"] > 0 {
			t.Errorf("the first one was moderated: closed with %d, events %v", s.CloseCode, s.Events)
		}
	})
	before := m.From(first.Tag(), types.KindAudio).Packets
	wait(t, m, "his voice to go on", func(s *client.State) bool { return s.From(first.Tag(), types.KindAudio).Packets > before+20 })
	bird.check()
}
