package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

// orderly is a server where the first in a room moderates it.
func orderly(c *config.Config) { c.OpenModeration = "first" }

// first joins and waits until he is in, so that nobody is before him.
func (s *server) first(o client.Options) *client.Client {
	s.t.Helper()
	c := s.join(o)
	wait(s.t, c, "a welcome", func(st *client.State) bool { return st.Welcome.Permissions.Moderate })
	return c
}

func moderate(t *testing.T, by *client.Client, a types.Moderate) {
	t.Helper()
	if err := by.Send(types.NewMessage(types.EventModerate, a)); err != nil {
		t.Fatal(err)
	}
}

// silentFrom wants nothing of a kind to arrive of somebody from 100 ms after the
// moment of the call on, for as long as another's video takes for so many packets.
func silentFrom(t *testing.T, c, muted, other *client.Client, kind types.Kind) {
	t.Helper()
	timer := time.NewTimer(100 * time.Millisecond)
	<-timer.C // the promise itself: so long it may take
	before := c.From(muted.Tag(), kind).Packets
	seen := c.From(other.Tag(), types.KindVideo).Packets
	wait(t, c, "time to pass", func(st *client.State) bool { return st.From(other.Tag(), types.KindVideo).Packets > seen+20 })
	if n := c.From(muted.Tag(), kind).Packets - before; n != 0 {
		t.Errorf("%d packets of %s were forwarded later than 100 ms after the mute", n, kind)
	}
}

// flowsFrom waits for more of a kind from somebody.
func flowsFrom(t *testing.T, c, from *client.Client, kind types.Kind) {
	t.Helper()
	seen := c.From(from.Tag(), kind).Packets
	wait(t, c, "more "+string(kind), func(st *client.State) bool { return st.From(from.Tag(), kind).Packets > seen+10 })
}

// A muted source is not forwarded any more, whatever its client sends, and again
// when it is free.
func TestMuteStopsPackets(t *testing.T) {
	t.Parallel()
	s := start(t, orderly)
	alice := s.first(client.Options{Room: "demo", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "demo", Username: "Bob", Protocol: 1, Publish: both()})
	carol := s.join(client.Options{Room: "demo", Username: "Carol", Publish: both()})
	waitMeet(t, alice, bob, carol)

	for _, hard := range []bool{false, true} {
		for _, source := range []types.Source{types.SourceMicrophone, types.SourceCamera} {
			mute := types.Moderate{Action: types.ActionMute, PeerID: bob.PeerID(), Source: source, Hard: hard}
			moderate(t, alice, mute)
			wait(t, bob, "to be told", func(st *client.State) bool { return st.Events[types.EventModerated] > 0 })
			silentFrom(t, carol, bob, alice, source.Kind())
			on := true
			update := types.StateUpdate{Microphone: &on}
			if source == types.SourceCamera {
				update = types.StateUpdate{Camera: &on}
			}
			if err := bob.SetState(update); err != nil {
				t.Fatal(err)
			}
			if hard {
				wait(t, bob, "a refusal", func(st *client.State) bool { return st.HasError(types.CodeNotPermitted) })
				silentFrom(t, carol, bob, alice, source.Kind())
				moderate(t, alice, types.Moderate{Action: types.ActionUnmute, PeerID: bob.PeerID(), Source: source})
			}
			flowsFrom(t, carol, bob, source.Kind())
			flowsFrom(t, alice, bob, source.Kind())
		}
	}
	// A base client, who can be told nothing.
	var carolID types.PeerID
	alice.View(func(st *client.State) {
		for id, p := range st.Peers {
			if p.Username == "Carol" {
				carolID = id
			}
		}
	})
	moderate(t, alice, types.Moderate{Action: types.ActionMute, PeerID: carolID, Source: types.SourceCamera})
	wait(t, alice, "the mute to be seen", func(st *client.State) bool { return !st.Peers[carolID].State.Camera })
	silentFrom(t, alice, carol, bob, types.KindVideo)
	if got := s.metric("total_panics"); got != 0 {
		t.Errorf("%d panics", got)
	}
}

// A screen that is forbidden is not forwarded even by who shares it already.
func TestForbiddenScreen(t *testing.T) {
	t.Parallel()
	s := start(t, orderly)
	alice := s.first(client.Options{Room: "demo", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "demo", Username: "Bob", Protocol: 1})
	waitMeetOne(t, alice, bob)
	if _, err := bob.Publish(client.PublishOptions{Source: types.SourceScreen, FPS: 10, PacketsPerFrame: 2, PacketSize: 200}); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "the screen", func(st *client.State) bool { return st.From(bob.Tag(), types.KindVideo).Keyframes >= 1 })
	carol := s.join(client.Options{Room: "demo", Username: "Carol", Protocol: 1, Publish: both()})
	waitMeet(t, alice, carol)
	moderate(t, alice, types.Moderate{Action: types.ActionAllow, What: "screen", On: false})
	wait(t, bob, "the permissions", func(st *client.State) bool { return st.Events[types.EventPermissions] > 0 })
	silentFrom(t, alice, bob, carol, types.KindVideo)
	moderate(t, alice, types.Moderate{Action: types.ActionAllow, What: "screen", On: true})
	flowsFrom(t, alice, bob, types.KindVideo)
}

// Whoever is removed is gone with 4003, and if he is banned does not come back by
// his resume token nor by his browser's cookie.
func TestRemoveWithBan(t *testing.T) {
	s := start(t, orderly)
	alice := s.first(client.Options{Room: "demo", Username: "Alice", Protocol: 1})
	const cookie = "aq_device=0123456789abcdefghijkl"
	mallory := s.join(client.Options{Room: "demo", Username: "Mallory", Protocol: 1, Header: http.Header{"Cookie": {cookie}}})
	var token string
	wait(t, mallory, "a welcome", func(st *client.State) bool { token = st.Welcome.Resume.Token; return st.Welcomes > 0 })
	moderate(t, alice, types.Moderate{Action: types.ActionRemove, PeerID: mallory.PeerID(), Ban: true})
	wait(t, mallory, "the end", func(st *client.State) bool { return st.CloseCode == 4003 && st.CloseReason == "removed" })
	wait(t, alice, "him to be gone", func(st *client.State) bool {
		return len(st.Left) == 1 && st.Left[0].Reason == types.LeaveRemoved
	})
	for what, o := range map[string]client.Options{
		"resume": {Room: "demo", Username: "M", Protocol: 1, Query: map[string][]string{"resume": {token}}},
		"cookie": {Room: "demo", Username: "M", Protocol: 1, Header: http.Header{"Cookie": {cookie}}},
	} {
		c, err := s.dial(o)
		if err != nil {
			continue // before the upgrade
		}
		wait(t, c, "the end by "+what, func(st *client.State) bool { return st.CloseCode == 4003 && st.Welcomes == 0 })
	}
	s.join(client.Options{Room: "demo", Username: "Mallory", Protocol: 1}) // a name is no identity
}

// Whoever waits hears and sees nothing until he is let in.
func TestLobby(t *testing.T) {
	s := start(t, orderly, func(c *config.Config) { c.Lobby = "on" })
	alice := s.first(client.Options{Room: "demo", Username: "Alice", Protocol: 1, Publish: both()})
	bob := s.join(client.Options{Room: "demo", Username: "Bob", Protocol: 1, Publish: both()})
	wait(t, bob, "to see that he waits", func(st *client.State) bool { return st.Events[types.EventLobby] == 1 })
	wait(t, alice, "a knock", func(st *client.State) bool { return st.Events[types.EventKnock] >= 1 })
	if err := bob.Chat("let me in"); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "to be told to wait", func(st *client.State) bool { return st.HasError(types.CodeWaiting) })
	bob.View(func(st *client.State) {
		if st.Welcomes != 0 || len(st.Offers) != 0 || len(st.Chat) != 0 {
			t.Errorf("he is inside: %+v", st.Events)
		}
	})
	var rooms struct {
		Rooms []struct{ Peers int }
	}
	s.get("/rooms", &rooms)
	if len(rooms.Rooms) != 1 || rooms.Rooms[0].Peers != 1 {
		t.Errorf("%+v", rooms)
	}
	knock := lastKnock(alice)
	if len(knock.Waiting) != 1 {
		t.Fatalf("%+v", knock)
	}
	answer, _ := json.Marshal(types.Admit{PeerID: knock.Waiting[0].PeerID, Admit: true})
	if err := alice.Send(types.Message{Event: types.EventAdmit, Data: string(answer)}); err != nil {
		t.Fatal(err)
	}
	waitMeet(t, alice, bob)
	carol := s.join(client.Options{Room: "demo", Username: "Carol", Protocol: 1})
	wait(t, carol, "to wait", func(st *client.State) bool { return st.Events[types.EventLobby] == 1 })
	wait(t, alice, "another knock", func(st *client.State) bool {
		return len(st.Knock.Waiting) == 1 && st.Knock.Waiting[0].Username == "Carol"
	})
	answer, _ = json.Marshal(types.Admit{PeerID: lastKnock(alice).Waiting[0].PeerID})
	if err := alice.Send(types.Message{Event: types.EventAdmit, Data: string(answer)}); err != nil {
		t.Fatal(err)
	}
	wait(t, carol, "the end", func(st *client.State) bool { return st.CloseCode == 4003 && st.CloseReason == "refused" })
}

func lastKnock(c *client.Client) (k types.Knock) {
	c.View(func(st *client.State) { k = st.Knock })
	return k
}
