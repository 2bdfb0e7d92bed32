//go:build unix

package systemd

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// named is a copy of a socket under the name that a unit gives it.
func named(t *testing.T, socket interface{ File() (*os.File, error) }, name string) *os.File {
	t.Helper()
	file, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	copied := -1
	if err := raw.Control(func(fd uintptr) { copied, err = syscall.Dup(int(fd)) }); err != nil || copied < 0 {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(copied), name)
}

func TestChoice(t *testing.T) {
	var tcp [2]*net.TCPListener
	for i := range tcp {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		tcp[i] = l.(*net.TCPListener)
	}
	udp, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()

	type files = []*os.File
	for _, tt := range []struct {
		what  string
		files files
		want  net.Listener // has its address
		says  string       // part of the error
	}{
		{"nothing", nil, nil, ""},
		{"one of any name", files{named(t, tcp[0], "LISTEN_FD_3")}, tcp[0], ""},
		{"the only stream socket", files{named(t, udp, "media"), named(t, tcp[1], "x")}, tcp[1], ""},
		{"the one named http", files{named(t, tcp[0], "other"), named(t, tcp[1], "http")}, tcp[1], ""},
		{"http is UDP", files{named(t, tcp[0], "other"), named(t, udp, "http")}, nil, `"http" that systemd passes is no stream socket`},
		{"two named http", files{named(t, tcp[0], "http"), named(t, tcp[1], "http")}, nil, "2 sockets named http"},
		{"two without the name", files{named(t, tcp[0], "a"), named(t, tcp[1], "b")}, nil, "FileDescriptorName=http"},
		{"UDP alone", files{named(t, udp, "a\nb")}, nil, `"a\nb" that systemd passes is no stream socket`},
	} {
		listener, err := choose(tt.files)
		switch {
		case tt.says != "":
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", tt.what, err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case tt.want == nil:
			if listener != nil {
				t.Errorf("%s: %v", tt.what, listener.Addr())
			}
		case listener == nil || listener.Addr().String() != tt.want.Addr().String():
			t.Errorf("%s: %v, want %v", tt.what, listener, tt.want.Addr())
		default:
			listener.Close()
		}
		for _, f := range tt.files {
			if f.Close() == nil {
				t.Errorf("%s: %s was left open", tt.what, f.Name())
			}
		}
	}
}
