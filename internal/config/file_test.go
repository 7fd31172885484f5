package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cisterna.conf")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func known(name string) bool { return name == "http" || name == "database-url" }

func TestRead(t *testing.T) {
	f, err := Read(write(t, "# ours\n\n http = localhost:1 \ndatabase-url=\" a=b \"\n"), known)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := f.Get("http"); v != "localhost:1" || !ok {
		t.Errorf("http %q %v", v, ok)
	}
	if v, _ := f.Get("database-url"); v != " a=b " {
		t.Errorf("database-url %q", v)
	}
	if got, want := f.Place("database-url"), f.Path+":4"; got != want || f.Place("mqtt") != "" {
		t.Errorf("database-url is set at %q, want %q; mqtt at %q", got, want, f.Place("mqtt"))
	}
	if _, ok := f.Get("mqtt"); ok {
		t.Error("a name that is not there was found")
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"http = 1\nhttp = 2":     ":2: http is set twice, first in line 1",
		"\nhtpt = 1":             `:2: there is no setting "htpt"`,
		"http":                   ":1: want `name = value`",
		"= 1":                    ":1: want `name = value`",
		"http = \"x":             ":1: http: the quoted value",
		"HTTP = 1":               ":1: want `name = value`",
		"http = 1 # x\nhttp = 2": ":2: http is set twice",
	} {
		f, err := Read(write(t, text), known)
		if err == nil || f != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none"), known); err == nil {
		t.Error("a missing file was read")
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`a = "b"`)
	f.Fuzz(func(t *testing.T, s string) {
		name, value, err := parseLine(s)
		if err != nil && (name != "" || value != "") {
			t.Fatalf("%q: value %q=%q with error %v", s, name, value, err)
		}
	})
}
