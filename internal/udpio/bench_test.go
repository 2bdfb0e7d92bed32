package udpio

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"runtime"
	"testing"
)

// The floor: what sealing and sending must cost whoever does it. Packets of
// 1,200 octets, a key for each person, bursts of 6 to each of 100 people, on
// loopback, where about half of the kernel's share is the receiving side.
//
//	go test ./internal/udpio -bench Floor
const (
	floorPeople = 100
	floorBurst  = 6
	floorSize   = 1200
	floorTag    = 16
)

// person is a key and a way to somebody who does not read.
type person struct {
	gcm   cipher.AEAD
	nonce [12]byte
	path  *Path
}

func people(b *testing.B, s *Socket) (list []*person) {
	for i := range floorPeople {
		block, err := aes.NewCipher(append(make([]byte, 15), byte(i)))
		if err != nil {
			b.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			b.Fatal(err)
		}
		sink := listen(b, "udp4", "127.0.0.1")
		_ = sink.SetReadBuffer(1) // what nobody reads is dropped early
		list = append(list, &person{gcm: gcm, path: NewPath(s, addrOf(sink))})
	}
	return list
}

// seal seals a packet in place, as SRTP would: a header of 12 octets in clear.
func (p *person) seal(buf []byte) int {
	binary.BigEndian.PutUint64(p.nonce[:], binary.BigEndian.Uint64(p.nonce[:])+1)
	return 12 + len(p.gcm.Seal(buf[12:12], p.nonce[:], buf[12:floorSize-floorTag], buf[:12]))
}

// each runs f for every packet of b.N rounds and reports what one costs.
func each(b *testing.B, list []*person, f func(*person), end func()) {
	b.ResetTimer()
	for range b.N {
		for _, p := range list {
			for range floorBurst {
				f(p)
			}
		}
		end()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/floorPeople/floorBurst, "ns/packet")
}

func BenchmarkFloorSeal(b *testing.B) {
	list := people(b, socket(b, listen(b, "udp4", "127.0.0.1")))
	buf := make([]byte, MaxDatagram)
	each(b, list, func(p *person) { p.seal(buf) }, func() {})
}

func BenchmarkFloorSendto(b *testing.B) {
	s := socket(b, listen(b, "udp4", "127.0.0.1"))
	list := people(b, s)
	buf := make([]byte, MaxDatagram)
	each(b, list, func(p *person) { _, _ = s.WriteToAddrPort(buf[:p.seal(buf)], p.path.to) }, func() {})
}

func benchmarkBatch(b *testing.B, gso bool) {
	s := socket(b, listen(b, "udp4", "127.0.0.1"))
	if gso && !s.GSO() {
		b.Skip("the kernel has no UDP_SEGMENT")
	}
	if s.kernel != nil {
		s.kernel.gso.Store(gso)
	}
	batch := NewBatch()
	each(b, people(b, s), func(p *person) { batch.Add(p.path, p.seal(batch.Room())) }, batch.Flush)
}

func BenchmarkFloorSendmmsg(b *testing.B) { benchmarkBatch(b, false) }
func BenchmarkFloorGSO(b *testing.B)      { benchmarkBatch(b, true) }

// benchmarkCores has every core send to people of its own, by one socket for all or by
// one each: what SO_REUSEPORT would give to those who send.
//
//	go test ./internal/udpio -bench Cores
func benchmarkCores(b *testing.B, own bool) {
	s := socket(b, listen(b, "udp4", "127.0.0.1"))
	lists := make(chan []*person, runtime.GOMAXPROCS(0))
	for range cap(lists) {
		if own {
			s = socket(b, listen(b, "udp4", "127.0.0.1"))
		}
		lists <- people(b, s)
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		list, batch := <-lists, NewBatch()
		for pb.Next() {
			for _, p := range list {
				for range floorBurst {
					batch.Add(p.path, p.seal(batch.Room()))
				}
			}
			batch.Flush()
		}
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/floorPeople/floorBurst, "ns/packet")
}

func BenchmarkCoresOneSocket(b *testing.B)  { benchmarkCores(b, false) }
func BenchmarkCoresOwnSockets(b *testing.B) { benchmarkCores(b, true) }
