package recall

import (
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// A pump that goes to another site takes its part in recalls with it, whatever state
// that is in: the people there see it, reopen it, log whom they reached and put it
// back on the list.
func TestRecallsFollowAPumpToItsNewSite(t *testing.T) {
	r := newRig(t)
	closed, removed := r.pump(r.site, "ME000150"), r.pump(r.site, "ME000151")
	c := r.create(notice())
	if _, err := r.CloseDevice(r.ctx, r.ada, c.ID, Pump(closed.ID), "inspected", "motor runs"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Remove(r.ctx, r.ada, c.ID, Pump(removed.ID), "another motor"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []int64{closed.ID, removed.ID} {
		if err := postgres.InTx(r.ctx, r.db, func(tx *postgres.Tx) error {
			return r.reg.TransferredTx(r.ctx, tx, auth.System("test"), p, r.other, "moves")
		}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := r.Get(r.ctx, r.ben.Scope(), c.ID); err != nil || got.Counts != (Counts{Closed: 1, Removed: 1}) {
		t.Errorf("counts of the new site: %+v, %v", got.Counts, err)
	}
	if got, err := r.Devices(r.ctx, r.ada.Scope(), c.ID); err != nil || len(got) != 0 {
		t.Errorf("the list of the old site: %+v, %v", got, err)
	}
	if d, err := r.Reopen(r.ctx, r.ben, c.ID, Pump(closed.ID), "it is loud"); err != nil || d.State != DeviceOpen || d.Site != r.other {
		t.Errorf("reopened: %+v, %v", d, err)
	}
	if _, err := r.AddContact(r.ctx, r.ben, c.ID, Pump(closed.ID), Contact{At: t0, Contacted: "the patient", Way: "phone", Outcome: "reached"}); err != nil {
		t.Errorf("contact: %v", err)
	}
	if d, err := r.Add(r.ctx, r.ben, c.ID, Pump(removed.ID), "the same motor"); err != nil || d.State != DeviceOpen || d.Site != r.other {
		t.Errorf("put back: %+v, %v", d, err)
	}
}

// A device that was taken off the list before it came here is put back for here.
func TestPutBackWhereTheDeviceIs(t *testing.T) {
	r := newRig(t)
	p := r.pump(r.site, "ME000150")
	c := r.create(notice())
	if _, err := r.Remove(r.ctx, r.ada, c.ID, Pump(p.ID), "another motor"); err != nil {
		t.Fatal(err)
	}
	// Pumps that moved before their settled entries went with them.
	if _, err := r.db.Exec(`UPDATE registry_pumps SET site_id = $2, rev = rev + 1 WHERE id = $1`, p.ID, r.other); err != nil {
		t.Fatal(err)
	}
	if d, err := r.Add(r.ctx, r.ben, c.ID, Pump(p.ID), "the same motor"); err != nil || d.Site != r.other {
		t.Errorf("put back: %+v, %v", d, err)
	}
}
