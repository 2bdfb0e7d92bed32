package webrtcapi

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
	"github.com/pion/srtp/v3"
)

// handshakeSecrets is what a DTLS 1.2 handshake in which we are the server lets
// out: enough for the keying material exporter (RFC 5705), from which SRTP has
// its keys (RFC 5764, section 4.2). pion/webrtc keeps its DTLS connection to
// itself; these are the two public places where the parts come by.
//
// Its methods are called by DTLS, on goroutines of its own.
type handshakeSecrets struct {
	mu           sync.Mutex
	clientRandom []byte
	master       []byte
	serverRandom []byte
	suite        dtls.CipherSuiteID
	profile      dtls.SRTPProtectionProfile
}

// errNoKeys says that the keys of a PeerConnection are not known: we are not the
// DTLS server, or something other than DTLS 1.2 was negotiated.
var errNoKeys = errors.New("webrtcapi: the handshake did not show its keys")

// Write takes a line of the key log: CLIENT_RANDOM, the client's random and the
// master secret, in hex.
func (h *handshakeSecrets) Write(line []byte) (int, error) {
	fields := strings.Fields(string(line))
	if len(fields) != 3 || fields[0] != "CLIENT_RANDOM" {
		return len(line), nil
	}
	random, err := hex.DecodeString(fields[1])
	if err != nil {
		return 0, fmt.Errorf("key log: %w", err)
	}
	master, err := hex.DecodeString(fields[2])
	if err != nil {
		return 0, fmt.Errorf("key log: %w", err)
	}
	h.mu.Lock()
	h.clientRandom, h.master = random, master
	h.mu.Unlock()
	return len(line), nil
}

// serverHello takes the server's random from our own message, which goes out
// again, the same, when it was lost.
func (h *handshakeSecrets) serverHello(m handshake.MessageServerHello) handshake.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	random := m.Random.MarshalFixed()
	h.serverRandom = random[:]
	if m.CipherSuiteID != nil {
		h.suite = dtls.CipherSuiteID(*m.CipherSuiteID)
	}
	for _, e := range m.Extensions {
		if use, ok := e.(*extension.UseSRTP); ok && len(use.ProtectionProfiles) == 1 {
			h.profile = use.ProtectionProfiles[0]
		}
	}
	return &m
}

// ExportKeyingMaterial implements srtp.KeyingMaterialExporter (RFC 5705, section
// 4, without a context).
func (h *handshakeSecrets) ExportKeyingMaterial(label string, _ []byte, length int) ([]byte, error) {
	if len(h.master) == 0 || len(h.clientRandom) == 0 || len(h.serverRandom) == 0 {
		return nil, errNoKeys
	}
	seed := append([]byte(label), h.clientRandom...)
	seed = append(seed, h.serverRandom...)
	hash := prf.HashFunc(sha256.New)
	switch h.suite {
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		hash = sha512.New384
	}
	return prf.PHash(h.master, seed, length, hash)
}

// contexts makes two SRTP contexts of the keys by which we send, one to seal with
// and one that opens what is sealed with them, and one of those by which the client
// does.
func (h *handshakeSecrets) contexts() (seal, open, inbound *srtp.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.profile == 0 {
		return nil, nil, nil, errNoKeys
	}
	config := srtp.Config{Profile: srtp.ProtectionProfile(h.profile)}
	if err := config.ExtractSessionKeysFromDTLS(h, false); err != nil {
		return nil, nil, nil, fmt.Errorf("keys of SRTP: %w", err)
	}
	keys := config.Keys
	if seal, err = srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile); err != nil {
		return nil, nil, nil, fmt.Errorf("SRTP context: %w", err)
	}
	if open, err = srtp.CreateContext(keys.LocalMasterKey, keys.LocalMasterSalt, config.Profile); err != nil {
		return nil, nil, nil, fmt.Errorf("SRTP context: %w", err)
	}
	inbound, err = srtp.CreateContext(keys.RemoteMasterKey, keys.RemoteMasterSalt, config.Profile,
		srtp.SRTPReplayProtection(rtpWindow), srtp.SRTCPReplayProtection(rtcpWindow))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("SRTP context: %w", err)
	}
	return seal, open, inbound, nil
}

// forget drops the secrets: the contexts are all that is needed from now on.
func (h *handshakeSecrets) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.master)
	h.master, h.clientRandom, h.serverRandom = nil, nil, nil
}
