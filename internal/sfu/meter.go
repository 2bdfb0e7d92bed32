package sfu

const (
	meterWindow  = 500e6 // ns
	meterSettles = 4     // windows until a lower rate counts
)

// meter measures what a layer costs to forward. Guarded by layer.mu.
type meter struct {
	start  int64 // of the window, session time in ns
	octets int64
	bps    int64 // of the windows before; 0: none yet
}

// add counts a packet of so many octets of payload that came at this time.
func (m *meter) add(payload int, at int64) {
	if m.start == 0 {
		m.start = at
	}
	if elapsed := at - m.start; elapsed >= meterWindow {
		now := m.octets * 8 * 1e9 / elapsed
		if elapsed < 2*meterWindow {
			m.bps = max(now, m.bps+(now-m.bps)/meterSettles)
		} // else it was switched off meanwhile: that says nothing
		m.start, m.octets = at, 0
	}
	m.octets += int64(payload + wireOverhead)
}

// bitrate returns what the layer costs on the wire toward a subscriber, in
// bit/s: a rise counts at once, a fall after about two seconds. It is kept while
// the layer does not flow; 0 when it has just begun.
func (l *layer) bitrate() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.meter.bps
}
