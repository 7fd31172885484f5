package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
)

// confirming makes an installation whose devices want increases confirmed at the
// bedside, and whose pumps live by a clock that is so many nanoseconds ahead.
func confirming(t *testing.T, ahead *atomic.Int64) *installation {
	t.Helper()
	in := install(t)
	var devices []*profile.Profile
	for _, p := range profile.Samples() {
		q := *p
		q.ConfirmIncrease = true
		devices = append(devices, &q)
	}
	var err error
	if in.keys, err = createKeysFor(filepath.Join(in.dir, "confirming"), "Test", "http://localhost", true, time.Now(), devices); err != nil {
		t.Fatal(err)
	}
	in.clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	return in
}

// TestWaitsAtTheBedside: while a pump waits for an increase to be confirmed beside the
// patient, the order says so and until when, by the pump's own signed word, and is no
// further than sent. Confirmed it is applied; if nobody confirms it, or a boot forgets it,
// it waits no more.
func TestWaitsAtTheBedside(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := newOrderWorldOn(t, confirming(t, &ahead), 3)
	p, other, away, ctx, miriam := w.plans[0], w.plans[1], w.plans[2], t.Context(), w.signIn("miriam")
	get := func(id int64) dosing.Order {
		t.Helper()
		o, err := w.app.Dosing.Get(ctx, auth.Scope{All: true}, id)
		return must2(t, o, err)
	}
	leaves := func(kind string) int {
		return w.count(`SELECT count(*) FROM audit_leaf WHERE kind = $1`, kind)
	}
	released := func(id int64) dosing.Order {
		t.Helper()
		before := leaves("order.bedside")
		w.release(id)
		eventually(t, "it waits at the bedside", func() bool { return !get(id).Bedside.Until.IsZero() })
		o := get(id)
		if left := time.Until(o.Bedside.Until); left < 4*time.Minute || left > 5*time.Minute || time.Since(o.Bedside.Since) > time.Minute {
			t.Errorf("it waits since %s, until %s", o.Bedside.Since, o.Bedside.Until)
		}
		if o.State != dosing.Released && o.State != dosing.Sent {
			t.Errorf("a pump that waits for the button made the order %s", o.State)
		}
		eventually(t, "its leaf is in the record", func() bool { return leaves("order.bedside") == before+1 })
		return o
	}
	inject := func(p plannedPump, kind string, lasts time.Duration) {
		t.Helper()
		if err := w.device(p).Inject(emulator.Fault{Kind: kind, For: lasts}); err != nil {
			t.Fatal(err)
		}
	}
	const over = "order.bedside_over"

	// A pump boots while it waits: it waits no more from its first word on, and says of the
	// release, when it comes again, that its window is over.
	b := w.approved(other, w.more(other, 1020))
	released(b.ID)
	inject(other, "watchdog", 0)
	if b = w.ends(b.ID, dosing.Approved); b.Code != order.ErrWindow || !b.Bedside.Until.IsZero() {
		t.Errorf("after a boot: %s, it waits until %s", b.Code, b.Bedside.Until)
	}
	eventually(t, "the record says that it waits no more", func() bool { return leaves(over) == 1 })

	// A pump is away until its release may apply no more: nothing is known to wait then,
	// and what the pump still holds when it is back is no release that counts.
	wish := w.more(away, 1020)
	wish.Flags = []order.Flag{{Code: order.FlagSoftLimit, Reason: "what runs is above it already"}}
	g := w.approved(away, wish)
	released(g.ID)
	inject(away, "link-loss", time.Hour)
	if _, err := w.app.DB.Exec(`UPDATE dosing_letters SET not_after = now() - interval '1 hour' WHERE order_id = $1`, g.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.app.Dosing.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if g = w.ends(g.ID, dosing.Approved); !g.Bedside.Until.IsZero() {
		t.Errorf("given up, and it waits until %s", g.Bedside.Until)
	}
	hellos := func() int { return w.count(`SELECT count(*) FROM telemetry_sessions WHERE pump_id = $1`, away.ID) }
	was := hellos()
	if err := w.device(away).EndFault("link-loss"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pump is back", func() bool { return hellos() > was && w.device(away).Status().Connected })
	if st := w.device(away).Status(); st.Orders.Held == nil || !get(g.ID).Bedside.Until.IsZero() {
		t.Errorf("the pump holds %+v, and the order waits until %s", st.Orders.Held, get(g.ID).Bedside.Until)
	}

	// Nobody confirms it.
	o := w.approved(p, w.more(p, 1020))
	ran := w.device(p).Status().ProgramHash
	released(o.ID)
	ahead.Add(int64(6 * time.Minute))
	if o = w.ends(o.ID, dosing.Approved); o.Code != order.ErrConfirm || !o.Bedside.Until.IsZero() {
		t.Errorf("nobody confirmed it: %s, it waits until %s", o.Code, o.Bedside.Until)
	}

	// Confirmed, also after the connection broke meanwhile: applied. One wait is one entry.
	released(o.ID)
	for _, path := range []string{fmt.Sprintf("/orders/%d", o.ID), fmt.Sprintf("/orders?pump=%d&open=true", p.ID)} {
		var one struct {
			Until *time.Time `json:"bedside_until"`
			Items []struct {
				Until *time.Time `json:"bedside_until"`
			} `json:"items"`
		}
		status, body := miriam.send("GET", path, nil)
		if err := json.Unmarshal(body, &one); status != http.StatusOK || err != nil || one.Until == nil && (len(one.Items) != 1 || one.Items[0].Until == nil) {
			t.Errorf("%s: %d %v %s", path, status, err, body)
		}
	}
	since := w.device(p).Status().Since
	inject(p, "reconnect", 0)
	eventually(t, "it is connected anew", func() bool {
		st := w.device(p).Status()
		return st.Connected && !st.Since.Equal(*since) && st.Orders.Held != nil
	})
	if got := w.device(p).Status(); got.ProgramHash != ran {
		t.Error("the pump runs another program before anybody confirmed it")
	}
	inject(p, "confirm", 0)
	if o = w.ends(o.ID, dosing.Applied); !o.Bedside.Until.IsZero() {
		t.Errorf("applied, and it waits until %s", o.Bedside.Until)
	}
	events, _, err := w.app.Dosing.History(ctx, auth.Scope{All: true}, o.ID)
	i := slices.IndexFunc(events, func(e dosing.Event) bool { return strings.Contains(e.Note, "waits until") })
	if err != nil || i < 0 || len(events[i].Evidence) != 32 || events[i].Actor != auth.Device(w.device(p).Status().Link).String() {
		t.Errorf("its life does not tell of it: %+v, %v", events, err)
	}
	if n := leaves("order.bedside"); n != 4 {
		t.Errorf("%d entries for four waits", n)
	}
	if n := leaves(over); n != 1 {
		t.Errorf("%d entries that say that it waits no more without an answer", n)
	}
}
