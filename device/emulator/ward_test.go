package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cisterna/device/dose"
	"cisterna/device/emulator/disk"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/pump"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/internal/webauthn"
)

// ward is a hospital whose people sign orders.
type ward struct {
	*trust
	people map[string]*webauthn.Soft
	keys   order.Keyset
	lib    order.Library
}

var (
	wardSite    = idOf("site")
	otherSite   = idOf("another site")
	wardPatient = idOf("patient")
)

func idOf(name string) (out order.ID) {
	h := sha256.Sum256([]byte(name))
	copy(out[:], h[:])
	return out
}

const (
	wardOrigin = "http://localhost:8600"
	mgML       = units.Conc(units.Milligram)
)

// newWard makes the hospital. Its people are always the same, so that making one
// costs little.
func newWard(t testing.TB, now time.Time) *ward {
	t.Helper()
	w := &ward{trust: newTrust(t, now), people: map[string]*webauthn.Soft{}}
	w.keys = order.Keyset{V: 1, Version: 5, Issued: now.Add(-time.Hour).Unix(), Expires: now.AddDate(0, 0, 80).Unix(), Origin: wardOrigin, Policies: order.DefaultPolicies(), Sites: []order.ID{wardSite}}
	for name, roles := range map[string][]order.Role{
		"anna":  {order.RolePrescriber, order.RolePolicy},
		"ben":   {order.RolePrescriber, order.RoleVerifier},
		"carla": {order.RoleVerifier, order.RolePharmacist},
		"dora":  {order.RoleRelease, order.RoleStop},
		"emil":  {order.RoleStop},
	} {
		w.keys.Keys = append(w.keys.Keys, w.person(name, now, roles...))
	}
	w.keys.SortKeys()
	limit := func(code dose.Code) order.DrugLimit {
		return order.DrugLimit{Group: order.GroupNonCancer, Route: dose.Intrathecal, HardDay: 15 * units.Milligram, HardHour: 4 * units.Milligram, HardBolus: 2 * units.Milligram, HardStep: 6 * units.Milligram, MinLockout: 600, MaxPTM: 12}
	}
	w.lib = order.Library{V: 1, Version: 4, Issued: now.Add(-time.Hour).Unix(), Name: "ward", Drugs: []order.Drug{
		{Code: dose.Morphine, Name: "Morphine", Class: "opioid", Unit: "mg", Decimals: 3, Withdrawal: dose.WithdrawalModerate, Source: "test", MaxConc: 25 * mgML, Stability: 90 * units.Day, Limits: []order.DrugLimit{limit(dose.Morphine)}},
		{Code: dose.Baclofen, Name: "Baclofen", Class: "other", Unit: "mcg", Decimals: 1, Withdrawal: dose.WithdrawalDeadly, Source: "test", MaxConc: 4 * mgML, Stability: 90 * units.Day, Limits: []order.DrugLimit{limit(dose.Baclofen)}},
	}}
	w.publish(t)
	return w
}

// person makes somebody's key, which follows from the name, and its record.
func (w *ward) person(name string, now time.Time, roles ...order.Role) order.PersonKey {
	soft := w.people[name]
	for i := byte(0); soft == nil; i++ {
		h := sha256.Sum256(append([]byte("ward "+name), i))
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), h[:]); err == nil {
			soft = &webauthn.Soft{ID: h[:16], Key: k, RPID: "localhost", Origin: wardOrigin}
		}
	}
	w.people[name] = soft
	return order.PersonKey{
		Person: name, Key: must(wire.NewPublicKey(soft.Key.Public())).String(), Roles: roles, NotBefore: now.AddDate(-2, 0, 0).Unix(), NotAfter: now.AddDate(2, 0, 0).Unix(),
		Software: true, Usage: order.UsageOrders, RPID: "localhost",
	}
}

// publish signs keyset and library as they are.
func (w *ward) publish(t testing.TB) {
	w.keyset = w.sign(t, order.TypeKeyset, w.keys.Encode(), w.admin)
	w.library = w.sign(t, order.TypeLibrary, w.lib.Encode(), w.pharm)
}

func (w *ward) key(name string) order.Digest {
	return order.Digest(order.IDOf(must(wire.NewPublicKey(w.people[name].Key.Public()))))
}

func (w *ward) assert(name string, challenge order.Digest) order.Assertion {
	return order.AssertionOf(must(w.people[name].Sign(rand.Reader, challenge)))
}

// signing is how an order is signed; the zero one is right for most.
type signing struct {
	people   []string // who approves, a prescriber first; anna and ben if nil
	releaser string   // dora if empty
	release  func(*order.Release)
}

// envelope signs an order for a pump with this view.
func (w *ward) envelope(v *order.View, p order.Prescription, s signing) []byte {
	if s.people == nil {
		s.people = []string{"anna", "ben"}
	}
	if s.releaser == "" {
		s.releaser = "dora"
	}
	body := p.Encode()
	hash := order.PrescriptionHash(body)
	var approved []order.Approved
	for i, name := range s.people {
		a := order.Approval{V: 1, Prescription: hash, Person: name, Key: w.key(name), Meaning: order.MeansVerify, SignedAt: v.Now - 60}
		if i == 0 {
			a.Meaning = order.MeansPrescribe
		}
		b := a.Encode()
		approved = append(approved, order.Approved{Statement: b, Assertion: w.assert(name, order.ApprovalChallenge(b))})
	}
	r := order.Release{V: 1, Prescription: hash, Counter: v.Memory.Counter + 1, Window: v.Windows.Current(), Keyset: v.Keyset.Version, IssuedAt: v.Now, Expires: v.Now + 600, Person: s.releaser, Key: w.key(s.releaser)}
	if s.release != nil {
		s.release(&r)
	}
	b := r.Encode()
	e := order.NewEnvelope(body, approved, b, w.assert(s.releaser, order.ReleaseHash(b)))
	return e.Encode()
}

// prescription is one of an act as it fits a pump with this view; change makes it
// what a test wants, and the check numbers follow.
func (w *ward) prescription(v *order.View, a order.Act, change func(*order.Prescription)) order.Prescription {
	p := order.Prescription{
		V: 1, Act: a, ID: order.ID(newBoot()), Pump: v.Pump, Serial: v.Serial, Site: v.Site, Patient: v.Patient, Epoch: v.State.Epoch, State: v.State.Hash(),
		NotBefore: v.Now - 3600, Expires: v.Now + 86_400, Keyset: v.Keyset.Version,
	}
	lib, c, l := v.Library.Hash, v.State.Contents, v.Limits
	drug := func() { p.Library, p.Group, p.Contents = &lib, order.GroupNonCancer, &c }
	switch a {
	case order.ActProgram:
		drug()
		g := steady(v.State.Program.PerCycle())
		p.Limits, p.Program = &l, &g
	case order.ActBolus:
		drug()
		window := v.Windows.Current()
		p.Dose, p.Window, p.NotBefore, p.Expires = &dose.Dose{Volume: 20_000, Duration: 600}, &window, v.Now-60, v.Now+600
	case order.ActPrime:
		drug()
		p.Dose = &dose.Dose{Volume: 200_000, Duration: 900}
	case order.ActVisit:
		p.Library, p.Group = &lib, order.GroupNonCancer
		fresh := morphine(10 * mgML)
		p.Visit = &order.Visit{
			Planned: order.Branch{Contents: fresh, Limits: morphineLimits(), Program: steady(200_000)},
			Same:    order.Branch{Contents: fresh, Limits: morphineLimits(), Program: dose.Idle()},
			Bounds:  order.Bounds{AspiratedMin: 0, AspiratedMax: 20 * units.Millilitre, FilledMin: 17 * units.Millilitre, FilledMax: 19 * units.Millilitre},
		}
		if v.State.Run == wire.Infusing {
			p.Visit.Same.Program = v.State.Program
		}
	case order.ActBind:
		p.Patient = idOf("another patient")
	case order.ActSettings:
		p.Settings = &order.Settings{Low: 3 * units.Millilitre, PTMDenied: 4}
	case order.ActErase:
		g := dose.Off()
		p.Program = &g
	case order.ActAdopt:
		drug()
		p.Limits, p.Volume = &l, v.Volume
	case order.ActTransfer:
		p.Transfer = &order.Transfer{Site: otherSite}
	case order.ActClock:
		zone := int32(3600)
		p.Zone = &zone
	case order.ActResume:
	}
	if change != nil {
		change(&p)
	}
	checks := func(c *dose.Contents, g *dose.Program, once, bridge *dose.Dose) []order.Check {
		return order.ChecksOf(*c, g, &v.Range, once, bridge, v.Pushed(*c)...)
	}
	switch a {
	case order.ActProgram:
		p.Checks = checks(p.Contents, p.Program, nil, p.Bridge)
	case order.ActAdopt:
		p.Checks = checks(p.Contents, &v.State.Program, nil, nil)
	case order.ActBolus, order.ActPrime:
		p.Checks = checks(p.Contents, nil, p.Dose, nil)
	case order.ActVisit:
		for _, b := range []*order.Branch{&p.Visit.Planned, &p.Visit.Same} {
			b.Checks = checks(&b.Contents, &b.Program, b.Prime, b.Bridge)
		}
	case order.ActBind, order.ActSettings, order.ActResume, order.ActErase, order.ActTransfer, order.ActClock:
	}
	return p
}

// order signs an order of an act.
func (w *ward) order(v order.View, a order.Act, change func(*order.Prescription)) []byte {
	s := signing{}
	if a == order.ActVisit {
		s.release = measured(order.BranchPlanned, v.Volume, 18*units.Millilitre)
	}
	if a == order.ActVisit && len(v.Memory.Ordered) == 0 || a == order.ActProgram && v.State.Run == wire.Stopped {
		s.people = []string{"anna", "ben", "carla"}
	}
	return w.envelope(&v, w.prescription(&v, a, change), s)
}

func measured(b order.BranchNo, aspirated, filled units.Volume) func(*order.Release) {
	return func(r *order.Release) {
		r.Branch, r.Measured = b, &order.Measured{Aspirated: aspirated, Filled: filled}
	}
}

// stop signs a stop by emil.
func (w *ward) stop(v order.View, change func(*order.Stop)) []byte {
	s := order.Stop{V: 1, ID: order.ID(newBoot()), Pump: v.Pump, Epoch: v.State.Epoch, Counter: v.Memory.Stops + 1, Window: v.Windows.Current(), IssuedAt: v.Now, Expires: v.Now + 600, Reason: "drowsy", Person: "emil", Key: w.key("emil")}
	if change != nil {
		change(&s)
	}
	b := s.Encode()
	return order.EncodeStop(b, w.assert(s.Person, order.StopHash(b)))
}

func (w *ward) withdraw(v order.View, p order.Digest) []byte {
	x := order.Withdraw{V: 1, Pump: v.Pump, Epoch: v.State.Epoch, Prescription: p, IssuedAt: v.Now, Reason: "second thoughts", Person: "anna", Key: w.key("anna")}
	b := x.Encode()
	return order.EncodeWithdraw(b, w.assert("anna", order.WithdrawHash(b)))
}

func morphine(conc units.Conc) dose.Contents {
	return dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: conc}}, Route: dose.Intrathecal}
}

func morphineLimits() dose.Limits {
	return dose.Limits{Ingredients: []dose.Limit{{Code: dose.Morphine, Max1h: 4 * units.Milligram, Max24h: 15 * units.Milligram, Withdrawal: dose.WithdrawalModerate}}, MinLockout: 600, MaxPTM24h: 12}
}

func steady(v units.Volume) dose.Program {
	return dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: v}}}
}

// look is what an order for the pump would be judged by now.
func (d *Device) look() order.View {
	d.mu.Lock()
	defer d.mu.Unlock()
	real := d.f.opt.Now().UnixMilli()
	d.advance(real, false)
	return d.view(real)
}

// boxed adds a pump of the ward, still in its box.
func boxed(t testing.TB, f *Fleet, w *ward, serial string, p *profile.Profile) *Device {
	t.Helper()
	return boxedWith(t, f, serial, p, docsOf(t, f, w.trust, p))
}

// boxedWith is boxed with documents that were read before.
func boxedWith(t testing.TB, f *Fleet, serial string, p *profile.Profile, docs documents) *Device {
	t.Helper()
	key := must(newKey(Blueprint{Serial: serial, Seed: 7, Alg: wire.Ed25519}))
	d, err := f.keep(identity{Serial: serial, Model: p.ID, Link: "C-" + serial, Key: must(marshalKey(key)), Seed: 7, Firmware: "2.4.1", FirmwareComm: "5.0.3", MQTT: "server:8883", Enrol: "server:8443", Site: wardSite, Patient: wardPatient, Empty: true}, docs, credential{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// therapy fills a pump and lets it infuse 2 mg of morphine a day, ordered long
// ago.
func (d *Device) therapy(t testing.TB) {
	t.Helper()
	d.mu.Lock()
	d.memory.Ordered = []order.Ordered{{Code: dose.Morphine, Route: dose.Intrathecal}}
	memory := d.memory
	d.mu.Unlock()
	if err := d.keepBook(&memory, nil); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	real := d.f.opt.Now().UnixMilli()
	d.advance(real, false)
	p, l := steady(200_000), morphineLimits()
	if r := d.do(pump.Change{Refill: &pump.Refill{Volume: 18 * units.Millilitre, Contents: morphine(10 * mgML)}, Limits: &l, Program: &p, Source: pump.SourceOrder, Adopted: true}, real); r.Err != nil {
		t.Fatal(r.Err)
	}
}

// scene is one pump of a ward on line, in a bubble of fake time.
type scene struct {
	t   *testing.T
	g   *ground
	w   *ward
	f   *Fleet
	d   *Device
	mem *disk.Memory
	opt Options
}

// onWard plays a scene. change alters the ward and the pump's profile before
// anything is signed.
func onWard(t *testing.T, change func(*ward, *profile.Profile), play func(s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, g: newGround(t), mem: disk.NewMemory(1), w: newWard(t, time.Now())}
		p := *profile.Sample("meander-p20")
		if change != nil {
			change(s.w, &p)
			s.w.publish(t)
		}
		s.opt = groundOptions(s.g, s.mem)
		s.f = openFleet(t, s.opt)
		s.d = boxed(t, s.f, s.w, "S-1", &p)
		s.g.know(s.d)
		start(t, s.f)
		s.d.therapy(t)
		pass(20 * time.Minute) // so that there are windows, and time behind it
		play(s)
		if err := s.f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// sendEach keeps a scene within the pump's budget of documents a minute.
const sendEach = 2500 * time.Millisecond

// send pushes a document and returns the answers that came to it.
func (s *scene) send(kind wire.Kind, b []byte) []wire.Answer {
	s.t.Helper()
	n := len(s.g.answers(s.t))
	s.g.push(s.d.who.Link, kind, b)
	pass(sendEach)
	return s.g.answers(s.t)[n:]
}

// expect sends a document and checks that it gets exactly one answer, with a
// code.
func (s *scene) expect(name string, kind wire.Kind, b []byte, code order.Code) wire.Answer {
	s.t.Helper()
	got := s.send(kind, b)
	if len(got) != 1 {
		s.t.Fatalf("%s: %d answers", name, len(got))
	}
	a := got[0]
	if a.Code != string(code) || a.Kind != kind || a.Doc != order.Hash(b) {
		s.t.Fatalf("%s: %s of %s (%s), want %s", name, a.Code, a.Kind, a.Note, code)
	}
	if doc := (document{kind: kind}); doc.ordering() {
		r, err := order.DecodeReport(a.Report)
		if hash := r.State.Hash(); err != nil || !slices.Equal(hash[:], a.StateHash) {
			s.t.Fatalf("%s: the report does not have the answer's state: %v", name, err)
		}
	}
	return a
}

// oracle is what no refusal may change.
type oracle struct {
	state, program      string
	gen, counter, stops uint64
	patient             order.ID
}

func (d *Device) oracle() oracle {
	v := d.look()
	d.mu.Lock()
	defer d.mu.Unlock()
	state, program := v.State.Hash(), v.State.Program.Hash()
	return oracle{string(state[:]), string(program[:]), d.st.Gen, d.memory.Counter, d.memory.Stops, d.patient}
}

// refused sends a document that must be refused with a code, and checks that
// nothing changed: not what runs, not the counters, and delivery goes on as it
// would have. burns says that the counter was spent all the same.
func (s *scene) refused(name string, kind wire.Kind, b []byte, code order.Code, burns bool) {
	s.t.Helper()
	before, was := s.d.oracle(), s.d.delivered()
	s.expect(name, kind, b, code)
	after := s.d.oracle()
	if burns {
		before.counter, before.stops = after.counter, after.stops
	}
	if before != after {
		s.t.Errorf("%s: it was refused and changed the pump: %+v, %+v", name, before, after)
	}
	if got, most := s.d.delivered()-was, int64(8_000); got < 0 || got > most { // 5.8 nL at 0.2 mL a day
		s.t.Errorf("%s: %d pL in %s", name, got, sendEach)
	}
}

// delivered is what the pump has delivered, in pL.
func (d *Device) delivered() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance(d.f.opt.Now().UnixMilli(), false)
	return d.st.Delivered
}
