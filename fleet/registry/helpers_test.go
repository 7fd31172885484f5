package registry

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/pki"
)

// rig is a registry on a database of its own, with a clock that tests turn, a
// certificate authority, and two sites with people.
type rig struct {
	*Service
	t     *testing.T
	ctx   context.Context
	db    *sqlx.DB
	site  int64
	other int64
	ada   auth.Actor // engineer at site
	ben   auth.Actor // engineer at other
	cora  auth.Actor // prescriber at site
	dan   auth.Actor // auditor at site
	root  auth.Actor // administrator of both
	serve *pki.Authority

	mu     sync.Mutex
	clock  time.Time
	kicked []string
	// onKick, if set, is called with every kick.
	onKick func(link string)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, pgtest.New(t))
}

func newRigOn(t *testing.T, db *sqlx.DB) *rig {
	t.Helper()
	r := &rig{t: t, ctx: t.Context(), db: db, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if r.serve, err = pki.Create("test", r.clock.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.Service = r.open()
	sys := auth.System("test")
	for i, at := range []*int64{&r.site, &r.other} {
		s, err := r.CreateSite(r.ctx, sys, NewSite{Name: fmt.Sprintf("Clinic %d", i+1), Short: fmt.Sprintf("C%d", i+1), TimeZone: "Europe/Berlin"})
		if err != nil {
			t.Fatal(err)
		}
		*at = s.ID
	}
	person := func(id int64, login string, at []int64, role auth.Role) auth.Actor {
		a := auth.Actor{ID: id, Login: login, Name: login, Roles: map[int64][]auth.Role{}}
		for _, site := range at {
			a.Roles[site] = []auth.Role{role}
		}
		return a
	}
	r.ada = person(1, "ada", []int64{r.site}, auth.Engineer)
	r.ben = person(2, "ben", []int64{r.other}, auth.Engineer)
	r.cora = person(3, "cora", []int64{r.site}, auth.Prescriber)
	r.dan = person(4, "dan", []int64{r.site}, auth.Auditor)
	r.root = person(5, "root", []int64{r.site, r.other}, auth.Admin)
	for _, site := range []int64{r.site, r.other} {
		if err := r.AddMembership(r.ctx, sys, r.root.ID, site, auth.Admin); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// open returns another registry on the same database, as another server has.
func (r *rig) open() *Service {
	r.t.Helper()
	s, err := New(r.ctx, Options{
		DB: r.db, Now: r.now, Sign: r.serve.IssueClient,
		Documents: func(_ context.Context, profile string) (Documents, error) {
			return Documents{Root: []byte("root"), Keyset: []byte("keyset"), Library: []byte("library"), Profile: []byte(profile), MQTT: "mqtt.example:8883"}, nil
		},
		Profiles: func(id string) bool { return id == "sm2-20" || id == "sm2-40" },
		Kick: func(link, reason string) {
			r.mu.Lock()
			r.kicked = append(r.kicked, link+" "+reason)
			f := r.onKick
			r.mu.Unlock()
			if f != nil {
				f(link)
			}
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// kicks returns whom was kicked since the last call.
func (r *rig) kicks() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kicked
	r.kicked = nil
	return k
}

// leaves calls f and checks that exactly those leaves were appended.
func (r *rig) leaves(f func(), want ...string) {
	r.t.Helper()
	var before int64
	if err := r.db.Get(&before, `SELECT COALESCE(max(id), 0) FROM audit_leaf`); err != nil {
		r.t.Fatal(err)
	}
	f()
	got := []string{}
	if err := r.db.Select(&got, `SELECT kind FROM audit_leaf WHERE id > $1 ORDER BY id`, before); err != nil {
		r.t.Fatal(err)
	}
	if !slices.Equal(got, append([]string{}, want...)) {
		r.t.Errorf("leaves %q, want %q", got, want)
	}
}

// pump registers a pump at the first site.
func (r *rig) pump(serial string) Pump {
	r.t.Helper()
	p, err := r.RegisterPump(r.ctx, r.ada, NewPump{Site: r.site, Serial: serial, Model: "SM II 20", Profile: "sm2-20"})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// device is a pump with its communicator, as an enrolment sees them.
type device struct {
	t      *testing.T
	serial string
	model  string
	link   string
	pump   ed25519.PrivateKey
	comm   *ecdsa.PrivateKey
	chain  []*x509.Certificate // newest last
}

func newDevice(t *testing.T, serial, link string) *device {
	t.Helper()
	d := &device{t: t, serial: serial, model: "SM II 20", link: link}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.pump = key
	d.newComm(link)
	return d
}

// newComm gives the pump another communicator, with a TLS key of its own.
func (d *device) newComm(link string) {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	d.link, d.comm = link, key
}

func (d *device) key() wire.PublicKey {
	k, err := wire.NewPublicKey(d.pump.Public())
	if err != nil {
		d.t.Fatal(err)
	}
	return k
}

func (d *device) csr() *x509.CertificateRequest {
	d.t.Helper()
	der, err := pki.NewCSR(d.comm, d.link)
	if err != nil {
		d.t.Fatal(err)
	}
	csr, err := pki.CheckCSR(der)
	if err != nil {
		d.t.Fatal(err)
	}
	return csr
}

func (d *device) certRequest(csr *x509.CertificateRequest) []byte {
	d.t.Helper()
	env, err := wire.Seal(rand.Reader, d.pump, wire.UpCert, wire.Encode(wire.CertRequest{Pump: d.key().PumpID(), Link: d.link, CSR: csr.Raw, Wall: 1}))
	if err != nil {
		d.t.Fatal(err)
	}
	return env
}

func (d *device) enrolment(code string) gateway.Enrolment {
	d.t.Helper()
	csr := d.csr()
	return gateway.Enrolment{
		Request: wire.EnrolRequest{Code: code, CSR: csr.Raw, Serial: d.serial, Model: d.model, Key: d.key().String(), Proof: d.certRequest(csr)},
		CSR:     csr, Link: d.link, Key: d.key(), RemoteAddr: "192.0.2.1:1",
	}
}

// enrol enrols and remembers the certificate.
func (d *device) enrol(r *rig, code string) error {
	d.t.Helper()
	reply, err := r.Enrol(r.ctx, d.enrolment(code))
	if err != nil {
		return err
	}
	d.took(reply.Chain)
	return nil
}

func (d *device) took(chain [][]byte) {
	d.t.Helper()
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		d.t.Fatal(err)
	}
	d.chain = append(d.chain, leaf)
}

func (d *device) leaf() *x509.Certificate { return d.chain[len(d.chain)-1] }

func (d *device) renewal() gateway.Renewal {
	csr := d.csr()
	return gateway.Renewal{Link: d.link, Envelope: d.certRequest(csr), CSR: csr, Old: d.leaf(), RemoteAddr: "192.0.2.1:1"}
}

// enrolled registers a pump and enrols it.
func (r *rig) enrolled(serial, link string) (Pump, *device) {
	r.t.Helper()
	p := r.pump(serial)
	d := newDevice(r.t, serial, link)
	c, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := d.enrol(r, c.Code); err != nil {
		r.t.Fatal(err)
	}
	if p, err = r.Pump(r.ctx, r.ada.Scope(), p.ID); err != nil {
		r.t.Fatal(err)
	}
	r.kicks()
	return p, d
}

// admitted checks whether the directory lets a link in with a certificate.
func (r *rig) admitted(d *device, cert *x509.Certificate, want bool) {
	r.t.Helper()
	err := r.Directory().Admit(d.link, pki.Serial(cert))
	if want && err != nil || !want && errs.KindOf(err) != errs.Denied {
		r.t.Errorf("admit %s: %v, want admitted: %v", d.link, err, want)
	}
}

// kind checks an error's kind.
func kind(t *testing.T, what string, err error, want errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != want {
		t.Errorf("%s: %v, want kind %q", what, err, want)
	}
}

// takenOut is an explant that says what it must.
func takenOut(pump int64, why string) Explant {
	return Explant{Pump: pump, On: "2026-02-28", Reason: why, Fate: FateMaker}
}
