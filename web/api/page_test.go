package api

import (
	"encoding/csv"
	"errors"
	"net/http"
	"strings"
	"testing"

	"cisterna/internal/errs"
)

func TestCursor(t *testing.T) {
	type place struct {
		Key string
		ID  int64
	}
	text, err := writeCursor(place{"x", 7}, "pumps", "serial", "q")
	if err != nil {
		t.Fatal(err)
	}
	var got place
	if ok, err := readCursor("after", text, &got, "pumps", "serial", "q"); !ok || err != nil || got != (place{"x", 7}) {
		t.Errorf("%v %v %v", ok, err, got)
	}
	if ok, err := readCursor("after", "", &got, "pumps"); ok || err != nil {
		t.Errorf("none: %v %v", ok, err)
	}
	for name, bad := range map[string]struct {
		text string
		list []any
	}{
		"another list":    {text, []any{"pumps", "serial", "other"}},
		"parts that join": {text, []any{"pumps", "serial q"}},
		"cut":             {text[:len(text)-2], []any{"pumps", "serial", "q"}},
		"not one":         {"7", []any{"pumps", "serial", "q"}},
		"not base64":      {"%%%", []any{"pumps", "serial", "q"}},
	} {
		if ok, err := readCursor("after", bad.text, &got, bad.list...); ok || errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

func TestMatchedRev(t *testing.T) {
	if n, err := matchedRev(revTag(12)); n != 12 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	for header, status := range map[string]int{"": http.StatusPreconditionRequired, `"r012"`: 412, "*": 412, `"12"`: 412, `W/"r12"`: 412, `"r-1`: 412} {
		_, err := matchedRev(header)
		if p, ok := errors.AsType[*Problem](err); !ok || p.Status != status {
			t.Errorf("If-Match %s: %v, want %d", header, err, status)
		}
	}
}

func TestCSV(t *testing.T) {
	f := newCSV("a", "b")
	cells := []string{"=1+1", "+49 30", "-1.5", "-x", "@me", "'quoted", "＝x", "plain, with \"quotes\"\nand lines", "", "-", "5.", "\tx"}
	for _, c := range cells {
		f.row(c, "end")
	}
	text := string(f.bytes())
	if !strings.Contains(text, "\r\n") {
		t.Error("no CRLF")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"'=1+1", "'+49 30", "-1.5", "'-x", "'@me", "''quoted", "'＝x", "plain, with \"quotes\"\nand lines", "", "'-", "5.", "'\tx"}
	for i, w := range want {
		if got := rows[i+1][0]; got != w {
			t.Errorf("cell %q is written %q, want %q", cells[i], got, w)
		}
	}
}
