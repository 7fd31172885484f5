package telemetry

import (
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func contents(codes ...dose.Code) dose.Contents {
	c := dose.Contents{Route: dose.Intrathecal}
	for _, code := range codes {
		c.Ingredients = append(c.Ingredients, dose.Ingredient{Code: code, Conc: units.Conc(units.Milligram)})
	}
	return c
}

// running is the state of a pump that gives 0.4 mL a day of something.
func running(c dose.Contents) order.State {
	return order.State{Run: wire.Infusing, Contents: c, Program: dose.Program{
		Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: 400_000}},
	}}
}

// TestSeverity: the gravest drug decides, also the one that is still on its way to
// the patient, and the library's word before the drug's name.
func TestSeverity(t *testing.T) {
	report := func(f func(*order.Report)) *wire.State {
		r := order.Report{State: running(contents(dose.Morphine))}
		f(&r)
		return &wire.State{Report: r.Encode(), Contents: contents(dose.Ziconotide).Encode()}
	}
	for _, tt := range []struct {
		name string
		st   *wire.State
		want dose.Severity
	}{
		{"nothing said", &wire.State{}, 0},
		{"garbage", &wire.State{Report: []byte{1}, Contents: []byte{2}}, 0},
		{"contents alone", &wire.State{Contents: contents(dose.Morphine, dose.Clonidine).Encode()}, dose.WithdrawalSevere},
		{"a drug of the site's own", &wire.State{Contents: contents(1007).Encode()}, dose.WithdrawalModerate},
		{"the report before the contents", report(func(*order.Report) {}), dose.WithdrawalModerate},
		{"the library's word", report(func(r *order.Report) {
			r.Limits = dose.Limits{Ingredients: []dose.Limit{{Code: dose.Morphine, Max1h: 1, Max24h: 1, Withdrawal: dose.WithdrawalDeadly}}}
		}), dose.WithdrawalDeadly},
		{"still on the way", report(func(r *order.Report) {
			r.Path = []order.Fluid{{Contents: contents(dose.Baclofen), Left: 1}}
		}), dose.WithdrawalDeadly},
		{"never filled", report(func(r *order.Report) { r.State.Contents = dose.Contents{} }), 0},
	} {
		if got := severityOf(tt.st); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestBurdenPriority(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		severity dose.Severity
		empty    time.Time
		want     wire.Priority
	}{
		{"not known", 0, time.Time{}, wire.PriorityHigh},
		{"none", dose.WithdrawalNone, time.Time{}, 0},
		{"moderate, full", dose.WithdrawalModerate, now.Add(emptySoon + time.Second), 0},
		{"moderate, nearly empty", dose.WithdrawalModerate, now.Add(emptySoon), wire.PriorityHigh},
		{"moderate, empty", dose.WithdrawalModerate, now.Add(-time.Hour), wire.PriorityHigh},
		{"severe", dose.WithdrawalSevere, now.Add(90 * day), wire.PriorityHigh},
		{"deadly", dose.WithdrawalDeadly, time.Time{}, wire.PriorityHigh},
	} {
		if got := (burden{tt.severity, tt.empty}).priority(now); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if got := emptyAt(now, 4_000_000, 400_000); !got.Equal(now.Add(10 * day)) {
		t.Errorf("4 mL at 0.4 mL a day last until %v", got)
	}
	if got := emptyAt(now, 4_000_000, 0); !got.IsZero() {
		t.Errorf("what does not move is empty at %v", got)
	}
	if got := emptyAt(now, maxNL, 1); got.Before(now.Add(9 * 366 * day)) {
		t.Errorf("a great reservoir: %v", got)
	}
	if got := emptyAt(now, -5, 1); !got.Equal(now) {
		t.Errorf("below zero: %v", got)
	}
}

// TestMissedByDrugAndReservoir: two pumps of one profile, one with baclofen, one with
// morphine that runs low while nobody hears of it.
func TestMissedByDrugAndReservoir(t *testing.T) {
	r := newRig(t)
	hours := func(n int) SilenceRule {
		return SilenceRule{Grace: time.Minute, Stale: time.Hour, Offline: 2 * time.Hour, Alarm: time.Duration(n) * time.Hour}
	}
	r.rule = hours(12)
	r.rules = map[dose.Severity]SilenceRule{dose.WithdrawalModerate: hours(48)}
	baclofen, morphine := r.pump(), r.pump()
	start := time.Now().Truncate(time.Second)
	r.set(start)
	r.run()
	say := func(p *pump, c dose.Contents) {
		t.Helper()
		p.send(wire.UpHello, p.hello(func(h *wire.Hello) {
			h.State.Contents = c.Encode()
			h.State.Report = (&order.Report{State: running(c)}).Encode()
		}))
		v := sample(r.now().UnixMilli(), 1) // of 20 mL, at 0.4 mL a day
		v.Sample.ReservoirNL, v.Sample.RateNLDay = 4_000_000, 400_000
		p.send(wire.UpTele, p.batch(wire.UpTele, 1, 1, v))
	}
	say(baclofen, contents(dose.Baclofen))
	say(morphine, contents(dose.Morphine))
	r.stop()
	if a, b := baclofen.presence().rule, morphine.presence().rule; a != hours(12) || b != hours(48) {
		t.Fatalf("rules %+v and %+v", a, b)
	}
	r.open("boot-1")
	r.svc.SetUplink(true)
	want := func(after time.Duration, p *pump, priority wire.Priority) {
		t.Helper()
		r.set(start.Add(after))
		r.sweep()
		a, open := p.alarms()["COMM_LOST"]
		if open != (priority != 0) || open && a.Priority != priority {
			t.Fatalf("after %v: COMM_LOST open is %v, %v, want %v", after, open, a.Priority, priority)
		}
	}
	want(11*time.Hour, baclofen, 0)
	want(12*time.Hour, baclofen, wire.PriorityHigh)
	want(47*time.Hour, morphine, 0)
	want(48*time.Hour, morphine, wire.PriorityMedium)
	want(5*day-time.Second, morphine, wire.PriorityMedium)
	want(5*day, morphine, wire.PriorityHigh)
	r.sweep()
	if a := morphine.alarms()["COMM_LOST"]; a.Count != 2 || a.Detail["withdrawal"] != "moderate" || a.Detail["empty_at"] == "" {
		t.Errorf("the alarm that became urgent: %+v", a)
	}

	// A refill between two starts: the rule of a silent pump follows what it holds.
	r.exec(`UPDATE telemetry_states SET severity = 4 WHERE pump_id = $1`, morphine.id)
	r.open("boot-2")
	r.run()
	if got := morphine.presence().rule; got != hours(12) {
		t.Errorf("after the start: %+v", got)
	}
}

// TestRefillChangesTheRule: a heartbeat that reports other contents brings their rule,
// one that reports nothing keeps it.
func TestRefillChangesTheRule(t *testing.T) {
	r := newRig(t)
	r.rules = map[dose.Severity]SilenceRule{dose.WithdrawalModerate: {Alarm: 48 * time.Hour}}
	p := r.pump()
	r.run()
	p.send(wire.UpHello, p.hello(func(*wire.Hello) {}))
	r.eventually("the strictest rule", func() bool { return p.presence().rule == ruleForTests })
	beat := func(mono uint64, report []byte) {
		p.send(wire.UpHB, p.seal(wire.UpHB, wire.Encode(wire.Heartbeat{
			Pump: p.pub.PumpID(), Boot: [16]byte{1}, Wall: time.Now().UnixMilli(), Mono: mono, State: wire.State{Run: wire.Infusing, Report: report},
		})))
	}
	beat(9000, (&order.Report{State: running(contents(dose.Morphine))}).Encode())
	r.eventually("the rule of morphine", func() bool { return p.presence().rule.Alarm == 48*time.Hour })
	beat(9001, nil)
	r.eventually("the next heartbeat", func() bool { st, _, _ := r.svc.State(t.Context(), p.id); return st.Mono == 9001 })
	r.flush()
	if got := p.presence().rule.Alarm; got != 48*time.Hour {
		t.Errorf("after a heartbeat without a report: %v", got)
	}
}
