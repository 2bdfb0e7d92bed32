package handlers

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"aq-server/internal/types"
)

// checkOrigin keeps pages of other sites from joining in their visitors' names
// (RFC 6455, section 10.2). A client that is no browser sends no Origin and is
// let through. allowed has lower-case origins without default ports.
func checkOrigin(r *http.Request, allowed []string) *types.ProtocolError {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return nil
	}
	refusal := types.Errorf(types.CodeOrigin, "pages of this origin may not connect; see ALLOWED_ORIGINS")
	if len(values) > 1 {
		return refusal
	}
	// "null", the origin of sandboxed frames and files, has no host.
	u, err := url.Parse(values[0])
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return refusal
	}
	if sameHost(u.Hostname(), hostname(r.Host)) {
		return nil
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	switch u.Scheme { // url.Parse makes it lower case
	case "http":
		origin = strings.TrimSuffix(origin, ":80")
	case "https":
		origin = strings.TrimSuffix(origin, ":443")
	}
	for _, a := range allowed {
		if origin == a {
			return nil
		}
	}
	return refusal
}

// OriginAllowed tells whether a page of the request's origin may connect.
func OriginAllowed(r *http.Request, allowed []string) bool { return checkOrigin(r, allowed) == nil }

// hostname returns a Host header without its port and without the brackets of an
// IPv6 address.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

// sameHost compares two hostnames, in which case does not matter and a dot may
// stand at the end (RFC 4343; RFC 1034, section 3.1).
func sameHost(a, b string) bool {
	a, b = strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")
	return a != "" && strings.EqualFold(a, b)
}
