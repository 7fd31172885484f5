package registry

import "testing"

// TestOrderIDs: an id tells things apart and stays the same.
func TestOrderIDs(t *testing.T) {
	if got := OrderSite(1).String(); got != OrderSite(1).String() || got == OrderSite(2).String() || OrderSite(1).IsZero() {
		t.Errorf("site 1 is %s, site 2 %s", got, OrderSite(2))
	}
	// Pages compute the same: web/console/src/orders/Sides.test.tsx has these two.
	if OrderSite(1).String() != "065bf922e2e0ecaf3eb579d425fe40f5" || OrderPatient("P-AAAA-AAAA").String() != "c856a9fb1f11baa83be33fac82297e33" {
		t.Errorf("the ids of orders have changed: %s, %s", OrderSite(1), OrderPatient("P-AAAA-AAAA"))
	}
	if OrderPatient("P-AAAA-AAAA") == OrderPatient("P-AAAA-AAAB") || !OrderPatient("").IsZero() {
		t.Error("two patients share an id, or nobody has one")
	}
}
