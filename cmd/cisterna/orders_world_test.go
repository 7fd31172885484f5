package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/keyset"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/webauthn"
)

// signingPerson is somebody with an authenticator in software.
type signingPerson struct {
	auth.Actor
	soft webauthn.Soft
	key  order.Digest
}

// orderWorld is a server with live pumps that obey orders, and people who sign.
type orderWorld struct {
	*world
	site    registry.Site
	miriam  *signingPerson // prescribes
	otis    *signingPerson // prescribes, too
	jonas   *signingPerson // verifies
	priya   *signingPerson // pharmacist
	rosa    *signingPerson // nurse
	ada     auth.Actor     // administrator
	patient map[string]registry.Patient

	reporting *process // pumps that make load, if there are any
}

func newOrderWorld(t testing.TB, n int) *orderWorld {
	t.Helper()
	return newOrderWorldOn(t, install(t), n)
}

func newOrderWorldOn(t testing.TB, in *installation, n int) *orderWorld {
	t.Helper()
	w := &orderWorld{world: &world{installation: in}, patient: map[string]registry.Patient{}}
	w.app = w.start()
	t.Cleanup(func() { w.app.Stop() })
	w.site = w.installation.site(w.app)
	w.miriam, w.otis = w.person("miriam", auth.Prescriber), w.person("otis", auth.Prescriber)
	w.jonas, w.priya, w.rosa = w.person("jonas", auth.Verifier), w.person("priya", auth.Pharmacist), w.person("rosa", auth.Nurse)
	w.ada = w.person("ada", auth.Admin).Actor
	w.publish()
	w.plans = w.slips(w.app, n)
	w.world.fleet = w.installation.fleet("pumps")
	for i, p := range w.plans {
		w.enrolBound(p, uint64(i+1))
	}
	if err := w.world.fleet.Start(); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.plans {
		w.described(p)
	}
	return w
}

// described waits until a pump has said what it runs.
func (w *orderWorld) described(p plannedPump) {
	w.t.Helper()
	eventually(w.t, p.Serial+" has said what it runs", func() bool {
		return w.device(p).Status().Connected && w.count(`SELECT count(*) FROM dosing_pumps d JOIN telemetry_presence t USING (pump_id) WHERE pump_id = $1 AND report IS NOT NULL AND t.connected`, p.ID) == 1
	})
}

func (w *orderWorld) enrolBound(p plannedPump, seed uint64) {
	w.t.Helper()
	ctx := context.Background()
	pt, err := w.app.Registry.CreatePatient(ctx, auth.System("test"), w.site.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if pt, err = w.app.Registry.Bind(ctx, auth.System("test"), pt.ID, p.ID, "implanted"); err != nil {
		w.t.Fatal(err)
	}
	w.patient[p.Serial] = pt
	slip, err := wire.ParseSlip(p.Slip)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.world.fleet.Enrol(ctx, slip, emulator.Blueprint{Serial: p.Serial, Model: p.Model, Seed: seed, Alg: wire.Ed25519, Patient: registry.OrderPatient(pt.Token)}); err != nil {
		w.t.Fatal(err)
	}
}

// person makes an account with a role and, for those who sign, a key.
func (w *orderWorld) person(login string, role auth.Role) *signingPerson {
	w.t.Helper()
	ctx, system := context.Background(), auth.System("test")
	account, err := w.app.People.CreateUser(ctx, system, auth.NewUser{Login: login, Name: login, Password: "still water runs deep 7"})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.app.Registry.AddMembership(ctx, system, account.ID, w.site.ID, role); err != nil {
		w.t.Fatal(err)
	}
	p := &signingPerson{Actor: account.Actor(map[int64][]auth.Role{w.site.ID: {role}})}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	p.soft = webauthn.Soft{Key: k, RPID: "localhost", Origin: w.app.URL()}
	if role == auth.Admin {
		return p
	}
	added, err := w.app.Keysets.AddKey(ctx, p.Actor, keyset.NewKey{Public: &k.PublicKey, RPID: "localhost", Label: "test", Software: true})
	if err != nil {
		w.t.Fatal(err)
	}
	p.key = added.KeyID
	return p
}

// publish has administrators sign a keyset of everybody's keys.
func (w *orderWorld) publish() {
	w.t.Helper()
	if _, err := w.app.Keysets.Draft(context.Background(), auth.System("test"), "people have joined"); err != nil {
		w.t.Fatal(err)
	}
}

func (p *signingPerson) sign(t testing.TB, s dosing.Signing) order.Assertion {
	t.Helper()
	a, err := p.soft.Sign(rand.Reader, s.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	return order.AssertionOf(a)
}

// more is a wish for so many thousandths of what a pump runs.
func (w *orderWorld) more(p plannedPump, permille int64) dosing.Wish {
	w.t.Helper()
	r := w.report(p)
	g := r.State.Program
	g.Segments = append([]dose.Segment(nil), g.Segments...)
	for i := range g.Segments {
		g.Segments[i].Volume = g.Segments[i].Volume * units.Volume(permille) / 1000
	}
	return dosing.Wish{Act: order.ActProgram, Group: w.group(r.State.Contents), Program: &g, Reason: "test"}
}

// group returns a group that the sample library has limits for.
func (w *orderWorld) group(c dose.Contents) order.Group {
	lib := &w.app.Libraries.Current().Library
	for g := order.GroupCancer; g <= order.GroupChild; g++ {
		if _, err := lib.Ceilings(c, g); err == nil {
			return g
		}
	}
	w.t.Fatalf("no group may have %v", c)
	return 0
}

func (w *orderWorld) report(p plannedPump) order.Report {
	w.t.Helper()
	var b []byte
	if err := w.app.DB.Get(&b, `SELECT report FROM dosing_pumps WHERE pump_id = $1`, p.ID); err != nil {
		w.t.Fatal(err)
	}
	r, err := order.DecodeReport(b)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func must2[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// propose proposes and fails the test on a refusal.
func (w *orderWorld) propose(p plannedPump, wish dosing.Wish) dosing.Order {
	w.t.Helper()
	o, err := w.app.Dosing.Propose(context.Background(), w.miriam.Actor, dosing.Proposal{Pump: p.ID, Wish: wish})
	return must2(w.t, o, err)
}

// entries are the right ones for a form.
func (w *orderWorld) entries(o dosing.Order, p plannedPump) []dosing.Entry {
	w.t.Helper()
	form, err := w.app.Dosing.Form(context.Background(), w.jonas.Actor, o.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := order.DecodePrescription(o.Document)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []dosing.Entry
	for _, n := range form {
		value := p.Serial
		switch n.Name {
		case "serial":
		case "patient":
			value = o.Wish.Patient
			if value == "" {
				value = w.patient[p.Serial].Token
			}
		case "site":
			value = w.siteName(o.Wish.Site)
		default:
			value = strconv.FormatInt(key(w.t, &doc, n.Name), 10)
		}
		out = append(out, dosing.Entry{Name: n.Name, Value: value})
	}
	return out
}

// siteName is how people call a site.
func (w *orderWorld) siteName(id int64) string {
	w.t.Helper()
	all, err := w.app.Registry.Sites(context.Background(), auth.Scope{Sites: []int64{id}})
	if err != nil || len(all) != 1 {
		w.t.Fatalf("site %d: %v, %v", id, all, err)
	}
	return all[0].Name
}

// key returns a key number of a prescription by its name.
func key(t testing.TB, p *order.Prescription, name string) int64 {
	t.Helper()
	if rest, ok := strings.CutPrefix(name, "planned."); ok {
		b := p.Visit.Planned
		return key(t, &order.Prescription{Checks: b.Checks, Contents: &b.Contents, Program: &b.Program}, rest)
	}
	var code int64
	switch {
	case scan(name, "peak:%d", &code):
		rate, _ := fastest(p.Program, int64(p.Contents.Conc(dose.Code(code))))
		return rate
	case name == "peak_from":
		_, from := fastest(p.Program, 1)
		return from
	case name == "over":
		return int64(p.Dose.Duration)
	case name == "ptm_over":
		return int64(p.Program.PTM.Duration)
	case name == "filled":
		return int64(p.Visit.Bounds.FilledMin+p.Visit.Bounds.FilledMax) / 2
	case name == "ptm_denied":
		return int64(p.Settings.PTMDenied)
	case scan(name, "day:%d", &code):
		for _, c := range p.Checks {
			if int64(c.Code) == code {
				return int64(c.Day)
			}
		}
	case scan(name, "once:%d", &code):
		for _, c := range p.Checks {
			if int64(c.Code) == code {
				return int64(c.Once)
			}
		}
	case scan(name, "conc:%d", &code):
		return int64(p.Contents.Conc(dose.Code(code)))
	case scan(name, "ptm:%d", &code):
		m, err := p.Program.PTM.Volume.Mass(p.Contents.Conc(dose.Code(code)), units.Nearest)
		return int64(must2(t, m, err))
	case name == "ptm_max":
		return int64(p.Program.PTM.Max24h)
	case name == "ptm_lockout":
		return int64(p.Program.PTM.Lockout)
	case name == "volume":
		return int64(p.Volume)
	case name == "zone":
		return int64(*p.Zone)
	case name == "low_alarm":
		return int64(p.Settings.Low)
	}
	t.Fatalf("no number %s", name)
	return 0
}

// fastest is what a program gives of a concentration (ng/mL) in its fastest hour, in
// ng, and from which second of the day on.
func fastest(g *dose.Program, conc int64) (rate, from int64) {
	at := 0.0
	for _, s := range g.Segments {
		if r := float64(s.Volume) / float64(s.Duration); r > at {
			at, from = r, int64(s.Offset)%86_400
		}
	}
	return int64(at * 3600 * float64(conc) / 1e6), from
}

func scan(s, format string, into *int64) bool {
	n, err := fmt.Sscanf(s, format, into)
	return err == nil && n == 1
}

// verify enters the right numbers for somebody.
func (w *orderWorld) verify(who *signingPerson, o dosing.Order, p plannedPump) {
	w.t.Helper()
	out, err := w.app.Dosing.Verify(context.Background(), who.Actor, o.ID, dosing.Entered{Source: "prescription", Entries: w.entries(o, p)})
	if err != nil || !out.Match {
		w.t.Fatalf("%s verifies: %v, %v", who.Login, out.Differ, err)
	}
}

// sentBack enters one number wrongly until the order is its proposer's draft again.
func (w *orderWorld) sentBack(o dosing.Order, p plannedPump, name, value string) {
	w.t.Helper()
	entries := w.entries(o, p)
	i := slices.IndexFunc(entries, func(e dosing.Entry) bool { return e.Name == name })
	if i < 0 {
		w.t.Fatalf("the form does not ask for %s", name)
	}
	entries[i].Value = value
	for left := 2; left >= 0; left-- {
		out, err := w.app.Dosing.Verify(context.Background(), w.jonas.Actor, o.ID, dosing.Entered{Source: "record", Entries: entries})
		if err != nil || out.Match || len(out.Differ) != 1 || out.Differ[0] != name || out.Left != left {
			w.t.Fatalf("%s as %q: %+v, %v", name, value, out, err)
		}
	}
	got, err := w.app.Dosing.Get(context.Background(), auth.Scope{All: true}, o.ID)
	if err != nil || got.State != dosing.Draft || got.Document != nil {
		w.t.Fatalf("after three differences: %s, %v", got.State, err)
	}
}

// approve signs for somebody.
func (w *orderWorld) approve(who *signingPerson, id int64, m order.Meaning) dosing.Order {
	w.t.Helper()
	ctx := context.Background()
	s, err := w.app.Dosing.PrepareApproval(ctx, who.Actor, id, who.key, m, order.Digest{})
	if err != nil {
		w.t.Fatalf("%s is asked to sign: %v", who.Login, err)
	}
	o, err := w.app.Dosing.Approve(ctx, who.Actor, id, s.Document, who.sign(w.t, s))
	if err != nil {
		w.t.Fatalf("%s signs: %v", who.Login, err)
	}
	return o
}

// approved brings a wish as far as everybody's signatures.
func (w *orderWorld) approved(p plannedPump, wish dosing.Wish) dosing.Order {
	w.t.Helper()
	o := w.propose(p, wish)
	o = w.approve(w.miriam, o.ID, order.MeansPrescribe)
	for _, who := range []struct {
		*signingPerson
		order.Meaning
	}{{w.jonas, order.MeansVerify}, {w.priya, order.MeansPharmacist}} {
		if o.State == dosing.Approved {
			break
		}
		w.verify(who.signingPerson, o, p)
		o = w.approve(who.signingPerson, o.ID, who.Meaning)
	}
	if o.State != dosing.Approved {
		w.t.Fatalf("after all signatures the order is %s: %+v", o.State, o.Finding)
	}
	return o
}

// release lets an order go, by the nurse.
func (w *orderWorld) release(id int64) dosing.Order { return w.releaseAs(id, dosing.Choice{}) }

// releaseAs is release of a visit, with what was measured.
func (w *orderWorld) releaseAs(id int64, c dosing.Choice) dosing.Order {
	w.t.Helper()
	ctx := context.Background()
	s, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, id, w.rosa.key, c, order.Digest{})
	if err != nil {
		w.t.Fatalf("prepare the release: %v", err)
	}
	o, _, err := w.app.Dosing.Release(ctx, w.rosa.Actor, id, s.Document, w.rosa.sign(w.t, s))
	if err != nil {
		w.t.Fatalf("release: %v", err)
	}
	return o
}

// refusedRelease wants the release of a visit refused with a code, before anything
// leaves for the pump.
func (w *orderWorld) refusedRelease(id int64, c dosing.Choice, code order.Code) {
	w.t.Helper()
	ctx := context.Background()
	s, err := w.app.Dosing.PrepareRelease(ctx, w.rosa.Actor, id, w.rosa.key, c, order.Digest{})
	if err == nil {
		_, _, err = w.app.Dosing.Release(ctx, w.rosa.Actor, id, s.Document, w.rosa.sign(w.t, s))
	}
	if e, ok := errors.AsType[*dosing.CheckError](err); !ok || e.Refusals[0].Code != code {
		w.t.Errorf("the release of order %d: %v, want %s", id, err, code)
	}
	if n := w.count(`SELECT count(*) FROM dosing_letters WHERE order_id = $1`, id); n != 0 {
		w.t.Errorf("%d letters left for the pump", n)
	}
}

// came registers and enrols a pump that was implanted and programmed elsewhere: it
// is in nobody whom it knows, and its program is a local programmer's.
func (w *orderWorld) came(n int) plannedPump {
	w.t.Helper()
	p := w.slipsFrom(w.app, 2*n, 1)[0]
	slip, err := wire.ParseSlip(p.Slip)
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := w.world.fleet.Enrol(context.Background(), slip, emulator.Blueprint{Serial: p.Serial, Model: p.Model, Seed: uint64(n), Alg: wire.Ed25519})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.described(p)
	return p
}

// ends waits until an order is in a state.
func (w *orderWorld) ends(id int64, want dosing.State) dosing.Order {
	w.t.Helper()
	var o dosing.Order
	deadline := time.Now().Add(30 * time.Second)
	for {
		var err error
		if o, err = w.app.Dosing.Get(context.Background(), auth.Scope{All: true}, id); err != nil {
			w.t.Fatal(err)
		}
		if o.State == want {
			return o
		}
		if time.Now().After(deadline) {
			events, letters, _ := w.app.Dosing.History(context.Background(), auth.Scope{All: true}, id)
			w.t.Fatalf("order %d is %s (%s %s), want %s; events %+v; letters %+v", id, o.State, o.Code, o.Detail, want, events, letters)
		}
		pause(w.t, 25*time.Millisecond)
	}
}
