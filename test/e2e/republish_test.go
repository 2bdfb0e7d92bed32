package e2e

import (
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestPublishAfterNewMedia has somebody come back with new media while his
// camera is unpublished, and publish it then.
func TestPublishAfterNewMedia(t *testing.T) {
	s := start(t)
	alice := s.join(client.Options{Room: "republish", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "republish", Username: "Bob", Protocol: 1, Publish: both()})
	waitMeet(t, alice, bob)
	camera := types.Publish{Source: types.SourceCamera, Kind: types.KindVideo}
	if err := bob.Unpublish(types.SourceCamera); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "no camera", func(st *client.State) bool { return len(st.Tracks.Tracks) == 1 })
	bob.Cut()
	if err := bob.Resume(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "a new connection", func(st *client.State) bool {
		return st.Connections == 2 && st.From(alice.Tag(), types.KindVideo).Packets > 0 && st.Answers == len(st.Offers)
	})
	heard := alice.From(bob.Tag(), types.KindAudio).Packets
	wait(t, alice, "Bob's voice again", func(st *client.State) bool {
		return st.From(bob.Tag(), types.KindAudio).Packets > heard+10
	})
	seen := alice.From(bob.Tag(), types.KindVideo).Packets
	bob.Publication(types.SourceCamera).Pause(false)
	if err := bob.Send(types.NewMessage(types.EventPublish, camera)); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "Bob's camera", func(st *client.State) bool {
		return st.From(bob.Tag(), types.KindVideo).Packets > seen+10
	})
}
