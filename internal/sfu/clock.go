package sfu

import (
	"sync"
	"time"
)

// sessionClock gives all streams of a session one time axis: nanoseconds since
// the session began, monotonic, with the wall-clock time of its zero for NTP.
type sessionClock struct{ start time.Time }

func newSessionClock() sessionClock { return sessionClock{start: time.Now()} }

// at returns t on the axis.
func (c sessionClock) at(t time.Time) int64 { return int64(t.Sub(c.start)) }

// ntp returns a time of the axis as a 64-bit NTP timestamp (RFC 3550, section
// 4), seconds since 1900 in the upper half.
func (c sessionClock) ntp(at int64) uint64 { return toNTP(c.start.UnixNano() + at) }

const ntpEpoch = 2208988800 // seconds from 1900 to 1970

func toNTP(unixNano int64) uint64 {
	seconds := uint64(unixNano/1e9) + ntpEpoch
	fraction := uint64(unixNano%1e9) << 32 / 1e9
	return seconds<<32 | fraction
}

func fromNTP(ntp uint64) int64 {
	seconds := int64(ntp>>32) - ntpEpoch
	return seconds*1e9 + int64((ntp&0xffffffff)*1e9>>32)
}

// absSendTime is the value of the abs-send-time extension: seconds modulo 64
// in 6.18 fixed point.
func absSendTime(ntp uint64) uint32 { return uint32(ntp>>14) & 0xffffff }

// publisherClock maps the NTP time of a publisher's sender reports to the
// session's axis. All tracks of one publisher share it, so that the relation
// of his sound and his picture survives whatever his clock says.
type publisherClock struct {
	mu     sync.Mutex
	known  bool
	offset int64 // session time minus the publisher's Unix time, ns
}

// observe notes that a report with this NTP time arrived now, and returns the
// session time that it stands for. The smallest difference seen is the one
// with the least delay in it; it is let go slowly, for clocks that drift.
func (c *publisherClock) observe(ntp uint64, now int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	unix := fromNTP(ntp)
	offset := now - unix
	switch {
	case !c.known || offset < c.offset || offset-c.offset > int64(10*time.Second):
		c.known, c.offset = true, offset
	default:
		c.offset += (offset - c.offset) / 64
	}
	return unix + c.offset
}

// streamClock maps the RTP timestamps of one stream to the session's axis: by
// sender reports once there is one, by the first packet's arrival until then.
// It belongs to the layer that it is part of and is guarded by its mutex.
type streamClock struct {
	rate  int64 // Hz
	known bool
	rtp   int64 // unwrapped timestamp of the reference point
	at    int64 // session time of the reference point, ns
}

// time returns when the media with this unwrapped RTP timestamp was captured.
// The first call takes the packet's arrival as its capture.
func (c *streamClock) time(rtp, arrival int64) int64 {
	if !c.known {
		c.known, c.rtp, c.at = true, rtp, arrival
	}
	return c.at + (rtp-c.rtp)*int64(time.Second)/c.rate
}

// set moves the reference point to that of a sender report.
func (c *streamClock) set(rtp, at int64) { c.known, c.rtp, c.at = true, rtp, at }
