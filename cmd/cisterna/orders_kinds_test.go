package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

const (
	mgPerML = units.Conc(units.Milligram)
	whole   = units.Millilitre
)

// caller is a person's console: a session, and requests as the page makes them.
type caller struct {
	w    *orderWorld
	http *http.Client
}

func (w *orderWorld) signIn(login string) *caller {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &caller{w: w, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}
	if status, body := c.send("POST", "/session", map[string]string{"login": login, "password": "still water runs deep 7"}); status != http.StatusOK {
		w.t.Fatalf("%s signs in: %d %s", login, status, body)
	}
	return c
}

func (c *caller) send(method, path string, body any) (int, []byte) {
	c.w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	r, err := http.NewRequest(method, c.w.app.URL()+"/api/v1"+path, bytes.NewReader(b))
	if err != nil {
		c.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", c.w.app.URL())
	resp, err := c.http.Do(r)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out bytes.Buffer
	if _, err := out.ReadFrom(resp.Body); err != nil {
		c.w.t.Fatal(err)
	}
	return resp.StatusCode, out.Bytes()
}

// propose proposes through the API and returns the order as the service has it.
func (c *caller) propose(p plannedPump, wish dosing.Wish) dosing.Order {
	c.w.t.Helper()
	status, body := c.send("POST", fmt.Sprintf("/pumps/%d/orders", p.ID), map[string]any{"wish": wish})
	var out struct {
		ID int64 `json:"id,string"`
	}
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusCreated {
		c.w.t.Fatalf("propose to %s: %d %s", wish.Act, status, body)
	}
	o, err := c.w.app.Dosing.Get(context.Background(), auth.Scope{All: true}, out.ID)
	return must2(c.w.t, o, err)
}

// refused proposes through the API and wants a refusal that says something.
func (c *caller) refused(what string, p plannedPump, wish dosing.Wish, status int, says ...string) {
	c.w.t.Helper()
	got, body := c.send("POST", fmt.Sprintf("/pumps/%d/orders", p.ID), map[string]any{"wish": wish})
	for _, s := range says {
		if got != status || !strings.Contains(string(body), s) {
			c.w.t.Errorf("%s: %d %s, want %d and %q", what, got, body, status, s)
		}
	}
}

func (c *caller) plan(p plannedPump, r dosing.Refill) dosing.RefillPlan {
	c.w.t.Helper()
	status, body := c.send("POST", fmt.Sprintf("/pumps/%d/orders/plan", p.ID), map[string]any{"refill": r})
	var out struct {
		Plan dosing.RefillPlan `json:"plan"`
	}
	if err := json.Unmarshal(body, &out); err != nil || status != http.StatusOK {
		c.w.t.Fatalf("plan: %d %s, %v", status, body, err)
	}
	return out.Plan
}

// signed brings a proposal as far as everybody's signatures, and checks how many
// the pump will ask for.
func (w *orderWorld) signed(p plannedPump, o dosing.Order, people int) dosing.Order {
	w.t.Helper()
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
	if o.State != dosing.Approved || len(o.Approvals) != people {
		w.t.Fatalf("order %d to %s is %s with %d signatures, want %d: %+v", o.ID, o.Act, o.State, len(o.Approvals), people, o.Finding)
	}
	return o
}

// done releases an order, waits until the pump has applied it and the server knows
// what it runs, and compares that with what the order left it with.
func (w *orderWorld) done(p plannedPump, o dosing.Order, c dosing.Choice) order.Report {
	w.t.Helper()
	w.releaseAs(o.ID, c)
	w.ends(o.ID, dosing.Applied)
	eventually(w.t, "the server knows what it runs", func() bool {
		return w.count(`SELECT count(*) FROM dosing_pumps WHERE pump_id = $1 AND (foreign_program OR desired = state_hash AND NOT drift) AND report IS NOT NULL AND reported_at = stated_at`, p.ID) == 1
	})
	r := w.report(p)
	hash := r.State.Hash()
	if got := w.device(p).Status(); got.StateHash != hash.String() {
		w.t.Errorf("after order %d to %s the pump's state is %s, the server has %s", o.ID, o.Act, got.StateHash, hash)
	}
	return r
}

// boxed registers and enrols a pump that was never filled, with a catheter of a
// length. Its patient is the registry's alone until a bind order tells the pump.
func (w *orderWorld) boxed(n int, mm int64, bound bool) plannedPump {
	w.t.Helper()
	ctx := context.Background()
	p := w.slipsFrom(w.app, 2*n, 1)[0] // even numbers are of the first sample profile
	w.catheter(p, mm)
	slip, err := wire.ParseSlip(p.Slip)
	if err != nil {
		w.t.Fatal(err)
	}
	if bound {
		pt, err := w.app.Registry.CreatePatient(ctx, auth.System("test"), w.site.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		if pt, err = w.app.Registry.Bind(ctx, auth.System("test"), pt.ID, p.ID, "implanted"); err != nil {
			w.t.Fatal(err)
		}
		w.patient[p.Serial] = pt
	}
	b := emulator.Blueprint{Serial: p.Serial, Model: p.Model, Seed: uint64(100 + n), Alg: wire.Ed25519, Empty: true}
	d, err := w.world.fleet.Enrol(ctx, slip, b)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.described(p)
	return p
}

// catheter notes the implanted length of a pump's catheter.
func (w *orderWorld) catheter(p plannedPump, mm int64) {
	w.t.Helper()
	ctx := context.Background()
	reg, err := w.app.Registry.Pump(ctx, auth.Scope{All: true}, p.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	facts := reg.Facts
	facts.CatheterMM = mm
	if _, err := w.app.Registry.Edit(ctx, auth.System("test"), p.ID, reg.Rev, reg.Label, facts); err != nil {
		w.t.Fatal(err)
	}
}

func flat(perDay units.Volume) dose.Program {
	return dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: perDay}}}
}

func of(code dose.Code, conc units.Conc, more ...dose.Ingredient) dose.Contents {
	return dose.Contents{Route: dose.Intrathecal, Ingredients: append([]dose.Ingredient{{Code: code, Conc: conc}}, more...)}
}

// TestBindAdoptErase: a pump that came with somebody else's program is bound by an
// order that names the patient, its program adopted, and erased in the end.
func TestBindAdoptErase(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 0)
	ctx, miriam := t.Context(), w.signIn("miriam")
	p := w.came(3)
	r := w.report(p)
	if !r.Foreign || !r.Patient.IsZero() {
		t.Fatalf("a pump that came with a program says foreign %v, patient %s", r.Foreign, r.Patient)
	}
	status, body := miriam.send("POST", "/patients", map[string]string{"site": fmt.Sprint(w.site.ID)})
	var made struct {
		ID    int64 `json:"id,string"`
		Token string
	}
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
		t.Fatalf("a patient: %d %s", status, body)
	}
	miriam.refused("bound to nobody", p, dosing.Wish{Act: order.ActBind, Reason: "moved here"}, http.StatusConflict, "is in nobody")
	miriam.refused("bound to somebody unknown", p, dosing.Wish{Act: order.ActBind, Patient: "P-0000-0000", Reason: "moved here"}, http.StatusUnprocessableEntity, "There is no patient")
	o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActBind, Patient: made.Token, Reason: "moved here"}), 2)
	r = w.done(p, o, dosing.Choice{})
	pt, ok, err := w.app.Registry.BoundPatient(ctx, p.ID)
	if err != nil || !ok || pt.ID != made.ID || r.Patient != registry.OrderPatient(made.Token) || r.State.Epoch != 2 || !r.Foreign {
		t.Fatalf("bound: %+v %v %v, the pump says %+v", pt, ok, err, r)
	}

	group := w.group(r.State.Contents)
	adopt := dosing.Wish{Act: order.ActAdopt, Group: group, Volume: r.Volume, Reason: "as the last clinic left it"}
	over := adopt
	over.Volume = 60 * whole
	miriam.refused("adopted with more than it holds", p, over, http.StatusConflict, "E_VOLUME")
	o = w.signed(p, miriam.propose(p, adopt), 3) // the first order of its drugs in this epoch
	r = w.done(p, o, dosing.Choice{})
	if r.Foreign || len(r.Ordered) == 0 {
		t.Errorf("after the adoption: foreign %v, ordered %v", r.Foreign, r.Ordered)
	}
	miriam.refused("adopted twice", p, adopt, http.StatusConflict, "E_STATE")

	wrong := flat(100_000)
	miriam.refused("erased with a program", p, dosing.Wish{Act: order.ActErase, Program: &wrong, Reason: "wean done"}, http.StatusConflict, "has no place here")
	o = w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActErase, Reason: "weaned; the pump stays in"}), 2)
	r = w.done(p, o, dosing.Choice{})
	if r.State.Program.Mode != dose.Minimum || r.State.Run != wire.Minimum {
		t.Errorf("after the erasure it runs %v, %v", r.State.Program.Mode, r.State.Run)
	}
	miriam.refused("resumed without a program", p, dosing.Wish{Act: order.ActResume, Reason: "again"}, http.StatusConflict, "E_STATE")
}

// TestClockOrder: a pump whose clock is a year off is set by two people, and not
// when a release is signed for another day.
func TestClockOrder(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	miriam, p := w.signIn("miriam"), w.plans[0]
	if err := w.device(p).Inject(emulator.Fault{Kind: "clock-year"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump does not trust its clock", func() bool { return w.device(p).Status().Orders.Untrusted })
	eventually(t, "and says so", func() bool { return !w.report(p).Trusted })
	far := int32(15 * 3600)
	miriam.refused("a zone beyond any", p, dosing.Wish{Act: order.ActClock, Zone: &far, Reason: "wrong"}, http.StatusConflict, "time zone")
	zone := int32(3600)
	wish := dosing.Wish{Act: order.ActClock, Zone: &zone, Reason: "a year ahead"}
	w.sentBack(miriam.propose(p, wish), p, "zone", "-3600")
	o := w.signed(p, miriam.propose(p, wish), 2)
	before := w.report(p)
	r := w.done(p, o, dosing.Choice{})
	if !r.Trusted || r.State.Gen != before.State.Gen+1 {
		t.Errorf("after the clock order: trusted %v, gen %d after %d", r.Trusted, r.State.Gen, before.State.Gen)
	}
	if ms := w.device(p).Status().SkewMS; ms < -10_000 || ms > 10_000 {
		t.Errorf("the pump's clock is %d ms off", ms)
	}
}

// TestFlexWeek: a week of its own for every weekday, and one with a gap.
func TestFlexWeek(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	miriam, p := w.signIn("miriam"), w.plans[0]
	r := w.report(p)
	day := w.meanDay(p)
	week := dose.Program{Mode: dose.FlexWeek, Cycle: units.Week, PTM: r.State.Program.PTM}
	for d := range units.Seconds(7) {
		night := day / 2
		if d >= 5 { // the weekend sleeps longer
			night = day * 55 / 100
		}
		week.Segments = append(week.Segments,
			dose.Segment{Offset: d * units.Day, Duration: units.Day / 2, Volume: night},
			dose.Segment{Offset: d*units.Day + units.Day/2, Duration: units.Day / 2, Volume: day - night})
	}
	gap := week
	gap.Segments = append([]dose.Segment(nil), week.Segments...)
	gap.Segments[3].Duration -= 60
	wish := func(g dose.Program) dosing.Wish {
		return dosing.Wish{Act: order.ActProgram, Group: w.group(r.State.Contents), Program: &g, Reason: "stiffer at night"}
	}
	miriam.refused("a week with a gap", p, wish(gap), http.StatusUnprocessableEntity, "segments follow each other without gaps")
	people := 2
	if len(r.Ordered) == 0 {
		people = 3
	}
	o := w.signed(p, miriam.propose(p, wish(week)), people)
	after := w.done(p, o, dosing.Choice{})
	if after.State.Program.Hash() != week.Hash() {
		t.Errorf("it runs %+v", after.State.Program)
	}
}

func (w *orderWorld) meanDay(p plannedPump) units.Volume {
	w.t.Helper()
	g := w.report(p).State.Program
	v, err := g.MeanDay()
	return must2(w.t, v, err)
}
