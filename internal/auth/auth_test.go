package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"aq-server/internal/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	now    = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
)

func clock() time.Time { return now }

func hs(t testing.TB) *Verifier {
	t.Helper()
	v, err := New(Options{Secret: secret, Issuer: "me", Audience: "aq", Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign makes a token of any kind.
func sign(t testing.TB, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	for k, v := range header {
		token.Header[k] = v
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func good() map[string]any {
	return map[string]any{"room": "demo", "sub": "alice", "iss": "me", "aud": "aq", "exp": now.Add(time.Hour).Unix()}
}

func with(key string, value any) map[string]any {
	c := good()
	c[key] = value
	return c
}

func without(key string) map[string]any {
	c := good()
	delete(c, key)
	return c
}

func TestForgedTokens(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	hs256 := jwt.SigningMethodHS256
	valid := sign(t, hs256, secret, nil, good())
	parts := strings.Split(valid, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	forged := map[string]string{
		"none":             sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, good()),
		"None":             b64([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".",
		"no signature":     parts[0] + "." + parts[1] + ".",
		"other secret":     sign(t, hs256, []byte(strings.Repeat("x", 32)), nil, good()),
		"empty secret":     sign(t, hs256, []byte{}, nil, good()),
		"HS512":            sign(t, jwt.SigningMethodHS512, secret, nil, good()),
		"EdDSA":            sign(t, jwt.SigningMethodEdDSA, private, nil, good()),
		"its own key":      sign(t, hs256, []byte("x"), map[string]any{"jwk": map[string]string{"kty": "oct", "k": "eA"}}, good()),
		"key from outside": sign(t, hs256, []byte("x"), map[string]any{"jku": "http://evil.example/", "x5u": "http://evil.example/"}, good()),
		"kid path":         sign(t, hs256, []byte{}, map[string]any{"kid": "../../../dev/null"}, good()),
		"critical header":  sign(t, hs256, secret, map[string]any{"crit": []string{"b64"}, "b64": false}, good()),
		"expired":          sign(t, hs256, secret, nil, with("exp", now.Add(-61*time.Second).Unix())),
		"without exp":      sign(t, hs256, secret, nil, without("exp")),
		"exp is text":      sign(t, hs256, secret, nil, with("exp", "tomorrow")),
		"not yet":          sign(t, hs256, secret, nil, with("nbf", now.Add(2*time.Minute).Unix())),
		"from the future":  sign(t, hs256, secret, nil, with("iat", now.Add(2*time.Minute).Unix())),
		"other issuer":     sign(t, hs256, secret, nil, with("iss", "you")),
		"no issuer":        sign(t, hs256, secret, nil, without("iss")),
		"other audience":   sign(t, hs256, secret, nil, with("aud", []string{"b", "c"})),
		"other room":       sign(t, hs256, secret, nil, with("room", "demo2")),
		"room of a prefix": sign(t, hs256, secret, nil, with("room", "dem")),
		"no room":          sign(t, hs256, secret, nil, without("room")),
		"room is a list":   sign(t, hs256, secret, nil, with("room", []string{"demo"})),
		"role":             sign(t, hs256, secret, nil, with("role", "admin")),
		"source":           sign(t, hs256, secret, nil, with("publish", []string{"everything"})),
		"publish is text":  sign(t, hs256, secret, nil, with("publish", "yes")),
		"moderate is text": sign(t, hs256, secret, nil, with("moderate", "true")),
		"name":             sign(t, hs256, secret, nil, with("name", "a\nb")),
		"changed claims":   parts[0] + "." + b64([]byte(`{"room":"*","exp":9999999999,"iss":"me","aud":"aq"}`)) + "." + parts[2],
		"four parts":       valid + ".x",
		"empty":            "",
		"dots":             strings.Repeat(".", 1<<20),
		"long":             sign(t, hs256, secret, nil, with("junk", strings.Repeat("x", maxToken))),
		"padding":          valid + "=",
	}
	v := hs(t)
	for what, token := range forged {
		began := time.Now()
		grant, err := v.Verify(t.Context(), token, "demo")
		if !errors.Is(err, ErrToken) || grant != nil {
			t.Errorf("%s: %v, %v", what, grant, err)
		}
		if took := time.Since(began); took > 50*time.Millisecond {
			t.Errorf("%s took %v", what, took)
		}
	}
	grant, err := v.Verify(t.Context(), valid, "demo")
	if err != nil || grant.Subject != "alice" || grant.Room != "demo" {
		t.Errorf("the valid one: %+v, %v", grant, err)
	}
}

// Clocks may be a minute apart (F13).
func TestLeeway(t *testing.T) {
	for _, claims := range []map[string]any{with("exp", now.Add(-59*time.Second).Unix()), with("nbf", now.Add(59*time.Second).Unix())} {
		if _, err := hs(t).Verify(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, claims), "demo"); err != nil {
			t.Errorf("%v: %v", claims, err)
		}
	}
}

// With a public key, that key as a secret must not do.
func TestPublicKeys(t *testing.T) {
	edPublic, edPrivate, _ := ed25519.GenerateKey(rand.Reader)
	ecPrivate, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaPrivate, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, k := range []struct {
		algorithm       string
		public, private any
	}{
		{EdDSA, edPublic, edPrivate}, {ES256, &ecPrivate.PublicKey, ecPrivate}, {RS256, &rsaPrivate.PublicKey, rsaPrivate},
	} {
		der, err := x509.MarshalPKIXPublicKey(k.public)
		if err != nil {
			t.Fatal(err)
		}
		file := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		public, err := ParsePublicKey(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := New(Options{PublicKey: public, Now: clock})
		if err != nil || v.Algorithm() != k.algorithm {
			t.Fatalf("%s: %v", k.algorithm, err)
		}
		der, _ = x509.MarshalPKCS8PrivateKey(k.private)
		private, err := ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := NewSigner(nil, private, "", "")
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Sign(Claims{Room: "demo"}, time.Hour, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), token, "demo"); err != nil {
			t.Errorf("%s: %v", k.algorithm, err)
		}
		for what, key := range map[string][]byte{"PEM": file, "DER": der} {
			forged := sign(t, jwt.SigningMethodHS256, key, nil, good())
			if _, err := v.Verify(t.Context(), forged, "demo"); !errors.Is(err, ErrToken) {
				t.Errorf("%s: the public key as a secret (%s): %v", k.algorithm, what, err)
			}
		}
	}
}

func TestBadKeys(t *testing.T) {
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for what, o := range map[string]Options{
		"nothing": {}, "short secret": {Secret: secret[:31]}, "RSA 1024": {PublicKey: &small.PublicKey},
		"P-384": {PublicKey: &p384.PublicKey}, "JWKS with a secret": {JWKS: NewJWKS("", nil, nil), Algorithm: HS256},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := ParsePublicKey([]byte("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")); err == nil {
		t.Error("a private key was taken for a public one")
	}
}

func TestPermissions(t *testing.T) {
	all, mic := types.Sources(), []types.Source{types.SourceMicrophone}
	none := []types.Source{}
	tests := []struct {
		claims string
		want   types.Permissions
	}{
		{`{}`, types.Permissions{Publish: all, Subscribe: true, Chat: true}},
		{`{"role":"participant"}`, types.Permissions{Publish: all, Subscribe: true, Chat: true}},
		{`{"role":"moderator"}`, types.Permissions{Publish: all, Subscribe: true, Chat: true, Moderate: true}},
		{`{"role":"viewer"}`, types.Permissions{Publish: none, Subscribe: true, Chat: true}},
		{`{"role":"viewer","chat":false}`, types.Permissions{Publish: none, Subscribe: true}},
		{`{"role":"viewer","publish":["microphone"]}`, types.Permissions{Publish: mic, Subscribe: true, Chat: true}},
		{`{"role":"participant","publish":false}`, types.Permissions{Publish: none, Subscribe: true, Chat: true}},
		{`{"publish":["microphone"],"subscribe":true}`, types.Permissions{Publish: mic, Subscribe: true}},
		{`{"publish":true}`, types.Permissions{Publish: all}},
		{`{"moderate":true}`, types.Permissions{Publish: none, Moderate: true}},
	}
	for _, tt := range tests {
		var c Claims
		if err := json.Unmarshal([]byte(tt.claims), &c); err != nil {
			t.Fatal(err)
		}
		got := c.permissions()
		if !slices.Equal(got.Publish, tt.want.Publish) || got.Publish == nil ||
			got.Subscribe != tt.want.Subscribe || got.Chat != tt.want.Chat || got.Moderate != tt.want.Moderate {
			t.Errorf("%s: %+v", tt.claims, got)
		}
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern, room string
		want          bool
	}{
		{"demo", "demo", true}, {"demo", "Demo", false}, {"demo", "demo1", false}, {"demo1", "demo", false},
		{"*", "anything", true}, {"team-*", "team-1", true}, {"team-*", "team-", true}, {"team-*", "team", false},
		{"*-x", "a-x", true}, {"*-x", "a-x-x", true}, {"*-x", "a-y", false}, {"a*b*c", "a1b2c", true}, {"a*b*c", "acb", false},
		{`a\*b`, "a*b", true}, {`a\*b`, "axb", false}, {`\*`, "*", true}, {`\*`, "**", false}, {`*\*`, "x*", true},
		{"**", "x", true}, {"[a-z]", "b", false}, {"?", "b", false}, {`a\`, "a", false}, {`\`, `\`, false},
		{strings.Repeat("*a", 40) + "b", strings.Repeat("a", 64), false},
	}
	for _, tt := range tests {
		if got := matches(tt.pattern, tt.room); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.room, got)
		}
	}
	for _, room := range []string{"a*b", "*", "plain", "**"} {
		if !matches(Literal(room), room) || matches(Literal(room), room+"x") || Literal(room) != room && matches(Literal(room), "axb") {
			t.Errorf("Literal(%q) = %q", room, Literal(room))
		}
		if name, exact := literal(Literal(room)); name != room || !exact {
			t.Errorf("literal: %q", name)
		}
	}
}

func TestRoomOfTheToken(t *testing.T) {
	v := hs(t)
	for pattern, want := range map[string]string{"demo": "demo", "de*": "default", `x\*`: "x*"} {
		grant, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, secret, nil, with("room", pattern)), "")
		if err != nil || grant.Room != want {
			t.Errorf("%s: %+v, %v", pattern, grant, err)
		}
	}
}

func TestSignedTokens(t *testing.T) {
	signer, err := NewSigner(secret, nil, "me", "aq")
	if err != nil {
		t.Fatal(err)
	}
	c := Claims{Room: "demo", Name: "Zoë", Role: RoleModerator}
	c.Subject = "zoe"
	token, err := signer.Sign(c, 2*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := hs(t).Verify(context.Background(), token, "demo")
	if err != nil || grant.Name != "Zoë" || grant.Subject != "zoe" || !grant.Permissions.Moderate || !grant.Expires.Equal(now.Add(2*time.Hour)) {
		t.Errorf("%+v, %v", grant, err)
	}
	for _, ttl := range []time.Duration{0, -time.Second, MaxTTL + time.Second} {
		if _, err := signer.Sign(c, ttl, now); err == nil {
			t.Errorf("a token for %v", ttl)
		}
	}
}

func FuzzToken(f *testing.F) {
	signed := func(claims map[string]any) string { return sign(f, jwt.SigningMethodHS256, secret, nil, claims) }
	f.Add(signed(good()), "demo")
	f.Add(signed(with("publish", []string{"camera"})), "demo")
	f.Add("..", "")
	f.Add("eyJhbGciOiJub25lIn0.e30.", "x")
	v := hs(f)
	known := signed(good())
	f.Fuzz(func(t *testing.T, token, room string) {
		grant, err := v.Verify(context.Background(), token, room)
		if err == nil && token != known && !strings.HasPrefix(token, "eyJ") {
			t.Errorf("%q was accepted: %+v", token, grant)
		}
		if (err == nil) != (grant != nil) {
			t.Errorf("%v and %v", grant, err)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b", "axb")
	f.Add(`\*`, "*")
	f.Fuzz(func(t *testing.T, pattern, room string) {
		if matches(pattern, room) && pattern == "" && room != "" {
			t.Errorf("the empty pattern matches %q", room)
		}
		if !strings.ContainsAny(room, `\`) && !matches(Literal(room), room) {
			t.Errorf("the literal of %q does not match it", room)
		}
	})
}
