package udpio

import (
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"aq-server/internal/metrics"
)

const (
	// readMessages is how many datagrams one recvmmsg(2) takes.
	readMessages = 32
	// controlSize is that of one control message with two octets of data:
	// CMSG_SPACE(sizeof(uint16)) on every 64-bit and 32-bit Linux.
	controlSize = unix.SizeofCmsghdr + 8
)

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// sockaddr is a struct sockaddr_in or sockaddr_in6, ready for the kernel.
type sockaddr struct {
	raw  [unix.SizeofSockaddrInet6]byte
	size uint32
}

// kernel is a socket of Linux.
//
// Its system calls never wait (MSG_DONTWAIT), so they are made without telling
// Go's scheduler: a call that it knows of wakes its monitor thread, which then
// looks around every 20 us for a while, and takes the processor's work to another
// thread if the call lasts that long. For a server that sends thirty bursts a
// second that was a fifth of its time (docs/adr/0008-packet-path.md).
type kernel struct {
	raw syscall.RawConn
	v6  bool
	gso atomic.Bool
	log *slog.Logger

	// Owned by the reader: what the last system call brought.
	incoming *incoming
}

func newKernel(conn *net.UDPConn, log *slog.Logger) *kernel {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	k := &kernel{raw: raw, log: log}
	local, _ := conn.LocalAddr().(*net.UDPAddr)
	k.v6 = local != nil && local.IP.To4() == nil
	k.incoming = newIncoming(k)
	_ = raw.Control(func(fd uintptr) {
		// The option cannot be set on kernels before 4.18. 0 leaves messages
		// without the control message as they are.
		k.gso.Store(unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT, 0) == nil)
		k.sizeBuffers(int(fd))
	})
	return k
}

// sizeBuffers asks for Buffer octets each way, and says when the kernel grants
// less. The kernel counts its own bookkeeping too and doubles what it is asked
// for (socket(7)).
func (k *kernel) sizeBuffers(fd int) {
	for _, b := range []struct {
		option, force int
		limit         string
	}{
		{unix.SO_RCVBUF, unix.SO_RCVBUFFORCE, "net.core.rmem_max"},
		{unix.SO_SNDBUF, unix.SO_SNDBUFFORCE, "net.core.wmem_max"},
	} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, b.force, Buffer) != nil { // needs CAP_NET_ADMIN
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, b.option, Buffer)
		}
		if granted, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, b.option); err == nil && granted/2 < Buffer {
			warnBuffers.Do(func() {
				k.log.Warn("the kernel limits the buffers of the media socket: large rooms may lose packets in bursts",
					"granted", granted/2, "wanted", Buffer, "raise", b.limit)
			})
		}
	}
}

// sockaddr encodes an address for this socket.
func (k *kernel) sockaddr(to netip.AddrPort) (s sockaddr) {
	if !k.v6 {
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		a.Family, a.Addr = unix.AF_INET, to.Addr().As4()
		putPort(&a.Port, to.Port())
		s.size = unix.SizeofSockaddrInet4
		return s
	}
	a := (*unix.RawSockaddrInet6)(unsafe.Pointer(&s.raw))
	a.Family, a.Addr = unix.AF_INET6, to.Addr().As16()
	putPort(&a.Port, to.Port())
	s.size = unix.SizeofSockaddrInet6
	return s
}

func putPort(at *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(at))[:], port)
}

func getPort(at *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(at))[:])
}

// incoming is what one recvmmsg(2) brought.
type incoming struct {
	headers [readMessages]mmsghdr
	vectors [readMessages]unix.Iovec
	names   [readMessages]unix.RawSockaddrInet6
	buffers [readMessages][2048]byte
	next, n int

	call func(fd uintptr) bool // made once: a closure for each read would be an allocation
	err  syscall.Errno
}

func newIncoming(k *kernel) *incoming {
	in := new(incoming)
	for i := range in.headers {
		in.vectors[i].Base = &in.buffers[i][0]
		in.vectors[i].SetLen(len(in.buffers[i]))
		h := &in.headers[i].header
		h.Iov = &in.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&in.names[i]))
	}
	in.call = func(fd uintptr) bool {
		for i := range in.headers {
			in.headers[i].header.Namelen = unix.SizeofSockaddrInet6
		}
		for {
			n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&in.headers)),
				readMessages, unix.MSG_DONTWAIT, 0, 0)
			switch errno {
			case 0:
				in.next, in.n, in.err = 0, int(n), 0
				return true
			case unix.EINTR:
			case unix.EAGAIN:
				return false // wait until it is readable
			default:
				in.n, in.err = 0, errno
				return true
			}
		}
	}
	return in
}

// read returns the next datagram, from the kernel when none is left.
func (k *kernel) read(b []byte) (int, netip.AddrPort, error) {
	in := k.incoming
	if in.next == in.n {
		in.next, in.n = 0, 0
		if err := k.raw.Read(in.call); err != nil {
			return 0, netip.AddrPort{}, err
		}
		if in.err != 0 {
			return 0, netip.AddrPort{}, os.NewSyscallError("recvmmsg", in.err)
		}
	}
	i := in.next
	in.next++
	n := copy(b, in.buffers[i][:in.headers[i].length])
	return n, in.from(i), nil
}

func (in *incoming) from(i int) netip.AddrPort {
	name := &in.names[i]
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), getPort(&v4.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), getPort(&name.Port))
}

// single is the memory of one sendto(2).
type single struct {
	data  []byte
	name  sockaddr
	call  func(fd uintptr)
	wait  func(fd uintptr) bool
	errno syscall.Errno
}

var singles = sync.Pool{New: func() any {
	s := new(single)
	s.call = func(fd uintptr) {
		for {
			_, _, s.errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.data))),
				uintptr(len(s.data)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&s.name.raw)), uintptr(s.name.size))
			if s.errno != unix.EINTR {
				return
			}
		}
	}
	s.wait = func(fd uintptr) bool {
		s.call(fd)
		return s.errno != unix.EAGAIN
	}
	return s
}}

// write sends one datagram.
func (k *kernel) write(b []byte, to netip.AddrPort) (int, error) {
	s := singles.Get().(*single)
	defer singles.Put(s)
	s.data, s.name = b, k.sockaddr(netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	err := k.raw.Control(s.call)
	if err == nil && s.errno == unix.EAGAIN {
		err = k.raw.Write(s.wait)
	}
	s.data = nil
	switch {
	case err != nil:
		return 0, err
	case s.errno != 0:
		return 0, os.NewSyscallError("sendto", s.errno)
	}
	return len(b), nil
}

// systemBatch is the memory of a batch's system calls. Everything but lengths
// and names is set once.
type systemBatch struct {
	headers  [maxMessages]mmsghdr
	vectors  [maxMessages]unix.Iovec
	controls [maxMessages][controlSize]byte
	single   mmsghdr // of a datagram that is sent again
	vector   unix.Iovec

	// Arguments and results of call, which is made once.
	call  func(fd uintptr)
	wait  func(fd uintptr) bool
	first *mmsghdr
	count int
	sent  int
	errno syscall.Errno
}

func (s *systemBatch) init() {
	for i := range s.headers {
		h := &s.headers[i].header
		h.Iov = &s.vectors[i]
		h.SetIovlen(1)
		c := (*unix.Cmsghdr)(unsafe.Pointer(&s.controls[i]))
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
	}
	s.single.header.Iov = &s.vector
	s.single.header.SetIovlen(1)
	s.call = func(fd uintptr) { s.sendmmsg(fd) }
	s.wait = func(fd uintptr) bool {
		s.sendmmsg(fd)
		return s.errno != unix.EAGAIN
	}
}

func (s *systemBatch) sendmmsg(fd uintptr) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(s.first)),
			uintptr(s.count), unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		s.sent, s.errno = int(n), errno
		if errno != 0 {
			s.sent = 0
		}
		return
	}
}

// send sends messages i to j of the batch, in their order.
func (k *kernel) send(b *Batch, i, j int, counts *metrics.Metrics) {
	s := &b.system
	for n := i; n < j; n++ {
		s.fill(n, b.at(n), b.arena)
	}
	for i < j {
		sent, errno := k.sendmmsg(s, &s.headers[i], j-i, counts)
		counts.SendCalls.Add(1)
		for range sent {
			counts.SendMessages.Add(1)
			i++
		}
		if errno != 0 && i < j {
			k.failed(b, i, errno, counts)
			i++
		}
	}
}

// fill describes a message to the kernel.
func (s *systemBatch) fill(n int, m *message, arena []byte) {
	s.vectors[n].Base = &arena[m.start]
	s.vectors[n].SetLen(m.end - m.start)
	h := &s.headers[n].header
	h.Name, h.Namelen = &m.path.name.raw[0], m.path.name.size
	h.Control = nil
	h.SetControllen(0)
	if m.count > 1 {
		c := &s.controls[n]
		*(*uint16)(unsafe.Pointer(&c[unix.CmsgLen(0)])) = uint16(m.segment)
		h.Control = &c[0]
		h.SetControllen(controlSize)
	}
}

// sendmmsg sends count messages or fewer. It waits while the socket is full:
// that is the network card's pace, and the same for all. Without the lock that
// the net package holds over a write, several goroutines can be in the kernel.
func (k *kernel) sendmmsg(s *systemBatch, headers *mmsghdr, count int, counts *metrics.Metrics) (int, syscall.Errno) {
	s.first, s.count = headers, count
	if err := k.raw.Control(s.call); err != nil {
		return 0, unix.EBADF
	}
	if s.errno == unix.EAGAIN {
		counts.SendWaits.Add(1)
		if err := k.raw.Write(s.wait); err != nil {
			return 0, unix.EBADF
		}
	}
	return s.sent, s.errno
}

// failed handles the message that the kernel refused. One of several datagrams
// is sent again, singly: EIO says that the network device cannot cut it, which
// is remembered; EINVAL and EMSGSIZE that this way carries smaller packets only.
func (k *kernel) failed(b *Batch, i int, errno syscall.Errno, counts *metrics.Metrics) {
	m := b.at(i)
	if m.count == 1 || errno == unix.EBADF {
		counts.SendFailed.Add(int64(m.count))
		return
	}
	if errno == unix.EIO && k.gso.CompareAndSwap(true, false) {
		k.log.Warn("the network device does not segment UDP: packets are sent one by one")
	}
	if errno != unix.EIO {
		m.path.narrow.Store(true)
	}
	s := &b.system
	h := &s.single.header
	h.Name, h.Namelen = &m.path.name.raw[0], m.path.name.size
	for at := m.start; at < m.end; at += m.segment {
		s.vector.Base = &b.arena[at]
		s.vector.SetLen(min(m.segment, m.end-at))
		sent, _ := k.sendmmsg(s, &s.single, 1, counts)
		counts.SendCalls.Add(1)
		if sent == 0 {
			counts.SendFailed.Add(1)
			continue
		}
		counts.SendMessages.Add(1)
		counts.SendResent.Add(1)
	}
}

// warnBuffers keeps a machine of many addresses from many warnings.
var warnBuffers sync.Once
