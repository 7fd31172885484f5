package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

const (
	maxRenewals   = 4 // renewals in band at the same time; the others wait, each holding up its own link
	renewalWithin = 15 * time.Second
)

// renewInBand answers up/cert with dn/cert. Like any message it is acknowledged
// when its outcome is durable, which includes a refusal.
func (g *Gateway) renewInBand(s *session, in Inbound, done func(error)) {
	select {
	case g.renewal <- struct{}{}:
	case <-g.drained:
		done(errClosing)
		return
	}
	go func() {
		defer func() { <-g.renewal }()
		ctx, cancel := context.WithTimeout(context.Background(), renewalWithin)
		defer cancel()
		reply, err := g.renew(ctx, s, in.Payload)
		switch {
		case err == nil:
			g.stats.Renewed.Add(1)
			s.push(message{kind: wire.DnCert, payload: wire.Encode(reply)})
		case errs.KindOf(err) == errs.Internal || errs.KindOf(err) == errs.Unavailable:
			g.log.Error("certificate renewal failed", slog.String("link", in.Link), slog.String("error", err.Error()))
			done(err)
			return
		default:
			g.stats.RenewRefused.Add(1)
			g.log.Warn("certificate renewal refused", slog.String("link", in.Link), slog.String("error", err.Error()))
		}
		done(nil)
	}()
}

func (g *Gateway) renew(ctx context.Context, s *session, envelope []byte) (wire.CertReply, error) {
	conn, ok := s.conn.(*tls.Conn)
	if g.enroller == nil || !ok {
		return wire.CertReply{}, errs.Deniedf("certificates are not renewed here")
	}
	old := conn.ConnectionState().PeerCertificates[0]
	r, err := checkRenewal(envelope, s.info.Link)
	if err != nil {
		return wire.CertReply{}, err
	}
	r.Old, r.InBand, r.RemoteAddr = old, true, s.info.RemoteAddr
	return g.enroller.Renew(ctx, r)
}

// checkRenewal reads the envelope of a CertRequest of link and checks all of it
// but the pump's signature.
func checkRenewal(envelope []byte, link string) (Renewal, error) {
	env, err := wire.OpenEnvelope(envelope)
	if err != nil {
		return Renewal{}, errs.Wrap(errs.Invalid, err, "the renewal request cannot be read")
	}
	req, err := wire.Decode[wire.CertRequest](env.Payload)
	if err != nil {
		return Renewal{}, errs.Wrap(errs.Invalid, err, "the renewal request cannot be read")
	}
	csr, err := pki.CheckCSR(req.CSR)
	if err != nil {
		return Renewal{}, fmt.Errorf("renewal of link %s: %w", link, err)
	}
	if req.Link != link || csr.Subject.CommonName != link {
		return Renewal{}, errs.Deniedf("link %s asks for a certificate of link %s, common name %s", link, req.Link, csr.Subject.CommonName)
	}
	return Renewal{Link: link, Envelope: envelope, Claimed: req, CSR: csr}, nil
}
