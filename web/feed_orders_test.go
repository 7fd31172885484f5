package web

import (
	"fmt"
	"strings"
	"testing"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
)

// What happens to an order is told to its site, in the lane of the alarms, without
// what the order says; a cut loses nothing of it.
func TestFeedTellsOfOrders(t *testing.T) {
	f := newFixture(t)
	here, there := f.signIn("nurse"), f.signIn("nurse-b")
	snap := here.do("GET", "/api/v1/pumps", nil).json()
	s, other := here.mustListen("?epoch="+snap["epoch"].(string)+"&rev="+line(snap["rev"])), there.mustListen("")
	s.next("hello")
	other.next("hello")
	pump := f.pump(f.a)
	who := auth.Actor{ID: f.someone(f.a, auth.Prescriber), Login: "somebody", Roles: map[int64][]auth.Role{f.a: {auth.Prescriber}}}
	draft := func(id int64, why string) dosing.Order {
		o, err := f.orders.SaveDraft(t.Context(), who, f.number(pump), id, dosing.Wish{Act: order.ActResume, Reason: why})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := draft(0, "a secret reason")
	got := s.next("order")
	change := got["order"].(map[string]any)
	f.want("told", line(got["seq"], got["prev"], change["id"], change["pump"], change["site"], change["state"], change["letter"], change["code"]), line(1, 0, fmt.Sprint(o.ID), pump, fmt.Sprint(f.a), "draft", nil, nil))
	if strings.Contains(fmt.Sprint(got), "secret") {
		t.Errorf("the feed says what the order says: %v", got)
	}
	f.alarm(pump, "COMM_LOST")
	f.want("the alarm after it", s.next("alarm")["seq"], 2)

	// Cut, and two changes meanwhile: both come after the resumption.
	_ = s.conn.Close()
	draft(o.ID, "another")
	draft(o.ID, "and another")
	s = here.mustListen("?epoch=" + snap["epoch"].(string) + "&rev=" + line(snap["rev"]) + "&aseq=2")
	f.want("resumed", s.next("hello")["resumed"], true)
	f.want("the first", s.next("order")["seq"], 3)
	f.want("the second", s.next("order")["seq"], 4)

	// Nobody of another site hears of it: its lane has no numbers but its own.
	foreign := f.pump(f.b)
	f.alarm(foreign, "COMM_LOST")
	f.want("the other site's lane", other.next("alarm", "order")["seq"], 1)
}
