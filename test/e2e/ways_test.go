package e2e

import (
	"testing"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// TestBothWaysOfSending: packets are sealed into batches where the server knows
// the keys, and go by pion's senders where it cannot, because the client chose to
// be the DTLS server. People hear of no difference, losses are repaired by both.
func TestBothWaysOfSending(t *testing.T) {
	s := start(t)
	loss := &lossy{share: 0.05}
	alice := s.join(client.Options{Room: "ways", Username: "Alice", Publish: []client.PublishOptions{video(30)}})
	bob := s.join(client.Options{Room: "ways", Username: "Bob", DropReceived: loss.drop})
	carol := s.join(client.Options{Room: "ways", Username: "Carol", DTLSServer: true, DropReceived: loss.drop})
	for name, c := range map[string]*client.Client{"Bob": bob, "Carol": carol} {
		wait(t, c, "some hundred packets for "+name, func(st *client.State) bool {
			return st.From(alice.Tag(), types.KindVideo).Packets > 500
		})
	}
	loss.stopped.Store(true)
	for name, c := range map[string]*client.Client{"Bob": bob, "Carol": carol} {
		wait(t, c, "every gap to be filled for "+name, func(st *client.State) bool {
			return len(st.Media) == 1 && st.Media[0].Stats().Lost == 0 && st.Media[0].Stats().RTX > 5
		})
	}
	if sealed, others := s.metric("total_peerconnections_sealed"), s.metric("total_peerconnections_by_sender"); sealed != 2 || others != 1 {
		t.Errorf("%d PeerConnections are sealed and %d go by pion's senders, want 2 and 1", sealed, others)
	}
	if calls, messages := s.metric("total_send_calls"), s.metric("total_send_messages"); calls == 0 || messages < calls {
		t.Errorf("%d calls sent %d messages", calls, messages)
	}
}
