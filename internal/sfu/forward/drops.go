package forward

// Reason says why Push refused a packet.
type Reason uint8

// The reasons.
const (
	DropNotCurrent      Reason = iota // neither of the current stream nor of the target
	DropWaitingKeyframe               // of the target, before its keyframe
	DropDuplicate                     // sent before, or deliberately not sent before
	DropBeforeSwitch                  // of the current stream, older than the switch to it
	DropTooOld                        // later than any repair makes sense
	DropPadding                       // has no payload
	reasons
)

var reasonNames = [reasons]string{
	"not_current", "waiting_keyframe", "duplicate", "before_switch", "too_old", "padding",
}

// String returns the reason as metrics spell it.
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return reasonNames[r]
}

// Drops counts refused packets by Reason.
type Drops [reasons]uint64

func (f *Forwarder) drop(r Reason) bool {
	f.drops[r]++
	return false
}

// Drops returns the packets refused so far.
func (f *Forwarder) Drops() Drops { return f.drops }

// Sent returns the packets and payload octets sent so far, resends excluded,
// as sender reports count them (RFC 3550 section 6.4.1; modulo 2^32 there).
func (f *Forwarder) Sent() (packets, octets uint64) { return f.packets, f.octets }
