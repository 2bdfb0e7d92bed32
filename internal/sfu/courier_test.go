package sfu

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"aq-server/internal/metrics"
	"aq-server/internal/sfu/transfer"
	"aq-server/internal/types"
)

// stageFiles is a courier without a goroutine, and people whose channels are
// slices.
type stageFiles struct {
	t *testing.T
	*courier
	people []*filePerson
}

// filePerson notes what he is told, and holds it against what may be said.
type filePerson struct {
	*Peer
	t     *testing.T
	errs  int
	known map[uint32]types.FileInfo        // offered to him or by him
	open  map[uint32]map[types.PeerID]bool // who may still get it, as he is told
	wire  *fileWire                        // nil: no channel
	got   map[uint32]map[uint32]bool       // chunks
	pulls []types.Pull
}

type fileWire struct {
	waiting uint64
	person  *filePerson
}

func (w *fileWire) BufferedAmount() uint64 { return w.waiting }

func (w *fileWire) ReadDataChannel([]byte) (int, bool, error) { return 0, false, io.EOF }

func (w *fileWire) WriteDataChannel(p []byte, text bool) (int, error) {
	w.waiting += uint64(len(p))
	w.person.onChannel(p, text)
	return len(p), nil
}

func (p *filePerson) onChannel(message []byte, text bool) {
	if text {
		var pull types.Pull
		if err := json.Unmarshal(message, &pull); err != nil || pull.Count == 0 {
			p.t.Fatalf("pull %s: %v", message, err)
		}
		p.pulls = append(p.pulls, pull)
		return
	}
	id, chunk := binary.BigEndian.Uint32(message), binary.BigEndian.Uint32(message[4:])
	if p.got[id] == nil {
		p.got[id] = map[uint32]bool{}
	}
	if p.got[id][chunk] || !p.open[id][p.ID()] {
		p.t.Fatalf("%s got chunk %d of file %d, which he has or does not take", p.ID(), chunk, id)
	}
	p.got[id][chunk] = true
}

// Send takes what the server says (types.Signaller).
func (p *filePerson) Send(m types.Message) error {
	var f types.File
	switch m.Event {
	case types.EventError:
		p.errs++
		return nil
	case types.EventFile:
		if err := json.Unmarshal([]byte(m.Data), &f); err != nil {
			p.t.Fatal(err)
		}
	default:
		return nil
	}
	if f.Action == types.FileOffer {
		if _, twice := p.known[f.FileID]; twice || (f.Ref != "") != (f.From == p.ID()) || f.To != "" && f.To != p.ID() && f.From != p.ID() {
			p.t.Fatalf("%s is told %+v", p.ID(), f)
		}
		p.known[f.FileID], p.open[f.FileID] = f.FileInfo, map[types.PeerID]bool{}
		return nil
	}
	info, known := p.known[f.FileID]
	if !known || f.Action == types.FileAccept && info.From != p.ID() || f.Action == types.FileEnd && info.From != p.ID() && f.PeerID != p.ID() {
		p.t.Fatalf("%s is told of what is none of his: %+v", p.ID(), f)
	}
	if f.Action == types.FileAccept {
		p.open[f.FileID][f.PeerID] = true
	}
	if f.Action == types.FileEnd {
		delete(p.open[f.FileID], f.PeerID)
	}
	return nil
}

func newStageFiles(t *testing.T, people int) *stageFiles {
	s := &Session{
		opts: Options{Metrics: metrics.New(), FileMaxBytes: 200_000, FileRate: 1 << 30},
		log:  slog.New(slog.DiscardHandler),
	}
	st := &stageFiles{t: t, courier: newCourier(s)}
	for i := range people {
		p := &filePerson{
			t: t, known: map[uint32]types.FileInfo{}, open: map[uint32]map[types.PeerID]bool{}, got: map[uint32]map[uint32]bool{},
		}
		p.Peer = &Peer{
			cfg:     PeerConfig{Peer: types.Peer{ID: types.PeerID(rune('a' + i)), Protocol: 1}},
			session: s, log: s.log, signal: p, inbox: inbox{ended: true},
		}
		s.peers = append(s.peers, p.Peer)
		st.people = append(st.people, p)
	}
	return st
}

// say is File without the goroutine.
func (st *stageFiles) say(p *filePerson, f types.File) {
	if f.Action == types.FileAccept && st.find(f.FileID) != nil {
		p.noteAccept(f.FileID)
	}
	if err := st.handle(p.Peer, f); err != nil {
		p.errs++
	}
}

// noteAccept: the receiver knows by himself what he takes.
func (p *filePerson) noteAccept(id uint32) {
	if info, ok := p.known[id]; ok && info.From != p.ID() && p.open[id] != nil {
		p.open[id][p.ID()] = true
	}
}

func (st *stageFiles) open(p *filePerson) {
	if p.wire != nil {
		return
	}
	p.wire = &fileWire{person: p}
	st.opened(&fileChannel{conn: &connection{peer: p.Peer}, dc: p.wire, wire: p.wire})
}

// send answers the oldest request of a sender, or something else when it lies.
func (st *stageFiles) send(p *filePerson, lie uint32) {
	if len(p.pulls) == 0 {
		return
	}
	pull := p.pulls[0]
	p.pulls = p.pulls[1:]
	for i := range pull.Count {
		chunk := pull.Chunk + i
		size := min(p.known[pull.FileID].Size-int64(chunk)*types.ChunkSize, types.ChunkSize)
		message := make([]byte, types.ChunkHeader+size)
		binary.BigEndian.PutUint32(message, pull.FileID)
		binary.BigEndian.PutUint32(message[4:], chunk+lie)
		st.chunk(p.Peer, message)
	}
}

// FuzzCourier has people say and send anything about files in any order. Nobody is
// told, or gets, what is not his, no chunk comes twice, and nobody has more on
// offer than he may.
func FuzzCourier(f *testing.F) {
	f.Add([]byte{0, 0, 200, 4, 0, 0, 4, 1, 0, 1, 1, 1, 5, 0, 0, 6, 1, 0, 5, 0, 0})
	f.Add([]byte{0, 0, 9, 0, 1, 9, 1, 1, 1, 1, 0, 2, 4, 0, 0, 4, 1, 0, 5, 0, 0, 2, 1, 1, 3, 0, 1, 8, 0, 0})
	f.Add([]byte{0, 2, 250, 1, 0, 1, 1, 1, 1, 4, 0, 0, 4, 1, 0, 4, 2, 0, 5, 2, 0, 6, 0, 9, 5, 2, 1, 7, 0, 0, 9, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		st := newStageFiles(t, 3)
		for step := range slices.Chunk(script[:min(len(script), 400)], 3) {
			if len(step) < 3 {
				break
			}
			p, how := st.people[int(step[1])%len(st.people)], step[2]
			id := uint32(how%16) + 1
			switch step[0] % 10 {
			case 0:
				to := types.PeerID("")
				if how%3 == 0 {
					to = st.people[int(how)%len(st.people)].ID()
				}
				st.say(p, types.File{Action: types.FileOffer, FileInfo: types.FileInfo{
					From: p.ID(), To: to, Name: "x", Ref: "r", Size: int64(how)*1000 - 2000,
				}})
			case 1:
				st.say(p, types.File{Action: types.FileAccept, FileID: id})
			case 2:
				st.say(p, types.File{Action: types.FileRefuse, FileID: id})
			case 3:
				st.say(p, types.File{Action: []types.FileAction{types.FileCancel, types.FileDone}[how%2], FileID: id})
			case 4:
				st.open(p)
			case 5:
				st.send(p, uint32(how%8/7))
			case 6:
				if p.wire != nil {
					p.wire.waiting -= min(p.wire.waiting, uint64(how)<<10)
				}
				st.pump(time.Now())
			case 7:
				if ch := st.channels[p.Peer]; ch != nil {
					st.closed(ch)
					p.wire, p.pulls = nil, nil
				}
			case 8:
				st.forbid(p.Peer)
			case 9:
				st.look(time.Now().Add(time.Duration(how) * time.Second))
			}
			for _, p := range st.people {
				mine := 0
				for _, file := range st.files {
					if file.from == p.Peer {
						mine++
					}
				}
				if mine > maxFiles || p.wire != nil && p.wire.waiting > 3*channelWindow*types.ChunkSize {
					t.Fatalf("%s has %d files on offer, %d bytes wait", p.ID(), mine, p.wire.waiting)
				}
			}
		}
		for _, p := range st.people {
			st.left(p.Peer)
		}
		if len(st.files) != 0 || len(st.channels) != 0 {
			t.Fatalf("%d files are left", len(st.files))
		}
	})
}

func TestCourierServesInTurn(t *testing.T) {
	st := newStageFiles(t, 4)
	a, b := st.people[0], st.people[1]
	for _, p := range st.people {
		st.open(p)
	}
	for _, p := range []*filePerson{a, b} {
		st.say(p, types.File{Action: types.FileOffer, FileInfo: types.FileInfo{From: p.ID(), Ref: "r", Size: 200_000}})
	}
	for id := uint32(1); id <= 2; id++ { // c takes both, and has room for one chunk at a time
		st.say(st.people[2], types.File{Action: types.FileAccept, FileID: id})
	}
	counts := map[types.PeerID]int{}
	for range 10 {
		for _, p := range []*filePerson{a, b} {
			counts[p.ID()] += len(p.pulls)
			for len(p.pulls) > 0 {
				st.send(p, 0)
			}
		}
		st.people[2].wire.waiting = 0
		for _, ch := range st.channels { // as if time had passed
			ch.up, ch.down = transfer.NewPace(time.Now(), time.Second, 1<<30), transfer.NewPace(time.Now(), time.Second, 1<<30)
		}
		st.pump(time.Now())
	}
	if counts["a"] < 4 || counts["b"] < 4 {
		t.Errorf("asked %v", counts)
	}
}
