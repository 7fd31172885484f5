// Package pki is the authority behind the link's certificates and the TLS
// settings of both its ends.
//
// Keys are P-256 and signatures ECDSA with SHA-256: every pump's secure element
// has it, and it keeps a reconnect storm of ten thousand pumps to seconds of
// work. A communicator's certificate carries its serial as common name, is good
// for client authentication only and lives thirty days; nobody is told by a
// list that it was revoked, because the endpoint asks the registry at every
// handshake. The authority's key and certificate lie in one file, so that no
// crash can part them. The signed root document names the authorities; this
// package knows nothing of it.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

// Lives of certificates.
const (
	AuthorityLife = 10 * 365 * 24 * time.Hour
	ClientLife    = 30 * 24 * time.Hour
	ServerLife    = 90 * 24 * time.Hour

	// backdate lets a peer whose clock is behind use a fresh certificate.
	backdate = time.Hour
)

// Authority issues certificates. It is safe for concurrent use.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

// Create makes a new authority in memory.
func Create(name string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create authority: %w", err)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("create authority: %w", err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: newSerial(), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(AuthorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		SubjectKeyId: id, AuthorityKeyId: id,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("create authority: %w", err)
	}
	return newAuthority(der, key)
}

func newAuthority(der []byte, key *ecdsa.PrivateKey) (*Authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority certificate: %w", err)
	}
	pub, ok := cert.PublicKey.(*ecdsa.PublicKey)
	switch {
	case !cert.IsCA:
		return nil, errors.New("authority certificate: it is not an authority's")
	case !ok || pub.Curve != elliptic.P256() || !pub.Equal(&key.PublicKey):
		return nil, errors.New("authority certificate: it does not belong to the P-256 key beside it")
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &Authority{cert: cert, key: key, pool: pool}, nil
}

// LoadOrCreate reads the authority from file, or creates it there if the file
// does not exist. The file must be its owner's alone (mode 0600).
func LoadOrCreate(file, name string, now time.Time) (*Authority, error) {
	a, err := Load(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	if a, err = Create(name, now); err != nil {
		return nil, err
	}
	if err := a.save(file); err != nil {
		return nil, err
	}
	return a, nil
}

// Load reads the authority from file.
func Load(file string) (*Authority, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("load authority: %s has mode %04o and holds a private key; make it 0600", file, info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	var der []byte
	var key *ecdsa.PrivateKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			der = block.Bytes
		case "PRIVATE KEY":
			k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("load authority %s: %w", file, err)
			}
			key, _ = k.(*ecdsa.PrivateKey)
		}
	}
	if der == nil || key == nil {
		return nil, fmt.Errorf("load authority: %s does not hold a certificate and an ECDSA key in PEM", file)
	}
	a, err := newAuthority(der, key)
	if err != nil {
		return nil, fmt.Errorf("load authority %s: %w", file, err)
	}
	return a, nil
}

func (a *Authority) save(file string) error {
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := writeFile(file, text); err != nil {
		return fmt.Errorf("save authority: %w", err)
	}
	return nil
}

// Certificate returns the authority's own certificate. It must not be changed.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// Pool returns a pool with this authority alone. It must not be changed.
func (a *Authority) Pool() *x509.CertPool { return a.pool }

// IssueClient issues a communicator's certificate for a request that CheckCSR
// accepted. It returns the certificate and its chain, leaf first, DER. The
// authority itself is left out: peers know it from the root document, and it
// would be sent in every handshake.
func (a *Authority) IssueClient(csr *x509.CertificateRequest, now time.Time) (*x509.Certificate, [][]byte, error) {
	// Nothing but the name and the key is taken from the request.
	tmpl := &x509.Certificate{
		Subject: pkix.Name{CommonName: csr.Subject.CommonName}, NotAfter: now.Add(ClientLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	cert, err := a.issue(tmpl, csr.PublicKey, now)
	if err != nil {
		return nil, nil, err
	}
	return cert, [][]byte{cert.Raw}, nil
}

// IssueServer issues a certificate and a new key for a server that is reached
// under the given host names and IP addresses.
func (a *Authority) IssueServer(hosts []string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if len(hosts) == 0 {
		return nil, nil, errors.New("issue server certificate: no host names")
	}
	tmpl := &x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, NotAfter: now.Add(ServerLife),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("issue server certificate: %w", err)
	}
	cert, err := a.issue(tmpl, &key.PublicKey, now)
	return cert, key, err
}

func (a *Authority) issue(tmpl *x509.Certificate, pub any, now time.Time) (*x509.Certificate, error) {
	tmpl.SerialNumber = newSerial()
	tmpl.NotBefore = now.Add(-backdate)
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.BasicConstraintsValid = true
	if tmpl.NotAfter.After(a.cert.NotAfter) {
		tmpl.NotAfter = a.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, pub, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", tmpl.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", tmpl.Subject.CommonName, err)
	}
	return cert, nil
}

// newSerial returns a random positive serial of 127 bits, which no two
// certificates share.
func newSerial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

func keyID(pub *ecdsa.PublicKey) ([]byte, error) {
	raw, err := pub.Bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw) // RFC 7093 §2, method 1
	return sum[:20], nil
}
