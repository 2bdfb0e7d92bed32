package app

import (
	"net"
	"strings"

	"aq-server/internal/certs"
	"aq-server/internal/routes"
)

// announce logs the URLs to open, and what somebody who tries the server for
// the first time would otherwise have to find out.
func (a *App) announce(cert *certificate) {
	_, port, _ := net.SplitHostPort(a.listener.Addr().String()) // our own listener
	addrs, _ := localAddrs()                                    // without it there is less to tell
	a.log.Info("listening", "port", port, "media_addresses", len(a.api.Addresses()), "version", a.version)

	if cert == nil {
		a.log.Info("open in a browser", "url", pageURL("http", "localhost", port))
		a.log.Info("browsers give cameras and microphones only to https and to localhost; " +
			"for other devices set TLS=self-signed (in a LAN), or TLS_CERT and TLS_KEY, or put an https proxy in front")
		return
	}
	names := cert.first.Leaf.DNSNames
	if a.config.TLS != "" {
		names = []string{"localhost"}
		for _, addr := range addrs {
			if !addr.IsLoopback() {
				names = append(names, addr.String())
			}
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "*") {
			a.log.Info("open in a browser", "url", pageURL("https", name, port))
		}
	}
	if a.config.TLS != "" {
		a.log.Info("the certificate is self-signed: browsers will warn, and show this fingerprint",
			"sha256", certs.Fingerprint(cert.first))
	}
}

func pageURL(scheme, host, port string) string {
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return scheme + "://" + host + routes.PagePath
	}
	return scheme + "://" + net.JoinHostPort(host, port) + routes.PagePath
}
