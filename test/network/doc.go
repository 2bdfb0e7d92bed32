// Package network holds the faults of the road: a real server and real clients
// in network namespaces of their own, and between them loss, jitter, narrow
// links, outages and addresses that change (test/netlab.sh). The short form
// runs with the other tests and takes about a minute; NETWORK=full (make
// test-network) runs everything, several times, and prints the figures that
// docs/network.md quotes. It needs root, iproute2 and iptables.
package network
