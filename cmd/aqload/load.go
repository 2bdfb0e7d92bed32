//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/recovery"
)

// A load is everybody who is in the rooms of one server, and what is measured
// of them.
type load struct {
	// Set by newLoad, then constant.
	cfg     options
	url     string
	pid     int // 0: unknown
	out     io.Writer
	net     transport.Net
	network webrtc.NetworkType
	onWay   func(name string) bool // the interface that leads to the server
	poller  *poller
	latency samples // of packets
	chats   samples
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	// mu guards what follows.
	mu       sync.Mutex
	people   []*person
	failures []error
	named    int
}

func newLoad(cfg options, address string, pid int, out io.Writer) (*load, error) {
	network, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("read the network interfaces: %w", err)
	}
	l := &load{cfg: cfg, url: address, pid: pid, out: out, net: network}
	if err := l.findWay(); err != nil {
		return nil, err
	}
	if l.poller, err = newPoller(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	l.wg.Go(func() { // ends with cancel
		defer recovery.RecoverWithPrefix("receiver reports")
		l.reports(ctx)
	})
	return l, nil
}

// findWay chooses the one interface that leads to the server, so that nobody
// opens sockets on others.
func (l *load) findWay() error {
	u, err := url.Parse(l.url)
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", net.JoinHostPort(u.Hostname(), "9"))
	if err != nil {
		return fmt.Errorf("no way to the server: %w", err)
	}
	local := conn.LocalAddr().(*net.UDPAddr).IP
	if err := conn.Close(); err != nil {
		return err
	}
	l.network = webrtc.NetworkTypeUDP4
	if local.To4() == nil {
		l.network = webrtc.NetworkTypeUDP6
	}
	interfaces, err := l.net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		if slices.ContainsFunc(addrs, func(a net.Addr) bool {
			ip, ok := a.(*net.IPNet)
			return ok && ip.IP.Equal(local)
		}) {
			name := i.Name
			l.onWay = func(other string) bool { return other == name }
			return nil
		}
	}
	return fmt.Errorf("no interface has the address %v", local)
}

// reports has each light subscriber send a receiver report every second, spread
// over the second.
func (l *load) reports(ctx context.Context) {
	const parts = 50
	tick := time.NewTicker(time.Second / parts)
	defer tick.Stop()
	for part := 0; ; part = (part + 1) % parts {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, p := range l.everybody() {
			if i%parts == part && !p.full {
				p.report()
			}
		}
	}
}

func (l *load) everybody() []*person {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.people)
}

func (l *load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, err)
}

// name makes one that nobody has.
func (l *load) name(kind string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.named++
	return fmt.Sprint(kind, " ", l.named)
}

// enter is join with the person among the others, and a failure among the
// failures.
func (l *load) enter(ctx context.Context, room string, r role) *person {
	kind := "subscriber"
	if r.publishes {
		kind = "publisher"
	}
	name := l.name(kind)
	p, err := l.join(ctx, room, name, r)
	if p != nil {
		l.mu.Lock()
		l.people = append(l.people, p)
		l.mu.Unlock()
	}
	if err != nil && ctx.Err() == nil {
		l.failed(fmt.Errorf("%s in %s: %w", name, room, err))
	}
	return p
}

// leave takes people out.
func (l *load) leave(people []*person) {
	l.mu.Lock()
	l.people = slices.DeleteFunc(l.people, func(p *person) bool { return slices.Contains(people, p) })
	l.mu.Unlock()
	work := make(chan *person)
	var wg sync.WaitGroup
	for range 64 { // each waits for the server's part of the closing handshake
		wg.Go(func() {
			defer recovery.RecoverWithPrefix("leave")
			for p := range work {
				p.client.Close()
			}
		})
	}
	for _, p := range people {
		work <- p
	}
	close(work)
	wg.Wait()
}

// close takes everybody out and ends what newLoad started.
func (l *load) close() {
	l.leave(l.everybody())
	l.cancel()
	l.wg.Wait()
	l.poller.close()
}
