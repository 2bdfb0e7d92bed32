package e2e

import (
	"slices"
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// simulcast is a camera in three layers, all of one size of packet.
func simulcast() client.PublishOptions {
	return client.PublishOptions{Source: types.SourceCamera, FPS: 20, PacketsPerFrame: 4, PacketSize: 400}
}

// layers returns the packets by layer that a client got from another.
func layers(st *client.State, of *client.Client) [4]int64 {
	return st.From(of.Tag(), types.KindVideo).Layers
}

// onlyLayer waits until thirty packets of one layer have come in a row, with
// none of another between them, and returns.
func onlyLayer(t *testing.T, c, of *client.Client, layer int) {
	t.Helper()
	var base [4]int64
	started := false
	wait(t, c, "only one layer", func(st *client.State) bool {
		now := layers(st, of)
		for i := range now {
			if i != layer && now[i] != base[i] || !started {
				base, started = now, true
				return false
			}
		}
		return now[layer] >= base[layer]+30
	})
}

func TestViewsChooseTheLayer(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := s.join(client.Options{Room: "layers", Username: "Alice", Protocol: 1, Publish: []client.PublishOptions{simulcast()}})
	bob := s.join(client.Options{Room: "layers", Username: "Bob", Protocol: 1})
	carol := s.join(client.Options{Room: "layers", Username: "Carol", Protocol: 1})
	base := s.join(client.Options{Room: "layers", Username: "Dave"})
	for _, c := range []*client.Client{bob, carol, base} {
		onlyLayer(t, c, alice, 2) // never viewed: wanted at full size
	}
	track := cameraOf(t, bob, alice)

	if err := bob.SetView(types.TrackView{TrackID: track, Width: 320, Height: 180}); err != nil {
		t.Fatal(err)
	}
	onlyLayer(t, bob, alice, 0)
	if err := bob.SetView(types.TrackView{TrackID: track, Width: 640, Height: 360}); err != nil {
		t.Fatal(err)
	}
	onlyLayer(t, bob, alice, 1)
	if err := bob.SetView(types.TrackView{TrackID: track, Hidden: true}); err != nil {
		t.Fatal(err)
	}
	silent(t, bob, alice, carol, 50)
	wait(t, bob, "word of the pause", func(st *client.State) bool {
		return len(st.Quality.Paused) == 1 && st.Quality.Paused[0] == types.PausedTrack{TrackID: track, Reason: types.PausedHidden}
	})
	if err := bob.SetView(types.TrackView{TrackID: track, Width: 1280, Height: 720}); err != nil {
		t.Fatal(err)
	}
	onlyLayer(t, bob, alice, 2)
	for name, c := range map[string]*client.Client{"Bob": bob, "Carol": carol, "Dave": base} {
		checkStream(t, name, c)
	}
}

// silent waits until nothing has come from a publisher while a witness received
// that many more packets of him.
func silent(t *testing.T, c, of, witness *client.Client, packets int64) {
	t.Helper()
	var seen, at int64 = -1, 0
	wait(t, c, "silence", func(st *client.State) bool {
		now := st.From(of.Tag(), types.KindVideo).Packets
		witnessed := witness.From(of.Tag(), types.KindVideo).Packets
		if now != seen {
			seen, at = now, witnessed
		}
		return witnessed >= at+packets
	})
}

// checkStream checks what holds for each stream over all switches: no number
// left out and none twice.
func checkStream(t *testing.T, name string, c *client.Client) {
	t.Helper()
	for _, track := range c.Media() {
		stats := track.Stats()
		if stats.Lost != 0 || stats.Duplicates != 0 {
			t.Errorf("%s, mid %s: %d lost, %d twice of %d packets", name, track.MID, stats.Lost, stats.Duplicates, stats.Packets)
		}
	}
}

// TestUnwatchedLayersStop has a publisher obey the layers event: nobody watches
// the large ones.
func TestUnwatchedLayersStop(t *testing.T) {
	t.Parallel()
	s := start(t)
	alice := s.join(client.Options{
		Room: "saving", Username: "Alice", Protocol: 1, ObeyLayers: true, Publish: []client.PublishOptions{simulcast()},
	})
	bob := s.join(client.Options{Room: "saving", Username: "Bob", Protocol: 1})
	onlyLayer(t, bob, alice, 2)
	track := cameraOf(t, bob, alice)
	if err := bob.SetView(types.TrackView{TrackID: track, Width: 320, Height: 180}); err != nil {
		t.Fatal(err)
	}
	onlyLayer(t, bob, alice, 0)
	wait(t, bob, "word of the layer", func(st *client.State) bool {
		return slices.Equal(st.Quality.Layers, []types.TrackLayer{{TrackID: track, RID: "q"}})
	})
	camera := alice.Publication(types.SourceCamera)
	eventually(t, "the large layers to stop", func() bool {
		l := camera.Layers()
		return len(l) == 3 && l[0].Active && !l[1].Active && !l[2].Active
	})
	if err := bob.SetView(types.TrackView{TrackID: track, Width: 1280, Height: 720}); err != nil {
		t.Fatal(err)
	}
	onlyLayer(t, bob, alice, 2)
	checkStream(t, "Bob", bob)
}

// TestScreenBesideTheCamera publishes, takes back and publishes again.
func TestScreenBesideTheCamera(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "screen", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "screen", Username: "Bob", Protocol: 1})
	carol := s.join(client.Options{Room: "screen", Username: "Carol"})
	waitMeetOne(t, alice, bob, carol)
	screen := camera()
	screen.Source = types.SourceScreen
	id := alice.PeerID()
	for round := range 2 {
		if _, err := alice.Publish(screen); err != nil {
			t.Fatal(err)
		}
		wait(t, bob, "the screen", func(st *client.State) bool {
			_, ok := st.TrackOf(id, types.SourceScreen)
			return ok && screenPackets(st) > 0
		})
		if round == 0 {
			wait(t, carol, "the screen as a stream of its own", func(st *client.State) bool {
				for _, track := range st.Media {
					if track.StreamID == types.SourceScreen.Stream(id) {
						return true
					}
				}
				return false
			})
		}
		if err := alice.Unpublish(types.SourceScreen); err != nil {
			t.Fatal(err)
		}
		wait(t, bob, "the screen to go", func(st *client.State) bool {
			_, ok := st.TrackOf(id, types.SourceScreen)
			return !ok
		})
	}
	if lines := lastOffer(alice).MLines; lines != 3 {
		t.Errorf("the publisher has %d m-lines, want microphone, camera and one screen", lines)
	}
}

func screenPackets(st *client.State) int64 {
	var packets int64
	for _, m := range st.Tracks.Tracks {
		for _, track := range st.Media {
			if m.Source == types.SourceScreen && track.MID == m.MID {
				packets += track.Stats().Packets
			}
		}
	}
	return packets
}

// waitMeetOne waits until all the others hear and see one.
func waitMeetOne(t *testing.T, one *client.Client, others ...*client.Client) {
	t.Helper()
	for _, c := range others {
		wait(t, c, "the publisher", func(st *client.State) bool { return meets(st, one) })
	}
}
