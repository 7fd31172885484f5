package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// The console speaks TLS 1.2 and 1.3 with forward secrecy and authenticated
// encryption, and nothing older.
func TestConsoleTLS(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // RSA: all old suites would be to be had
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	server := consoleTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
	})
	for name, c := range map[string]struct {
		oldest, newest uint16
		suites         []uint16
		want           bool
	}{
		"1.1":                  {tls.VersionTLS10, tls.VersionTLS11, nil, false},
		"1.2, CBC only":        {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256}, false},
		"1.2, without secrecy": {tls.VersionTLS12, tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384}, false},
		"1.2":                  {tls.VersionTLS12, tls.VersionTLS12, nil, true},
		"1.3":                  {tls.VersionTLS13, tls.VersionTLS13, nil, true},
	} {
		near, far := net.Pipe()
		ended := make(chan error, 1)
		go func() {
			ended <- tls.Server(far, server).HandshakeContext(t.Context())
			_ = far.Close()
		}()
		err := tls.Client(near, &tls.Config{InsecureSkipVerify: true, MinVersion: c.oldest, MaxVersion: c.newest, CipherSuites: c.suites}).HandshakeContext(t.Context()) //nolint:gosec // old ones are what is tried
		_ = near.Close()
		if other := <-ended; (err == nil) != c.want || c.want && other != nil {
			t.Errorf("%s: %v, %v; want that it speaks: %v", name, err, other, c.want)
		}
	}
}
