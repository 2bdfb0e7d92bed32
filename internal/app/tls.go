package app

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"aq-server/internal/certs"
	"aq-server/internal/config"
)

// certificate is what TLS needs to know.
type certificate struct {
	get   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	first *tls.Certificate // at the start
}

// renewalTime is how long before its end a certificate should have been renewed.
// The usual tools do it 30 days before.
const renewalTime = 14 * 24 * time.Hour

// check returns "ok" or what is wrong, for /health: a warning, since those who
// are connected stay so.
func (c *certificate) check(now time.Time) string {
	cert, err := c.get(nil)
	if err != nil {
		return err.Error()
	}
	switch left := cert.Leaf.NotAfter.Sub(now); {
	case left < 0:
		return "expired on " + cert.Leaf.NotAfter.UTC().Format(time.DateOnly)
	case left < renewalTime:
		return "expires on " + cert.Leaf.NotAfter.UTC().Format(time.DateOnly) + " and was not renewed"
	}
	return "ok"
}

// loadCertificate returns nil without TLS.
func (a *App) loadCertificate() (*certificate, error) {
	switch {
	case a.config.TLSCert != "":
		files, err := certs.NewFiles(a.config.TLSCert, a.config.TLSKey, a.log)
		if err != nil {
			return nil, config.Bad("TLS_CERT", a.config.TLSCert,
				fmt.Sprintf("a certificate and its key that can be used: %v", err))
		}
		first, err := files.GetCertificate(nil)
		return &certificate{files.GetCertificate, first}, err
	case a.config.TLS != "":
		addrs, err := localAddrs()
		if err != nil {
			return nil, err
		}
		names := []string{"localhost"}
		if host, err := os.Hostname(); err == nil && x509Name(host) {
			names = append(names, host)
			if !strings.Contains(host, ".") {
				names = append(names, host+".local") // as mDNS names it in a LAN
			}
		}
		cert, err := certs.SelfSigned(names, append(addrs, a.config.PublicIPs...), time.Now())
		if err != nil {
			return nil, err
		}
		return &certificate{func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }, cert}, nil
	}
	return nil, nil
}

// x509Name reports whether a host name may stand in a certificate.
func x509Name(host string) bool {
	probe := x509.Certificate{DNSNames: []string{host}}
	return host != "localhost" && probe.VerifyHostname(host) == nil
}

// localAddrs returns the addresses of this machine that others can name:
// without link-local ones, loopback last.
func localAddrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("read the network interfaces: %w", err)
	}
	var addrs, loopback []netip.Addr
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		switch addr := prefix.Addr().Unmap(); {
		case addr.IsLoopback():
			loopback = append(loopback, addr)
		case !addr.IsLinkLocalUnicast():
			addrs = append(addrs, addr)
		}
	}
	return append(addrs, loopback...), nil
}

// listener serves TLS on what inner accepts. Whoever comes by plain HTTP, as a
// browser does when only "host:8080" was typed, is sent to https.
func (c *certificate) listener(inner net.Listener) net.Listener {
	return tls.NewListener(plainListener{inner}, certs.Config(c.get))
}

type plainListener struct{ net.Listener }

func (l plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &plainConn{Conn: conn}, nil
}

// plainConn looks at the first byte that TLS reads. Only the goroutine that
// does the handshake calls Read before it is over, under the deadline that
// net/http sets for it.
type plainConn struct {
	net.Conn
	looked bool
}

// recordHandshake begins every TLS connection (RFC 8446, section 5.1).
const recordHandshake = 22

func (c *plainConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.looked || n == 0 {
		return n, err
	}
	c.looked = true
	if b[0] != recordHandshake {
		c.redirect(b[:n])
		return 0, io.EOF
	}
	return n, err
}

// redirect answers one plain HTTP request that begins with start.
func (c *plainConn) redirect(start []byte) {
	const most = 16 << 10
	reader := io.LimitReader(io.MultiReader(bytes.NewReader(start), c.Conn), most)
	r, err := http.ReadRequest(bufio.NewReader(reader))
	if err != nil || r.Host == "" || strings.ContainsAny(r.Host, "/\\?#@") || !strings.HasPrefix(r.RequestURI, "/") {
		_, _ = io.WriteString(c.Conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		return
	}
	// ReadRequest lets no control characters pass in either.
	_, _ = fmt.Fprintf(c.Conn, "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://%s%s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		r.Host, r.RequestURI)
}
