package overview

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/filter"
	"cisterna/fleet/lists"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

var queryNow = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// boardOf is a board of n rows that no database stands behind: the queries read
// memory only.
func boardOf(n int) *Board {
	b := &Board{
		s: &Service{Options: Options{Now: func() time.Time { return queryNow }}}, epoch: "E", wake: make(chan struct{}, 1), rows: map[int64]*entry{},
		sites:  map[int64]registry.Site{1: {ID: 1, Short: "GEREON", Name: "St. Gereon"}, 2: {ID: 2, Short: "HARBOUR", Name: "Harbour Pain Clinic"}},
		groups: []lists.Group{{ID: 7, Site: 1, Name: "Night"}, {ID: 8, Site: 1, Name: "Weak", Filter: "battery<40%"}, {ID: 9, Site: 2, Name: "Night", Filter: "presence:offline"}},
	}
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = rowOf(i)
	}
	b.take(rows)
	return b
}

// rowOf is a row that looks like many others, and differs as they do.
func rowOf(i int) Row {
	r := Row{
		ID: int64(i + 1), Site: int64(1 + i%2), Serial: fmt.Sprintf("ME%d", 204117+i*7919%790000+i/790000), Model: []string{"Meander P20", "Meander P40", "Tarn V20"}[i%3], Profile: "meander-p20",
		Label: fmt.Sprintf("PT-%04X", i*2654435761%65536), Link: fmt.Sprintf("COMM-%d", i), Status: "active",
		Presence: []telemetry.Presence{telemetry.Online, telemetry.Online, telemetry.Online, telemetry.Stale, telemetry.Offline}[i%5], PresenceSince: queryNow.Add(-time.Duration(i%9000) * time.Second),
		LastHeard: queryNow.Add(-time.Duration(i%7000) * time.Second), LastData: queryNow.Add(-time.Duration(i%7100) * time.Second),
		HasSample: i%50 != 0, Run: wire.Infusing, RateNLDay: int64(400_000 + i%1000*100), ReservoirNL: int64(i%200) * 100_000, BatteryMV: int64(2600 + i%400), BatteryPct: i % 101,
		CapacityNL: 20_000_000, LowNL: 2_000_000, ProgramNLDay: int64(i%9) * 100_000, CertEnds: queryNow.Add(time.Duration(i-10) * 24 * time.Hour), Firmware: []string{"1.2.0", "1.2.1", "1.10.0"}[i%3], FirmwareComm: "4.0", Library: "Sample v3",
		Reconnects24h: int64(i % 60), Refused24h: int64(i % 7 / 6), Drugs: []Drug{{"morphine", 10_000_000}, {"bupivacaine", 5_000_000}}[:1+i%2],
	}
	if i%10 == 0 {
		r.Alarms = Alarms{High: 1, TopCode: "STALL", TopTitle: "Motor stalled", TopPriority: wire.PriorityHigh}
	}
	if i%4 == 0 {
		r.Tags = []string{"mri", fmt.Sprintf("ward-%d", i%8)}
	}
	if i%5 != 2 {
		r.Patient, r.PatientSince = fmt.Sprintf("P-%c%cQM-%04X", 'A'+i%7, '2'+i%8, i), queryNow.Add(-time.Duration(i)*time.Hour)
	}
	switch i % 13 {
	case 3:
		r.Run = wire.Stopped
	case 5:
		r.Run, r.RateNLDay = wire.Minimum, 6_000
	case 7:
		r.CertEnds = time.Time{}
	}
	if i%6 == 0 {
		r.Groups = []int64{7}
	}
	r.setQuality()
	return r
}

func mustParse(t testing.TB, s string) filter.Filter {
	t.Helper()
	f, err := filter.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Every field of the language is read from the rows.
func TestEveryFieldIsRead(t *testing.T) {
	b := boardOf(10)
	values := map[filter.Kind]string{filter.Name: ":x", filter.Text: ":x", filter.Number: ">0", filter.Age: ">1m", filter.Left: "<1d"}
	fields := filter.Fields()
	if len(fields) < 20 {
		t.Fatal("there are hardly any fields")
	}
	for _, f := range fields {
		v := values[f.Kind]
		if f.Kind == filter.Choice {
			v = ":" + f.Values[0]
		}
		q := f.Name + v
		if f.Name == "site" || f.Name == "group" {
			q = f.Name + ":none"
		}
		if _, err := b.Page(all, Query{Filter: mustParse(t, q), Limit: 1}); err != nil {
			t.Errorf("%s: %v", q, err)
		}
		if _, err := b.Page(all, Query{Filter: mustParse(t, f.Name+":"+orNone(f)), Limit: 1}); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func orNone(f filter.Field) string {
	if f.Kind == filter.Choice {
		return f.Values[len(f.Values)-1]
	}
	return "none"
}

func TestPageFilters(t *testing.T) {
	b := boardOf(120)
	count := func(scope auth.Scope, q string) int {
		t.Helper()
		tally, err := b.Count(scope, mustParse(t, q))
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		return tally.Matched
	}
	by := func(f func(r Row) bool) (n int) {
		for i := range 120 {
			if f(rowOf(i)) {
				n++
			}
		}
		return n
	}
	for q, f := range map[string]func(r Row) bool{
		"":                           func(Row) bool { return true },
		"presence:offline,stale":     func(r Row) bool { return r.Presence == telemetry.Offline || r.Presence == telemetry.Stale },
		"battery<40%":                func(r Row) bool { return r.HasSample && r.BatteryPct < 40 },
		"battery:none":               func(r Row) bool { return !r.HasSample },
		"site:GEREON":                func(r Row) bool { return r.Site == 1 },
		`site:"harbour pain clinic"`: func(r Row) bool { return r.Site == 2 },
		"alarm:high":                 func(r Row) bool { return r.Alarms.High > 0 },
		"alarm:none":                 func(r Row) bool { return r.Alarms.High == 0 },
		"patient:p-b":                func(r Row) bool { return strings.HasPrefix(r.Patient, "P-B") },
		"patient=P-A2QM-0000":        func(r Row) bool { return r.Patient == "P-A2QM-0000" },
		"patient:none":               func(r Row) bool { return r.Patient == "" },
		"patient!=none":              func(r Row) bool { return r.Patient != "" },
		"qm-001":                     func(r Row) bool { return strings.Contains(r.Patient, "QM-001") },
		"tag:mri NOT tag:ward-0":     func(r Row) bool { return slices.Contains(r.Tags, "mri") && !slices.Contains(r.Tags, "ward-0") },
		"reservoir<2.5mL":            func(r Row) bool { return r.HasSample && r.ReservoirNL < 2_500_000 },
		"fill<10%":                   func(r Row) bool { return r.HasSample && r.ReservoirNL*100/r.CapacityNL < 10 },
		"last_heard>30s":             func(r Row) bool { return queryNow.Sub(r.LastHeard) > 30*time.Second },
		"drug:bupivacaine":           func(r Row) bool { return len(r.Drugs) == 2 },
		"group:night": func(r Row) bool {
			return slices.Contains(r.Groups, 7) || r.Site == 2 && r.Presence == telemetry.Offline
		},
		"group:weak":   func(r Row) bool { return r.Site == 1 && r.HasSample && r.BatteryPct < 40 },
		"group!=weak":  func(r Row) bool { return !(r.Site == 1 && r.HasSample && r.BatteryPct < 40) },
		"quality:poor": func(r Row) bool { return r.Quality == QualityPoor },
		"motor":        func(r Row) bool { return r.Alarms.High > 0 },
		"gereon":       func(r Row) bool { return r.Site == 1 },
	} {
		if got, want := count(all, q), by(f); got != want || q != "motor" && want == 0 {
			t.Errorf("%s: %d, want %d", q, got, want)
		}
	}
	// What is out of scope is in no answer, and its names are not known.
	one := auth.Scope{Sites: []int64{2}}
	if got := count(one, ""); got != 60 {
		t.Errorf("of one site: %d", got)
	}
	for _, q := range []string{"site:GEREON", "group:weak"} {
		if _, err := b.Count(one, mustParse(t, q)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s of another site: %v", q, err)
		}
	}
	tally, err := b.Count(all, mustParse(t, "presence:online"), "site", "alarm", "tag")
	if err != nil || tally.Total != 120 || tally.Matched != 72 || tally.Facets["site"]["GEREON"]+tally.Facets["site"]["HARBOUR"] != 72 || tally.Facets["alarm"]["high"]+tally.Facets["alarm"]["none"] != 72 || tally.Facets["tag"]["none"] == 0 {
		t.Errorf("%+v %v", tally, err)
	}
	if _, err := b.Count(all, filter.Filter{}, "serial"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a facet of names: %v", err)
	}
	if _, err := b.Page(all, Query{Sort: Sort{Column: "colour"}}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an order that there is not: %v", err)
	}
	sel, err := b.Select(all, mustParse(t, "alarm:high"))
	if err != nil || len(sel.Pumps) != 12 || sel.Rev != b.rev || !slices.IsSorted(sel.Pumps) {
		t.Errorf("%+v %v", sel, err)
	}
}

// Every column sorts both ways, what is not known last, pages fit together, and
// the order is the same whatever the size of the pages.
func TestPagesFitTogether(t *testing.T) {
	b := boardOf(237)
	for column := range sorts {
		for _, down := range []bool{false, true} {
			s := Sort{column, down}
			whole, err := b.Page(all, Query{Sort: s})
			if err != nil || len(whole.Rows) != 237 || whole.Next != nil {
				t.Fatalf("%v: %d rows, %v", s, len(whole.Rows), err)
			}
			for _, size := range []int{1, 50, 79, 237, 300} {
				if size == 1 && column != "battery" {
					continue
				}
				var got []int64
				for q := (Query{Sort: s, Limit: size}); ; {
					p, err := b.Page(all, q)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range p.Rows {
						got = append(got, r.ID)
					}
					if q.After = p.Next; q.After == nil {
						break
					}
				}
				if len(got) != 237 {
					t.Fatalf("%v by %d: %d rows", s, size, len(got))
				}
				for i, r := range whole.Rows {
					if got[i] != r.ID {
						t.Fatalf("%v by %d: row %d differs", s, size, i)
					}
				}
			}
		}
	}
	p, _ := b.Page(all, Query{Sort: Sort{Column: "battery", Descending: true}})
	if first, last := p.Rows[0], p.Rows[len(p.Rows)-1]; first.BatteryPct != 100 || last.HasSample {
		t.Errorf("descending: %d %% first, known last: %v", first.BatteryPct, last.HasSample)
	}
	p, _ = b.Page(all, Query{Sort: Sort{Column: "firmware"}})
	if p.Rows[0].Firmware != "1.2.0" || p.Rows[len(p.Rows)-1].Firmware != "1.10.0" {
		t.Error("firmware is not sorted as people count")
	}
}

// Rows come, go and change while somebody reads page after page: every pump whose
// place did not change is there exactly once.
func TestPagesWhileRowsChange(t *testing.T) {
	for _, column := range []string{"pump", "battery", "alarms", "label"} {
		b := boardOf(1000)
		rng := rand.New(rand.NewPCG(1, 2))
		steady := map[int64]bool{}
		for _, e := range b.all {
			steady[e.ID] = true
		}
		seen := map[int64]int{}
		next := 1000
		q := Query{Sort: Sort{Column: column}, Limit: 37}
		for pages := 0; ; pages++ {
			p, err := b.Page(all, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range p.Rows {
				seen[r.ID]++
			}
			if q.After = p.Next; q.After == nil {
				if pages < 20 {
					t.Fatalf("%d pages: nothing was tested", pages)
				}
				break
			}
			for range 20 { // between two pages
				switch e := b.all[rng.IntN(len(b.all))]; rng.IntN(3) {
				case 0: // comes
					b.take([]Row{rowOf(next)})
					next++
				case 1: // changes where the order does not look
					r := e.Row
					r.LastHeard, r.ReservoirNL = r.LastHeard.Add(time.Second), r.ReservoirNL+1
					b.put(e, r)
				case 2: // moves
					r := e.Row
					r.BatteryPct, r.Alarms.High, r.Label = rng.IntN(101), rng.IntN(2), fmt.Sprint("L", rng.IntN(1000))
					b.put(e, r)
					if column != "pump" {
						delete(steady, e.ID)
					}
				}
			}
		}
		if len(steady) < 300 {
			t.Fatalf("%s: only %d stayed in place", column, len(steady))
		}
		for id := range steady {
			if seen[id] != 1 {
				t.Errorf("%s: pump %d was seen %d times", column, id, seen[id])
			}
		}
	}
}

func TestNatural(t *testing.T) {
	in := []string{"", "1", "01", "2", "10", "A2", "a10", "a9", "b", "ME20", "me3", "P-9", "P-10", "Zürich", "Zurich", "Äsch", "az", "Ærø", "\xff"}
	for _, a := range in {
		for _, b := range in {
			if natural(a, b) != -natural(b, a) || (natural(a, b) == 0) != (a == b) {
				t.Errorf("%q and %q", a, b)
			}
			for _, c := range in {
				if natural(a, b) <= 0 && natural(b, c) <= 0 && natural(a, c) > 0 {
					t.Errorf("%q, %q, %q", a, b, c)
				}
			}
		}
	}
	if natural("a9", "a10") >= 0 || natural("me3", "ME20") >= 0 {
		t.Error("not as people count")
	}
	if natural("Äsch", "Zürich") >= 0 || natural("Zürich 1", "zurich 2") >= 0 || natural("Zurich", "Zürich") == 0 {
		t.Error("not as people look names up")
	}
}

func TestColumnsAndLines(t *testing.T) {
	b := boardOf(3)
	columns, err := ParseColumns([]string{"tags", "pump", "reservoir", "groups"})
	if err != nil {
		t.Fatal(err)
	}
	r := b.rows[1].Row
	r.HasSample, r.ReservoirNL = true, 9_503_412
	got := strings.Join(Head(columns), ",") + " " + strings.Join(r.Line(columns, Names{Groups: b.GroupNames()}), ",")
	if want := "tags,serial,label,reservoir_ml,reservoir_capacity_ml,groups mri ward-0,ME204117,PT-0000,9.503412,20,Night"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, bad := range [][]string{{"colour"}, {"pump", "pump"}} {
		if _, err := ParseColumns(bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	usual, _ := ParseColumns(nil)
	if len(usual) < 8 || len(usual) >= len(Columns()) {
		t.Errorf("%d of %d are usual", len(usual), len(Columns()))
	}
	for n, want := range map[int64]string{0: "0", 1: "0.000001", -2_500_000: "-2.5", 20_000_000: "20", 9_223_372_036_854_775_807: "9223372036854.775807"} {
		if got := millionths(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
