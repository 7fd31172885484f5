package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"time"

	"cisterna/internal/errs"
)

// NewCSR returns a certificate request (PKCS#10, DER) for a communicator of the
// given serial number, signed with its key.
func NewCSR(key crypto.Signer, cn string) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: cn}}, key)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return der, nil
}

// CheckCSR reads a certificate request. It must be signed by its own key, the
// key must be P-256, and it may ask for a common name and nothing else. Whether
// the name is a valid link, and the asker's, is the caller's to check. Errors
// are errs.Invalid.
func CheckCSR(der []byte) (*x509.CertificateRequest, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "the certificate request cannot be read")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "the certificate request is not signed by its own key")
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errs.Invalidf("the certificate request has a key that is not ECDSA P-256")
	}
	if len(csr.Subject.Names) != 1 || csr.Subject.CommonName == "" {
		return nil, errs.Invalidf("the certificate request must name a common name and nothing else")
	}
	if len(csr.DNSNames)+len(csr.EmailAddresses)+len(csr.IPAddresses)+len(csr.URIs)+len(csr.Extensions) != 0 {
		return nil, errs.Invalidf("the certificate request asks for extensions")
	}
	return csr, nil
}

// CheckIssued checks that der is a client certificate which an authority of
// pool issued, and returns it. That it has expired does not matter; a
// certificate that is not valid yet, or expired more than grace ago, does.
// Errors are errs.Denied.
func CheckIssued(der []byte, pool *x509.CertPool, now time.Time, grace time.Duration) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errs.Wrap(errs.Denied, err, "the old certificate cannot be read")
	}
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter.Add(grace)) {
		return nil, errs.Deniedf("the old certificate was good from %s to %s, which is too far from now: enrol again", cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339))
	}
	at := now
	if at.After(cert.NotAfter) {
		at = cert.NotAfter
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return nil, errs.Wrap(errs.Denied, err, "the old certificate was not issued by this server's authority")
	}
	return cert, nil
}

// Serial returns a certificate's serial number as lower-case hexadecimal.
func Serial(cert *x509.Certificate) string { return hex.EncodeToString(cert.SerialNumber.Bytes()) }
