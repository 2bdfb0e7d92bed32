//go:build linux

package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"aq-server/internal/recovery"
)

// restBetween is the pause between two rounds of the poller while nobody joins.
// It is no wait for a condition but the point of the poller: a reader that sleeps
// in epoll_wait is woken by every burst, and the server's core pays for that.
const restBetween = time.Millisecond

// A poller reads the sockets of all light subscribers on one goroutine.
type poller struct {
	epoll, wake int
	// joining counts those who have no media yet: no rest, so that their
	// handshakes are not slowed down.
	joining atomic.Int64

	// Owned by the goroutine.
	batch *batch

	// mu guards what follows. Order: socket.mu is taken without it.
	mu      sync.Mutex
	sockets map[int]*socket
	leaving []*socket
	stopped bool

	done sync.WaitGroup
}

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	p := &poller{epoll: epoll, wake: wake, batch: newBatch(), sockets: map[int]*socket{}}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		_ = errors.Join(unix.Close(epoll), unix.Close(wake))
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p.done.Go(func() { // ends with close
		defer recovery.RecoverWithPrefix("poller")
		p.run()
	})
	return p, nil
}

// add begins to read a socket.
func (p *poller) add(s *socket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errClosed
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&0xffffffff, Fd: int32(s.fd)}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	p.sockets[s.fd] = s
	return nil
}

// remove has the goroutine close a socket, which may be reading it now.
func (p *poller) remove(s *socket) {
	p.mu.Lock()
	p.leaving = append(p.leaving, s)
	p.mu.Unlock()
	p.signal()
}

func (p *poller) signal() { _, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// close ends the goroutine and closes the sockets that are left.
func (p *poller) close() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.signal()
	p.done.Wait()
	_ = errors.Join(unix.Close(p.epoll), unix.Close(p.wake))
}

func (p *poller) run() {
	events := make([]unix.EpollEvent, 512)
	for {
		n, err := unix.EpollWait(p.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			panic(err) // nothing but a bug of ours
		}
		for _, event := range events[:max(n, 0)] {
			if int(event.Fd) == p.wake {
				if p.woken() {
					return
				}
				continue
			}
			p.mu.Lock()
			s := p.sockets[int(event.Fd)]
			p.mu.Unlock()
			if s != nil {
				s.drain(p.batch)
			}
		}
		if p.joining.Load() == 0 {
			time.Sleep(restBetween)
		}
	}
}

// woken closes the sockets that have left, and all at the end.
func (p *poller) woken() (stop bool) {
	var count [8]byte
	_, _ = unix.Read(p.wake, count[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.leaving {
		if p.sockets[s.fd] == s {
			delete(p.sockets, s.fd)
			s.release()
		}
	}
	p.leaving = nil
	if p.stopped {
		for _, s := range p.sockets {
			s.release()
		}
	}
	return p.stopped
}
