package live

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every kind of frame that this package makes is listed, and described in
// PROTOCOL.md: who hears which is tested by the list (web.TestWhoHearsWhat).
func TestKindsAreAll(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"t":"([a-z]+)"|\bT:\s+"([a-z]+)"|(?:bye|reset|beat|hello)\{"([a-z]+)"`).FindAllStringSubmatch(string(text), -1) {
			made[m[1]+m[2]+m[3]] = true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(Kinds())), slices.Sorted(maps.Keys(made))); diff != "" {
		t.Errorf("kinds of frames (-listed +made):\n%s", diff)
	}
	protocol, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range Kinds() {
		if !strings.Contains(string(protocol), `{"t":"`+kind+`"`) {
			t.Errorf("PROTOCOL.md does not describe %s", kind)
		}
	}
}
