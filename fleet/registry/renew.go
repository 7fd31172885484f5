package registry

import (
	"context"
	"crypto/sha256"
	"fmt"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
	"cisterna/internal/postgres"
)

// Renew issues a new certificate to a link whose pump is active, in band or on
// the enrolment listener after the old one expired. The pump's key signs the
// request. The same request within a day gets the same certificate; at most six
// are issued a day. Certificates older than the one in use are revoked.
//
// On the enrolment listener a certificate may also be one that is not known here but
// was proved to be of our authority: who restores a backup has lost those issued since,
// and would lock their pumps out. Then the link's open pairing says whose it is. A
// certificate that was revoked is known, and a pump that was has no such pairing.
func (s *Service) Renew(ctx context.Context, r gateway.Renewal) (wire.CertReply, error) {
	if err := checkCSR(r.CSR, r.Link); err != nil {
		return wire.CertReply{}, err
	}
	var out certificate
	var refused error
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) (err error) {
		out, refused, err = s.renew(ctx, tx, r)
		return err
	})
	if err != nil {
		return wire.CertReply{}, fmt.Errorf("renew the certificate of %s: %w", r.Link, err)
	}
	if refused != nil {
		return wire.CertReply{}, refused
	}
	return wire.CertReply{Chain: out.chain, NotAfter: out.NotAfter.Unix()}, nil
}

func (s *Service) renew(ctx context.Context, tx *postgres.Tx, r gateway.Renewal) (out certificate, refused, err error) {
	unknown := errs.Deniedf("This certificate was not issued to communicator %s here.", r.Link)
	if r.Old == nil {
		return out, unknown, nil
	}
	sum := sha256.Sum256(r.Old.Raw)
	old, ok, err := certificateOf(ctx, tx, `leaf_hash = $1`, sum[:])
	if err != nil {
		return out, nil, err
	}
	pump := old.Pump
	switch {
	case ok && old.Link == r.Link:
	case !ok && r.Issued:
		ref, paired := s.dir.ByLink(r.Link)
		if !paired || ref.Key.IsZero() {
			return out, unknown, nil
		}
		pump = ref.ID
	default:
		return out, unknown, nil
	}
	p, err := lockPump(ctx, tx, pump)
	if err != nil {
		return out, nil, err
	}
	// Once more, under the lock: a revocation may have been faster.
	if old, ok, err = certificateOf(ctx, tx, `leaf_hash = $1`, sum[:]); err != nil {
		return out, nil, err
	}
	detail := map[string]string{"old": pki.Serial(r.Old), "remote": r.RemoteAddr}
	if !ok {
		detail["unknown"] = "true"
	}
	now := s.Now()
	request := requestHash("renew", r.Link, r.CSR.Raw, p.Key)
	recent, err := issuedSince(ctx, tx, p.ID, now.Add(-issueWindow))
	if err != nil {
		return out, nil, err
	}
	if refused = mayRenew(r, p, old); refused == nil {
		for _, c := range recent {
			if string(c.request) == string(request[:]) && c.RevokedAt.IsZero() && now.Before(c.NotAfter) {
				return c, nil, nil // the answer was lost
			}
		}
		if len(recent) >= maxIssued {
			refused = errs.New(errs.Throttled, "Communicator %s got %d certificates within a day. Try again tomorrow.", r.Link, len(recent))
		}
	}
	if refused != nil {
		return out, refused, s.refuse(ctx, tx, "cert.refused", p, r.Link, r.RemoteAddr, refused)
	}
	if out, err = s.issue(ctx, tx, p.ID, r.CSR, r.Link, request, now); err != nil {
		return out, nil, err
	}
	if err := supersede(ctx, tx, p.ID, pki.Serial(r.Old), now); err != nil {
		return out, nil, err
	}
	if err := s.changed(ctx, tx, p.ID); err != nil {
		return out, nil, err
	}
	return out, nil, audit.Append(ctx, tx, audit.Entry{
		Kind: "cert.renew", Actor: auth.Device(r.Link).String(), Device: r.Link, Object: "certificate:" + out.Serial, Site: p.Site, Pump: p.ID,
		Evidence: r.Envelope, Payload: detail,
	})
}

// mayRenew says why a request for a new certificate is refused.
func mayRenew(r gateway.Renewal, p Pump, old certificate) error {
	switch {
	case p.Status != Active:
		return errs.Deniedf("Pump %s is %s.", p.Serial, p.Status)
	case p.Link != r.Link:
		return errs.Deniedf("Communicator %s is not paired with pump %s any more.", r.Link, p.Serial)
	case !old.RevokedAt.IsZero():
		return errs.Deniedf("The certificate was revoked: %s.", old.Reason)
	}
	req, err := wire.OpenCertRequest(r.Envelope, p.Key)
	if err != nil {
		return errs.Wrap(errs.Denied, err, "The request is not signed by pump %s", p.Serial)
	}
	if req.Link != r.Link || string(req.CSR) != string(r.CSR.Raw) {
		return errs.Deniedf("The signed request is about another communicator or another certificate request.")
	}
	return nil
}
