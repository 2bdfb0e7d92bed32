package webrtcapi

import (
	"fmt"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"
)

// WithAddresses adds to the text of a description the candidates of all addresses
// that ICE was not shown (see portMux): beside each candidate of the first address
// of a family, those of its other addresses, which come after it in priority
// (RFC 8445, section 5.1.2).
func (a *API) WithAddresses(text string) string {
	all := a.mux.addresses()
	if len(all) < 2 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 256)
	for line := range strings.SplitAfterSeq(text, "\n") {
		b.WriteString(line)
		addOthers(&b, line, all)
	}
	return b.String()
}

// addOthers writes the candidates of the other addresses behind that of a first
// one. The fields of a candidate are foundation, component, transport, priority,
// address, port, "typ" and the rest (RFC 8839, section 5.1).
func addOthers(b *strings.Builder, line string, all []netip.AddrPort) {
	if !strings.HasPrefix(line, "a=candidate:") {
		return
	}
	fields := strings.SplitN(line, " ", 7)
	if len(fields) < 7 || !strings.HasPrefix(fields[6], "typ host") {
		return
	}
	priority, err := strconv.ParseUint(fields[3], 10, 32)
	if err != nil {
		return
	}
	at, err := netip.ParseAddr(fields[4])
	if err != nil {
		return
	}
	first := true
	for _, other := range all {
		if other.Addr().Is6() != at.Is6() {
			continue
		}
		if first {
			if first = false; other.Addr() != at {
				return // a public address, say
			}
			continue
		}
		priority -= 1 << 8 // of the local preference
		address := other.Addr().String()
		fmt.Fprintf(b, "a=candidate:%d %s %s %d %s %d %s",
			crc32.ChecksumIEEE([]byte("host"+address)), fields[1], fields[2], priority, address, other.Port(), fields[6])
	}
}
