package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dosing"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
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

// TestFirstVisit walks a pump from its box: bound to its patient, then filled,
// primed and programmed.
func TestFirstVisit(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 0)
	miriam := w.signIn("miriam")
	p := w.boxed(1, 890, true)
	if p.Model != "Meander P20" {
		t.Fatalf("the oracle is of a Meander P20, this is a %s", p.Model)
	}
	ten := of(dose.Morphine, 10*mgPerML)
	first := dosing.Refill{Group: order.GroupCancer, Contents: ten, Program: flat(200_000), Filled: 18 * whole, Prime: dosing.PrimePath}

	if status, body := miriam.send("GET", fmt.Sprintf("/pumps/%d/therapy", p.ID), nil); status != http.StatusOK || !strings.Contains(string(body), `"path_nl":"394800"`) {
		t.Fatalf("what an empty pump runs: %d %s", status, body)
	}

	// Before it knows its patient the pump takes nothing for one.
	plan := miriam.plan(p, first)
	miriam.refused("a visit for a patient whom the pump does not know", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "first filling"}, http.StatusConflict, "E_FORMAT")

	o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActBind, Reason: "implanted today"}), 2)
	r := w.done(p, o, dosing.Choice{})
	if want := registry.OrderPatient(w.patient[p.Serial].Token); r.Patient != want || r.State.Epoch != 2 || w.device(p).Status().Orders.Patient != want {
		t.Fatalf("after the bind the pump is in %s, epoch %d, want %s and 2", r.Patient, r.State.Epoch, want)
	}
	miriam.refused("bound to the same patient again", p, dosing.Wish{Act: order.ActBind, Reason: "again"}, http.StatusConflict, "E_PATIENT")

	// First filling: 0.199 mL of tubing and 89 cm of catheter, 0.3948 mL.
	plan = miriam.plan(p, first)
	if plan.Path.Tubing != 199_000 || plan.Path.CatheterNL != 195_800 || plan.Path.Volume != 394_800 || plan.Visit.Planned.Prime.Volume != 394_800 || plan.Bridge != nil {
		t.Fatalf("path %+v, prime %+v, bridge %v", plan.Path, plan.Visit.Planned.Prime, plan.Bridge)
	}
	wish := dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "first filling"}
	o = w.signed(p, miriam.propose(p, wish), 3)
	w.refusedRelease(o.ID, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: 5 * whole, Filled: 18 * whole}}, order.ErrBounds)
	r = w.done(p, o, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: 0, Filled: 18*whole - 200_000}})
	if !r.State.Contents.Equal(ten) || r.Fill != 18*whole-200_000 || r.State.Program.Hash() != first.Program.Hash() || len(r.Ordered) != 1 {
		t.Fatalf("after the first visit: %+v", r)
	}
	if got := w.device(p).Status().Run; got != wire.Priming.String() || r.Busy != order.BusyPrime {
		t.Errorf("after a visit with a priming bolus the pump is %s", got)
	}
}

// TestBridge refills a pump with twice the concentration over a bridge, whose
// figures are those of reference/domain.md 1.3.
func TestBridge(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 0)
	miriam := w.signIn("miriam")
	p := w.boxed(1, 890, true)
	ten, twenty := of(dose.Morphine, 10*mgPerML), of(dose.Morphine, 20*mgPerML)
	w.done(p, w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActBind, Reason: "implanted today"}), 2), dosing.Choice{})
	plan := miriam.plan(p, dosing.Refill{Group: order.GroupCancer, Contents: ten, Program: flat(200_000), Filled: 18 * whole}) // primed on the table
	r := w.done(p, w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "first filling"}), 3),
		dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Filled: 18 * whole}})

	// Twice the concentration at the same 2 mg a day: 47.4 h of bridge at 0.2 mL a day;
	// without one half the dose for 3.95 days.
	plan = miriam.plan(p, dosing.Refill{Group: order.GroupCancer, Contents: twenty, Program: flat(100_000), Filled: 18 * whole, Residual: new(r.Volume)})
	b := plan.Bridge
	if b == nil || b.Dose.Volume != 394_800 || b.Dose.Duration != 170_554 || b.Rate != 199_999 || b.Target != 2*units.Milligram || b.Lines[0].Amount != 3_948_000 {
		t.Fatalf("the bridge is %+v", b)
	}
	if u := plan.Unbridged; len(u) != 1 || u[0].PerDay != units.Milligram || u[0].For != 341_107 {
		t.Errorf("without a bridge %+v, want 1 mg a day for 3.948 days", plan.Unbridged)
	}
	if plan.Mixed == nil || plan.Mixed.Ingredients[0].Conc != 19_278_351 {
		t.Errorf("unrinsed it would be %+v", plan.Mixed)
	}
	without := plan.Visit
	without.Planned.Bridge = nil
	miriam.refused("other contents without a bridge", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &without, Reason: "stronger"}, http.StatusConflict, "E_BRIDGE", "Plan a bridge")
	fast := plan.Visit
	fast.Planned.Bridge = &dose.Dose{Volume: 394_800, Duration: 4 * units.Hour}
	miriam.refused("a bridge in four hours", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &fast, Reason: "stronger"}, http.StatusConflict, "E_LIMIT")
	// Either branch may be released, so both are rehearsed before anybody signs.
	higher := miriam.plan(p, dosing.Refill{Group: order.GroupCancer, Contents: twenty, Program: flat(105_000), Filled: 18 * whole, Residual: new(r.Volume)})
	raised := miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &higher.Visit, Reason: "stronger, and a little more"})
	for branch, want := range map[order.BranchNo]units.Volume{0: 105_000, order.BranchPlanned: 105_000, order.BranchSame: 100_000} {
		got, err := w.app.Dosing.Rehearse(t.Context(), w.miriam.Actor, raised.ID, branch)
		if err != nil || got.Refused != "" || len(got.Days) != 7 || got.Days[6].Volume != want {
			t.Errorf("branch %d: %+v, %v", branch, got, err)
		}
	}
	_, err := w.app.Dosing.Rehearse(t.Context(), w.jonas.Actor, raised.ID, order.BranchSame)
	denied(t, "rehearsed before the blind entry", err, errs.Conflict, "Enter the key numbers")
	o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "stronger, so that it lasts"}), 2)

	// More is found than should be there: only the same dose is released.
	found := order.Measured{Aspirated: r.Volume + 2*whole, Filled: 18 * whole}
	w.refusedRelease(o.ID, dosing.Choice{Branch: order.BranchPlanned, Measured: &found}, order.ErrBounds)
	r = w.done(p, o, dosing.Choice{Branch: order.BranchSame, Measured: &found})
	if !r.Bridge || !r.State.Contents.Equal(twenty) || r.State.Program.PerCycle() != 100_000 {
		t.Fatalf("after the second visit: bridge %v, %+v", r.Bridge, r.State)
	}
	status := w.device(p).Status()
	if status.Run != wire.Bridge.String() || status.RateNLDay < 199_990 || status.RateNLDay > 200_000 {
		t.Errorf("the pump runs %s at %d nL a day, want a bridge at 200000", status.Run, status.RateNLDay)
	}

	if len(r.Path) != 1 || !r.Path[0].Contents.Equal(ten) || r.Path[0].Left > 394_800 || r.Path[0].Left < 394_000 || r.Pace == nil {
		t.Errorf("the pump says of its path %+v, at %+v", r.Path, r.Pace)
	}

	// A new program while the bridge runs brings one for what is left of it, by what
	// the pump has delivered, and both judge it as what it is: half as strong.
	more := dosing.Wish{Act: order.ActProgram, Group: order.GroupCancer, Program: new(flat(110_000)), Reason: "pain"}
	own := more
	own.Bridge = &dose.Dose{Volume: 100_000, Duration: units.Day}
	miriam.refused("a bridge by hand", p, own, http.StatusUnprocessableEntity, "Other fluid stands in the path already")
	rebridged := func(w *orderWorld, left units.Volume) {
		t.Helper()
		o := w.signed(p, miriam.propose(p, more), 2)
		doc, err := order.DecodePrescription(o.Document)
		if err != nil || doc.Bridge == nil || doc.Bridge.Volume > left || doc.Bridge.Volume < left-1_000 {
			t.Fatalf("the program's bridge is %+v, %v; %s were left", doc.Bridge, err, left)
		}
		day, err := dose.PerDay(*doc.Bridge, 10*mgPerML)
		if err != nil || day > 2*units.Milligram || day < 1_999_000 || len(doc.Checks) != 1 || doc.Checks[0].Bridge != units.Mass(doc.Bridge.Volume)*10 {
			t.Fatalf("the old fluid gives %s a day (%v), the check numbers are %+v", day, err, doc.Checks)
		}
		r = w.done(p, o, dosing.Choice{})
		if !r.Bridge || len(r.Path) != 1 || r.Path[0].Left > left || r.State.Program.PerCycle() != more.Program.PerCycle() {
			t.Errorf("after the program: %+v, %+v", r.Path, r.State.Program)
		}
	}
	rebridged(w, r.Path[0].Left)

	// A stop holds the bridge as well. What is left of it is what was not delivered.
	// The pump was bound since its last heartbeat; the stop is for the epoch it has now.
	stop, err := w.app.Dosing.PrepareStop(t.Context(), w.jonas.Actor, p.ID, w.jonas.key, false, "drowsy", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.app.Dosing.Stop(t.Context(), w.jonas.Actor, p.ID, stop.Document, w.jonas.sign(t, stop)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the server knows of the stop", func() bool { return w.report(p).State.Run != wire.Infusing })
	o = w.approved(p, dosing.Wish{Act: order.ActResume})
	w.release(o.ID)
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the server knows that it runs", func() bool { r := w.report(p); return r.State.Run == wire.Infusing && r.Bridge })
	eventually(t, "the server knows of the alarm that began and ended with the stop", func() bool {
		all, err := w.app.Alarms.List(t.Context(), auth.Scope{All: true}, alarm.Filter{State: alarm.FilterCleared, Pump: p.ID})
		return err == nil && slices.ContainsFunc(all, func(a alarm.Alarm) bool { return a.Code == string(profile.Stopped) })
	})
	left := w.report(p).Path[0].Left
	more.Program = new(flat(105_000))
	rebridged(w, left)

	// The reservoir is filled up while the old fluid still leaves: the visit carries on
	// with its bridge.
	visit := func(r order.Report, refill dosing.Refill, pushes int) (dosing.RefillPlan, order.Report) {
		t.Helper()
		refill.Group, refill.Filled, refill.Residual = order.GroupCancer, 18*whole, new(r.Volume)
		plan := miriam.plan(p, refill)
		if plan.Bridge == nil || len(plan.Bridge.Lines) != pushes || plan.Same == nil {
			t.Fatalf("the plan is %+v", plan)
		}
		bare := plan.Visit
		bare.Planned.Bridge = nil
		miriam.refused("a refill that forgets what stands in the path", p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &bare, Reason: "refill"}, http.StatusConflict, "E_BRIDGE", "Plan a bridge")
		o := w.signed(p, miriam.propose(p, dosing.Wish{Act: order.ActVisit, Group: order.GroupCancer, Visit: &plan.Visit, Reason: "refill"}), 2)
		after := w.done(p, o, dosing.Choice{Branch: order.BranchPlanned, Measured: &order.Measured{Aspirated: r.Volume, Filled: 18 * whole}})
		if !after.Bridge || len(after.Path) != pushes || !after.State.Contents.Equal(refill.Contents) || after.State.Program.Hash() != refill.Program.Hash() {
			t.Fatalf("after the refill: %+v, %+v", after.Path, after.State)
		}
		return plan, after
	}
	left = r.Path[0].Left
	plan, r = visit(r, dosing.Refill{Contents: twenty, Program: flat(105_000)}, 1)
	if v := plan.Bridge.Dose.Volume; v > left || v < left-1_000 || r.Path[0].Left > left {
		t.Errorf("a bridge of %s for %s, then %+v", v, left, r.Path)
	}

	// It was the wrong syringe: the right one follows at once. Both old fluids leave one
	// after the other, neither with more than before or after.
	left = r.Path[0].Left
	plan, r = visit(r, dosing.Refill{Contents: ten, Program: flat(200_000)}, 2)
	for _, l := range plan.Bridge.Lines {
		if l.PerDay > 2*units.Milligram || l.PerDay > l.Target {
			t.Errorf("%+v passes its dose", l)
		}
	}
	if plan.Bridge.Dose.Volume != 394_800 || plan.Bridge.Lines[1].PerDay < 1_999_000 || plan.Same.Dose.Volume != 394_800 {
		t.Errorf("the bridge is %+v", plan.Bridge)
	}
	if !r.Path[0].Contents.Equal(ten) || r.Path[0].Left > left || !r.Path[1].Contents.Equal(twenty) || r.Path[1].Left > 394_800 || r.Path[1].Left < 394_000 {
		t.Errorf("the path is %+v", r.Path)
	}
}

// TestPrimeAlone: a priming bolus by itself, and what the path does not hold.
func TestPrimeAlone(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	miriam, p := w.signIn("miriam"), w.plans[0]
	group := w.group(w.report(p).State.Contents)
	wish := dosing.Wish{Act: order.ActPrime, Group: group, Dose: &dose.Dose{Volume: 195_800, Duration: 20 * units.Minute}, Reason: "catheter revised"}
	miriam.refused("nobody knows the catheter", p, wish, http.StatusConflict, "E_LIMIT", "implanted length")
	w.catheter(p, 890)
	much := wish
	much.Dose = &dose.Dose{Volume: 394_801, Duration: 20 * units.Minute}
	miriam.refused("more than the path holds", p, much, http.StatusConflict, "E_LIMIT", "tubing and catheter hold 0.3948 mL")
	quick := wish
	quick.Dose = &dose.Dose{Volume: 195_800, Duration: units.Minute}
	miriam.refused("faster than the pump", p, quick, http.StatusConflict, "E_LIMIT", "passes")
	before := w.report(p)
	people := 2
	if len(before.Ordered) == 0 {
		people = 3
	}
	o := w.signed(p, miriam.propose(p, wish), people)
	w.releaseAs(o.ID, dosing.Choice{})
	w.ends(o.ID, dosing.Applied)
	if got := w.device(p).Status().Run; got != wire.Priming.String() {
		t.Errorf("the pump is %s", got)
	}
	eventually(t, "the server knows that it primes", func() bool { return w.report(p).Busy == order.BusyPrime })
	miriam.refused("a program while it primes", p, w.more(p, 1020), http.StatusConflict, "E_BUSY", "Wait for its end")
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

// TestTransferToAnotherSite: the pump, its patient, its communicator and its alarms
// belong to the new site from the pump's word on.
func TestTransferToAnotherSite(t *testing.T) {
	t.Parallel()
	w := newOrderWorld(t, 1)
	ctx, miriam, p := t.Context(), w.signIn("miriam"), w.plans[0]
	other, err := w.app.Registry.CreateSite(ctx, auth.System("test"), registry.NewSite{Name: "Other Clinic", Short: "OTHER", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.device(p).Inject(emulator.Fault{Kind: "overheat"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is alarmed", func() bool { return w.openAlarms(w.site.ID) == 1 })
	miriam.refused("to nowhere", p, dosing.Wish{Act: order.ActTransfer, Reason: "moves"}, http.StatusUnprocessableEntity, "Name the site")
	miriam.refused("to where it is", p, dosing.Wish{Act: order.ActTransfer, Site: w.site.ID, Reason: "moves"}, http.StatusConflict, "is at that site already")
	miriam.refused("to a site that is not", p, dosing.Wish{Act: order.ActTransfer, Site: 999, Reason: "moves"}, http.StatusUnprocessableEntity, "There is no such site")
	status, body := miriam.send("GET", fmt.Sprintf("/pumps/%d/destinations", p.ID), nil)
	if status != http.StatusOK || !strings.Contains(string(body), "Other Clinic") || strings.Contains(string(body), "Test Hospital") {
		t.Errorf("destinations: %d %s", status, body)
	}
	here, err := w.app.Registry.Pump(ctx, auth.Scope{Sites: []int64{w.site.ID}}, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	link := here.Link
	engineer := auth.Actor{ID: 71, Login: "eng", Name: "Eng", Roles: map[int64][]auth.Role{w.site.ID: {auth.Engineer}}}
	notice := recall.Notice{
		Reference: "FSN-T", Maker: "Meander", Title: "Motor", Text: "Look at it.", Source: "letter", Severity: recall.ClassII, IssuedOn: "2026-01-05",
		Criteria: recall.Criteria{Lots: []string{"none of these"}},
	}
	ofPumps, err := w.app.Recalls.Create(ctx, engineer, notice)
	if err != nil {
		t.Fatal(err)
	}
	notice.Reference, notice.Device, notice.Criteria = "FSN-C", recall.Communicators, recall.Criteria{Ranges: []recall.Range{{First: "ZZ-1", Last: "ZZ-9"}}}
	ofComms, err := w.app.Recalls.Create(ctx, engineer, notice)
	if err != nil {
		t.Fatal(err)
	}
	for id, device := range map[int64]recall.Target{ofPumps.ID: recall.Pump(p.ID), ofComms.ID: recall.Communicator(link)} {
		if _, err := w.app.Recalls.Add(ctx, engineer, id, device, "looks like it"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.app.Recalls.CloseDevice(ctx, engineer, id, device, "inspected", "nothing found"); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []maintenance.New{{Pump: p.ID, Kind: "note", Text: "label worn"}, {Link: link, Kind: "battery", Text: "change it", DueOn: "2027-04-01"}} {
		if _, err := w.app.Maintenance.Add(ctx, engineer, n); err != nil {
			t.Fatal(err)
		}
	}
	wish := dosing.Wish{Act: order.ActTransfer, Site: other.ID, Reason: "the family moves"}
	draft := miriam.propose(p, wish)
	w.sentBack(draft, p, "site", "Test Hospital")
	o := w.signed(p, miriam.propose(p, wish), 2)
	w.releaseAs(o.ID, dosing.Choice{})
	w.ends(o.ID, dosing.Applied)
	eventually(t, "the pump says so", func() bool { r := w.report(p); return r.Site == registry.OrderSite(other.ID) && r.State.Epoch == 2 })
	reg, err := w.app.Registry.Pump(ctx, auth.Scope{Sites: []int64{other.ID}}, p.ID)
	if err != nil || reg.Site != other.ID {
		t.Errorf("the register: %+v, %v", reg, err)
	}
	pt, ok, err := w.app.Registry.BoundPatient(ctx, p.ID)
	if err != nil || !ok || pt.Site != other.ID {
		t.Errorf("the patient: %+v, %v", pt, err)
	}
	if n := w.openAlarms(other.ID); n != 1 || w.openAlarms(w.site.ID) != 0 {
		t.Errorf("%d of its alarms went with it", n)
	}
	if n := w.count(`SELECT count(*) FROM registry_communicators WHERE serial = $1 AND site_id = $2`, reg.Link, other.ID); n != 1 {
		t.Error("the communicator stayed behind")
	}
	for what, query := range map[string]string{"recalls": `SELECT count(*) FROM recall_devices WHERE site_id = $1`, "maintenance": `SELECT count(*) FROM maintenance_work WHERE site_id = $1`} {
		if here, there := w.count(query, other.ID), w.count(query, w.site.ID); here != 2 || there != 0 {
			t.Errorf("%s of the pump and its communicator: %d went with them, %d stayed behind", what, here, there)
		}
	}
	if got, body := miriam.send("GET", fmt.Sprintf("/pumps/%d/therapy", p.ID), nil); got != http.StatusNotFound {
		t.Errorf("the old site still sees the pump: %d %s", got, body)
	}
	eventually(t, "the directory knows", func() bool { d, ok := w.app.Registry.Directory().ByID(p.ID); return ok && d.Site == other.ID })
	w.flows(t, p)

	// What was drafted before is of the old site, whoever proposes it.
	both := w.miriam.Actor
	both.Roles = map[int64][]auth.Role{w.site.ID: {auth.Prescriber}, other.ID: {auth.Prescriber}}
	_, err = w.app.Dosing.Propose(ctx, both, dosing.Proposal{Pump: p.ID, Draft: draft.ID, Wish: dosing.Wish{Act: order.ActSettings, Settings: &order.Settings{Low: 3 * units.Millilitre}, Reason: "test"}})
	denied(t, "a draft of the old site", err, errs.Conflict, "has left since")
}

func (w *orderWorld) openAlarms(site int64) int {
	return w.count(`SELECT count(*) FROM alarm_alarms WHERE site_id = $1 AND code = 'TEMP_HIGH' AND cleared_at IS NULL`, site)
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
