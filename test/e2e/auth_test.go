package e2e

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"aq-server/internal/auth"
	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

const jwtSecret = "0123456789abcdef0123456789abcdef"

// withTokens makes a server let in whoever has a token.
func withTokens(c *config.Config) {
	c.Auth, c.AuthSecret, c.AdminKey = "jwt", jwtSecret, adminKey
}

const adminKey = "the key of the administrator"

func signed(t *testing.T, c auth.Claims) url.Values {
	t.Helper()
	signer, err := auth.NewSigner([]byte(jwtSecret), nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(c, time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"token": {token}}
}

// Who has no grant to publish is not forwarded, whatever he sends; who has one
// for his voice alone is heard and not seen; who may not subscribe gets nothing.
func TestGrantsOfMedia(t *testing.T) {
	s := start(t, withTokens)
	no := false
	join := func(name string, protocol int, c auth.Claims) *client.Client {
		c.Room, c.Name = "demo", name
		return s.join(client.Options{Room: "demo", Protocol: protocol, Publish: both(), Query: signed(t, c)})
	}
	alice := join("Alice", 1, auth.Claims{})
	bob := join("Bob", 0, auth.Claims{Role: auth.RoleParticipant})
	viewer := join("Viewer", 0, auth.Claims{Role: auth.RoleViewer})
	voice := join("Voice", 0, auth.Claims{Role: auth.RoleParticipant, Publish: &auth.Publish{types.SourceMicrophone}})
	deaf := join("Deaf", 0, auth.Claims{Role: auth.RoleParticipant, Subscribe: &no})

	waitMeet(t, alice, bob)
	for _, c := range []*client.Client{alice, bob} {
		wait(t, c, "to hear the voice", func(st *client.State) bool { return st.From(voice.Tag(), types.KindAudio).Packets >= 5 })
		wait(t, c, "to meet the deaf one", func(st *client.State) bool { return meets(st, deaf) })
	}
	wait(t, viewer, "the viewer to see", func(st *client.State) bool { return meets(st, alice) && meets(st, bob) })

	// All of them have sent for as long as this takes.
	seen := bob.From(alice.Tag(), types.KindVideo).Packets
	wait(t, bob, "more", func(st *client.State) bool { return st.From(alice.Tag(), types.KindVideo).Packets > seen+40 })
	for _, c := range []*client.Client{alice, bob, voice} {
		if n := c.From(viewer.Tag(), types.KindVideo).Packets + c.From(viewer.Tag(), types.KindAudio).Packets; n != 0 {
			t.Errorf("%d packets of the viewer were forwarded", n)
		}
		if n := c.From(voice.Tag(), types.KindVideo).Packets; n != 0 {
			t.Errorf("%d pictures were forwarded of who may only speak", n)
		}
	}
	if media := deaf.Media(); len(media) != 0 {
		t.Errorf("who may not subscribe got %d tracks", len(media))
	}
	alice.View(func(st *client.State) {
		if !slices.Equal(st.PeerNames(), []string{"Bob", "Deaf", "Viewer", "Voice"}) {
			t.Errorf("%v", st.PeerNames())
		}
	})
}
