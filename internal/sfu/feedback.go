package sfu

import (
	"sync"
	"time"

	"github.com/pion/rtcp"

	"aq-server/internal/recovery"
	"aq-server/internal/seqnum"
)

const (
	// nackWindow is how many missing packets of one layer are asked for at
	// most.
	nackWindow = 500
	// twccInterval is how often a publisher hears what has arrived, and
	// reportRefresh how often he gets a receiver report.
	twccInterval  = 50 * time.Millisecond
	twccGrid      = twccInterval / 5 // see onGrid
	reportRefresh = time.Second
)

// feedback is all RTCP toward one publisher, sent by one goroutine: NACK, PLI,
// transport-wide feedback and receiver reports. The goroutine runs while the
// peer publishes; it is owned by the connection.
type feedback struct {
	conn     *connection
	arrivals *arrivals
	wakeup   chan struct{} // capacity 1

	mu     sync.Mutex
	layers []*layer
}

func newFeedback(c *connection, a *arrivals) *feedback {
	return &feedback{conn: c, arrivals: a, wakeup: make(chan struct{}, 1)}
}

// add has a layer looked after. It is true for the first one: the caller then
// starts run.
func (f *feedback) add(l *layer) (first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.layers = append(f.layers, l)
	return len(f.layers) == 1
}

func (f *feedback) list() []*layer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.layers[:len(f.layers):len(f.layers)]
}

// wake has the publisher asked now for what he has to send again, or a keyframe.
func (f *feedback) wake() {
	select {
	case f.wakeup <- struct{}{}:
	default:
	}
}

// run ends when the connection closes. It wakes for packets and keyframes that are to be
// asked for, and for reports while something comes.
func (f *feedback) run() {
	defer recovery.RecoverFunc("sfu feedback", func(any) { f.conn.peer.fail(errPanic) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	var nextTWCC, nextReport time.Time // zero: nothing to report on
	var missing []uint16
	for {
		select {
		case <-f.conn.closed:
			return
		case <-f.wakeup:
		case <-timer.C:
		}
		now := time.Now()
		var out []rtcp.Packet
		for _, l := range f.list() {
			out, missing = l.requests(now, f.conn.roundTrip(), out, missing[:0])
		}
		if soon(nextReport, now) || nextReport.IsZero() {
			nextReport = onGrid(now, reportRefresh)
			if r := f.reports(now); r != nil {
				out = append(out, r)
			}
		}
		f.write(out)
		if nextTWCC.IsZero() {
			if f.arrivals.some() {
				nextTWCC = onFineGrid(now, twccInterval, twccGrid)
			}
		} else if !now.Before(nextTWCC) {
			reports := f.arrivals.feedback()
			f.write(reports)
			if nextTWCC = onFineGrid(now, twccInterval, twccGrid); len(reports) == 0 {
				nextTWCC = time.Time{} // until something comes again
			}
		}
		timer.Reset(time.Until(f.next(nextTWCC, nextReport)))
	}
}

// next returns when there is something to do, should nobody call wake before.
func (f *feedback) next(twcc, report time.Time) time.Time {
	next := report
	if !twcc.IsZero() && twcc.Before(next) {
		next = twcc
	}
	rtt := f.conn.roundTrip()
	for _, l := range f.list() {
		l.mu.Lock()
		if at, ok := l.nack.Next(rtt); ok && at.Before(next) {
			next = at
		}
		if at, ok := l.key.next(); ok && l.codec.IsVideo() && at.Before(next) {
			next = at
		}
		l.mu.Unlock()
	}
	return next
}

func (f *feedback) write(packets []rtcp.Packet) {
	if len(packets) == 0 {
		return
	}
	if err := f.conn.pc.WriteRTCP(packets); err != nil {
		f.conn.peer.log.Debug("feedback not sent", "err", err)
	}
}

// requests appends the NACK and the PLI that are due for the layer.
func (l *layer) requests(now time.Time, rtt time.Duration, out []rtcp.Packet, missing []uint16) ([]rtcp.Packet, []uint16) {
	m := l.track.conn.session().opts.Metrics
	video := l.codec.IsVideo()
	l.mu.Lock()
	if video {
		missing = l.nack.Due(now, rtt, missing)
		if l.nack.NeedKeyframe() {
			l.key.want()
		}
	}
	pli := video && l.key.due(now)
	l.mu.Unlock()
	if len(missing) > 0 {
		m.NacksOut.Add(int64(len(missing)))
		out = append(out, &rtcp.TransportLayerNack{
			SenderSSRC: l.track.conn.ssrc, MediaSSRC: l.ssrc,
			Nacks: rtcp.NackPairsFromSequenceNumbers(missing),
		})
	}
	if pli {
		m.PLIsOut.Add(1)
		out = append(out, &rtcp.PictureLossIndication{SenderSSRC: l.track.conn.ssrc, MediaSSRC: l.ssrc})
	}
	return out, missing
}

// reports returns a receiver report on all layers that have begun, nil when
// there is none.
func (f *feedback) reports(now time.Time) rtcp.Packet {
	at := f.conn.session().clock.at(now)
	var list []rtcp.ReceptionReport
	for _, l := range f.list() {
		l.mu.Lock()
		if l.stats.started && len(list) < 31 { // the count field has five bits
			list = append(list, l.stats.build(l.ssrc, at))
		}
		l.mu.Unlock()
	}
	if list == nil {
		return nil
	}
	return &rtcp.ReceiverReport{SSRC: f.conn.ssrc, Reports: list}
}

// receiverStats counts one incoming stream for its receiver reports (RFC 3550,
// section 6.4.1 and appendix A.8). Guarded by layer.mu.
type receiverStats struct {
	started  bool
	base     int64 // first extended sequence number
	highest  int64
	count    int64
	jitter   float64 // in timestamp units
	lastTS   uint32
	lastAt   int64
	expected int64 // at the last report
	counted  int64
	srNTP    uint32 // middle bits of the last sender report
	srAt     int64
}

func (s *receiverStats) received(sn int64, ts uint32, at int64, rate uint32) {
	if !s.started {
		s.started, s.base, s.highest = true, sn, sn
	} else if ts != s.lastTS {
		d := float64(at-s.lastAt)*float64(rate)/1e9 - float64(seqnum.Diff32(ts, s.lastTS))
		s.jitter += (max(d, -d) - s.jitter) / 16
	}
	s.lastTS, s.lastAt = ts, at
	s.highest = max(s.highest, sn)
	s.count++
}

// report notes a sender report that arrived at this time.
func (s *receiverStats) report(ntp uint64, at int64) { s.srNTP, s.srAt = uint32(ntp>>16), at }

func (s *receiverStats) build(ssrc uint32, at int64) rtcp.ReceptionReport {
	expected := s.highest - s.base + 1
	r := rtcp.ReceptionReport{
		SSRC: ssrc, LastSequenceNumber: uint32(s.highest), Jitter: uint32(s.jitter),
		TotalLost: uint32(min(max(expected-s.count, 0), 1<<23-1)),
	}
	period, lost := expected-s.expected, (expected-s.expected)-(s.count-s.counted)
	if period > 0 && lost > 0 {
		r.FractionLost = uint8(min(lost<<8/period, 255))
	}
	s.expected, s.counted = expected, s.count
	if s.srNTP != 0 {
		r.LastSenderReport = s.srNTP
		r.Delay = uint32((at - s.srAt) * 65536 / 1e9)
	}
	return r
}
