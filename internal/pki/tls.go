package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// suites12 are the TLS 1.2 suites of device profiles that cannot do 1.3:
// ECDHE-ECDSA with AES-GCM and nothing else.
var suites12 = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}

// ServerOptions are what the TLS settings of a listener depend on.
type ServerOptions struct {
	// Certificate answers for the listener's own certificate; see
	// Authority.ServerSource.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Clients are the authorities of client certificates. Nil asks for none, as
	// on the enrolment listener.
	Clients *x509.CertPool
	TLS12   bool // also take TLS 1.2 with ECDHE-ECDSA-AES-GCM
}

// ServerConfig returns TLS settings for a listener. Session tickets are on:
// resumption saves a third of a reconnect storm. Whoever checks more about a
// client sets VerifyConnection, which resumed sessions pass too, and never
// VerifyPeerCertificate, which they do not.
func ServerConfig(o ServerOptions) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: o.Certificate}
	if o.TLS12 {
		c.MinVersion, c.CipherSuites = tls.VersionTLS12, suites12
	}
	if o.Clients != nil {
		c.ClientCAs, c.ClientAuth = o.Clients, tls.RequireAndVerifyClientCert
	}
	return c
}

// ClientOptions are what a pump's TLS settings depend on.
type ClientOptions struct {
	Roots      *x509.CertPool         // the authorities that the root document names
	ServerName string                 // host that was dialled
	Chain      [][]byte               // own certificate, leaf first; empty on the enrolment listener
	Key        crypto.Signer          // of the leaf
	Cache      tls.ClientSessionCache // nil for no resumption
	TLS12      bool                   // no higher than TLS 1.2
}

// ClientConfig returns TLS settings for a pump. It offers the curves that
// secure elements have and not the larger hybrid ones.
func ClientConfig(o ClientOptions) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: o.Roots, ServerName: o.ServerName, ClientSessionCache: o.Cache,
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
	}
	if o.TLS12 {
		c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS12, tls.VersionTLS12, suites12
	}
	if len(o.Chain) > 0 {
		c.Certificates = []tls.Certificate{{Certificate: o.Chain, PrivateKey: o.Key}}
	}
	return c
}

// serverSource issues a listener's certificate when it is first needed and
// again when a third of its life is left, so that a server may run for years.
type serverSource struct {
	a     *Authority
	hosts []string
	now   func() time.Time

	mu   sync.Mutex
	cert *tls.Certificate
}

// ServerSource returns a source of server certificates for ServerOptions. Keys
// never leave memory; a restart makes new ones, which clients do not notice
// because they trust the authority.
func (a *Authority) ServerSource(hosts []string, now func() time.Time) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	s := &serverSource{a: a, hosts: hosts, now: now}
	if _, err := s.get(nil); err != nil {
		return nil, err
	}
	return s.get, nil
}

func (s *serverSource) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.cert != nil && now.Before(s.cert.Leaf.NotAfter.Add(-ServerLife/3)) {
		return s.cert, nil
	}
	leaf, key, err := s.a.IssueServer(s.hosts, now)
	if err != nil {
		if s.cert != nil && now.Before(s.cert.Leaf.NotAfter) {
			return s.cert, nil // still good; the next handshake tries again
		}
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	s.cert = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	return s.cert, nil
}
