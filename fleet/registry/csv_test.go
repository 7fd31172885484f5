package registry

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/csvfile"
	"cisterna/internal/errs"
)

func TestImportRows(t *testing.T) {
	r := newRig(t)
	r.pump("OLD1")
	file := strings.Join([]string{
		"\ufeffsite,serial,model,profile,label,udi,manual,implanted_on,catheter_length_mm,cap_present", // 1
		"c1,N1,SM II 20,sm2-20,Bed 1,,no,2025-01-01,890,yes",
		`C1,N2,SM II 20,sm2-20,"two`,
		`lines",,,,,`, // 3 and 4: a label with a line break
		"C1,N3,SM II 20,sm2-20,,,yes,,,",
		"",
		"C1,OLD1,SM II 20,sm2-20,,,,,,",                      // 7
		"C1,N1,SM II 20,sm2-20,,,,,,",                        // 8: twice in the file
		"C2,N4,SM II 20,sm2-20,,,,,,",                        // 9: another site
		"C1,N5,SM II 20,nope,,,,,,",                          // 10
		"C1,N6,SM II 20,sm2-20,,(01)00643169001764,,,,",      // 11
		"C1,N7,SM II 20,sm2-20,,,perhaps,,,",                 // 12
		"C1,N8,SM II 20,sm2-20,,,,01.02.2025,,",              // 13
		"C1,N9,SM II 20,sm2-20,,,,,89 cm,",                   // 14
		"C1,N10,SM II 20",                                    // 15
		`C1,N11,SM "II" 20,sm2-20,,,,,,`,                     // 16: a bare quote
		"C1,,SM II 20,sm2-20,,(01)00643169001763(21)N12,,,,", // 17
		",N13,SM II 20,sm2-20,,,,,,",                         // 18
		"C1,N14,SM II 20,sm2-20,\xff,,,,,",                   // 19: not UTF-8
	}, "\n")
	want := []ImportRow{
		{Line: 2, Serial: "N1", Status: "created"},
		{Line: 3, Serial: "N2", Status: "refused", Field: "label"},
		{Line: 5, Serial: "N3", Status: "created"},
		{Line: 7, Serial: "OLD1", Status: "refused"},
		{Line: 8, Serial: "N1", Status: "refused"},
		{Line: 9, Serial: "N4", Status: "refused", Field: "site"},
		{Line: 10, Serial: "N5", Status: "refused", Field: "profile"},
		{Line: 11, Serial: "N6", Status: "refused", Field: "udi"},
		{Line: 12, Serial: "N7", Status: "refused", Field: "manual"},
		{Line: 13, Serial: "N8", Status: "refused", Field: "implanted_on"},
		{Line: 14, Serial: "N9", Status: "refused", Field: "catheter_length_mm"},
		{Line: 15, Status: "refused"},
		{Line: 16, Status: "refused"},
		{Line: 17, Status: "created"},
		{Line: 18, Serial: "N13", Status: "refused", Field: "site"},
		{Line: 19, Serial: "N14", Status: "refused", Field: "label"},
	}
	check := func(dry bool, rep ImportReport, err error) {
		t.Helper()
		if err != nil || rep.Created != 3 || rep.Refused != 13 || len(rep.Rows) != len(want) {
			t.Fatalf("created %d, refused %d, %d rows, %v", rep.Created, rep.Refused, len(rep.Rows), err)
		}
		for i, got := range rep.Rows {
			w := want[i]
			if w.Status == "created" && dry {
				w.Status = "ok"
			}
			if (got.Status == "created") != (got.ID != 0) || (got.Status == "refused") != (got.Error != "") {
				t.Errorf("row %+v", got)
			}
			got.ID, got.Error = 0, ""
			if got != w {
				t.Errorf("got  %+v\nwant %+v", got, w)
			}
		}
	}
	r.leaves(func() {
		rep, err := r.ImportCSV(r.ctx, r.ada, strings.NewReader(file), ImportOptions{DryRun: true})
		check(true, rep, err)
	})
	if ps, err := r.Pumps(r.ctx, r.ada.Scope()); err != nil || len(ps) != 1 {
		t.Fatalf("a dry run left %d pumps, %v", len(ps), err)
	}
	r.leaves(func() {
		rep, err := r.ImportCSV(r.ctx, r.ada, strings.NewReader(file), ImportOptions{})
		check(false, rep, err)
		if ref, ok := r.Directory().ByID(rep.Rows[2].ID); !ok || ref.Status != Manual || ref.Serial != "N3" {
			t.Errorf("directory %+v, %v", ref, ok)
		}
	}, "pump.register", "pump.register", "pump.register")
}

func TestImportRefusesFiles(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name, file string
		actor      auth.Actor
		want       errs.Kind
		says       string
	}{
		{"empty", "", r.ada, errs.Invalid, "first line"},
		{"only a head", "site,serial,model,profile\n", r.ada, errs.Invalid, "no line"},
		{"unknown column", "site,serial,model,profile,colour\n", r.ada, errs.Invalid, "colour"},
		{"column twice", "site,serial,serial,model,profile\n", r.ada, errs.Invalid, "twice"},
		{"no model", "site,serial,profile\n", r.ada, errs.Invalid, "model"},
		{"no serial", "site,model,profile\n", r.ada, errs.Invalid, "serial"},
		{"no site", "serial,model,profile\nA,B,sm2-20\n", r.ada, errs.Invalid, "site"},
		{"auditor", "site,serial,model,profile\n", r.dan, errs.Denied, "engineers"},
	} {
		r.leaves(func() {
			_, err := r.ImportCSV(r.ctx, c.actor, strings.NewReader(c.file), ImportOptions{})
			if kind(t, c.name, err, c.want); err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q in it", c.name, err, c.says)
			}
		})
	}
	big := "site,serial,model,profile\n" + strings.Repeat("C1,A,B,"+strings.Repeat("x", 60<<10)+"\n", csvfile.MaxBytes/(60<<10)+1)
	r.leaves(func() {
		_, err := r.ImportCSV(r.ctx, r.ada, strings.NewReader(big), ImportOptions{})
		kind(t, "a large file", err, errs.Invalid)
	})
}

func TestImportSemicolonsAndSite(t *testing.T) {
	r := newRig(t)
	rep, err := r.ImportCSV(r.ctx, r.ada, strings.NewReader("Serial;Model;Profile;Label\r\nA1;SM II 20;sm2-20;\"a;b, c\"\r\n"), ImportOptions{Site: r.site})
	if err != nil || rep.Created != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if p, err := r.Pump(r.ctx, r.ada.Scope(), rep.Rows[0].ID); err != nil || p.Label != "a;b, c" || p.Site != r.site {
		t.Errorf("%+v, %v", p, err)
	}
	rep, err = r.ImportCSV(r.ctx, r.ada, strings.NewReader("serial,model,profile\nA2,SM II 20,sm2-20\n"), ImportOptions{Site: r.other})
	if err != nil || rep.Refused != 1 {
		t.Errorf("a site of others: %+v, %v", rep, err)
	}
}

// TestExportImport: what one server exports another imports, and exports the
// same; no cell is a formula.
func TestExportImport(t *testing.T) {
	r := newRig(t)
	nasty := []string{"=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "'quoted", "''", "＝1", "a,b;\"c\"", "Straße", ""}
	for i, label := range nasty {
		n := NewPump{Site: r.site, Maker: "Medi", Serial: fmt.Sprintf("S%d", i), Model: "SM II 20", Profile: "sm2-20", Label: label, Manual: i%2 == 0}
		if i == 1 {
			n.Serial = "-7"
			n.UDI = "+A99912345/$$52001510X33"
			n.Facts = Facts{PocketSite: "=abdomen", PocketSide: "right", CatheterModel: "-8780", CatheterMM: 870, TipLevel: "L1", CAP: new(false), AlarmTestOn: "2026-01-01"}
		}
		if _, err := r.RegisterPump(r.ctx, r.ada, n); err != nil {
			t.Fatal(err)
		}
	}
	export := func(r *rig) string {
		var b bytes.Buffer
		if err := r.ExportCSV(r.ctx, r.ada.Scope(), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	file := export(r)
	cells, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil || len(cells) != len(nasty)+1 {
		t.Fatalf("%d lines, %v", len(cells), err)
	}
	for _, row := range cells {
		for _, cell := range row {
			if csvfile.Unguard(csvfile.Guard(cell)) != cell || cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") || strings.HasPrefix(cell, "＝") {
				t.Errorf("cell %q is a formula", cell)
			}
		}
	}
	second := newRig(t)
	rep, err := second.ImportCSV(second.ctx, second.ada, strings.NewReader(file), ImportOptions{})
	if err != nil || rep.Created != len(nasty) {
		t.Fatalf("%+v, %v", rep, err)
	}
	if again := export(second); again != file {
		t.Errorf("exported again:\n%s\nwant\n%s", again, file)
	}
}
