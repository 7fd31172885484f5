package keyset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/library"
)

var now = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func ceremony() Ceremony {
	return Ceremony{
		Name: "Test", Demo: true, Origin: "http://localhost:1", CAs: [][]byte{{1, 2}}, Record: "log+1+x",
		Library: library.Sample(now), Profiles: map[string][]byte{"p1": {0xa0}}, Now: now,
	}
}

func TestCreateLoadRenew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	m, err := Create(dir, ceremony())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Profiles) != 1 || !m.Root.Demo || len(m.RootHashText()) != 64 {
		t.Errorf("material %+v", m)
	}
	if err := m.RenewKeyset("http://localhost:2", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	ks, err := again.Root.OpenKeyset(again.Keyset)
	if err != nil || ks.Version != 2 || ks.Origin != "http://localhost:2" {
		t.Errorf("keyset %+v, %v", ks, err)
	}
	if again.RootHash() != m.RootHash() {
		t.Error("the root changed")
	}
	for _, p := range people {
		fi, err := os.Stat(filepath.Join(dir, "secret", p+".key"))
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", p, fi, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if _, err := Create(dir, ceremony()); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, ceremony()); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("second ceremony: %v", err)
	}
	if _, err := Load(dir, now.AddDate(6, 0, 0)); err == nil || !strings.Contains(err.Error(), "hold a new ceremony") {
		t.Errorf("expired root: %v", err)
	}
	for _, name := range []string{"root.cbor", "keyset.cbor", "library.cbor", "profile-p1.cbor"} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte{}, good...)
		bad[len(bad)/2] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, now); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s with a changed byte: %v", name, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir, now); err != nil {
		t.Errorf("restored: %v", err)
	}
}

func TestSampleLibraryIsMarked(t *testing.T) {
	l := library.Sample(now)
	if !l.Sample || !strings.Contains(l.Name, "unapproved") {
		t.Error("the sample does not say that it is unapproved")
	}
	restricted := 0
	for _, d := range l.Drugs {
		if d.Restricted {
			restricted++
		}
		if d.Source == "" {
			t.Errorf("%s has no source", d.Name)
		}
	}
	if restricted != 3 {
		t.Errorf("%d restricted entries, want ketamine, gabapentin and lidocaine", restricted)
	}
}
