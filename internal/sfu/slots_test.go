package sfu_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/sfu"
	"aq-server/internal/testnet"
	"aq-server/internal/types"
)

// trackOf waits until the peer knows of the other's camera, on an m-line or
// without one, and returns its id.
func trackOf(p, of *testnet.Peer, source types.Source) (id types.TrackID) {
	p.Wait("a track of "+of.Info.Username, 5*time.Second, func(s *client.State) bool {
		for _, t := range s.Tracks.Tracks {
			if t.PeerID == of.Info.ID && t.Source == source {
				id = t.TrackID
			}
		}
		for _, t := range s.Tracks.Unassigned {
			if t.PeerID == of.Info.ID && t.Source == source {
				id = t.TrackID
			}
		}
		return id != ""
	})
	return id
}

func TestMLinesStayWithinTheSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t)
		session := net.Session(sfu.Options{VideoSlots: 3, AudioSlots: 2})
		watcher := net.Join(session, "watcher")
		var others []*testnet.Peer
		for i := range 8 {
			voice := client.Microphone()
			voice.Level, voice.Voice = uint8(60+i), false
			others = append(others, net.Join(session, fmt.Sprint("peer", i), testnet.Publishing(camera(), voice)))
		}
		watcher.Wait("all slots in use, on two m-lines to send and five to receive", 10*time.Second, func(s *client.State) bool {
			return len(s.Tracks.Tracks) == 5 && len(s.Tracks.Unassigned) == 11 &&
				s.Offers[len(s.Offers)-1].MLines == 2+5 // it comes behind its tracks
		})

		// A view of a track without a slot brings it, without an offer.
		hidden := others[7]
		id := trackOf(watcher, hidden, types.SourceCamera)
		offers := 0
		watcher.View(func(s *client.State) { offers = len(s.Offers) })
		if err := watcher.SetView(types.TrackView{TrackID: id, Width: 640, Height: 360}); err != nil {
			t.Fatal(err)
		}
		watcher.WaitKeyframe(hidden, 2*time.Second)

		// A loud voice gets a slot.
		others[6].Publication(types.SourceMicrophone).SetLevel(10, true)
		watcher.WaitPackets(others[6], types.KindAudio, 20, 3*time.Second)
		watcher.Wait("word of the speaker", time.Second, func(s *client.State) bool {
			return len(s.Speakers.Speakers) == 1 && s.Speakers.Speakers[0].PeerID == others[6].Info.ID
		})
		watcher.View(func(s *client.State) {
			if len(s.Offers) != offers {
				t.Errorf("%d offers were made for changes of sources", len(s.Offers)-offers)
			}
		})
	})
}

func TestViewChoosesTheLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t)
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(client.Camera()), func(o *client.Options) { o.ObeyLayers = true })
		bob := net.Join(session, "bob")
		id := trackOf(bob, alice, types.SourceCamera)
		layerFlows := func(layer int) {
			t.Helper()
			var before [4]int64
			bob.View(func(s *client.State) { before = s.From(alice.Tag(), types.KindVideo).Layers })
			bob.Wait(fmt.Sprint("layer ", layer), 5*time.Second, func(s *client.State) bool {
				return s.From(alice.Tag(), types.KindVideo).Layers[layer] > before[layer]+30
			})
		}
		layerFlows(2) // no view: the largest
		for _, step := range []struct {
			width, height, layer int
		}{{320, 180, 0}, {640, 360, 1}, {1280, 720, 2}, {160, 90, 0}} {
			if err := bob.SetView(types.TrackView{TrackID: id, Width: step.width, Height: step.height}); err != nil {
				t.Fatal(err)
			}
			layerFlows(step.layer)
		}
		alice.Wait("word that only the smallest layer is watched", 6*time.Second, func(s *client.State) bool {
			return len(s.Layers.Tracks) == 1 && len(s.Layers.Tracks[0].RIDs) == 1 && s.Layers.Tracks[0].RIDs[0] == "q"
		})
		if err := bob.SetView(types.TrackView{TrackID: id, Hidden: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		before := received(bob, alice)
		time.Sleep(5 * time.Second)
		if n := received(bob, alice) - before; n != 0 {
			t.Errorf("%d packets of a hidden track came", n)
		}
		if err := bob.SetView(types.TrackView{TrackID: id, Width: 1280, Height: 720}); err != nil {
			t.Fatal(err)
		}
		layerFlows(2) // it had been switched off: demand, keyframe, switch
		if bob.Lost() != 0 {
			t.Errorf("%d gaps in the numbers over all these switches", bob.Lost())
		}
	})
}

func TestUnpublishAndPublishAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := testnet.New(t)
		session := net.Session(sfu.Options{})
		alice := net.Join(session, "alice", testnet.Publishing(camera()))
		bob := net.Join(session, "bob")
		bob.WaitKeyframe(alice, 2*time.Second)
		screen := alice.Send(client.PublishOptions{Source: types.SourceScreen, Layers: 1})
		trackOf(bob, screen, types.SourceScreen)
		if err := alice.Unpublish(types.SourceScreen); err != nil {
			t.Fatal(err)
		}
		bob.Wait("the camera alone", time.Second, func(s *client.State) bool { return len(s.Tracks.Tracks) == 1 })
		if err := alice.Send(client.PublishOptions{Source: types.SourceScreen, Layers: 1}).SetView(); err != nil {
			t.Fatal(err)
		}
		trackOf(bob, alice, types.SourceScreen)
		alice.View(func(s *client.State) {
			if n := s.Offers[len(s.Offers)-1].MLines; n != 3 {
				t.Errorf("%d m-lines: the screen's is not used again", n)
			}
		})
	})
}
