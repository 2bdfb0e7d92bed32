package room

import (
	"slices"
	"testing"

	"aq-server/internal/types"
)

// Names are told to who would be among these people if he joined now.
func TestNamesInside(t *testing.T) {
	w := ordered(t, nil)
	defer w.close()
	stranger := JoinRequest{Room: "demo"}
	chief := JoinRequest{Room: "demo", Grant: &Grant{Permissions: types.Permissions{Moderate: true}}}
	if got := w.NamesInside(stranger, 4); got != nil {
		t.Errorf("in a room that is not there: %v", got)
	}
	alice, _ := w.join("Alice")
	bob, b := w.join("Bob")
	w.join("Carol")
	bob.SocketLost(b, types.LeaveLost, BackSoon)
	if got := w.NamesInside(stranger, 4); !slices.Equal(got, []string{"Alice", "Carol"}) {
		t.Errorf("%v", got)
	}
	if got := w.NamesInside(stranger, 1); !slices.Equal(got, []string{"Alice"}) {
		t.Errorf("%v", got)
	}
	if got := w.NamesInside(JoinRequest{Room: "demo", Grant: &Grant{Lobby: true}}, 4); got != nil {
		t.Errorf("who is to wait by his token: %v", got)
	}
	w.joinAs(JoinRequest{Room: "demo", Username: "Dave", Device: "his"})
	peers := w.GetPeersInRoom("demo")
	if err := alice.Moderate(types.Moderate{Action: types.ActionRemove, PeerID: peers[len(peers)-1].PeerID, Ban: true}); err != nil {
		t.Fatal(err)
	}
	if got := w.NamesInside(JoinRequest{Room: "demo", Device: "his"}, 4); got != nil {
		t.Errorf("who was removed: %v", got)
	}
	for _, action := range []types.Action{types.ActionLock, types.ActionLobby} {
		if err := alice.Moderate(types.Moderate{Action: action, On: true}); err != nil {
			t.Fatal(err)
		}
		if got := w.NamesInside(stranger, 4); got != nil {
			t.Errorf("%s: %v", action, got)
		}
		if got := w.NamesInside(chief, 4); len(got) != 2 {
			t.Errorf("%s: a moderator is told %v", action, got)
		}
		if err := alice.Moderate(types.Moderate{Action: action, On: false}); err != nil {
			t.Fatal(err)
		}
	}
}
