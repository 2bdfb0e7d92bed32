package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keyServer serves a set that can be changed and counts who asks.
type keyServer struct {
	mu    sync.Mutex
	set   string
	asked atomic.Int64
	at    time.Time
	*JWKS
}

func (s *keyServer) put(set string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = set
}

func (s *keyServer) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *keyServer) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

func newKeyServer(t *testing.T, set string) *keyServer {
	s := &keyServer{set: set, at: now}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.set == "" {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(s.set))
	}))
	t.Cleanup(server.Close)
	s.JWKS = NewJWKS(server.URL, nil, s.clock)
	return s
}

func edKey(t *testing.T, id string) (jwk string, private ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"use":"sig","x":%q}`, id, base64.RawURLEncoding.EncodeToString(public)), private
}

func TestKeysAreRenewed(t *testing.T) {
	first, firstKey := edKey(t, "1")
	second, secondKey := edKey(t, "2")
	s := newKeyServer(t, `{"keys":[`+first+`]}`)
	v, err := New(Options{JWKS: s.JWKS, Algorithm: EdDSA, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	try := func(kid any, key ed25519.PrivateKey, want bool, asked int64) {
		t.Helper()
		header := map[string]any{}
		if kid != nil {
			header["kid"] = kid
		}
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodEdDSA, key, header, good()), "demo")
		if (err == nil) != want {
			t.Errorf("kid %v: %v", kid, err)
		}
		if n := s.asked.Load(); n != asked {
			t.Errorf("kid %v: the set was asked for %d times, want %d", kid, n, asked)
		}
	}
	try("1", firstKey, true, 1)
	try("1", secondKey, false, 1)
	try(nil, firstKey, true, 1)
	try(7, firstKey, false, 1)

	// A new key: fetched when it is first named, but not for each name that
	// somebody makes up.
	s.put(`{"keys":[` + first + `,` + second + `]}`)
	try("2", secondKey, false, 1)
	s.later(jwksPause)
	try("2", secondKey, true, 2)
	for range 20 {
		try("../../etc/passwd", firstKey, false, 2)
	}
	try(nil, firstKey, false, 2) // which of the two?

	// The old one is withdrawn, and the set grows old.
	s.put(`{"keys":[` + second + `]}`)
	s.later(jwksAge)
	try("1", firstKey, false, 3)

	// The other side is away: what we have goes on.
	s.put("")
	s.later(jwksAge)
	try("2", secondKey, true, 4)
	s.later(jwksPause)
	try("3", secondKey, false, 5)
}

func TestOneFetchForMany(t *testing.T) {
	key, private := edKey(t, "1")
	s := newKeyServer(t, `{"keys":[`+key+`]}`)
	v, err := New(Options{JWKS: s.JWKS, Algorithm: EdDSA, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	token := sign(t, jwt.SigningMethodEdDSA, private, map[string]any{"kid": "1"}, good())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := v.Verify(context.Background(), token, "demo"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestSortsOfKeys(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	ed, _ := edKey(t, "ed")
	set := fmt.Sprintf(`{"keys":[%s,{"kty":"EC","crv":"P-256","kid":"ec","x":%q,"y":%q},{"kty":"RSA","kid":"rs","n":%q,"e":%q},
		{"kty":"oct","kid":"secret","k":"AAAA"},{"kty":"EC","crv":"P-256","kid":"off","x":%q,"y":%q},
		{"kty":"RSA","kid":"enc","use":"enc","n":%q,"e":"AQAB"},{"kty":"RSA","kid":"small","n":"AQAB","e":"AQAB"},{"kty":"RSA","kid":"even","n":%q,"e":"AQAA"}]}`,
		ed, b64(point[1:33]), b64(point[33:]), b64(rs.N.Bytes()), b64(big.NewInt(int64(rs.E)).Bytes()),
		b64(point[1:33]), b64(point[1:33]), b64(rs.N.Bytes()), b64(rs.N.Bytes()))
	keys, err := parseJWKS([]byte(set))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range keys {
		got = append(got, k.id+" "+k.algorithm)
	}
	if strings.Join(got, ", ") != "ed EdDSA, ec ES256, rs RS256" {
		t.Error(got)
	}
	if _, err := parseJWKS([]byte(`{"keys":[` + strings.Repeat(ed+",", jwksKeys) + ed + `]}`)); err == nil {
		t.Error("a set of many keys was taken")
	}
}

func FuzzJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AA","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := parseJWKS(text)
		if err == nil && len(keys) > jwksKeys {
			t.Errorf("%d keys", len(keys))
		}
	})
}
