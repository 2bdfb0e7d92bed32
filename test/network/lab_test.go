package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"golang.org/x/sys/unix"
)

// full says whether everything runs, or the short form.
func full() bool { return os.Getenv("NETWORK") == "full" }

// onlyFull leaves a test to the full form. It is no skip: the short form is
// complete in itself.
func onlyFull(t *testing.T) bool {
	t.Helper()
	if !full() {
		t.Log("in the full form only: make test-network")
	}
	return full()
}

// script is the network lab.
var script = sync.OnceValue(func() string {
	path, err := filepath.Abs("../netlab.sh")
	if err != nil {
		panic(err)
	}
	return path
})

// unusable says why there can be no lab here, and is empty when there can.
var unusable = sync.OnceValue(func() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	for _, tool := range []string{"ip", "tc", "ss", "iptables", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "the network lab needs " + tool
		}
	}
	if out, err := exec.Command("ip", "netns", "add", "aqprobe").CombinedOutput(); err != nil {
		return "no network namespaces here: " + strings.TrimSpace(string(out))
	}
	_ = exec.Command("ip", "netns", "del", "aqprobe").Run()
	return ""
})

// lab is one network of hosts 1 to n, gone with its test.
type lab struct {
	t    *testing.T
	name string
}

var labs atomic.Int64

// newLab builds a network of so many hosts; options are those of netlab.sh up.
func newLab(t *testing.T, hosts int, options ...string) *lab {
	t.Helper()
	if why := unusable(); why != "" {
		t.Skip(why)
	}
	l := &lab{t: t, name: fmt.Sprintf("aq%dn%d", os.Getpid(), labs.Add(1))}
	t.Cleanup(func() { l.do("down") })
	l.do("up", append([]string{fmt.Sprint(hosts)}, options...)...)
	return l
}

func (l *lab) command(args ...string) *exec.Cmd {
	cmd := exec.Command(script(), args...)
	cmd.Env = append(os.Environ(), "NL_NAME="+l.name, "NL_NET=10.99.0")
	return cmd
}

// do runs a command of netlab.sh.
func (l *lab) do(command string, args ...string) {
	l.t.Helper()
	if out, err := l.command(append([]string{command}, args...)...).CombinedOutput(); err != nil {
		l.t.Errorf("netlab %s %s: %v\n%s", command, strings.Join(args, " "), err, out)
	}
}

// host is one of the machines: what is dialled or listened on through it is in
// its network. It is the transport.Net of pion clients there.
type host struct {
	transport.Net // what needs no socket
	namespace     string
	number        string
}

func (l *lab) host(i int) *host {
	l.t.Helper()
	none, err := stdnet.NewNet()
	if err != nil {
		l.t.Fatal(err)
	}
	return &host{Net: none, namespace: fmt.Sprintf("%s-h%d", l.name, i), number: fmt.Sprint(i)}
}

// The first thread of a process cannot end, so it must never be one that in
// takes away: the goroutine of TestMain keeps it.
func init() { runtime.LockOSThread() }

// in runs f on a thread that is in the host's network. A socket stays in the
// network it was made in, so that everybody may use it afterwards.
func (h *host) in(f func() error) error {
	done := make(chan error, 1)
	go func() { // ends with f; in waits for it
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- func() error {
			file, err := os.Open("/run/netns/" + h.namespace)
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }()
			if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter %s: %w", h.namespace, err)
			}
			return f()
		}()
	}()
	return <-done
}

// dial is a net.Dialer's DialContext from this host.
func (h *host) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = h.in(func() error {
		d := net.Dialer{FallbackDelay: -1} // on this thread, not on others
		conn, err = d.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// ListenUDP implements transport.Net.
func (h *host) ListenUDP(network string, local *net.UDPAddr) (conn transport.UDPConn, err error) {
	err = h.in(func() error {
		conn, err = h.Net.ListenUDP(network, local)
		return err
	})
	return conn, err
}

// ListenPacket implements transport.Net.
func (h *host) ListenPacket(network, address string) (conn net.PacketConn, err error) {
	err = h.in(func() error {
		conn, err = h.Net.ListenPacket(network, address)
		return err
	})
	return conn, err
}

// Interfaces implements transport.Net: those of this moment, since addresses
// change.
func (h *host) Interfaces() (list []*transport.Interface, err error) {
	err = h.in(func() error {
		now, err := stdnet.NewNet()
		if err != nil {
			return err
		}
		list, err = now.Interfaces()
		return err
	})
	return list, err
}

// Dial and the rest are not what host candidates need.

// Dial implements transport.Net.
func (h *host) Dial(string, string) (net.Conn, error) { return nil, errors.ErrUnsupported }

// DialUDP implements transport.Net.
func (h *host) DialUDP(string, *net.UDPAddr, *net.UDPAddr) (transport.UDPConn, error) {
	return nil, errors.ErrUnsupported
}

// DialTCP implements transport.Net.
func (h *host) DialTCP(string, *net.TCPAddr, *net.TCPAddr) (transport.TCPConn, error) {
	return nil, errors.ErrUnsupported
}
