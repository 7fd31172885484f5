package web

import "testing"

// A pump's page says that the communicator which speaks for it is recalled, to
// those who see the pump, until the entry is done with.
func TestPumpTellsOfItsRecalledCommunicator(t *testing.T) {
	f := newFixture(t)
	b := f.signIn("engineer")
	recall, serial := f.commRecall(f.a)
	pump := f.pump(f.a)
	recalls := func() []any {
		c, ok := b.do("GET", "/api/v1/pumps/"+pump, nil).json()["communicator"].(map[string]any)
		if !ok {
			f.Fatal("the pump has no communicator")
		}
		return c["recalls"].([]any)
	}
	f.want("before it is paired", b.do("GET", "/api/v1/pumps/"+pump, nil).json()["communicator"], nil)
	f.db.MustExec(`INSERT INTO registry_pairings (pump_id, link, from_at, reason) VALUES ($1, $2, now(), 'for a test')`, pump, serial)
	list := recalls()
	if len(list) != 1 {
		t.Fatalf("recalls %v", list)
	}
	r := list[0].(map[string]any)
	f.want("the recall", line(r["id"], r["recall_state"], r["state"], r["severity"], r["title"]), line(recall, "open", "check", "II", "For a test"))
	// The pump itself is in no recall.
	f.want("of the pump", b.do("GET", "/api/v1/pumps/"+pump, nil).json()["recalls"], "[]")

	for _, step := range []struct{ act, outcome, state string }{{"confirm", "", "open"}, {"close", "inspected", "closed"}} {
		r := b.do("POST", "/api/v1/recalls/"+recall+"/communicators/"+serial, map[string]any{"act": step.act, "outcome": step.outcome, "reason": "looked at it"})
		f.want(step.act, r.status, 200)
		f.want("after "+step.act, recalls()[0].(map[string]any)["state"], step.state)
	}
}
