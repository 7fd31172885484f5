package dosing

import (
	"slices"
	"strings"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
)

// Number is a key number of a prescription that a second signer enters from
// another source before they see the proposal's; see numbers.go.
type Number struct {
	Name string `json:"name"` // "day:1" is ingredient 1's daily dose
	Unit string `json:"unit"` // of the entry: ng, nL, ng/mL, ng/h, s, "" for a count or a text
	// is reports whether an entry agrees; a number does within half of the last place
	// that people write, and the rounding to whole nL.
	is func(entered string) bool
}

// Entry is what somebody entered for a number: digits, or text.
type Entry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// names reports whether somebody names the site of an id, by its name or its short
// name. A name that two sites have names neither.
func names(sites []registry.Site, id order.ID, entered string) bool {
	entered = strings.Join(strings.Fields(entered), " ")
	named, found := 0, false
	for _, s := range sites {
		if strings.EqualFold(entered, strings.Join(strings.Fields(s.Name), " ")) || strings.EqualFold(entered, s.Short) {
			named++
			found = found || registry.OrderSite(s.ID) == id
		}
	}
	return found && named == 1
}

// compare returns the names of the numbers that entries differ in. Something that
// is missing differs; something that was not asked for is an error.
func compare(want []Number, got []Entry) ([]string, error) {
	given := map[string]string{}
	for _, e := range got {
		if _, twice := given[e.Name]; twice || !slices.ContainsFunc(want, func(n Number) bool { return n.Name == e.Name }) {
			return nil, refusal.Invalid("entries", "%q was not asked for, or is there twice.", clip(e.Name))
		}
		given[e.Name] = e.Value
	}
	differ := []string{}
	for _, n := range want {
		if !n.is(given[n.Name]) {
			differ = append(differ, n.Name)
		}
	}
	return differ, nil
}

func clip(s string) string { return s[:min(len(s), 40)] }

// Sources are where a second signer may have the numbers from.
func Sources() []string { return []string{"prescription", "syringe", "calculation", "pump", "record"} }
