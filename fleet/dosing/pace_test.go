package dosing

import (
	"strings"
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/fleet/library"
	"cisterna/internal/pgtest"
)

// TestTooSoon: an increase is too soon within the library's wait and beyond its
// number in seven days, and those of other drugs do not count.
func TestTooSoon(t *testing.T) {
	now := time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)
	at := func(hours int, codes ...dose.Code) raise {
		return raise{at: now.Add(-time.Duration(hours) * time.Hour), codes: codes}
	}
	pace := library.Pace{Drug: dose.Ziconotide, MinGap: units.Day, Max7d: 3}
	for name, c := range map[string]struct {
		past []raise
		want []string
	}{
		"nothing before":        {},
		"another drug":          {[]raise{at(1, dose.Morphine)}, nil},
		"an hour ago":           {[]raise{at(1, dose.Ziconotide)}, []string{"24 h between steps, until 2026-05-11 11:00 UTC"}},
		"a day ago":             {[]raise{at(24, dose.Ziconotide)}, nil},
		"three in a week":       {[]raise{at(150, dose.Ziconotide), at(100, dose.Ziconotide), at(30, dose.Morphine, dose.Ziconotide)}, []string{"raised 3 times in seven days"}},
		"the first is too old":  {[]raise{at(168, dose.Ziconotide), at(100, dose.Ziconotide), at(30, dose.Ziconotide)}, nil},
		"three and an hour ago": {[]raise{at(100, dose.Ziconotide), at(50, dose.Ziconotide), at(1, dose.Ziconotide)}, []string{"between steps", "3 times"}},
	} {
		got := tooSoon(dose.Ziconotide, pace, c.past, now)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i := range got {
			if !strings.Contains(strings.ReplaceAll(got[i], "1 d ", "24 h "), c.want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], c.want[i])
			}
		}
	}
}

// TestKeeping: a reservoir that outlasts its contents is said so, and one whose
// contents' stability is not known.
func TestKeeping(t *testing.T) {
	l := library.Sample(time.Unix(1_700_000_000, 0))
	program := func(day units.Volume) *dose.Program {
		return &dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: day}}}
	}
	of := func(codes ...dose.Code) dose.Contents {
		c := dose.Contents{Route: dose.Intrathecal}
		for _, code := range codes {
			c.Ingredients = append(c.Ingredients, dose.Ingredient{Code: code, Conc: 1000})
		}
		return c
	}
	for name, c := range map[string]struct {
		contents dose.Contents
		day      units.Volume
		want     string
	}{
		"50 days of what keeps 90":  {of(dose.Morphine), 400_000, ""},
		"100 days of what keeps 90": {of(dose.Morphine), 200_000, "lasts 100 days, and its contents keep 90"},
		"50 days of what keeps 35":  {of(dose.Hydromorphone, dose.Clonidine), 400_000, "keep 35"},
		"nothing known":             {of(dose.Fentanyl), 400_000, "is not known"},
		"stopped":                   {of(dose.Morphine), 0, ""},
	} {
		got := strings.Join(keeping(&l, c.contents, program(c.day), 20*units.Millilitre), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestReadRaises: what counts are applied increases of this pump in this patient.
func TestReadRaises(t *testing.T) {
	db := pgtest.New(t)
	at := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	for i, q := range []struct {
		pump, patient  int64
		state, finding string
	}{
		{1, 7, "applied", `{"raised": [1, 5]}`}, {1, 7, "applied", `{}`}, {1, 8, "applied", `{"raised": [1]}`}, {2, 7, "applied", `{"raised": [1]}`}, {1, 7, "stale", `{"raised": [1]}`},
	} {
		hash := make([]byte, 32)
		hash[0] = byte(i + 1)
		if _, err := db.Exec(`INSERT INTO dosing_orders (pump_id, site_id, patient_id, act, state, wish, document, hash, finding, proposer, proposer_login, proposer_name, created_at, proposed_at, closed_at)
VALUES ($1, 1, $2, 'program', $3, '{}', '\x01', $4, $5, 1, 'a', 'A', $6, $6, $6)`, q.pump, q.patient, q.state, hash, q.finding, at); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRaises(t.Context(), db, 1, 7, at.Add(-time.Hour))
	if err != nil || len(got) != 1 || len(got[0].codes) != 2 || got[0].codes[1] != dose.Ziconotide {
		t.Errorf("raises %+v, %v", got, err)
	}
	if got, err := readRaises(t.Context(), db, 1, 7, at.Add(time.Hour)); err != nil || len(got) != 0 {
		t.Errorf("later: %+v, %v", got, err)
	}
}
