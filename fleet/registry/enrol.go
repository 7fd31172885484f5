package registry

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
	"cisterna/internal/postgres"
)

// Pairing is a time during which a communicator spoke for a pump.
type Pairing struct {
	ID         int64
	Pump       int64
	PumpSerial string // only where pairings are listed by communicator
	Link       string
	From, To   time.Time // To is zero while it lasts
	Reason     string
	EndReason  string
}

// Certificate is a client certificate of a communicator.
type Certificate struct {
	Serial              string // lower-case hexadecimal
	Pump                int64
	Link                string
	NotBefore, NotAfter time.Time
	IssuedAt            time.Time
	RevokedAt           time.Time // zero unless revoked
	Reason              string    // why it was revoked
}

// Communicator is the patient's side of a link.
type Communicator struct {
	Serial       string // link id
	Model        string // "" until somebody registers one that enrolled before
	Firmware     string // as registered; what it runs now it says itself
	Lot          string
	AssetNo      string // its number in the site's maintenance system
	Site         int64  // whose stock it lies in, or whose pump it serves
	Status       CommStatus
	StatusSince  time.Time
	StatusReason string
	CreatedAt    time.Time

	ReservedFor    int64 // pump, 0 if it is free
	ReservedSerial string
	ReservedAt     time.Time
	ReservedBy     string
	ReservedWhy    string

	Pump       int64 // that it serves now, 0 if none
	PumpSerial string
	PairedAt   time.Time
	Rev        int64 // rises with every change
}

// A pump gets at most maxIssued certificates per issueWindow.
const (
	maxIssued   = 6
	issueWindow = 24 * time.Hour
)

var (
	_ gateway.Enroller  = (*Service)(nil)
	_ gateway.Directory = (*Directory)(nil)
)

// Root returns the signed root document in force.
func (s *Service) Root(ctx context.Context) ([]byte, error) {
	d, err := s.Documents(ctx, "")
	return d.Root, err
}

// Enrol spends a one-time code: it binds the pump's key for life, or checks that
// it is the one bound, pairs pump and communicator, and issues a certificate. A
// pump that lost the answer may ask again with the same request and gets the
// same certificate. A wrong code counts against the pump's claim; refusals are
// on the record, up to twenty an hour and pump.
func (s *Service) Enrol(ctx context.Context, e gateway.Enrolment) (wire.EnrolReply, error) {
	if err := checkCSR(e.CSR, e.Link); err != nil {
		return wire.EnrolReply{}, err
	}
	req, key, err := e.Request.Open()
	if err != nil {
		return wire.EnrolReply{}, errs.Wrap(errs.Invalid, err, "The pump's proof of possession is not valid")
	}
	if req.Link != e.Link || string(req.CSR) != string(e.CSR.Raw) {
		return wire.EnrolReply{}, errs.Invalidf("The pump's signature is about another communicator or another certificate request.")
	}
	var out issued
	var refused error
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) (err error) {
		out, refused, err = s.enrol(ctx, tx, e, key)
		return err
	})
	switch {
	case err != nil && lostRace(err):
		return wire.EnrolReply{}, errs.Wrap(errs.Conflict, err, "Somebody else enrolled with the same key or communicator")
	case err != nil:
		return wire.EnrolReply{}, fmt.Errorf("enrol communicator %s: %w", e.Link, err)
	case refused != nil:
		return wire.EnrolReply{}, refused
	}
	docs, err := s.Documents(ctx, out.pump.Profile)
	if err != nil {
		return wire.EnrolReply{}, fmt.Errorf("documents for pump %d: %w", out.pump.ID, err)
	}
	return wire.EnrolReply{
		Chain: out.chain, Root: docs.Root, Keyset: docs.Keyset, Library: docs.Library, Profile: docs.Profile,
		MQTT: docs.MQTT, Shard: string(wire.ShardOf(e.Link)), Site: OrderSite(out.pump.Site),
	}, nil
}

// issued is a pump with its certificate.
type issued struct {
	pump  Pump
	chain [][]byte
}

// lostRace reports whether another enrolment took the key or the communicator
// between this one's checks and its writes.
func lostRace(err error) bool {
	return slices.ContainsFunc([]string{"registry_pumps_device_key_key", "registry_pumps_key_hash_key", "registry_pumps_wire_id_key", "registry_pairings_link_open"},
		func(c string) bool { return postgres.IsUnique(err, c) })
}

// enrol returns refused for what is to be committed (the attempt counts) and then
// told to the pump, and err for what rolls back.
func (s *Service) enrol(ctx context.Context, tx *postgres.Tx, e gateway.Enrolment, key wire.PublicKey) (out issued, refused, err error) {
	now, hash := s.Now(), codeHash(e.Request.Code)
	pumps, err := lockSerial(ctx, tx, e.Request.Serial)
	if err != nil {
		return out, nil, err
	}
	var p Pump
	var claim openClaim
	var open []openClaim
	for _, candidate := range pumps {
		claims, err := claimsOf(ctx, tx, candidate.ID)
		if err != nil {
			return out, nil, err
		}
		for _, c := range claims {
			if c.is(hash) {
				p, claim = candidate, c
			} else if c.state == "open" {
				open = append(open, c)
			}
		}
	}
	if claim.id == 0 {
		return out, errWrongCode, s.wrongCode(ctx, tx, e, pumps, open)
	}
	request := requestHash("enrol", e.Link, e.CSR.Raw, key)
	if claim.state == "used" {
		c, ok, err := certificateOf(ctx, tx, `serial = $1`, claim.cert)
		if err != nil {
			return out, nil, err
		}
		if ok && string(c.request) == string(request[:]) && c.RevokedAt.IsZero() && now.Before(claim.expiresAt) {
			return issued{p, c.chain}, nil, nil // the answer was lost
		}
	}
	refused, err = s.mayEnrol(ctx, tx, e, key, p, claim)
	if err != nil {
		return out, nil, err
	}
	if refused != nil {
		if err := countAttempt(ctx, tx, claim.id); err != nil {
			return out, nil, err
		}
		return out, refused, s.refuse(ctx, tx, "pump.enrol_refused", p, e.Link, e.RemoteAddr, refused)
	}

	old := p
	p.Key = key
	if old.Link != "" && old.Link != e.Link {
		if err := s.unpair(ctx, tx, auth.Device(e.Link), old, "exchanged", CommStock); err != nil {
			return out, nil, err
		}
	}
	if err := revokeCertificates(ctx, tx, p.ID, "", "enrolled again", now); err != nil {
		return out, nil, err
	}
	if err := activateCommunicator(ctx, tx, e.Link, p.Site, now); err != nil {
		return out, nil, err
	}
	if err := releaseReserved(ctx, tx, p.ID); err != nil { // another than the one that was kept for it
		return out, nil, err
	}
	if err := bindKey(ctx, tx, p, now); err != nil {
		return out, nil, err
	}
	if old.Link != e.Link {
		if err := openPairing(ctx, tx, p.ID, e.Link, "enrolled", now); err != nil {
			return out, nil, err
		}
	}
	if err := s.knownComms(ctx, tx, auth.Device(e.Link), e.Link); err != nil {
		return out, nil, err
	}
	cert, err := s.issue(ctx, tx, p.ID, e.CSR, e.Link, request, now)
	if err != nil {
		return out, nil, err
	}
	if err := useClaim(ctx, tx, claim.id, cert.Serial, now); err != nil {
		return out, nil, err
	}
	if err := s.changed(ctx, tx, p.ID, old.Link); err != nil {
		return out, nil, err
	}
	keyHash := key.Hash()
	return issued{p, cert.chain}, nil, audit.Append(ctx, tx, audit.Entry{
		Kind: "pump.enrol", Actor: auth.Device(e.Link).String(), Device: e.Link, Object: object("pump", p.ID), Site: p.Site, Pump: p.ID,
		NewHash: keyHash[:], Evidence: e.Request.Proof,
		Payload: map[string]string{"key": key.String(), "certificate": cert.Serial, "old_link": old.Link, "remote": e.RemoteAddr},
	})
}

// mayEnrol says why a pump whose code is right may still not enrol.
func (s *Service) mayEnrol(ctx context.Context, tx *postgres.Tx, e gateway.Enrolment, key wire.PublicKey, p Pump, c openClaim) (refused, err error) {
	if refused = c.problem(s.Now()); refused != nil {
		return refused, nil
	}
	if _, refused = p.Status.After(ActEnrol); refused != nil {
		return refused, nil
	}
	owner, err := pumpOfKey(ctx, tx, key.String())
	if err != nil {
		return nil, err
	}
	switch {
	case e.Request.Model != p.Model:
		return errs.Deniedf("The pump says it is a %s; serial %s is registered as a %s.", clip(e.Request.Model), p.Serial, p.Model), nil
	case !p.Key.IsZero() && p.Key != key:
		return errs.Deniedf("Pump %s enrolled before with another key. A pump keeps its key for life.", p.Serial), nil
	case owner != 0 && owner != p.ID:
		return errs.Deniedf("This key belongs to another pump."), nil
	case c.link != "" && c.link != e.Link:
		return errs.Deniedf("This code is for communicator %s, not %s.", c.link, e.Link), nil
	case c.link == "" && p.Link != "" && p.Link != e.Link:
		return errs.Deniedf("Pump %s is paired with communicator %s. An exchange needs a claim slip of its own.", p.Serial, p.Link), nil
	}
	if err := usable(ctx, tx, e.Link, p.ID); errs.KindOf(err) != errs.Internal {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}

// wrongCode counts a wrong code against the open claims of pumps with that serial
// number.
func (s *Service) wrongCode(ctx context.Context, tx *postgres.Tx, e gateway.Enrolment, pumps []Pump, open []openClaim) error {
	for _, c := range open {
		if err := countAttempt(ctx, tx, c.id); err != nil {
			return err
		}
	}
	for _, p := range pumps {
		if err := s.refuse(ctx, tx, "pump.enrol_refused", p, e.Link, e.RemoteAddr, errWrongCode); err != nil {
			return err
		}
	}
	return nil
}

// refuse puts a refusal on the record, unless there were too many this hour.
func (s *Service) refuse(ctx context.Context, tx *postgres.Tx, kind string, p Pump, link, remote string, why error) error {
	if !s.leaves.take(p.ID, s.Now()) {
		return nil
	}
	return audit.Append(ctx, tx, audit.Entry{
		Kind: kind, Actor: auth.Device(link).String(), Device: link, Object: object("pump", p.ID), Reason: errs.Message(why), Site: p.Site, Pump: p.ID,
		Payload: map[string]string{"remote": remote},
	})
}

// issue signs and stores a certificate.
func (s *Service) issue(ctx context.Context, tx *postgres.Tx, pump int64, csr *x509.CertificateRequest, link string, request [32]byte, now time.Time) (certificate, error) {
	leaf, chain, err := s.Sign(csr, now)
	if err != nil {
		return certificate{}, fmt.Errorf("sign the certificate of %s: %w", link, err)
	}
	if leaf.Subject.CommonName != link {
		return certificate{}, fmt.Errorf("the certificate authority named %q, not %q", leaf.Subject.CommonName, link)
	}
	c := certificate{
		Certificate: Certificate{Serial: pki.Serial(leaf), Pump: pump, Link: link, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, IssuedAt: now},
		request:     request[:], chain: chain,
	}
	return c, insertCertificate(ctx, tx, c, sha256.Sum256(leaf.Raw))
}

// checkCSR repeats the endpoint's checks: a certificate is for the link that the
// request names, and for a key that the requester holds.
func checkCSR(csr *x509.CertificateRequest, link string) error {
	switch {
	case csr == nil || csr.Subject.CommonName != link || !wire.ValidLink(link):
		return errs.Invalidf("The certificate request does not name the communicator.")
	case csr.CheckSignature() != nil:
		return errs.Invalidf("The certificate request is not signed by its own key.")
	}
	return nil
}

// requestHash tells requests apart: the same one again is answered the same.
func requestHash(kind, link string, csr []byte, key wire.PublicKey) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte("cisterna/" + kind + "/1"), []byte(link), csr, []byte(key.String())} {
		_ = binary.Write(h, binary.BigEndian, uint32(len(part)))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}
