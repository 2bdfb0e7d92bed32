package auth

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
)

// Settings is where keys are, in the words of the server's variables (AUTH_...).
type Settings struct {
	Secret, SecretFile            string
	PublicKeyFile, PrivateKeyFile string
	JWKSURL, Algorithm            string
	Issuer, Audience              string
}

// A FileError is a file of the settings that cannot be used. Its text is one
// line without the content.
type FileError struct {
	Variable, Path string
	Err            error
}

// Error names the variable and the file.
func (e *FileError) Error() string { return fmt.Sprintf("%s=%q: %v", e.Variable, e.Path, e.Err) }

// Unwrap returns what is wrong with the file.
func (e *FileError) Unwrap() error { return e.Err }

// ErrNoSigner says that there is a key to check tokens with, but none to make them.
var ErrNoSigner = errors.New("tokens can be made with AUTH_SECRET or AUTH_PRIVATE_KEY_FILE only")

// Verifier returns what checks tokens. The error is a *FileError if a file is to
// blame.
func (s Settings) Verifier() (*Verifier, error) {
	o := Options{Issuer: s.Issuer, Audience: s.Audience}
	var err error
	switch {
	case s.PublicKeyFile != "":
		err = readFile("AUTH_PUBLIC_KEY_FILE", s.PublicKeyFile, func(text []byte) error {
			var err error
			o.PublicKey, err = ParsePublicKey(text)
			return err
		})
	case s.JWKSURL != "":
		o.JWKS, o.Algorithm = NewJWKS(s.JWKSURL, nil, nil), s.Algorithm
	default:
		o.Secret, err = s.secret()
	}
	if err != nil {
		return nil, err
	}
	return New(o)
}

// Signer returns what makes tokens. The error is ErrNoSigner if there is no key
// for it, and a *FileError if a file is to blame.
func (s Settings) Signer() (*Signer, error) {
	if s.PrivateKeyFile == "" {
		if s.Secret == "" && s.SecretFile == "" {
			return nil, ErrNoSigner
		}
		secret, err := s.secret()
		if err != nil {
			return nil, err
		}
		return NewSigner(secret, nil, s.Issuer, s.Audience)
	}
	var private crypto.Signer
	err := readFile("AUTH_PRIVATE_KEY_FILE", s.PrivateKeyFile, func(text []byte) error {
		var err error
		private, err = ParsePrivateKey(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return NewSigner(nil, private, s.Issuer, s.Audience)
}

func (s Settings) secret() ([]byte, error) {
	if s.SecretFile == "" {
		return []byte(s.Secret), nil
	}
	return ReadSecret("AUTH_SECRET_FILE", s.SecretFile, MinSecret)
}

// ReadSecret reads a secret from a file, without the end of its line.
func ReadSecret(variable, path string, least int) (secret []byte, err error) {
	err = readFile(variable, path, func(text []byte) error {
		if secret = bytes.TrimRight(text, "\r\n"); len(secret) < least {
			return fmt.Errorf("shorter than %d bytes", least)
		}
		return nil
	})
	return secret, err
}

func readFile(variable, path string, use func([]byte) error) error {
	text, err := os.ReadFile(path)
	if err == nil {
		err = use(text)
	}
	if err != nil {
		return &FileError{variable, path, err}
	}
	return nil
}
