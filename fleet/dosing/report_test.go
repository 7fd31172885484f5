package dosing

import (
	"testing"
	"time"

	"cisterna/internal/auth"
	"cisterna/internal/pgtest"
)

// TestWeeks: what the report says of a site and a week is what happened there then,
// and nobody counts another site's.
func TestWeeks(t *testing.T) {
	db := pgtest.New(t)
	monday := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	insert := func(site int64, at time.Time, state, finding string) (id int64) {
		t.Helper()
		var closed any
		if state == "applied" {
			closed = at.Add(time.Hour)
		}
		err := db.Get(&id, `INSERT INTO dosing_orders (pump_id, site_id, act, state, wish, document, hash, finding, proposer, proposer_login, proposer_name, created_at, proposed_at, closed_at)
VALUES (1, $1, 'program', $2, '{}', '\x01', decode(lpad(to_hex(floor(random() * 1e9)::bigint), 64, '0'), 'hex'), $3, 1, 'a', 'A', $4, $4, $5) RETURNING id`, site, state, finding, at, closed)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	caught := func(site, order int64, at time.Time, kind, code string) {
		t.Helper()
		var of any
		if order != 0 {
			of = order
		}
		if _, err := db.Exec(`INSERT INTO dosing_catches (site_id, pump_id, order_id, user_id, at, kind, code, detail) VALUES ($1, 1, $2, 1, $3, $4, $5, 'x')`, site, of, at, kind, code); err != nil {
			t.Fatal(err)
		}
	}
	at := monday.Add(30 * time.Hour)
	insert(1, at, "applied", `{"increase": true}`)
	over := insert(1, at, "proposed", `{}`)
	caught(1, over, at, "override", "soft_step")
	caught(1, over, at, "override", "soft_limit")
	caught(1, 0, at, "refused", "E_LIMIT")
	caught(1, over, at, "mismatch", "MISMATCH")
	insert(1, monday.AddDate(0, 0, 8), "proposed", `{}`)
	insert(2, at, "proposed", `{}`)
	if _, err := db.Exec(`INSERT INTO dosing_reviews (site_id, pump_id, what, user_id, name, at, due_at) VALUES (1, 1, 'stop', 1, 'A', $1, $1)`, at); err != nil {
		t.Fatal(err)
	}
	all, err := readWeeks(t.Context(), db, auth.Scope{Sites: []int64{1}}, monday)
	if err != nil {
		t.Fatal(err)
	}
	want := []Week{
		{Site: 1, Monday: monday.AddDate(0, 0, 7), Proposed: 1, Within: 1},
		{Site: 1, Monday: monday, Proposed: 2, Within: 1, SoftLimits: 1, SoftSteps: 1, Caught: 1, Mismatches: 1, Applied: 1, Increases: 1, Alone: 1},
	}
	if len(all) != len(want) {
		t.Fatalf("%d weeks: %+v", len(all), all)
	}
	for i := range want {
		all[i].Monday = all[i].Monday.UTC()
		if all[i] != want[i] {
			t.Errorf("week %d: %+v, want %+v", i, all[i], want[i])
		}
	}
	if later, err := readWeeks(t.Context(), db, auth.Scope{All: true}, monday.AddDate(0, 0, 14)); err != nil || len(later) != 0 {
		t.Errorf("later: %+v, %v", later, err)
	}
}
