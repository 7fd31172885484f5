package api

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The catalogue of the filter language as the console's tests are given it.
func TestFieldsVector(t *testing.T) {
	name := filepath.Join("testdata", "fields.json")
	raw, err := json.Marshal(pumpFields())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || strings.TrimSpace(string(want)) != string(raw) {
		t.Errorf("%s is not current: go test ./web/api -update (%v)", name, err)
	}
}
