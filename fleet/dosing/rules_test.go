package dosing

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestStates: what is open, and what is under way.
func TestStates(t *testing.T) {
	for state, want := range map[State]struct{ open, away bool }{
		Draft: {true, false}, Proposed: {true, false}, Verified: {true, false}, Approved: {true, false}, Released: {true, true}, Sent: {true, true}, Received: {true, true},
		Applied: {}, Refused: {}, Expired: {}, Withdrawn: {}, Superseded: {}, Stale: {},
	} {
		if state.Open() != want.open || state.Away() != want.away {
			t.Errorf("%s: open %t, away %t", state, state.Open(), state.Away())
		}
	}
}

// TestOfEveryCode says what a pump's answer makes of a release: no verdict yet, one
// after which the same prescription may be released again, or an end.
func TestOfEveryCode(t *testing.T) {
	noVerdict := []order.Code{order.ErrRate, order.ErrStorage}
	onceMore := []order.Code{order.ErrKeyset, order.ErrWindow, order.ErrCounter, order.ErrBusy, order.ErrNotYet, order.ErrBounds}
	for _, c := range append(order.Codes(), order.ErrStorage) {
		if got := passing(c); got != slices.Contains(noVerdict, c) {
			t.Errorf("%s is no verdict: %t", c, got)
		}
		if got := again(c); got != slices.Contains(onceMore, c) {
			t.Errorf("%s may be released again: %t", c, got)
		}
	}
	// What says that the signers saw something else, or may not, is never tried again.
	for _, c := range []order.Code{order.Applied, order.ErrCAS, order.ErrSig, order.ErrRevoked, order.ErrLimit, order.ErrReplay, order.ErrGone, order.ErrPatient} {
		if again(c) {
			t.Errorf("%s may be released again", c)
		}
	}
}

// TestExempt: a resume alone is not stale for new facts; a stop is no order.
func TestExempt(t *testing.T) {
	for a := order.ActProgram; a <= order.ActClock; a++ {
		if exempt(a) != (a == order.ActResume) {
			t.Errorf("%s is exempt: %t", a, exempt(a))
		}
	}
}

// TestMet: enough people, each meaning among them, and never nobody.
func TestMet(t *testing.T) {
	by := func(all ...order.Meaning) (out []Approval) {
		for _, m := range all {
			out = append(out, Approval{Meaning: m})
		}
		return out
	}
	two := Finding{People: 2, Meanings: []order.Meaning{order.MeansPrescribe, order.MeansVerify}}
	three := Finding{People: 3, Meanings: []order.Meaning{order.MeansPrescribe, order.MeansVerify}}
	for _, c := range []struct {
		name string
		f    Finding
		all  []Approval
		want bool
	}{
		{"nobody", two, nil, false},
		{"one", two, by(order.MeansPrescribe), false},
		{"both", two, by(order.MeansPrescribe, order.MeansVerify), true},
		{"two who prescribe", two, by(order.MeansPrescribe, order.MeansPrescribe), false},
		{"two who verify", two, by(order.MeansVerify, order.MeansVerify), false},
		{"two of three", three, by(order.MeansPrescribe, order.MeansVerify), false},
		{"three", three, by(order.MeansPrescribe, order.MeansVerify, order.MeansPharmacist), true},
		{"a finding that asks for nobody", Finding{}, by(order.MeansPrescribe, order.MeansVerify), false},
	} {
		if got := c.f.met(c.all); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// TestMay: people with a role at the site, and nobody else.
func TestMay(t *testing.T) {
	const site = 7
	person := func(roles map[int64][]auth.Role) auth.Actor {
		return (&auth.Account{ID: 1, Login: "x", Name: "X"}).Actor(roles)
	}
	prescriber := person(map[int64][]auth.Role{site: {auth.Prescriber}})
	for _, c := range []struct {
		name  string
		actor auth.Actor
		kind  errs.Kind
	}{
		{"a prescriber", prescriber, ""},
		{"a prescriber of another site", person(map[int64][]auth.Role{8: {auth.Prescriber}}), errs.NotFound},
		{"a nurse", person(map[int64][]auth.Role{site: {auth.Nurse}}), errs.Denied},
		{"a prescriber who administers elsewhere", person(map[int64][]auth.Role{site: {auth.Prescriber}, 8: {auth.Admin}}), errs.Denied},
		{"a prescriber's program", prescriber.ByToken(1, []int64{site}), errs.Denied},
		{"the server", auth.System("test"), errs.Denied},
	} {
		err := may(c.actor, site, "order", proposers...)
		if (err == nil) != (c.kind == "") || err != nil && errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestReadBack: a pump that says applied and runs something else, or nothing, is not
// believed.
func TestReadBack(t *testing.T) {
	program := dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: 240_000}}}
	other := program
	other.Segments = []dose.Segment{{Duration: units.Day, Volume: 480_000}}
	off := dose.Off()
	hash := func(g dose.Program) []byte { h := g.Hash(); return h[:] }
	visit := &order.Visit{Planned: order.Branch{Program: program}, Same: order.Branch{Program: other}}
	release := func(b order.BranchNo) []byte {
		r := order.Release{V: 1, Counter: 1, Keyset: 1, IssuedAt: 1, Expires: 2, Person: "x", Branch: b, Measured: &order.Measured{Aspirated: 1, Filled: 1}}
		return r.Encode()
	}
	for _, c := range []struct {
		name     string
		p        order.Prescription
		release  []byte
		program  []byte
		run      wire.RunState
		believed bool
	}{
		{"a program that runs", order.Prescription{Act: order.ActProgram, Program: &program}, nil, hash(program), wire.Infusing, true},
		{"a program behind a bridge", order.Prescription{Act: order.ActProgram, Program: &program}, nil, hash(program), wire.Bridge, true},
		{"another program", order.Prescription{Act: order.ActProgram, Program: &program}, nil, hash(other), wire.Infusing, false},
		{"a program that stands", order.Prescription{Act: order.ActProgram, Program: &program}, nil, hash(program), wire.Stopped, false},
		{"a program at the minimum rate", order.Prescription{Act: order.ActProgram, Program: &program}, nil, hash(program), wire.Minimum, false},
		{"an erase", order.Prescription{Act: order.ActErase, Program: &off}, nil, hash(off), wire.Stopped, true},
		{"an erase that left a program", order.Prescription{Act: order.ActErase, Program: &off}, nil, hash(program), wire.Infusing, false},
		{"a resume", order.Prescription{Act: order.ActResume}, nil, hash(program), wire.Infusing, true},
		{"a resume that stands", order.Prescription{Act: order.ActResume}, nil, hash(program), wire.Stopped, false},
		{"a visit as planned", order.Prescription{Act: order.ActVisit, Visit: visit}, release(order.BranchPlanned), hash(program), wire.Priming, true},
		{"a visit with the same dose", order.Prescription{Act: order.ActVisit, Visit: visit}, release(order.BranchSame), hash(other), wire.Infusing, true},
		{"a visit in the other branch", order.Prescription{Act: order.ActVisit, Visit: visit}, release(order.BranchPlanned), hash(other), wire.Infusing, false},
		{"a bolus", order.Prescription{Act: order.ActBolus}, nil, hash(program), wire.Bolus, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := wantedOf(&c.p, &Letter{Document: c.release})
			if fault := w.contradicted(c.program, c.run); err != nil || (fault == Agrees) != c.believed || (fault.words(c.run) == "") != c.believed {
				t.Errorf("%q, %v", fault.words(c.run), err)
			}
		})
	}
}

// TestBlindPatient: whoever verifies that a pump is bound names the patient from
// their own source, of whom only a hash is signed.
func TestBlindPatient(t *testing.T) {
	want := numbers(&order.Prescription{Act: order.ActBind, Serial: "MP20-1", Patient: registry.OrderPatient("P-AAAA-2222")}, &order.Library{}, nil)
	for entered, differ := range map[string]string{"P-AAAA-2222": "", " p-aaaa-2222 ": "", "P-AAAA-2223": "patient", "": "patient", "-": "patient"} {
		got, err := compare(want, []Entry{{"serial", "MP20-1"}, {"patient", entered}})
		if err != nil || strings.Join(got, " ") != differ {
			t.Errorf("%q: %v, %v", entered, got, err)
		}
	}
	// The id of nobody is no patient that an empty field could mean.
	if got, _ := compare(numbers(&order.Prescription{Act: order.ActBind, Serial: "MP20-1"}, &order.Library{}, nil), []Entry{{"serial", "MP20-1"}}); len(got) != 1 {
		t.Errorf("nobody: %v", got)
	}
}

// TestBlindSite: whoever verifies that a pump goes to another site names that site,
// of which only a hash is signed. A name that two sites have names neither.
func TestBlindSite(t *testing.T) {
	sites := []registry.Site{
		{ID: 1, Name: "St. Gereon Hospital", Short: "GEREON"},
		{ID: 2, Name: "Lindenhof", Short: "LINDE"},
		{ID: 3, Name: "Pain Clinic", Short: "NORTH"},
		{ID: 4, Name: "pain clinic", Short: "SOUTH"},
	}
	for _, tt := range []struct {
		site    int64
		entered string
		right   bool
	}{
		{2, "Lindenhof", true},
		{2, "  lindenhof ", true},
		{2, "linde", true},
		{1, "st. gereon  hospital", true},
		{2, "St. Gereon Hospital", false},
		{2, "Lindenho", false},
		{2, "", false},
		{2, "2", false},
		{3, "Pain Clinic", false},
		{3, "NORTH", true},
		{9, "Lindenhof", false},
	} {
		p := order.Prescription{Act: order.ActTransfer, Serial: "MP20-1", Transfer: &order.Transfer{Site: registry.OrderSite(tt.site)}}
		got, err := compare(numbers(&p, &order.Library{}, sites), []Entry{{"serial", "MP20-1"}, {"site", tt.entered}})
		if err != nil || (len(got) == 0) != tt.right || !tt.right && got[0] != "site" {
			t.Errorf("site %d, %q: %v, %v", tt.site, tt.entered, got, err)
		}
	}
}

// TestBlindZone: whoever verifies a clock order says the zone, east or west.
func TestBlindZone(t *testing.T) {
	for _, zone := range []int32{3600, 0, -12600} {
		p := order.Prescription{Act: order.ActClock, Serial: "MP20-1", Zone: &zone}
		want := numbers(&p, &order.Library{}, nil)
		for entered, right := range map[string]bool{"3600": zone == 3600, "0": zone == 0, "-12600": zone == -12600, "12600": false, "-3600": false, "03600": false, "+3600": false, "-0": false, "": false} {
			got, err := compare(want, []Entry{{"serial", "MP20-1"}, {"zone", entered}})
			if err != nil || (len(got) == 0) != right {
				t.Errorf("zone %d, %q: %v, %v", zone, entered, got, err)
			}
		}
	}
}

// TestBlindEntries: what a second signer enters agrees within half of the last place
// that people write, and no further; what is missing, negative, or written otherwise
// than in digits differs.
func TestBlindEntries(t *testing.T) {
	lib := &order.Library{Drugs: []order.Drug{{Code: dose.Morphine, Unit: "mg", Decimals: 3}}}
	c := dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: 10_000_000}}, Route: dose.Intrathecal}
	p := order.Prescription{
		Act: order.ActProgram, Serial: "MP20-1", Contents: &c,
		Program: &dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: 240_000}}, PTM: &dose.PTM{Volume: 5_000, Duration: 600, Lockout: 3600, Max24h: 6}},
		Checks:  []order.Check{{Code: dose.Morphine, Day: 2_400_000, Worst: 2_700_000}},
	}
	want := numbers(&p, lib, nil)
	var names []string
	for _, n := range want {
		names = append(names, n.Name)
	}
	if got := strings.Join(names, " "); got != "serial conc:1 day:1 ptm:1 ptm_over ptm_max ptm_lockout" {
		t.Fatalf("asked for %s", got)
	}
	good := map[string]string{"serial": "mp20-1 ", "conc:1": "10000000", "day:1": "2400000", "ptm:1": "50000", "ptm_over": "600", "ptm_max": "6", "ptm_lockout": "3600"}
	entries := func(change map[string]string) (out []Entry) {
		for _, name := range names {
			v, given := change[name]
			if !given {
				v = good[name]
			}
			if v != "-" {
				out = append(out, Entry{name, v})
			}
		}
		return out
	}
	// Half of the last place is 500 ng, and whole nanolitres of 10 mg/mL make 11 ng more.
	for _, tt := range []struct {
		name   string
		change map[string]string
		differ string
	}{
		{"as it is", nil, ""},
		{"within the last place", map[string]string{"day:1": "2400511"}, ""},
		{"within the last place, below", map[string]string{"day:1": "2399489"}, ""},
		{"past the last place", map[string]string{"day:1": "2400512"}, "day:1"},
		{"tenfold", map[string]string{"day:1": "24000000"}, "day:1"},
		{"a patient bolus within the last place", map[string]string{"ptm:1": "50511"}, ""},
		{"a patient bolus past the last place", map[string]string{"ptm:1": "50512"}, "ptm:1"},
		{"a minute in place of ten", map[string]string{"ptm_over": "60"}, "ptm_over"},
		{"a lockout to the minute", map[string]string{"ptm_lockout": "3629"}, ""},
		{"another minute", map[string]string{"ptm_lockout": "3660"}, "ptm_lockout"},
		{"another concentration", map[string]string{"conc:1": "10000001"}, "conc:1"},
		{"another pump", map[string]string{"serial": "MP20-2"}, "serial"},
		{"missing", map[string]string{"ptm_max": "-"}, "ptm_max"},
		{"nothing", map[string]string{"ptm_max": ""}, "ptm_max"},
		{"a fraction", map[string]string{"day:1": "2400000.0"}, "day:1"},
		{"a leading zero", map[string]string{"ptm_lockout": "03600"}, "ptm_lockout"},
		{"below zero", map[string]string{"ptm_max": "-6"}, "ptm_max"},
		{"beyond counting", map[string]string{"day:1": "99999999999999999999"}, "day:1"},
		{"all of it", map[string]string{"serial": "x", "conc:1": "1", "day:1": "1", "ptm:1": "1", "ptm_over": "1", "ptm_max": "1", "ptm_lockout": "1"}, "serial conc:1 day:1 ptm:1 ptm_over ptm_max ptm_lockout"},
	} {
		differ, err := compare(want, entries(tt.change))
		if err != nil || strings.Join(differ, " ") != tt.differ {
			t.Errorf("%s: %v, %v", tt.name, differ, err)
		}
	}
	for name, bad := range map[string][]Entry{"twice": append(entries(nil), Entry{"serial", "MP20-1"}), "not asked for": append(entries(nil), Entry{"once:1", "1"})} {
		if _, err := compare(want, bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBlindOfEachKind: what is asked of each kind of order beside the doses, what
// agrees and what does not. The same dose of a day, at another pace or at another time,
// differs.
func TestBlindOfEachKind(t *testing.T) {
	lib := &order.Library{Drugs: []order.Drug{{Code: dose.Morphine, Unit: "mg", Decimals: 2}}}
	c := dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: 10_000_000}}, Route: dose.Intrathecal}
	flex := func(mode dose.Mode, cycle units.Seconds, segs ...dose.Segment) *dose.Program {
		return &dose.Program{Mode: mode, Cycle: cycle, Segments: segs}
	}
	seg := func(from, hours units.Seconds, volume units.Volume) dose.Segment {
		return dose.Segment{Offset: from * units.Hour, Duration: hours * units.Hour, Volume: volume}
	}
	day := flex(dose.FlexDay, units.Day, seg(0, 8, 40_000), seg(8, 4, 60_000), seg(12, 12, 60_000)) // 0.05, 0.15 and 0.05 mg/h
	week := flex(dose.FlexWeek, units.Week, seg(0, 130, 650_000), seg(130, 6, 90_000), seg(136, 32, 160_000))
	late := flex(dose.FlexDay, units.Day, seg(0, 6, 60_000), seg(6, 16, 80_000), seg(22, 2, 20_000)) // from 22:00 until 06:00
	even := flex(dose.FlexDay, units.Day, seg(0, 7, 70_001), seg(7, 17, 169_999))
	visit := &order.Visit{
		Planned: order.Branch{Contents: c, Program: *day}, Same: order.Branch{Contents: c, Program: *day},
		Bounds: order.Bounds{FilledMin: 19_500_000, FilledMax: 20_500_000},
	}
	for _, tt := range []struct {
		name  string
		p     order.Prescription
		asked string
		agree map[string][]string
		not   map[string][]string
	}{
		{
			"a bolus",
			order.Prescription{Act: order.ActBolus, Dose: &dose.Dose{Volume: 10_000, Duration: 600}, Contents: &c, Checks: []order.Check{{Code: dose.Morphine, Once: 100_000}}},
			"conc:1 once:1 over",
			map[string][]string{"over": {"600", "629"}},
			map[string][]string{"over": {"60", "6000", "660", "", "-600", "10 min"}},
		},
		{
			"a day in steps",
			order.Prescription{Act: order.ActProgram, Contents: &c, Program: day},
			"conc:1 peak:1 peak_from",
			map[string][]string{"peak:1": {"150000", "154000"}, "peak_from": {"28800"}},
			map[string][]string{"peak:1": {"50000", "1500000", "160000"}, "peak_from": {"0", "43200", "72000", "08:00"}},
		},
		{
			"a week in steps",
			order.Prescription{Act: order.ActProgram, Contents: &c, Program: week},
			"conc:1 peak:1 peak_from",
			map[string][]string{"peak:1": {"150000"}, "peak_from": {"36000"}},
			map[string][]string{"peak_from": {"0", "468000"}},
		},
		{
			"a step past midnight",
			order.Prescription{Act: order.ActProgram, Contents: &c, Program: late},
			"conc:1 peak:1 peak_from",
			map[string][]string{"peak:1": {"100000"}, "peak_from": {"79200", "0"}},
			map[string][]string{"peak_from": {"21600"}},
		},
		{"steps of one pace", order.Prescription{Act: order.ActProgram, Contents: &c, Program: even}, "conc:1", nil, nil},
		{
			"a visit",
			order.Prescription{Act: order.ActVisit, Visit: visit},
			"planned.conc:1 planned.peak:1 planned.peak_from filled",
			map[string][]string{"filled": {"20000000", "19500000", "20500000"}, "planned.peak:1": {"150000"}, "planned.peak_from": {"28800"}},
			map[string][]string{"filled": {"19499999", "20500001", "40000000", "20"}, "planned.peak_from": {"0"}},
		},
		{
			"settings",
			order.Prescription{Act: order.ActSettings, Settings: &order.Settings{Low: 2_000_000, PTMDenied: 4}},
			"low_alarm ptm_denied",
			map[string][]string{"low_alarm": {"2000000"}, "ptm_denied": {"4"}},
			map[string][]string{"low_alarm": {"2000001"}, "ptm_denied": {"0", "40"}},
		},
	} {
		tt.p.Serial = "MP20-1"
		want := numbers(&tt.p, lib, nil)
		var got []string
		for _, n := range want[1:] {
			got = append(got, n.Name)
		}
		if strings.Join(got, " ") != tt.asked || want[0].Name != "serial" {
			t.Errorf("%s: asked for %s", tt.name, got)
		}
		for _, side := range []struct {
			entries map[string][]string
			agree   bool
		}{{tt.agree, true}, {tt.not, false}} {
			for name, values := range side.entries {
				i := slices.IndexFunc(want, func(n Number) bool { return n.Name == name })
				for _, v := range values {
					if i < 0 || want[i].is(v) != side.agree {
						t.Errorf("%s: %s as %q agrees: %t", tt.name, name, v, !side.agree)
					}
				}
			}
		}
	}
}

// TestLives: what is sent again is not sent longer than the pump would take it.
func TestLives(t *testing.T) {
	if withdrawalLife < time.Duration(order.LifeOf(order.ActVisit))*time.Second {
		t.Error("a withdrawal is given up while the visit that it takes back can still be released")
	}
	signed := time.Unix(1_800_000_000, 0)
	if end := lasts(signed, signed.Unix()+order.ReleaseLife, order.ReleaseWindow, true); end.Sub(signed) < order.ReleaseLife*time.Second+time.Minute || answerGrace <= 0 {
		t.Errorf("a release is given up at %s while a pump whose clock is a minute late still takes it", end)
	}
	if end := lasts(signed, signed.Unix()+order.ReleaseLife, order.ReleaseWindow, false); end.Sub(signed) != 30*time.Minute {
		t.Errorf("a release to a pump that does not ask its clock is given up at %s", end)
	}
}
