package testnet

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"aq-server/internal/client"
	"aq-server/internal/sfu"
	"aq-server/internal/types"
)

// fileNet is alice, who sends files, and bob and carol, who take them.
type fileNet struct {
	t                 *testing.T
	alice, bob, carol *Peer
}

func files(t *testing.T, n *Net, bytesPerSecond int64, options ...JoinOption) *fileNet {
	t.Helper()
	session := n.Session(sfu.Options{FileMaxBytes: 100 << 20, FileRate: bytesPerSecond})
	f := &fileNet{
		t: t, alice: n.Join(session, "alice", options...), bob: n.Join(session, "bob", options...), carol: n.Join(session, "carol", options...),
	}
	for _, p := range []*Peer{f.alice, f.bob, f.carol} {
		p.WaitConnected(10 * time.Second)
		apart(t, p)
	}
	return f
}

// apart has both ends of a peer close without hearing of each other. pion (v4.2.26,
// SCTPTransport.Stop) waits for a timer with its lock held when the association
// has ended already, and another goroutine for that lock, for which the time of a
// bubble does not go on.
func apart(t *testing.T, p *Peer) { t.Cleanup(func() { p.Link.Cut(true) }) }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// offer has alice offer a file, and returns its id once p is told of it.
func (f *fileNet) offer(p *Peer, name string, content []byte) (id uint32) {
	f.t.Helper()
	if _, err := f.alice.OfferFile(name, "", content, ""); err != nil {
		f.t.Fatal(err)
	}
	p.Wait("the offer of "+name, time.Second, func(s *State) bool {
		for _, o := range s.Files {
			if o.Action == types.FileOffer && o.Name == name {
				id = o.FileID
			}
		}
		return id != 0
	})
	return id
}

func (f *fileNet) accept(p *Peer, id uint32) {
	f.t.Helper()
	p.Wait("the offer", time.Minute, func(s *State) bool { _, ok := s.File(types.FileOffer, id); return ok })
	if err := p.AcceptFile(id); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fileNet) received(p *Peer, id uint32, want []byte, within time.Duration) {
	f.t.Helper()
	p.Wait("the file", within, func(s *State) bool { return bytes.Equal(s.Received[id], want) })
}

// ended waits until a file has ended for p as alice is told, and returns why.
func (f *fileNet) ended(p *Peer, id uint32, within time.Duration) (reason types.FileReason) {
	f.t.Helper()
	f.alice.Wait("the end of the file for "+p.Info.Username, within, func(s *State) bool {
		for _, e := range s.Files {
			if e.Action == types.FileEnd && e.FileID == id && e.PeerID == p.Info.ID {
				reason = e.Reason
			}
		}
		return reason != ""
	})
	return reason
}

// What is lost on the way is sent again, over a long way and a bad one.
func TestFileOverABadWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := files(t, New(t, Delay(60*time.Millisecond), Loss(0.03), Reorder(0.02, 20*time.Millisecond), Duplicate(0.01)), 1<<20)
		file := random(300_000)
		id := f.offer(f.bob, "a", file)
		f.accept(f.bob, id)
		f.accept(f.carol, id)
		f.received(f.bob, id, file, 3*time.Minute)
		f.received(f.carol, id, file, 3*time.Minute)
		if got := f.ended(f.bob, id, time.Minute); got != types.FileReceived {
			t.Errorf("ended: %s", got)
		}
	})
}

// An outage of ten seconds costs time only; one without an end is given up, and
// the other receiver has his file meanwhile.
func TestFileThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := files(t, New(t, Delay(20*time.Millisecond)), 100_000)
		file := random(1_500_000)
		id := f.offer(f.bob, "a", file)
		f.accept(f.bob, id)
		f.accept(f.carol, id)
		time.Sleep(3 * time.Second)
		f.bob.Link.Cut(true)
		time.Sleep(10 * time.Second)
		f.bob.Link.Cut(false)
		f.received(f.carol, id, file, 20*time.Second)
		f.received(f.bob, id, file, time.Minute)

		id = f.offer(f.bob, "b", file)
		f.accept(f.bob, id)
		f.accept(f.carol, id)
		time.Sleep(3 * time.Second)
		f.bob.Link.Cut(true)
		cut := time.Now()
		if got := f.ended(f.bob, id, time.Minute); got != types.FileStalled {
			t.Errorf("ended: %s", got)
		}
		if took := time.Since(cut); took < 20*time.Second || took > 22*time.Second {
			t.Errorf("given up after %s", took)
		}
		f.received(f.carol, id, file, 20*time.Second)
		f.bob.Link.Cut(false)
	})
}

// A sender of whom nothing comes is given up as well.
func TestFileOfASenderWhoIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := files(t, New(t), 100_000)
		id := f.offer(f.bob, "a", random(1_500_000))
		f.accept(f.bob, id)
		time.Sleep(3 * time.Second)
		f.alice.Link.Cut(true)
		f.bob.Wait("the end", time.Minute, func(s *State) bool {
			e, ok := s.File(types.FileEnd, id)
			return ok && e.Reason == types.FileStalled && e.Bytes > 200_000
		})
		f.alice.Link.Cut(false)
	})
}

// Who takes nothing more from his channel is given up; who does not say that he
// has it all, too.
func TestFileToOneWhoStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		still := func(o *client.Options) {
			o.OnChunk = func(ctx context.Context, _, _ uint32) { <-ctx.Done() }
		}
		f := files(t, New(t), 10<<20, still)
		id := f.offer(f.bob, "a", random(2_000_000))
		f.accept(f.bob, id)
		if got := f.ended(f.bob, id, time.Minute); got != types.FileStalled {
			t.Errorf("ended: %s", got)
		}
		id = f.offer(f.carol, "b", random(1000)) // all of it is in her window
		f.accept(f.carol, id)
		accepted := time.Now()
		if got := f.ended(f.carol, id, time.Minute); got != types.FileStalled || time.Since(accepted) < 20*time.Second {
			t.Errorf("ended: %s after %s", got, time.Since(accepted))
		}
	})
}

// An offer that nobody answers ends, and so does a file for which no channel comes
// about, because a client does not answer the offer that carries it.
func TestFileThatNeverBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := func(o *client.Options) {
			o.HoldAnswer = func(_ context.Context, id uint64) bool { return o.Username != "bob" || id == 1 }
		}
		f := files(t, New(t), 1<<20, deaf)
		id := f.offer(f.bob, "a", random(1000))
		f.accept(f.bob, id)
		if got := f.ended(f.bob, id, time.Minute); got != types.FileConnection {
			t.Errorf("ended: %s", got)
		}
		time.Sleep(8 * time.Minute)
		f.alice.View(func(s *State) {
			if e, _ := s.File(types.FileEnd, id); e.PeerID != f.bob.Info.ID {
				t.Errorf("the offer to carol ended: %+v", e)
			}
		})
		if got := f.ended(f.carol, id, 3*time.Minute); got != types.FileExpired {
			t.Errorf("ended: %s", got)
		}
	})
}

// beside is how voice and picture reach bob while a file takes the same way.
type beside struct {
	voice, late atomic.Int64 // packets of sound; those later than 300 ms
	high        atomic.Int64 // packets of the large layer
}

func (b *beside) packet(_ *client.Track, _ *rtp.Packet, s client.Stamp) {
	if s.Source == types.SourceCamera && s.Layer == 2 {
		b.high.Add(1)
	}
	if s.Source == types.SourceMicrophone {
		b.voice.Add(1)
		if time.Since(s.SentAt) > 300*time.Millisecond {
			b.late.Add(1)
		}
	}
}

// A file takes what voice and picture leave, on its way down and up. Without the
// pace a quarter of the large layer is left, and a deep queue before the uplink
// delays half of the voice by more than 300 ms (docs/adr/0009-files.md).
func TestFileGivesWayToMedia(t *testing.T) {
	for name, test := range map[string]struct {
		up, down int // bit/s
		queue    time.Duration
		publish  []client.PublishOptions
		within   time.Duration
	}{
		"down": {0, 4_000_000, 200 * time.Millisecond, []client.PublishOptions{bigCamera(), Microphone()}, time.Minute},
		"up":   {2_000_000, 0, time.Second, []client.PublishOptions{Microphone()}, 14 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, b := New(t, Delay(20*time.Millisecond)), &beside{}
				session := n.Session(sfu.Options{FileMaxBytes: 100 << 20, FileRate: 1 << 20})
				alice := n.Join(session, "alice", Publishing(test.publish...))
				alice.WaitConnected(5 * time.Second)
				bob := n.Join(session, "bob", func(o *client.Options) { o.OnRTP = b.packet })
				bob.WaitPackets(alice, types.KindAudio, 50, 5*time.Second)
				apart(t, alice)
				apart(t, bob)
				alice.Link.Rate(test.up, 0, test.queue)
				bob.Link.Rate(0, test.down, test.queue)
				time.Sleep(20 * time.Second)
				before := b.high.Load()
				time.Sleep(5 * time.Second)
				before = (b.high.Load() - before) / 5

				f, file := &fileNet{t: t, alice: alice, bob: bob}, random(2_000_000)
				id := f.offer(bob, "a", file)
				f.accept(bob, id)
				start, high, voice, late := time.Now(), b.high.Load(), b.voice.Load(), b.late.Load()
				f.received(bob, id, file, test.within)
				took := time.Since(start)
				high, voice, late = b.high.Load()-high, b.voice.Load()-voice, b.late.Load()-late
				t.Logf("the file took %s; %d of %d packets of sound late; the large layer %d a second, before %.0f",
					took, late, voice, high/int64(took.Seconds()), float64(before))
				if late > voice/20 {
					t.Errorf("%d of %d packets of sound came late", late, voice)
				}
				if want := float64(before) * took.Seconds() * 0.8; float64(high) < want {
					t.Errorf("%d packets of the large layer, want %.0f", high, want)
				}
			})
		})
	}
}
