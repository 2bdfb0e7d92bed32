package auth

import (
	"crypto"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// MaxTTL bounds the life of the tokens that a Signer makes: who has one keeps
// it, and it cannot be taken back.
const MaxTTL = 366 * 24 * time.Hour

// Signer makes tokens that the Verifier with the same keys accepts.
type Signer struct {
	method           jwt.SigningMethod
	key              any
	issuer, audience string
}

// NewSigner returns a Signer with a secret or, if that is empty, a private key.
// issuer and audience may be empty.
func NewSigner(secret []byte, private crypto.Signer, issuer, audience string) (*Signer, error) {
	s := &Signer{issuer: issuer, audience: audience}
	if len(secret) > 0 {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("a secret has at least %d bytes", MinSecret)
		}
		s.method, s.key = jwt.SigningMethodHS256, secret
		return s, nil
	}
	algorithm, err := AlgorithmOf(private.Public())
	if err != nil {
		return nil, err
	}
	s.method, s.key = jwt.GetSigningMethod(algorithm), private
	return s, nil
}

// Sign returns a token with these claims that expires after ttl.
func (s *Signer) Sign(c Claims, ttl time.Duration, now time.Time) (string, error) {
	if ttl <= 0 || ttl > MaxTTL {
		return "", fmt.Errorf("a token lives for more than nothing and at most %v", MaxTTL)
	}
	if err := c.Validate(); err != nil {
		return "", err
	}
	c.Issuer = s.issuer
	if s.audience != "" {
		c.Audience = jwt.ClaimStrings{s.audience}
	}
	c.IssuedAt = jwt.NewNumericDate(now)
	c.ExpiresAt = jwt.NewNumericDate(now.Add(ttl))
	return jwt.NewWithClaims(s.method, c).SignedString(s.key)
}
