package app

import (
	"errors"

	"aq-server/internal/auth"
	"aq-server/internal/config"
)

// access is who may enter and who may administrate.
type access struct {
	verifier *auth.Verifier // nil: everybody may enter
	signer   *auth.Signer   // nil: no invitations can be made
	adminKey []byte         // empty: there is no administrator
}

// loadAccess reads the keys. An error is a *config.ValueError where a file is to
// blame.
func loadAccess(c *config.Config) (a access, err error) {
	settings := auth.Settings{
		Secret: c.AuthSecret, SecretFile: c.AuthSecretFile,
		PublicKeyFile: c.AuthPublicKeyFile, PrivateKeyFile: c.AuthPrivateKeyFile,
		JWKSURL: c.AuthJWKSURL, Algorithm: c.AuthAlgorithm,
		Issuer: c.AuthIssuer, Audience: c.AuthAudience,
	}
	// Files that are named are read in open mode too: a wrong name is a mistake
	// that shows at once, not when tokens are turned on.
	if c.Auth == "jwt" || c.AuthSecretFile != "" || c.AuthPublicKeyFile != "" {
		if a.verifier, err = settings.Verifier(); err != nil {
			return a, badFile(err)
		}
	}
	if a.signer, err = settings.Signer(); err != nil && !errors.Is(err, auth.ErrNoSigner) {
		return a, badFile(err)
	}
	if c.Auth != "jwt" {
		a.verifier, a.signer = nil, nil
	}
	a.adminKey = []byte(c.AdminKey)
	if c.AdminKeyFile != "" {
		if a.adminKey, err = auth.ReadSecret("ADMIN_KEY_FILE", c.AdminKeyFile, config.MinKey); err != nil {
			return a, badFile(err)
		}
	}
	return a, nil
}

func badFile(err error) error {
	var file *auth.FileError
	if errors.As(err, &file) {
		return config.Bad(file.Variable, file.Path, "")
	}
	return err
}
