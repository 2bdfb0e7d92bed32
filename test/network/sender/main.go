// Sender is who a browser under test watches: it joins a room with a microphone
// and a camera in three layers, whose pictures any browser decodes and which cost
// no encoder. A line on its input makes it say in JSON how many frames of the
// largest layer it has sent and what it was asked for so far; it leaves when the input ends.
//
//	sender URL ROOM NAME
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

func main() {
	if len(os.Args) != 4 {
		fail("usage: sender URL ROOM NAME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	camera := client.PublishOptions{
		// 2.0, 0.5 and 0.12 Mbit/s, and keyframes as encoders make them.
		Source: types.SourceCamera, FPS: 30, PacketsPerFrame: 8, PacketSize: 1000, KeyframeScale: 4, Plain: true,
	}
	c, err := client.Dial(ctx, client.Options{
		URL: os.Args[1], Room: os.Args[2], Username: os.Args[3], Protocol: 1, ObeyLayers: true,
		Publish:    []client.PublishOptions{client.Microphone(), camera},
		Interfaces: func(name string) bool { return name != "lo" },
	})
	if err != nil {
		fail(err)
	}
	defer c.Close()
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		p := c.Publication(types.SourceCamera)
		frames := int64(0)
		for _, l := range p.Layers() {
			frames = l.Frames // of the largest
		}
		said := map[string]int64{"at": time.Now().UnixMilli(), "frames": frames, "plis": p.PLIs(), "nacks": p.NACKs()}
		if err := out.Encode(said); err != nil {
			fail(err)
		}
	}
}

func fail(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}
