package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/fleet/events"
	"cisterna/fleet/overview"
	"cisterna/internal/audit"
	"cisterna/internal/postgres"
)

// entry is what these tests look at of an entry of a timeline.
type entry struct{ id, kind, group, by, title, detail string }

// story is a pump of which every kind of entry is told, by everybody.
func (f *fixture) story() string {
	f.Helper()
	pump := f.pump(f.a)
	b := f.signIn("engineer")
	f.want("tag", b.do("POST", "/api/v1/pumps/"+pump+"/tags", map[string]any{"add": []string{"ward"}}).status, 200)
	f.want("claim", b.do("POST", "/api/v1/pumps/"+pump+"/claim", map[string]any{}).status, 200)
	f.want("retire", b.do("POST", "/api/v1/pumps/"+pump+"/retire", map[string]string{"reason": "Its battery is at its end."}).status, 200)
	alarm := f.alarm(pump, "RES_LOW")
	f.want("acknowledge", f.signIn("nurse").do("POST", "/api/v1/alarms/"+alarm+"/acknowledge", map[string]string{"note": "Seen."}).status, 200)
	at := time.Now().Add(-time.Minute)
	codes := []string{"BOOT", "PROGRAMMED", "REFILLED", "ALARM_CLEARED", "REBOUND", "VENDOR_X"}
	for range 10 {
		codes = append(codes, "BOLUS_STARTED", "BOLUS_ENDED")
	}
	for i, code := range codes {
		f.db.MustExec(`INSERT INTO telemetry_events (pump_id, epoch, seq, code, detail, device_at, received_at) VALUES ($1, 1, $2, $3, '{}', $4, $4)`, pump, i+1, code, at)
	}
	f.db.MustExec(`INSERT INTO telemetry_gaps (pump_id, lane, epoch, first_seq, last_seq, reason, device_at, received_at) VALUES ($1, 1, 1, 90, 95, 'overflow', $2, $2)`, pump, at)
	f.db.MustExec(`INSERT INTO telemetry_refusals (pump_id, link, kind, code, reason, received_at) VALUES ($1, 'C-1', 'up/tele', 'E_SIGNATURE', 'The signature is wrong.', $2)`, pump, at)
	f.db.MustExec(`INSERT INTO telemetry_presence_log (pump_id, at, was, state) VALUES ($1, $2, 'never', 'online')`, pump, at)
	f.entries(pump, "order.sent", "system:dosing", "", 1)
	f.entries(pump, "pump.answer", "device:C-1", "", 1)
	f.entries(pump, "patient.bind", "person:7 anna", "Implanted.", 1)
	return pump
}

// entries puts entries about a pump into the record.
func (f *fixture) entries(pump, kind, actor, reason string, n int) {
	f.Helper()
	err := postgres.InTx(f.Context(), f.db, func(tx *postgres.Tx) error {
		for range n {
			if err := audit.Append(f.Context(), tx, audit.Entry{Kind: kind, Actor: actor, Site: f.a, Pump: f.number(pump), Reason: reason}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}

// timeline reads a timeline to its end in pages of a size.
func (f *fixture) timeline(b *browser, pump, query string, limit int) (out []entry) {
	f.Helper()
	for next := ""; ; {
		r := b.do("GET", fmt.Sprintf("/api/v1/pumps/%s/timeline?limit=%d&before=%s&%s", pump, limit, next, query), nil)
		if r.status != 200 {
			f.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		items := r.json()["items"].([]any)
		for _, i := range items {
			m := i.(map[string]any)
			detail, _ := m["detail"].(string)
			out = append(out, entry{m["id"].(string), m["kind"].(string), m["group"].(string), m["by"].(string), m["title"].(string), detail})
		}
		if r.json()["next"] == nil {
			return out
		}
		if len(items) != limit {
			f.Fatalf("%s: a page of %d that is not the last, in pages of %d", query, len(items), limit)
		}
		next = r.json()["next"].(string)
	}
}

// What a filter shows is what stands in the whole timeline and is of it: nothing
// is missing, nothing too much, in the same order, in pages of any size.
func TestTimelineIsNarrowed(t *testing.T) {
	f := newFixture(t)
	pump, b := f.story(), f.signIn("auditor")
	whole := f.timeline(b, pump, "", 200)
	seen := map[string]bool{}
	for _, e := range whole {
		seen[e.group], seen[e.by] = true, true
		if e.kind == "audit" && strings.ContainsAny(e.title, "._") {
			t.Errorf("%q is no title for people", e.title)
		}
	}
	if len(seen) != len(events.Groups())+len(overview.Bys()) {
		t.Fatalf("the story tells only of %v", seen)
	}
	var filters [][2][]string // groups, and whose
	for _, g := range events.Groups() {
		filters = append(filters, [2][]string{{string(g)}, nil}, [2][]string{{string(g), "device"}, nil}, [2][]string{{string(g), "refills"}, {"person"}}, [2][]string{{string(g), "orders"}, {"pump", "system"}})
	}
	for _, w := range overview.Bys() {
		filters = append(filters, [2][]string{nil, {string(w)}})
	}
	var every []string
	for _, g := range events.Groups() {
		every = append(every, string(g))
	}
	filters = append(filters, [2][]string{every, {"person", "pump", "system"}})
	for _, filter := range filters {
		var want []entry
		for _, e := range whole {
			if (filter[0] == nil || slices.Contains(filter[0], e.group)) && (filter[1] == nil || slices.Contains(filter[1], e.by)) {
				want = append(want, e)
			}
		}
		query := fmt.Sprintf("groups=%s&by=%s", strings.Join(filter[0], ","), strings.Join(filter[1], ","))
		for _, limit := range []int{1, 7, 200} {
			if got := f.timeline(b, pump, query, limit); !slices.Equal(got, want) {
				t.Errorf("%s in pages of %d: %d entries, want %d\n%v\n%v", query, limit, len(got), len(want), got, want)
			}
		}
	}
	// Both filters, and one that leaves nothing.
	if got := f.timeline(b, pump, "groups=alarms&kinds=event", 50); len(got) != 1 || got[0].title != "ALARM CLEARED" {
		t.Errorf("alarms among events: %v", got)
	}
	if got := f.timeline(b, pump, "groups=boluses&kinds=presence", 50); len(got) != 0 {
		t.Errorf("boluses among presence: %v", got)
	}
	for _, bad := range []string{"groups=nothing", "by=nobody", "groups=orders,", "by=person,person:7"} {
		f.want(bad, b.do("GET", "/api/v1/pumps/"+pump+"/timeline?"+bad, nil).status, 422)
	}
	elsewhere := f.signIn("auditor-b")
	for _, q := range []string{"", "?groups=boluses&kinds=presence", "?by=person"} {
		f.want("of another site"+q, elsewhere.do("GET", "/api/v1/pumps/"+pump+"/timeline"+q, nil).status, 404)
	}
}

// A reason is shown however many other entries stand between two that are chosen.
func TestTimelineKeepsReasonsFarApart(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	pump := f.pump(f.a)
	f.entries(pump, "pump.edit", "person:7 anna", "The first of two.", 1)
	f.entries(pump, "order.sent", "system:dosing", "", audit.MaxList+50)
	f.entries(pump, "pump.edit", "person:7 anna", "The second of two.", 1)
	got := f.timeline(b, pump, "by=person&groups=device", 50)
	if len(got) != 2 || got[0].detail != "The second of two." || got[1].detail != "The first of two." {
		t.Errorf("got %v", got)
	}
}

// Who signed stands with their printed name as it was then: from the entry of the record,
// and for entries that were written before they had it, from the step of the order.
func TestTimelineNamesWhoSigned(t *testing.T) {
	f := newFixture(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pump := f.pump(f.a)
	var o, other int64
	for _, at := range []*int64{&o, &other} {
		must(f.db.QueryRowContext(f.Context(), `INSERT INTO dosing_orders (pump_id, site_id, act, state, wish, proposer, proposer_login, proposer_name, created_at) VALUES ($1, $2, '', 'draft', '{}', 7, 'anna', 'x', now()) RETURNING id`, pump, f.a).Scan(at))
	}
	step := func(order int64, actor, name, at string) {
		_, err := f.db.ExecContext(f.Context(), `INSERT INTO dosing_events (order_id, at, was, state, actor, name, note) VALUES ($1, now() + $4::interval, '', 'verified', $2, $3, '')`, order, actor, name, at)
		must(err)
	}
	step(o, "person:7 anna", "Anna Brandt", "-1 day")
	step(o, "person:7 anna", "Anna Keller", "0")
	step(o, "person:7 anna", "Anna Weber", "1 day")
	step(o, "person:8 jonas", "Jonas Weiss", "0")
	step(other, "person:9 mia", "Mia Sommer", "0")
	must(postgres.InTx(f.Context(), f.db, func(tx *postgres.Tx) error {
		for _, e := range []audit.Entry{
			{Object: fmt.Sprintf("order:%d", o), Actor: "person:7 anna", Payload: map[string]any{"meaning": "verify"}},
			{Object: fmt.Sprintf("order:%d", o), Actor: "person:7 anna", Payload: map[string]any{"meaning": "verify", "signer": "Dr Anna Keller"}},
			{Object: fmt.Sprintf("order:%d", o), Actor: "person:9 mia", Payload: map[string]any{"meaning": "verify"}}, // no such step
			{Object: fmt.Sprintf("order:%d", o), Actor: "person:8 jonas"},                                             // its detail was erased
		} {
			e.Kind, e.Site, e.Pump = "order.approve", f.a, f.number(pump)
			if err := audit.Append(f.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	var got []any
	for _, i := range f.signIn("nurse").do("GET", "/api/v1/pumps/"+pump+"/timeline?kinds=audit&limit=4", nil).json()["items"].([]any) {
		got = append(got, i.(map[string]any)["signer"])
	}
	if want := []any{nil, nil, "Dr Anna Keller", "Anna Keller"}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	// The same in the stream of events.
	var old []byte
	must(f.db.QueryRowContext(f.Context(), `INSERT INTO events_events (seq, name, at, placed_at, site_id, pump_id, actor, object, device, reason, detail)
SELECT next, 'order.approve', now(), now(), $1, $2, 'person:7 anna', $3, '', '', '{"meaning": "verify"}' FROM events_state RETURNING detail`, f.a, pump, fmt.Sprintf("order:%d", o)).Scan(&old))
	last := f.signIn("nurse").do("GET", "/api/v1/events?names=order.approve&tail=1", nil).json()["items"].([]any)[0].(map[string]any)
	if d := last["detail"].(map[string]any); d["signer"] != "Anna Keller" || d["meaning"] != "verify" {
		t.Errorf("the event says %v", d)
	}
}

// Whoever reads a timeline, in whatever role, reads what was said by a signature.
func TestTimelineSaysWhatWasSigned(t *testing.T) {
	f := newFixture(t)
	pump := f.pump(f.a)
	err := postgres.InTx(f.Context(), f.db, func(tx *postgres.Tx) error {
		for _, e := range []audit.Entry{
			{Kind: "order.approve", Payload: map[string]any{"meaning": "prescribe"}},
			{Kind: "order.approve", Payload: map[string]any{"meaning": "verify"}},
			{Kind: "order.release"},
			{Kind: "order.stop"},
			{Kind: "order.sent"},
		} {
			e.Actor, e.Site, e.Pump = "person:7 anna", f.a, f.number(pump)
			if err := audit.Append(f.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"nurse", "auditor"} {
		var got []any
		for _, i := range f.signIn(who).do("GET", "/api/v1/pumps/"+pump+"/timeline?kinds=audit&limit=5", nil).json()["items"].([]any) {
			got = append(got, i.(map[string]any)["meaning"])
		}
		if want := []any{nil, "stop", "release", "verify", "prescribe"}; !slices.Equal(got, want) {
			t.Errorf("%s reads %v, want %v", who, got, want)
		}
	}
}
