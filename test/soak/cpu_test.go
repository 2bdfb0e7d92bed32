package soak

import (
	"context"
	"fmt"
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// The bounds are several times what a quiet machine of 2023 needs, since processor time is not
// quite independent of what else runs; they are there to catch what goes wrong by an order.
const (
	perPacket   = 150 * time.Microsecond // forwarded to one receiver, all shares of the work in it
	perIdlePeer = 0.01                   // of a core
)

// TestCPUUnderLoad has twelve people in one room send to each other and divides the processor
// time of the server by the packets it sent.
func TestCPUUnderLoad(t *testing.T) {
	p := launch(t)
	const size = 12
	people := make([]*client.Client, size)
	for i := range people {
		people[i] = p.join(client.Options{Room: "load", Username: fmt.Sprint(i), Protocol: 1, Publish: both()})
	}
	for _, c := range people {
		for _, other := range people {
			if c != other {
				eventually(t, "media of everybody", func() bool { return c.From(other.Tag(), types.KindVideo).Packets > 5 })
			}
		}
	}
	before := p.sample()
	pass(4 * time.Second)
	after := p.sample()
	used, packets := after.cpu-before.cpu, after.packetsOut-before.packetsOut
	if packets < 1000 {
		t.Fatalf("only %d packets were sent", packets)
	}
	each := used / time.Duration(packets)
	t.Logf("%d people: %d packets/s out, %.0f %% of a core, %v a packet", size,
		int(float64(packets)/after.at.Sub(before.at).Seconds()), 100*used.Seconds()/after.at.Sub(before.at).Seconds(), each)
	if each > perPacket {
		t.Errorf("%v of processor time a packet, more than %v", each, perPacket)
	}
}

// TestCPUOfIdlePeers has people connected who send nothing.
func TestCPUOfIdlePeers(t *testing.T) {
	p := launch(t)
	const size = 30
	for i := range size {
		c := p.join(client.Options{Room: fmt.Sprintf("idle %d", i%6), Username: fmt.Sprint(i), Protocol: 1})
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		err := c.WaitFor(ctx, "the connection", isConnected)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	before := p.sample()
	pass(4 * time.Second)
	after := p.sample()
	share := (after.cpu - before.cpu).Seconds() / after.at.Sub(before.at).Seconds() / size
	t.Logf("%d idle peers: %.4f %% of a core each", size, 100*share)
	if share > perIdlePeer {
		t.Errorf("an idle peer uses %.2f %% of a core", 100*share)
	}
}
