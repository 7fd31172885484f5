package migrations

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestLandedMigrationsStay: a migration that has landed never changes. Databases that
// have it would not get the change, and would differ from those that begin with it.
// testdata/landed.sha256 has the sum of every migration, as sha256sum prints them.
func TestLandedMigrationsStay(t *testing.T) {
	table, err := os.ReadFile("testdata/landed.sha256")
	if err != nil {
		t.Fatal(err)
	}
	landed := map[string]string{}
	for line := range strings.Lines(string(table)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || landed[name] != "" {
			t.Fatalf("testdata/landed.sha256: %q", line)
		}
		landed[name] = sum
	}
	names, err := fs.Glob(FS, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	for i, name := range names {
		b, err := FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("%s: the next migration is %s…: numbers rise by one and none is used twice", name, want)
		}
		if strings.Contains(string(b), "+goose Down") {
			t.Errorf("%s: migrations go forward only", name)
		}
		sum := sha256.Sum256(b)
		switch was := landed[name]; {
		case was == "":
			t.Errorf("%s is new: add its line, in this folder, with\n\tsha256sum %s >> testdata/landed.sha256", name, name)
		case was != hex.EncodeToString(sum[:]):
			t.Errorf("%s has landed and has changed since. Never change a landed migration: put it back, and add a new one that makes the change.", name)
		}
		delete(landed, name)
	}
	for name := range landed {
		t.Errorf("%s has landed and is gone: databases have it. Put it back.", name)
	}
}
