package sfu

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"aq-server/internal/sfu/bwe"
)

// reported makes the report that a receiver would send: of count packets from
// base on, those in arrived came at that time, in ms of his clock.
func reported(t *testing.T, base uint16, count int, arrived map[int]int) transportReport {
	t.Helper()
	cc := &rtcp.TransportLayerCC{BaseSequenceNumber: base, PacketStatusCount: uint16(count)}
	last := 0
	for i := range count {
		symbol := uint16(rtcp.TypeTCCPacketNotReceived)
		if at, ok := arrived[i]; ok {
			symbol = rtcp.TypeTCCPacketReceivedLargeDelta
			if cc.RecvDeltas == nil {
				last = at / 64 * 64
				cc.ReferenceTime = uint32(at/64) & (1<<24 - 1)
			}
			cc.RecvDeltas = append(cc.RecvDeltas, &rtcp.RecvDelta{Type: symbol, Delta: int64(at-last) * 1000})
			last = at
		}
		cc.PacketChunks = append(cc.PacketChunks, &rtcp.RunLengthChunk{PacketStatusSymbol: symbol, RunLength: 1})
	}
	return asReport(t, cc)
}

// asReport is what a receiver's report looks like here.
func asReport(t testing.TB, cc *rtcp.TransportLayerCC) transportReport {
	t.Helper()
	cc.Header = rtcp.Header{Type: rtcp.TypeTransportSpecificFeedback, Count: rtcp.FormatTCC, Length: uint16(cc.MarshalSize()/4 - 1)}
	b, err := cc.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !isTransportReport(b) {
		t.Fatalf("not a transport-wide report: %x", b)
	}
	r, ok := parseTransportReport(b)
	if !ok {
		t.Fatalf("not read: %x", b)
	}
	return r
}

// What we read of a report is what pion reads.
func TestTransportReportAsPionReadsIt(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		cc := &rtcp.TransportLayerCC{BaseSequenceNumber: uint16(random.Uint32()), ReferenceTime: random.Uint32() & (1<<24 - 1)}
		var want []uint16
		for n := 1 + random.IntN(6); n > 0; n-- {
			switch random.IntN(3) {
			case 0:
				c := &rtcp.RunLengthChunk{PacketStatusSymbol: uint16(random.IntN(3)), RunLength: uint16(1 + random.IntN(40))}
				for range c.RunLength {
					want = append(want, c.PacketStatusSymbol)
				}
				cc.PacketChunks = append(cc.PacketChunks, c)
			case 1:
				c := &rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeOneBit}
				for range 14 {
					c.SymbolList = append(c.SymbolList, uint16(random.IntN(2)))
				}
				want = append(want, c.SymbolList...)
				cc.PacketChunks = append(cc.PacketChunks, c)
			default:
				c := &rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit}
				for range 7 {
					c.SymbolList = append(c.SymbolList, uint16(random.IntN(3)))
				}
				want = append(want, c.SymbolList...)
				cc.PacketChunks = append(cc.PacketChunks, c)
			}
		}
		var deltas []time.Duration
		for _, symbol := range want {
			delta := int64(random.IntN(256))
			switch symbol {
			case rtcp.TypeTCCPacketNotReceived:
				continue
			case rtcp.TypeTCCPacketReceivedLargeDelta:
				delta = int64(random.IntN(1<<16)) - 1<<15
			}
			cc.RecvDeltas = append(cc.RecvDeltas, &rtcp.RecvDelta{Type: symbol, Delta: delta * 250})
			deltas = append(deltas, time.Duration(delta)*deltaUnit)
		}
		cc.PacketStatusCount = uint16(len(want))
		r := asReport(t, cc)
		if r.base != cc.BaseSequenceNumber || r.reference != cc.ReferenceTime || r.count != len(want) {
			t.Fatalf("%+v", r)
		}
		list := r.symbols()
		for i, symbol := range want {
			got, ok := list.next()
			if !ok || uint16(got) != symbol {
				t.Fatalf("symbol %d of %v: %d, %v", i, want, got, ok)
			}
			if symbol == rtcp.TypeTCCPacketNotReceived {
				continue
			}
			if d, ok := r.delta(got); !ok || d != deltas[0] {
				t.Fatalf("delta %v, want %v", d, deltas[0])
			}
			deltas = deltas[1:]
		}
		if got, ok := list.next(); ok {
			t.Fatalf("a symbol %d after the last", got)
		}
	}
}

// A report costs no memory, however many packets it names.
func TestReportAllocatesNothing(t *testing.T) {
	var d departures
	d.enlist(&slot{})
	base := sentEvery(&d, 200, 5)
	arrived := map[int]int{}
	for i := range 200 {
		arrived[i] = 5000 + i*5
	}
	cc := reported(t, base, 200, arrived)
	if n := testing.AllocsPerRun(100, func() { d.feedback(cc, int64(2*time.Second)) }); n != 0 {
		t.Errorf("%.1f allocations for a report", n)
	}
}

// sentEvery has n packets leave, ms apart, the first at ms.
func sentEvery(d *departures, n, ms int) (base uint16) {
	for i := range n {
		seq := d.next(0, 1000, int64(1+i)*int64(ms)*int64(time.Millisecond))
		if i == 0 {
			base = seq
		}
	}
	return base
}

func TestReportsAreFoundAgain(t *testing.T) {
	var d departures
	s := &slot{}
	s.number = d.enlist(s)
	base := sentEvery(&d, 50, 7)
	now := int64(time.Second)
	acks := d.feedback(reported(t, base, 4, map[int]int{0: 5000, 1: 5012, 3: 5030}), now)
	if len(acks) != 3 || s.ackedAt.Load() != now {
		t.Fatalf("%+v, acked at %d", acks, s.ackedAt.Load())
	}
	for i, want := range []struct{ sent, gap time.Duration }{{7, 0}, {14, 12}, {28, 30}} {
		a := acks[i]
		if off := a.Sent - want.sent*time.Millisecond; off > 0 || off < -10*time.Microsecond {
			t.Errorf("packet %d was sent at %v", i, a.Sent)
		}
		if a.Arrived-acks[0].Arrived != want.gap*time.Millisecond || a.Lost || a.Size != 1000+wireOverhead {
			t.Errorf("packet %d: %+v", i, a)
		}
	}
	// The same once more is nothing new. A packet that was missing may still
	// come; it counts as lost when much later ones have come without it.
	if again := d.feedback(reported(t, base, 4, map[int]int{0: 5000, 1: 5012, 3: 5030}), now); len(again) != 0 {
		t.Errorf("%+v", again)
	}
	acks = d.feedback(reported(t, base+4, 30, map[int]int{1: 5050, 29: 5330}), now)
	lost := 0
	for _, a := range acks {
		if a.Lost {
			lost++
		}
	}
	// Sent at 21 ms, 35, and 49 to 133 ms: 100 ms and more before 238.
	if lost != 1+1+13 || len(acks) != lost+2 {
		t.Errorf("%d lost of %d", lost, len(acks))
	}
	if acks = d.feedback(reported(t, base+2, 1, map[int]int{0: 5400}), now); len(acks) != 0 {
		t.Errorf("a packet counted as lost is taken back: %+v", acks)
	}
}

func TestReportsTurnAround(t *testing.T) {
	var d departures
	s := &slot{}
	s.number = d.enlist(s)
	now, clock := int64(0), 1<<24*64-1000 // ms; the reference time turns around in the test
	var before, sent time.Duration
	for i := range 70_000 {
		now += int64(time.Millisecond)
		seq := d.next(0, 100, now)
		if i%100 == 0 {
			acks := d.feedback(reported(t, seq, 1, map[int]int{0: clock + i}), now)
			if len(acks) != 1 {
				t.Fatalf("packet %d: %+v", i, acks)
			}
			if i > 0 && (acks[0].Arrived-before != 100*time.Millisecond || acks[0].Sent-sent < 99*time.Millisecond) {
				t.Fatalf("packet %d: %v after the one before, sent %v after", i, acks[0].Arrived-before, acks[0].Sent-sent)
			}
			before, sent = acks[0].Arrived, acks[0].Sent
		}
	}
}

func TestRingGrowsWithReports(t *testing.T) {
	var d departures
	s := &slot{}
	s.number = d.enlist(s)
	base := sentEvery(&d, 3000, 0)
	if len(d.ring) != departuresMin {
		t.Errorf("%d places without a report", len(d.ring))
	}
	d.feedback(reported(t, base, 1, nil), 1)
	now := int64(10 * time.Second)
	first := uint16(0)
	for i := range 3000 {
		now += int64(200 * time.Microsecond)
		if seq := d.next(0, 100, now); i == 0 {
			first = seq
		}
	}
	if acks := d.feedback(reported(t, first, 1, map[int]int{0: 1}), now); len(acks) != 1 {
		t.Error("a packet of 600 ms ago is forgotten")
	}
}

func TestClusterIsMarked(t *testing.T) {
	var d departures
	s := &slot{}
	s.number = d.enlist(s)
	base := sentEvery(&d, 3, 1)
	d.begin(7)
	sentEvery(&d, 4, 1)
	if n := d.end(); n != 4 {
		t.Errorf("%d packets", n)
	}
	sentEvery(&d, 3, 1)
	var got []uint16
	for _, a := range d.feedback(reported(t, base, 10, map[int]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1}), 1) {
		got = append(got, a.Probe)
	}
	if want := []uint16{0, 0, 0, 7, 7, 7, 7, 0, 0, 0}; len(got) != len(want) {
		t.Errorf("%v", got)
	} else {
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%v, want %v", got, want)
				break
			}
		}
	}
}

// FuzzReports feeds what a client may send as RTCP: nonsense of all sorts must
// neither panic nor make the server believe in packets that it has not sent.
func FuzzReports(f *testing.F) {
	good := &rtcp.TransportLayerCC{
		Header:             rtcp.Header{Type: rtcp.TypeTransportSpecificFeedback, Count: rtcp.FormatTCC, Length: 5},
		BaseSequenceNumber: 1, PacketStatusCount: 2, ReferenceTime: 3,
		PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: 1, RunLength: 2}},
		RecvDeltas:   []*rtcp.RecvDelta{{Type: 1, Delta: 250}, {Type: 1, Delta: 500}},
	}
	if raw, err := good.Marshal(); err == nil {
		f.Add(raw, uint16(300), uint16(0))
		raw[13] = 0xff // many packets
		f.Add(raw, uint16(300), uint16(65000))
	}
	f.Fuzz(func(t *testing.T, raw []byte, sent, start uint16) {
		d := departures{seq: int64(start)}
		s := &slot{}
		s.number = d.enlist(s)
		sentEvery(&d, int(sent%2000), 3)
		var e bwe.Estimator
		total := 0
		for i := range 3 {
			for b := range packetsOf(raw) {
				if !isTransportReport(b) {
					continue
				}
				if cc, ok := parseTransportReport(b); ok {
					now := int64(i+10) * int64(time.Second)
					acks := d.feedback(cc, now)
					total += len(acks)
					e.Feedback(time.Duration(now), acks)
				}
			}
		}
		if total > int(sent%2000) {
			t.Fatalf("%d packets acknowledged, %d sent", total, sent%2000)
		}
	})
}
