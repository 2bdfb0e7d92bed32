package network

import (
	"fmt"
	"testing"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// enough is how much of a stream a share is taken of.
func enough() time.Duration {
	if full() {
		return time.Minute
	}
	return 15 * time.Second
}

// inTime is how old a packet may be when it comes.
func inTime() time.Duration { return 400 * time.Millisecond * patience() }

// theater is one who sends and two who watch, each on a machine of his own: 2,
// 3 and 4.
type theater struct {
	*lab
	server         *server
	alice          *client.Client
	bob, carol     *client.Client
	toBob, toCarol delivery
}

func newTheater(t *testing.T) *theater {
	t.Helper()
	l := newLab(t, 4)
	th := &theater{lab: l, server: l.serve()}
	th.alice = th.server.join(l.host(2), client.Options{Username: "Alice", Publish: both()})
	th.bob = th.server.join(l.host(3), client.Options{Username: "Bob", OnRTP: th.toBob.packet})
	th.carol = th.server.join(l.host(4), client.Options{Username: "Carol", OnRTP: th.toCarol.packet})
	meet(t, th.alice, th.bob, th.carol)
	return th
}

// play lets the show go on under the fault that was set.
func (th *theater) play() {
	th.toBob.begin()
	th.toCarol.begin()
	pass(enough())
}

// TestLossOnTheWayDown is F1: 80 ms of round trip and loss toward one.
func TestLossOnTheWayDown(t *testing.T) {
	t.Parallel()
	for loss, aim := range map[int]float64{2: 99.9, 5: 99.5, 10: 99} {
		if loss != 5 && !full() {
			continue
		}
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			t.Parallel()
			th := newTheater(t)
			th.do("delay", "3", "40")
			th.do("loss", "3", "0", fmt.Sprint(loss))
			th.play()
			name := fmt.Sprintf("F1 loss %d %% down, 80 ms: packets within %v", loss, inTime())
			share, packets := th.toBob.share(inTime())
			t.Logf("%s of %d packets to Bob", th.toBob.tail(inTime()), packets)
			percent(t, name, share, aim)
			others, _ := th.toCarol.share(inTime())
			percent(t, "F1 the same for others in the room", others, 99.9)
			if packets < int(enough().Seconds()*60)/int(patience()) { // a busy machine sends less
				t.Errorf("%d packets are no stream", packets)
			}
			if rtx := repaired(th.bob); rtx < int64(packets*loss/200) {
				t.Errorf("%d of %d packets were repaired: there was no loss", rtx, packets)
			}
			if n := th.alice.Publication(types.SourceCamera).NACKs(); n > 5 {
				t.Errorf("the publisher was asked for %d packets that the server has", n)
			}
		})
	}
}

// TestLossOnTheWayUp is F2: the server asks the publisher for what is missing.
func TestLossOnTheWayUp(t *testing.T) {
	t.Parallel()
	if !onlyFull(t) {
		return
	}
	th := newTheater(t)
	th.do("delay", "2", "40")
	th.do("loss", "2", "5", "0")
	th.play()
	for _, d := range []*delivery{&th.toBob, &th.toCarol} {
		share, _ := d.share(inTime())
		percent(t, "F2 loss 5 % up, 80 ms: packets within "+inTime().String(), share, 99.5)
	}
	if n := th.alice.Publication(types.SourceCamera).NACKs(); n == 0 {
		t.Error("nothing was repaired: there was no loss")
	}
}

// TestJitter is F3: packets overtake each other on the way up and down.
func TestJitter(t *testing.T) {
	t.Parallel()
	th := newTheater(t)
	th.do("delay", "2", "50", "30", "reorder")
	th.do("delay", "3", "50", "30", "reorder")
	before := th.alice.Publication(types.SourceCamera).PLIs()
	th.play()
	asked := float64(th.alice.Publication(types.SourceCamera).PLIs() - before)
	count(t, "F3 jitter 50±30 ms, reordered: keyframes asked for in 10 s", int(asked*10/enough().Seconds()+0.5), 1)
	count(t, "F3 duplicates forwarded", th.toCarol.duplicates(), 0)
	share, _ := th.toBob.share(inTime())
	percent(t, "F3 packets within "+inTime().String(), share, 99.5)
}

// TestDuplicates is F4: a fifth of what the publisher sends comes twice, and a
// fifth of what the server sends to one.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	if !onlyFull(t) {
		return
	}
	th := newTheater(t)
	th.do("dup", "2", "20", "1")
	th.do("dup", "1", "20", "3")
	th.play()
	for _, d := range []*delivery{&th.toBob, &th.toCarol} {
		count(t, "F4 20 % of packets twice: delivered twice", d.duplicates(), 0)
		share, _ := d.share(inTime())
		percent(t, "F4 packets within "+inTime().String(), share, 99.9)
	}
}

// repaired counts the packets that came as repairs.
func repaired(c *client.Client) (n int64) {
	for _, track := range c.Media() {
		n += track.Stats().RTX
	}
	return n
}
