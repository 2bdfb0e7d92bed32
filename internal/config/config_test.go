package config

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaults(t *testing.T) {
	want := Config{
		Port: "8080", LogLevel: "info", ICEMode: "auto",
		KeepalivePing: 30 * time.Second, KeepalivePong: 10 * time.Second, WriteDeadline: 5 * time.Second,
		KeyframeInterval: 3 * time.Second, KeyframeDispatch: "needed",
		MaxRooms: 10000, RoomsList: "public", ChatHistory: 100, FileMaxBytes: 100 << 20, FileRate: 1 << 20, ResumeWindow: 30 * time.Second,
		VideoSlots: 25, AudioSlots: 5, ChatRate: 200, EventRate: 400,
		Auth: "open", AuthAlgorithm: "RS256", OpenModeration: "none", Lobby: "off", SocketsPerAddress: 500, JoinRate: 20,
	}
	got := Default()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Level() != slog.LevelInfo {
		t.Error("the default level is not info")
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		variable, value string
		change          func(*Config)
	}{
		{"PORT", "443", func(c *Config) { c.Port = "443" }},
		{"MEDIA_PORT", "5000", func(c *Config) { c.MediaPort = 5000 }},
		{"LOG_LEVEL", "debug", func(c *Config) { c.LogLevel = "debug" }},
		{"KEEPALIVE_PING", "1m30s", func(c *Config) { c.KeepalivePing = 90 * time.Second }},
		{"KEEPALIVE_PONG", "250ms", func(c *Config) { c.KeepalivePong = 250 * time.Millisecond }},
		{"WRITE_DEADLINE", "1s", func(c *Config) { c.WriteDeadline = time.Second }},
		{"KEYFRAME_INTERVAL", "5s", func(c *Config) { c.KeyframeInterval = 5 * time.Second }},
		{"KEYFRAME_DISPATCH", "always", func(c *Config) { c.KeyframeDispatch = "always" }},
		{"PUBLIC_IP", "192.0.2.7, 2001:db8::7", func(c *Config) {
			c.PublicIPs = Addrs{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}
		}},
		{"ICE_MODE", "full", func(c *Config) { c.ICEMode = "full" }},
		{"TLS", "self-signed", func(c *Config) { c.TLS = "self-signed" }},
		{"ALLOWED_ORIGINS", "https://Example.org:443, http://a.test:80/,https://b.test:8443", func(c *Config) {
			c.AllowedOrigins = Origins{"https://example.org", "http://a.test", "https://b.test:8443"}
		}},
		{"TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.1,::1", func(c *Config) {
			c.TrustedProxies = Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("::1/128")}
		}},
		{"ROOM_MAX_PEERS", "12", func(c *Config) { c.RoomMaxPeers = 12 }},
		{"MAX_PEERS", "500", func(c *Config) { c.MaxPeers = 500 }},
		{"MAX_ROOMS", "0", func(c *Config) { c.MaxRooms = 0 }},
		{"ROOMS_LIST", "admin", func(c *Config) { c.RoomsList = "admin" }},
		{"CHAT_HISTORY", "0", func(c *Config) { c.ChatHistory = 0 }},
		{"FILE_MAX_BYTES", "0", func(c *Config) { c.FileMaxBytes = 0 }},
		{"FILE_RATE", "5000000", func(c *Config) { c.FileRate = 5_000_000 }},
		{"RESUME_WINDOW", "1h", func(c *Config) { c.ResumeWindow = time.Hour }},
		{"VIDEO_SLOTS", "9", func(c *Config) { c.VideoSlots = 9 }},
		{"CHAT_RATE", "20", func(c *Config) { c.ChatRate = 20 }},
		{"EVENT_RATE", "1000", func(c *Config) { c.EventRate = 1000 }},
		{"AUDIO_SLOTS", "3", func(c *Config) { c.AudioSlots = 3 }},
		{"AUTH_SECRET", strings.Repeat("s", 32), func(c *Config) { c.AuthSecret = strings.Repeat("s", 32) }},
		{"AUTH_SECRET_FILE", "/s", func(c *Config) { c.AuthSecretFile = "/s" }},
		{"AUTH_PUBLIC_KEY_FILE", "/k", func(c *Config) { c.AuthPublicKeyFile = "/k" }},
		{"AUTH_PRIVATE_KEY_FILE", "/k", func(c *Config) { c.AuthPrivateKeyFile = "/k" }},
		{"AUTH_JWKS_URL", "https://id.example/keys", func(c *Config) { c.AuthJWKSURL = "https://id.example/keys" }},
		{"AUTH_ALGORITHM", "ES256", func(c *Config) { c.AuthAlgorithm = "ES256" }},
		{"AUTH_ISSUER", "me", func(c *Config) { c.AuthIssuer = "me" }},
		{"AUTH_AUDIENCE", "aq", func(c *Config) { c.AuthAudience = "aq" }},
		{"ADMIN_KEY", "sixteen letters!", func(c *Config) { c.AdminKey = "sixteen letters!" }},
		{"ADMIN_KEY_FILE", "/k", func(c *Config) { c.AdminKeyFile = "/k" }},
		{"ADMIN_ADDR", "127.0.0.1:9090", func(c *Config) { c.AdminAddr = "127.0.0.1:9090" }},
		{"PUBLIC_URL", "https://meet.example.org", func(c *Config) { c.PublicURL = "https://meet.example.org" }},
		{"WEBHOOK_SECRET", "sixteen letters!", func(c *Config) { c.WebhookKey = "sixteen letters!" }},
		{"EMBED_ORIGINS", "https://Example.org", func(c *Config) { c.EmbedOrigins = Origins{"https://example.org"} }},
		{"OPEN_MODERATION", "first", func(c *Config) { c.OpenModeration = "first" }},
		{"SOCKETS_PER_ADDRESS", "0", func(c *Config) { c.SocketsPerAddress = 0 }},
		{"JOIN_RATE", "100", func(c *Config) { c.JoinRate = 100 }},
	}
	tested := map[string]bool{"TLS_CERT": true, "TLS_KEY": true, "AUTH": true, "WEBHOOK_URL": true, "LOBBY": true} // TestTLS, TestAccess
	for _, tt := range tests {
		tested[tt.variable] = true
		want := Default()
		tt.change(&want)
		flagName := strings.ReplaceAll(strings.ToLower(tt.variable), "_", "-")
		if secrets[tt.variable] {
			if _, err := Load([]string{"-" + flagName, tt.value}, nil); err == nil {
				t.Errorf("%s is a flag, which everybody can read", tt.variable)
			}
			if got, err := Load(nil, []string{tt.variable + "=" + tt.value}); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v\ngot  %+v\nwant %+v", tt.variable, err, got, want)
			}
			continue
		}
		for name, load := range map[string]func() (Config, error){
			"environment": func() (Config, error) { return Load(nil, []string{tt.variable + "=" + tt.value}) },
			"-flag":       func() (Config, error) { return Load([]string{"-" + flagName, tt.value}, nil) },
			"--flag=":     func() (Config, error) { return Load([]string{"--" + flagName + "=" + tt.value}, nil) },
		} {
			if got, err := load(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s=%s by %s: %v\ngot  %+v\nwant %+v", tt.variable, tt.value, name, err, got, want)
			}
		}
	}
	for _, s := range settings() {
		if !tested[s.variable] {
			t.Errorf("%s has no case", s.variable)
		}
	}
}

var secrets = map[string]bool{"AUTH_SECRET": true, "ADMIN_KEY": true, "WEBHOOK_SECRET": true}

func TestAccess(t *testing.T) {
	const secret, key = "AUTH_SECRET=0123456789abcdef0123456789abcdef", "0123456789abcdef"
	for _, environ := range [][]string{
		{"AUTH=jwt", secret},
		{"AUTH=jwt", "AUTH_SECRET_FILE=/s", "LOBBY=on"},
		{"AUTH=jwt", "AUTH_JWKS_URL=https://id.example/keys"},
		{"OPEN_MODERATION=first", "LOBBY=on"},
		{"WEBHOOK_URL=https://hooks.example/x", "WEBHOOK_SECRET=" + key},
	} {
		if _, err := Load(nil, environ); err != nil {
			t.Errorf("%v: %v", environ, err)
		}
	}
	for _, tt := range []struct {
		variable string
		environ  []string
	}{
		{"AUTH", []string{"AUTH=jwt"}},
		{"AUTH", []string{"AUTH=jwt", secret, "AUTH_PUBLIC_KEY_FILE=/k"}},
		{"AUTH", []string{"AUTH=jwt", secret, "AUTH_JWKS_URL=https://id.example"}},
		{"AUTH_SECRET", []string{"AUTH=jwt", "AUTH_SECRET=tooshort"}},
		{"AUTH_JWKS_URL", []string{"AUTH=jwt", "AUTH_JWKS_URL=file:///etc/passwd"}},
		{"ADMIN_KEY", []string{"ADMIN_KEY=tooshort"}},
		{"ADMIN_KEY_FILE", []string{"ADMIN_KEY=" + key, "ADMIN_KEY_FILE=/k"}},
		{"ADMIN_ADDR", []string{"ADMIN_ADDR=9090"}},
		{"ADMIN_ADDR", []string{"ADMIN_ADDR=127.0.0.1:http"}},
		{"WEBHOOK_SECRET", []string{"WEBHOOK_URL=https://hooks.example/x"}},
		{"WEBHOOK_SECRET", []string{"WEBHOOK_URL=https://hooks.example/x", "WEBHOOK_SECRET=tooshort"}},
		{"WEBHOOK_URL", []string{"WEBHOOK_URL=hooks.example", "WEBHOOK_SECRET=" + key}},
		{"OPEN_MODERATION", []string{"AUTH=jwt", secret, "OPEN_MODERATION=first"}},
		{"LOBBY", []string{"LOBBY=on"}},
		{"PUBLIC_URL", []string{"PUBLIC_URL=meet.example.org"}},
	} {
		_, err := Load(nil, tt.environ)
		var bad *ValueError
		if !errors.As(err, &bad) || bad.Variable != tt.variable {
			t.Errorf("%v: %v, want %s", tt.environ, err, tt.variable)
		} else if strings.Contains(err.Error(), "tooshort") {
			t.Errorf("a secret is in the message: %v", err)
		}
	}
}

func TestPrecedence(t *testing.T) {
	environ := []string{"PORT=9000", "LOG_LEVEL=", "KEEPALIVE_PING=1s", "UNRELATED=x", "odd"}
	c, err := Load([]string{"-port", "9001", "-keepalive-ping="}, environ)
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != "9001" {
		t.Errorf("port %s: the flag does not win over the environment", c.Port)
	}
	if c.LogLevel != "info" {
		t.Errorf("log level %q: an empty variable is not the default", c.LogLevel)
	}
	if c.KeepalivePing != 30*time.Second {
		t.Errorf("ping %v: an empty flag is not the default", c.KeepalivePing)
	}
}

func TestBadValues(t *testing.T) {
	bad := map[string][]string{
		"PORT":              {"0", "65536", "-1", "http", ":8080", "08080", "8080 ", "80.5", "1e3"},
		"MEDIA_PORT":        {"0", "65536", "x", "-5"},
		"LOG_LEVEL":         {"trace", "INFO", "info,debug", "0"},
		"KEEPALIVE_PING":    {"30", "0", "0s", "-1s", "soon", "9999999h"},
		"KEEPALIVE_PONG":    {"10", "0s", "-10s"},
		"WRITE_DEADLINE":    {"5", "0ms", "five"},
		"KEYFRAME_INTERVAL": {"3", "0s", "-3s"},
		"KEYFRAME_DISPATCH": {"never", "Needed"},
		"PUBLIC_IP":         {"example.org", "1.2.3", "1.2.3.4:80", "1.2.3.4,", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "fe80::1%eth0", "1.2.3.4/24"},
		"ICE_MODE":          {"trickle"},
		"TLS":               {"on", "true", "selfsigned"},
		"ALLOWED_ORIGINS":   {"*", "https://*.example.org", "example.org", "null", "https://example.org/path", "https://example.org?x", "https://a@example.org", "https://", "https://a.test,,https://b.test"},
		"TRUSTED_PROXIES":   {"10.0.0.0/33", "all", "10.0.0.1,", "10.0.0.0-10.0.0.9"},
		"ROOM_MAX_PEERS":    {"-1", "many", "1.5", "1000001"},
		"MAX_PEERS":         {"-1", "x", "99999999999999999999"},
		"MAX_ROOMS":         {"-1", "x"},
		"ROOMS_LIST":        {"private", "yes"},
		"CHAT_HISTORY":      {"-1", "all", "10001"},
		"FILE_MAX_BYTES":    {"-1", "100MB", "1099511627777"},
		"FILE_RATE":         {"0", "16383", "1MB/s"},
		"RESUME_WINDOW":     {"30", "0s", "-1s"},
		"VIDEO_SLOTS":       {"0", "201", "x"},
		"CHAT_RATE":         {"0", "-5", "fast"},
		"EVENT_RATE":        {"0", "1.5"},
		"AUDIO_SLOTS":       {"0", "201", "x"},

		"AUTH":                {"closed", "JWT"},
		"AUTH_JWKS_URL":       {"file:///etc/passwd", "id.example", "https://a:b@id.example", "https://"},
		"AUTH_ALGORITHM":      {"HS256", "none", "es256"},
		"ADMIN_ADDR":          {"9090", "localhost", "localhost:http", ":70000"},
		"PUBLIC_URL":          {"meet.example.org", "ftp://meet.example.org"},
		"EMBED_ORIGINS":       {"*", "null", "example.org"},
		"OPEN_MODERATION":     {"last", "on"},
		"LOBBY":               {"true"},
		"SOCKETS_PER_ADDRESS": {"-1", "x"},
		"JOIN_RATE":           {"-1", "fast"},
	}
	// A file proves wrong when it is read, a text never, and the rest is in
	// TestTLS and TestAccess.
	elsewhere := regexp.MustCompile("^(TLS_.*|.*_FILE|AUTH_ISSUER|AUTH_AUDIENCE|WEBHOOK_URL)$")
	for _, s := range settings() {
		values := bad[s.variable]
		if values == nil && !elsewhere.MatchString(s.variable) && !s.secret {
			t.Errorf("%s has no bad value", s.variable)
		}
		for _, value := range values {
			_, err := Load(nil, []string{s.variable + "=" + value})
			var ve *ValueError
			if !errors.As(err, &ve) {
				t.Errorf("%s=%q: error %v, want a ValueError", s.variable, value, err)
				continue
			}
			if ve.Variable != s.variable || ve.Value != value || ve.Allowed != s.allowed || ve.Allowed == "" {
				t.Errorf("%s=%q: %+v", s.variable, value, ve)
			}
		}
	}
}

func TestErrorIsOneShortLine(t *testing.T) {
	_, err := Load(nil, []string{"LOG_LEVEL=" + strings.Repeat("a\r\n\x1b[31m\u2028", 1000)})
	if err == nil {
		t.Fatal("no error")
	}
	if text := err.Error(); strings.ContainsAny(text, "\r\n\x1b\u2028") || len(text) > 1200 {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestTLS(t *testing.T) {
	tests := []struct {
		environ  []string
		variable string // that the error names; "" for none
	}{
		{[]string{"TLS_CERT=c.pem", "TLS_KEY=k.pem"}, ""},
		{[]string{"TLS_CERT=c.pem"}, "TLS_KEY"},
		{[]string{"TLS_KEY=k.pem"}, "TLS_CERT"},
		{[]string{"TLS=self-signed", "TLS_CERT=c.pem", "TLS_KEY=k.pem"}, "TLS"},
	}
	for _, tt := range tests {
		c, err := Load(nil, tt.environ)
		if tt.variable == "" {
			if err != nil || !c.Secure() || c.TLSCert != "c.pem" || c.TLSKey != "k.pem" {
				t.Errorf("%v: %+v, %v", tt.environ, c, err)
			}
			continue
		}
		var ve *ValueError
		if !errors.As(err, &ve) || ve.Variable != tt.variable {
			t.Errorf("%v: %v, want an error about %s", tt.environ, err, tt.variable)
		}
	}
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		args []string
		want error  // if not nil
		text string // otherwise part of the error
	}{
		{[]string{"--help"}, ErrHelp, ""},
		{[]string{"-h"}, ErrHelp, ""},
		{[]string{"--help=markdown"}, ErrHelpMarkdown, ""},
		{[]string{"--version"}, ErrVersion, ""},
		{[]string{"-port", "x", "--help"}, ErrHelp, ""},
		{[]string{"--nonsense"}, nil, "-nonsense"},
		{[]string{"-port"}, nil, "-port"},
		{[]string{"start"}, nil, `"start"`},
	}
	for _, tt := range tests {
		_, err := Load(tt.args, nil)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", tt.args, err)
		}
	}
}

func TestHelpNamesEverything(t *testing.T) {
	help := Help()
	for _, s := range settings() {
		flag := "-" + s.flag + " "
		if s.secret {
			flag = ""
		}
		for _, want := range []string{flag, " " + s.variable + " ", " " + s.def, s.help} {
			if !strings.Contains(help, want) {
				t.Errorf("%q is missing in the help", want)
			}
		}
		for _, word := range s.oneof {
			if !strings.Contains(s.meaning(), word) {
				t.Errorf("the meaning of %s does not name %s", s.variable, word)
			}
		}
	}
	if strings.Count(help, "-help") != 1 || !strings.Contains(help, "-version") {
		t.Error("the help does not tell -help and -version")
	}
}

// The table in the README is the one that --help=markdown prints.
func TestReadmeTable(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- env:begin -->")
	table, _, closed := strings.Cut(rest, "<!-- env:end -->")
	if !found || !closed {
		t.Fatal("README.md lacks the markers env:begin and env:end")
	}
	if strings.TrimSpace(table) != strings.TrimSpace(Markdown()) {
		t.Errorf("the environment table of README.md is not that of `go run ./cmd/server --help=markdown`:\n%s", Markdown())
	}
}

func TestNetworksContain(t *testing.T) {
	var n Networks
	if err := n.UnmarshalText([]byte("10.0.0.0/8,2001:db8::/32")); err != nil {
		t.Fatal(err)
	}
	inside := []string{"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"}
	for _, addr := range append(inside, "11.0.0.1", "::1", "2001:db9::1", "::ffff:11.0.0.1") {
		if got := n.Contains(netip.MustParseAddr(addr)); got != slices.Contains(inside, addr) {
			t.Errorf("Contains(%s) = %v", addr, got)
		}
	}
	if n.Contains(netip.Addr{}) {
		t.Error("contains the zero address")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("PORT", "8080")
	f.Add("PUBLIC_IP", "192.0.2.7, ::1")
	f.Add("ALLOWED_ORIGINS", "https://[::1]:8443")
	f.Add("TRUSTED_PROXIES", "::ffff:10.0.0.0/104")
	f.Add("KEEPALIVE_PING", "1h2m3.5s")
	f.Fuzz(func(t *testing.T, variable, value string) {
		if _, err := Load(nil, []string{variable + "=" + value}); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has several lines: %q", err)
		}
	})
}
