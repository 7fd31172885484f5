package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// TestDecodeOrders prints every document of the shared corpus that is a good one,
// and says in words what it would do.
func TestDecodeOrders(t *testing.T) {
	b, err := os.ReadFile("../../device/order/testdata/vectors/orders/corpus.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct {
		Vectors []struct{ Name, Topic, Bytes, Code string }
	}
	if err := json.Unmarshal(b, &corpus); err != nil {
		t.Fatal(err)
	}
	printed := map[string]int{}
	for _, v := range corpus.Vectors {
		raw, err := hex.DecodeString(v.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := wire.ParseKind(v.Topic)
		out, err := decodePayload(k, raw) // what must not be obeyed may be printed, or not
		if v.Code != string(order.Applied) {
			continue
		}
		text, _ := json.Marshal(out)
		if err != nil || !strings.Contains(string(text), unverified) {
			t.Errorf("%s: %s, %v", v.Name, text, err)
		}
		printed[v.Topic]++
	}
	if printed["dn/order"] < 10 || printed["dn/stop"] < 1 {
		t.Errorf("printed %v: nothing was tested", printed)
	}
}

// TestDecodeAnswer prints an answer with what the pump says of itself.
func TestDecodeAnswer(t *testing.T) {
	r := order.Report{State: order.State{
		Epoch: 3, Gen: 41, Run: wire.Infusing, Program: dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: 240_000}}},
		Contents: dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: 10_000_000}}, Route: dose.Intrathecal},
	}, Volume: 12_000_000, Foreign: true, Bridge: true, Pace: &dose.Dose{Volume: 395_000, Duration: 170_640}, Path: []order.Fluid{
		{Contents: dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: 5_000_000}}, Route: dose.Intrathecal}, Left: 250_000},
	}}
	out, err := decodePayload(wire.UpAck, wire.Encode(wire.Answer{Kind: wire.DnOrder, Code: "applied", ProgramHash: []byte{0xab, 0xcd, 1, 2}, Run: wire.Infusing, Report: r.Encode(), Missed: 7}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"answers applied", "infusing program abcd0102", "did not look at 7", "Generation 41 of life 3", "morphine 10 mg/mL, intrathecal", "0.24 mL", "tip morphine 5 mg/mL, intrathecal, gone after 0.25 mL", "clears it at 0.395 mL over 47 h 24 min", "in nobody", "local programmer", "not to be trusted"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
}
