package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"aq-server/internal/client"
	"aq-server/internal/config"
	"aq-server/internal/types"
)

// fast lets files go as fast as they can.
func fast(c *config.Config) { c.FileRate = 1 << 30 }

// content is so many bytes that nothing can guess.
func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

// connected is a protocol=1 client whose media is connected.
func (s *server) connected(room, name string, change ...func(*client.Options)) *client.Client {
	s.t.Helper()
	o := client.Options{Room: room, Username: name, Protocol: 1}
	for _, f := range change {
		f(&o)
	}
	c := s.join(o)
	wait(s.t, c, "media", func(st *client.State) bool {
		return st.Welcomes == 1 && st.ConnectionState == webrtc.PeerConnectionStateConnected
	})
	return c
}

// offered waits for an offer of that name and returns it.
func offered(t *testing.T, c *client.Client, name string) types.File {
	t.Helper()
	var offer types.File
	wait(t, c, "the offer of "+name, func(st *client.State) bool {
		i := slices.IndexFunc(st.Files, func(f types.File) bool { return f.Action == types.FileOffer && f.Name == name })
		if i >= 0 {
			offer = st.Files[i]
		}
		return i >= 0
	})
	return offer
}

func offer(t *testing.T, c *client.Client, name string, content []byte, to types.PeerID) {
	t.Helper()
	if _, err := c.OfferFile(name, "image/png", content, to); err != nil {
		t.Fatal(err)
	}
}

func accept(t *testing.T, c *client.Client, name string) types.File {
	t.Helper()
	f := offered(t, c, name)
	if err := c.AcceptFile(f.FileID); err != nil {
		t.Fatal(err)
	}
	return f
}

// received waits long: on a machine without time a file gives way like on a way
// without room.
func received(t *testing.T, c *client.Client, id uint32, want []byte) {
	t.Helper()
	waitWithin(t, 4*deadline, c, "the file", func(st *client.State) bool { return st.Received[id] != nil })
	c.View(func(st *client.State) {
		if sha256.Sum256(st.Received[id]) != sha256.Sum256(want) {
			t.Errorf("%d bytes came that are not the file", len(st.Received[id]))
		}
	})
}

// fileEnded waits until a file has ended for somebody, for that reason.
func fileEnded(t *testing.T, c *client.Client, id uint32, who types.PeerID, reason types.FileReason) {
	t.Helper()
	var got types.FileReason
	wait(t, c, "the end of a file: "+string(reason), func(st *client.State) bool {
		i := slices.IndexFunc(st.Files, func(f types.File) bool {
			return f.Action == types.FileEnd && f.FileID == id && f.PeerID == who
		})
		if i >= 0 {
			got = st.Files[i].Reason
		}
		return i >= 0
	})
	if got != reason {
		t.Errorf("ended: %s, want %s", got, reason)
	}
}

func failures(t *testing.T, people ...*client.Client) {
	t.Helper()
	for _, c := range people {
		c.View(func(st *client.State) {
			if len(st.Failures) > 0 {
				t.Errorf("failures: %v", st.Failures)
			}
		})
	}
}

// Five megabytes reach all who want them, whole, with one upload for those who
// take them together; who has to do with no file has no channel.
func TestFileReachesThoseWhoAcceptIt(t *testing.T) {
	s := start(t, fast)
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	carol, dave := s.connected("demo", "Carol"), s.connected("demo", "Dave")
	base := s.join(client.Options{Room: "demo", Username: "Base"})
	file := content(5_000_000)
	offer(t, alice, "../holiday.png", file, "")
	f := accept(t, bob, "holiday.png")
	if f.From != alice.PeerID() || f.Size != int64(len(file)) || f.Type != "image/png" || f.Ref != "" || f.To != "" {
		t.Errorf("offered %+v", f)
	}
	if echo := offered(t, alice, "holiday.png"); echo.Ref == "" || echo.FileID != f.FileID {
		t.Errorf("the sender is told %+v", echo)
	}
	accept(t, carol, "holiday.png")
	if err := dave.RefuseFile(offered(t, dave, "holiday.png").FileID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{bob, carol} {
		received(t, c, f.FileID, file)
		fileEnded(t, alice, f.FileID, c.PeerID(), types.FileReceived)
		fileEnded(t, c, f.FileID, c.PeerID(), types.FileReceived)
	}
	fileEnded(t, alice, f.FileID, dave.PeerID(), types.FileRefused)
	if dave.HasChannel() || !bob.HasChannel() || strings.Contains(lastOffer(dave).SDP, "m=application") {
		t.Error("who refused has a channel, or who accepted has none")
	}
	if in, out := s.metric("total_file_bytes_in"), s.metric("total_file_bytes_out"); in >= 2*int64(len(file)) || out != 2*int64(len(file)) {
		t.Errorf("%d bytes came in, %d went out", in, out)
	}
	bob.View(func(st *client.State) {
		if st.Events[types.EventFile] > 10 {
			t.Errorf("%d events", st.Events[types.EventFile])
		}
	})
	base.View(func(st *client.State) {
		if st.Events[types.EventFile] != 0 {
			t.Error("a base client was told of a file")
		}
	})
	late := s.welcomed("demo", "Late") // nothing of it is kept
	late.View(func(st *client.State) {
		if st.Events[types.EventFile]+st.Events[types.EventFiles]+len(st.Chat) != 0 {
			t.Errorf("who comes late is told %v", st.Events)
		}
	})
	// Back the other way, over the channels that there are, the smallest and what
	// just fills chunks.
	for _, n := range []int{1, types.ChunkSize, 3 * types.ChunkSize, 3*types.ChunkSize + 1} {
		small := content(n)
		name := "small " + string(rune('a'+n%26))
		offer(t, bob, name, small, alice.PeerID())
		received(t, alice, accept(t, alice, name).FileID, small)
	}
	carol.View(func(st *client.State) {
		if slices.ContainsFunc(st.Files, func(f types.File) bool { return f.To != "" }) {
			t.Error("Carol was told of a file for Alice")
		}
	})
	failures(t, alice, bob, carol, dave, base)
}

// Sound and pictures go on beside a file, in a room where everybody has them.
func TestFileBesideMedia(t *testing.T) {
	s := start(t)
	withMedia := func(o *client.Options) { o.Publish = both() }
	alice, bob := s.connected("demo", "Alice", withMedia), s.connected("demo", "Bob", withMedia)
	base := s.join(client.Options{Room: "demo", Username: "Base", Publish: both()})
	waitMeet(t, alice, bob, base)
	file := content(300_000)
	offer(t, alice, "a", file, "")
	f := accept(t, bob, "a")
	flowsFrom(t, bob, alice, types.KindVideo)
	flowsFrom(t, base, alice, types.KindAudio)
	received(t, bob, f.FileID, file)
	flowsFrom(t, bob, alice, types.KindVideo)
	if _, err := alice.Publish(client.PublishOptions{Source: types.SourceScreen, FPS: 10, PacketSize: 200}); err != nil {
		t.Fatal(err)
	}
	wait(t, bob, "her screen", func(st *client.State) bool {
		_, ok := st.TrackOf(f.From, types.SourceScreen)
		return ok
	})
	failures(t, alice, bob, base)
}

// The rate of a sender is kept.
func TestFileRate(t *testing.T) {
	s := start(t, func(c *config.Config) { c.FileRate = 500_000 })
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	file := content(1_000_000)
	offer(t, alice, "a", file, "")
	begin := time.Now()
	received(t, bob, accept(t, bob, "a").FileID, file)
	// A quarter of a megabyte may come at once.
	if took := time.Since(begin); took < 1400*time.Millisecond {
		t.Errorf("a megabyte at half a megabyte a second took %s", took)
	}
	wait(t, alice, "progress", func(st *client.State) bool {
		f, ok := st.File(types.FileProgress, 0)
		return ok && f.Bytes > 0 && f.PeerID == bob.PeerID()
	})
	failures(t, alice, bob)
}

func TestFilesAreRefused(t *testing.T) {
	s := start(t, orderly, func(c *config.Config) { c.FileMaxBytes = 1000 })
	alice := s.first(client.Options{Room: "demo", Username: "Alice", Protocol: 1})
	bob, stranger := s.connected("demo", "Bob"), s.connected("other", "Stranger")
	alone := s.connected("alone", "Alone")
	alice.View(func(st *client.State) {
		if st.Welcome.Files.MaxBytes != 1000 {
			t.Errorf("the limit is told as %d", st.Welcome.Files.MaxBytes)
		}
	})
	refused := func(c *client.Client, ref string, code types.ErrorCode) {
		t.Helper()
		wait(t, c, "a refusal: "+string(code), func(st *client.State) bool {
			return slices.ContainsFunc(st.Errors, func(e types.ProtocolError) bool {
				return e.Code == code && e.Ref == ref && e.Event == types.EventFile
			})
		})
	}
	try := func(c *client.Client, n int, to types.PeerID, code types.ErrorCode) {
		t.Helper()
		ref, err := c.OfferFile("a", "", content(n), to)
		if err != nil {
			t.Fatal(err)
		}
		refused(c, ref, code)
	}
	try(bob, 1001, "", types.CodeFileTooLarge)
	try(bob, 0, "", types.CodeBadMessage)
	try(bob, 10, stranger.PeerID(), types.CodeNoSuchPeer)
	try(bob, 10, bob.PeerID(), types.CodeNoSuchPeer)
	try(alone, 10, "", types.CodeNoSuchPeer)

	// What is offered in one room is nothing in another, nor anybody's whom it was
	// not offered to.
	carol := s.connected("demo", "Carol")
	offer(t, bob, "for Alice", content(10), alice.PeerID())
	f := offered(t, alice, "for Alice")
	for _, c := range []*client.Client{stranger, carol, bob} {
		if err := c.AcceptFile(f.FileID); err != nil {
			t.Fatal(err)
		}
		refused(c, "", types.CodeNoSuchFile)
	}
	if err := carol.CancelFile(f.FileID); err != nil {
		t.Fatal(err)
	}
	if err := alice.RefuseFile(f.FileID); err != nil {
		t.Fatal(err)
	}
	fileEnded(t, bob, f.FileID, alice.PeerID(), types.FileRefused) // and not cancelled by Carol

	// Who may not write offers nothing, and what he has on offer is taken back.
	offer(t, bob, "b", content(10), "")
	f = offered(t, alice, "b")
	moderate(t, alice, types.Moderate{Action: types.ActionAllow, What: "chat"})
	fileEnded(t, alice, f.FileID, alice.PeerID(), types.FileForbidden)
	try(bob, 10, "", types.CodeNotPermitted)
	offer(t, alice, "by a moderator", content(10), "")
	received(t, bob, accept(t, bob, "by a moderator").FileID, content(10))
	if n := s.metric("total_file_offers"); n != 3 {
		t.Errorf("%d offers were counted", n)
	}
}

func TestFilesCanBeTurnedOff(t *testing.T) {
	s := start(t, func(c *config.Config) { c.FileMaxBytes = 0 })
	alice := s.connected("demo", "Alice")
	s.connected("demo", "Bob")
	offer(t, alice, "a", content(10), "")
	wait(t, alice, "a refusal", func(st *client.State) bool { return st.HasError(types.CodeFilesOff) })
	if err := alice.Send(types.NewMessage(types.EventPublish, types.Publish{Source: types.SourceFiles})); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "another", func(st *client.State) bool { return len(st.Errors) == 2 })
	if strings.Contains(lastOffer(alice).SDP, "m=application") {
		t.Error("a channel was offered")
	}
}

// One on its way ends for the one who does not want it any more, or whom there is
// nobody any more to send it to; the others get it.
func TestFileEndsForOneAlone(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config.Config) { c.FileRate = 1 << 20 })
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	carol, dave := s.connected("demo", "Carol"), s.connected("demo", "Dave")
	file := content(2_000_000)
	offer(t, alice, "a", file, "")
	f := accept(t, bob, "a")
	accept(t, carol, "a")
	accept(t, dave, "a")
	for _, c := range []*client.Client{bob, carol, dave} {
		wait(t, alice, "progress", func(st *client.State) bool {
			return slices.ContainsFunc(st.Files, func(f types.File) bool { return f.Action == types.FileProgress && f.PeerID == c.PeerID() })
		})
	}
	daveID := dave.PeerID()
	if err := carol.CancelFile(f.FileID); err != nil {
		t.Fatal(err)
	}
	dave.Close()
	fileEnded(t, alice, f.FileID, carol.PeerID(), types.FileCancelled)
	fileEnded(t, alice, f.FileID, daveID, types.FileLeft)
	received(t, bob, f.FileID, file)
	fileEnded(t, alice, f.FileID, bob.PeerID(), types.FileReceived)

	// The sender takes one back, and then goes.
	offer(t, alice, "b", file, "")
	f = accept(t, bob, "b")
	offered(t, carol, "b")
	if err := alice.CancelFile(f.FileID); err != nil {
		t.Fatal(err)
	}
	fileEnded(t, bob, f.FileID, bob.PeerID(), types.FileWithdrawn)
	fileEnded(t, carol, f.FileID, carol.PeerID(), types.FileWithdrawn)
	offer(t, alice, "c", file, "")
	f = accept(t, bob, "c")
	wait(t, alice, "to be accepted", func(st *client.State) bool { _, ok := st.File(types.FileAccept, f.FileID); return ok })
	alice.Close()
	fileEnded(t, bob, f.FileID, bob.PeerID(), types.FileLeft)
	fileEnded(t, carol, f.FileID, carol.PeerID(), types.FileLeft)
}

// Somebody who takes nothing from his channel holds up nobody, and what the server
// holds for him is little. That he is given up in the end is shown in
// internal/testnet, where time is cheap.
func TestFileToOneWhoStandsStill(t *testing.T) {
	t.Parallel()
	s := start(t, fast)
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	var taken atomic.Int64
	carol := s.connected("demo", "Carol", func(o *client.Options) {
		o.OnChunk = func(ctx context.Context, _, _ uint32) {
			if taken.Add(1) > 20 {
				<-ctx.Done()
			}
		}
	})
	carolID := carol.PeerID()
	file := content(2_500_000)
	offer(t, alice, "a", file, "")
	f := accept(t, carol, "a")
	wait(t, alice, "Carol to take some", func(*client.State) bool { return taken.Load() > 20 })
	accept(t, bob, "a")
	received(t, bob, f.FileID, file)
	fileEnded(t, alice, f.FileID, bob.PeerID(), types.FileReceived)
	// Her own client takes a megabyte before its window closes; then ours.
	if held := s.metric("total_file_bytes_out") - int64(len(file)) - taken.Load()*types.ChunkSize; held > 2<<20 {
		t.Errorf("%d bytes wait for who stands still", held)
	}
	alice.View(func(st *client.State) {
		if _, over := st.File(types.FileEnd, f.FileID); over && st.Files[len(st.Files)-1].PeerID == carolID {
			t.Error("Carol is given up already")
		}
	})
	failures(t, alice, bob)
}

// A break of the socket ends nothing. Who comes back is told where everything is.
func TestFileOutlivesTheSocket(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *config.Config) { c.FileRate = 1 << 20 })
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	file := content(2_000_000)
	offer(t, alice, "a", file, "")
	f := accept(t, bob, "a")
	wait(t, alice, "progress", func(st *client.State) bool { _, ok := st.File(types.FileProgress, f.FileID); return ok })
	bob.Cut()
	wait(t, alice, "Bob to be lost", func(st *client.State) bool { return st.Peers[bob.PeerID()].State.Connection == types.ConnectionLost })
	offer(t, alice, "b", content(100), "") // offered while he is away
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := bob.Resume(ctx, true); err != nil {
		t.Fatal(err)
	}
	var states []types.FileState
	wait(t, bob, "to be told", func(st *client.State) bool {
		states = st.FileStates
		return len(states) == 2
	})
	bobID := bob.PeerID()
	for _, state := range states {
		if state.Ref != "" || state.From != alice.PeerID() || len(state.Receivers) != 1 || state.Receivers[0].PeerID != bobID ||
			state.Receivers[0].Accepted != (state.Name == "a") || state.Size == 0 {
			t.Errorf("told %+v", state)
		}
	}
	received(t, bob, f.FileID, file)
	fileEnded(t, alice, f.FileID, bobID, types.FileReceived)

	// A new PeerConnection is another matter: what was on its way is lost.
	offer(t, alice, "c", file, "")
	f = accept(t, bob, "c")
	wait(t, alice, "progress", func(st *client.State) bool { _, ok := st.File(types.FileProgress, f.FileID); return ok })
	if err := bob.Resume(ctx, false); err != nil {
		t.Fatal(err)
	}
	fileEnded(t, alice, f.FileID, bobID, types.FileConnection)
	offer(t, alice, "d", content(50_000), "")
	received(t, bob, accept(t, bob, "d").FileID, content(50_000))
}

// What a client sends on its channel that nobody asked for reaches nobody, and
// costs it its channel or its file.
func TestChunksThatNobodyAskedFor(t *testing.T) {
	s := start(t, func(c *config.Config) { c.FileRate = 1 << 20 })
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	mallory, eve := s.connected("demo", "Mallory"), s.connected("demo", "Eve")
	for _, c := range []*client.Client{mallory, eve} {
		if err := c.Send(types.NewMessage(types.EventPublish, types.Publish{Source: types.SourceFiles, Kind: types.KindData})); err != nil {
			t.Fatal(err)
		}
		wait(t, c, "a channel", func(*client.State) bool { return c.HasChannel() })
	}
	// Into a file of somebody else: not a byte of it counts.
	file := content(1_500_000)
	offer(t, alice, "a", file, bob.PeerID())
	f := accept(t, bob, "a")
	for chunk := range uint32(200) {
		if err := mallory.SendChannel(client.Chunk(f.FileID, chunk, bytes.Repeat([]byte{6}, types.ChunkSize))); err != nil {
			t.Fatal(err)
		}
	}
	received(t, bob, f.FileID, file)
	// Into one's own, but not what was asked for.
	offer(t, mallory, "bad", content(2_000_000), bob.PeerID())
	f = accept(t, bob, "bad")
	wait(t, bob, "the first chunk", func(*client.State) bool { return s.metric("total_file_bytes_out") > int64(len(file)) })
	if err := mallory.SendChannel(client.Chunk(f.FileID, 150, []byte("not now"))); err != nil {
		t.Fatal(err)
	}
	fileEnded(t, bob, f.FileID, bob.PeerID(), types.FileFault)
	// No chunk at all: the channel ends, and with it the file; the rest goes on.
	offer(t, eve, "eve", content(2_000_000), bob.PeerID())
	f = accept(t, bob, "eve")
	wait(t, eve, "to be accepted", func(st *client.State) bool { _, ok := st.File(types.FileAccept, f.FileID); return ok })
	if err := eve.SendChannel([]byte("x")); err != nil {
		t.Fatal(err)
	}
	fileEnded(t, bob, f.FileID, bob.PeerID(), types.FileConnection)
	wait(t, eve, "her socket", func(st *client.State) bool { return st.Connected })
	failures(t, alice, bob)
}

// A client that opens channels of its own loses them all.
func TestChannelsOfTheClient(t *testing.T) {
	s := start(t)
	alice := s.connected("demo", "Alice")
	s.connected("demo", "Bob")
	if err := alice.Send(types.NewMessage(types.EventPublish, types.Publish{Source: types.SourceFiles})); err != nil {
		t.Fatal(err)
	}
	wait(t, alice, "a channel", func(*client.State) bool { return alice.HasChannel() })
	closed := make(chan struct{})
	dc, err := alice.PeerConnection().CreateDataChannel("mine", nil)
	if err != nil {
		t.Fatal(err)
	}
	dc.OnClose(func() { close(closed) })
	select {
	case <-closed:
	case <-time.After(deadline):
		t.Fatal("the channel stands")
	}
	wait(t, alice, "its media to go on", func(st *client.State) bool {
		return st.ConnectionState == webrtc.PeerConnectionStateConnected && st.Connected
	})
}

func TestManyOffers(t *testing.T) {
	s := start(t)
	alice, bob := s.connected("demo", "Alice"), s.connected("demo", "Bob")
	for range 30 {
		offer(t, alice, "a", content(10), "")
	}
	wait(t, alice, "a limit", func(st *client.State) bool { return st.HasError(types.CodeTooManyFiles) })
	wait(t, bob, "the older ones to be taken back", func(st *client.State) bool {
		offers, ends := 0, 0
		for _, f := range st.Files {
			switch f.Action {
			case types.FileOffer:
				offers++
			case types.FileEnd:
				ends++
			}
		}
		return offers >= 20 && offers-ends == 8
	})
	var metrics struct {
		Ends     map[string]int `json:"file_ends"`
		Refusals map[string]int `json:"file_refusals"`
	}
	s.get("/metrics", &metrics)
	if metrics.Ends["expired"] < 12 || metrics.Refusals["too_many_files"] < 1 {
		text, _ := json.Marshal(metrics)
		t.Errorf("counted %s", text)
	}
	alice.View(func(st *client.State) {
		if !st.Connected {
			t.Error("who offers too much is thrown out")
		}
	})
}
