package registry

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pki"
)

func TestCodes(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)
	seen := map[string]bool{}
	for range 1000 {
		c := newCode()
		if !form.MatchString(c) || seen[c] {
			t.Fatalf("code %q, seen before: %v", c, seen[c])
		}
		seen[c] = true
		if _, err := wire.ParseSlip(wire.Slip{Server: "a:1", Code: c}.String()); err != nil {
			t.Fatalf("code %q on a slip: %v", c, err)
		}
	}
	if codeHash("01AB-CDEF-GHJK") != codeHash("oiab cdefghjk") || codeHash("01AB-CDEF-GHJK") == codeHash("01AB-CDEF-GHJM") {
		t.Error("codes are not compared as people read them")
	}
}

func TestEnrol(t *testing.T) {
	r := newRig(t)
	p := r.pump("NGP1H")
	var c Claim
	r.leaves(func() {
		var err error
		if c, err = r.CreateClaim(r.ctx, r.ada, p.ID, 0); err != nil {
			t.Fatal(err)
		}
	}, "pump.claim")
	if !c.ExpiresAt.Equal(r.now().Add(24 * time.Hour)) {
		t.Errorf("expires at %s", c.ExpiresAt)
	}
	var stored int
	if err := r.db.Get(&stored, `SELECT count(*) FROM registry_claims c WHERE row_to_json(c)::text ILIKE '%' || $1 || '%'`, strings.ReplaceAll(c.Code, "-", "")); err != nil || stored != 0 {
		t.Errorf("the code itself is stored: %d, %v", stored, err)
	}

	d := newDevice(t, "ngp1h", "COMM-1")
	e := d.enrolment(strings.ToLower(c.Code))
	var reply wire.EnrolReply
	r.leaves(func() {
		var err error
		if reply, err = r.Enrol(r.ctx, e); err != nil {
			t.Fatal(err)
		}
	}, "pump.enrol")
	d.took(reply.Chain)
	if string(reply.Root) != "root" || string(reply.Keyset) != "keyset" || string(reply.Library) != "library" || string(reply.Profile) != "sm2-20" || reply.MQTT != "mqtt.example:8883" || reply.Shard != string(wire.ShardOf("COMM-1")) {
		t.Errorf("reply %+v", reply)
	}
	if d.leaf().Subject.CommonName != "COMM-1" {
		t.Errorf("certificate of %q", d.leaf().Subject.CommonName)
	}
	ref, ok := r.Directory().ByLink("COMM-1")
	if want := (PumpRef{ID: p.ID, Wire: d.key().PumpID(), Site: r.site, Key: d.key(), Link: "COMM-1", Profile: "sm2-20", Status: Active, Serial: "NGP1H", Model: "SM II 20", Rev: ref.Rev}); !ok || ref != want {
		t.Errorf("directory %+v, want %+v", ref, want)
	}
	r.admitted(d, d.leaf(), true)
	if root, err := r.Root(r.ctx); err != nil || string(root) != "root" {
		t.Errorf("root %q, %v", root, err)
	}

	// The answer was lost: the same request gets the same certificate, whoever
	// answers. Another request with the same code gets nothing.
	r.leaves(func() {
		for _, s := range []*Service{r.Service, r.open()} {
			again, err := s.Enrol(r.ctx, e)
			if err != nil || string(again.Chain[0]) != string(reply.Chain[0]) {
				t.Errorf("the same request: %v", err)
			}
		}
	})
	r.leaves(func() { kind(t, "a used code", d.enrol(r, c.Code), errs.Denied) }, "pump.enrol_refused")
	r.advance(24 * time.Hour)
	_, err := r.Enrol(r.ctx, e)
	kind(t, "the same request after a day", err, errs.Denied)
}

// refusal is an enrolment that must not happen.
type refusal struct {
	name   string
	change func(r *rig, d *device, e *gateway.Enrolment, p Pump)
	want   errs.Kind
	says   string
	leaves []string
}

func TestEnrolRefuses(t *testing.T) {
	r := newRig(t)
	for i, c := range []refusal{
		{"wrong code", func(_ *rig, _ *device, e *gateway.Enrolment, _ Pump) { e.Request.Code = "0000-0000-0000" }, errs.Denied, "does not belong", []string{"pump.enrol_refused"}},
		{"unknown serial", func(_ *rig, _ *device, e *gateway.Enrolment, _ Pump) { e.Request.Serial = "NONE" }, errs.Denied, "does not belong", nil},
		{"another model", func(_ *rig, _ *device, e *gateway.Enrolment, _ Pump) { e.Request.Model = "SM II 40" }, errs.Denied, "SM II 40", []string{"pump.enrol_refused"}},
		{"expired code", func(r *rig, _ *device, _ *gateway.Enrolment, _ Pump) { r.advance(24 * time.Hour) }, errs.Denied, "expired", []string{"pump.enrol_refused"}},
		{"replaced code", func(r *rig, _ *device, _ *gateway.Enrolment, p Pump) { _, _ = r.CreateClaim(r.ctx, r.ada, p.ID, 0) }, errs.Denied, "replaced", []string{"pump.claim", "pump.enrol_refused"}},
		{"withdrawn code", func(r *rig, _ *device, _ *gateway.Enrolment, p Pump) {
			_ = r.WithdrawClaim(r.ctx, r.ada, p.ID, "lost the slip")
		}, errs.Denied, "withdrawn", []string{"pump.claim_withdraw", "pump.enrol_refused"}},
		{"revoked pump", func(r *rig, _ *device, _ *gateway.Enrolment, p Pump) { _, _ = r.Revoke(r.ctx, r.ada, p.ID, "stolen") }, errs.Denied, "withdrawn", []string{"pump.revoke", "pump.enrol_refused"}},
		{"CSR of another name", func(_ *rig, _ *device, e *gateway.Enrolment, _ Pump) { e.Link = "COMM-X" }, errs.Invalid, "", nil},
		{"no CSR", func(_ *rig, _ *device, e *gateway.Enrolment, _ Pump) { e.CSR = nil }, errs.Invalid, "", nil},
		{"CSR not signed", func(_ *rig, d *device, e *gateway.Enrolment, _ Pump) {
			csr := d.csr()
			csr.Signature[8] ^= 1
			e.CSR = csr
		}, errs.Invalid, "", nil},
		{"proof for another CSR", func(_ *rig, d *device, e *gateway.Enrolment, _ Pump) { e.Request.Proof = d.certRequest(d.csr()) }, errs.Invalid, "", nil},
		{"another CSR than the proof's", func(_ *rig, d *device, e *gateway.Enrolment, _ Pump) { e.CSR = d.csr() }, errs.Invalid, "", nil},
		{"proof of another pump", func(_ *rig, d *device, e *gateway.Enrolment, _ Pump) {
			e.Request.Proof = newDevice(d.t, d.serial, d.link).certRequest(e.CSR)
		}, errs.Invalid, "", nil},
		{"proof signed as another kind", func(_ *rig, d *device, e *gateway.Enrolment, _ Pump) {
			env, err := wire.Seal(rand.Reader, d.pump, wire.UpHello, wire.Encode(wire.CertRequest{Pump: d.key().PumpID(), Link: d.link, CSR: e.CSR.Raw}))
			if err != nil {
				d.t.Fatal(err)
			}
			e.Request.Proof = env
		}, errs.Invalid, "", nil},
		{"proof for another link", func(_ *rig, d *device, e *gateway.Enrolment, _ Pump) {
			env, err := wire.Seal(rand.Reader, d.pump, wire.UpCert, wire.Encode(wire.CertRequest{Pump: d.key().PumpID(), Link: "COMM-X", CSR: e.CSR.Raw}))
			if err != nil {
				d.t.Fatal(err)
			}
			e.Request.Proof = env
		}, errs.Invalid, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := r.pump(fmt.Sprintf("S%d", i))
			claim, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			d := newDevice(t, p.Serial, fmt.Sprintf("COMM-%d", i))
			e := d.enrolment(claim.Code)
			r.leaves(func() {
				c.change(r, d, &e, p)
				_, err := r.Enrol(r.ctx, e)
				kind(t, "enrol", err, c.want)
				if err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %q in it", err, c.says)
				}
			}, c.leaves...)
			var certs, pairs int
			if err := r.db.QueryRow(`SELECT (SELECT count(*) FROM registry_certificates), (SELECT count(*) FROM registry_pairings)`).Scan(&certs, &pairs); err != nil || certs != 0 || pairs != 0 {
				t.Errorf("%d certificates, %d pairings, %v", certs, pairs, err)
			}
			if ref, _ := r.Directory().ByID(p.ID); !ref.Key.IsZero() || ref.Status == Active {
				t.Errorf("directory %+v", ref)
			}
		})
	}
}

// TestClaimLocks: after ten wrong codes even the right one is worthless, and the
// refusals on the record are bounded.
func TestClaimLocks(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	c, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, "S1", "COMM-1")
	var want []string
	for range maxRefusalLeaves {
		want = append(want, "pump.enrol_refused")
	}
	r.leaves(func() {
		for i := range maxRefusalLeaves + 5 {
			kind(t, "wrong code", d.enrol(r, fmt.Sprintf("AAAA-AAAA-%04d", i)), errs.Denied)
		}
	}, want...)
	err = d.enrol(r, c.Code)
	if kind(t, "right code", err, errs.Denied); !strings.Contains(err.Error(), "locked") {
		t.Errorf("%v", err)
	}
	// An hour later refusals are recorded again, and a new slip works.
	r.advance(time.Hour)
	r.leaves(func() { kind(t, "wrong code", d.enrol(r, "AAAA-AAAA-AAAA"), errs.Denied) }, "pump.enrol_refused")
	if c, err = r.CreateClaim(r.ctx, r.ada, p.ID, 0); err != nil {
		t.Fatal(err)
	}
	if err := d.enrol(r, c.Code); err != nil {
		t.Error(err)
	}
}

// TestClaimNineAttempts: fewer wrong codes than the limit do no harm.
func TestClaimNineAttempts(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	c, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, "S1", "COMM-1")
	for range maxAttempts - 1 {
		kind(t, "wrong code", d.enrol(r, "AAAA-AAAA-AAAA"), errs.Denied)
	}
	if err := d.enrol(r, c.Code); err != nil {
		t.Error(err)
	}
}

// TestOneCodeTwice: of several devices that spend one code at once, one wins.
func TestOneCodeTwice(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	c, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	const n = 8
	var wg sync.WaitGroup
	failed := make([]error, n)
	r.leaves(func() {
		for i := range n {
			e := newDevice(t, "S1", fmt.Sprintf("COMM-%d", i)).enrolment(c.Code)
			wg.Go(func() { _, failed[i] = r.Enrol(r.ctx, e) })
		}
		wg.Wait()
	}, append([]string{"pump.enrol"}, strings.Fields(strings.Repeat("pump.enrol_refused ", n-1))...)...)
	won := 0
	for i, err := range failed {
		if err == nil {
			won++
			if ref, ok := r.Directory().ByLink(fmt.Sprintf("COMM-%d", i)); !ok || ref.ID != p.ID {
				t.Errorf("winner %d is not in the directory", i)
			}
		} else if errs.KindOf(err) != errs.Denied {
			t.Errorf("device %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d devices enrolled, want 1", won)
	}
}

// TestSameRequestTwiceAtOnce: a pump that retries while its first try is under
// way gets one certificate.
func TestSameRequestTwiceAtOnce(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	c, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := newDevice(t, "S1", "COMM-1").enrolment(c.Code)
	var wg sync.WaitGroup
	got := make([]string, 6)
	r.leaves(func() {
		for i := range got {
			wg.Go(func() {
				reply, err := r.Enrol(r.ctx, e)
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = string(reply.Chain[0])
			})
		}
		wg.Wait()
	}, "pump.enrol")
	for i := range got {
		if got[i] != got[0] {
			t.Errorf("try %d got another certificate", i)
		}
	}
}

// TestKeysAndCommunicatorsBelongToOne: a key names one pump, a communicator
// serves one.
func TestKeysAndCommunicatorsBelongToOne(t *testing.T) {
	r := newRig(t)
	_, d := r.enrolled("S1", "COMM-1")
	p2 := r.pump("S2")
	claim := func() string {
		c, err := r.CreateClaim(r.ctx, r.ada, p2.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		return c.Code
	}
	clone := newDevice(t, "S2", "COMM-2")
	clone.pump = d.pump
	kind(t, "the key of another pump", clone.enrol(r, claim()), errs.Denied)
	second := newDevice(t, "S2", "COMM-1")
	kind(t, "the communicator of another pump", second.enrol(r, claim()), errs.Conflict)
	if ref, _ := r.Directory().ByLink("COMM-1"); ref.Serial != "S1" {
		t.Errorf("COMM-1 speaks for %+v", ref)
	}
	second.newComm("COMM-2")
	if err := second.enrol(r, claim()); err != nil {
		t.Error(err)
	}
	// Two makers, one serial number: the code tells them apart.
	other, err := r.RegisterPump(r.ctx, r.ada, NewPump{Site: r.site, Maker: "Other", Serial: "S1", Model: "P II", Profile: "sm2-40"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.CreateClaim(r.ctx, r.ada, other.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	third := newDevice(t, "S1", "COMM-3")
	third.model = "P II"
	if err := third.enrol(r, c.Code); err != nil {
		t.Fatal(err)
	}
	if ref, _ := r.Directory().ByLink("COMM-3"); ref.ID != other.ID {
		t.Errorf("COMM-3 speaks for %+v", ref)
	}
}

func TestSwapCommunicator(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("S1", "COMM-1")
	oldLeaf := d.leaf()
	_, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	kind(t, "plain claim while paired", err, errs.Conflict)

	var c Claim
	r.leaves(func() {
		if c, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: "COMM-2", Reason: "battery worn out"}); err != nil {
			t.Fatal(err)
		}
	}, "pump.swap")
	r.admitted(d, oldLeaf, true) // until the new one is there
	if c.Link != "COMM-2" || len(r.kicks()) != 0 {
		t.Errorf("claim %+v", c)
	}
	d.newComm("COMM-3")
	kind(t, "a third communicator", d.enrol(r, c.Code), errs.Denied)
	impostor := newDevice(t, "S1", "COMM-2")
	kind(t, "another pump behind the new communicator", impostor.enrol(r, c.Code), errs.Denied)
	d.newComm("COMM-2")
	r.leaves(func() {
		if err := d.enrol(r, c.Code); err != nil {
			t.Fatal(err)
		}
	}, "pump.enrol")
	if k := r.kicks(); len(k) != 1 || k[0] != "COMM-1 revoked" {
		t.Errorf("kicks %q", k)
	}
	r.admitted(d, d.leaf(), true)
	if err := r.Directory().Admit("COMM-1", pki.Serial(oldLeaf)); errs.KindOf(err) != errs.Denied {
		t.Errorf("the old communicator: %v", err)
	}
	if err := r.Directory().Admit("COMM-2", pki.Serial(oldLeaf)); errs.KindOf(err) != errs.Denied {
		t.Errorf("the old certificate on the new link: %v", err)
	}
	pairs, err := r.Pairings(r.ctx, r.ada.Scope(), p.ID)
	if err != nil || len(pairs) != 2 || pairs[0].Link != "COMM-1" || pairs[0].EndReason != "exchanged" || pairs[1].Link != "COMM-2" || !pairs[1].To.IsZero() {
		t.Errorf("pairings %+v, %v", pairs, err)
	}
	if comm, err := r.Communicator(r.ctx, r.ada.Scope(), "COMM-1"); err != nil || comm.Status != CommStock {
		t.Errorf("old communicator %+v, %v", comm, err)
	}
	_, err = r.Communicator(r.ctx, r.ben.Scope(), "COMM-1")
	kind(t, "a communicator of another site", err, errs.NotFound)

	// Lost: the link ends at once, and that communicator never comes back.
	lost := d.leaf()
	r.leaves(func() {
		if c, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: "COMM-4", Lost: true, Reason: "left on a train"}); err != nil {
			t.Fatal(err)
		}
	}, "pump.swap")
	r.admitted(d, lost, false)
	if k := r.kicks(); len(k) != 1 || k[0] != "COMM-2 revoked" {
		t.Errorf("kicks %q", k)
	}
	if q, err := r.Pump(r.ctx, r.ada.Scope(), p.ID); err != nil || q.Status != Active || q.Link != "" {
		t.Errorf("pump %+v, %v", q, err)
	}
	kind(t, "the lost communicator", d.enrol(r, c.Code), errs.Denied)
	_, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: "COMM-2", Reason: "found again"})
	kind(t, "swap to a lost communicator", err, errs.Conflict)
	d.newComm("COMM-4")
	if err := d.enrol(r, c.Code); err != nil {
		t.Fatal(err)
	}
	r.kicks()

	// A communicator that was reset replaces itself.
	if c, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: "COMM-4", Reason: "factory reset"}); err != nil {
		t.Fatal(err)
	}
	before := d.leaf()
	d.newComm("COMM-4")
	if err := d.enrol(r, c.Code); err != nil {
		t.Fatal(err)
	}
	r.admitted(d, before, false)
	r.admitted(d, d.leaf(), true)
	if k := r.kicks(); len(k) != 1 || k[0] != "COMM-4 revoked" {
		t.Errorf("kicks %q", k)
	}
	if pairs, err := r.Pairings(r.ctx, r.ada.Scope(), p.ID); err != nil || len(pairs) != 3 {
		t.Errorf("%d pairings, %v: the same communicator is the same pairing", len(pairs), err)
	}

	for _, w := range []struct {
		name string
		swap Swap
		want errs.Kind
	}{
		{"bad serial", Swap{Pump: p.ID, Serial: "a/b", Reason: "x"}, errs.Invalid},
		{"lost replaces itself", Swap{Pump: p.ID, Serial: "COMM-4", Lost: true, Reason: "x"}, errs.Invalid},
		{"no such pump", Swap{Pump: 999, Serial: "COMM-5", Reason: "x"}, errs.NotFound},
	} {
		r.leaves(func() {
			_, err := r.SwapCommunicator(r.ctx, r.ada, w.swap)
			kind(t, w.name, err, w.want)
		})
	}
	q, other := r.enrolled("S2", "COMM-9")
	_, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: other.link, Reason: "x"})
	kind(t, "a communicator in use", err, errs.Conflict)
	if _, err := r.Retire(r.ctx, r.ada, q.ID, "old"); err != nil {
		t.Fatal(err)
	}
	_, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: q.ID, Serial: "COMM-10", Reason: "x"})
	kind(t, "a retired pump", err, errs.Conflict)
	// What served one pump may serve another.
	if c, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: p.ID, Serial: "COMM-9", Reason: "reuse"}); err != nil {
		t.Fatal(err)
	}
	d.newComm("COMM-9")
	if err := d.enrol(r, c.Code); err != nil {
		t.Fatal(err)
	}
	if ref, _ := r.Directory().ByLink("COMM-9"); ref.ID != p.ID {
		t.Errorf("COMM-9 speaks for %+v", ref)
	}
}

// TestEvidence: the pump's own signed proof is on the record.
func TestEvidence(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	c, err := r.CreateClaim(r.ctx, auth.System("test"), p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := newDevice(t, "S1", "COMM-1").enrolment(c.Code)
	if _, err := r.Enrol(r.ctx, e); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(e.Request.Proof)
	var n int
	if err := r.db.Get(&n, `SELECT count(*) FROM audit_leaf WHERE kind = 'pump.enrol' AND pump_id = $1 AND position($2::bytea in leaf) > 0`, p.ID, sum[:]); err != nil || n != 1 {
		t.Errorf("%d leaves name the proof, %v", n, err)
	}
}
