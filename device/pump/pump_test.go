package pump

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// monday is 2026-01-05 00:00:00 UTC, a Monday.
const monday = int64(1_767_571_200_000)

// bench is a pump on the bench: its state, and a caller's two clocks.
type bench struct {
	t   testing.TB
	m   *Machine
	s   State
	now Time
	out []Output // since last looked at
}

func newBench(t testing.TB, id string) *bench {
	t.Helper()
	p := profile.Sample(id)
	if p == nil {
		t.Fatalf("no profile %q", id)
	}
	b := &bench{t: t, m: New(p), now: Time{Mono: 1_000, Wall: monday}}
	b.s = b.m.Fresh(Options{Firmware: "1.0.0"}, b.now)
	return b
}

// do takes an input now and returns the error of the reply, if there is one.
func (b *bench) do(in Input) error {
	b.t.Helper()
	if _, ok := in.(Reboot); ok {
		b.now.Mono = 0
	}
	var out []Output
	b.s, out = b.m.Step(b.s, in, b.now)
	b.out = append(b.out, out...)
	for _, o := range out {
		if o.Reply != nil {
			return o.Reply.Err
		}
	}
	return nil
}

func (b *bench) must(in Input) {
	b.t.Helper()
	if err := b.do(in); err != nil {
		b.t.Fatalf("%T: %v", in, err)
	}
}

// refused checks that an input is refused for a reason, and that it changed
// nothing that an order could.
func (b *bench) refused(in Input, reason dose.Reason) {
	b.t.Helper()
	hash, delivered := b.s.StateHash(), b.s.Delivered
	if err := b.m.Check(b.s, in); dose.ReasonOf(err) != reason {
		b.t.Errorf("Check of %T: %v, want %q", in, err, reason)
	}
	if err := b.do(in); dose.ReasonOf(err) != reason {
		b.t.Errorf("%T: %v, want %q", in, err, reason)
	}
	if b.s.StateHash() != hash || b.s.Delivered != delivered {
		b.t.Errorf("%T was refused and changed the pump", in)
	}
}

// wait lets d pass in one step.
func (b *bench) wait(d units.Seconds) { b.waitMS(int64(d) * 1000) }

func (b *bench) waitMS(ms int64) {
	b.now.Mono += ms
	b.now.Wall += ms
	var out []Output
	b.s, out = b.m.Step(b.s, Tick{}, b.now)
	b.out = append(b.out, out...)
}

// records returns the codes of what was written down since it was last asked,
// samples left out.
func (b *bench) records() (codes []string) {
	for _, o := range b.out {
		switch r := o.Record; r.Kind {
		case wire.RecordEvent:
			codes = append(codes, r.Event.Code)
		case wire.RecordRaise:
			codes = append(codes, "+"+r.Raise.Code)
		case wire.RecordClear:
			codes = append(codes, "-"+r.Clear.Code)
		case wire.RecordSample, wire.RecordGap:
		}
	}
	b.out = nil
	return codes
}

func (b *bench) wrote(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.records(), cmpopts.EquateEmpty()); diff != "" {
		b.t.Errorf("records (-want +got):\n%s", diff)
	}
}

func (b *bench) delivered() units.Volume { return nano(b.s.Delivered) }

func contents(code dose.Code, conc units.Conc) dose.Contents {
	return dose.Contents{Ingredients: []dose.Ingredient{{Code: code, Conc: conc}}, Route: dose.Intrathecal}
}

func limits(code dose.Code, hour, day units.Mass) *dose.Limits {
	return &dose.Limits{Ingredients: []dose.Limit{{Code: code, Max1h: hour, Max24h: day, Withdrawal: code.Withdrawal()}}}
}

func steady(perDay units.Volume) dose.Program {
	return dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: perDay}}}
}

// fill programs a bench's pump with morphine 10 mg/mL.
func (b *bench) fill(volume units.Volume, p dose.Program) {
	b.t.Helper()
	b.must(Change{Refill: &Refill{Volume: volume, Contents: contents(dose.Morphine, 10_000_000)}, Limits: limits(dose.Morphine, 4*units.Milligram, 15*units.Milligram), Program: &p})
}

func TestContinuousDeliversExactly(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(200_000))
	b.wrote(EventRefilled, EventProgrammed)
	for day := 1; day <= 30; day++ {
		b.wait(units.Day)
		if got, want := b.delivered(), units.Volume(day)*200_000; got != want {
			t.Fatalf("day %d: %s, want %s", day, got, want)
		}
	}
	b.wait(12_345)
	if got, want := b.delivered(), units.Volume(30*200_000+200_000*12_345/86_400); got != want {
		t.Errorf("got %d nL, want floor(volume × elapsed ÷ duration) = %d", got, want)
	}
	if got := b.s.Reservoir(); got != 20*units.Millilitre-b.delivered() && got != 20*units.Millilitre-b.delivered()-1 {
		t.Errorf("reservoir %s", got)
	}
}

func TestFlexFollowsLocalTime(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.s.Clock.Zone = 3600
	night := dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{
		{Duration: 6 * units.Hour, Volume: 60_000}, {Offset: 6 * units.Hour, Duration: 18 * units.Hour, Volume: 90_000},
	}}
	b.fill(20*units.Millilitre, night)
	b.wait(5 * units.Hour) // 01:00 to 06:00
	if got := b.delivered(); got != 50_000 {
		t.Errorf("night: %s", got)
	}
	b.wait(units.Hour) // to 07:00
	if got := b.delivered(); got != 55_000 {
		t.Errorf("morning: %s", got)
	}
	b.wait(units.Week)
	if got := b.delivered(); got != 55_000+7*150_000 {
		t.Errorf("a week on: %s", got)
	}
}

func TestWeekFollowsMonday(t *testing.T) {
	b := newBench(t, "meander-p20")
	week := dose.Program{Mode: dose.FlexWeek, Cycle: units.Week, Segments: []dose.Segment{
		{Duration: 5 * units.Day, Volume: 500_000}, {Offset: 5 * units.Day, Duration: 2 * units.Day, Volume: 120_000},
	}}
	b.fill(20*units.Millilitre, week)
	b.wait(5 * units.Day)
	if got := b.delivered(); got != 500_000 {
		t.Errorf("Monday to Friday: %s", got)
	}
	b.wait(units.Day)
	if got := b.delivered(); got != 560_000 {
		t.Errorf("Saturday: %s", got)
	}
}

func TestSingleEndsInMinimum(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, dose.Program{Mode: dose.Single, Cycle: 600, Segments: []dose.Segment{{Duration: 600, Volume: 20_000}}, Then: dose.Minimum})
	b.records()
	b.wait(units.Day + 600)
	if got := b.delivered(); got != 20_000+6_000 {
		t.Errorf("got %s", got)
	}
	b.wrote(EventProgramEnded)
	if b.s.Commanded != wire.Minimum || b.s.Program.Mode != dose.Minimum {
		t.Errorf("ends in %s", b.s.Commanded)
	}
}

func TestPeriodicStartsWhenApplied(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.wait(1_234)
	b.fill(20*units.Millilitre, dose.Program{Mode: dose.Periodic, Cycle: 6 * units.Hour, Segments: []dose.Segment{
		{Duration: 600, Volume: 30_000}, {Offset: 600, Duration: 6*units.Hour - 600, Volume: 1_458},
	}})
	b.wait(600)
	if got := b.delivered(); got != 30_000 {
		t.Errorf("after the first bolus: %s", got)
	}
	b.wait(units.Day - 600)
	if got := b.delivered(); got != 4*31_458 {
		t.Errorf("after a day: %s", got)
	}
}

func TestPatientBolus(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(200_000)
	p.PTM = &dose.PTM{Volume: 10_000, Duration: 600, Lockout: 4 * units.Hour, Max24h: 3, Window: 12 * units.Hour, MaxWindow: 2, ValidFor: 30 * units.Day}
	b.fill(20*units.Millilitre, p)
	b.records()

	b.refused(PTMRequest{}, LockedOut) // a lockout follows programming
	b.wrote(EventPTMDenied)
	b.wait(4*units.Hour - 1)
	b.refused(PTMRequest{}, LockedOut)
	b.wait(1)
	b.must(PTMRequest{})
	before := b.delivered()
	if b.m.Sample(&b.s).Run != wire.Bolus {
		t.Error("no bolus runs")
	}
	b.refused(PTMRequest{}, Busy)
	b.wait(600)
	if got := b.delivered() - before; got != 10_000+1_388 && got != 10_000+1_389 {
		t.Errorf("bolus and program gave %s", got)
	}
	b.wait(4*units.Hour - 600)
	b.must(PTMRequest{})
	b.wait(4 * units.Hour)
	b.refused(PTMRequest{}, EnoughInWindow)
	b.wait(4 * units.Hour) // 12 h after the first
	b.must(PTMRequest{})
	b.wait(6 * units.Hour)
	b.refused(PTMRequest{}, EnoughInADay)
	b.wait(6 * units.Hour) // 24 h after the first
	b.must(PTMRequest{})
	b.wait(30 * units.Day)
	b.refused(PTMRequest{}, Expired)
	if b.s.Patient.Given != 4 || b.s.Patient.Denied != 6 {
		t.Errorf("%d given, %d denied", b.s.Patient.Given, b.s.Patient.Denied)
	}
	b.refused(Change{Program: &dose.Program{Mode: dose.Continuous}}, dose.BadSegments)
	none := steady(200_000)
	b.must(Change{Program: &none})
	b.refused(PTMRequest{}, NoPTM)
}

func TestPTMAbuse(t *testing.T) {
	b := newBench(t, "meander-p20")
	p := steady(200_000)
	p.PTM = &dose.PTM{Volume: 10_000, Duration: 600, Lockout: units.Day, Max24h: 3}
	b.fill(20*units.Millilitre, p)
	for range 6 {
		b.wait(60)
		b.refused(PTMRequest{}, LockedOut)
	}
	b.records()
	b.wait(60)
	b.refused(PTMRequest{}, LockedOut)
	b.wrote(EventPTMDenied, "+PTM_ABUSE")
	b.wait(units.Day - 361)
	b.wrote()
	b.wait(1)
	b.wrote("-PTM_ABUSE")
}

func TestClinicianBolus(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.refused(GiveBolus{dose.Dose{Volume: 10_000, Duration: 600}}, NotInfusing)
	b.fill(20*units.Millilitre, steady(200_000))
	hash := b.s.StateHash()
	b.must(GiveBolus{dose.Dose{Volume: 10_000, Duration: 600}})
	b.refused(GiveBolus{dose.Dose{Volume: 10_000, Duration: 600}}, Busy)
	p := steady(100_000)
	b.refused(Change{Program: &p}, Busy)
	b.wait(600)
	if b.s.StateHash() != hash {
		t.Error("a bolus changed the state hash")
	}
	b.refused(GiveBolus{dose.Dose{Volume: 500_000, Duration: 3_600}}, AtCeiling) // 5 mg in an hour
	b.refused(GiveBolus{dose.Dose{Volume: 500, Duration: 600}}, dose.BolusTooSmall)
	b.wait(units.Day)

	// A bolus does not take the room from the program that comes after it.
	full := steady(1_450_000)
	b.must(Change{Program: &full})
	b.refused(GiveBolus{dose.Dose{Volume: 60_000, Duration: 600}}, AtCeiling)
	single := dose.Program{Mode: dose.Single, Cycle: 600, Then: dose.Minimum, Segments: []dose.Segment{{Duration: 600, Volume: 20_000}}}
	b.must(Change{Program: &single})
	b.refused(GiveBolus{dose.Dose{Volume: 10_000, Duration: 600}}, Busy)
}

// TestCeilingHoldsBoluses gives boluses until the hour is full.
func TestCeilingHoldsBoluses(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(20*units.Millilitre, steady(240_000)) // 10,000 an hour; the hour takes 400,000
	b.wait(2 * units.Hour)
	for range 3 {
		b.must(GiveBolus{dose.Dose{Volume: 120_000, Duration: 600}})
		b.wait(600)
	}
	b.refused(GiveBolus{dose.Dose{Volume: 120_000, Duration: 600}}, AtCeiling)
	b.wait(1_800)
	b.must(GiveBolus{dose.Dose{Volume: 30_000, Duration: 600}})
}

// TestConstantFlow: the device without electronics has one rate, and nothing to
// alarm with.
func TestConstantFlow(t *testing.T) {
	b := newBench(t, "well-c30")
	refill := &Refill{30 * units.Millilitre, contents(dose.Morphine, 5_000_000)}
	p, slower := steady(1_000_000), steady(900_000)
	b.refused(Change{Refill: refill, Limits: limits(dose.Morphine, units.Milligram, 5*units.Milligram), Program: &slower}, dose.RateBelowMinimum)
	b.must(Change{Refill: refill, Limits: limits(dose.Morphine, units.Milligram, 5*units.Milligram), Program: &p})
	b.records()
	b.wait(30*units.Day + units.Hour)
	if b.s.Reservoir() != 0 || b.delivered() != 30*units.Millilitre {
		t.Errorf("%s delivered, %s left", b.delivered(), b.s.Reservoir())
	}
	b.wrote()
	if got := b.m.Sample(&b.s); got.BatteryMV != 0 || got.SensedNL != -1 {
		t.Errorf("measures %+v", got)
	}
}

// TestScale: a pump of a demonstration consumes faster than it delivers, and
// doses what is real.
func TestScale(t *testing.T) {
	p := profile.Sample("meander-p20")
	b := &bench{t: t, m: New(p), now: Time{Wall: monday}}
	b.s = b.m.Fresh(Options{Scale: 100}, b.now)
	b.fill(18*units.Millilitre, steady(200_000))
	b.wait(12 * units.Hour)
	if b.delivered() != 100_000 || b.s.Reservoir() != 8*units.Millilitre || b.s.TrueReservoir() != 8*units.Millilitre {
		t.Errorf("%s delivered, %s left, really %s", b.delivered(), b.s.Reservoir(), b.s.TrueReservoir())
	}
	b.records()
	b.wait(units.Day)
	b.wrote("+RES_LOW", "+RES_EMPTY")
	if b.delivered() != 180_000 || b.s.Reservoir() != 0 {
		t.Errorf("%s delivered, %s left", b.delivered(), b.s.Reservoir())
	}
	// 36 h of 12 µA and 0.18 mL, a hundredfold, of 1,000 mAh.
	if left := b.m.BatteryPermille(&b.s); left != 953 {
		t.Errorf("battery at %d thousandths", left)
	}
	b.must(Reboot{Cause: Power})
	if o := b.out[len(b.out)-1]; o.Record.Event.Detail["scale"] != "100" {
		t.Errorf("boots with %+v", o.Record.Event)
	}
}

func TestOverheat(t *testing.T) {
	b := newBench(t, "meander-p20")
	b.fill(18*units.Millilitre, steady(200_000))
	b.records()
	b.do(Fault{Kind: Overheat, Value: 4_999})
	b.wrote()
	b.do(Fault{Kind: Overheat, Value: 5_000})
	b.wrote("+TEMP_HIGH")
	if b.m.Sample(&b.s).Run != wire.Minimum {
		t.Error("goes on with an opioid")
	}
	if got := b.m.Sample(&b.s).TemperatureM; got < 41_500 {
		t.Errorf("measures %d m°C", got)
	}
	b.do(Fault{Kind: Overheat, Ends: true})
	b.wrote("-TEMP_HIGH")
}

// stateEqual compares states; a nil list is an empty one.
var stateEqual = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(dose.Segment{}, dose.Ingredient{}, dose.Limit{}, Point{}, Flow{}, Gone{})}
