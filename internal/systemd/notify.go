package systemd

import (
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"aq-server/internal/recovery"
)

// statusInterval is how often the status line may change: `systemctl status` is
// read by people.
const statusInterval = 5 * time.Second

// A Service is what the service manager is told about. Both methods take the
// locks that the service works with, and so do not return while it is stuck:
// then it is not alive.
type Service interface {
	// Status says in one line how the service does.
	Status() string
	// Broken says why the service cannot go on; nil while it can.
	Broken() error
}

// A Notifier keeps the service manager informed. Its methods are called by one
// goroutine. They do not block: a datagram that the manager has no room for is
// the kernel's to hold, and a service that cannot tell goes on.
type Notifier struct {
	// Set by Ready, then constant.
	service Service
	log     *slog.Logger
	alive   time.Duration // between two signs of life; 0: none wanted
	stop    chan struct{}
	done    sync.WaitGroup

	mu     sync.Mutex // held while a datagram is sent, a leaf but for log
	told   string     // the last status
	ending bool       // Stopping was called
	failed bool       // it was logged that nothing can be told
}

// Ready tells the service manager that clients can connect, and from then on,
// until Close, how the service does: a status line where it has changed, and
// signs of life when a watchdog is set (WatchdogSec=), as long as the service is
// not broken. Without a service manager it does nothing.
func Ready(service Service, log *slog.Logger) *Notifier {
	n := &Notifier{service: service, log: log, stop: make(chan struct{})}
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return n
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("no watchdog", "err", err)
	}
	n.alive = watchdog / 3 // two may be late
	n.tell(daemon.SdNotifyReady, service.Status())
	// Owned by n, ended and awaited by Close.
	n.done.Go(func() {
		defer recovery.RecoverWithPrefix("systemd notify")
		n.run()
	})
	return n
}

// Stopping says that the end has begun.
func (n *Notifier) Stopping() {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	status := n.service.Status()
	n.mu.Lock()
	n.ending = true
	n.mu.Unlock()
	n.tell(daemon.SdNotifyStopping, status)
}

// Close ends what Ready began. It is idempotent.
func (n *Notifier) Close() {
	select {
	case <-n.stop:
	default:
		close(n.stop)
	}
	n.done.Wait()
}

func (n *Notifier) run() {
	interval := statusInterval
	if n.alive > 0 && n.alive < interval {
		interval = n.alive
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-n.stop:
			return
		}
		status, sign := n.service.Status(), ""
		if n.alive > 0 && n.service.Broken() == nil {
			sign = daemon.SdNotifyWatchdog
		}
		n.tell(sign, status)
	}
}

// tell sends what there is to send: the assignment, if any, and the status, if
// it is another than before.
func (n *Notifier) tell(assignment, status string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	message := assignment
	if n.ending {
		status = "draining: " + status
	}
	if status != n.told {
		if message != "" {
			message += "\n"
		}
		message += "STATUS=" + status
		n.told = status
	}
	if message == "" {
		return
	}
	if _, err := daemon.SdNotify(false, message); err != nil && !n.failed {
		n.failed = true
		n.log.Warn("the service manager cannot be told", "err", err)
	}
}
