package overview_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cisterna/fleet/filter"
	"cisterna/fleet/overview"
	"cisterna/internal/auth"
	"cisterna/web/api"
)

var update = flag.Bool("update", false, "write the vectors")

// What filters mean for some rows, as the API shows them: the console, which filters
// what it shows by itself, is held to the same answers.
func TestMatchVectors(t *testing.T) {
	board := overview.BoardOf(60)
	type query struct {
		Q   string   `json:"q"`
		IDs []api.ID `json:"ids"`
	}
	type group struct {
		ID     api.ID `json:"id"`
		Site   api.ID `json:"site"`
		Name   string `json:"name"`
		Filter string `json:"filter"`
	}
	type order struct {
		Sort string   `json:"sort"`
		IDs  []api.ID `json:"ids"`
	}
	out := struct {
		Now     int64             `json:"now"`
		Sites   map[string]string `json:"sites"` // short by id
		Names   map[string]string `json:"names"`
		Groups  []group           `json:"groups"`
		Rows    []api.PumpRow     `json:"rows"`
		Queries []query           `json:"queries"`
		Orders  []order           `json:"orders"`
		Words   []string          `json:"words"` // as they are sorted
	}{
		Now: overview.QueryNow.UnixMilli(), Sites: map[string]string{"1": "GEREON", "2": "HARBOUR"}, Names: map[string]string{"1": "St. Gereon", "2": "Harbour Pain Clinic"},
		Groups: []group{{"7", "1", "Night", ""}, {"8", "1", "Weak", "battery<40%"}, {"9", "2", "Night", "presence:offline"}},
	}
	all := auth.Scope{All: true}
	page, err := board.Page(all, overview.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Rows {
		out.Rows = append(out.Rows, api.RowOf(r))
	}
	some := 0
	for _, q := range []string{
		"", "me20", "MEANDER", "bupivacaine", "harbour", "motor stalled", "presence:offline,stale", "presence!=online", "alarm:high", "alarm:none", "alarm!=none", "run:none", "run:infusing",
		"battery<40", "battery>=40% battery<60%", "battery:none", "battery!=50", "reservoir<0.5mL", "reservoir=0.1", "fill<=1%", "rate>0.405mL/d", "voltage>=2650mV", "last_heard>30s", "last_data<=10s", "since<1m",
		"firmware:1.1", "firmware=1.10.0", "firmware!=1.2.0", "model:\"meander p20\"", "model:Meander", "label:pt-0", "serial:204117", "patient:p-b", "patient=p-a2qm-0000", "patient!=none presence:offline", "patient:none", "qm-001", "link:comm-1", "site:gereon", "site:\"Harbour Pain Clinic\"", "drug:morphine", "drug:morph",
		"tag:mri", "tag:none", "tag!=ward-0", "tag:ward-0,ward-4", "group:night", "group:weak", "group:none", "group!=night", "quality:poor", "quality:good,fair", "sync:none", "lacks:none", "refused>0", "reconnects>=20", "gaps:0",
		"level:low", "level:ok", "level:none", "level!=low", "low_in<=14d", "low_in<36h", "low_in>=20d", "low_in:none", "cert<30d", "cert<0h", "cert>=24h", "cert:none",
		"NOT (presence:online OR alarm:high)", "presence:online (tag:mri OR battery<20) NOT site:HARBOUR", "status:active profile:meander-p20",
	} {
		f, err := filter.Parse(q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		p, err := board.Page(all, overview.Query{Filter: f})
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		v := query{Q: q, IDs: []api.ID{}}
		for _, r := range p.Rows {
			v.IDs = append(v.IDs, api.RowOf(r).ID)
		}
		if len(v.IDs) > 0 && len(v.IDs) < len(page.Rows) {
			some++
		}
		out.Queries = append(out.Queries, v)
	}
	if some < 30 {
		t.Errorf("only %d filters mean some rows and not others", some)
	}
	for _, column := range []string{"pump", "patient", "site", "model", "presence", "run", "rate", "reservoir", "battery", "alarms", "heard", "firmware", "status", "data", "library", "sync", "link", "quality", "gaps", "low_in", "cert", "tags"} {
		for _, down := range []bool{false, true} {
			by := overview.Sort{Column: column, Descending: down}
			p, err := board.Page(all, overview.Query{Sort: by})
			if err != nil {
				t.Fatalf("%s: %v", by, err)
			}
			o := order{Sort: by.String()}
			for _, r := range p.Rows {
				o.IDs = append(o.IDs, api.RowOf(r).ID)
			}
			out.Orders = append(out.Orders, o)
		}
	}
	out.Words = overview.Sorted([]string{"", "Zürich", "zurich 2", "Zurich 10", "Äsch", "aachen", "az", "Ærø", "P-10", "P-9", "P09", "P 9", "ME20", "me3", "st. gereon", "St Gereon", "St. Gereon 2", "1.10.0", "1.9.2", "1.9", "001", "1", "é", "e", "E", "Łódź", "Ωmega", "_x", "a_b", "a-b", "a.b"})
	name := filepath.Join("testdata", "vectors", "match.json")
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(want)) != string(raw) {
		t.Errorf("%s is not what the list answers: go test ./fleet/overview -run Vectors -update, and look at the difference", name)
	}
}
