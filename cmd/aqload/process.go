//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a process has used and holds.
type usage struct {
	cpu time.Duration // user and system
	rss int64         // bytes
}

// usageOf reads /proc. Of a process that does not exist it is an error.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, err
	}
	return parseStat(string(stat))
}

// parseStat reads proc_pid_stat(5): after the name in brackets, which may hold
// anything, utime and stime are the 12th and 13th field, in ticks of 10 ms, and
// the resident pages the 22nd.
func parseStat(stat string) (usage, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return usage{}, errors.New("/proc/PID/stat: too few fields")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	pages, err3 := strconv.ParseInt(fields[21], 10, 64)
	return usage{
		cpu: time.Duration(user+system) * 10 * time.Millisecond,
		rss: pages * int64(os.Getpagesize()),
	}, errors.Join(err1, err2, err3)
}

// holdings is what a server holds beside memory.
type holdings struct {
	goroutines, descriptors float64 // 0: unknown
}

// holdingsOf asks the server's own metrics for its goroutines, if it is known where
// they are, and the kernel for its descriptors.
func holdingsOf(metrics string, pid int) (h holdings) {
	if entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		h.descriptors = float64(len(entries))
	}
	if metrics == "" {
		return h
	}
	resp, err := http.Get(metrics)
	if err != nil {
		return h
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			h.goroutines, _ = strconv.ParseFloat(value, 64)
		}
	}
	return h
}

// raiseDescriptors asks for as many as the system allows: each subscriber takes
// two.
func raiseDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// cores lists those that this process may run on.
func cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	var list []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list, nil
}

func setOf(cores []int) *unix.CPUSet {
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	return &set
}

// onCores runs f with the calling thread on some cores only; what f starts
// inherits that.
func onCores(list, back []int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, setOf(list)); err != nil {
		return fmt.Errorf("pin the server: %w", err)
	}
	err := f()
	return errors.Join(err, unix.SchedSetaffinity(0, setOf(back)))
}

// moveTo puts every thread of this process on some cores. Threads that start
// meanwhile inherit the old ones, so it goes on until there is none.
func moveTo(list []int) error {
	moved := map[int]bool{}
	for {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		fresh := false
		for _, e := range entries {
			tid, err := strconv.Atoi(e.Name())
			if err != nil || moved[tid] {
				continue
			}
			moved[tid], fresh = true, true
			if err := unix.SchedSetaffinity(tid, setOf(list)); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pin the load: %w", err)
			}
		}
		if !fresh {
			break
		}
	}
	// One more than cores: the poller sits in epoll_wait most of the time.
	runtime.GOMAXPROCS(len(list) + 1)
	return nil
}

// ownUsage is the time that this process has used.
func ownUsage() (usage, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return usage{}, err
	}
	return usage{cpu: time.Duration(r.Utime.Nano() + r.Stime.Nano())}, nil
}
