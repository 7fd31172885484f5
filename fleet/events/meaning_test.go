package events

import (
	"encoding/json"
	"maps"
	"testing"

	"cisterna/internal/audit"
	"cisterna/internal/postgres"
)

func TestMeaningOf(t *testing.T) {
	for _, c := range []struct{ kind, payload, want string }{
		{"order.approve", `{"meaning":"prescribe","signed":1}`, "prescribe"},
		{"order.approve", `{"meaning":"pharmacist"}`, "pharmacist"},
		{"order.approve", ``, ""}, // erased
		{"order.approve", `{"meaning":7}`, ""},
		{"order.release", ``, "release"},
		{"order.stop", `{"waited":false}`, "stop"},
		{"order.withdraw", ``, "withdraw"},
		{"order.released", ``, ""}, // what the signed release did to its order
		{"order.propose", `{"meaning":"prescribe"}`, ""},
		{"pump.edit", `{"meaning":"prescribe"}`, ""},
	} {
		if got := MeaningOf(audit.Row{Kind: c.kind, Payload: json.RawMessage(c.payload)}); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.kind, c.payload, got, c.want)
		}
	}
	for kind := range meanings {
		if _, ok := Lookup(kind); !ok {
			t.Errorf("nothing writes %s into the record", kind)
		}
	}
}

// An event of a signature says what was said by it and who said it, and nothing else of
// the detail.
func TestEventsOfSignaturesSayTheirMeaning(t *testing.T) {
	r := newRig(t)
	begin := r.start()
	r.run()
	r.must(postgres.InTx(t.Context(), r.db, func(tx *postgres.Tx) error {
		for _, e := range []audit.Entry{
			{Kind: "order.approve", Payload: map[string]any{"meaning": "verify", "signer": "Anna Keller", "key": "00"}},
			{Kind: "order.release", Payload: map[string]any{"signer": "Anna Keller"}},
			{Kind: "order.stop", Payload: map[string]any{"overdose": true}}, // written before entries had the name
			{Kind: "order.sent", Payload: map[string]any{"signer": "Anna Keller"}},
		} {
			e.Actor, e.Site = "person:7 anna", 1
			if err := audit.Append(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	all, _ := r.read(everything, begin, 4)
	for i, want := range []map[string]string{{"meaning": "verify", "signer": "Anna Keller"}, {"meaning": "release", "signer": "Anna Keller"}, {"meaning": "stop"}, {}} {
		if got := all[i].Detail; !maps.Equal(got, want) {
			t.Errorf("%s says %v, want %v", all[i].Name, got, want)
		}
	}
}
