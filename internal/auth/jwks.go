package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"time"
)

const (
	// jwksSize and jwksKeys bound what is read of a key set.
	jwksSize = 256 << 10
	jwksKeys = 64
	// jwksAge is when a set is fetched anew although nothing is wrong with it:
	// so long does a key that was withdrawn still count.
	jwksAge = 15 * time.Minute
	// jwksPause is the least time between two fetches: somebody who makes up
	// names of keys must not make us ask for each.
	jwksPause = 10 * time.Second
	jwksTime  = 5 * time.Second
)

// JWKS is a set of public keys (RFC 7517) behind an URL: fetched when needed,
// kept, and fetched again when a token names a key that is not in it.
type JWKS struct {
	url    string
	client *http.Client
	now    func() time.Time

	// fetching is a lock that can be waited for with a context: capacity 1.
	fetching chan struct{}

	mu      sync.Mutex // a leaf
	keys    []webKey
	fetched time.Time // when keys came
	tried   time.Time // when they were last asked for
}

type webKey struct {
	id, algorithm string
	key           crypto.PublicKey
}

// NewJWKS returns a set that has not been fetched yet. client and now may be nil.
func NewJWKS(url string, client *http.Client, now func() time.Time) *JWKS {
	if client == nil {
		client = &http.Client{
			Timeout: jwksTime,
			// Asked every quarter of an hour: a connection is not worth keeping.
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
			// Not to wherever the other side likes: a redirect is a mistake of
			// the operator, who should know.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if now == nil {
		now = time.Now
	}
	return &JWKS{url: url, client: client, now: now, fetching: make(chan struct{}, 1)}
}

// key returns the key of that name, or the only one if the token names none.
func (j *JWKS) key(ctx context.Context, kid, algorithm string) (crypto.PublicKey, error) {
	key, fresh := j.find(kid, algorithm)
	if key != nil && fresh {
		return key, nil
	}
	err := j.refresh(ctx, key == nil)
	if again, _ := j.find(kid, algorithm); again != nil {
		return again, nil // an old set is better than none while the other side is away
	}
	if err != nil {
		return nil, err
	}
	return nil, errors.New("no such key")
}

func (j *JWKS) find(kid, algorithm string) (key crypto.PublicKey, fresh bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fresh = j.now().Sub(j.fetched) < jwksAge
	n := 0
	for _, k := range j.keys {
		if k.algorithm == algorithm && (kid == "" || k.id == kid) {
			key, n = k.key, n+1
		}
	}
	if n != 1 {
		return nil, fresh
	}
	return key, fresh
}

// refresh fetches the set, unless that was tried a moment ago. Several who need
// it at once wait for one of them.
func (j *JWKS) refresh(ctx context.Context, missing bool) error {
	select {
	case j.fetching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-j.fetching }()
	j.mu.Lock()
	now := j.now()
	wait := now.Sub(j.tried) < jwksPause && !j.tried.IsZero()
	if !missing {
		wait = wait || now.Sub(j.fetched) < jwksAge
	}
	if !wait {
		j.tried = now
	}
	j.mu.Unlock()
	if wait {
		return nil
	}
	// Whoever asked may leave; the others who wait need the keys all the same.
	keys, err := j.fetch(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("fetch the keys: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keys, j.fetched = keys, now
	return nil
}

func (j *JWKS) fetch(ctx context.Context) ([]webKey, error) {
	ctx, cancel := context.WithTimeout(ctx, jwksTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := j.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, jwksSize+1))
	if err != nil {
		return nil, err
	}
	return parseJWKS(body)
}

// jwk is a key of RFC 7517, with the parameters of RFC 7518 and RFC 8037.
type jwk struct {
	Kty, Kid, Use, Alg, Crv string
	N, E, X, Y              string
}

// parseJWKS reads the keys that we can use and leaves the others out: a set may
// have keys for other purposes.
func parseJWKS(text []byte) ([]webKey, error) {
	if len(text) > jwksSize {
		return nil, errors.New("the key set is too long")
	}
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("the key set: %w", err)
	}
	var keys []webKey
	for _, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		key, err := k.public()
		if err != nil {
			continue
		}
		algorithm, err := AlgorithmOf(key)
		if err != nil || k.Alg != "" && k.Alg != algorithm {
			continue
		}
		if len(keys) == jwksKeys {
			return nil, errors.New("the key set has too many keys")
		}
		keys = append(keys, webKey{k.Kid, algorithm, key})
	}
	return keys, nil
}

func (k jwk) public() (crypto.PublicKey, error) {
	number := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return nil
		}
		return b
	}
	switch {
	case k.Kty == "OKP" && k.Crv == "Ed25519":
		if x := number(k.X); len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x), nil
		}
	case k.Kty == "EC" && k.Crv == "P-256":
		x, y := number(k.X), number(k.Y)
		if len(x) != 32 || len(y) != 32 {
			break
		}
		// The uncompressed point; it is checked to lie on the curve.
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	case k.Kty == "RSA":
		n, e := number(k.N), number(k.E)
		if len(n) == 0 || len(n) > 1024 || len(e) == 0 || len(e) > 4 {
			break
		}
		exponent := new(big.Int).SetBytes(e).Int64()
		if exponent < 3 || exponent%2 == 0 || exponent > 1<<31-1 {
			break
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)}, nil
	}
	return nil, errors.New("not a key that we can use")
}
