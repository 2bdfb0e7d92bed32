package webrtcapi

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"aq-server/internal/recovery"
)

// Replay windows of SRTP and SRTCP, in packets, of pion's contexts and of ours.
const (
	rtpWindow  = 1024
	rtcpWindow = 128
)

// pionHears is how often pion must hear something, or its ICE agent takes the pair for
// broken after iceDisconnected.
const pionHears = time.Second

// A Receiver takes what a client sends, past pion. Its methods are called on the
// goroutine that reads the PeerConnection's packets, one for each address family,
// and must not wait for anything.
type Receiver interface {
	// ReceiveRTP is offered a packet of RTP as it came, which Inbound.OpenRTP opens.
	// It reports whether it has taken it; else pion gets it. The memory is the
	// caller's again when it returns.
	ReceiveRTP(ssrc uint32, sealed []byte, at time.Time) (taken bool)
	// ReceiveRTCP takes a compound packet of RTCP that has been opened. The memory is
	// the caller's again when it returns.
	ReceiveRTCP(compound []byte, at time.Time)
}

// Inbound is the short way of what a client sends: opened by pion's SRTP where it
// was read, past pion's ICE, mux, SRTP sessions and streams, each of which has a
// queue and a goroutine that must be woken. It is taken when Outbound is, by the
// keys of the other direction, and for those packets that its Receiver wants; for
// the others pion's way stays open: a stream is announced there.
//
// The first packets of a stream have gone by pion, so a context may be one turn of
// the sequence number behind, and opens nothing of that stream then. Until it has
// opened one, what it cannot open is pion's; from then on it is nobody's.
type Inbound struct {
	receiver Receiver
	heard    atomic.Int64 // when pion was last given something, Unix ns
	beat     []byte       // see signOfLife; constant

	// mu guards the rest. It is a leaf, held while a packet is opened.
	mu      sync.Mutex
	context *srtp.Context // nil until the keys are proven
	parsed  rtp.Header
	known   map[uint32]struct{} // streams of RTP of which a packet has been opened
	rtcp    bool                // a packet of RTCP has
}

// begin takes the way into use.
func (in *Inbound) begin(context *srtp.Context) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.context, in.known = context, map[uint32]struct{}{}
	// Version 2, no reports, type 201, one more word (RFC 3550, section 6.4.2).
	in.beat = binary.BigEndian.AppendUint32([]byte{2 << 6, 201, 0, 1}, rand.Uint32())
	in.heard.Store(time.Now().UnixNano())
}

// signOfLife puts a datagram into b that tells pion no more than that the client is
// there, when it has heard nothing for a while: a report on nothing, sealed as he would
// have sealed it. It never leaves this process, and no SSRC of his is in it, so that its
// nonce is nobody else's.
func (in *Inbound) signOfLife(b []byte) (n int, due bool) {
	now := time.Now().UnixNano()
	last := in.heard.Load()
	if now-last < int64(pionHears) || !in.heard.CompareAndSwap(last, now) {
		return 0, false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	sealed, err := in.context.EncryptRTCP(b[:0], in.beat, nil)
	return len(sealed), err == nil && len(sealed) <= len(b)
}

// OpenRTP opens a packet into dst, which must have room for it, and returns its
// size. pions tells that it may still be for pion to open.
func (in *Inbound) OpenRTP(dst []byte, ssrc uint32, sealed []byte) (n int, pions bool, err error) {
	if len(sealed) > len(dst) {
		return 0, true, errTooLarge
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	opened, err := in.context.DecryptRTP(dst[:0], sealed, &in.parsed)
	_, known := in.known[ssrc]
	if err != nil {
		return 0, !known, err
	}
	if !known {
		in.known[ssrc] = struct{}{}
	}
	return len(opened), false, nil
}

// take is offered a datagram of the client. It is true when pion is not to see it.
func (in *Inbound) take(d *datagram) (taken bool) {
	b := d.data[:d.size]
	if len(b) < 12 || b[0]>>6 != 2 { // RFC 7983, section 7
		return false
	}
	// The goroutine is pion's: a packet must not end the process.
	defer recovery.RecoverFunc("media packet", func(any) { taken = true })
	now := time.Now()
	if isRTCP(b) {
		taken = in.takeRTCP(b, now)
	} else {
		taken = in.receiver.ReceiveRTP(ssrcOf(b[8:]), b, now)
	}
	if !taken {
		in.heard.Store(now.UnixNano())
	}
	return taken
}

func (in *Inbound) takeRTCP(b []byte, now time.Time) (taken bool) {
	d := datagrams.Get().(*datagram)
	defer datagrams.Put(d)
	opened, pions, err := in.openRTCP(d.data[:0], b)
	if err == nil {
		in.receiver.ReceiveRTCP(opened, now)
	}
	return !pions
}

// openRTCP is OpenRTP for RTCP. The result has the memory of dst.
func (in *Inbound) openRTCP(dst, sealed []byte) (opened []byte, pions bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	opened, err = in.context.DecryptRTCP(dst, sealed, nil)
	in.rtcp = in.rtcp || err == nil
	return opened, !in.rtcp, err
}

// isRTCP tells RTCP from RTP by the packet type (RFC 5761, section 4).
func isRTCP(b []byte) bool { return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223 }

// ssrcOf reads an SSRC.
func ssrcOf(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}
