package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"aq-server/internal/types"
)

// Options say how a client joins and behaves. The zero value of each field but
// URL is useful: a base client without tracks that watches and listens.
type Options struct {
	// URL of the server: scheme http, https, ws or wss, host and port. Without
	// a path the signalling path of the contract is used.
	URL      string
	Room     string
	Username string
	// Protocol is 1 for the extensions, 0 for the base.
	Protocol int
	// Query adds parameters to the URL, or replaces those made from the fields
	// above.
	Query  url.Values
	Header http.Header
	TLS    *tls.Config
	// NetDial replaces the dialler of the WebSocket.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// ComeBack makes the client return by itself when its socket ends or dies,
	// as the built-in page does: with the same identity and PeerConnection if
	// the server still has them, with a fresh join otherwise. It also asks for
	// an ICE restart when media stays silent.
	ComeBack bool

	// SocketOnly leaves offers alone: signalling and chat without media.
	SocketOnly bool
	// Light is for crowds whose packets are counted before decryption, by Net:
	// VP8 and Opus with the usual header extensions, but without RTX and
	// transport-wide feedback, and of the interceptors only those that answer
	// for what it publishes. Streams that arrive are not read, State.Peers does
	// not follow who comes and goes, and of offers the SDP is not kept.
	Light bool
	// DTLSServer has the client answer as the DTLS server. The usual answer, and
	// that of browsers, is the client's role.
	DTLSServer bool
	// Codecs this client decodes, in the order it prefers; nil means all.
	Codecs []string
	// Publish lists what the client sends, from its first answer on.
	Publish []PublishOptions
	// ObeyLayers stops sending the layers that nobody watches, as the server's
	// layers event asks.
	ObeyLayers bool

	// HoldAnswer is called with each offer before it is applied. It may block,
	// until ctx ends with the client; false leaves the offer unanswered.
	HoldAnswer func(ctx context.Context, offerID uint64) bool
	// CandidatesFirst sends the candidates before the answer, as GStreamer's
	// webrtcbin does.
	CandidatesFirst bool
	// DropReceived and DropSent lose RTP packets between this client and the
	// network when they return true. They are called from several goroutines.
	DropReceived func(*rtp.Header) bool
	DropSent     func(*rtp.Header) bool
	// Misplaced returns true for received packets that this client's stack does
	// not know where to put: transport-wide feedback counts them, nothing else
	// does. Called from several goroutines.
	Misplaced func(*rtp.Header) bool
	// AlterAnswer changes the text of each answer that is sent, but not what this
	// client itself goes by.
	AlterAnswer func(sdp string) string
	// OnWriter is given the writer under all others for each stream that is
	// sent: what is written there is sealed and sent as it is, any SSRC and any
	// payload, if its header is one at all. The header is the caller's again when
	// it returns. Called when the stream is bound, on several goroutines.
	OnWriter func(ssrc uint32, w interceptor.RTPWriter)
	// OnRTP sees each packet of media received once, repaired ones included,
	// on the track's goroutine; duplicates are left out. The stamp is zero when
	// a foreign client sent it. The packet is valid during the call.
	OnRTP func(*Track, *rtp.Packet, Stamp)

	// OnChat sees each chat message, on the reader's goroutine, in place of
	// State.Chat, which stays empty.
	OnChat func(types.Message)

	// OnChunk sees each chunk of a file before it counts, on the reader of the data
	// channel. It may block, until ctx ends with the client: then nothing more is
	// taken from the channel.
	OnChunk func(ctx context.Context, file, chunk uint32)

	// Net is the network of the media; nil is the machine's.
	Net transport.Net
	// Interfaces chooses the interfaces that give candidates; nil takes all,
	// loopback included.
	Interfaces func(name string) bool

	// NetworkTypes chooses the address families of media; nil takes both.
	NetworkTypes []webrtc.NetworkType

	// DialTimeout bounds the opening handshake; 0 is 10 s.
	DialTimeout time.Duration
}

// PublishOptions describe one synthetic track.
type PublishOptions struct {
	Source types.Source
	// Codec is VP8 for video and Opus for audio when empty.
	Codec string
	// FPS is the number of frames a second; 0 is 30 for video and 50 for audio.
	FPS int
	// PacketsPerFrame and PacketSize (bytes of payload) shape video; 0 means 3
	// packets of 1000 bytes. Lower simulcast layers have smaller packets.
	PacketsPerFrame int
	PacketSize      int
	// KeyframeScale is how many times more packets a keyframe has than other
	// frames; 0 is as many. Encoders make it 5 to 10.
	KeyframeScale int
	// KeyframeEvery makes a keyframe on its own that often; 0 only when asked
	// to, and at the start.
	KeyframeEvery time.Duration
	// Bitrate shapes video as an encoder at so many bits a second would, in
	// place of the fields above but FPS and KeyframeEvery: frames of varying
	// size, keyframes ten times larger, cut into packets of nearly equal size.
	// Of simulcast layers the largest has it, the others a third and a tenth.
	Bitrate int
	// TemporalLayers is 3 for VP8 with the temporal layers of libwebrtc's
	// simulcast; 0 and 1 are none.
	TemporalLayers int
	// Level is the audio level in -dBov of RFC 6464: 0 is loudest, 127
	// silence. Voice sets the voice activity bit.
	Level uint8
	Voice bool
	// IgnoreKeyframeRequests never answers PLI and FIR.
	IgnoreKeyframeRequests bool
	// Plain makes pictures that a browser can decode, grey ones, instead of
	// stamps. It is for VP8 whose frames have 10 bits a macroblock at least.
	Plain bool
	// Layers limits the simulcast layers sent of those the server offers; 0 is
	// all, 1 sends the track without layers.
	Layers int
}

// Camera and Microphone are the two tracks that most clients publish.
func Camera() PublishOptions { return PublishOptions{Source: types.SourceCamera} }

// Microphone is a voice at a usual level.
func Microphone() PublishOptions {
	return PublishOptions{Source: types.SourceMicrophone, Level: 30, Voice: true}
}

func (p PublishOptions) withDefaults() PublishOptions {
	if p.Codec == "" {
		p.Codec = VP8
		if p.Source.Kind() == types.KindAudio {
			p.Codec = Opus
		}
	}
	if p.Source.Kind() == types.KindAudio {
		p.PacketsPerFrame, p.PacketSize = 1, 80
		if p.FPS == 0 {
			p.FPS = 50
		}
	}
	if p.FPS == 0 {
		p.FPS = 30
	}
	if p.PacketsPerFrame == 0 {
		p.PacketsPerFrame = 3
	}
	if p.PacketSize == 0 {
		p.PacketSize = 1000
	}
	return p
}

// signalPath is where the contract puts the WebSocket.
const signalPath = "/aq_server/websocket"

// WebSocketURL parses the URL of a server, scheme http, https, ws or wss, and returns it
// with the scheme of its WebSocket.
func WebSocketURL(server string) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	return u, nil
}

// address returns the URL to dial, with extra parameters.
func (o Options) address(extra url.Values) (string, error) {
	u, err := WebSocketURL(o.URL)
	if err != nil {
		return "", err
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = signalPath
	}
	q := u.Query()
	if o.Room != "" {
		q.Set("room", o.Room)
	}
	if o.Username != "" {
		q.Set("username", o.Username)
	}
	if o.Protocol != 0 {
		q.Set("protocol", "1")
	}
	for _, values := range []url.Values{o.Query, extra} {
		for k, v := range values {
			q[k] = v
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}
