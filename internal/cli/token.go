// Package cli holds the small commands beside the server.
package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"aq-server/internal/auth"
	"aq-server/internal/config"
	"aq-server/internal/names"
	"aq-server/internal/types"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const tokenHelp = `Prints a token that lets somebody into a room, and the link for him. The keys
are those of the server's settings (AUTH_SECRET, AUTH_SECRET_FILE or
AUTH_PRIVATE_KEY_FILE), and so is the address in the link (PUBLIC_URL).

Usage: server token -room demo [-name Alice] [-role moderator] [-ttl 2h]

`

// tokenFlags is what the command line of token says.
type tokenFlags struct {
	room, name, subject, role, publish, url string
	ttl                                     time.Duration
	pattern, lobby                          bool
}

func parseToken(args []string, stderr io.Writer) (f tokenFlags, err error) {
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, tokenHelp)
		flags.PrintDefaults()
	}
	flags.StringVar(&f.room, "room", "", "`name` of the room; needed")
	flags.BoolVar(&f.pattern, "pattern", false, "in -room, * stands for any characters: the token is for all such rooms")
	flags.StringVar(&f.name, "name", "", "what the person is `called`; empty: as he likes")
	flags.StringVar(&f.subject, "sub", "", "who the person is to you; bans go by it")
	flags.StringVar(&f.role, "role", string(auth.RoleParticipant), "viewer, participant or moderator")
	flags.StringVar(&f.publish, "publish", "", "the only `sources` he may publish, separated by commas: microphone, camera, screen, screen_audio")
	flags.BoolVar(&f.lobby, "lobby", false, "he waits until a moderator lets him in")
	flags.DurationVar(&f.ttl, "ttl", 2*time.Hour, "how long the token lets somebody in")
	flags.StringVar(&f.url, "url", "", "address of the server for the link; PUBLIC_URL if empty")
	if err = flags.Parse(args); err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
		fmt.Fprintln(stderr, "server token:", err)
	}
	return f, err
}

// Token is `server token`: it prints a token and the link.
func Token(args, environ []string, now time.Time, stdout, stderr io.Writer) int {
	f, err := parseToken(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	cfg, err := config.Load(nil, environ)
	if err != nil {
		fmt.Fprintln(stderr, "server token:", err)
		return exitUsage
	}
	claims, err := f.claims()
	if err != nil {
		fmt.Fprintln(stderr, "server token:", err)
		return exitUsage
	}
	signer, err := settings(&cfg).Signer()
	if err != nil {
		fmt.Fprintln(stderr, "server token:", err)
		return exitUsage
	}
	token, err := signer.Sign(claims, f.ttl, now)
	if err != nil {
		fmt.Fprintln(stderr, "server token:", err)
		return exitUsage
	}
	base := f.url
	if base == "" {
		base = cfg.PublicURL
	}
	if base == "" {
		base = "http://localhost:" + cfg.Port
		if cfg.Secure() {
			base = "https://localhost:" + cfg.Port
		}
	}
	room := f.room
	if f.pattern {
		room = "" // which of them is up to him
	}
	if _, err := fmt.Fprintf(stdout, "%s\n%s\n", token, auth.Link(base, room, token)); err != nil {
		return exitFailed
	}
	return exitOK
}

// settings returns where the keys are.
func settings(c *config.Config) auth.Settings {
	return auth.Settings{
		Secret: c.AuthSecret, SecretFile: c.AuthSecretFile, PrivateKeyFile: c.AuthPrivateKeyFile,
		Issuer: c.AuthIssuer, Audience: c.AuthAudience,
	}
}

// claims checks what the server would check, so that nobody is sent a token that
// lets him in nowhere.
func (f *tokenFlags) claims() (auth.Claims, error) {
	var c auth.Claims
	if f.room == "" {
		return c, errors.New("-room is missing (see -help)")
	}
	c.Room = f.room
	if !f.pattern {
		room, refusal := names.Room(f.room)
		if refusal != nil {
			return c, errors.New(refusal.Message)
		}
		f.room, c.Room = room, auth.Literal(room)
	}
	if f.name != "" {
		name, refusal := names.Username(f.name)
		if refusal != nil {
			return c, errors.New(refusal.Message)
		}
		c.Name = name
	}
	c.Role, c.Subject, c.Lobby = auth.Role(f.role), f.subject, f.lobby
	if f.publish != "" {
		list := auth.Publish{}
		for part := range strings.SplitSeq(f.publish, ",") {
			source := types.Source(strings.TrimSpace(part))
			if source.Kind() == "" {
				return c, fmt.Errorf("there is no source %q", string(source))
			}
			list = append(list, source)
		}
		c.Publish = &list
	}
	if f.url != "" {
		if u, err := url.Parse(f.url); err != nil || u.Host == "" {
			return c, fmt.Errorf("-url %q is no address", f.url)
		}
	}
	return c, c.Validate()
}
