// Command pionclient speaks the base of the protocol with plain pion/webrtc and shares no code
// with the server: what it can do, a stranger's Go program can.
//
// It sends the IVF and Ogg files it is given, again and again, and receives everybody. Its
// output and exit status are those of the Python clients beside it (client.py).
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// enough is the packets of a kind after which a stream counts, as in client.py.
const enough = 5

type message struct {
	Event string `json:"event"`
	Data  string `json:"data"`
}

type client struct {
	ws *websocket.Conn
	pc *webrtc.PeerConnection

	writeMu sync.Mutex // one writer at a time on ws

	mu      sync.Mutex // guards what follows
	streams map[string]map[string]int
	printed time.Time
}

func main() {
	video := flag.String("video", "", "IVF file with VP8 to send; empty to send none")
	audio := flag.String("audio", "", "Ogg file with Opus to send; empty to send none")
	expect := flag.Int("expect", 1, "how many others to receive from")
	flag.Parse()

	ok, err := run(flag.Arg(0), *video, *audio, *expect)
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		os.Exit(1)
	}
}

// run stays in the room until standard input ends and reports whether everybody was received.
func run(url, video, audio string, expect int) (bool, error) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return false, err
	}
	c := &client{pc: pc, streams: map[string]map[string]int{}}
	var sending sync.WaitGroup
	stop := make(chan struct{})
	if video != "" {
		if err := c.addVideo(video, stop, &sending); err != nil {
			return false, err
		}
	}
	if audio != "" {
		if err := c.addAudio(audio, stop, &sending); err != nil {
			return false, err
		}
	}
	pc.OnTrack(c.receive)
	pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate != nil {
			c.sendJSON("candidate", candidate.ToJSON())
		}
	})

	if c.ws, _, err = websocket.DefaultDialer.Dial(url, nil); err != nil {
		return false, err
	}
	say("joined", nil)
	listening := make(chan error, 1)
	go func() { listening <- c.listen() }()
	left := make(chan struct{})
	go func() {
		defer close(left)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			c.send("chat", lines.Text())
		}
	}()

	select {
	case <-left:
	case err := <-listening:
		say("error", map[string]any{"error": fmt.Sprint(err)})
	}
	close(stop)
	sending.Wait()
	c.writeMu.Lock()
	_ = c.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	c.writeMu.Unlock()
	_ = c.ws.Close()
	err = pc.Close()

	complete := c.report()
	say("done", map[string]any{"ok": complete >= expect})
	return complete >= expect, err
}

func (c *client) listen() error {
	for {
		var m message
		if err := c.ws.ReadJSON(&m); err != nil {
			return err
		}
		if err := c.handle(m); err != nil {
			return fmt.Errorf("%s: %w", m.Event, err)
		}
	}
}

func (c *client) handle(m message) error {
	switch m.Event {
	case "offer":
		var offer webrtc.SessionDescription
		if err := json.Unmarshal([]byte(m.Data), &offer); err != nil {
			return err
		}
		if err := c.pc.SetRemoteDescription(offer); err != nil {
			return err
		}
		answer, err := c.pc.CreateAnswer(nil)
		if err != nil {
			return err
		}
		if err := c.pc.SetLocalDescription(answer); err != nil {
			return err
		}
		c.sendJSON("answer", answer)
	case "candidate":
		var candidate webrtc.ICECandidateInit
		if err := json.Unmarshal([]byte(m.Data), &candidate); err != nil {
			return err
		}
		return c.pc.AddICECandidate(candidate)
	case "chat":
		say("chat", map[string]any{"data": m.Data})
	}
	return nil
}

func (c *client) receive(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
		c.mu.Lock()
		counts := c.streams[track.StreamID()]
		if counts == nil {
			counts = map[string]int{"audio": 0, "video": 0}
			c.streams[track.StreamID()] = counts
		}
		counts[track.Kind().String()]++
		due := time.Since(c.printed) > 250*time.Millisecond
		c.mu.Unlock()
		if due {
			c.report()
		}
	}
}

// report prints the counts and returns how many streams have come with both kinds.
func (c *client) report() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.printed = time.Now()
	complete := 0
	for _, counts := range c.streams {
		if counts["audio"] >= enough && counts["video"] >= enough {
			complete++
		}
	}
	say("media", map[string]any{"streams": c.streams, "complete": complete})
	return complete
}

func (c *client) sendJSON(event string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		log.Panic(err) // our own types
	}
	c.send(event, string(text))
}

// send drops what can no longer be written: listen reports the end of the socket.
func (c *client) send(event, data string) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_ = c.ws.WriteJSON(message{Event: event, Data: data})
}

var stdout sync.Mutex

func say(event string, fields map[string]any) {
	line := map[string]any{"event": event}
	for k, v := range fields {
		line[k] = v
	}
	stdout.Lock()
	defer stdout.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Print(err)
	}
}

func (c *client) addVideo(file string, stop <-chan struct{}, sending *sync.WaitGroup) error {
	track, err := c.addTrack(webrtc.MimeTypeVP8, "video")
	if err != nil {
		return err
	}
	sending.Add(1)
	go func() {
		defer sending.Done()
		repeat(file, stop, func(in io.ReadSeeker) error {
			reader, header, err := ivfreader.NewWith(in)
			if err != nil {
				return err
			}
			each := time.Second * time.Duration(header.TimebaseNumerator) / time.Duration(header.TimebaseDenominator)
			return pace(each, stop, func() error {
				frame, _, err := reader.ParseNextFrame()
				if err != nil {
					return err
				}
				return track.WriteSample(media.Sample{Data: frame, Duration: each})
			})
		})
	}()
	return nil
}

func (c *client) addAudio(file string, stop <-chan struct{}, sending *sync.WaitGroup) error {
	track, err := c.addTrack(webrtc.MimeTypeOpus, "audio")
	if err != nil {
		return err
	}
	sending.Add(1)
	go func() {
		defer sending.Done()
		repeat(file, stop, func(in io.ReadSeeker) error {
			reader, _, err := oggreader.NewWith(in)
			if err != nil {
				return err
			}
			const each = 20 * time.Millisecond // the file has one packet of 20 ms in each page
			return pace(each, stop, func() error {
				page, _, err := reader.ParseNextPage()
				if err != nil {
					return err
				}
				if bytes.HasPrefix(page, []byte("OpusTags")) { // RFC 7845, 5.2: not audio
					return nil
				}
				return track.WriteSample(media.Sample{Data: page, Duration: each})
			})
		})
	}()
	return nil
}

func (c *client) addTrack(mime, id string) (*webrtc.TrackLocalStaticSample, error) {
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, id, "pion")
	if err != nil {
		return nil, err
	}
	_, err = c.pc.AddTrack(track)
	return track, err
}

var errStopped = errors.New("stopped")

// repeat plays the file from its beginning until stop is closed.
func repeat(file string, stop <-chan struct{}, play func(io.ReadSeeker) error) {
	in, err := os.Open(file)
	if err != nil {
		log.Panic(err)
	}
	defer in.Close()
	for {
		if err := play(in); errors.Is(err, errStopped) {
			return
		} else if !errors.Is(err, io.EOF) {
			log.Panic(err)
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			log.Panic(err)
		}
	}
}

// pace calls write once in each interval until it fails or stop is closed.
func pace(interval time.Duration, stop <-chan struct{}, write func() error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return errStopped
		case <-ticker.C:
		}
		if err := write(); err != nil {
			return err
		}
	}
}
