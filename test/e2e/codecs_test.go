package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

func TestCodecsAreForwarded(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{client.VP8, client.VP9, client.H264, client.AV1} {
		for protocol := range 2 {
			t.Run(fmt.Sprintf("%s from protocol %d", codec, protocol), func(t *testing.T) {
				s := start(t)
				camera := camera()
				camera.Codec = codec
				camera.Layers = 1
				alice := s.join(client.Options{
					Room: "codec", Username: "Alice", Protocol: protocol,
					Publish: []client.PublishOptions{microphone(), camera},
				})
				bob := s.join(client.Options{Room: "codec", Username: "Bob", Protocol: 1 - protocol})
				waitMeetOne(t, alice, bob)
				for _, track := range bob.Media() {
					want := "audio/opus"
					if track.Kind == types.KindVideo {
						want = "video/" + codec
					}
					if !strings.EqualFold(track.Codec, want) {
						t.Errorf("received %s, want %s", track.Codec, want)
					}
				}
			})
		}
	}
}

// TestOnlyWhatItCanDecode has a subscriber without H.264 in a room with an
// H.264 publisher and a VP8 publisher.
func TestOnlyWhatItCanDecode(t *testing.T) {
	s := start(t)
	h264 := camera()
	h264.Codec = client.H264
	h264.Layers = 1
	alice := s.join(client.Options{Room: "decode", Username: "Alice", Protocol: 1, Publish: []client.PublishOptions{microphone(), h264}})
	carol := s.join(client.Options{Room: "decode", Username: "Carol", Publish: both()})
	var bobs []*client.Client
	for protocol := range 2 {
		bob := s.join(client.Options{
			Room: "decode", Username: "Bob", Protocol: protocol, Codecs: []string{client.VP8, client.Opus},
		})
		bobs = append(bobs, bob)
		waitMeetOne(t, carol, bob)
		wait(t, bob, "Alice's voice", func(st *client.State) bool { return st.From(alice.Tag(), types.KindAudio).Packets > 20 })
	}
	// One more offer to somebody who has answered that he cannot decode a
	// track of the one before.
	dave := s.join(client.Options{Room: "decode", Username: "Dave", Publish: both()})
	waitMeetOne(t, dave, bobs...)
	for protocol, bob := range bobs {
		if n := bob.From(alice.Tag(), types.KindVideo).Packets; n != 0 {
			t.Errorf("protocol %d: %d packets of H.264 to somebody who cannot decode it", protocol, n)
		}
	}
	wait(t, bobs[1], "word of it", func(st *client.State) bool {
		return slices.ContainsFunc(st.Quality.Paused, func(p types.PausedTrack) bool { return p.Reason == types.PausedCodec })
	})
}
