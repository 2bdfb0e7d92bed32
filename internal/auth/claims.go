package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/text/unicode/norm"

	"aq-server/internal/names"
	"aq-server/internal/types"
)

// ErrClaims says that claims are not such as we use.
var ErrClaims = errors.New("bad claims")

// Role is a set of grants with a name.
type Role string

// The roles.
const (
	RoleViewer      Role = "viewer"      // sees, hears and writes
	RoleParticipant Role = "participant" // speaks and shows as well
	RoleModerator   Role = "moderator"   // keeps order as well
)

// Claims is what a token of ours says. The single grants win over the role. A
// token with neither is a participant's; one with single grants and no role
// grants nothing else.
type Claims struct {
	jwt.RegisteredClaims

	// Room is a room's name, in which * stands for any number of any characters
	// and \* for a star.
	Room string `json:"room"`
	// Name is what the person is called, whatever he says himself.
	Name string `json:"name,omitempty"`
	Role Role   `json:"role,omitempty"`

	Publish   *Publish `json:"publish,omitempty"`
	Subscribe *bool    `json:"subscribe,omitempty"`
	Chat      *bool    `json:"chat,omitempty"`
	Moderate  *bool    `json:"moderate,omitempty"`
	// Lobby has him wait until a moderator lets him in.
	Lobby bool `json:"lobby,omitempty"`
}

// Publish are the sources that somebody may publish; in JSON a list of them, or
// true for all and false for none.
type Publish []types.Source

// UnmarshalJSON reads a list or a bool.
func (p *Publish) UnmarshalJSON(b []byte) error {
	var all bool
	if json.Unmarshal(b, &all) == nil {
		*p = Publish{}
		if all {
			*p = types.Sources()
		}
		return nil
	}
	var list []types.Source
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, s := range list {
		if s.Kind() == "" {
			return fmt.Errorf("no such source: %q", s)
		}
	}
	*p = list
	return nil
}

// MarshalJSON writes a list.
func (p Publish) MarshalJSON() ([]byte, error) {
	if p == nil {
		p = Publish{}
	}
	return json.Marshal([]types.Source(p))
}

// Grant is what a token allows its bearer in one room.
type Grant struct {
	// Subject is who he is to whoever signed the token; may be empty.
	Subject string
	// Room is where he may go.
	Room string
	// Name is what he is called, "" if he may choose.
	Name        string
	Permissions types.Permissions
	Lobby       bool
	Expires     time.Time
}

// Validate is called by the parser, after the signature was checked.
func (c *Claims) Validate() error {
	switch c.Role {
	case "", RoleViewer, RoleParticipant, RoleModerator:
	default:
		return fmt.Errorf("%w: no such role", ErrClaims)
	}
	if c.Room == "" {
		return fmt.Errorf("%w: no room", ErrClaims)
	}
	return nil
}

// grant returns what the claims allow in a room.
func (c *Claims) grant(room string) (*Grant, error) {
	pattern := norm.NFC.String(strings.TrimSpace(c.Room))
	if room == "" {
		name, exact := literal(pattern)
		if !exact {
			name = names.DefaultRoom
		}
		room = name
	}
	if !matches(pattern, room) {
		return nil, errors.New("for another room")
	}
	g := &Grant{Subject: c.Subject, Room: room, Permissions: c.permissions(), Lobby: c.Lobby, Expires: c.ExpiresAt.Time}
	if c.Name != "" {
		name, refusal := names.Username(c.Name)
		if refusal != nil {
			return nil, refusal
		}
		g.Name = name
	}
	return g, nil
}

// permissions adds the single grants to the role.
func (c *Claims) permissions() types.Permissions {
	role := c.Role
	if role == "" && c.Publish == nil && c.Subscribe == nil && c.Chat == nil && c.Moderate == nil {
		role = RoleParticipant
	}
	var p types.Permissions
	switch role {
	case RoleModerator, RoleParticipant:
		p = types.Permissions{Publish: types.Sources(), Subscribe: true, Chat: true, Moderate: role == RoleModerator}
	case RoleViewer:
		p = types.Permissions{Subscribe: true, Chat: true}
	}
	if c.Publish != nil {
		p.Publish = slices.Clone(*c.Publish)
	}
	set(&p.Subscribe, c.Subscribe)
	set(&p.Chat, c.Chat)
	set(&p.Moderate, c.Moderate)
	if p.Publish == nil {
		p.Publish = []types.Source{} // [] in JSON, never null
	}
	return p
}

func set(value, to *bool) {
	if to != nil {
		*value = *to
	}
}

// Literal returns the claim that stands for exactly this room. Names of rooms
// have no backslash.
func Literal(room string) string { return strings.ReplaceAll(room, "*", `\*`) }

// literal is the way back; it reports false for a pattern of several rooms.
func literal(pattern string) (string, bool) {
	parts := strings.Split(pattern, `\*`)
	for _, part := range parts {
		if strings.Contains(part, "*") {
			return "", false
		}
	}
	return strings.Join(parts, "*"), true
}

// matches tells whether a room fits a pattern. It goes back to one star only, so
// that it takes no more than the product of the lengths.
func matches(pattern, room string) bool {
	p, r := 0, 0
	star, from := -1, 0
	for r < len(room) {
		switch {
		case strings.HasPrefix(pattern[p:], `\*`) && room[r] == '*':
			p, r = p+2, r+1
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, r
			p++
		case p < len(pattern) && pattern[p] != '\\' && pattern[p] == room[r]:
			p, r = p+1, r+1
		case star >= 0:
			from++
			p, r = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
