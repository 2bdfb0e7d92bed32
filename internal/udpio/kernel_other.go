//go:build !linux

package udpio

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"

	"aq-server/internal/metrics"
)

// kernel is not used: other systems send datagrams one by one.
type kernel struct{ gso atomic.Bool }

type sockaddr struct{}

type systemBatch struct{}

func (*systemBatch) init() {}

func newKernel(conn *net.UDPConn, _ *slog.Logger) *kernel {
	_ = conn.SetReadBuffer(Buffer)
	_ = conn.SetWriteBuffer(Buffer)
	return nil
}

func (*kernel) sockaddr(netip.AddrPort) sockaddr { return sockaddr{} }

func (*kernel) read([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, errors.ErrUnsupported
}

func (*kernel) write([]byte, netip.AddrPort) (int, error) { return 0, errors.ErrUnsupported }

func (*kernel) send(*Batch, int, int, *metrics.Metrics) {}
