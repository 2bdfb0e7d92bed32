package auth

import (
	"net/url"
	"strings"
)

// pagePath is where the page lies (routes.PagePath).
const pagePath = "/aq_server/"

// Link returns the address that somebody opens to join: base is the server's,
// "https://meet.example.org"; an empty room is left out. The page takes the
// token out of the address bar at once.
func Link(base, room, token string) string {
	query := url.Values{"token": {token}}
	if room != "" {
		query.Set("room", room)
	}
	return strings.TrimSuffix(strings.TrimSuffix(base, "/"), strings.TrimSuffix(pagePath, "/")) + pagePath + "?" + query.Encode()
}
