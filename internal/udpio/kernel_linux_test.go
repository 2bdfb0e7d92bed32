package udpio

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel refuses to cut messages of a socket without checksums (EINVAL in
// udp_send_skb): a fault that can be had on loopback.
func TestRefusedMessageIsSentSingly(t *testing.T) {
	s := socket(t, listen(t, "udp4", "127.0.0.1"))
	if !s.GSO() {
		t.Skip("the kernel has no UDP_SEGMENT")
	}
	if err := s.kernel.raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
			t.Fatal(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	r := listen(t, "udp4", "127.0.0.1")
	p := NewPath(s, addrOf(r))
	b := NewBatch()
	for round := range 2 {
		for i := range 4 {
			put(b, p, 500, byte(i))
		}
		b.Flush()
		for i := range 4 {
			if got := receive(t, r); len(got) != 500 || got[0] != byte(i) {
				t.Fatalf("round %d, datagram %d: %d octets of %d", round, i, len(got), got[0])
			}
		}
	}
	nothingMore(t, r)
	// It is remembered for this way, and for it alone.
	if n := s.metrics.SendResent.Load(); n != 4 {
		t.Errorf("%d datagrams were sent again, want 4: the second round was to go singly at once", n)
	}
	if !s.GSO() {
		t.Error("one narrow way turned GSO off for all")
	}
}
