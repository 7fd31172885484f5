package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cisterna/internal/errs"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func authority(t *testing.T) *Authority {
	t.Helper()
	a, err := Create("Cisterna test", now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// client returns a communicator's chain and key.
func client(t *testing.T, a *Authority, cn string) (*x509.Certificate, [][]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key := newKey(t)
	der, err := NewCSR(key, cn)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := CheckCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	cert, chain, err := a.IssueClient(csr, now)
	if err != nil {
		t.Fatal(err)
	}
	return cert, chain, key
}

func TestAuthorityOnDisk(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "authority.pem")
	a, err := LoadOrCreate(file, "Cisterna test", now)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", info.Mode().Perm())
	}
	again, err := LoadOrCreate(file, "Cisterna test", now)
	if err != nil {
		t.Fatal(err)
	}
	if !again.cert.Equal(a.cert) || !again.key.Equal(a.key) {
		t.Error("the second start made another authority")
	}
	if err := a.save(file); !errors.Is(err, os.ErrExist) {
		t.Errorf("an authority was overwritten: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".*")); len(hidden) != 0 {
		t.Errorf("left behind: %v", hidden)
	}

	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(file, "Cisterna test", now); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("a key that everybody may read was loaded: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(file, "Cisterna test", now); err == nil {
		t.Error("garbage was loaded, or replaced")
	}
}

func TestClientCertificate(t *testing.T) {
	a := authority(t)
	cert, chain, key := client(t, a, "COMM-1")
	if len(chain) != 1 || string(chain[0]) != string(cert.Raw) {
		t.Errorf("chain of %d certificates", len(chain))
	}
	if cert.Subject.CommonName != "COMM-1" || !key.PublicKey.Equal(cert.PublicKey) {
		t.Errorf("certificate for %q with another key", cert.Subject.CommonName)
	}
	if life := cert.NotAfter.Sub(now); life != ClientLife {
		t.Errorf("life %s, want %s", life, ClientLife)
	}
	if !cert.NotBefore.Before(now) {
		t.Error("a pump whose clock is a minute behind cannot use it")
	}
	if Serial(cert) == "" || Serial(cert) == Serial(a.cert) || Serial(cert) != strings.ToLower(Serial(cert)) {
		t.Errorf("serial %q", Serial(cert))
	}
	if cert.IsCA || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Error("a communicator's certificate is good for more than connecting")
	}
}

func TestCheckCSRRefuses(t *testing.T) {
	request := func(key crypto.Signer, tmpl *x509.CertificateRequest) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, tmpl, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	named := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "COMM-1"}}
	good := request(newKey(t), named)
	// A public key with somebody else's signature under it.
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	tests := []struct {
		name string
		der  []byte
	}{
		{"empty", nil},
		{"garbage", []byte("hello")},
		{"cut short", good[:len(good)-1]},
		{"trailing byte", append(append([]byte(nil), good...), 0)},
		{"wrong signature", forged},
		{"P-384", request(p384, named)},
		{"Ed25519", request(ed, named)},
		{"no name", request(newKey(t), &x509.CertificateRequest{})},
		{"two names", request(newKey(t), &x509.CertificateRequest{Subject: pkix.Name{CommonName: "COMM-1", Organization: []string{"x"}}})},
		{"a server's name", request(newKey(t), &x509.CertificateRequest{Subject: named.Subject, DNSNames: []string{"cisterna.example"}})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if csr, err := CheckCSR(tt.der); errs.KindOf(err) != errs.Invalid || csr != nil {
				t.Errorf("got %v, %v", csr, err)
			}
		})
	}
}

func TestCheckIssued(t *testing.T) {
	a, other := authority(t), authority(t)
	cert, _, _ := client(t, a, "COMM-1")
	foreign, _, _ := client(t, other, "COMM-1")
	server, _, err := a.IssueServer([]string{"localhost"}, now)
	if err != nil {
		t.Fatal(err)
	}
	const grace = 365 * 24 * time.Hour
	tests := []struct {
		name string
		der  []byte
		at   time.Time
		ok   bool
	}{
		{"in its life", cert.Raw, now, true},
		{"expired", cert.Raw, now.Add(ClientLife + time.Hour), true},
		{"expired long ago", cert.Raw, now.Add(ClientLife + grace + time.Hour), false},
		{"not yet valid", cert.Raw, now.Add(-2 * time.Hour), false},
		{"another authority's", foreign.Raw, now, false},
		{"a server's", server.Raw, now, false},
		{"garbage", []byte("x"), now, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CheckIssued(tt.der, a.Pool(), tt.at, grace)
			if (err == nil) != tt.ok || (got != nil) != tt.ok || !tt.ok && errs.KindOf(err) != errs.Denied {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// shake runs a handshake over real sockets and returns what the server saw.
func shake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	type result struct {
		state tls.ConnectionState
		err   error
	}
	done := make(chan result, 1)
	go func() {
		raw, err := ln.Accept()
		if err != nil {
			done <- result{err: err}
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, server)
		err = conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x")) // carries the session ticket to the client's Read
		}
		done <- result{conn.ConnectionState(), err}
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
		conn.Close()
	}
	r := <-done
	return r.state, errors.Join(err, r.err)
}

func TestTLS(t *testing.T) {
	a := authority(t)
	clock := func() time.Time { return now }
	source, err := a.ServerSource([]string{"localhost", "127.0.0.1"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	_, chain, key := client(t, a, "COMM-1")
	stranger := authority(t)
	_, strangeChain, strangeKey := client(t, stranger, "COMM-1")
	server := func(tls12 bool) *tls.Config {
		c := ServerConfig(ServerOptions{Certificate: source, Clients: a.Pool(), TLS12: tls12})
		c.Time = clock
		return c
	}
	pump := func(o ClientOptions) *tls.Config {
		o.ServerName = "localhost"
		if o.Roots == nil {
			o.Roots = a.Pool()
		}
		c := ClientConfig(o)
		c.Time = clock
		return c
	}
	tests := []struct {
		name    string
		server  *tls.Config
		client  *tls.Config
		version uint16 // 0: the handshake fails
	}{
		{"1.3", server(false), pump(ClientOptions{Chain: chain, Key: key}), tls.VersionTLS13},
		{"1.2 where it is allowed", server(true), pump(ClientOptions{Chain: chain, Key: key, TLS12: true}), tls.VersionTLS12},
		{"1.3 where 1.2 is allowed too", server(true), pump(ClientOptions{Chain: chain, Key: key}), tls.VersionTLS13},
		{"1.2 where it is not", server(false), pump(ClientOptions{Chain: chain, Key: key, TLS12: true}), 0},
		{"no certificate", server(false), pump(ClientOptions{}), 0},
		{"another authority's certificate", server(false), pump(ClientOptions{Chain: strangeChain, Key: strangeKey}), 0},
		{"a root that the pump does not know", server(false), pump(ClientOptions{Roots: stranger.Pool(), Chain: chain, Key: key}), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state, err := shake(t, tt.server, tt.client)
			if (err == nil) != (tt.version != 0) {
				t.Fatal(err)
			}
			if err == nil && (state.Version != tt.version || state.PeerCertificates[0].Subject.CommonName != "COMM-1") {
				t.Errorf("version %x, peer %v", state.Version, state.PeerCertificates[0].Subject)
			}
		})
	}

	t.Run("resumption passes VerifyConnection", func(t *testing.T) {
		checked := 0
		s := server(false)
		s.VerifyConnection = func(tls.ConnectionState) error { checked++; return nil }
		c := pump(ClientOptions{Chain: chain, Key: key, Cache: tls.NewLRUClientSessionCache(1)})
		if _, err := shake(t, s, c); err != nil {
			t.Fatal(err)
		}
		state, err := shake(t, s, c)
		if err != nil || !state.DidResume || checked != 2 {
			t.Errorf("resumed %v, checked %d times, %v", state.DidResume, checked, err)
		}
	})
}

func TestServerSourceRenews(t *testing.T) {
	a, at := authority(t), now
	get, err := a.ServerSource([]string{"localhost", "::1"}, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	first, err := get(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Leaf.VerifyHostname("::1"); err != nil {
		t.Error(err)
	}
	at = now.Add(ServerLife/3*2 - time.Minute)
	if c, _ := get(nil); c != first {
		t.Error("renewed too early")
	}
	at = now.Add(ServerLife/3*2 + time.Minute)
	c, err := get(nil)
	if err != nil || c == first || !c.Leaf.NotAfter.Equal(at.Add(ServerLife).Truncate(time.Second)) {
		t.Errorf("not renewed: %v", err)
	}
}
