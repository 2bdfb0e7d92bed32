// Package auth reads who somebody is and what he may do from a JSON Web Token
// (RFC 7519), and makes such tokens. What a token must look like is in
// docs/security.md.
//
// Exactly one algorithm is accepted, the one that the server is configured for:
// a token never chooses how it is checked (CVE-2015-9235 and its heirs).
package auth

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// maxToken bounds what is parsed at all.
	maxToken = 8 << 10
	// leeway is how far the clocks of who signs and who checks may be apart.
	leeway = time.Minute
	// MinSecret is the least length of a secret, in bytes: that of the hash
	// (RFC 7518, section 3.2).
	MinSecret = 32
)

// ErrToken is the one error of Verify: why a token is not accepted is nobody's
// business but the log's, where Cause tells it.
var ErrToken = errors.New("the token is not valid here")

// Options is what a Verifier is made from: one of Secret, PublicKey and JWKS.
type Options struct {
	Secret    []byte           // HS256
	PublicKey crypto.PublicKey // of ParsePublicKey: EdDSA, ES256 or RS256
	JWKS      *JWKS
	// Algorithm is needed with JWKS, and otherwise that of the key.
	Algorithm string
	// Issuer and Audience are compared with iss and aud unless empty.
	Issuer, Audience string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Verifier checks tokens. Its methods may be called from any goroutine.
type Verifier struct {
	opts      Options
	algorithm string
	parser    *jwt.Parser
	now       func() time.Time
}

// New returns a Verifier.
func New(o Options) (*Verifier, error) {
	algorithm := o.Algorithm
	switch {
	case len(o.Secret) > 0:
		if len(o.Secret) < MinSecret {
			return nil, fmt.Errorf("a secret has at least %d bytes", MinSecret)
		}
		algorithm = HS256
	case o.PublicKey != nil:
		var err error
		if algorithm, err = AlgorithmOf(o.PublicKey); err != nil {
			return nil, err
		}
	case o.JWKS == nil:
		return nil, errors.New("no key to check tokens with")
	case algorithm != EdDSA && algorithm != ES256 && algorithm != RS256:
		return nil, fmt.Errorf("keys of a JWKS cannot be used with %q", algorithm)
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{algorithm}), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(now), jwt.WithStrictDecoding(), jwt.WithIssuedAt(),
	}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		options = append(options, jwt.WithAudience(o.Audience))
	}
	return &Verifier{opts: o, algorithm: algorithm, parser: jwt.NewParser(options...), now: now}, nil
}

// Algorithm returns the one algorithm that is accepted.
func (v *Verifier) Algorithm() string { return v.algorithm }

// Verify checks a token and returns what it grants in a room (as names.Room
// gave it); an empty room takes the token's own, if it names exactly one. The
// error is ErrToken and has its cause inside, which must not reach the client.
// It blocks while a JWKS is fetched, as long as ctx allows.
func (v *Verifier) Verify(ctx context.Context, token, room string) (*Grant, error) {
	grant, err := v.verify(ctx, token, room)
	if err != nil {
		return nil, errors.Join(ErrToken, err)
	}
	return grant, nil
}

func (v *Verifier) verify(ctx context.Context, token, room string) (*Grant, error) {
	// Counted before anything is split: a megabyte of dots costs nothing.
	if len(token) > maxToken {
		return nil, errors.New("longer than 8 KiB")
	}
	if strings.Count(token, ".") != 2 {
		return nil, errors.New("not three parts")
	}
	var c Claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	if err != nil {
		return nil, err
	}
	return c.grant(room)
}

// key returns the key for a token. Only with a JWKS has the token a say in it,
// by the name of the key; with one key the name is ignored.
func (v *Verifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	if t.Header["crit"] != nil { // RFC 7515, section 4.1.11: we understand none
		return nil, errors.New("critical headers")
	}
	switch {
	case len(v.opts.Secret) > 0:
		return v.opts.Secret, nil
	case v.opts.PublicKey != nil:
		return v.opts.PublicKey, nil
	}
	kid, ok := t.Header["kid"].(string)
	if !ok && t.Header["kid"] != nil {
		return nil, errors.New("kid is no string")
	}
	return v.opts.JWKS.key(ctx, kid, v.algorithm)
}
