// Package udpio is the UDP socket under all media: it reads many datagrams in
// one system call and sends many, to many people, in one.
//
// A Socket is what pion's UDP mux reads from and writes to. Beside that path,
// which carries STUN, DTLS and RTCP, a Batch gathers the RTP of one goroutine:
//
//	arena     | p1 | p2 | p3 | p1' | p2' | p3' | p1" | p2" | ...
//	messages  '--- Alice ---'---- Bob -------'---- Carol --
//	              one sendmmsg(2); the kernel cuts each message into
//	              datagrams again (UDP_SEGMENT, "GSO")
//
// The datagrams of a message have the same size, but for the last, which may be
// smaller. That is the run of packets that one person gets out of one burst of
// the publisher; what a message costs on its way through the kernel is then paid
// once a run instead of once a packet (docs/adr/0008-packet-path.md).
//
// What the kernel can do is probed when a socket is made. Where there is no
// sendmmsg, and on sockets that are not the kernel's (tests), the same datagrams
// go out one by one.
package udpio
