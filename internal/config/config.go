// Package config turns the environment and the command line into one validated
// Config. Only app reads it; every other package gets options of its own.
package config

import (
	"log/slog"
	"time"
)

// Config is every setting of the server. Get one from Load, or start from
// Default in tests. The struct tags are the one place that knows a setting's
// variable, default, meaning and allowed values: parsing, error texts, --help
// and the table in the README come from them.
type Config struct {
	// Port is decimal. "0", which Load refuses, lets the system choose a port
	// that is free for TCP and UDP; App.Addr then tells it.
	Port string `env:"PORT" envDefault:"8080" allowed:"a port number from 1 to 65535" help:"the one port: TCP for HTTP and WebSocket, UDP for media"`
	// MediaPort is 0 when it is the same as Port.
	MediaPort int `env:"MEDIA_PORT" shown:"PORT" min:"1" max:"65535" allowed:"a port number from 1 to 65535" help:"UDP port of media, if it must differ from PORT"`
	// PublicIPs are advertised in place of the addresses of the machine.
	PublicIPs Addrs  `env:"PUBLIC_IP" shown:"found" allowed:"IPv4 or IPv6 addresses, separated by commas" help:"addresses that clients reach this machine by, if it is behind NAT"`
	ICEMode   string `env:"ICE_MODE" envDefault:"auto" oneof:"auto lite full" help:"lite: only answer connectivity checks; full: send some too, for a server behind a NAT that maps nothing; auto: lite for browsers, full for others, which connects each fastest"`

	LogLevel string `env:"LOG_LEVEL" envDefault:"info" oneof:"debug info warn error" help:"how much is logged: text on a terminal, JSON otherwise"`

	// TLSCert and TLSKey are both set or both empty, and empty when TLS is set.
	TLSCert string `env:"TLS_CERT" allowed:"a PEM file with the certificate, together with TLS_KEY" help:"serve HTTPS and WSS with this certificate; reloaded when the file changes"`
	TLSKey  string `env:"TLS_KEY" allowed:"a PEM file with the private key, together with TLS_CERT" help:"private key of TLS_CERT"`
	TLS     string `env:"TLS" oneof:"self-signed" help:"self-signed: HTTPS with a certificate made at each start, to try out cameras in a LAN"`

	// AllowedOrigins are lower-case scheme://host[:port] without default ports.
	AllowedOrigins Origins `env:"ALLOWED_ORIGINS" allowed:"origins such as https://example.org, separated by commas" help:"further origins whose pages may connect; the server's own hostname always may"`
	// TrustedProxies are masked prefixes.
	TrustedProxies Networks `env:"TRUSTED_PROXIES" allowed:"addresses or networks such as 10.0.0.0/8, separated by commas" help:"reverse proxies whose X-Forwarded-For header is believed"`

	// Auth says who may enter; with jwt exactly one of AuthSecret, AuthPublicKeyFile
	// and AuthJWKSURL is set (a secret by the variable or by the file).
	Auth              string `env:"AUTH" envDefault:"open" oneof:"open jwt" help:"who may enter: open: whoever knows a room's name; jwt: whoever has a signed token (docs/security.md)"`
	AuthSecret        string `env:"AUTH_SECRET" secret:"true" allowed:"at least 32 bytes" help:"secret of HS256 tokens"`
	AuthSecretFile    string `env:"AUTH_SECRET_FILE" allowed:"a file with at least 32 bytes, in place of AUTH_SECRET" help:"file with that secret"`
	AuthPublicKeyFile string `env:"AUTH_PUBLIC_KEY_FILE" allowed:"a PEM file with an Ed25519, P-256 or RSA public key (2048 bits or more), in place of a secret" help:"public key of EdDSA, ES256 or RS256 tokens"`
	AuthJWKSURL       string `env:"AUTH_JWKS_URL" allowed:"an http or https URL, in place of a secret or a key" help:"where the public keys of tokens are published"`
	AuthAlgorithm     string `env:"AUTH_ALGORITHM" envDefault:"RS256" oneof:"EdDSA ES256 RS256" help:"the one algorithm for which keys of AUTH_JWKS_URL are used"`
	AuthIssuer        string `env:"AUTH_ISSUER" allowed:"a text" help:"what the iss of a token must be, if set"`
	AuthAudience      string `env:"AUTH_AUDIENCE" allowed:"a text" help:"what the aud of a token must contain, if set"`
	// AuthPrivateKeyFile signs invitations; tokens are checked without it.
	AuthPrivateKeyFile string `env:"AUTH_PRIVATE_KEY_FILE" allowed:"a PEM file with the private key of AUTH_PUBLIC_KEY_FILE" help:"private key to make tokens with; not needed to check them"`

	AdminKey     string   `env:"ADMIN_KEY" secret:"true" allowed:"at least 16 characters" help:"key of the administrator: for /api/v1, and for /rooms and /metrics with AUTH=jwt"`
	AdminKeyFile string   `env:"ADMIN_KEY_FILE" allowed:"a file with at least 16 characters, in place of ADMIN_KEY" help:"file with that key"`
	AdminAddr    string   `env:"ADMIN_ADDR" allowed:"an address and port such as 127.0.0.1:9090" help:"serve /rooms, /metrics and pprof here, without a key, and not on PORT; keep it away from strangers"`
	PublicURL    string   `env:"PUBLIC_URL" allowed:"an http or https URL such as https://meet.example.org" help:"how people reach this server, for links in invitations"`
	WebhookURL   string   `env:"WEBHOOK_URL" allowed:"an http or https URL" help:"is told when rooms begin and end and people come and go (docs/webhooks.md)"`
	WebhookKey   string   `env:"WEBHOOK_SECRET" secret:"true" allowed:"at least 16 characters, together with WEBHOOK_URL" help:"secret that webhooks are signed with"`
	EmbedOrigins Embedder `env:"EMBED_ORIGINS" allowed:"origins such as https://example.org, separated by commas" help:"sites that may show the page in a frame"`

	OpenModeration string `env:"OPEN_MODERATION" envDefault:"none" oneof:"none first" help:"with AUTH=open: none: nobody moderates; first: whoever is first in a room, and after him whoever is there longest"`
	Lobby          string `env:"LOBBY" envDefault:"off" oneof:"off on" help:"on: in every room, newcomers wait until a moderator lets them in"`

	SocketsPerAddress int `env:"SOCKETS_PER_ADDRESS" envDefault:"500" min:"0" max:"1000000" allowed:"a number from 0 to 1000000" help:"open WebSockets of one client address (IPv6: of one /64); 0: no limit"`
	JoinRate          int `env:"JOIN_RATE" envDefault:"20" min:"0" max:"100000" allowed:"a number from 0 to 100000" help:"joins a second from one client address in the long run; bursts of ten seconds' worth pass; 0: no limit"`

	RoomMaxPeers int           `env:"ROOM_MAX_PEERS" envDefault:"0" min:"0" max:"1000000" allowed:"a number from 0 to 1000000" help:"people in one room; 0: no limit of its own"`
	MaxPeers     int           `env:"MAX_PEERS" envDefault:"0" min:"0" max:"1000000" allowed:"a number from 0 to 1000000" help:"people on this server; 0: what its file descriptors allow"`
	MaxRooms     int           `env:"MAX_ROOMS" envDefault:"10000" min:"0" max:"1000000" allowed:"a number from 0 to 1000000" help:"rooms on this server; 0: no limit of its own"`
	RoomsList    string        `env:"ROOMS_LIST" envDefault:"public" oneof:"public admin" help:"who may list the rooms at /rooms: everybody, or the administrator (nobody as long as there is no administrator's key)"`
	ChatHistory  int           `env:"CHAT_HISTORY" envDefault:"100" min:"0" max:"10000" allowed:"a number from 0 to 10000" help:"chat messages that a late joiner gets; 0: none"`
	FileMaxBytes int64         `env:"FILE_MAX_BYTES" envDefault:"104857600" min:"0" max:"1099511627776" allowed:"a number from 0 to 1099511627776" help:"size of the largest file that people may send each other, in bytes; 0: none. Files pass through, nothing of them is kept"`
	FileRate     int64         `env:"FILE_RATE" envDefault:"1048576" min:"16384" max:"1073741824" allowed:"a number from 16384 to 1073741824" help:"bytes of files a second that one client may send, at most"`
	ResumeWindow time.Duration `env:"RESUME_WINDOW" envDefault:"30s" allowed:"a duration longer than 0 such as 30s or 1m" help:"how long somebody whose connection broke may come back as himself"`
	VideoSlots   int           `env:"VIDEO_SLOTS" envDefault:"25" min:"1" max:"200" allowed:"a number from 1 to 200" help:"videos that one client receives at the same time, at most"`
	AudioSlots   int           `env:"AUDIO_SLOTS" envDefault:"5" min:"1" max:"200" allowed:"a number from 1 to 200" help:"voices that one client receives at the same time, at most: the loudest"`

	// Rates are per second and connection; bursts of several seconds pass.
	ChatRate  int `env:"CHAT_RATE" envDefault:"200" min:"1" max:"100000" allowed:"a number from 1 to 100000" help:"chat messages a second that one client may send in the long run; bursts of ten seconds' worth pass"`
	EventRate int `env:"EVENT_RATE" envDefault:"400" min:"1" max:"100000" allowed:"a number from 1 to 100000" help:"other messages a second that one client may send in the long run; bursts pass"`

	KeyframeInterval time.Duration `env:"KEYFRAME_INTERVAL" envDefault:"3s" allowed:"a duration longer than 0 such as 3s" help:"how often every room is looked over for missing keyframes"`
	KeyframeDispatch string        `env:"KEYFRAME_DISPATCH" envDefault:"needed" oneof:"needed always" help:"needed: ask for a keyframe only where somebody lacks one; always: ask every publisher each time"`

	KeepalivePing time.Duration `env:"KEEPALIVE_PING" envDefault:"30s" allowed:"a duration longer than 0 such as 30s" help:"time between WebSocket pings"`
	KeepalivePong time.Duration `env:"KEEPALIVE_PONG" envDefault:"10s" allowed:"a duration longer than 0 such as 10s" help:"how long to wait for the pong before the connection counts as dead"`
	WriteDeadline time.Duration `env:"WRITE_DEADLINE" envDefault:"5s" allowed:"a duration longer than 0 such as 5s" help:"how long one WebSocket write may take"`
}

// Default returns the settings of a server that is started without any.
func Default() Config {
	c, err := Load(nil, nil)
	if err != nil {
		panic(err) // the defaults are constants of this package
	}
	return c
}

// Secure reports whether the server speaks TLS.
func (c *Config) Secure() bool { return c.TLS != "" || c.TLSCert != "" }

// Level returns LogLevel for slog.
func (c *Config) Level() slog.Level {
	var level slog.Level
	// The four allowed words are the names of slog's levels.
	_ = level.UnmarshalText([]byte(c.LogLevel))
	return level
}
