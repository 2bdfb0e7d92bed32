package testnet

import (
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/sfu"
	"aq-server/internal/types"
)

func TestLateJoinerSeesOverALossyNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t, Loss(0.05), Delay(20*time.Millisecond))
		session := n.Session(sfu.Options{})
		alice := n.Join(session, "alice").SendVP8(30).SendOpus()
		alice.WaitConnected(5 * time.Second)
		time.Sleep(10 * time.Second) // virtual: a late joiner
		bob := n.Join(session, "bob")
		bob.WaitKeyframe(alice, 3*time.Second)
		bob.WaitPackets(alice, types.KindAudio, 100, 5*time.Second)
		time.Sleep(10 * time.Second)
		for _, track := range bob.Media() {
			s := track.Stats()
			if share := float64(s.Lost) / float64(s.Packets+s.Lost); track.Kind == types.KindVideo && share > 0.005 {
				t.Errorf("video: %.2f %% lost of %d", 100*share, s.Packets)
			}
		}
	})
}

func TestBaseClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(t, Delay(5*time.Millisecond))
		session := n.Session(sfu.Options{})
		alice := n.Join(session, "alice", Base(), Publishing(Camera(), Microphone()))
		bob := n.Join(session, "bob").SendOpus()
		bob.WaitKeyframe(alice, 2*time.Second)
		alice.WaitPackets(bob, types.KindAudio, 10, 2*time.Second)
		alice.Leave()
		bob.Wait("the tracks to be gone", time.Second, func(s *State) bool { return len(s.Tracks.Tracks) == 0 })
		if bob.Lost() != 0 {
			t.Errorf("%d packets lost", bob.Lost())
		}
	})
}
