//go:build linux

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// keyframeEvery is how often encoders of cameras make one unasked.
	keyframeEvery = 10 * time.Second
	// joinTimeout is more than the server takes to give up a join.
	joinTimeout = 40 * time.Second
)

// options is what the flags say.
type options struct {
	URL    string
	Server string
	Env    string
	PID    int

	LiveKit       string
	LiveKitServer string
	key, secret   string // from the environment: secrets have no flag

	Rooms       int
	Publishers  int
	Subscribers int
	Full        int
	Meeting     int
	Protocol    int

	Audio, Video bool
	Simulcast    bool
	Bitrate      rate

	Ramp     float64
	Storm    bool
	Settle   time.Duration
	Duration time.Duration
	Chat     float64
	Churn    float64
	Search   bool

	JSON    string
	Profile string
}

// rate is a flag of bits a second: 1500000, 800k, 1.5M.
type rate int

func (r *rate) String() string { return fmt.Sprintf("%gM", float64(*r)/1e6) }

func (r *rate) Set(s string) error {
	scale := 1.0
	switch {
	case strings.HasSuffix(s, "k"):
		scale, s = 1e3, strings.TrimSuffix(s, "k")
	case strings.HasSuffix(s, "M"):
		scale, s = 1e6, strings.TrimSuffix(s, "M")
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v*scale < 10_000 || v*scale > 7e6 {
		return errors.New("not between 10k and 7M")
	}
	*r = rate(v * scale)
	return nil
}

// parse reads the command line.
func parse(args []string) (options, error) {
	c := options{Bitrate: 1_500_000}
	f := flag.NewFlagSet("aqload", flag.ContinueOnError)
	f.StringVar(&c.URL, "url", "http://127.0.0.1:8080", "server to load")
	f.StringVar(&c.Server, "server", "", "server binary to start, pinned to one core, with the load on the others; in place of -url and -pid")
	f.StringVar(&c.Env, "env", "", "settings of the server that is started, as ICE_MODE=full,VIDEO_SLOTS=9")
	f.IntVar(&c.PID, "pid", 0, "process of the server at -url or -livekit, whose time and memory are measured")

	f.StringVar(&c.LiveKit, "livekit", "", "LiveKit server to load in place of ours, such as ws://127.0.0.1:7880; LIVEKIT_API_KEY and LIVEKIT_API_SECRET if they are not devkey and secret")
	f.StringVar(&c.LiveKitServer, "livekit-server", "", "LiveKit's binary to start as -server starts ours, in place of -livekit and -pid")

	f.IntVar(&c.Rooms, "rooms", 1, "rooms, each as the following say")
	f.IntVar(&c.Publishers, "publishers", 1, "people in a room who send")
	f.IntVar(&c.Subscribers, "subscribers", 100, "people in a room who only receive")
	f.IntVar(&c.Full, "full", 2, "how many of those who receive decrypt it all, in each room: for latency and whole frames")
	f.IntVar(&c.Meeting, "meeting", 0, "people in a room who all send and receive; in place of -publishers and -subscribers")
	f.IntVar(&c.Protocol, "protocol", 1, "1 with the extensions, 0 the base")

	f.BoolVar(&c.Audio, "audio", true, "publishers send sound: Opus, 50 packets a second")
	f.BoolVar(&c.Video, "video", true, "publishers send pictures: VP8, 30 frames a second")
	f.BoolVar(&c.Simulcast, "simulcast", false, "pictures in three layers")
	f.Var(&c.Bitrate, "bitrate", "of pictures, or of their largest layer, in bit/s: 800k, 1.5M")

	f.Float64Var(&c.Ramp, "ramp", 50, "joins a second")
	f.BoolVar(&c.Storm, "storm", false, "all join at once; publishers come first")
	f.DurationVar(&c.Settle, "settle", 3*time.Second, "time between the last join and the measurement")
	f.DurationVar(&c.Duration, "duration", 10*time.Second, "time that is measured")
	f.Float64Var(&c.Chat, "chat", 0, "chat messages a second, in all")
	f.Float64Var(&c.Churn, "churn", 0, "subscribers a second who leave, each replaced by another")
	f.BoolVar(&c.Search, "search", false, "find the largest number of subscribers with less than 1 % loss, up to -subscribers")

	f.StringVar(&c.JSON, "json", "", "write the result as JSON to this file; - is the standard output")
	f.StringVar(&c.Profile, "profile", "", "write a CPU profile of the load generator itself to this file")
	f.SetOutput(io.Discard) // main tells the error, in one line
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		f.SetOutput(os.Stdout)
		f.PrintDefaults()
		return c, err
	} else if err != nil {
		return c, fmt.Errorf("%w (-help lists the flags)", err)
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("what is %q?", f.Arg(0))
	}
	c.key = cmp.Or(os.Getenv("LIVEKIT_API_KEY"), "devkey")
	c.secret = cmp.Or(os.Getenv("LIVEKIT_API_SECRET"), "secret")
	if err := c.validateServer(); err != nil {
		return c, err
	}
	return c, c.validate()
}

// livekit tells whether the server under load is LiveKit's.
func (c *options) livekit() bool { return c.LiveKit != "" || c.LiveKitServer != "" }

// validateServer refuses two servers, and of LiveKit what is not compared.
func (c *options) validateServer() error {
	servers := 0
	for _, s := range []string{c.Server, c.LiveKit, c.LiveKitServer} {
		if s != "" {
			servers++
		}
	}
	switch {
	case servers > 1:
		return errors.New("one of -server, -livekit and -livekit-server")
	case c.Env != "" && c.Server == "" && c.LiveKitServer == "":
		return errors.New("-env is for a server that is started, by -server or -livekit-server")
	case !c.livekit():
		return nil
	case c.Chat > 0:
		return errors.New("-chat is not for LiveKit: its data channels are something else than our chat")
	case c.Simulcast:
		return errors.New("-simulcast is not for LiveKit: what is compared is one layer")
	case c.Protocol != 1:
		return errors.New("-protocol is of our server")
	}
	return nil
}

func (c *options) validate() error {
	if c.Meeting > 0 {
		c.Publishers, c.Subscribers = 0, 0
	}
	switch {
	case c.Rooms < 1 || c.Publishers < 0 || c.Subscribers < 0 || c.Full < 0 || c.Meeting < 0:
		return errors.New("a number of people or rooms is negative, or there is no room")
	case c.Ramp <= 0:
		return errors.New("-ramp must be more than 0")
	case c.Duration < 100*time.Millisecond:
		return errors.New("-duration is too short to measure anything")
	case c.Protocol != 0 && c.Protocol != 1:
		return errors.New("-protocol is 0 or 1")
	case c.Search && (c.Rooms != 1 || c.Meeting > 0):
		return errors.New("-search is for one room with subscribers")
	}
	c.Full = min(c.Full, c.Subscribers+c.Meeting)
	return nil
}
