//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize = 64
	// mtu is more than any datagram of the server.
	mtu = 1600
	// peek is all of a datagram that is copied once a subscriber has media: the
	// header of RTP is counted, and a connectivity check fits.
	peek = 256
)

// mmsghdr is what recvmmsg(2) fills in.
type mmsghdr struct {
	unix.Msghdr
	length uint32
	_      [4]byte
}

// A batch is memory for one recvmmsg.
type batch struct {
	messages [batchSize]mmsghdr
	vectors  [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrInet6
	buffers  [batchSize][mtu]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.messages {
		b.vectors[i].Base = &b.buffers[i][0]
		b.messages[i].Iov = &b.vectors[i]
		b.messages[i].SetIovlen(1)
		b.messages[i].Name = (*byte)(unsafe.Pointer(&b.names[i]))
	}
	return b
}

// receive reads what is there, of each datagram at most limit bytes, and returns
// how many datagrams came. It does not block.
func (b *batch) receive(fd int, limit int) (int, error) {
	for i := range b.messages {
		b.vectors[i].SetLen(limit)
		b.messages[i].Namelen = unix.SizeofSockaddrInet6
	}
	// With MSG_TRUNC the length is that on the wire.
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])),
		batchSize, unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// datagram returns what was copied of a datagram and its length on the wire.
func (b *batch) datagram(i, limit int) (data []byte, length int) {
	length = int(b.messages[i].length)
	return b.buffers[i][:min(length, limit)], length
}

// from returns the sender of a datagram.
func (b *batch) from(i int) netip.AddrPort {
	name := &b.names[i]
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	switch name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), port)
	}
	return netip.AddrPort{}
}
