package events

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whoever looks through all groups sees everything once.
func TestEveryNameHasOneGroup(t *testing.T) {
	for _, e := range Catalogue() {
		if !slices.Contains(Groups(), GroupOf(e.Name)) {
			t.Errorf("%s is in no group: add it, or what stands before its dot, to groupsOf", e.Name)
		}
	}
	var names []string
	for _, g := range Groups() {
		names = append(names, NamesOf(g)...)
	}
	slices.Sort(names)
	if !slices.Equal(names, NamesOf(Groups()...)) || len(names) != len(catalogue) {
		t.Errorf("by group there are %d names, in the catalogue %d", len(names), len(catalogue))
	}
	for key := range groupsOf {
		if _, ok := Lookup(key); !ok && (strings.Contains(key, ".") || !known(key+".")) {
			t.Errorf("groupsOf has %q, and no event is called so", key)
		}
	}
	for name, want := range map[string]Group{"pump.edit": GroupDevice, "pump.enrol": GroupLink, "order.applied": GroupOrders, "nothing.at_all": ""} {
		if got := GroupOf(name); got != want {
			t.Errorf("%s is in %q, want %q", name, got, want)
		}
	}
}

// The codes here are those that the pump's own code writes, but for those that are
// about the device.
func TestReportsAreThoseOfPumps(t *testing.T) {
	written := reportCodes(t)
	if len(written) < 15 {
		t.Fatalf("found only %v: the search no longer works", written)
	}
	for code := range reports {
		if !slices.Contains(written, code) {
			t.Errorf("no pump reports %s", code)
		}
	}
	device := []string{"BOOT", "CLOCK_JUMP", "CLOCK_SET", "STALL_RECOVERED"}
	for _, code := range written {
		if GroupOfReport(code) == GroupDevice && !slices.Contains(device, code) {
			t.Errorf("%s is new: say in groups.go, or here, what it is about", code)
		}
	}
}

func TestReportsOf(t *testing.T) {
	only, not := ReportsOf(GroupRefills, GroupAlarms)
	if !slices.Equal(only, []string{"ALARM_CLEARED", "REFILLED"}) || not != nil {
		t.Errorf("refills and alarms: %v, not %v", only, not)
	}
	only, not = ReportsOf(GroupDevice, GroupRefills)
	if only != nil || slices.Contains(not, "REFILLED") || len(not) != len(reports)-1 {
		t.Errorf("device and refills: %v, not %v", only, not)
	}
	if only, not = ReportsOf(Groups()...); only != nil || not == nil || len(not) != 0 {
		t.Errorf("everything: %v, not %#v", only, not)
	}
	if only, not = ReportsOf(GroupLink); only != nil || not != nil {
		t.Errorf("link: %v, not %v", only, not)
	}
}

// reportCodes finds the codes of reports among the constants of package
// device/pump, which this package may not use.
func reportCodes(t *testing.T) []string {
	t.Helper()
	src, err := os.ReadFile("../../device/pump/output.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`\n\tEvent\w+\s*= "([A-Z_]+)"`).FindAllStringSubmatch(string(src), -1) {
		out = append(out, m[1])
	}
	return out
}
