package cli

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aq-server/internal/auth"
)

const secret = "0123456789abcdef0123456789abcdef"

func run(args []string, environ ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	code = Token(args, environ, time.Now(), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := auth.New(auth.Options{Secret: []byte(secret), Issuer: "me"})
	if err != nil {
		t.Fatal(err)
	}
	code, out, errOut := run([]string{"-room", "demo*", "-name", "Alice", "-role", "moderator", "-ttl", "2h"},
		"AUTH=jwt", "AUTH_SECRET_FILE="+file, "AUTH_ISSUER=me", "PUBLIC_URL=https://meet.example.org/")
	if code != 0 || errOut != "" {
		t.Fatalf("%d %s", code, errOut)
	}
	token, link, _ := strings.Cut(strings.TrimSpace(out), "\n")
	grant, err := verifier.Verify(t.Context(), token, "demo*")
	if err != nil || grant.Name != "Alice" || !grant.Permissions.Moderate {
		t.Errorf("%+v, %v", grant, err)
	}
	if ttl := time.Until(grant.Expires); ttl < 119*time.Minute || ttl > 2*time.Hour {
		t.Errorf("expires in %v", ttl)
	}
	if _, err := verifier.Verify(t.Context(), token, "demox"); err == nil {
		t.Error("a star in a room's name is a pattern")
	}
	u, err := url.Parse(link)
	if err != nil || u.Host != "meet.example.org" || u.Path != "/aq_server/" || u.Query().Get("room") != "demo*" || u.Query().Get("token") != token {
		t.Errorf("link %s, %v", link, err)
	}
	code, out, _ = run([]string{"-room", "team-*", "-pattern"}, "AUTH_SECRET="+secret, "AUTH_ISSUER=me")
	token, link, _ = strings.Cut(strings.TrimSpace(out), "\n")
	if _, err := verifier.Verify(t.Context(), token, "team-7"); code != 0 || err != nil || strings.Contains(link, "room=") {
		t.Errorf("pattern: %d %v %s", code, err, link)
	}
}

func TestTokenMistakes(t *testing.T) {
	ok := "AUTH_SECRET=" + secret
	for _, tt := range []struct {
		args    []string
		environ string
		says    string
	}{
		{nil, ok, "-room"},
		{[]string{"-room", "a/b"}, ok, "room name"},
		{[]string{"-room", "a"}, "AUTH=open", "AUTH_SECRET"},
		{[]string{"-room", "a", "-role", "king"}, ok, "role"},
		{[]string{"-room", "a", "-publish", "x"}, ok, "source"},
		{[]string{"-room", "a", "-ttl", "-1s"}, ok, "token lives"},
		{[]string{"-room", "a", "b"}, ok, "unexpected"},
		{[]string{"-room", "a", "-name", "\n"}, ok, "username"},
		{[]string{"-room", "a"}, "AUTH_SECRET_FILE=/nonexistent", "AUTH_SECRET_FILE"},
		{[]string{"-room", "a"}, "AUTH_SECRET=short", "AUTH_SECRET"},
	} {
		code, out, errOut := run(tt.args, tt.environ)
		if code != exitUsage || out != "" || !strings.Contains(errOut, tt.says) || strings.Contains(errOut, "short\"") {
			t.Errorf("%v: %d %q %q", tt.args, code, out, errOut)
		}
	}
	if code, _, errOut := run([]string{"-help"}); code != 0 || !strings.Contains(errOut, "Usage") {
		t.Errorf("help: %d %s", code, errOut)
	}
}
