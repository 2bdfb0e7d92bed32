package config

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// Origins is a list of web origins (RFC 6454), each lower-case
// scheme://host[:port] without the default port of its scheme.
type Origins []string

// UnmarshalText parses a comma-separated list. A wildcard is refused: with it
// any page on the web could join with the visitor's network access.
func (o *Origins) UnmarshalText(text []byte) error {
	*o = nil
	for part := range split(text) {
		u, err := url.Parse(part)
		if err != nil {
			return err
		}
		if u.Scheme == "" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" ||
			u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(u.Host, "*") {
			return errors.New("not an origin")
		}
		origin := strings.ToLower(u.Scheme + "://" + u.Host)
		switch u.Scheme {
		case "http":
			origin = strings.TrimSuffix(origin, ":80")
		case "https":
			origin = strings.TrimSuffix(origin, ":443")
		}
		*o = append(*o, origin)
	}
	return nil
}

// Embedder is a list of Origins whose pages may show ours.
type Embedder = Origins

// Addrs is a list of unicast addresses without zones.
type Addrs []netip.Addr

// UnmarshalText parses a comma-separated list.
func (a *Addrs) UnmarshalText(text []byte) error {
	*a = nil
	for part := range split(text) {
		addr, err := netip.ParseAddr(part)
		if err != nil {
			return err
		}
		if addr = addr.Unmap(); addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
			return errors.New("not an address that clients can reach")
		}
		*a = append(*a, addr)
	}
	return nil
}

// Networks is a list of masked address prefixes.
type Networks []netip.Prefix

// UnmarshalText parses a comma-separated list of addresses and prefixes. A
// single address stands for itself alone.
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for part := range split(text) {
		prefix, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			addr = addr.Unmap()
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return err
		}
		*n = append(*n, prefix.Masked())
	}
	return nil
}

// Contains reports whether one of the networks holds addr, which may be an
// IPv4 address in IPv6 form.
func (n Networks) Contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, prefix := range n {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// split yields the parts of a comma-separated list without the spaces around
// them, empty ones included so that a stray comma is an error.
func split(text []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(string(text), ",") {
			if !yield(strings.TrimSpace(part)) {
				return
			}
		}
	}
}
