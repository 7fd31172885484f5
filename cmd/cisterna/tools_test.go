package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoBrowserOnUbuntu: where no package has a browser, the tools say what to do and
// install nothing.
func TestNoBrowserOnUbuntu(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	asked := filepath.Join(dir, "asked")
	write("apt-get", "#!/bin/sh\necho \"$@\" >>'"+asked+"'\nexit 1\n", 0o755)
	cmd := exec.Command("../../.ci/tools", "test")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CHROMIUM="+filepath.Join(dir, "none"),
		"OS_RELEASE="+write("os-release", "NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", 0o600))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "CHROMIUM=/usr/bin/google-chrome make test") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(asked); err == nil {
		t.Error("asked Ubuntu's packages for a browser")
	}
}
