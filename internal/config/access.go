package config

import (
	"net"
	"net/url"
	"strconv"
)

// Least lengths of secrets. That of AUTH_SECRET is the one of RFC 7518, section
// 3.2; a key that is sent over the wire is only ever guessed over the wire.
const (
	MinAuthSecret = 32
	MinKey        = 16
)

// validateAccess checks who may enter and who may administrate.
func (c *Config) validateAccess() error {
	for _, u := range []struct{ variable, text string }{
		{"AUTH_JWKS_URL", c.AuthJWKSURL}, {"PUBLIC_URL", c.PublicURL}, {"WEBHOOK_URL", c.WebhookURL},
	} {
		if u.text != "" && !webAddress(u.text) {
			return Bad(u.variable, u.text, "")
		}
	}
	ways := 0
	for _, way := range []string{c.AuthSecret, c.AuthSecretFile, c.AuthPublicKeyFile, c.AuthJWKSURL} {
		if way != "" {
			ways++
		}
	}
	const one = "exactly one of AUTH_SECRET, AUTH_SECRET_FILE, AUTH_PUBLIC_KEY_FILE and AUTH_JWKS_URL"
	switch {
	case c.Auth == "jwt" && ways != 1:
		return Bad("AUTH", c.Auth, "jwt together with "+one)
	case ways > 1:
		return Bad("AUTH", c.Auth, one)
	case c.AuthSecret != "" && len(c.AuthSecret) < MinAuthSecret:
		return Bad("AUTH_SECRET", c.AuthSecret, "")
	case c.AdminKey != "" && c.AdminKeyFile != "":
		return Bad("ADMIN_KEY_FILE", c.AdminKeyFile, "either ADMIN_KEY or ADMIN_KEY_FILE, not both")
	case c.AdminKey != "" && len(c.AdminKey) < MinKey:
		return Bad("ADMIN_KEY", c.AdminKey, "")
	case (c.WebhookURL != "" || c.WebhookKey != "") && len(c.WebhookKey) < MinKey:
		return Bad("WEBHOOK_SECRET", c.WebhookKey, "")
	case c.AdminAddr != "" && !address(c.AdminAddr):
		return Bad("ADMIN_ADDR", c.AdminAddr, "")
	case c.Auth == "jwt" && c.OpenModeration == "first":
		return Bad("OPEN_MODERATION", c.OpenModeration, "none with AUTH=jwt: tokens say who moderates")
	case c.Lobby == "on" && c.Auth == "open" && c.OpenModeration != "first":
		return Bad("LOBBY", c.Lobby, "off, unless somebody can moderate: AUTH=jwt or OPEN_MODERATION=first")
	}
	return nil
}

// webAddress tells whether text is an URL that can be asked.
func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// address tells whether text is host:port. Port 0 is for tests.
func address(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
