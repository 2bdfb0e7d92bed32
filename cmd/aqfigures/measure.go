package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

type reporter = func(name string, value float64, unit string)

// patience is more than the resume window: a client whose close frame is lost
// with its socket is gone only then.
const patience = 45 * time.Second

// loopback keeps to IPv4 loopback, so that a join does not depend on the
// machine's networks.
func loopback(name string) bool { return name == "lo" }

func (s *server) join(ctx context.Context, room, name string, change ...func(*client.Options)) (*client.Client, error) {
	opts := client.Options{
		URL: s.url, Room: room, Username: name, Protocol: 1, Interfaces: loopback,
		NetworkTypes: []webrtc.NetworkType{webrtc.NetworkTypeUDP4},
	}
	for _, f := range change {
		f(&opts)
	}
	return client.Dial(ctx, opts)
}

func publishing(o *client.Options) {
	o.Publish = []client.PublishOptions{{Source: types.SourceCamera, Layers: 1}, client.Microphone()}
}

func speaking(o *client.Options) { o.Publish = []client.PublishOptions{client.Microphone()} }

func wait(ctx context.Context, c *client.Client, what string, condition func(*client.State) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.WaitFor(ctx, what, condition)
}

func connected(s *client.State) bool { return s.ConnectionState == webrtc.PeerConnectionStateConnected }

// crowd joins n clients at the same time.
func (s *server) crowd(ctx context.Context, room func(i int) string, n int, change ...func(*client.Options)) ([]*client.Client, error) {
	clients := make([]*client.Client, n)
	var group errgroup.Group
	for i := range n {
		group.Go(func() (err error) {
			clients[i], err = s.join(ctx, room(i), fmt.Sprint("guest ", i), change...)
			return err
		})
	}
	err := group.Wait()
	return clients, err
}

func one(room string) func(int) string { return func(int) string { return room } }

func closeAll(clients []*client.Client) {
	var wg sync.WaitGroup
	for _, c := range clients {
		if c != nil {
			wg.Go(c.Close)
		}
	}
	wg.Wait()
}

// measureLateJoiners times the first whole keyframe of ten who only watch.
func measureLateJoiners(ctx context.Context, s *server, report reporter) error {
	publisher, err := s.join(ctx, "late", "publisher", publishing)
	if err != nil {
		return err
	}
	defer publisher.Close()
	var frames []time.Duration
	for range 10 {
		c, err := s.join(ctx, "late", "watcher")
		if err != nil {
			return err
		}
		err = wait(ctx, c, "a keyframe", func(s *client.State) bool { return !s.Times.FirstKeyframe.IsZero() })
		t := c.Times()
		c.Close()
		if err != nil {
			return err
		}
		frames = append(frames, t.FirstKeyframe.Sub(t.Dial))
	}
	report("dial to first frame of a watcher p50", quantile(frames, 0.5), "ms")
	report("dial to first frame of a watcher max", quantile(frames, 1), "ms")
	return nil
}

// measureStorm counts what joins cost the others: 20 at once, and the 50th of a
// room. They send voices only, so that it is signalling that is measured.
func measureStorm(ctx context.Context, s *server, report reporter) error {
	for _, step := range []struct {
		name   string
		before int
		join   int
	}{{"20 join at once", 0, 20}, {"the 50th joins 49", 49, 1}} {
		room := one("storm " + step.name)
		old, err := s.crowd(ctx, room, step.before, speaking)
		if err == nil {
			err = settle(ctx, old, step.before)
		}
		if err != nil {
			closeAll(old)
			return err
		}
		offers, bytes := signalled(old)
		before, err := s.usage()
		if err != nil {
			return err
		}
		began := time.Now()
		fresh, err := s.crowd(ctx, room, step.join, speaking)
		all := append(old, fresh...)
		if err == nil {
			err = settle(ctx, all, step.before+step.join)
		}
		took := time.Since(began)
		after, usageErr := s.usage()
		nowOffers, nowBytes := signalled(all)
		closeAll(all)
		if err != nil {
			return err
		}
		if usageErr != nil {
			return usageErr
		}
		n := float64(len(all))
		report(step.name+": offers per peer", float64(nowOffers-offers)/n, "")
		report(step.name+": signalling per peer", float64(nowBytes-bytes)/1024/n, "kB")
		report(step.name+": server CPU per peer", float64((after.cpu-before.cpu).Microseconds())/1000/n, "ms")
		report(step.name+": until all is quiet", float64(took.Milliseconds()), "ms")
	}
	return nil
}

// measureRush has a hundred people with camera and microphone join a server that
// has just started within a second, as they do after a restart, and times how
// long each is without media: ten rooms of ten, and one room.
func measureRush(ctx context.Context, s *server, report reporter) error {
	const people = 100
	for _, step := range []struct {
		name string
		room func(i int) string
	}{
		{"100 in rooms of ten", func(i int) string { return fmt.Sprint("rush ", i/10) }},
		{"100 in one room", one("rush")},
	} {
		before, err := s.usage()
		if err != nil {
			return err
		}
		clients, err := s.crowd(ctx, step.room, people, light, spread(time.Second))
		var opened, connects, media []time.Duration
		for _, c := range clients {
			if err == nil {
				err = wait(ctx, c, "media", func(s *client.State) bool { return !s.Times.FirstKeyframe.IsZero() })
			}
			if err == nil {
				t := c.Times()
				opened = append(opened, t.Open.Sub(t.Dial))
				connects = append(connects, t.Connected.Sub(t.Dial))
				media = append(media, t.FirstKeyframe.Sub(t.Dial))
			}
		}
		after, usageErr := s.usage()
		closeAll(clients)
		if err == nil {
			err = usageErr
		}
		if err != nil {
			return err
		}
		report(step.name+": server CPU until all have media", (after.cpu - before.cpu).Seconds(), "s")
		for _, of := range []struct {
			what  string
			times []time.Duration
		}{{"WebSocket", opened}, {"connected", connects}, {"first whole frame", media}} {
			report(step.name+": dial to "+of.what+" p50", quantile(of.times, 0.5), "ms")
			report(step.name+": dial to "+of.what+" max", quantile(of.times, 1), "ms")
		}
	}
	return nil
}

// light publishes camera and microphone with few packets: the hundred clients
// share the machine with the server that is measured.
func light(o *client.Options) {
	o.Publish = []client.PublishOptions{
		{Source: types.SourceMicrophone, FPS: 5, Level: 30, Voice: true},
		{Source: types.SourceCamera, FPS: 5, PacketsPerFrame: 1, PacketSize: 500, Layers: 1},
	}
}

// spread lets joins begin at random times within d: it waits before the dial.
func spread(d time.Duration) func(*client.Options) {
	return func(*client.Options) { <-time.After(rand.N(d)) }
}

// settle waits until each client knows of all voices, on an m-line or without.
func settle(ctx context.Context, clients []*client.Client, people int) error {
	for _, c := range clients {
		err := wait(ctx, c, "all tracks", func(s *client.State) bool {
			return connected(s) && len(s.Tracks.Tracks)+len(s.Tracks.Unassigned) == people-1
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func signalled(clients []*client.Client) (offers int, bytes int64) {
	for _, c := range clients {
		c.View(func(s *client.State) {
			offers += len(s.Offers)
			bytes += s.Bytes
		})
	}
	return offers, bytes
}

// measureChurn compares the server before and after 500 joins and leaves.
func measureChurn(ctx context.Context, s *server, report reporter) error {
	publisher, err := s.join(ctx, "churn", "publisher", publishing)
	if err != nil {
		return err
	}
	defer publisher.Close()
	cycle := func(rounds int) error {
		for range rounds {
			clients, err := s.crowd(ctx, one("churn"), 10)
			if err == nil {
				for _, c := range clients {
					if err = wait(ctx, c, "media", func(s *client.State) bool { return !s.Times.FirstRTP.IsZero() }); err != nil {
						break
					}
				}
			}
			closeAll(clients)
			if err != nil {
				return err
			}
		}
		return wait(ctx, publisher, "an empty room", func(s *client.State) bool { return len(s.Peers) == 0 })
	}
	if err := cycle(5); err != nil { // pools and buffers find their size
		return err
	}
	before, err := s.usage()
	if err != nil {
		return err
	}
	if err := cycle(50); err != nil {
		return err
	}
	after, err := s.usage()
	if err != nil {
		return err
	}
	for _, u := range []struct {
		name string
		usage
	}{{"before", before}, {"after 500 joins and leaves", after}} {
		report(u.name+": RSS", u.rss, "kB")
		report(u.name+": heap in use", u.heap, "kB")
		report(u.name+": goroutines", u.goroutines, "")
		report(u.name+": descriptors", u.descriptors, "")
	}
	return nil
}
