package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func TestSitesAndPeople(t *testing.T) {
	r := newRig(t)
	r.leaves(func() {
		s, err := r.CreateSite(r.ctx, r.root, NewSite{Name: "Third", Short: "C3", TimeZone: "UTC"})
		if err != nil {
			t.Fatal(err)
		}
		roles, err := r.Roles(r.ctx, r.root.ID)
		if err != nil || !slices.Equal(roles[s.ID], []auth.Role{auth.Admin}) {
			t.Errorf("the creator's roles: %v, %v", roles, err)
		}
	}, "site.create")
	for _, c := range []struct {
		name  string
		actor auth.Actor
		site  NewSite
		want  errs.Kind
	}{
		{"no administrator", r.ada, NewSite{Name: "X", Short: "X", TimeZone: "UTC"}, errs.Denied},
		{"no name", r.root, NewSite{Name: " ", Short: "X", TimeZone: "UTC"}, errs.Invalid},
		{"bad short name", r.root, NewSite{Name: "X", Short: "a b", TimeZone: "UTC"}, errs.Invalid},
		{"short name taken", r.root, NewSite{Name: "X", Short: "c1", TimeZone: "UTC"}, errs.Conflict},
		{"no such zone", r.root, NewSite{Name: "X", Short: "X", TimeZone: "Mars/Base"}, errs.Invalid},
		{"control characters", r.root, NewSite{Name: "X\x00", Short: "X", TimeZone: "UTC"}, errs.Invalid},
	} {
		r.leaves(func() {
			_, err := r.CreateSite(r.ctx, c.actor, c.site)
			kind(t, c.name, err, c.want)
		})
	}

	r.leaves(func() {
		if err := r.AddMembership(r.ctx, r.root, 20, r.site, auth.Nurse); err != nil {
			t.Fatal(err)
		}
	}, "membership.add")
	r.leaves(func() {
		if err := r.AddMembership(r.ctx, r.root, 20, r.site, auth.Nurse); err != nil {
			t.Errorf("the same again: %v", err)
		}
	})
	for _, c := range []struct {
		name  string
		actor auth.Actor
		user  int64
		site  int64
		role  auth.Role
		want  errs.Kind
	}{
		{"engineer", r.ada, 21, r.site, auth.Nurse, errs.Denied},
		{"site of others", r.ada, 21, r.other, auth.Nurse, errs.NotFound},
		{"oneself", r.root, r.root.ID, r.site, auth.Engineer, errs.Denied},
		{"unknown role", r.root, 21, r.site, "king", errs.Invalid},
		{"nobody", r.root, 0, r.site, auth.Nurse, errs.Invalid},
		{"nurse becomes administrator elsewhere", r.root, 20, r.other, auth.Admin, errs.Conflict},
	} {
		r.leaves(func() { kind(t, c.name, r.AddMembership(r.ctx, c.actor, c.user, c.site, c.role), c.want) })
	}
	if err := r.AddMembership(r.ctx, r.root, 22, r.site, auth.Admin); err != nil {
		t.Fatal(err)
	}
	kind(t, "administrator becomes verifier", r.AddMembership(r.ctx, r.root, 22, r.site, auth.Verifier), errs.Conflict)
	if err := r.AddMembership(r.ctx, r.root, 22, r.site, auth.Engineer); err != nil {
		t.Errorf("an administrator may be an engineer: %v", err)
	}
	kind(t, "last administrator", r.RemoveMembership(r.ctx, auth.System("test"), r.root.ID, r.other, auth.Admin), errs.Conflict)
	kind(t, "role not held", r.RemoveMembership(r.ctx, r.root, 20, r.site, auth.Auditor), errs.NotFound)
	r.leaves(func() {
		if err := r.RemoveMembership(r.ctx, r.root, 20, r.site, auth.Nurse); err != nil {
			t.Fatal(err)
		}
	}, "membership.remove")
	ms, err := r.Memberships(r.ctx, r.root, r.site)
	if err != nil || len(ms) != 3 {
		t.Errorf("memberships: %v, %v", ms, err)
	}
	_, err = r.Memberships(r.ctx, r.ada, r.site)
	kind(t, "memberships for an engineer", err, errs.Denied)
	sites, err := r.Sites(r.ctx, r.ada.Scope())
	if err != nil || len(sites) != 1 || sites[0].ID != r.site {
		t.Errorf("sites in scope: %v, %v", sites, err)
	}
}

func TestRegisterPump(t *testing.T) {
	r := newRig(t)
	sub := r.Events().Subscribe(10)
	var p Pump
	r.leaves(func() {
		var err error
		p, err = r.RegisterPump(r.ctx, r.ada, NewPump{
			Site: r.site, Maker: " Medi ", Model: "SM II 20", Profile: "sm2-20", Label: "Ward 3", UDI: "(01)00643169001763(11)241231(21)NGP1H",
			Facts: Facts{PocketSide: "Left", TipLevel: "t10", CatheterMM: 890, ImplantedOn: "2025-02-01", CAP: new(true)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}, "pump.register")
	if p.Serial != "NGP1H" || p.DI != "00643169001763" || p.Maker != "Medi" || p.MadeOn != "2024-12-31" || p.PocketSide != "left" || p.TipLevel != "T10" || p.CAP == nil || !*p.CAP || p.Status != Registered || p.Rev != 1 {
		t.Errorf("registered %+v", p)
	}
	if got, ok := r.Directory().ByID(p.ID); !ok || got.Serial != "NGP1H" || got.Status != Registered || got.Label != "Ward 3" {
		t.Errorf("directory: %+v, %v", got, ok)
	}
	if news, _ := sub.Take(); len(news) != 1 || news[0].Pump.ID != p.ID {
		t.Errorf("events: %+v", news)
	}
	good := NewPump{Site: r.site, Serial: "S1", Model: "SM II 20", Profile: "sm2-20"}
	for _, c := range []struct {
		name   string
		actor  auth.Actor
		change func(*NewPump)
		want   errs.Kind
		field  string
	}{
		{"auditor", r.dan, func(n *NewPump) {}, errs.Denied, ""},
		{"engineer of another site", r.ben, func(n *NewPump) {}, errs.NotFound, ""},
		{"no such site", auth.System("test"), func(n *NewPump) { n.Site = 99 }, errs.Invalid, "site"},
		{"serial taken, other case", r.ada, func(n *NewPump) { n.Serial, n.Maker = "ngp1h", "MEDI" }, errs.Conflict, ""},
		{"no serial", r.ada, func(n *NewPump) { n.Serial = "" }, errs.Invalid, "serial"},
		{"serial not ASCII", r.ada, func(n *NewPump) { n.Serial = "S\u00e91" }, errs.Invalid, "serial"},
		{"no model", r.ada, func(n *NewPump) { n.Model = "" }, errs.Invalid, "model"},
		{"no such profile", r.ada, func(n *NewPump) { n.Profile = "x" }, errs.Invalid, "profile"},
		{"bad UDI", r.ada, func(n *NewPump) { n.UDI = "(01)00643169001764" }, errs.Invalid, "udi"},
		{"UDI of another serial", r.ada, func(n *NewPump) { n.UDI = "(01)00643169001763(21)S2" }, errs.Invalid, "udi"},
		{"UDI of another lot", r.ada, func(n *NewPump) { n.UDI, n.Lot = "(01)00643169001763(10)L1", "L2" }, errs.Invalid, "udi"},
		{"no date", r.ada, func(n *NewPump) { n.WarrantyUntil = "1.2.2026" }, errs.Invalid, "warranty_until"},
		{"no vertebra", r.ada, func(n *NewPump) { n.TipLevel = "T13" }, errs.Invalid, "tip_level"},
		{"no side", r.ada, func(n *NewPump) { n.PocketSide = "front" }, errs.Invalid, "pocket_side"},
		{"catheter too long", r.ada, func(n *NewPump) { n.CatheterMM = 2001 }, errs.Invalid, "catheter_length_mm"},
		{"implanted before it was made", r.ada, func(n *NewPump) { n.MadeOn, n.ImplantedOn = "2025-01-02", "2025-01-01" }, errs.Invalid, "implanted_on"},
		{"MRI status", r.ada, func(n *NewPump) { n.MRIStatus = "safe" }, errs.Invalid, "mri_status"},
		{"label with control characters", r.ada, func(n *NewPump) { n.Label = "a\nb" }, errs.Invalid, "label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := good
			c.change(&n)
			r.leaves(func() {
				_, err := r.RegisterPump(r.ctx, c.actor, n)
				kind(t, c.name, err, c.want)
				if e, ok := errors.AsType[*errs.Error](err); ok && e.Field != c.field {
					t.Errorf("field %q, want %q", e.Field, c.field)
				}
			})
		})
	}
	if _, err := r.RegisterPump(r.ctx, r.ada, NewPump{Site: r.site, Maker: "Other", Serial: "NGP1H", Model: "X", Profile: "sm2-20"}); err != nil {
		t.Errorf("the same serial of another maker: %v", err)
	}
	_, err := r.Pump(r.ctx, r.ben.Scope(), p.ID)
	kind(t, "a pump of another site", err, errs.NotFound)
	if ps, err := r.Pumps(r.ctx, r.ben.Scope()); err != nil || len(ps) != 0 {
		t.Errorf("pumps of another site: %v, %v", ps, err)
	}
}

func TestEdit(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	r.leaves(func() {
		q, err := r.Edit(r.ctx, r.cora, p.ID, p.Rev, "Bed 4", Facts{CatheterModel: "8780", CatheterMM: 860, RecallRef: "Z-1"})
		if err != nil || q.Label != "Bed 4" || q.CatheterMM != 860 || q.Rev <= p.Rev {
			t.Fatalf("edited: %+v, %v", q, err)
		}
	}, "pump.edit")
	r.leaves(func() {
		_, err := r.Edit(r.ctx, r.ada, p.ID, p.Rev, "Bed 5", Facts{})
		kind(t, "an old revision", err, errs.Conflict)
		_, err = r.Edit(r.ctx, r.dan, p.ID, p.Rev+1, "Bed 5", Facts{})
		kind(t, "an auditor", err, errs.Denied)
		_, err = r.Edit(r.ctx, r.ben, p.ID, p.Rev+1, "Bed 5", Facts{})
		kind(t, "another site", err, errs.NotFound)
		_, err = r.Edit(r.ctx, r.ada, 999, 1, "Bed 5", Facts{})
		kind(t, "no pump", err, errs.NotFound)
	})
	if got, _ := r.Directory().ByID(p.ID); got.Label != "Bed 4" {
		t.Errorf("directory: %+v", got)
	}
}

// TestEndOfTrust: every act that ends a link revokes, unpairs, refuses in the
// directory before it kicks, and leaves one leaf.
func TestEndOfTrust(t *testing.T) {
	r := newRig(t)
	for i, c := range []struct {
		act  Act
		do   func(id int64) (Pump, error)
		to   Status
		comm CommStatus
		leaf string
	}{
		{ActRevoke, func(id int64) (Pump, error) { return r.Revoke(r.ctx, r.ada, id, "stolen") }, Revoked, CommRevoked, "pump.revoke"},
		{ActExplant, func(id int64) (Pump, error) { return r.Explant(r.ctx, r.cora, takenOut(id, "infection")) }, Explanted, CommStock, "pump.explant"},
		{ActRetire, func(id int64) (Pump, error) { return r.Retire(r.ctx, r.ada, id, "end of life") }, Retired, CommStock, "pump.retire"},
		{ActManual, func(id int64) (Pump, error) { return r.SetManual(r.ctx, r.ada, id, "no reception") }, Manual, CommStock, "pump.manual"},
	} {
		t.Run(string(c.act), func(t *testing.T) {
			p, d := r.enrolled(fmt.Sprintf("E%d", i), fmt.Sprintf("COMM-E%d", i))
			r.admitted(d, d.leaf(), true)
			r.mu.Lock()
			r.onKick = func(link string) {
				if r.Directory().Admit(link, "") == nil {
					t.Error("kicked before the directory refuses")
				}
				if ref, ok := r.Directory().ByID(p.ID); !ok || ref.Status != c.to {
					t.Errorf("kicked while the directory says %+v", ref)
				}
			}
			r.mu.Unlock()
			r.leaves(func() {
				q, err := c.do(p.ID)
				if err != nil || q.Status != c.to || q.Link != "" || q.Key != p.Key {
					t.Fatalf("%+v, %v", q, err)
				}
			}, c.leaf)
			r.mu.Lock()
			r.onKick = nil
			r.mu.Unlock()
			r.admitted(d, d.leaf(), false)
			if k := r.kicks(); !slices.Equal(k, []string{d.link + " revoked"}) {
				t.Errorf("kicks %q", k)
			}
			if _, ok := r.Directory().ByLink(d.link); ok {
				t.Error("the link is still known")
			}
			if ref, ok := r.Directory().Pump(d.key().PumpID()); !ok || ref.ID != p.ID {
				t.Error("the pump is not known by its key any more")
			}
			comm, err := r.Communicator(r.ctx, r.ada.Scope(), d.link)
			if err != nil || comm.Status != c.comm {
				t.Errorf("communicator %+v, %v", comm, err)
			}
			certs, err := r.ListCertificates(r.ctx, r.ada.Scope(), p.ID)
			if err != nil || len(certs) != 1 || certs[0].RevokedAt.IsZero() || certs[0].Reason == "" {
				t.Errorf("certificates %+v, %v", certs, err)
			}
			pairs, err := r.Pairings(r.ctx, r.ada.Scope(), p.ID)
			if err != nil || len(pairs) != 1 || pairs[0].To.IsZero() || pairs[0].EndReason == "" {
				t.Errorf("pairings %+v, %v", pairs, err)
			}
			_, err = r.Renew(r.ctx, d.renewal())
			kind(t, "renewal afterwards", err, errs.Denied)
			r.leaves(func() {
				_, err := c.do(p.ID)
				kind(t, "a second time", err, errs.Conflict)
			})
		})
	}
}

func TestActsNeedRolesAndReasons(t *testing.T) {
	r := newRig(t)
	p := r.pump("S1")
	r.leaves(func() {
		for name, do := range map[string]func(a auth.Actor, why string) error{
			"revoke":    func(a auth.Actor, why string) error { _, err := r.Revoke(r.ctx, a, p.ID, why); return err },
			"reinstate": func(a auth.Actor, why string) error { _, err := r.Reinstate(r.ctx, a, p.ID, why); return err },
			"explant":   func(a auth.Actor, why string) error { _, err := r.Explant(r.ctx, a, takenOut(p.ID, why)); return err },
			"retire":    func(a auth.Actor, why string) error { _, err := r.Retire(r.ctx, a, p.ID, why); return err },
			"manual":    func(a auth.Actor, why string) error { _, err := r.SetManual(r.ctx, a, p.ID, why); return err },
			"link":      func(a auth.Actor, why string) error { _, err := r.SetLinked(r.ctx, a, p.ID, why); return err },
			"swap": func(a auth.Actor, why string) error {
				_, err := r.SwapCommunicator(r.ctx, a, Swap{Pump: p.ID, Serial: "X", Reason: why})
				return err
			},
			"withdraw": func(a auth.Actor, why string) error { return r.WithdrawClaim(r.ctx, a, p.ID, why) },
		} {
			kind(t, name+" without a reason", do(r.ada, " "), errs.Invalid)
			kind(t, name+" by an auditor", do(r.dan, "why"), errs.Denied)
			kind(t, name+" by an administrator", do(r.root, "why"), errs.Denied)
			kind(t, name+" at another site", do(r.ben, "why"), errs.NotFound)
			kind(t, name+" by nobody", do(auth.Actor{}, "why"), errs.NotFound)
		}
		_, err := r.CreateClaim(r.ctx, r.dan, p.ID, 0)
		kind(t, "claim by an auditor", err, errs.Denied)
		_, err = r.CreateClaim(r.ctx, r.ben, p.ID, 0)
		kind(t, "claim at another site", err, errs.NotFound)
		_, err = r.CreateClaim(r.ctx, r.ada, p.ID, time.Minute)
		kind(t, "claim of a minute", err, errs.Invalid)
		_, err = r.CreateClaim(r.ctx, r.ada, p.ID, 8*24*time.Hour)
		kind(t, "claim of eight days", err, errs.Invalid)
	})
}

// TestReinstate: nothing comes back by itself, the pump's key stays, and the
// communicator may be used again.
func TestReinstate(t *testing.T) {
	r := newRig(t)
	p, d := r.enrolled("S1", "COMM-1")
	old := d.leaf()
	if _, err := r.Revoke(r.ctx, r.ada, p.ID, "lost for a day"); err != nil {
		t.Fatal(err)
	}
	_, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	kind(t, "claim of a revoked pump", err, errs.Conflict)
	r.leaves(func() {
		if _, err := r.Reinstate(r.ctx, r.ada, p.ID, "found"); err != nil {
			t.Fatal(err)
		}
	}, "pump.reinstate")
	r.admitted(d, old, false)
	_, err = r.Renew(r.ctx, d.renewal())
	kind(t, "renewal of a revoked certificate", err, errs.Denied)
	c, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	thief := newDevice(t, "S1", "COMM-1")
	kind(t, "another key", thief.enrol(r, c.Code), errs.Denied)
	if err := d.enrol(r, c.Code); err != nil {
		t.Fatal(err)
	}
	r.admitted(d, d.leaf(), true)
	r.admitted(d, old, false)
	pairs, err := r.Pairings(r.ctx, r.ada.Scope(), p.ID)
	if err != nil || len(pairs) != 2 || pairs[0].To.IsZero() || !pairs[1].To.IsZero() {
		t.Errorf("pairings %+v, %v", pairs, err)
	}
}

// TestManual: a pump without a link gets no claim slip until it is to have one.
func TestManual(t *testing.T) {
	r := newRig(t)
	p, err := r.RegisterPump(r.ctx, r.ada, NewPump{Site: r.site, Serial: "M1", Model: "SM II 20", Profile: "sm2-20", Manual: true})
	if err != nil || p.Status != Manual {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = r.CreateClaim(r.ctx, r.ada, p.ID, 0)
	kind(t, "claim", err, errs.Conflict)
	r.leaves(func() {
		if p, err = r.SetLinked(r.ctx, r.ada, p.ID, "got a communicator"); err != nil || p.Status != Registered {
			t.Fatalf("%+v, %v", p, err)
		}
	}, "pump.link")
	if _, err := r.CreateClaim(r.ctx, r.ada, p.ID, 0); err != nil {
		t.Error(err)
	}
}

// TestKeyIsForLife: not even SQL changes a pump's key.
func TestKeyIsForLife(t *testing.T) {
	r := newRig(t)
	p, _ := r.enrolled("S1", "COMM-1")
	other := newDevice(t, "S2", "COMM-2").key()
	hash, id := other.Hash(), other.PumpID()
	for _, q := range []string{
		`UPDATE registry_pumps SET rev = rev + 1, device_key = $2, key_hash = $3, wire_id = $4 WHERE id = $1`,
		`UPDATE registry_pumps SET rev = rev + 1, device_key = NULLIF($2, $2), key_hash = NULLIF($3::bytea, $3), wire_id = NULLIF($4::bytea, $4), key_at = NULL, status = 'registered' WHERE id = $1`,
	} {
		if _, err := r.db.Exec(q, p.ID, other.String(), hash[:], id[:]); err == nil {
			t.Errorf("%s passes", q)
		}
	}
	if _, err := r.db.Exec(`UPDATE registry_pumps SET label = 'x' WHERE id = $1`, p.ID); err == nil {
		t.Error("a change without a new revision passes")
	}
	if p.Key == (wire.PublicKey{}) {
		t.Error("no key")
	}
}

// TestUnlinked: who keeps what a communicator said of itself hears, in the same
// transaction, whenever it speaks for its pump no more.
func TestUnlinked(t *testing.T) {
	r := newRig(t)
	heard := ""
	r.Unlinked = func(_ context.Context, _ *postgres.Tx, actor auth.Actor, p Pump, why string) error {
		heard = fmt.Sprintf("%s of %s, by %s: %s", p.Link, p.Serial, actor, why)
		return nil
	}
	a, d := r.enrolled("S1", "COMM-1")
	if heard != "" {
		t.Errorf("at the first enrolment: %s", heard)
	}
	says := func(want string, err error) {
		t.Helper()
		if err != nil || heard != want {
			t.Errorf("heard %q, want %q; %v", heard, want, err)
		}
		heard = ""
	}
	c, err := r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: a.ID, Serial: "COMM-2", Reason: "battery"})
	if err != nil || heard != "" {
		t.Fatalf("before the new one enrols: %q, %v", heard, err)
	}
	d.newComm("COMM-2")
	says("COMM-1 of S1, by device:COMM-2: exchanged", d.enrol(r, c.Code))
	_, err = r.SwapCommunicator(r.ctx, r.ada, Swap{Pump: a.ID, Serial: "COMM-3", Lost: true, Reason: "on the tram"})
	says("COMM-2 of S1, by "+r.ada.String()+": lost: on the tram", err)
	r.Unlinked = func(context.Context, *postgres.Tx, auth.Actor, Pump, string) error { return errors.New("no") }
	b, _ := r.enrolled("S2", "COMM-4")
	if _, err := r.Revoke(r.ctx, r.ada, b.ID, "stolen"); err == nil {
		t.Error("revoked though its battery's alarm stayed")
	}
}

// TestManualIsUnheard: whoever keeps alarms hears, in the same transaction, that a
// pump cannot end its own any more.
func TestManualIsUnheard(t *testing.T) {
	r := newRig(t)
	p, _ := r.enrolled("S1", "COMM-1")
	r.Unheard = func(context.Context, *postgres.Tx, auth.Actor, Pump, string) error { return errors.New("no") }
	if _, err := r.SetManual(r.ctx, r.ada, p.ID, "no reception"); err == nil {
		t.Error("manual though the alarms stayed")
	}
	heard := ""
	r.Unheard = func(_ context.Context, _ *postgres.Tx, _ auth.Actor, p Pump, why string) error {
		heard += p.Serial + " " + why
		return nil
	}
	if _, err := r.SetManual(r.ctx, r.ada, p.ID, "no reception"); err != nil || heard != "S1 no reception" {
		t.Errorf("heard %q, %v", heard, err)
	}
}
