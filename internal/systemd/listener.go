// Package systemd is how the server and the service manager that started it talk
// (sd_notify(3), sd_listen_fds(3)). Without one there is nothing to do, and
// nothing is done.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// socketName is what FileDescriptorName= calls the socket where there are
// several.
const socketName = "http"

// Listener returns the TCP listener that systemd has opened for this process,
// nil when it has opened none. systemd keeps a copy: closing ours refuses
// nobody, who connects then waits for the next process.
//
// Where several sockets were passed, ours is the one named http. The others are
// closed. The error is one line. The variables of the protocol are taken out of
// the environment, so a second call finds nothing.
func Listener() (net.Listener, error) {
	return choose(activation.Files(true))
}

// choose takes the listener from among the files and closes all of them.
func choose(files []*os.File) (net.Listener, error) {
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if len(files) == 0 {
		return nil, nil
	}
	var named, others []*os.File
	for _, f := range files {
		if f.Name() == socketName {
			named = append(named, f)
		} else if unsuitable(f) == "" {
			others = append(others, f)
		}
	}
	switch {
	case len(named) == 1:
		return listen(named[0])
	case len(named) > 1:
		return nil, fmt.Errorf("systemd passes %d sockets named %s: one is enough, [::]:port takes IPv4 too", len(named), socketName)
	case len(others) == 1:
		return listen(others[0])
	case len(others) > 1:
		return nil, fmt.Errorf("systemd passes %d listening sockets and calls none %s: set FileDescriptorName=%s", len(others), socketName, socketName)
	}
	return listen(files[0]) // says what is wrong with it
}

func listen(f *os.File) (net.Listener, error) {
	if why := unsuitable(f); why != "" {
		return nil, fmt.Errorf("the socket %s that systemd passes %s: want ListenStream= with a TCP port", label(f), why)
	}
	listener, err := net.FileListener(f) // a copy
	if err != nil {
		return nil, fmt.Errorf("the socket %s that systemd passes: %w", label(f), err)
	}
	return listener, nil
}

// label keeps the name that a unit file gives on one line.
func label(f *os.File) string { return fmt.Sprintf("%q", strings.ToValidUTF8(f.Name(), "?")) }
