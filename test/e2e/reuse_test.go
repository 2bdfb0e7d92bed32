package e2e

import (
	"fmt"
	"testing"

	"aq-server/internal/client"
)

// TestIdleMLinesServeAgain has m-lines lie idle over more than one offer before
// they carry somebody else: pion's clients stop a transceiver whose m-line is
// offered as inactive, and would never receive on it again.
func TestIdleMLinesServeAgain(t *testing.T) {
	t.Parallel()
	for protocol := range 2 {
		t.Run(fmt.Sprintf("protocol %d", protocol), func(t *testing.T) {
			s := start(t)
			watcher := s.join(client.Options{Room: "idle", Username: "Watcher", Protocol: protocol})
			first := s.join(client.Options{Room: "idle", Username: "First", Publish: both()})
			waitMeetOne(t, first, watcher)
			used := lastOffer(watcher).MLines
			first.Close()
			wait(t, watcher, "idle m-lines", func(st *client.State) bool {
				last := st.LastOffer()
				return last.ID > 1 && ended(st) && st.Answers == len(st.Offers)
			})
			for range 2 { // offers for another reason
				before := lastOffer(watcher)
				eventually(t, "an offer", func() bool { // within a second of the last one it is not heard
					if err := watcher.RestartICE(); err != nil {
						t.Fatal(err)
					}
					return lastOffer(watcher).ID > before.ID
				})
				wait(t, watcher, "its answer", func(st *client.State) bool { return st.Answers == len(st.Offers) })
			}
			second := s.join(client.Options{Room: "idle", Username: "Second", Publish: both()})
			waitMeetOne(t, second, watcher)
			if last := lastOffer(watcher); last.MLines != used {
				t.Errorf("%d m-lines, %d before: the idle ones were not used again", last.MLines, used)
			}
		})
	}
}

// ended reports whether no stream is left that the server feeds.
func ended(s *client.State) bool {
	if s.Welcomes > 0 {
		return len(s.Tracks.Tracks) == 0
	}
	for _, track := range s.Media {
		if !track.Stats().Ended {
			return false
		}
	}
	return true
}
