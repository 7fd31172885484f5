package emulator

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"time"

	"cisterna/device/emulator/journal"
	"cisterna/device/wire"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

// askEach is how long a request for a certificate may go unanswered.
const askEach = 10 * time.Minute

// certMoment returns when a certificate is asked for next, zero for never.
func (d *Device) certMoment() time.Time {
	if d.certDue.IsZero() {
		return time.Time{}
	}
	return later(d.certDue, d.asked.Add(askEach))
}

// askCertificate asks for a new certificate when a third of the old one's life
// is left.
func (d *Device) askCertificate(now time.Time) (publication, bool) {
	at := d.certMoment()
	if at.IsZero() || now.Before(at) || !d.welcome {
		return publication{}, false
	}
	d.asked = now
	der, envelope, err := d.certRequest(d.who)
	if err != nil {
		d.f.log.Error("ask for a certificate", "serial", d.who.Serial, "error", err)
		return publication{}, false
	}
	d.pendingKey = der
	d.other++
	return publication{kind: wire.UpCert, payload: envelope}, true
}

// certRequest makes a new key for the communicator and a request for its
// certificate, which the pump signs.
func (d *Device) certRequest(who identity) (keyDER, envelope []byte, err error) {
	key, der, err := newLinkKey()
	if err != nil {
		return nil, nil, err
	}
	csr, err := pki.NewCSR(key, who.Link)
	if err != nil {
		return nil, nil, err
	}
	envelope, err = wire.Seal(rand.Reader, d.key, wire.UpCert, wire.Encode(wire.CertRequest{Pump: d.id, Link: who.Link, CSR: csr, Wall: d.f.opt.Now().UnixMilli()}))
	return der, envelope, err
}

// takeCertificate keeps a certificate that was asked for. The connection goes on
// with the old one; the next is made with the new.
func (d *Device) takeCertificate(body []byte) {
	reply, err := wire.Decode[wire.CertReply](body)
	d.mu.Lock()
	who, der := d.who, d.pendingKey
	d.mu.Unlock()
	if err != nil || der == nil {
		return
	}
	cred, err := d.keepCertificate(who, reply, der)
	if err == nil {
		var leaf *x509.Certificate
		if leaf, _, err = cred.parse(); err == nil {
			d.mu.Lock()
			d.certDue, d.certEnd = life(leaf)
			d.pendingKey, d.asked = nil, time.Time{}
			d.wakeLocked()
			d.mu.Unlock()
			return
		}
	}
	d.f.log.Warn("a certificate that cannot be used", "serial", who.Serial, "error", err)
}

// replaceExpired gets a new certificate by the enrolment listener. A communicator
// that took this one's place meanwhile keeps its own.
func (d *Device) replaceExpired(ctx context.Context, who identity, docs documents, old *x509.Certificate) (credential, error) {
	der, envelope, err := d.certRequest(who)
	if err != nil {
		return credential{}, err
	}
	reply, err := d.f.renewExpired(ctx, who.Enrol, docs.root, envelope, old.Raw)
	if err != nil {
		return credential{}, err
	}
	return d.keepRenewed(who, reply, der)
}

// keepRenewed keeps a certificate between two documents, as those of a new
// communicator are.
func (d *Device) keepRenewed(who identity, reply wire.CertReply, keyDER []byte) (cred credential, err error) {
	err = d.await(func() (err error) {
		d.mu.Lock()
		link := d.who.Link
		d.mu.Unlock()
		if link != who.Link {
			return errs.Conflictf("communicator %s has taken the place of %s", link, who.Link)
		}
		cred, err = d.keepCertificate(who, reply, keyDER)
		return err
	})
	return cred, err
}

// keepCertificate checks a new certificate and waits until it is kept.
func (d *Device) keepCertificate(who identity, reply wire.CertReply, keyDER []byte) (credential, error) {
	cred := credential{Chain: reply.Chain, Key: keyDER}
	leaf, _, err := cred.parse()
	if err != nil {
		return credential{}, err
	}
	if leaf.Subject.CommonName != who.Link {
		return credential{}, fmt.Errorf("certificate of %q, want %q", leaf.Subject.CommonName, who.Link)
	}
	return cred, d.safe.AppendWait(journal.Write{Items: []journal.Item{{Key: itemCredential, Value: encode(cred)}}})
}
