// Package certs provides the TLS certificate: from files that are loaded again
// when they change, or self-signed for a try-out.
package certs

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkInterval is how often handshakes look at the files, at most.
const checkInterval = time.Second

// Files is a certificate from two PEM files. Safe for concurrent use.
type Files struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex // never held while reading a file
	current *tls.Certificate
	loaded  stamp     // of the files at the last attempt, good or not
	checked time.Time // when the files were looked at last
	busy    bool      // a handshake is looking at the files now
}

// stamp tells whether files have changed. Symbolic links are followed, so the
// ways of certbot and of Kubernetes both work.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

// NewFiles loads the certificate. The error names the file that is to blame.
func NewFiles(certFile, keyFile string, log *slog.Logger) (*Files, error) {
	f := &Files{certFile: certFile, keyFile: keyFile, log: log, now: time.Now}
	var err error
	if f.loaded, err = f.stat(); err != nil {
		return nil, err
	}
	if f.current, err = f.load(); err != nil {
		return nil, err
	}
	f.checked = f.now()
	return f, nil
}

// GetCertificate is for tls.Config. It returns the certificate of the files as
// they are now, looking at most once a second. When the new files cannot be
// used, the one before goes on, and the log says why, once for each change.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	current, last := f.current, f.loaded
	if f.busy || f.now().Sub(f.checked) < checkInterval {
		f.mu.Unlock()
		return current, nil
	}
	f.busy, f.checked = true, f.now()
	f.mu.Unlock()

	next, nextStamp := f.reload(current, last)

	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.loaded, f.busy = next, nextStamp, false
	return next, nil
}

// reload returns the certificate to use from now on and the stamp of the files
// it looked at.
func (f *Files) reload(current *tls.Certificate, last stamp) (*tls.Certificate, stamp) {
	now, err := f.stat()
	if err != nil {
		if last != (stamp{}) { // first time after a good look
			f.log.Error("TLS certificate cannot be read, keeping the one before", "err", err)
		}
		return current, stamp{}
	}
	if now == last {
		return current, last
	}
	next, err := f.load()
	if err != nil {
		f.log.Error("TLS certificate cannot be used, keeping the one before", "err", err)
		return current, now
	}
	f.log.Info("TLS certificate loaded again", "not_after", next.Leaf.NotAfter)
	return next, now
}

func (f *Files) stat() (stamp, error) {
	cert, err := os.Stat(f.certFile)
	if err != nil {
		return stamp{}, err
	}
	key, err := os.Stat(f.keyFile)
	if err != nil {
		return stamp{}, err
	}
	return stamp{cert.ModTime(), key.ModTime(), cert.Size(), key.Size()}, nil
}

func (f *Files) load() (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
	if err != nil {
		return nil, fmt.Errorf("load %s and %s: %w", f.certFile, f.keyFile, err)
	}
	if f.now().After(cert.Leaf.NotAfter) {
		f.log.Warn("TLS certificate has expired", "not_after", cert.Leaf.NotAfter)
	}
	return &cert, nil
}

// Config returns the server's TLS settings around a source of certificates. The
// page is many small files, for which HTTP/2 needs one connection and no queue. A
// WebSocket needs HTTP/1.1 (RFC 6455, section 4.1): browsers open a connection of
// its own for it, and offer nothing else there.
func Config(get func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: get,
	}
}
