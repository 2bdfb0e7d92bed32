//go:build aqfault

package handlers

import "aq-server/internal/types"

// A build with the tag aqfault has an event that panics, for tests of what comes
// then. No other build has it.
func init() {
	faultPoint = func(m message) {
		if m.Event == "fault" && m.Data == "panic" {
			panic("fault point: " + string(types.CodeInternal))
		}
	}
}
