package forward

import (
	"math/rand/v2"
	"testing"
	"time"

	"aq-server/internal/sfu/codec"
	"aq-server/internal/sfu/packet"
)

// model is the plainest account of what Forwarder promises: a map from source
// to subscriber numbers, with an entry for each packet that came or can come.
type model struct {
	t       *testing.T
	f       *Forwarder
	numbers map[int64]int64 // of the current epoch
	high    int64
	next    int64
	maxSent int64
	maxTS   uint32
	tsOff   uint32
	sent    map[int64]source // by number, all epochs
	resent  map[int64]int
}

type source struct {
	stream Stream
	n      int64
	ts     uint32
}

func newModel(t *testing.T) *model {
	return &model{t: t, f: New(65000, 1<<32-5000), maxSent: 1<<16 + 65000 - 1, maxTS: 1<<32 - 5000 - 1,
		sent: map[int64]source{}, resent: map[int64]int{}}
}

func (m *model) push(s Stream, p *packet.Packet) {
	m.t.Helper()
	current, forwarding := m.f.Current()
	target, pending := m.f.Target()
	before := m.f.Drops()
	var out Out
	ok := m.f.Push(s, p, p.Arrival.UnixNano(), videoRate, &out)
	after := m.f.Drops()
	refused := func(r Reason) bool { return !ok && after[r] == before[r]+1 }

	switch {
	case forwarding && s == current:
		m.pushCurrent(s, p, &out, ok, refused)
	case !pending || s != target:
		if !refused(DropNotCurrent) {
			m.t.Fatalf("stream %d is neither current nor target: sent %v", s, ok)
		}
	case ok:
		if !out.Switched || out.ExtSN != m.maxSent+1 {
			m.t.Fatalf("switched %v with number %d after %d", out.Switched, out.ExtSN, m.maxSent)
		}
		if int32(out.TS-m.maxTS) < 1 {
			m.t.Fatalf("timestamp %d after %d", out.TS, m.maxTS)
		}
		m.numbers = map[int64]int64{p.ExtSN: out.ExtSN}
		m.high, m.next, m.tsOff = p.ExtSN, out.ExtSN+1, out.TS-p.TS
		m.wasSent(s, p, &out)
	case !refused(DropWaitingKeyframe) && !refused(DropPadding) && !refused(DropTooOld):
		m.t.Fatalf("target refused for a strange reason: %v to %v", before, after)
	case refused(DropWaitingKeyframe) && p.Keyframe:
		m.t.Fatal("waits for a keyframe and refuses one")
	}
}

// pushCurrent checks a packet of the current stream.
func (m *model) pushCurrent(s Stream, p *packet.Packet, out *Out, ok bool, refused func(Reason) bool) {
	m.t.Helper()
	if p.ExtSN > m.high {
		if p.ExtSN-m.high-1 > maxGap {
			m.next++
		} else {
			for n := m.high + 1; n < p.ExtSN; n++ {
				m.numbers[n] = m.next
				m.next++
			}
		}
		m.high = p.ExtSN
		if refused(DropPadding) && len(p.Payload) == 0 {
			return
		}
		if !ok {
			m.t.Fatalf("newest packet %d refused: %v", p.ExtSN, m.f.Drops())
		}
		m.numbers[p.ExtSN] = m.next
		m.next++
	}
	want, known := m.numbers[p.ExtSN]
	_, already := m.sent[want]
	switch {
	case ok && (!known || already):
		m.t.Fatalf("packet %d sent, known %v, sent before %v", p.ExtSN, known, already)
	case ok:
		if out.ExtSN != want || out.TS != p.TS+m.tsOff || out.Switched {
			m.t.Fatalf("packet %d: %+v, want number %d, timestamp %d", p.ExtSN, out, want, p.TS+m.tsOff)
		}
		m.wasSent(s, p, out)
	case known && already && !refused(DropDuplicate) && !refused(DropTooOld):
		m.t.Fatalf("repeated packet %d: %v", p.ExtSN, m.f.Drops())
	case known && !already && !refused(DropTooOld):
		m.t.Fatalf("packet %d is missing, and refused when it comes: %v", p.ExtSN, m.f.Drops())
	case known && !already && want > m.maxSent-videoWindow && m.f.table.at(maxSegments-1).first < p.ExtSN:
		m.t.Fatalf("packet %d in the window is too old", p.ExtSN)
	}
}

func (m *model) wasSent(s Stream, p *packet.Packet, out *Out) {
	m.t.Helper()
	if _, twice := m.sent[out.ExtSN]; twice || uint16(out.ExtSN) != out.SN {
		m.t.Fatalf("number %d (%d) sent twice: %v", out.ExtSN, out.SN, twice)
	}
	m.sent[out.ExtSN] = source{s, p.ExtSN, out.TS}
	m.maxSent = max(m.maxSent, out.ExtSN)
	if int32(out.TS-m.maxTS) > 0 {
		m.maxTS = out.TS
	}
}

// lookup checks what the forwarder says of the number back before the newest.
func (m *model) lookup(back int64, now time.Time) {
	m.t.Helper()
	ext := m.maxSent - back
	var out Out
	s, n, ok := m.f.Resend(uint16(ext), &out)
	was, sent := m.sent[ext]
	if ok && (out.ExtSN != ext || out.Sent != sent) {
		m.t.Fatalf("number %d: %+v, sent %v", ext, out, sent)
	}
	if ok && sent && (was != source{s, n, out.TS}) {
		m.t.Fatalf("number %d was %+v, is %d of %d at %d", ext, was, n, s, out.TS)
	}
	if ls, ln, lok := m.f.Lookup(uint16(ext)); ls != s || ln != n || lok != ok {
		m.t.Fatalf("Lookup and Resend differ for %d", ext)
	}
	if m.f.AllowResend(uint16(ext), now, 0, false) {
		if m.resent[ext]++; m.resent[ext] > maxResends {
			m.t.Fatalf("number %d resent %d times", ext, m.resent[ext])
		}
	}
}

// FuzzForwarder plays random packets of four streams, switches and NACKs.
// Each operation takes two octets: what, and how much.
func FuzzForwarder(f *testing.F) {
	f.Add([]byte{0x80, 1, 0, 0, 0, 3, 0x20, 2, 0x10, 0, 0x91, 1, 1, 0, 0x31, 0, 0x61, 0})
	f.Add([]byte{0x90, 0, 0x30, 0, 0, 255, 0x70, 3, 0xa0, 0, 0x80, 0, 0, 0, 0xb0, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) <= 2000 {
			play(t, ops)
		}
	})
}

func TestRandomOperations(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 150 {
		ops := make([]byte, 2+rng.IntN(600))
		streams := byte(rng.IntN(4)) // few streams reach further into each
		for i := range ops {
			ops[i] = byte(rng.Uint32())
			if i%2 == 0 {
				ops[i] &= 0xf0 | streams
			}
		}
		play(t, ops)
	}
}

func play(t *testing.T, ops []byte) {
	m := newModel(t)
	highs := [4]int64{1 << 16, 1<<16 + 500, 1<<17 - 3, 1 << 20}
	now := base
	for ; len(ops) >= 2; ops = ops[2:] {
		op, s, arg := ops[0]>>4, Stream(ops[0]&3), int64(ops[1])
		now = now.Add(time.Duration(arg) * time.Millisecond)
		n := &highs[s]
		make := func(n int64, change ...func(*packet.Packet)) *packet.Packet {
			p := pkt(codec.H264, n, change...)
			p.Arrival = now
			return p
		}
		switch op {
		case 0, 1: // next
			*n += 1 + arg%4/3
			m.push(s, make(*n))
		case 2: // keyframe
			*n++
			m.push(s, make(*n, key))
		case 3: // padding
			*n += 1 + arg%4/3
			m.push(s, make(*n, empty))
		case 4, 5: // late or repeated
			m.push(s, make(*n-arg))
		case 6: // late padding or keyframe
			m.push(s, make(*n-arg/2, empty, func(p *packet.Packet) { p.Keyframe = arg%2 == 0 }))
		case 7: // long gap
			*n += arg * 8
			m.push(s, make(*n))
		case 8:
			m.f.Start(s, false)
		case 9:
			m.f.Start(s, true)
		case 10:
			if arg < 32 {
				m.f.Stop()
			}
		case 11, 12:
			m.lookup(arg*4, now)
		case 13: // a run
			for range arg {
				*n++
				m.push(s, make(*n))
			}
		case 14: // a run of padding between others
			for i := range arg {
				*n++
				m.push(s, make(*n, func(p *packet.Packet) {
					if i%3 == 0 {
						empty(p)
					}
				}))
			}
		case 15: // repair
			for i := range arg {
				m.push(s, make(*n-i))
			}
		}
	}
}
