package sfu_test

import (
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/sfu"
	"aq-server/internal/testnet"
	"aq-server/internal/types"
)

// A client that has closed his PeerConnection loses nothing else, also when
// something changes for him before its end is told.
func TestHangUpIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		bob.WaitKeyframe(alice, 2*time.Second)
		bob.Server.HangUp()
		time.Sleep(time.Second)
		before := received(bob, alice)
		bob.Server.Nudge() // he says something
		bob.Wait("another PeerConnection", 2*time.Second, func(s *client.State) bool { return s.Connections == 2 })
		bob.WaitPackets(alice, types.KindVideo, before+50, 3*time.Second)
	})
}
