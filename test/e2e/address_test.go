package e2e

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

// TestIPv6 uses it for both signalling and media.
func TestIPv6(t *testing.T) {
	s := start(t)
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	six := "http://" + net.JoinHostPort("::1", u.Port())
	options := client.Options{
		URL: six, Room: "six", Username: "Alice", Publish: both(),
		NetworkTypes: []webrtc.NetworkType{webrtc.NetworkTypeUDP6},
	}
	alice := s.join(options)
	options.Username, options.Protocol = "Bob", 1
	bob := s.join(options)
	waitMeet(t, alice, bob)
	pair, err := bob.PeerConnection().SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil || !strings.Contains(pair.Remote.Address, ":") {
		t.Errorf("media goes over %v, %v", pair, err)
	}
}

// TestSelfSigned joins over TLS, as a phone in the same network does.
func TestSelfSigned(t *testing.T) {
	s := start(t, func(c *config.Config) { c.TLS = "self-signed" })
	alice := s.join(client.Options{Room: "tls", Username: "Alice", Publish: both(), TLS: insecure()})
	bob := s.join(client.Options{Room: "tls", Username: "Bob", Protocol: 1, Publish: both(), TLS: insecure()})
	waitMeet(t, alice, bob)
}

// TestOneMediaPort wants all candidates of all offers at the one port.
func TestOneMediaPort(t *testing.T) {
	s := start(t)
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	alice := s.join(client.Options{Room: "port", Username: "Alice", Publish: both()})
	bob := s.join(client.Options{Room: "port", Username: "Bob", Protocol: 1})
	wait(t, bob, "Alice", func(st *client.State) bool { return st.From(alice.Tag(), types.KindVideo).Keyframes > 0 })
	candidates := 0
	for _, c := range []*client.Client{alice, bob} {
		for line := range strings.Lines(lastOffer(c).SDP) {
			if !strings.HasPrefix(line, "a=candidate:") {
				continue
			}
			candidates++
			if fields := strings.Fields(line); fields[5] != u.Port() || fields[2] != "udp" {
				t.Errorf("%s, want port %s", strings.TrimSpace(line), u.Port())
			}
		}
	}
	if candidates == 0 {
		t.Error("no candidate in any offer")
	}
}
