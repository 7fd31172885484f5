package filter

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the vectors")

// vector is one filter and what becomes of it. The console parses the same ones.
type vector struct {
	In        string   `json:"in"`
	Canonical string   `json:"canonical,omitempty"`
	At        int      `json:"at"`
	Len       int      `json:"len"`
	Reason    string   `json:"reason,omitempty"`
	Allowed   []string `json:"allowed,omitempty"`
}

var inputs = []string{
	"", "  ", "MEA", `"left side"`, "a b  c", "a AND b", "a OR b c", "(a OR b) c", "a (b c)", "NOT a", "NOT NOT a", "NOT (a b)", "NOT(a OR b)",
	"presence:offline", "presence:OFFLINE,stale", "presence : offline", "presence!=online", "presence:none", "presence:gone", "presence<online",
	"alarm:high", "alarm:none", "alarm:HIGH,high", `alarm:"none"`, "status=active", "run:none", "sync:behind", "lacks:library,keyset", "quality:poor",
	"battery<40", "battery < 40 %", "battery<40 %,50 %", "last_heard > 15 m", "battery<40 m", "refused>3 x", "battery<40%", "battery<=40.0", "battery<40.5", "battery:none", "battery<none", "battery<", "battery<x", "battery<40mV", "battery=40,50",
	"reservoir<2.5", "reservoir<2.5mL", "reservoir<2.5ml", "reservoir>=2500µL", "reservoir>0.0000001", "reservoir>2.", "reservoir>.5", "reservoir<99999999999999999999",
	"rate>1mL/day", "rate>=500uL/d", "voltage<2800", "voltage<2.8V", "fill<=20%",
	"last_heard>15m", "last_heard>90s", "last_heard>24h", "last_heard>0s", "last_heard>15", "last_heard:15m", "last_heard:none", "last_heard=none", "last_data>=1.5h", "since<2d", "last_heard>99999d",
	"level:low", "level:LOW,none", "level:full", "level<low", "low_in<14", "low_in<=14d", "low_in<36h", "low_in<1.5d", "low_in<5m", "low_in:none", "cert<30d", "cert<720h", "cert<0h", "cert:none", "cert<30", "cert:30d", "cert<30m",
	"firmware!=1.2.0", "firmware:1.2", `label:"mri clinic"`, `label:""`, `label:"say \"a\\b\""`, `label:"none"`, "label:none", "link:COMM:7", "label:=x", "serial:ME20,ME30",
	"site:GEREON", `site:"Harbour Pain Clinic"`, `model:"Meander P40"`, "tag:ward-3", "tag:none", "tag!=ward-3", "group:night", "drug:morphine", "refused>0", "refused>3x", "reconnects>=10", "gaps:0",
	"bateri<40", "presense:offline", "x:1", "presence:", "presence:,offline", "presence:offline,", "presence>offline", "a OR", "OR a", "AND", "a AND", "a AND OR b", "NOT", "NOT )", "()", "( )", "(a", "a)", ")", "(", ":a", "=", "!a", "a!", "a,b", `"open`, `"a\x"`, `""`, "or and not", `"OR"`, "a=b=c", "battery<4,5",
	"Größe ÄÖ", "label:Größe", "presence:offline battery<40 (alarm:high OR alarm:medium) NOT tag:ward-3 \"left side\"", "a\u00a0b", "a\x00b", "presence:offlin\u00e9",
}

func try(in string) vector {
	v := vector{In: in}
	f, err := Parse(in)
	if e, ok := errors.AsType[*Error](err); ok {
		v.At, v.Len, v.Reason, v.Allowed = e.At, e.Len, e.Reason, e.Allowed
		return v
	}
	v.Canonical = f.String()
	return v
}

// The vectors are what other programs of this repository are held to: run with
// -update after a change, and read the difference.
func TestVectors(t *testing.T) {
	name := filepath.Join("testdata", "vectors", "parse.json")
	var got []vector
	for _, in := range inputs {
		got = append(got, try(in))
	}
	raw, err := json.MarshalIndent(got, "", " ")
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
		t.Errorf("%s is not what the parser does: go test ./fleet/filter -update, and look at the difference", name)
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"a AND b":                            "a b",
		"a OR b c":                           "a OR b c",
		"(a OR b) c":                         "(a OR b) c",
		"a (b (c d))":                        "a b c d",
		"NOT(a OR b)":                        "NOT (a OR b)",
		"NOT a b":                            "NOT a b",
		"battery < 40":                       "battery<40%",
		"battery=40 %,50":                    "battery=40%,50%",
		"presence:OFFLINE,stale,offline":     "presence:offline,stale",
		"reservoir>=2500µL":                  "reservoir>=2.5mL",
		"voltage<2.8V":                       "voltage<2800mV",
		"last_heard>1440m":                   "last_heard>1d",
		"last_heard>90s":                     "last_heard>90s",
		`label:"none"`:                       `label:"none"`,
		`alarm:"none"`:                       "alarm:none",
		`model:"Meander P40"`:                `model:"Meander P40"`,
		`"OR"`:                               `"OR"`,
		"firmware!=1.2.0,1.3.0":              "firmware!=1.2.0,1.3.0",
		"rate>1mL/day":                       "rate>1mL/d",
		"last_data>=1.5h":                    "last_data>=90m",
		"(a)":                                "a",
		"((presence:offline)) AND (NOT (b))": "presence:offline NOT b",
	} {
		f, err := Parse(in)
		if err != nil || f.String() != want {
			t.Errorf("%s: %q, %v; want %q", in, f.String(), err, want)
		}
	}
	for in, want := range map[string]struct {
		at, length int
		says       string
	}{
		"a bateri<40":                 {2, 6, "battery"},
		"presence:gone":               {9, 4, "online, stale"},
		"presence>offline":            {8, 1, ":, =, !="},
		"battery<40mV":                {8, 4, "no unit"},
		"battery<40.5":                {8, 4, "decimals"},
		"last_heard>15":               {11, 2, "needs its unit"},
		"last_heard:15m":              {11, 3, "compared"},
		"a OR":                        {2, 2, "both sides"},
		"(a":                          {0, 1, "never closed"},
		"a)":                          {1, 1, "closes nothing"},
		`x "open`:                     {2, 1, "never closed"},
		"presence:offline,":           {17, 0, "needs a value"},
		"battery<none":                {8, 4, "neither"},
		"größe presense:a":            {6, 8, "presence"},
		strings.Repeat("(", 40) + "a": {33, 1, "deep"},
		strings.Repeat("a ", 300):     {400, 1, "more than 200"},
		strings.Repeat("a", 2001):     {0, 0, "longer"},
		"\xff":                        {0, 0, "UTF-8"},
	} {
		_, err := Parse(in)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.At != want.at || e.Len != want.length || !strings.Contains(e.Error(), want.says) {
			t.Errorf("%.30s: %+v; want %+v", in, err, want)
		}
	}
}

type pump struct {
	serial, presence string
	battery          int64
	known            bool
	tags             []string
	heard            time.Time
}

var schema = &Schema[pump]{
	Text: func(p *pump) string { return Fold(p.serial + "\n" + strings.Join(p.tags, "\n")) },
	Fields: map[string]Getter[pump]{
		"serial":     {Text: func(p *pump) string { return p.serial }},
		"presence":   {Text: func(p *pump) string { return p.presence }},
		"battery":    {Number: func(p *pump) (int64, bool) { return p.battery, p.known }},
		"tag":        {Texts: func(p *pump) []string { return p.tags }},
		"last_heard": {Time: func(p *pump) time.Time { return p.heard }},
		"group": {Match: func(v Value) (Predicate[pump], error) {
			if v.Text != "night" {
				return nil, errors.New("no such group")
			}
			return func(p *pump, _ time.Time) bool { return p.battery > 50 }, nil
		}},
	},
}

func TestCompile(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	pumps := []pump{
		{"ME-1", "online", 80, true, []string{"ward-3"}, now.Add(-time.Minute)},
		{"ME-2", "offline", 30, true, []string{"ward-3", "mri"}, now.Add(-time.Hour)},
		{"TA-3", "never", 0, false, nil, time.Time{}},
	}
	for in, want := range map[string]string{
		"":                            "ME-1 ME-2 TA-3",
		"me":                          "ME-1 ME-2",
		"serial:me-1":                 "ME-1",
		"serial=ME":                   "",
		"MRI":                         "ME-2",
		"presence:offline,never":      "ME-2 TA-3",
		"presence!=offline":           "ME-1 TA-3",
		"battery<40":                  "ME-2",
		"NOT battery<40":              "ME-1 TA-3",
		"battery:none":                "TA-3",
		"battery!=30":                 "ME-1 TA-3",
		"battery>=30 battery<=80":     "ME-1 ME-2",
		"tag:WARD-3":                  "ME-1 ME-2",
		"tag:ward-3 tag:mri":          "ME-2",
		"tag!=ward-3":                 "TA-3",
		"tag:none":                    "TA-3",
		"last_heard>15m":              "ME-2",
		"last_heard:none":             "TA-3",
		"last_heard<=60s OR tag:mri":  "ME-1 ME-2",
		"group:night":                 "ME-1",
		"group!=night":                "ME-2 TA-3",
		"(presence:online OR mri) TA": "",
	} {
		f, err := Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		p, err := Compile(f, schema)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var got []string
		for i := range pumps {
			if p(&pumps[i], now) {
				got = append(got, pumps[i].serial)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
	f, _ := Parse("group:day")
	if _, err := Compile(f, schema); err == nil {
		t.Error("a group that does not exist compiles")
	}
	f, _ = Parse("rate>1")
	if _, err := Compile(f, schema); err == nil {
		t.Error("a field that nothing reads compiles")
	}
}

func TestAnd(t *testing.T) {
	a, _ := Parse("a OR b")
	b, _ := Parse("c d")
	if got := a.And(b).String(); got != "(a OR b) c d" {
		t.Error(got)
	}
	var none Filter
	if got := a.And(none).String() + none.And(b).String(); got != "a OR bc d" {
		t.Error(got)
	}
	if b.And(none).Empty() || !none.And(none).Empty() {
		t.Error("what is empty")
	}
}

func TestUses(t *testing.T) {
	f, err := Parse("a (NOT group:x OR tag:y)")
	if err != nil || !f.Uses("group") || !f.Uses("tag") || f.Uses("site") {
		t.Errorf("%v %v", f, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, in := range inputs {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Parse(in)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || !got.Empty() || e.At < 0 || e.Len < 0 || e.At+e.Len > len([]rune(in)) || e.Reason == "" {
				t.Fatalf("%q: %#v %v", in, got, err)
			}
			return
		}
		out := got.String()
		again, err := Parse(out)
		if err != nil || !reflect.DeepEqual(got, again) || again.String() != out {
			t.Fatalf("%q prints %q, which parses to %q, %v", in, out, again.String(), err)
		}
	})
}
