package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// The algorithms (RFC 7518, RFC 8037).
const (
	HS256 = "HS256"
	EdDSA = "EdDSA"
	ES256 = "ES256"
	RS256 = "RS256"
)

// minRSA is the least size of an RSA key in bits (RFC 7518, section 3.3).
const minRSA = 2048

// AlgorithmOf returns the one algorithm for which a public key is used.
func AlgorithmOf(key crypto.PublicKey) (string, error) {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return EdDSA, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return ES256, nil
		}
		return "", errors.New("the curve is not P-256")
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return RS256, nil
		}
		return "", fmt.Errorf("an RSA key has at least %d bits", minRSA)
	}
	return "", errors.New("neither an Ed25519, nor an ECDSA, nor an RSA key")
}

// ParsePublicKey reads a PEM file with a public key (PKIX or PKCS #1) or with a
// certificate.
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	var key crypto.PublicKey
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	default:
		return nil, fmt.Errorf("a %q is no public key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	_, err = AlgorithmOf(key)
	return key, err
}

// ParsePrivateKey reads a PEM file with a private key (PKCS #8, PKCS #1 or SEC 1).
func ParsePrivateKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a %q is no private key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a key to sign with")
	}
	_, err = AlgorithmOf(signer.Public())
	return signer, err
}
