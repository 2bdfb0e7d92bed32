package e2e

import (
	"fmt"
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

// TestMoreThanAllSlots fills more than all slots: nobody gets more m-lines than
// they are, the loudest are heard, a view brings a video, and what is hidden is
// not sent. The pool is small, because each person is a whole pion client here.
func TestMoreThanAllSlots(t *testing.T) {
	const size, videoSlots, audioSlots = 15, 9, 5
	s := start(t, func(c *config.Config) { c.VideoSlots, c.AudioSlots = videoSlots, audioSlots })
	people := make([]*client.Client, size)
	for i := range people {
		rate := 2 // of the microphones of those who never talk
		if i >= 3 && i < 6 || i >= 11 && i < 14 {
			rate = 20
		}
		fps := 3
		if i == 1 {
			fps = 15 // hiddenIsNotSent counts his pictures
		}
		people[i] = s.join(client.Options{
			Room: "plenary", Username: fmt.Sprint(i), Protocol: 1,
			Publish: []client.PublishOptions{
				{Source: types.SourceMicrophone, FPS: rate, Level: 110},
				{Source: types.SourceCamera, FPS: fps, PacketsPerFrame: 1, PacketSize: 100, Layers: 1},
			},
		})
	}
	for i, c := range people {
		wait(t, c, fmt.Sprintf("%d to fill its slots", i), func(st *client.State) bool {
			video, audio := count(st)
			return video == videoSlots && audio == audioSlots && len(st.Peers) == size-1
		})
	}
	// Three talk; then three others.
	for _, first := range []int{3, 11} {
		for i := range 3 {
			people[first+i].Publication(types.SourceMicrophone).SetLevel(15, true)
		}
		before := make([][3]int64, size)
		for i, c := range people {
			for n := range before[i] {
				before[i][n] = c.From(people[first+n].Tag(), types.KindAudio).Packets
			}
		}
		for i, c := range people {
			wait(t, c, fmt.Sprintf("%d to hear those who talk", i), func(st *client.State) bool {
				for n, packets := range before[i] {
					if speaker := people[first+n]; speaker != c && st.From(speaker.Tag(), types.KindAudio).Packets <= packets+5 {
						return false
					}
				}
				return true
			})
		}
		wait(t, people[0], "word of who speaks", func(st *client.State) bool {
			return len(st.Speakers.Speakers) == 3
		})
		for i := range 3 {
			people[first+i].Publication(types.SourceMicrophone).SetLevel(110, false)
		}
	}
	viewBringsVideo(t, people)
	hiddenIsNotSent(t, people)
	for i, c := range people {
		c.View(func(st *client.State) {
			for _, o := range st.Offers {
				if o.MLines > videoSlots+audioSlots+2 {
					t.Errorf("offer %d to %d has %d m-lines", o.ID, i, o.MLines)
				}
			}
			if len(st.Failures) > 0 || len(st.Errors) > 0 {
				t.Errorf("%d: failures %v, errors %v", i, st.Failures, st.Errors)
			}
		})
	}
}

func count(st *client.State) (video, audio int) {
	for _, m := range st.Tracks.Tracks {
		if m.Kind == types.KindVideo {
			video++
		} else {
			audio++
		}
	}
	return video, audio
}

// viewBringsVideo has one look at somebody who has no slot.
func viewBringsVideo(t *testing.T, people []*client.Client) {
	t.Helper()
	viewer := people[0]
	var wanted types.TrackInfo
	wait(t, viewer, "somebody without a slot", func(st *client.State) bool {
		for _, u := range st.Tracks.Unassigned {
			if u.Kind == types.KindVideo {
				wanted = u
				return true
			}
		}
		return false
	})
	if err := viewer.SetView(types.TrackView{TrackID: wanted.TrackID, Width: 640, Height: 360}); err != nil {
		t.Fatal(err)
	}
	var shown *client.Client
	for _, p := range people {
		if p.PeerID() == wanted.PeerID {
			shown = p
		}
	}
	before := viewer.From(shown.Tag(), types.KindVideo)
	wait(t, viewer, "the picture", func(st *client.State) bool {
		_, ok := st.TrackOf(wanted.PeerID, types.SourceCamera)
		return ok && st.From(shown.Tag(), types.KindVideo).Keyframes > before.Keyframes
	})
}

// hiddenIsNotSent has one hide somebody whom another goes on to watch.
func hiddenIsNotSent(t *testing.T, people []*client.Client) {
	t.Helper()
	viewer, witness, publisher := people[0], people[2], people[1]
	for _, c := range []*client.Client{viewer, witness} {
		track := cameraOf(t, c, publisher)
		if err := c.SetView(types.TrackView{TrackID: track, Width: 320, Height: 180}); err != nil {
			t.Fatal(err)
		}
		before := c.From(publisher.Tag(), types.KindVideo).Packets
		wait(t, c, "the publisher", func(st *client.State) bool {
			return st.From(publisher.Tag(), types.KindVideo).Packets > before+3
		})
	}
	if err := viewer.SetView(types.TrackView{TrackID: cameraOf(t, viewer, publisher), Hidden: true}); err != nil {
		t.Fatal(err)
	}
	silent(t, viewer, publisher, witness, 15)
}

// cameraOf returns the id of another's camera, with a slot or without.
func cameraOf(t *testing.T, c, of *client.Client) types.TrackID {
	t.Helper()
	peer := of.PeerID()
	var id types.TrackID
	wait(t, c, "the camera of another", func(st *client.State) bool {
		if m, ok := st.TrackOf(peer, types.SourceCamera); ok {
			id = m.TrackID
			return true
		}
		for _, u := range st.Tracks.Unassigned {
			if u.PeerID == peer && u.Source == types.SourceCamera {
				id = u.TrackID
				return true
			}
		}
		return false
	})
	return id
}
