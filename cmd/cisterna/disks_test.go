package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server watches where it writes: its keys, its log if that is a file, and the
// database's folder if it is here. What lies on one disk is told once.
func TestPlacesOfAServer(t *testing.T) {
	dir := t.TempDir()
	logged, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logged.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(); _ = w.Close() }()
	names := func(places []watched) string {
		var out []string
		for _, p := range places {
			out = append(out, p.name)
		}
		return strings.Join(out, " ")
	}
	c := &ServeCmd{Keys: dir}
	if got := names(c.places(w)); got != "keys" {
		t.Errorf("with a log that is no file: %s", got)
	}
	c.DatabaseDisk = dir
	if got := names(c.places(logged)); got != "keys log database" {
		t.Errorf("with everything: %s", got)
	}

	all := disksOf(c.places(logged))
	if len(all) != 1 || all[0].Name != "database" || all[0].Err != nil || all[0].Total <= 0 || all[0].Free < 0 || all[0].Free > all[0].Total {
		t.Fatalf("on one disk: %+v", all)
	}
	for _, w := range []string{"the keys", "the server's log", "the database"} {
		if !strings.Contains(all[0].Holds, w) {
			t.Errorf("%q does not say %s", all[0].Holds, w)
		}
	}
	if free, total, err := diskOf(dir); err != nil || total != all[0].Total || free <= 0 {
		t.Errorf("the folder itself: %d of %d, %v; the disk %+v", free, total, err, all[0])
	}

	// /proc is a disk of its own, and a folder that is gone is told of, not left out.
	c.DatabaseDisk = "/proc"
	if all = disksOf(c.places(logged)); len(all) != 2 || all[1].Name != "database" || all[0].Name != "log" {
		t.Errorf("on two disks: %+v", all)
	}
	c.DatabaseDisk = filepath.Join(dir, "gone")
	if all = disksOf(c.places(logged)); len(all) != 2 || all[1].Err == nil || all[1].Name != "database" {
		t.Errorf("with a folder that is gone: %+v", all)
	}
}
