package sfu_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/metrics"
	"aq-server/internal/sfu"
	"aq-server/internal/testnet"
	"aq-server/internal/types"
)

func faults(m *metrics.Metrics) string {
	s := ""
	for i := range m.WatchdogFaults {
		if n := m.WatchdogFaults[i].Load(); n > 0 {
			s += fmt.Sprintf("%v:%d ", metrics.FaultCause(i), n)
		}
	}
	for i := range m.WatchdogRepairs {
		if n := m.WatchdogRepairs[i].Load(); n > 0 {
			s += fmt.Sprintf("%v:%d ", metrics.RepairStep(i), n)
		}
	}
	return s
}

// In a call where all is well the watchdog does nothing: with loss, with mutes,
// with hidden tracks, with people who come and go.
func TestWatchdogIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(40*time.Millisecond), testnet.Loss(0.03))
		m := metrics.New()
		session := net.Session(sfu.Options{Metrics: m, API: net.API(false)})
		alice := net.Join(session, "alice", testnet.Publishing(camera(), testnet.Microphone()))
		bob := net.Join(session, "bob", testnet.Publishing(camera(), testnet.Microphone()), testnet.Base())
		carol := net.Join(session, "carol")
		carol.WaitKeyframe(alice, 5*time.Second)
		carol.WaitKeyframe(bob, 5*time.Second)
		for range 3 {
			time.Sleep(10 * time.Second)
			dave := net.Join(session, "dave", testnet.Publishing(camera()))
			_ = alice.SetView(types.TrackView{TrackID: "nobody's", Hidden: true})
			alice.Publication(types.SourceCamera).Pause(true)
			bob.Publication(types.SourceMicrophone).Pause(true)
			time.Sleep(10 * time.Second)
			alice.Publication(types.SourceCamera).Pause(false)
			bob.Publication(types.SourceMicrophone).Pause(false)
			dave.Leave()
		}
		if got := faults(m); got != "" {
			t.Errorf("found %s", got)
		}
	})
}

// A track that comes in and does not go out, whatever the reason.
func TestWatchdogFindsWhatIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		m := metrics.New()
		session := net.Session(sfu.Options{Metrics: m})
		alice := net.Join(session, "alice", testnet.Publishing(camera(), testnet.Microphone()))
		bob := net.Join(session, "bob")
		base := net.Join(session, "carol", testnet.Base())
		for _, p := range []*testnet.Peer{bob, base} {
			p.WaitKeyframe(alice, 5*time.Second)
			p.WaitPackets(alice, types.KindAudio, 50, 5*time.Second)
		}
		session.ForgetSubscribers()
		for _, p := range []*testnet.Peer{bob, base} {
			for _, kind := range []types.Kind{types.KindVideo, types.KindAudio} {
				p.WaitPackets(alice, kind, p.From(alice.Tag(), kind).Packets+10, 2*time.Second)
			}
		}
		time.Sleep(5 * time.Second)
		if got := faults(m); got != "not_sent:4 keyframe:4 " {
			t.Errorf("found and did %s", got)
		}
	})
}

// A stream that the client's stack does not take arrives on another: a new
// sender, a new SSRC, on the same m-line of the same PeerConnection.
func TestWatchdogRenewsASender(t *testing.T) {
	for _, base := range []bool{false, true} {
		t.Run(fmt.Sprintf("base %t", base), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Delay(20*time.Millisecond))
				m := metrics.New()
				session := net.Session(sfu.Options{Metrics: m})
				alice := net.Join(session, "alice", testnet.Publishing(camera(), testnet.Microphone()))
				var deaf atomic.Uint32
				options := []testnet.JoinOption{func(o *client.Options) {
					o.Misplaced = func(h *rtp.Header) bool { return h.SSRC == deaf.Load() }
				}}
				if base {
					options = append(options, testnet.Base())
				}
				bob := net.Join(session, "bob", options...)
				bob.WaitKeyframe(alice, 5*time.Second)
				bob.WaitPackets(alice, types.KindAudio, 50, 5*time.Second)
				for _, track := range bob.Media() {
					if track.Kind == types.KindVideo {
						deaf.Store(track.SSRC)
					}
				}
				before := received(bob, alice)
				bob.WaitPackets(alice, types.KindVideo, before+50, 6*time.Second)
				time.Sleep(20 * time.Second)
				if got := faults(m); got != "not_received:1 keyframe:1 sender:1 " {
					t.Errorf("found and did %s", got)
				}
				bob.View(func(s *client.State) {
					if s.Connections != 1 {
						t.Errorf("%d PeerConnections", s.Connections)
					}
				})
			})
		})
	}
}

// Where no sender is heard, the whole PeerConnection is given up, once.
func TestWatchdogEndsWithAnotherPeerConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		m := metrics.New()
		session := net.Session(sfu.Options{Metrics: m})
		alice := net.Join(session, "alice", testnet.Publishing(camera(), testnet.Microphone()))
		var deaf atomic.Bool
		bob := net.Join(session, "bob", func(o *client.Options) {
			o.Misplaced = func(h *rtp.Header) bool { return deaf.Load() && h.PayloadType != 111 }
		})
		bob.WaitKeyframe(alice, 5*time.Second)
		deaf.Store(true)
		bob.Wait("a second PeerConnection", 20*time.Second, func(s *client.State) bool { return s.Connections == 2 })
		time.Sleep(time.Minute)
		if n := m.WatchdogRepairs[metrics.RepairConnection].Load(); n != 1 {
			t.Errorf("%d PeerConnections were given up", n)
		}
		deaf.Store(false)
		bob.WaitPackets(alice, types.KindVideo, received(bob, alice)+50, 40*time.Second)
	})
}
