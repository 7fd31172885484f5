package order

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

var update = flag.Bool("update", false, "write the corpus again")

const corpusFile = "testdata/vectors/orders/corpus.json"

// corpus is the file that every verifier must agree with; README.md beside it
// describes it.
type corpus struct {
	Format  string      `json:"format"`
	View    viewJSON    `json:"view"`
	Vectors []vectorDoc `json:"vectors"`
}

type vectorDoc struct {
	Name         string                     `json:"name"`
	Group        string                     `json:"group"`
	Set          map[string]json.RawMessage `json:"set,omitempty"` // replaces members of the view
	Topic        string                     `json:"topic"`
	Retained     bool                       `json:"retained,omitempty"`
	Bytes        Bytes                      `json:"bytes"`
	Code         Code                       `json:"code"`
	Step         int                        `json:"step,omitempty"`
	Class        Class                      `json:"class,omitempty"`
	Burned       bool                       `json:"burned,omitempty"`
	Cached       bool                       `json:"cached,omitempty"`
	Document     *Digest                    `json:"document,omitempty"`
	Prescription *Digest                    `json:"prescription,omitempty"`
	Flip         bool                       `json:"flip,omitempty"` // every single byte changed must be refused as well
}

// viewJSON is a View in JSON.
type viewJSON struct {
	Pump    Digest        `json:"pump"`
	Serial  string        `json:"serial"`
	Site    ID            `json:"site"`
	Patient ID            `json:"patient"`
	Root    Bytes         `json:"root"`
	Keyset  Bytes         `json:"keyset"`  // signed; empty if there is none
	Library Bytes         `json:"library"` // signed; empty if there is none
	Before  Bytes         `json:"before"`
	State   Bytes         `json:"state"`
	Foreign bool          `json:"foreign"`
	Limits  dose.Limits   `json:"limits"`
	Range   dose.Range    `json:"range"`
	Rule    ReservoirRule `json:"reservoir"`
	Ceiling dose.Ceiling  `json:"ceiling"`
	Hour    units.Volume  `json:"hour_nl"`
	Day     units.Volume  `json:"day_nl"`
	Volume  units.Volume  `json:"volume_nl"`
	Fill    units.Volume  `json:"fill_nl"`
	Path    []Fluid       `json:"path"`
	Bridge  *dose.Dose    `json:"bridge"`
	Busy    Busy          `json:"busy"`
	Faults  []string      `json:"faults"`
	Now     int64         `json:"now"`
	Trusted bool          `json:"trusted"`
	Run     int64         `json:"run_ms"`
	Mono    int64         `json:"mono_ms"`
	Windows Windows       `json:"windows"`
	Budgets Budgets       `json:"budgets"`
	Memory  Memory        `json:"memory"`
}

func (w *world) json() viewJSON {
	v := &w.view
	out := viewJSON{
		Pump: v.Pump, Serial: v.Serial, Site: v.Site, Patient: v.Patient, Root: w.rootDoc, Keyset: w.keysDoc, Library: w.libDoc, Before: w.befDoc,
		State: v.State.Encode(), Foreign: v.Foreign, Limits: v.Limits, Range: v.Range, Rule: v.Rule, Ceiling: v.Ceiling, Hour: v.Hour, Day: v.Day,
		Volume: v.Volume, Fill: v.Fill, Path: v.Path, Bridge: v.Bridge, Busy: v.Busy, Faults: v.Faults, Now: v.Now, Trusted: v.Trusted, Run: v.Run, Mono: v.Mono,
		Windows: v.Windows, Budgets: v.Budgets, Memory: v.Memory,
	}
	if v.Keyset.Version == 0 {
		out.Keyset = Bytes{}
	}
	if v.Library.Hash.IsZero() {
		out.Library = Bytes{}
	}
	if v.Before.Hash.IsZero() {
		out.Before = Bytes{}
	}
	if out.Path == nil {
		out.Path = []Fluid{}
	}
	if out.Faults == nil {
		out.Faults = []string{}
	}
	return out
}

// view opens what stands in JSON as a pump would.
func (j *viewJSON) view(t *testing.T) View {
	t.Helper()
	v := View{
		Pump: j.Pump, Serial: j.Serial, Site: j.Site, Patient: j.Patient, Foreign: j.Foreign, Limits: j.Limits, Range: j.Range, Rule: j.Rule,
		Ceiling: j.Ceiling, Hour: j.Hour, Day: j.Day, Volume: j.Volume, Fill: j.Fill, Path: j.Path, Bridge: j.Bridge, Busy: j.Busy, Faults: j.Faults,
		Now: j.Now, Trusted: j.Trusted, Run: j.Run, Mono: j.Mono, Windows: j.Windows, Budgets: j.Budgets, Memory: j.Memory,
	}
	var err error
	must := func(what string) {
		if err != nil {
			t.Fatalf("view: %s: %v", what, err)
		}
	}
	v.Root, err = OpenRoot(j.Root, Hash(j.Root))
	must("root")
	if len(j.Keyset) > 0 {
		v.Keyset, err = v.Root.OpenKeyset(j.Keyset)
		must("keyset")
	}
	if len(j.Library) > 0 {
		v.Library.Hash = Hash(j.Library)
		v.Library.Library, err = v.Root.OpenLibrary(j.Library)
		must("library")
	}
	if len(j.Before) > 0 {
		v.Before.Hash = Hash(j.Before)
		v.Before.Library, err = v.Root.OpenLibrary(j.Before)
		must("library before")
	}
	v.State, err = DecodeState(j.State)
	must("state")
	return v
}

// judge is what a pump with the view answers to a vector.
func (d *vectorDoc) judge(v *View) Verdict {
	kind, ok := wire.ParseKind(d.Topic)
	if !ok {
		return Verdict{Code: "unknown topic"}
	}
	var err error
	switch kind {
	case wire.DnKeyset:
		_, err = v.Root.TakeKeyset(d.Bytes, v.Keyset.Version)
	case wire.DnLibrary:
		_, err = v.Root.TakeLibrary(d.Bytes, v.Library.Library.Version)
	case wire.DnRoot:
		_, err = v.Root.TakeRoot(d.Bytes)
	default:
		return Verify(Delivery{Kind: kind, Retained: d.Retained, Bytes: d.Bytes}, v)
	}
	if err != nil {
		return Verdict{Code: CodeOf(err), Detail: err.Error()}
	}
	return Verdict{Code: Applied}
}

// makeCorpus signs every vector.
func makeCorpus(t *testing.T) corpus {
	t.Helper()
	base := newWorld()
	c := corpus{Format: "cisterna orders corpus 1", View: base.json()}
	before := members(t, c.View)
	for _, m := range allVectors() {
		w := newWorld()
		d := vectorDoc{Name: m.name, Group: m.group, Code: m.code, Step: m.step, Topic: m.topic, Flip: m.flip, Retained: m.retained}
		d.Bytes = m.make(w)
		for k, raw := range members(t, w.json()) {
			if !bytes.Equal(raw, before[k]) {
				if d.Set == nil {
					d.Set = map[string]json.RawMessage{}
				}
				d.Set[k] = raw
			}
		}
		got := d.judge(&w.view)
		d.Class, d.Burned, d.Cached = got.Class, got.Burned, got.Cached
		if !got.Document.IsZero() {
			d.Document = &got.Document
		}
		if !got.Prescription.IsZero() {
			d.Prescription = &got.Prescription
		}
		if got.Code != m.code || m.step != 0 && got.Step != m.step {
			t.Errorf("%s / %s: got %s at step %d (%s), want %s at step %d", m.group, m.name, got.Code, got.Step, got.Detail, m.code, m.step)
		}
		d.Step = got.Step
		c.Vectors = append(c.Vectors, d)
	}
	return c
}

// lines writes the corpus with one vector a line, so that a difference can be
// read.
func (c *corpus) lines(t *testing.T) []byte {
	t.Helper()
	write := func(v any) []byte {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		return bytes.TrimSpace(b.Bytes())
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"format\":%s,\n\"view\":%s,\n\"vectors\":[\n", write(c.Format), write(c.View))
	for i := range c.Vectors {
		out.Write(write(c.Vectors[i]))
		if i+1 < len(c.Vectors) {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]}\n")
	return out.Bytes()
}

func members(t *testing.T, v any) map[string]json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCorpusIsCurrent checks that the committed corpus is what the code signs.
func TestCorpusIsCurrent(t *testing.T) {
	c := makeCorpus(t)
	out := c.lines(t)
	if *update && !t.Failed() {
		if err := os.MkdirAll(filepath.Dir(corpusFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(corpusFile, out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, out) {
		t.Errorf("%s is not what the code signs: look at the difference, then go test ./device/order -run Corpus -update", corpusFile)
	}
}

// readCorpus reads the committed corpus as another verifier would.
func readCorpus(t *testing.T) corpus {
	t.Helper()
	b, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	var c corpus
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	if len(c.Vectors) < 150 {
		t.Fatalf("%d vectors: there should be more", len(c.Vectors))
	}
	return c
}

// viewOf returns the view of one vector.
func (c *corpus) viewOf(t *testing.T, d *vectorDoc) View {
	t.Helper()
	all := members(t, c.View)
	for k, raw := range d.Set {
		if _, ok := all[k]; !ok {
			t.Fatalf("%s: sets %s, which no view has", d.Name, k)
		}
		all[k] = raw
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var j viewJSON
	if err := json.Unmarshal(b, &j); err != nil {
		t.Fatalf("%s: %v", d.Name, err)
	}
	return j.view(t)
}

// TestCorpus judges every vector of the file, and wants a positive control in
// each group.
func TestCorpus(t *testing.T) {
	c := readCorpus(t)
	good, bad, names := map[string]int{}, map[string]int{}, map[string]bool{}
	for i := range c.Vectors {
		d := &c.Vectors[i]
		if key := d.Group + "/" + d.Name; names[key] {
			t.Errorf("%s is there twice", key)
		} else {
			names[key] = true
		}
		v := c.viewOf(t, d)
		got := d.judge(&v)
		if got.Code != d.Code || got.Step != d.Step || got.Class != d.Class || got.Burned != d.Burned || got.Cached != d.Cached {
			t.Errorf("%s / %s: got %s at step %d (%s), want %s at step %d", d.Group, d.Name, got.Code, got.Step, got.Detail, d.Code, d.Step)
		}
		oracle(t, d, &v, &got)
		if d.Code == Applied && !d.Cached {
			good[d.Group]++
		} else {
			bad[d.Group]++
		}
	}
	for g := range bad {
		if good[g] == 0 {
			t.Errorf("group %s has no positive control", g)
		}
	}
	t.Logf("%d vectors in %d groups", len(c.Vectors), len(good))
}

// oracle is what holds of every refusal: nothing takes effect, and no counter
// moves but the one that a signed release spends.
func oracle(t *testing.T, d *vectorDoc, v *View, got *Verdict) {
	t.Helper()
	switch {
	case !strings.HasPrefix(d.Topic, "dn/order") && d.Topic != "dn/stop":
		return
	case (got.Effect != nil) != (got.Code == Applied && !got.Cached):
		t.Errorf("%s / %s: %s with effect %v", d.Group, d.Name, got.Code, got.Effect)
	case !got.Burned && got.Effect == nil && !bytes.Equal(got.Memory.Encode(), v.Memory.Encode()):
		t.Errorf("%s / %s: %s changed the memory", d.Group, d.Name, got.Code)
	case got.Burned:
		if code, ok := got.Memory.answered(got.Document); !ok || code != got.Code {
			t.Errorf("%s / %s: burned, and answered %q", d.Group, d.Name, code)
		}
	}
}

// TestFlips changes every single byte of the vectors that ask for it.
func TestFlips(t *testing.T) {
	c := readCorpus(t)
	n := 0
	for i := range c.Vectors {
		d := &c.Vectors[i]
		if !d.Flip {
			continue
		}
		v := c.viewOf(t, d)
		for at := range d.Bytes {
			for _, bit := range []byte{0x01, 0x20, 0x80} {
				flipped := *d
				flipped.Bytes = bytes.Clone(d.Bytes)
				flipped.Bytes[at] ^= bit
				if got := flipped.judge(&v); got.Code == Applied || got.Effect != nil || got.Burned {
					t.Fatalf("%s / %s: byte %d changed by %#x, and %s", d.Group, d.Name, at, bit, got.Code)
				}
				n++
			}
		}
	}
	if n < 5000 {
		t.Fatalf("%d flips", n)
	}
	t.Logf("%d flips, all refused", n)
}
