package bwe

import "time"

const (
	// A window of loss is of lossPackets, or of lossTime and lossLeast of them.
	lossPackets = 50
	lossLeast   = 20
	lossTime    = time.Second
	lossMin     = 200 * time.Millisecond
	// heavyLoss in two windows, or severeLoss in one, is congestion of a way
	// that has no queue to speak of; where a queue stands, queuedLoss is. Below
	// it loss is the way's own: wireless ones lose a tenth with capacity left,
	// and RTX repairs that.
	heavyLoss  = 0.2
	severeLoss = 0.5
	queuedLoss = 0.05
	queuedFor  = 60 * time.Millisecond
	// A share that stays when less is sent is the way's own too, for a while.
	inherentFor = 30 * time.Second
)

// loss judges how much of what was sent is lost, by the time of sending.
type loss struct {
	after       time.Duration // only what was sent later counts
	start, end  time.Duration // of the window
	total, lost int
	sent, came  int // octets
	heavy       int // windows in a row
	last        float64
	sentRate    float64 // bit/s in the last window
	cameRate    float64

	// What it was when loss lowered the rate first.
	blamed, blamedRate float64

	inherent      float64
	inherentUntil time.Duration
	due           bool // a verdict is to be given
}

func (l *loss) add(a Ack) {
	if a.Sent < l.after {
		return
	}
	if l.total == 0 {
		l.start, l.end, l.lost, l.sent, l.came = a.Sent, a.Sent, 0, 0, 0
	}
	l.end = max(l.end, a.Sent)
	l.total++
	l.sent += a.Size
	if a.Lost {
		l.lost++
	} else {
		l.came += a.Size
	}
	span := l.end - l.start
	if span < lossMin || l.total < lossLeast || l.total < lossPackets && span < lossTime {
		return
	}
	l.last = float64(l.lost) / float64(l.total)
	l.sentRate, l.cameRate = 8*float64(l.sent)/span.Seconds(), 8*float64(l.came)/span.Seconds()
	l.total, l.due = 0, true
	if l.end > l.inherentUntil {
		l.inherent = 0
	}
}

// verdict tells whether the loss is congestion, and if so what rate the way
// carries, in bit/s. queued says that a queue stands.
func (l *loss) verdict(queued bool) (congested bool, rate float64) {
	if !l.due {
		return false, 0
	}
	l.due = false
	limit := max(heavyLoss, 1.5*l.inherent)
	if queued {
		limit = queuedLoss
	}
	if l.last <= limit {
		l.heavy, l.blamed = 0, 0
		return false, 0
	}
	if l.heavy++; l.heavy < 2 && l.last < severeLoss {
		return false, 0
	}
	if l.blamed > 0 && !queued && l.last > 0.7*l.blamed && l.sentRate < 0.7*l.blamedRate {
		// Less was sent, and the same share is lost.
		l.inherent, l.inherentUntil = l.last, l.end+inherentFor
		l.heavy, l.blamed = 0, 0
		return false, 0
	}
	if l.blamed == 0 {
		l.blamed, l.blamedRate = l.last, l.sentRate
	}
	return true, 0.95 * l.cameRate
}
