package sfu

const (
	meterWindow  = 500e6 // ns
	meterSettles = 4     // windows until a change counts: keyframes come and go
)

// meter measures what a layer costs to forward. Guarded by layer.mu.
type meter struct {
	start  int64 // of the window, session time in ns
	octets int64
	last   int64 // bit/s of the last whole window
	mean   int64 // of those before as well; 0: none yet
}

// add counts a packet of so many octets of payload that came at this time.
func (m *meter) add(payload int, at int64) {
	if m.start == 0 {
		m.start = at
	}
	if elapsed := at - m.start; elapsed >= meterWindow {
		if elapsed < 2*meterWindow {
			m.last = m.octets * 8 * 1e9 / elapsed
			if m.mean == 0 {
				m.mean = m.last
			}
			m.mean += (m.last - m.mean) / meterSettles
		} // else it was switched off meanwhile: that says nothing
		m.start, m.octets = at, 0
	}
	m.octets += int64(payload + wireOverhead)
}

// bitrate returns what the layer costs on the wire toward a subscriber, in
// bit/s: the mean of about two seconds, and what it was just now. Both are kept
// while the layer does not flow, and 0 when it has just begun.
func (l *layer) bitrate() (mean, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.meter.mean, l.meter.last
}
