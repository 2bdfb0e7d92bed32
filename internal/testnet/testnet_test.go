package testnet

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/types"
	"aq-server/internal/webrtcapi"
)

// connect joins a client over the network to a bare PeerConnection of the
// server that only counts what it receives.
func connect(t *testing.T, n *Net, l *Link, media *webrtcapi.API) (*client.Client, chan webrtc.PeerConnectionState) {
	t.Helper()
	made, err := media.NewPeerConnection(true, func() {}, func() {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Out.Close)
	pc := made.PC
	t.Cleanup(func() { _ = pc.GracefulClose() })
	states := make(chan webrtc.PeerConnectionState, 10)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { states <- s })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	answers := make(chan types.Message, 100)
	c, err := client.NewLocal(client.Options{Username: "u", Net: l.Net(), Interfaces: Interfaces, Publish: []client.PublishOptions{client.Camera()}},
		func(m types.Message) error { answers <- m; return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	m := types.NewMessage(types.EventOffer, pc.LocalDescription())
	m.OfferID = 1
	c.Deliver(m)
	for m := range answers {
		if m.Event == types.EventAnswer {
			var answer webrtc.SessionDescription
			if err := json.Unmarshal([]byte(m.Data), &answer); err != nil {
				t.Fatal(err)
			}
			if err := pc.SetRemoteDescription(answer); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	return c, states
}

func TestClientsConnectAndTheCutIsNoticed(t *testing.T) {
	for name, lite := range map[string]bool{"full ICE": false, "ICE lite": true} {
		t.Run(name, func(t *testing.T) { connectAndCut(t, lite) })
	}
}

func connectAndCut(t *testing.T, lite bool) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t, Delay(20*time.Millisecond))
		media, err := webrtcapi.New(webrtcapi.Options{MediaPort: 5000, ICE: iceMode(lite), Net: n.Server()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = media.Close() })
		link := n.NewLink()
		start := time.Now()
		c, states := connect(t, n, link, media)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := c.WaitFor(ctx, "the connection", func(s *client.State) bool {
			return s.ConnectionState == webrtc.PeerConnectionStateConnected
		}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 80*time.Millisecond {
			t.Errorf("connected after %v, which two round trips of 40 ms do not allow", took)
		}
		link.Cut(true)
		for s := range states {
			if s == webrtc.PeerConnectionStateFailed {
				break
			}
		}
	})
}

// Of a thousand ports all but one are forgotten.
func TestForgottenPortsAreNotGivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(t).NewLink()
		for port := 5000; port < 6000; port++ {
			if port != 5500 {
				l.ports[port] = true
			}
		}
		l.Forget()
		conn, err := l.Net().ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if port := conn.LocalAddr().(*net.UDPAddr).Port; port != 5500 {
			t.Errorf("port %d", port)
		}
	})
}

// A candidate that comes before the answer of its ICE restart is of a generation
// that pion at the other end does not know, and is lost.
func TestCandidatesOfARestartFollowTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t)
		made, err := n.API(false).NewPeerConnection(false, func() {}, func() {}, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(made.Out.Close)
		t.Cleanup(func() { _ = made.PC.GracefulClose() })
		if _, err := made.PC.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
		sent := make(chan types.Message, 10)
		c, err := client.NewLocal(client.Options{Protocol: 1, Net: n.NewLink().Net(), Interfaces: Interfaces},
			func(m types.Message) error { sent <- m; return nil })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for id := range uint64(20) {
			offer, err := made.PC.CreateOffer(&webrtc.OfferOptions{ICERestart: id > 0})
			if err != nil {
				t.Fatal(err)
			}
			if err := made.PC.SetLocalDescription(offer); err != nil {
				t.Fatal(err)
			}
			m := types.NewMessage(types.EventOffer, offer)
			m.OfferID = id + 1
			c.Deliver(m)
			if m = <-sent; m.Event != types.EventAnswer {
				t.Fatalf("%s %s before answer %d", m.Event, m.Data, id+1)
			}
			var answer webrtc.SessionDescription
			if err := json.Unmarshal([]byte(m.Data), &answer); err != nil {
				t.Fatal(err)
			}
			if err := made.PC.SetRemoteDescription(answer); err != nil {
				t.Fatal(err)
			}
			if m = <-sent; m.Event != types.EventCandidate {
				t.Fatalf("%s after the answer", m.Event)
			}
		}
	})
}
