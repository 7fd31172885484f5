package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
	"cisterna/internal/webauthn"
)

// thief has everything that a server has: its database as a superuser, its broker,
// its keys, its code, and all that was ever sent. It has no person's key and no
// administrator's.
type thief struct {
	*orderWorld
	t       *testing.T
	genuine map[wire.Kind][][]byte // obeyed, or taken, once
	answers map[int64][][]byte     // of each pump, as it signed them
	soft    webauthn.Soft          // a passkey of its own
	keyed   order.Digest           // its id
	public  wire.PublicKey
	views   map[int64]*order.View
	tries   int
	queued  int // tries that the broker passed on to a pump
	looked  int // by a verifier without a budget
}

// least is how often the thief tries; with CISTERNA_DRILL, a duration, it goes on
// for that long.
const least = 10_200

// TestTotalCompromise: with everything that the server has, nobody changes what a
// pump gives in ten thousand tries: by the broker, by the database, and by a server
// that is started again on a database that the thief has rewritten. The record shows
// that it was.
func TestTotalCompromise(t *testing.T) {
	t.Parallel()
	x := newThief(t)
	before := x.holds()
	until := time.Now().Add(x.drill())
	began := time.Now()
	x.storm(least/2, time.Time{})
	x.unchanged(before)

	seen := x.keptElsewhere()
	x.app.Stop()
	x.rewrite()
	x.restart()
	eventually(t, "the server sends what the thief put into its outbox", func() bool {
		return x.count(`SELECT count(*) FROM dispatch_outbox WHERE state IN ('sent', 'answered') AND created_at > now() - interval '5 minutes' AND cardinality(leaves) = 0`) > 20
	})
	x.storm(least, until)
	x.unchanged(before)
	if x.tries < 10_000 || x.looked < 6_000 || x.queued < 1_000 {
		t.Errorf("%d tries, %d looked at by a verifier without a budget, %d passed on to a pump: too few to say anything", x.tries, x.looked, x.queued)
	}
	t.Logf("%d tries in %s, %d looked at without a budget, %d passed on to a pump", x.tries, time.Since(began).Round(time.Millisecond), x.looked, x.queued)

	// What the pumps signed is on the record, and the record says that it was
	// rewritten.
	eventually(t, "refusals are on the record", func() bool {
		return x.count(`SELECT count(*) FROM telemetry_answers WHERE code LIKE 'E\_%'`) >= 4 && x.count(`SELECT count(*) FROM audit_leaf WHERE kind = 'pump.answer'`) >= 4
	})
	x.tampered(seen)
}

// drill returns for how long the thief goes on at least.
func (x *thief) drill() time.Duration {
	text := os.Getenv("CISTERNA_DRILL")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		x.t.Fatalf("CISTERNA_DRILL is %q, want a duration such as 60s", text)
	}
	return d
}

// newThief lets people order something of everything, and then the thief comes.
func newThief(t *testing.T) *thief {
	w := newOrderWorld(t, 2)
	victim, other := w.plans[0], w.plans[1]
	x := &thief{orderWorld: w, t: t, genuine: map[wire.Kind][][]byte{}, answers: map[int64][][]byte{}}
	changed := w.approved(victim, w.more(victim, 980))
	w.release(changed.ID)
	w.ends(changed.ID, dosing.Applied)
	s, err := w.app.Dosing.PrepareStop(t.Context(), w.jonas.Actor, other.ID, w.jonas.key, false, "drowsy", order.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.app.Dosing.Stop(t.Context(), w.jonas.Actor, other.ID, s.Document, w.jonas.sign(t, s)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump has stopped", func() bool { r := w.report(other); return r.State.Run != wire.Infusing })
	again := w.approved(other, dosing.Wish{Act: order.ActResume})
	w.release(again.ID)
	w.ends(again.ID, dosing.Applied)
	for _, p := range w.plans {
		letters, _, err := w.app.Dosing.Letters(t.Context(), auth.Scope{All: true}, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			kind := wire.DnOrder
			if l.Kind == dosing.Stop {
				kind = wire.DnStop
			}
			x.genuine[kind] = append(x.genuine[kind], l.Envelope)
		}
		var bodies [][]byte
		if err := w.app.DB.Select(&bodies, `SELECT body FROM telemetry_answers WHERE pump_id = $1`, p.ID); err != nil {
			t.Fatal(err)
		}
		x.answers[p.ID] = bodies
	}
	if len(x.genuine[wire.DnOrder]) != 2 || len(x.genuine[wire.DnStop]) != 1 || len(x.answers[victim.ID]) == 0 || len(x.answers[other.ID]) < 2 {
		t.Fatalf("the thief has seen %d orders and %d stops", len(x.genuine[wire.DnOrder]), len(x.genuine[wire.DnStop]))
	}
	x.genuine[wire.DnKeyset] = [][]byte{w.keys.trust.Keyset, w.app.Keysets.Current().Document}
	x.genuine[wire.DnLibrary] = [][]byte{w.app.Libraries.Current().Document}
	x.genuine[wire.DnRoot] = [][]byte{w.keys.trust.RootDoc}

	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if x.public, err = wire.NewPublicKey(&k.PublicKey); err != nil {
		t.Fatal(err)
	}
	x.keyed, x.soft = order.Digest(order.IDOf(x.public)), webauthn.Soft{Key: k, RPID: "localhost", Origin: w.app.URL()}
	x.look()
	return x
}

// look takes what the pumps' verifiers see now.
func (x *thief) look() {
	x.views = map[int64]*order.View{}
	for _, p := range x.plans {
		x.views[p.ID] = x.view(p)
	}
	// They are the pumps' own: what was obeyed once is answered the same.
	if out := order.Verify(order.Delivery{Kind: wire.DnOrder, Bytes: x.genuine[wire.DnOrder][0]}, x.views[x.plans[0].ID]); out.Code != order.Applied || !out.Cached {
		x.t.Fatalf("the genuine release is %s (%s), and not answered as before", out.Code, out.Detail)
	}
}

// view is what the verifier in a pump sees now.
func (x *thief) view(p plannedPump) *order.View {
	d := x.device(p)
	st := d.Status().Orders
	r := x.report(p)
	v := r.View()
	ref, _ := x.app.Registry.Directory().ByID(p.ID)
	prof := profile.Sample(ref.Profile)
	if prof == nil {
		x.t.Fatalf("no profile %s", ref.Profile)
	}
	v.Pump, v.Serial, v.Root, v.Keyset = order.Digest(d.PublicKey().Hash()), p.Serial, x.keys.trust.Root, x.app.Keysets.Current().Keyset
	lib := x.app.Libraries.Current()
	v.Library, v.Range = order.Held{Hash: lib.Hash, Library: lib.Library}, prof.Range
	v.Rule = order.ReservoirRule{Capacity: prof.Reservoir.Capacity, LowMin: prof.Reservoir.LowMin, LowMax: prof.Reservoir.LowMax}
	v.Now, v.Mono, v.Windows = time.Now().Unix(), 1000, order.Windows{{Nonce: st.Window, Born: 500}}
	v.Memory.Counter, v.Memory.Stops, v.Memory.Answers = st.Counter, st.StopCounter, st.Answers
	return &v
}

// send sends a document to a pump. Because a pump looks at so many a minute only, its
// own verifier is asked as well, as if it looked at every one.
func (x *thief) send(p plannedPump, kind wire.Kind, b []byte) {
	x.t.Helper()
	x.tries++
	v, taken := x.views[p.ID], false
	switch kind {
	case wire.DnOrder, wire.DnStop:
		out := order.Verify(order.Delivery{Kind: kind, Bytes: b}, v)
		taken = out.Code == order.Applied && !out.Cached
		x.looked++
	case wire.DnKeyset:
		k, err := v.Root.TakeKeyset(b, v.Keyset.Version)
		taken = err == nil && k.Version != v.Keyset.Version
		x.looked++
	case wire.DnLibrary:
		l, err := v.Root.TakeLibrary(b, v.Library.Library.Version)
		taken = err == nil && l.Version != v.Library.Library.Version
		x.looked++
	case wire.DnRoot:
		_, err := v.Root.TakeRoot(b)
		taken = err == nil
		x.looked++
	}
	if taken {
		x.t.Fatalf("try %d: a pump without a budget would obey %s %x", x.tries, kind, b)
	}
	if x.app.Gateway.Push(x.device(p).Status().Link, gateway.Outbound{Kind: kind, Payload: b}) {
		x.queued++
	}
}

// held is what no try may change on a pump.
type held struct {
	gen, epoch, counter, stops, keyset, library uint64
	state, program                              string
	site, patient                               order.ID
}

func (x *thief) holds() map[string]held {
	out := map[string]held{}
	for _, p := range x.plans {
		x.flows(x.t, p) // it has looked at everything that came before
		st := x.device(p).Status()
		out[p.Serial] = held{
			gen: st.Gen, epoch: st.Orders.Epoch, counter: st.Orders.Counter, stops: st.Orders.StopCounter, keyset: st.Keyset, library: st.Library,
			state: st.StateHash, program: st.ProgramHash, site: st.Orders.Site, patient: st.Orders.Patient,
		}
	}
	return out
}

// unchanged checks that the pumps run what they ran, trust whom they trusted, have
// spent no counter, have the time that they had, and infuse.
func (x *thief) unchanged(before map[string]held) {
	x.t.Helper()
	for serial, now := range x.holds() {
		if now != before[serial] {
			x.t.Errorf("%s: it was %+v, and is %+v", serial, before[serial], now)
		}
	}
	for _, p := range x.plans {
		got := x.device(p).Status()
		if got.RateNLDay == 0 || got.SkewMS > 2000 || got.SkewMS < -2000 || got.Orders.Untrusted {
			x.t.Errorf("%s gives %d nL a day, its clock is off by %d ms", p.Serial, got.RateNLDay, got.SkewMS)
		}
		for _, a := range got.Alarms {
			x.t.Errorf("%s alarms: %s", p.Serial, a)
		}
	}
}

// restart starts a server again on what the thief left, as in a hospital whose
// administrators keep their keys elsewhere.
func (x *thief) restart() {
	x.t.Helper()
	if err := os.RemoveAll(filepath.Join(trustDir(filepath.Join(x.dir, "keys")), "secret")); err != nil {
		x.t.Fatal(err)
	}
	keys, err := loadKeys(filepath.Join(x.dir, "keys"), time.Now())
	if err != nil {
		x.t.Fatal(err)
	}
	x.keys = keys
	// A server does not start on a drug library that no pharmacist signed. The thief
	// makes the old one active again and leaves its own beside it.
	if app, err := New(x.t.Context(), x.options()); err == nil || !strings.Contains(err.Error(), "library") {
		if err == nil {
			app.Stop()
		}
		x.t.Fatalf("the server starts on a forged library: %v", err)
	}
	db := x.ownerDB()
	if _, err := db.Exec(`DROP INDEX library_versions_active; UPDATE library_versions SET state = CASE state WHEN 'active' THEN 'superseded' ELSE 'active' END WHERE state IN ('active', 'superseded')`); err != nil {
		x.t.Fatal(err)
	}
	x.app = x.installation.start()
	for _, p := range x.plans {
		eventually(x.t, p.Serial+" is back", func() bool { return x.device(p).Status().Connected })
	}
}
