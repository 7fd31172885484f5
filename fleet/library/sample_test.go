package library

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

// TestSampleNamesItsSources: a pharmacist reads what is signed and what is beside it, and
// finds documents there, not pages and tags of this project.
func TestSampleNamesItsSources(t *testing.T) {
	ours := regexp.MustCompile(`(?i)\bdomain\b|reference/|\.md\b|\bMEM-|\bPROP\b|\bSEED\b|\bCALC\b|\bS\d{1,3}[a-c]?\b`)
	l, a := Sample(sampleDate), SampleAnnex()
	texts := map[string]string{}
	for _, d := range l.Drugs {
		texts[d.Name] = d.Source
	}
	for i, m := range l.Mixtures {
		texts[fmt.Sprint("mixture ", i)] = m.Source
	}
	for i, s := range a.Sources {
		texts[fmt.Sprint("annex ", i)] = s.Source
	}
	if len(texts) < 60 {
		t.Fatalf("%d sources", len(texts))
	}
	for what, text := range texts {
		if ours.MatchString(text) || len(text) < 4 {
			t.Errorf("%s: %q", what, text)
		}
	}
}

// TestSampleIsComplete: a pump would take the sample, it fits into a document,
// and what may be ordered by it is what was researched.
func TestSampleIsComplete(t *testing.T) {
	l := Sample(time.Unix(1_700_000_000, 0))
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	if n := len(l.Encode()); n > order.MaxDocument/2 {
		t.Errorf("%d bytes: there must be room for a site's own entries", n)
	}
	for _, d := range l.Drugs {
		if d.Fallback != 0 {
			t.Errorf("%s: the band in which one person may decrease ships empty", d.Name)
		}
		if d.Restricted == (len(d.Limits) > 0) {
			t.Errorf("%s: restricted %v with %d limits", d.Name, d.Restricted, len(d.Limits))
		}
		for _, x := range d.Limits {
			if x.Route != dose.Intrathecal {
				t.Errorf("%s: a limit by the %s route, for which no number was found", d.Name, x.Route)
			}
		}
	}
	of := func(codes ...dose.Code) dose.Contents {
		c := dose.Contents{Route: dose.Intrathecal}
		for _, code := range codes {
			c.Ingredients = append(c.Ingredients, dose.Ingredient{Code: code, Conc: 1000})
		}
		return c
	}
	for _, tt := range []struct {
		name  string
		c     dose.Contents
		group order.Group
		day   units.Mass // of the first ingredient; 0: cannot be ordered
		keep  units.Seconds
	}{
		{"morphine", of(dose.Morphine), order.GroupNonCancer, 15 * units.Milligram, 90 * units.Day},
		{"three drugs", of(dose.Morphine, dose.Bupivacaine, dose.Clonidine), order.GroupCancer, 15 * units.Milligram, 90 * units.Day},
		{"baclofen", of(dose.Baclofen), order.GroupCerebral, units.Milligram, 180 * units.Day},
		{"baclofen for pain", of(dose.Baclofen), order.GroupCancer, 0, 180 * units.Day},
		{"ziconotide", of(dose.Ziconotide), order.GroupNonCancer, 19_200, 40 * units.Day},
		{"ziconotide with bupivacaine", of(dose.Ziconotide, dose.Bupivacaine), order.GroupNonCancer, 0, 0},
		{"ketamine", of(dose.Ketamine), order.GroupCancer, 0, 0},
	} {
		got, err := l.Ceilings(tt.c, tt.group)
		switch {
		case tt.day == 0 && order.CodeOf(err) != order.ErrLibrary:
			t.Errorf("%s: %v", tt.name, err)
		case tt.day != 0 && (err != nil || got.Ingredients[0].Max24h != tt.day):
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
		if keep := l.Stability(tt.c); keep != tt.keep {
			t.Errorf("%s: keeps for %s, want %s", tt.name, keep, tt.keep)
		}
	}
}
