package metrics

// RestartCause says why an ICE restart was offered.
type RestartCause int

// Why media is restarted.
const (
	RestartClient   RestartCause = iota // the client asked for it
	RestartSilence                      // nothing came, but the client answered on his socket
	RestartFailed                       // ICE had given up
	RestartRepeated                     // an earlier one did not lead back
	RestartWatchdog                     // a track did not arrive, whatever was tried
	restartCauses
)

var restartNames = [restartCauses]string{"client", "silence", "failed", "repeated", "watchdog"}

// String returns the cause as the metrics show it.
func (c RestartCause) String() string { return restartNames[c] }

// FaultCause says what was wrong with a track on its way to a subscriber.
type FaultCause int

// What the watchdog finds.
const (
	FaultNotOffered  FaultCause = iota // no m-line carries it, though one should
	FaultNoKeyframe                    // its publisher sends no keyframe to begin with
	FaultNotSent                       // it comes in and does not go out
	FaultNotReceived                   // the subscriber's reports do not know it
	FaultFrozen                        // the subscriber gets keyframes and asks for more
	faultCauses
)

var faultNames = [faultCauses]string{"not_offered", "no_keyframe", "not_sent", "not_received", "frozen"}

// String returns the cause as the metrics show it.
func (c FaultCause) String() string { return faultNames[c] }

// RepairStep is what the watchdog does about a track, the mildest first.
type RepairStep int

// What the watchdog does.
const (
	RepairOffer      RepairStep = iota // compare anew, and offer what is missing
	RepairKeyframe                     // subscribe anew, with a keyframe
	RepairSender                       // a new sender on the m-line
	RepairRestart                      // an ICE restart
	RepairConnection                   // a new PeerConnection
	repairSteps
)

var repairNames = [repairSteps]string{"offer", "keyframe", "sender", "restart", "connection"}

// String returns the step as the metrics show it.
func (s RepairStep) String() string { return repairNames[s] }
