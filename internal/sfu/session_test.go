package sfu_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/metrics"
	"aq-server/internal/sfu"
	"aq-server/internal/testnet"
	"aq-server/internal/types"
)

func camera() client.PublishOptions {
	return client.PublishOptions{Source: types.SourceCamera, Layers: 1}
}

func TestTwoPeersHearAndSeeEachOther(t *testing.T) {
	for name, base := range map[string]bool{"base": true, "extensions": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Delay(20*time.Millisecond))
				session := net.Session(sfu.Options{})
				options := []testnet.JoinOption{testnet.Publishing(camera(), client.Microphone())}
				if base {
					options = append(options, testnet.Base())
				}
				alice := net.Join(session, "alice", options...)
				bob := net.Join(session, "bob", options...)
				for _, pair := range [][2]*testnet.Peer{{alice, bob}, {bob, alice}} {
					pair[0].WaitKeyframe(pair[1], 2*time.Second)
					pair[0].WaitPackets(pair[1], types.KindAudio, 100, 4*time.Second)
					pair[0].WaitPackets(pair[1], types.KindVideo, 200, 4*time.Second)
				}
			})
		})
	}
}

func TestLateJoinerSeesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		time.Sleep(10 * time.Second) // long after her first keyframe
		bob := net.Join(session, "bob", testnet.Base())
		bob.WaitKeyframe(alice, time.Second)
	})
}

func TestLeaverIsGoneForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t)
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob", testnet.Base())
		carol := net.Join(session, "carol")
		bob.WaitKeyframe(alice, 2*time.Second)
		carol.WaitKeyframe(alice, 2*time.Second)
		alice.Leave()
		bob.Wait("an offer that takes the m-line out of use", time.Second, func(s *client.State) bool {
			last := s.Offers[len(s.Offers)-1]
			return last.Active == 2 // those to send on
		})
		carol.Wait("tracks without alice", time.Second, func(s *client.State) bool { return len(s.Tracks.Tracks) == 0 })

		// The next publisher takes the m-lines that are there.
		dave := net.Join(session, "dave", testnet.Publishing(camera()))
		bob.WaitKeyframe(dave, 2*time.Second)
		carol.WaitKeyframe(dave, 2*time.Second)
		for _, p := range []*testnet.Peer{bob, carol} {
			p.Wait("three m-lines", time.Second, func(s *client.State) bool {
				return s.Offers[len(s.Offers)-1].MLines == 3
			})
		}
	})
}

func TestEightJoinAtOnceWithFewOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(10*time.Millisecond))
		session := net.Session(sfu.Options{})
		var peers []*testnet.Peer
		for i := range 8 {
			options := []testnet.JoinOption{testnet.Publishing(camera(), client.Microphone())}
			if i%2 == 0 {
				options = append(options, testnet.Base())
			}
			peers = append(peers, net.Join(session, fmt.Sprint("peer", i), options...))
		}
		for _, p := range peers {
			for _, o := range peers {
				if o != p {
					p.WaitKeyframe(o, 5*time.Second)
				}
			}
			p.View(func(s *client.State) {
				if n := len(s.Offers); n > 6 {
					t.Errorf("%s got %d offers", p.Info.Username, n)
				}
				if len(s.Failures) > 0 {
					t.Errorf("%s: %v", p.Info.Username, s.Failures)
				}
			})
		}
	})
}

func TestLossIsRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(40*time.Millisecond))
		m := metrics.New()
		session := net.Session(sfu.Options{Metrics: m})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		carol := net.Join(session, "carol")
		bob.WaitKeyframe(alice, 2*time.Second)
		carol.WaitKeyframe(alice, 2*time.Second)
		alice.Link.Loss(0.05, 0)
		bob.Link.Loss(0, 0.05)
		time.Sleep(30 * time.Second)
		alice.Link.Loss(0, 0)
		bob.Link.Loss(0, 0)
		time.Sleep(2 * time.Second)
		for _, p := range []*testnet.Peer{bob, carol} {
			if lost, got := p.Lost(), received(p, alice); float64(lost) > 0.005*float64(got) || got < 2500 {
				t.Errorf("%s: %d packets missing, %d received", p.Info.Username, lost, got)
			}
		}
		if m.RTXOut.Load() == 0 || m.NacksOut.Load() == 0 {
			t.Error("nothing was repaired, so the test lost nothing")
		}
		// 30 s of 5 % loss on 90 packets a second: about 135 lost on each way.
		if asked := m.NacksOut.Load(); asked > 400 {
			t.Errorf("the publisher was asked %d times for about 135 packets", asked)
		}
	})
}

func TestOutageHealsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		bob.WaitKeyframe(alice, 2*time.Second)
		offers := 0
		bob.View(func(s *client.State) { offers = len(s.Offers) })
		bob.Offline(true)
		time.Sleep(10 * time.Second)
		before := received(bob, alice)
		bob.Offline(false)
		bob.WaitPackets(alice, types.KindVideo, before+50, 2*time.Second)
		bob.View(func(s *client.State) {
			if s.Connections != 1 || len(s.Offers) != offers {
				t.Errorf("%d PeerConnections, %d offers for a short outage", s.Connections, len(s.Offers))
			}
		})
	})
}

// A NAT that forgets a client breaks his media path for good, also for a client
// whose agent notices nothing. His socket lives, so the server offers another.
func TestForgottenPathIsReplaced(t *testing.T) {
	for _, lite := range []bool{true, false} {
		for _, who := range []string{"the publisher", "a subscriber"} {
			t.Run(fmt.Sprintf("%s, lite %t", who, lite), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					net := testnet.New(t, testnet.Delay(25*time.Millisecond))
					m := metrics.New()
					session := net.Session(sfu.Options{Metrics: m, API: net.API(lite)})
					alice := net.Join(session, "alice", testnet.Publishing(camera()))
					bob := net.Join(session, "bob")
					carol := net.Join(session, "carol")
					bob.WaitKeyframe(alice, 2*time.Second)
					carol.WaitKeyframe(alice, 2*time.Second)
					time.Sleep(5 * time.Second)
					victim := bob
					if who == "the publisher" {
						victim = alice
					}
					victim.Link.Forget()
					before := received(bob, alice)
					bob.WaitPackets(alice, types.KindVideo, before+20, 4*time.Second)
					time.Sleep(10 * time.Second)
					if n := m.MediaRestarts[metrics.RestartSilence].Load(); n != 1 || victim.Silences() != 1 {
						t.Errorf("%d restarts for %d silences", n, victim.Silences())
					}
					if n := m.MediaRestarts[metrics.RestartRepeated].Load(); n != 0 {
						t.Errorf("%d more restarts", n)
					}
					bob.View(func(s *client.State) {
						if s.Connections != 1 {
							t.Errorf("%d PeerConnections", s.Connections)
						}
					})
					if victim == bob && carol.Silences() != 0 {
						t.Error("another was found silent")
					}
				})
			})
		}
	}
}

// Whoever has no socket cannot answer, and keeps his media as long as it flows:
// how long he may be away is the room's to say.
func TestNoSocketIsNoMissingAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		bob.WaitKeyframe(alice, 2*time.Second)
		bob.SocketLost(true)
		carol := net.Join(session, "carol", testnet.Publishing(camera())) // an offer for Bob
		carol.WaitConnected(2 * time.Second)
		time.Sleep(time.Minute)
		bob.WaitPackets(alice, types.KindVideo, received(bob, alice)+20, time.Second)
		bob.SocketLost(false)
		bob.Resume()
		bob.WaitKeyframe(carol, 2*time.Second)
		bob.View(func(s *client.State) {
			if s.Connections != 1 {
				t.Errorf("%d PeerConnections", s.Connections)
			}
			for _, track := range s.Media {
				if lost := track.Stats().Lost; lost > 0 {
					t.Errorf("%d packets lost", lost)
				}
			}
		})
	})
}

// Where half of the room falls silent at once and is back a second later, it was
// a machine without time: nobody's ICE is restarted. An office whose NAT has
// forgotten all of them is helped all the same.
func TestCrowdFallsSilent(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		t.Run(fmt.Sprintf("forgotten %t", forgotten), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := testnet.New(t, testnet.Delay(20*time.Millisecond))
				m := metrics.New()
				session := net.Session(sfu.Options{Metrics: m, API: net.API(false)})
				alice := net.Join(session, "alice", testnet.Publishing(camera()))
				var crowd []*testnet.Peer
				for i := range 4 {
					crowd = append(crowd, net.Join(session, fmt.Sprint("crowd", i)))
				}
				for _, p := range crowd {
					p.WaitKeyframe(alice, 5*time.Second)
				}
				time.Sleep(5 * time.Second)
				if forgotten {
					for _, p := range crowd {
						p.Link.Forget()
					}
					for _, p := range crowd {
						p.WaitPackets(alice, types.KindVideo, received(p, alice)+20, 6*time.Second)
					}
					return
				}
				for _, p := range crowd {
					p.Link.Cut(true)
				}
				time.Sleep(3 * time.Second)
				for _, p := range crowd {
					p.Link.Cut(false)
				}
				time.Sleep(5 * time.Second)
				if silences, n := m.MediaSilences.Load(), m.MediaRestarts[metrics.RestartSilence].Load(); silences != 4 || n > 2 {
					t.Errorf("%d restarts for %d silences", n, silences)
				}
			})
		})
	}
}

// A minute without a network: ICE gives up after 30 s, and the offer that waits is
// answered when the client is back. A little longer, and ICE has given up that
// offer too; another one follows the answer then, not the next look for a way,
// which is up to 3 s away: of two outages one at least ends far from it.
func TestLongOutage(t *testing.T) {
	for _, lite := range []bool{true, false} {
		for _, outage := range []time.Duration{time.Minute, 65 * time.Second, 66500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v, lite %t", outage, lite), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					net := testnet.New(t, testnet.Delay(25*time.Millisecond))
					session := net.Session(sfu.Options{API: net.API(lite)})
					alice := net.Join(session, "alice", testnet.Publishing(camera()))
					bob := net.Join(session, "bob")
					bob.WaitKeyframe(alice, 2*time.Second)
					bob.Offline(true)
					time.Sleep(outage)
					before := received(bob, alice)
					bob.Offline(false)
					bob.Resume()
					bob.WaitPackets(alice, types.KindVideo, before+20, 1200*time.Millisecond)
				})
			})
		}
	}
}

func TestFailedWayIsLookedForAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		bob.WaitKeyframe(alice, 2*time.Second)
		bob.Link.Cut(true)
		time.Sleep(35 * time.Second) // ICE fails after 30
		before := received(bob, alice)
		bob.Link.Cut(false)
		bob.WaitPackets(alice, types.KindVideo, before+50, 4*time.Second)
	})
}

func TestICERestartKeepsMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		bob.WaitKeyframe(alice, 2*time.Second)
		bob.Server.Restart()
		bob.Wait("an offer with other credentials", time.Second, func(s *client.State) bool {
			n := len(s.Offers)
			return n > 1 && s.Offers[n-1].Ufrag != s.Offers[0].Ufrag
		})
		before := received(bob, alice)
		bob.WaitPackets(alice, types.KindVideo, before+100, 3*time.Second)
	})
}

// Candidates may come before the answer, also those of a restart (docs/protocol.md).
// They are all there is when the answer takes long: pion's agent sends 8 checks,
// 200 ms apart, and the server cannot place them before the answer.
func TestCandidatesBeforeTheAnswerOfARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		session := net.Session(sfu.Options{API: net.API(false)})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob", func(o *client.Options) { o.CandidatesFirst = true })
		bob.WaitKeyframe(alice, 2*time.Second)
		bob.SlowAnswers(2 * time.Second)
		bob.Server.Restart()
		time.Sleep(time.Second) // what was on its way has come
		bob.WaitPackets(alice, types.KindVideo, received(bob, alice)+20, 2*time.Second)
	})
}

// One restart is enough: what asks for another while it runs is not heard.
func TestOneRestartAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t, testnet.Delay(20*time.Millisecond))
		m := metrics.New()
		session := net.Session(sfu.Options{Metrics: m})
		var held atomic.Bool
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob", func(o *client.Options) {
			o.HoldAnswer = func(ctx context.Context, _ uint64) bool {
				for held.Load() && ctx.Err() == nil {
					time.Sleep(10 * time.Millisecond)
				}
				return true
			}
		})
		bob.WaitKeyframe(alice, 2*time.Second)
		offers := 0
		bob.View(func(s *client.State) { offers = len(s.Offers) })
		held.Store(true)
		for range 5 {
			bob.Server.Restart()
			time.Sleep(100 * time.Millisecond)
		}
		held.Store(false)
		time.Sleep(100 * time.Millisecond) // answered
		bob.Server.Restart()
		time.Sleep(5 * time.Second)
		bob.View(func(s *client.State) {
			if n := len(s.Offers) - offers; n != 1 {
				t.Errorf("%d offers", n)
			}
		})
		if n := m.MediaRestarts[metrics.RestartClient].Load(); n != 1 {
			t.Errorf("%d restarts counted", n)
		}
		bob.Server.Restart() // and then again
		bob.Wait("another offer", time.Second, func(s *client.State) bool { return len(s.Offers) == offers+2 })
	})
}

func TestSilentClientLosesItsPeerConnectionAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t)
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		var awake atomic.Bool
		bob := net.Join(session, "bob", func(o *client.Options) {
			o.HoldAnswer = func(context.Context, uint64) bool { return awake.Load() }
		})
		carol := net.Join(session, "carol")
		carol.WaitKeyframe(alice, 2*time.Second) // nobody waits for bob
		bob.Wait("word that media was given up", 31*time.Second, func(s *client.State) bool {
			return s.HasError(types.CodeMediaNotReached)
		})
		awake.Store(true)
		bob.Server.Nudge()
		bob.WaitKeyframe(alice, 2*time.Second)
		bob.View(func(s *client.State) {
			if first, last := s.Offers[0], s.Offers[len(s.Offers)-1]; last.ID != 1 || first.Ufrag == last.Ufrag {
				t.Error("the last offer is not for a new PeerConnection")
			}
		})
	})
}

func received(p, of *testnet.Peer) (n int64) {
	p.View(func(s *client.State) { n = s.From(of.Tag(), types.KindVideo).Packets })
	return n
}
