package overview

import (
	"context"
	"slices"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// TestTimeline reads a timeline whose items share their times, in pages of every
// size: nothing is missing, nothing comes twice, and the order holds.
func TestTimeline(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	p := r.pump(r.sites[0])
	p.hello(nil)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	var events []wire.Record
	for range 20 { // all at one moment
		events = append(events, wire.Record{Kind: wire.RecordEvent, Wall: at.UnixMilli(), Event: &wire.Event{Code: "ptm.given", Detail: map[string]string{"volume_nl": "12000"}}})
	}
	p.records(wire.UpEvent, events...)
	p.records(wire.UpTele, wire.Record{Kind: wire.RecordGap, Wall: at.UnixMilli(), Gap: &wire.Gap{Through: p.seq + 3, Reason: "overflow"}})
	p.records(wire.UpAlarm, wire.Record{Kind: wire.RecordRaise, Wall: at.UnixMilli(), Raise: &wire.Raise{Code: "RES_LOW", Priority: wire.PriorityLow}},
		wire.Record{Kind: wire.RecordClear, Wall: at.UnixMilli(), Clear: &wire.Clear{Code: "RES_LOW"}})
	for range 3 {
		p.send(wire.UpTele, []byte("garbage"))
	}
	// Everything of one moment, so that only the tie-break orders it.
	for _, q := range []string{
		`UPDATE alarm_changes SET at = $1`, `UPDATE telemetry_refusals SET received_at = $1`,
		`INSERT INTO telemetry_presence_log (pump_id, at, was, state) SELECT id, $1, 'never', 'online' FROM registry_pumps`,
	} {
		r.exec(q, at)
	}
	r.eventually("the presence of its own", func() bool {
		return r.id(`SELECT count(*) FROM telemetry_presence_log WHERE pump_id = $1`, p.id) >= 2
	})
	whole, err := r.view.Timeline(ctx, all, p.id, "", 400, Only{})
	if err != nil || whole.Next != "" {
		t.Fatalf("%v %q", err, whole.Next)
	}
	kinds := map[Kind]int{}
	seen := map[string]bool{}
	for i, it := range whole.Items {
		kinds[it.Kind]++
		if seen[it.ID] || it.Title == "" || it.At.IsZero() {
			t.Errorf("item %+v", it)
		}
		seen[it.ID] = true
		if i > 0 && it.At.After(whole.Items[i-1].At) {
			t.Errorf("item %d is newer than the one before", i)
		}
	}
	if kinds[KindEvent] != 20 || kinds[KindGap] != 1 || kinds[KindAlarm] != 2 || kinds[KindRefusal] != 3 || kinds[KindPresence] < 2 || kinds[KindAudit] < 2 {
		t.Errorf("kinds %v", kinds)
	}
	for limit := 1; limit <= 7; limit++ {
		var got []Item
		for next := ""; ; {
			page, err := r.view.Timeline(ctx, all, p.id, next, limit, Only{})
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.Items...)
			if next = page.Next; next == "" {
				break
			}
			if len(page.Items) != limit {
				t.Fatalf("a page of %d in pages of %d", len(page.Items), limit)
			}
		}
		if !slices.EqualFunc(got, whole.Items, func(a, b Item) bool { return a.ID == b.ID }) {
			t.Fatalf("in pages of %d there are %d items, at once %d", limit, len(got), len(whole.Items))
		}
	}
	only, err := r.view.Timeline(ctx, all, p.id, "", 100, Only{Kinds: []Kind{KindGap, KindAlarm}})
	if err != nil || len(only.Items) != 3 {
		t.Errorf("only gaps and alarms: %d items, %v", len(only.Items), err)
	}
	for _, bad := range []string{"x", "1.event.2.3", "1.nothing.2.3.4", "1.event.a.3.4"} {
		if _, err := r.view.Timeline(ctx, all, p.id, bad, 10, Only{}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("place %q: %v", bad, err)
		}
	}
	if _, err := r.view.Timeline(ctx, all, p.id, "", 10, Only{Kinds: []Kind{"nothing"}}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("an unknown kind: %v", err)
	}
	if _, err := r.view.Timeline(ctx, auth.Scope{Sites: r.sites[1:]}, p.id, "", 10, Only{}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("from another site: %v", err)
	}
}

// Another version of the firmware is in the timeline where it was first reported, and
// a pump's first word is no change.
func TestTimelineTellsOfFirmware(t *testing.T) {
	r := newRig(t)
	p := r.pump(r.sites[0])
	p.hello(nil)
	p.hello(func(h *wire.Hello) { h.Firmware, h.FirmwareComm = "1.1.0", "2.1.0" })
	p.hello(func(h *wire.Hello) { h.Firmware, h.FirmwareComm, h.State.Library = "1.1.0", "2.1.0", []byte("another") })
	page, err := r.view.Timeline(context.Background(), all, p.id, "", 100, Only{Kinds: []Kind{KindAudit}, By: []By{ByPump}})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]telemetry.FirmwareChange
	for _, it := range page.Items {
		if it.Code == "pump.hello" {
			got = append(got, it.Firmware)
		}
	}
	if len(got) != 3 || got[0] != nil || got[2] != nil || !slices.Equal(got[1], []telemetry.FirmwareChange{{Part: "pump", Was: "1.0.0", Is: "1.1.0"}, {Part: "communicator", Was: "2.0.0", Is: "2.1.0"}}) {
		t.Errorf("the hellos tell of %v", got)
	}
	if text := page.Items[1].Detail; text != "The firmware of the pump is 1.1.0; it was 1.0.0. The firmware of the communicator is 2.1.0; it was 2.0.0." {
		t.Errorf("in words: %q", text)
	}
}

func TestDetail(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	p := r.pump(r.sites[0])
	p.hello(nil)
	p.records(wire.UpTele, sample(time.Now(), 7_000_000, 2900), wire.Record{Kind: wire.RecordGap, Wall: time.Now().UnixMilli(), Gap: &wire.Gap{Through: 9, Reason: "overflow"}})
	p.send(wire.UpTele, []byte("garbage"))
	p.records(wire.UpAlarm, wire.Record{Kind: wire.RecordRaise, Wall: time.Now().UnixMilli(), Raise: &wire.Raise{Code: "RES_LOW", Priority: wire.PriorityLow}})
	d, err := r.view.Detail(ctx, all, p.id)
	if err != nil {
		t.Fatal(err)
	}
	if d.Pump.ID != p.id || d.Communicator == nil || d.Communicator.Serial != p.link || len(d.Pairings) != 1 || d.ProfileDoc == nil || d.State == nil || d.State.Firmware != "1.0.0" ||
		d.Sample == nil || d.Sample.ReservoirNL != 7_000_000 || len(d.Cursors) != 2 || d.Cursors[0].Seq != 9 || len(d.Gaps) != 1 || d.RefusalsTotal != 1 || d.Program != nil {
		t.Errorf("detail %+v", d)
	}
	for _, scope := range []auth.Scope{{}, {Sites: r.sites[1:]}} {
		if _, err := r.view.Detail(ctx, scope, p.id); errs.KindOf(err) != errs.NotFound {
			t.Errorf("scope %+v: %v", scope, err)
		}
	}
	rows, err := r.view.Alarms(ctx, all, alarm.Filter{State: alarm.FilterOpen})
	if err != nil || len(rows) != 1 || rows[0].Serial == "" || rows[0].Label != "a label" || rows[0].Code != "RES_LOW" {
		t.Errorf("alarms %+v %v", rows, err)
	}
}
