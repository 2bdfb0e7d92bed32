package webrtcapi

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"
)

// taker takes all that it can open.
type taker struct {
	in   *Inbound
	rtp  chan []byte
	rtcp chan []byte
}

func newTaker() *taker {
	return &taker{rtp: make(chan []byte, 200), rtcp: make(chan []byte, 200)}
}

func (r *taker) ReceiveRTP(ssrc uint32, sealed []byte, _ time.Time) bool {
	buf := make([]byte, receiveMTU)
	n, pions, err := r.in.OpenRTP(buf, ssrc, sealed)
	if err != nil {
		return !pions
	}
	r.rtp <- buf[:n]
	return true
}

func (r *taker) ReceiveRTCP(b []byte, _ time.Time) { r.rtcp <- bytes.Clone(b) }

func await(t *testing.T, from <-chan []byte) []byte {
	t.Helper()
	select {
	case b := <-from:
		return b
	case <-time.After(deadline):
		t.Fatal("nothing has come")
		return nil
	}
}

// What a client sends is taken past pion, with every profile, and while the sequence
// number turns around.
func TestReceiverTakesWhatClientsSend(t *testing.T) {
	for _, c := range handshakes {
		t.Run(c.name, func(t *testing.T) {
			camera, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "camera", "client")
			if err != nil {
				t.Fatal(err)
			}
			r := newTaker()
			p, _ := connectTo(t, r, camera, c.tune)
			r.in = p.ours.Out.In()
			if err := p.ours.Out.Open(p.ours.PC); err != nil {
				t.Fatal(err)
			}
			const first, many = 65500, 100
			for i := range many {
				h := rtp.Header{Version: 2, SequenceNumber: uint16((first + i) & 0xffff), Timestamp: 9}
				if err := camera.WriteRTP(&rtp.Packet{Header: h, Payload: payload(i)}); err != nil {
					t.Fatal(err)
				}
			}
			for i := range many {
				var got rtp.Packet
				if err := got.Unmarshal(await(t, r.rtp)); err != nil {
					t.Fatal(err)
				}
				if got.SequenceNumber != uint16((first+i)&0xffff) || !bytes.Equal(got.Payload, payload(i)) {
					t.Fatalf("packet %d is number %d with %d octets", i, got.SequenceNumber, len(got.Payload))
				}
			}
			if err := p.theirs.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: 2}}); err != nil {
				t.Fatal(err)
			}
			for { // behind reports of pion's own
				packets, err := rtcp.Unmarshal(await(t, r.rtcp))
				if err != nil {
					t.Fatal(err)
				}
				if pli, ok := packets[0].(*rtcp.PictureLossIndication); ok && pli.MediaSSRC == 2 {
					return
				}
			}
		})
	}
}

// inbound is a way in use, and a context that seals as its client does.
func inbound(t *testing.T) (*Inbound, *taker, *srtp.Context) {
	t.Helper()
	contexts := [2]*srtp.Context{}
	for i := range contexts {
		var err error
		contexts[i], err = srtp.CreateContext(make([]byte, 16), make([]byte, 12), srtp.ProtectionProfileAeadAes128Gcm,
			srtp.SRTPReplayProtection(rtpWindow), srtp.SRTCPReplayProtection(rtcpWindow))
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newTaker()
	in := &Inbound{receiver: r}
	r.in = in
	in.begin(contexts[0])
	return in, r, contexts[1]
}

func asDatagram(b []byte) *datagram {
	d := &datagram{size: len(b)}
	copy(d.data[:], b)
	return d
}

func TestWhatIsForPion(t *testing.T) {
	in, r, client := inbound(t)
	media := func(sn uint16) []byte {
		b, _ := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: sn, SSRC: 5}, Payload: make([]byte, 50)}).Marshal()
		sealed, err := client.EncryptRTP(nil, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	report := func() []byte {
		b, _ := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9}})
		sealed, err := client.EncryptRTCP(nil, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	broken := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
		return b
	}
	check := func(what string, b []byte, taken bool, rtps, rtcps int) {
		t.Helper()
		if got := in.take(asDatagram(b)); got != taken {
			t.Errorf("%s: taken %v, want %v", what, got, taken)
		}
		if len(r.rtp) != rtps || len(r.rtcp) != rtcps {
			t.Errorf("%s: the receiver has %d and %d packets, want %d and %d", what, len(r.rtp), len(r.rtcp), rtps, rtcps)
		}
	}
	check("STUN", make([]byte, 20), false, 0, 0)
	check("DTLS", append([]byte{22, 254, 253}, make([]byte, 30)...), false, 0, 0)
	check("nothing", nil, false, 0, 0)
	check("a short packet", []byte{0x80, 96, 0}, false, 0, 0)
	// What cannot be opened may be for pion only as long as nothing of the kind was.
	check("a packet of other keys", broken(media(1)), false, 0, 0)
	first := media(2)
	check("a packet", first, true, 1, 0)
	check("the same again", first, true, 1, 0)
	check("a forged packet", broken(media(3)), true, 1, 0)
	check("a report of other keys", broken(report()), false, 1, 0)
	once := report()
	check("a report", once, true, 1, 1)
	check("the same report again", once, true, 1, 1)
	check("a forged report", broken(report()), true, 1, 1)
	// pion hears something now and then: that the client is there, and nothing else.
	buf := make([]byte, receiveMTU)
	if n, due := in.signOfLife(buf); due {
		t.Errorf("%d octets for pion, who has just heard something", n)
	}
	_, _, pion := inbound(t) // as pion's context
	for range 3 {
		in.heard.Store(time.Now().Add(-pionHears).UnixNano())
		n, due := in.signOfLife(buf)
		if !due {
			t.Fatal("nothing for pion")
		}
		opened, err := pion.DecryptRTCP(nil, buf[:n], nil)
		if err != nil {
			t.Fatalf("pion cannot open it: %v", err)
		}
		packets, err := rtcp.Unmarshal(opened)
		if err != nil || len(packets) != 1 || len(packets[0].DestinationSSRC()) != 0 {
			t.Errorf("pion hears %v, %v", packets, err)
		}
	}
	in.heard.Store(0)
	check("STUN is for pion, who has heard something then", make([]byte, 20), false, 1, 1)
}

// panics is a receiver with a fault.
type panics struct{}

func (panics) ReceiveRTP(uint32, []byte, time.Time) bool { panic("a fault") }
func (panics) ReceiveRTCP([]byte, time.Time)             { panic("a fault") }

// A fault in what takes a packet costs that packet: the goroutine is pion's, and nobody
// else would catch it.
func TestFaultInReceiverEndsNothing(t *testing.T) {
	in, _, client := inbound(t)
	in.receiver = panics{}
	media, _ := (&rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 5}, Payload: make([]byte, 50)}).Marshal()
	report, _ := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 9}})
	for range 2 {
		sealed, err := client.EncryptRTCP(nil, report, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range [][]byte{media, sealed} {
			if !in.take(asDatagram(b)) {
				t.Error("a packet that made a fault goes on to pion")
			}
		}
	}
}
