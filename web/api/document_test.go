package api

import (
	"encoding/json"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/pump"
)

// TestDocumentListsAreNeverNull: the schema says that lists are arrays, and pages
// count their entries.
func TestDocumentListsAreNeverNull(t *testing.T) {
	program := dose.Program{Mode: dose.Stopped}
	p := order.Prescription{Act: order.ActProgram, Group: order.GroupSpinal, Program: &program, Contents: &dose.Contents{Route: dose.Intrathecal}}
	for name, v := range map[string]any{
		"a rehearsal that was refused": Document[pump.Rehearsal]{pump.Rehearsal{Refused: "E_LIMIT"}},
		"days without doses":           Document[pump.Rehearsal]{pump.Rehearsal{Days: []pump.RehearsedDay{{}}}},
		"a prescription":               Document[order.Prescription]{p},
		"a library":                    Document[order.Library]{order.Library{}},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := string(b); strings.Contains(s, "null") || !strings.Contains(s, "[]") {
			t.Errorf("%s: %s", name, s)
		}
	}
	if program.Segments != nil {
		t.Error("writing changed what was written")
	}
}
