package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// write puts a new certificate for name into the two files, as of mtime.
func write(t *testing.T, certFile, keyFile, name string, mtime time.Time) {
	t.Helper()
	cert, err := SelfSigned([]string{name}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), mtime)
	writeFile(t, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), mtime)
}

func writeFile(t *testing.T, name string, data []byte, mtime time.Time) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

func TestFilesFollowChanges(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	start := time.Now().Truncate(time.Second)
	write(t, certFile, keyFile, "one.test", start)

	var logged bytes.Buffer
	f, err := NewFiles(certFile, keyFile, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	f.now = func() time.Time { return now }
	expect := func(name string) {
		t.Helper()
		cert, err := f.GetCertificate(nil)
		if err != nil || cert.Leaf.DNSNames[0] != name {
			t.Fatalf("got %v, %v, want %s", cert.Leaf.DNSNames, err, name)
		}
	}
	expect("one.test")

	write(t, certFile, keyFile, "two.test", start.Add(time.Minute))
	expect("one.test") // looked less than a second ago
	now = now.Add(2 * time.Second)
	expect("two.test")

	// A broken file keeps the old one and is told once, however many connect.
	writeFile(t, certFile, []byte("half a certif"), start.Add(2*time.Minute))
	logged.Reset()
	for range 5 {
		now = now.Add(2 * time.Second)
		expect("two.test")
	}
	if got := strings.Count(logged.String(), "level=ERROR"); got != 1 {
		t.Errorf("%d errors logged, want 1: %s", got, &logged)
	}

	// A certificate whose key is not there yet is broken as well ...
	write(t, certFile, filepath.Join(dir, "elsewhere.pem"), "three.test", start.Add(3*time.Minute))
	now = now.Add(2 * time.Second)
	expect("two.test")
	// ... and so is a missing file, until both are back.
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	logged.Reset()
	for range 5 {
		now = now.Add(2 * time.Second)
		expect("two.test")
	}
	if got := strings.Count(logged.String(), "level=ERROR"); got != 1 {
		t.Errorf("%d errors logged, want 1: %s", got, &logged)
	}
	write(t, certFile, keyFile, "four.test", start.Add(4*time.Minute))
	now = now.Add(2 * time.Second)
	expect("four.test")
}

func TestFilesErrors(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	log := slog.New(slog.DiscardHandler)
	if _, err := NewFiles(certFile, keyFile, log); err == nil || !strings.Contains(err.Error(), certFile) {
		t.Errorf("missing certificate: %v", err)
	}
	write(t, certFile, filepath.Join(dir, "other.pem"), "a.test", time.Now())
	if _, err := NewFiles(certFile, keyFile, log); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("missing key: %v", err)
	}
	write(t, filepath.Join(dir, "other.pem"), keyFile, "b.test", time.Now())
	if _, err := NewFiles(certFile, keyFile, log); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("key of another certificate: %v", err)
	}
}

// A client that knows the self-signed certificate verifies it for every name
// and address it was made for, and gets HTTP/1.1 and TLS 1.2 or better.
func TestSelfSignedHandshake(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}
	cert, err := SelfSigned([]string{"host.test", "localhost"}, addrs, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^([0-9A-F]{2}:){31}[0-9A-F]{2}$`).MatchString(Fingerprint(cert)) {
		t.Errorf("fingerprint %s", Fingerprint(cert))
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	config := Config(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil })

	handshake := func(client *tls.Config) (tls.ConnectionState, error) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			if conn, err := ln.Accept(); err == nil {
				_ = tls.Server(conn, config).Handshake()
				conn.Close()
			}
		}()
		defer func() { ln.Close(); <-served }()
		raw, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		conn := tls.Client(raw, client)
		err = conn.Handshake()
		return conn.ConnectionState(), err
	}
	for _, name := range []string{"host.test", "localhost", "192.0.2.7", "2001:db8::7"} {
		state, err := handshake(&tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil || state.NegotiatedProtocol != "h2" {
			t.Errorf("%s: protocol %q, %v", name, state.NegotiatedProtocol, err)
		}
	}
	if _, err := handshake(&tls.Config{RootCAs: roots, ServerName: "other.test"}); err == nil {
		t.Error("valid for a name it was not made for")
	}
	if _, err := handshake(&tls.Config{RootCAs: roots, ServerName: "localhost", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	if days := time.Until(cert.Leaf.NotAfter).Hours() / 24; days > 398 {
		t.Errorf("valid for %.0f days: browsers accept 398", days)
	}
}
