package registry

import (
	"sync"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

func TestRenew(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("S1", "COMM-1")
	first := d.leaf()
	r.advance(20 * 24 * time.Hour)
	n := d.renewal()
	r.leaves(func() {
		reply, err := r.Renew(r.ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		d.took(reply.Chain)
		if reply.NotAfter != d.leaf().NotAfter.Unix() || !d.leaf().NotAfter.Equal(r.now().Add(30*24*time.Hour)) {
			t.Errorf("not after %d, %s", reply.NotAfter, d.leaf().NotAfter)
		}
	}, "cert.renew")
	second := d.leaf()
	r.admitted(d, first, true) // the pump may not have heard yet
	r.admitted(d, second, true)
	r.leaves(func() {
		if again, err := r.Renew(r.ctx, n); err != nil || string(again.Chain[0]) != string(second.Raw) {
			t.Errorf("the same request: %v", err)
		}
	})

	// The second is in use when the third is asked for: the first has served.
	r.advance(25 * 24 * time.Hour)
	reply, err := r.Renew(r.ctx, d.renewal())
	if err != nil {
		t.Fatal(err)
	}
	d.took(reply.Chain)
	r.admitted(d, first, false)
	r.admitted(d, second, true)

	// Months later everything has expired; the pump's key still counts.
	r.advance(200 * 24 * time.Hour)
	reply, err = r.Renew(r.ctx, d.renewal())
	if err != nil {
		t.Fatal(err)
	}
	d.took(reply.Chain)
	r.admitted(d, d.leaf(), true)
	certs, err := r.ListCertificates(r.ctx, r.ada.Scope(), p.ID)
	if err != nil || len(certs) != 4 || certs[0].Serial != pki.Serial(d.leaf()) {
		t.Errorf("certificates %+v, %v", certs, err)
	}
	_, err = r.ListCertificates(r.ctx, r.ben.Scope(), p.ID)
	kind(t, "certificates of another site's pump", err, errs.NotFound)
	_, err = r.Pairings(r.ctx, r.ben.Scope(), p.ID)
	kind(t, "pairings of another site's pump", err, errs.NotFound)
}

func TestRenewRefuses(t *testing.T) {
	r := newRig(t)
	_, d := r.enrolled("S1", "COMM-1")
	_, other := r.enrolled("S2", "COMM-2")
	stranger, err := pki.Create("stranger", r.now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(n *gateway.Renewal)
		want   errs.Kind
		leaves []string
	}{
		{"no certificate", func(n *gateway.Renewal) { n.Old = nil }, errs.Denied, nil},
		{"a certificate that we did not issue", func(n *gateway.Renewal) { n.Old, _, _ = stranger.IssueClient(n.CSR, r.now()) }, errs.Denied, nil},
		{"a certificate that was signed but never stored", func(n *gateway.Renewal) { n.Old, _, _ = r.serve.IssueClient(n.CSR, r.now()) }, errs.Denied, nil},
		{"another communicator's certificate", func(n *gateway.Renewal) { n.Old = other.leaf() }, errs.Denied, nil},
		{"signed by another pump", func(n *gateway.Renewal) { n.Envelope = newDevice(t, "S1", "COMM-1").certRequest(n.CSR) }, errs.Denied, []string{"cert.refused"}},
		{"garbage", func(n *gateway.Renewal) { n.Envelope = []byte("garbage") }, errs.Denied, []string{"cert.refused"}},
		{"signed for another CSR", func(n *gateway.Renewal) { n.Envelope = d.certRequest(d.csr()) }, errs.Denied, []string{"cert.refused"}},
		{"CSR of another name", func(n *gateway.Renewal) { n.CSR = other.csr() }, errs.Invalid, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := d.renewal()
			c.change(&n)
			r.leaves(func() {
				_, err := r.Renew(r.ctx, n)
				kind(t, "renew", err, c.want)
			}, c.leaves...)
		})
	}
	// Six certificates a day, the first one included; tomorrow again.
	for range maxIssued - 1 {
		reply, err := r.Renew(r.ctx, d.renewal())
		if err != nil {
			t.Fatal(err)
		}
		d.took(reply.Chain)
		r.advance(time.Minute)
	}
	r.leaves(func() {
		_, err := r.Renew(r.ctx, d.renewal())
		kind(t, "the seventh", err, errs.Throttled)
	}, "cert.refused")
	r.admitted(d, d.leaf(), true)
	r.advance(24 * time.Hour)
	if _, err := r.Renew(r.ctx, d.renewal()); err != nil {
		t.Errorf("tomorrow: %v", err)
	}
}

// TestRevokeWhileRenewing: a revocation and renewals at the same time leave no
// certificate that opens anything.
func TestRevokeWhileRenewing(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("S1", "COMM-1")
	requests := make([]gateway.Renewal, 4)
	for i := range requests {
		requests[i] = d.renewal()
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, n := range requests {
		wg.Go(func() {
			if reply, err := r.Renew(r.ctx, n); err == nil {
				mu.Lock()
				defer mu.Unlock()
				d.took(reply.Chain)
			} else if errs.KindOf(err) != errs.Denied {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		if _, err := r.Revoke(r.ctx, r.ada, p.ID, "stolen"); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	for _, cert := range d.chain {
		r.admitted(d, cert, false)
	}
	var open int
	if err := r.db.Get(&open, `SELECT count(*) FROM registry_certificates WHERE revoked_at IS NULL`); err != nil || open != 0 {
		t.Errorf("%d certificates are not revoked, %v", open, err)
	}
}

// TestRenewLooksTwice: the old certificate is revoked, as by an enrolment of the
// same communicator, while the renewal waits for the pump.
func TestRenewLooksTwice(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("S1", "COMM-1")
	tx, err := r.db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT id FROM registry_pumps WHERE id = $1 FOR UPDATE`, p.ID); err != nil {
		t.Fatal(err)
	}
	renewed := make(chan error, 1)
	request := d.renewal()
	go func() {
		_, err := r.Renew(r.ctx, request)
		renewed <- err
	}()
	deadline := time.Now().Add(20 * time.Second)
	for waiting := 0; waiting == 0; {
		err := r.db.Get(&waiting, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
		if err != nil || time.Now().After(deadline) {
			t.Fatal("the renewal does not wait for the pump", err)
		}
	}
	if _, err := tx.Exec(`UPDATE registry_certificates SET revoked_at = issued_at, reason = 'enrolled again' WHERE pump_id = $1`, p.ID); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	kind(t, "renewal of a certificate revoked meanwhile", <-renewed, errs.Denied)
}

// TestRenewAfterARestore: certificates issued after the backup are not known any more.
// On the enrolment listener, where they are proved to be ours, the pump's key gets a
// new one, and nobody gets one whose trust ended.
func TestRenewAfterARestore(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("S1", "COMM-1")
	_, other := r.enrolled("S2", "COMM-2")
	restored := func() gateway.Renewal {
		t.Helper()
		n := d.renewal()
		n.Old, _, _ = r.serve.IssueClient(d.csr(), r.now())
		n.Issued = true
		return n
	}
	refused := func(what string, n gateway.Renewal) {
		t.Helper()
		_, err := r.Renew(r.ctx, n)
		kind(t, what, err, errs.Denied)
	}
	n := restored()
	n.Issued, n.InBand = false, true
	refused("in band", n)
	n = restored()
	n.Envelope = other.certRequest(n.CSR)
	refused("signed by another pump", n)
	n = other.renewal()
	n.Old, n.Link, n.Issued = restored().Old, "COMM-3", true
	n.CSR = newDevice(t, "S3", "COMM-3").csr()
	refused("a link that is not paired", n)

	n = restored()
	r.leaves(func() {
		reply, err := r.Renew(r.ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		d.took(reply.Chain)
	}, "cert.renew")
	r.admitted(d, d.leaf(), true)

	revoked := d.renewal()
	revoked.Issued = true
	if _, err := r.Revoke(r.ctx, r.ada, p.ID, "stolen"); err != nil {
		t.Fatal(err)
	}
	refused("a certificate that was revoked", revoked)
	refused("a revoked pump with one that is not known", restored())
}
