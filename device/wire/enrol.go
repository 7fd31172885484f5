package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// Enrolment happens once in a communicator's life, over HTTP on a listener of
// its own, before it has a certificate. Bodies are deterministic CBOR; requests
// are at most MaxEnrolRequest bytes, replies at most MaxEnrolReply.
//
//	GET  /v1/root   → the signed root document, whose SHA-256 is on the slip
//	POST /v1/enrol  EnrolRequest → EnrolReply
//	POST /v1/renew  RenewRequest → CertReply, for a certificate that expired
//
// A failure is an EnrolError with a matching HTTP status.
const (
	EnrolRootPath  = "/v1/root"
	EnrolPath      = "/v1/enrol"
	EnrolRenewPath = "/v1/renew"

	EnrolContentType = "application/cbor"

	MaxEnrolRequest = 16 << 10
	MaxEnrolReply   = 1 << 20
)

const (
	maxCSR  = 4096 // bytes of a PKCS#10 request
	maxCert = 8192 // bytes of one certificate
	maxKey  = 128  // bytes of a public key as text
)

// Slip is what the claim slip's QR code says: where to enrol, with which
// one-time code, and the only root to believe.
type Slip struct {
	Server string   // host:port of the enrolment listener
	Code   string   // one-time code, XXXX-XXXX-XXXX
	Root   [32]byte // SHA-256 of the signed root document
}

const slipPrefix = "cisterna:enrol?"

// String returns the slip's text.
func (s Slip) String() string {
	return slipPrefix + "server=" + s.Server + "&code=" + url.QueryEscape(s.Code) + "&root=" + hex.EncodeToString(s.Root[:])
}

// ParseSlip reads what Slip.String writes. Parameters may come in any order;
// unknown ones are refused, because a slip is typed in by hand when no camera
// works and a misspelt name must not pass.
func ParseSlip(text string) (Slip, error) {
	query, ok := strings.CutPrefix(strings.TrimSpace(text), slipPrefix)
	if !ok {
		return Slip{}, malformed("a claim slip starts with %s", slipPrefix)
	}
	v, err := url.ParseQuery(query)
	if err != nil {
		return Slip{}, malformed("claim slip: %v", err)
	}
	for name, values := range v {
		if name != "server" && name != "code" && name != "root" || len(values) != 1 {
			return Slip{}, malformed("claim slip: parameter %q is unknown or given twice", clip(name))
		}
	}
	s := Slip{Server: v.Get("server"), Code: v.Get("code")}
	host, port, ok := cutPort(s.Server)
	if !ok || host == "" || port == "" || len(s.Server) > MaxText || strings.ContainsAny(s.Server, "/?&#@ ") {
		return Slip{}, malformed("claim slip: server %q is not host:port", clip(s.Server))
	}
	if !validCode(s.Code) {
		return Slip{}, malformed("claim slip: code %q is not XXXX-XXXX-XXXX", clip(s.Code))
	}
	root := v.Get("root")
	if n, err := hex.Decode(s.Root[:], []byte(root[:min(len(root), 64)])); err != nil || n != len(s.Root) || len(root) != 64 {
		return Slip{}, malformed("claim slip: root is not 64 hexadecimal digits")
	}
	return s, nil
}

func cutPort(server string) (host, port string, ok bool) {
	i := strings.LastIndexByte(server, ':')
	if i < 0 {
		return "", "", false
	}
	for _, c := range server[i+1:] {
		if c < '0' || c > '9' {
			return "", "", false
		}
	}
	return server[:i], server[i+1:], true
}

// validCode reports whether s has the form of a one-time code: three groups of
// four capital letters and digits.
func validCode(s string) bool {
	if len(s) != 14 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 4 || i == 9 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// EnrolRequest turns a one-time code into a certificate. Proof is the envelope
// of a CertRequest of kind up/cert with the same CSR, signed with Key: it shows
// that the sender holds the pump's key.
type EnrolRequest struct {
	Code   string `cbor:"1,keyasint"`
	CSR    []byte `cbor:"2,keyasint"` // PKCS#10, DER; CN is the communicator's serial
	Serial string `cbor:"3,keyasint"` // printed on the pump
	Model  string `cbor:"4,keyasint"`
	Key    string `cbor:"5,keyasint"` // the pump's public key, PublicKey.String
	Proof  []byte `cbor:"6,keyasint"`
}

// EnrolReply is everything that a pump needs to come on line.
type EnrolReply struct {
	Chain   [][]byte `cbor:"1,keyasint"` // certificate, leaf first, DER
	Root    []byte   `cbor:"2,keyasint"` // signed documents, as their kinds carry them
	Keyset  []byte   `cbor:"3,keyasint"`
	Library []byte   `cbor:"4,keyasint"`
	Profile []byte   `cbor:"5,keyasint"`
	MQTT    string   `cbor:"6,keyasint"` // host:port of the endpoint
	Shard   string   `cbor:"7,keyasint"` // one hexadecimal digit
	Site    [16]byte `cbor:"8,keyasint"` // whose orders it obeys (package order's ID); kept until a transfer. Zero: as before
}

// RenewRequest asks for a new certificate in place of an expired one, which
// cannot open the endpoint any more. In band, up/cert carries the envelope
// alone.
type RenewRequest struct {
	Envelope []byte `cbor:"1,keyasint"` // of a CertRequest, kind up/cert
	OldLeaf  []byte `cbor:"2,keyasint"` // the certificate to replace, DER
}

// EnrolError says why a request was refused. Code is an errs.Kind such as
// "denied" or "throttled".
type EnrolError struct {
	Code string `cbor:"1,keyasint"`
	Text string `cbor:"2,keyasint"`
}

// EnrolMessage is the body of an enrolment request or reply.
type EnrolMessage interface {
	EnrolRequest | EnrolReply | RenewRequest | EnrolError
}

// DecodeEnrol reads an enrolment body and checks its sizes. Unknown keys are
// ignored.
func DecodeEnrol[T EnrolMessage](b []byte) (T, error) {
	var m, zero T
	limit := MaxEnrolRequest
	if _, ok := any(&m).(*EnrolReply); ok {
		limit = MaxEnrolReply
	}
	if len(b) > limit {
		return zero, malformed("%d bytes, at most %d", len(b), limit)
	}
	if err := dec.Unmarshal(b, &m); err != nil {
		return zero, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	ok := true
	switch v := any(&m).(type) {
	case *EnrolRequest:
		ok = validCode(v.Code) && len(v.CSR) <= maxCSR && len(v.Key) <= maxKey && len(v.Serial) <= MaxText && len(v.Model) <= MaxText
	case *EnrolReply:
		ok = len(v.Chain) <= 4 && len(v.MQTT) <= MaxText && len(v.Shard) == 1
	case *RenewRequest:
		ok = len(v.OldLeaf) <= maxCert
	case *EnrolError:
		ok = len(v.Code) <= MaxCode && len(v.Text) <= 4*MaxText
	}
	if !ok {
		return zero, malformed("%T with a field that is too long or of a wrong form", m)
	}
	return m, nil
}

// OpenCertRequest checks the envelope of a CertRequest against key and returns
// the request. A wrong signature, another pump's request or a malformed one is
// an error that wraps ErrMalformed.
func OpenCertRequest(envelope []byte, key PublicKey) (CertRequest, error) {
	env, err := OpenEnvelope(envelope)
	if err != nil {
		return CertRequest{}, err
	}
	if !key.Verify(UpCert, env.Payload, env.Sig) {
		return CertRequest{}, malformed("certificate request is not signed by %s", clip(key.String()))
	}
	req, err := Decode[CertRequest](env.Payload)
	if err != nil {
		return CertRequest{}, err
	}
	if req.Pump != key.PumpID() {
		return CertRequest{}, malformed("certificate request of pump %s is signed by pump %s", req.Pump, key.PumpID())
	}
	return req, nil
}

// Open checks the request's proof: that Key signed a certificate request for
// the very CSR that was sent. It returns that request and the key.
func (r EnrolRequest) Open() (CertRequest, PublicKey, error) {
	key, err := ParsePublicKey(r.Key)
	if err != nil {
		return CertRequest{}, PublicKey{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	req, err := OpenCertRequest(r.Proof, key)
	if err != nil {
		return CertRequest{}, PublicKey{}, err
	}
	if !bytes.Equal(req.CSR, r.CSR) {
		return CertRequest{}, PublicKey{}, malformed("the signed certificate request is for another CSR")
	}
	return req, key, nil
}
