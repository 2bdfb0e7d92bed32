//go:build unix

package handlers

import (
	"os"
	"syscall"
)

// fileLimit returns how many descriptors this process may have open, 0 when
// unknown. It may change while the process runs (prlimit(1)).
func fileLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), 1<<30)) // RLIM_INFINITY is larger than an int
}

// openFiles returns how many descriptors are open, -1 when unknown. When there is
// none left to look with, all are.
func openFiles() int {
	dir, err := os.Open("/dev/fd") // on Linux a link to /proc/self/fd
	if err != nil {
		if os.IsNotExist(err) || os.IsPermission(err) {
			return -1
		}
		return fileLimit()
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return -1
	}
	return len(names) - 1 // without the one we looked with
}
