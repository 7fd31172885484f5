package registry

import "testing"

// TestOrderIDs: an id tells things apart and stays the same.
func TestOrderIDs(t *testing.T) {
	if got := OrderSite(1).String(); got != OrderSite(1).String() || got == OrderSite(2).String() || OrderSite(1).IsZero() {
		t.Errorf("site 1 is %s, site 2 %s", got, OrderSite(2))
	}
	if OrderPatient("P-AAAA-AAAA") == OrderPatient("P-AAAA-AAAB") || !OrderPatient("").IsZero() {
		t.Error("two patients share an id, or nobody has one")
	}
}
