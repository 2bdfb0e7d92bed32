// Crowd is the people whom a browser under test meets in a full room: each has a
// microphone and a camera in three layers, whose pictures any browser decodes and
// which cost no encoder. They stop layers that nobody watches, as browsers do.
// A line on its input has one of them do something (see act), or asks with
// "layers" for a line of JSON: the layers that each sends. All leave when the
// input ends.
//
//	crowd URL ROOM PEOPLE [FIRST]
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"aq-server/internal/client"
	"aq-server/internal/types"
)

// silence is a level that no speaker detection takes for a voice.
const silence = 127

func main() {
	if len(os.Args) < 4 {
		fail("usage: crowd URL ROOM PEOPLE [FIRST]")
	}
	numbers := []int{0, 1} // how many, and the number in the name of the first
	for i, text := range os.Args[3:] {
		var err error
		if numbers[i], err = strconv.Atoi(text); err != nil {
			fail(err)
		}
	}
	count, first := numbers[0], numbers[1]
	var people []*client.Client
	for i := range count {
		c, err := join(os.Args[1], os.Args[2], nameOf(first+i))
		if err != nil {
			fail(err)
		}
		people = append(people, c)
	}
	out := json.NewEncoder(os.Stdout)
	_ = out.Encode("here")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "layers" {
			_ = out.Encode(layers(people, first))
		} else if err := act(people, strings.Fields(in.Text())); err != nil {
			fail(err)
		}
	}
	for _, c := range people {
		c.Close()
	}
}

func join(url, room, name string) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	microphone := client.Microphone()
	microphone.Level, microphone.Voice = silence, false
	camera := client.PublishOptions{
		// 640, 160 and 40 kbit/s: little for a machine that also decodes it.
		Source: types.SourceCamera, FPS: 10, PacketsPerFrame: 8, PacketSize: 1000, Plain: true,
	}
	c, err := client.Dial(ctx, client.Options{
		URL: url, Room: room, Username: name, Protocol: 1, ObeyLayers: true,
		Publish: []client.PublishOptions{microphone, camera},
	})
	if err != nil {
		return nil, err
	}
	// Nobody of them looks at anybody: the machine has enough to do.
	go hideAll(c)
	on := true
	return c, c.SetState(types.StateUpdate{Microphone: &on, Camera: &on})
}

// hideAll keeps the pictures of all others from being sent, until c is closed.
func hideAll(c *client.Client) {
	hidden := map[types.TrackID]bool{}
	for {
		var views []types.TrackView
		err := c.WaitFor(context.Background(), "a camera that is new", func(st *client.State) bool {
			for _, t := range st.Tracks.Tracks {
				if t.Kind == types.KindVideo && !hidden[t.TrackID] {
					hidden[t.TrackID] = true
					views = append(views, types.TrackView{TrackID: t.TrackID, Hidden: true})
				}
			}
			return len(views) > 0
		})
		if err != nil || c.SetView(views...) != nil {
			return
		}
	}
}

// act has the person of that number, from 1, do what the words say:
// speak N, hush N, hand N, react N EMOJI, quality N SCORE, share N, leave N.
func act(people []*client.Client, words []string) error {
	n, err := strconv.Atoi(words[1])
	if err != nil {
		return err
	}
	who, on := people[n-1], true
	switch words[0] {
	case "speak":
		who.Publication(types.SourceMicrophone).SetLevel(20, true)
	case "hush":
		who.Publication(types.SourceMicrophone).SetLevel(silence, false)
	case "hand":
		return who.SetState(types.StateUpdate{Hand: &on})
	case "react":
		return who.React(words[2])
	case "quality":
		score, err := strconv.Atoi(words[2])
		if err != nil {
			return err
		}
		return who.SetState(types.StateUpdate{Quality: &score})
	case "share":
		_, err := who.Publish(client.PublishOptions{Source: types.SourceScreen, FPS: 5, PacketsPerFrame: 8, PacketSize: 1000, Plain: true})
		return err
	case "leave":
		return who.Leave()
	default:
		return fmt.Errorf("nobody knows how to %s", words[0])
	}
	return nil
}

// layers returns the layers that each sends, by name.
func layers(people []*client.Client, first int) map[string][]string {
	all := map[string][]string{}
	for i, c := range people {
		name := nameOf(first + i)
		all[name] = []string{}
		for _, l := range c.Publication(types.SourceCamera).Layers() {
			if l.Active {
				all[name] = append(all[name], l.RID)
			}
		}
	}
	return all
}

func nameOf(number int) string { return fmt.Sprintf("Person %02d", number) }

func fail(what any) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}
