package order

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"cisterna/device/wire"
)

const shownFile = "testdata/vectors/orders/shown.json"

// shownDoc is a prescription beside what the API shows of it.
type shownDoc struct {
	Name  string       `json:"name"`
	Bytes Bytes        `json:"bytes"`
	Shown Prescription `json:"shown"`
}

// values are the parts of a document's JSON that make no difference to its shape.
var values = regexp.MustCompile(`"[0-9a-f]{32,}"|"?\b[0-9]+\b"?`)

// TestShownOfEveryShape writes what the API shows of a prescription of every shape
// in the corpus. A screen that decodes the bytes by itself compares with it: it
// must come to the same JSON, member by member.
func TestShownOfEveryShape(t *testing.T) {
	b, err := os.ReadFile(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	var c corpus
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	var docs []shownDoc
	shapes, acts := map[string]bool{}, map[Act]bool{}
	for _, v := range c.Vectors {
		if v.Topic != wire.DnOrder.String() || v.Code != Applied {
			continue
		}
		e, err := OpenEnvelope(v.Bytes)
		if err != nil {
			continue // a withdrawal, or what the root signed
		}
		p, err := DecodePrescription(e.Prescription)
		if err != nil {
			t.Fatalf("%s, %s: %v", v.Group, v.Name, err)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("%s, %s: %v", v.Group, v.Name, err)
		}
		shape := values.ReplaceAllString(string(text), "0")
		acts[p.Act] = true
		if !shapes[shape] {
			shapes[shape] = true
			docs = append(docs, shownDoc{v.Group + ": " + v.Name, e.Prescription, p})
		}
	}
	for a := ActProgram; a <= ActClock; a++ {
		if !acts[a] {
			t.Errorf("the corpus has no %s that a pump applies", a)
		}
	}
	var out bytes.Buffer
	for i, d := range docs {
		out.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		enc := json.NewEncoder(&out) // one a line
		enc.SetEscapeHTML(false)
		if err := enc.Encode(d); err != nil {
			t.Fatal(err)
		}
	}
	out.WriteString("]\n")
	if *update && !t.Failed() {
		if err := os.WriteFile(shownFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(shownFile); err != nil || !bytes.Equal(have, out.Bytes()) {
		t.Errorf("%s is not what the API shows of the corpus: look at the difference, then go test ./device/order -run Shown -update (%v)", shownFile, err)
	}
}
