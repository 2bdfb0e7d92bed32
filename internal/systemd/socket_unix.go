//go:build unix

package systemd

import (
	"os"
	"syscall"
)

// unsuitable says why a file is no listening TCP socket, or nothing.
func unsuitable(f *os.File) string {
	raw, err := f.SyscallConn() // Fd would change its mode
	if err != nil {
		return err.Error()
	}
	why := ""
	err = raw.Control(func(fd uintptr) { why = look(int(fd)) })
	if err != nil {
		return err.Error()
	}
	return why
}

func look(fd int) string {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil {
		return "is no socket"
	}
	if kind != syscall.SOCK_STREAM {
		return "is no stream socket"
	}
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		return err.Error()
	}
	switch addr.(type) {
	case *syscall.SockaddrInet4, *syscall.SockaddrInet6:
	default:
		return "is no TCP socket"
	}
	if on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || on == 0 {
		return "does not listen (Accept=yes?)"
	}
	return ""
}
