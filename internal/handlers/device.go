package handlers

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
)

// deviceCookie tells browsers apart where somebody may be removed for good: a
// random number that says nothing about anybody, that scripts cannot read, and
// that other sites do not send along.
const (
	deviceCookie = "aq_device"
	deviceLength = 22 // 128 bits in base64
	deviceAge    = 365 * 24 * 3600
)

// device returns what the client's browser is known by, and the header that tells
// it to one that is not known yet.
func (h *WebsocketHandler) device(r *http.Request) (string, http.Header) {
	if !h.opts.Devices {
		return "", nil
	}
	if cookie, err := r.Cookie(deviceCookie); err == nil && len(cookie.Value) == deviceLength {
		return cookie.Value, nil
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	cookie := http.Cookie{
		Name: deviceCookie, Value: base64.RawURLEncoding.EncodeToString(b[:]), Path: "/aq_server/", MaxAge: deviceAge,
		HttpOnly: true, Secure: h.opts.SecureCookies, SameSite: http.SameSiteLaxMode,
	}
	if h.opts.Embedded && h.opts.SecureCookies { // in a frame of another site
		cookie.SameSite, cookie.Partitioned = http.SameSiteNoneMode, true
	}
	return cookie.Value, http.Header{"Set-Cookie": {cookie.String()}}
}
