package emulator

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

func TestEveryFaultHappensAndPasses(t *testing.T) {
	if len(FaultKinds()) < 30 {
		t.Fatalf("%d kinds of faults", len(FaultKinds()))
	}
	for _, k := range FaultKinds() {
		if k.Name == "communicator-swap" || k.Name == "confirm" {
			continue // needs a claim slip: see TestEnrolment; needs an order: see TestConfirmedAtTheBedside
		}
		t.Run(k.Name, func(t *testing.T) {
			run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
				start(t, f)
				pass(20 * time.Minute)
				if k.Name == "resume" {
					mustInject(t, d, "stop", Fault{})
				}
				mustInject(t, d, k.Name, Fault{})
				pass(20 * time.Minute)
				if k.For == 0 {
					if err := d.EndFault(k.Name); err != nil {
						t.Error(err)
					}
				}
				mustInject(t, d, "reconnect", Fault{})
				pass(2 * time.Hour)
				s := d.Status()
				if !s.Connected || len(s.Faults) != 0 || s.Main.Cursor != s.Main.Last || s.Alarm.Cursor != s.Alarm.Last || !s.Power {
					t.Errorf("two hours later: %+v", s)
				}
			})
		})
	}
}

func TestInjectRefuses(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		if err := d.Inject(Fault{Kind: "stall"}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("before it is started: %v", err)
		}
		start(t, f)
		for _, bad := range []Fault{{Kind: "none"}, {Kind: "press", For: time.Second}, {Kind: "stall", Value: 3}, {Kind: "stall", Text: "x"}, {Kind: "press", Value: 1000}, {Kind: "battery", Value: -1}, {Kind: "communicator-swap", Text: "C-2"}} {
			if err := d.Inject(bad); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		mustInject(t, d, "power-cut", Fault{For: time.Minute})
		if err := d.Inject(Fault{Kind: "press"}); errs.KindOf(err) != errs.Conflict {
			t.Errorf("without power: %v", err)
		}
		if err := d.EndFault("garbage"); errs.KindOf(err) != errs.Conflict {
			t.Error("ended a fault that there was not")
		}
	})
}

func TestParseFault(t *testing.T) {
	at, pumps, f, err := ParseFault("at=30s pump=3  kind=occlusion for=20s value=7 ")
	if err != nil || at != 30*time.Second || pumps != "3" || (f != Fault{Kind: "occlusion", For: 20 * time.Second, Value: 7}) {
		t.Errorf("%v %q %+v %v", at, pumps, f, err)
	}
	if _, _, f, err := ParseFault("pump=* kind=communicator-swap text=C-9 cisterna:enrol?server=a:1 b"); err != nil || f.Text != "C-9 cisterna:enrol?server=a:1 b" {
		t.Errorf("%+v %v", f, err)
	}
	for _, bad := range []string{"", "pump=1", "kind=stall", "pump=1 kind=nothing", "pump=1 kind=stall for=3", "pump=1 kind=stall x=1", "pump=1 stall", "pump=1 kind=stall value=a"} {
		if _, _, _, err := ParseFault(bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPowerCut(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Hour)
		before := d.Status()
		mustInject(t, d, "power-cut", Fault{For: 10 * time.Minute})
		pass(5 * time.Minute)
		if s := d.Status(); s.Connected || s.Power {
			t.Errorf("without power: %+v", s)
		}
		pass(time.Hour)
		after := d.Status()
		if after.Boot == before.Boot || after.DeliveredNL < before.DeliveredNL || after.ProgramHash != before.ProgramHash || after.Main.Epoch != 1 {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
		var boots, mono int
		last := uint64(0)
		for _, r := range g.records(d, wire.MainLane, 1) {
			if r.Mono < last {
				mono++
			}
			last = r.Mono
			if r.Event != nil && r.Event.Code == "BOOT" {
				boots++
			}
		}
		if boots != 1 || mono != 1 {
			t.Errorf("%d boots, monotonic time fell %d times", boots, mono)
		}
	})
}

func TestBadNetwork(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Minute)
		for _, k := range []string{"duplicate", "reorder", "delay"} {
			mustInject(t, d, k, Fault{For: 3 * time.Hour})
			pass(3 * time.Hour)
		}
		mustInject(t, d, "reorder", Fault{For: 3 * time.Hour})
		mustInject(t, d, "delay", Fault{For: 3 * time.Hour, Value: 90_000})
		mustInject(t, d, "duplicate", Fault{For: 3 * time.Hour})
		pass(4 * time.Hour)
		s := d.Status()
		recs := g.records(d, wire.MainLane, 1)
		if s.Main.Cursor != s.Main.Last || uint64(len(recs)) != s.Main.Last {
			t.Errorf("%d records, %+v", len(recs), s)
		}
		twice := map[string]int{}
		for _, h := range g.of() {
			twice[string(h.payload)]++
		}
		if !slices.ContainsFunc(slices.Collect(mapValues(twice)), func(n int) bool { return n > 1 }) {
			t.Error("nothing came twice")
		}
	})
}

func mapValues[K comparable, V any](m map[K]V) func(yield func(V) bool) {
	return func(yield func(V) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// TestHostilePublications: each is what it says, and the pump's own stream does
// not suffer.
func TestHostilePublications(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		other := adopt(t, f, newTrust(t, time.Now()), "S-2", quick(60))
		g.know(other)
		start(t, f)
		pass(time.Minute)
		tests := map[string]string{
			"garbage": "E_MALFORMED", "malformed": "E_MALFORMED", "wrong-signature": "E_SIGNATURE", "flood": "E_MALFORMED",
			"sequence-jump": "", "future-epoch": "", "foreign-body": "E_PAIRING",
		}
		for kind, code := range tests {
			before, n := d.Status().Refused[code], len(g.of())
			mustInject(t, d, kind, Fault{})
			pass(time.Second)
			if after := d.Status().Refused[code]; code != "" && after == before {
				t.Errorf("%s: no refusal %s", kind, code)
			}
			if len(g.of()) == n {
				t.Errorf("%s: nothing came", kind)
			}
		}
		connects := f.Stats().Connects
		for _, kind := range []string{"oversize", "packet-garbage", "foreign-topic"} {
			mustInject(t, d, kind, Fault{})
			pass(2 * time.Minute)
			if n := f.Stats().Connects; n == connects {
				t.Errorf("%s: the connection lived on", kind)
			} else {
				connects = n
			}
		}
		mustInject(t, d, "ten-years", Fault{})
		pass(time.Hour)
		ahead := 0
		for _, r := range g.records(d, wire.MainLane, 1) {
			if r.Wall > time.Now().AddDate(9, 0, 0).UnixMilli() {
				ahead++
			}
		}
		if ahead != 1 {
			t.Errorf("%d records ten years ahead", ahead)
		}
		if s := d.Status(); s.Main.Cursor != s.Main.Last || s.Main.Epoch != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestClockJump(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		pass(time.Minute)
		mustInject(t, d, "clock-jump", Fault{Value: -3600, For: time.Hour})
		pass(30 * time.Minute)
		if s := d.Status(); s.SkewMS != -3_600_000 || !slices.Contains(s.Alarms, "CLOCK_DRIFT") {
			t.Errorf("%+v", s)
		}
		delivered := d.Status().DeliveredNL
		pass(time.Hour)
		if s := d.Status(); s.SkewMS != 0 || s.DeliveredNL <= delivered {
			t.Errorf("%+v", s)
		}
	})
}

func TestSeedsAreDeterministic(t *testing.T) {
	var payloads [2][]byte
	for i := range payloads {
		run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
			if err := d.SeedHistory(7); err != nil {
				t.Fatal(err)
			}
			if err := d.SeedHistory(7); errs.KindOf(err) != errs.Conflict {
				t.Errorf("a second past: %v", err)
			}
			start(t, f)
			pass(time.Minute)
			for _, r := range g.records(d, wire.MainLane, 1) {
				payloads[i] = wire.AppendRecord(payloads[i], &r)
			}
		})
	}
	if len(payloads[0]) < 10_000 || !bytes.Equal(payloads[0], payloads[1]) {
		t.Errorf("%d and %d bytes, not the same", len(payloads[0]), len(payloads[1]))
	}
}

func TestErrorsAreForPeople(t *testing.T) {
	run(t, nil, func(t *testing.T, g *ground, f *Fleet, d *Device) {
		start(t, f)
		err := d.Inject(Fault{Kind: "refill", Value: 1 << 40})
		if errs.KindOf(err) != errs.Conflict || !strings.Contains(err.Error(), "S-1 refuses") {
			t.Error(err)
		}
	})
}

// TestFaultsAreDocumented holds the page's table against the one in the code.
func TestFaultsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, k := range FaultKinds() {
		value, help := k.Value, k.Help
		if value != "" && k.Default != 0 {
			value = fmt.Sprintf("%s; %d", value, k.Default)
		}
		if k.Text != "" {
			help += "; text: " + k.Text
		}
		if row := fmt.Sprintf("| `%s` | %s | %s | %s |", k.Name, k.Lasts(), value, help); !strings.Contains(string(page), row) {
			t.Errorf("docs/emulator.md lacks %s", row)
		}
		rows++
	}
	if n := strings.Count(string(page), "\n| `"); n != rows {
		t.Errorf("docs/emulator.md has %d faults, the code %d", n, rows)
	}
}
