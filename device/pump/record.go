package pump

import (
	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Sample returns what a telemetry sample taken now would say. Use it for
// heartbeats after a Step.
func (m *Machine) Sample(s *State) wire.Sample {
	r := step{m: m, p: m.profile, s: *s, target: s.Run}
	return r.reading()
}

// Rate returns the rate that is programmed to flow now.
func (m *Machine) Rate(s *State) units.Rate {
	r := step{m: m, p: m.profile, s: *s, target: s.Run}
	f := r.flow()
	return f.rate()
}

// sample writes down a reading.
func (r *step) sample() { r.put(wire.Record{Kind: wire.RecordSample, Sample: r.reading()}) }

func (r *step) reading() wire.Sample {
	s := &r.s
	f := r.flow()
	out := wire.Sample{
		Run:         r.phase(),
		RateNLDay:   int64(f.rate()),
		DeliveredNL: int64(nano(s.Delivered)),
		ReservoirNL: int64(s.Reservoir()), SensedNL: -1,
		BatteryMV: r.millivolts(), TemperatureM: r.temperature(), PressurePa: r.pressure(),
		PTMGiven: s.Patient.Given, PTMDenied: s.Patient.Denied,
	}
	if r.p.Sensors.Fill {
		out.SensedNL = int64(s.TrueReservoir())
	}
	if s.Clock.Bad {
		out.Flags |= wire.FlagClockUntrusted
	}
	for bit := range r.m.rules {
		if s.Alarms.Active&(1<<bit) != 0 && r.m.rules[bit].Latched {
			out.Flags |= wire.FlagLatchedAlarm
		}
	}
	return out
}

// Ordered returns what the state hash covers.
func (s *State) Ordered() order.State {
	return order.State{Epoch: s.Epoch, Gen: s.Gen, Run: s.Commanded, Program: s.Program, Contents: s.Contents, Settings: s.Settings, Firmware: s.Firmware}
}

// StateHash returns the SHA-256 that an order names the state by (order.State).
// Faults, boluses, stages, volumes, counters and library do not enter, so a
// patient's bolus or a stalled motor kills no pending order.
func (s *State) StateHash() [32]byte {
	o := s.Ordered()
	return o.Hash()
}

// MaxState bounds an encoded state in bytes.
const MaxState = 32 << 10

// Encode returns the state as deterministic CBOR.
func (s *State) Encode() []byte { return dose.EncodeCBOR(s) }

// Decode reads what Encode wrote, strictly, and checks that Step can run it. It
// returns a value or an error, never both.
func Decode(b []byte) (State, error) {
	var s State
	if err := dose.DecodeCBOR(b, &s, MaxState); err != nil {
		return State{}, err
	}
	if err := s.valid(); err != nil {
		return State{}, err
	}
	return s, nil
}

// valid checks everything that Step relies on. A pump whose memory fails this
// check has a critical memory error.
func (s *State) valid() error {
	if err := s.Program.Form(); err != nil {
		return err
	}
	if !s.Contents.Empty() {
		if err := s.Contents.Validate(); err != nil {
			return err
		}
	}
	if err := s.Limits.Validate(); err != nil {
		return err
	}
	for _, check := range [...]struct {
		what string
		ok   bool
	}{
		{"run state", s.Commanded >= wire.Infusing && s.Commanded <= wire.Stopped},
		{"program without contents", !s.Contents.Empty() || s.Commanded == wire.Stopped},
		{"infusing without a program", s.Commanded != wire.Infusing || len(s.Program.Segments) > 0},
		{"scale", s.Scale >= 1 && s.Scale <= MaxScale},
		{"running time", s.Run >= 0 && s.Run <= maxRun && s.Started >= 0 && s.Started <= s.Run},
		{"clock", s.Clock.validAt(s.Run)},
		{"volumes", s.Delivered >= 0 && s.Delivered <= maxPico && s.Fill.At >= 0 && s.Fill.At <= s.Delivered && s.Fill.Volume >= 0 && s.Fill.Volume <= dose.MaxVolume && s.Settings.Low >= 0 && s.Settings.Low <= dose.MaxVolume && s.left() >= 0},
		{"stage", s.Stage.valid() && s.Next.valid() && (s.Next.Kind == NoStage || s.Next.Kind == BridgeStage)},
		{"ledger", s.Ledger.validAt(s.Run)},
		{"path", s.validPath()},
		{"patient", s.Patient.validAt(s.Run)},
		{"battery", s.Battery.Used >= 0 && s.Battery.At >= 0 && s.Battery.At <= s.Run && s.Battery.From >= 0 && s.Battery.From <= s.Delivered && s.Battery.ERIAt >= 0 && s.Battery.ERIAt <= s.Run},
		{"alarms", s.Alarms.validAt(s.Run)},
		{"world", s.World.validAt(s.Delivered)},
		{"sample", s.SampleAt >= 0 && s.SampleAt <= maxRun},
		{"firmware", len(s.Firmware) <= wire.MaxText},
	} {
		if !check.ok {
			return refuse(dose.BadForm, "pump state: %s", check.what)
		}
	}
	return nil
}

// Bounds that keep all arithmetic of a step inside 64 bits: a hundred years, and
// a hundred times what a pump moves in its life.
const (
	maxRun  = Millis(100 * 366 * dayMS)
	maxPico = Pico(1 << 56)
	maxWall = int64(1 << 52) // some 140,000 years of milliseconds
)

func (c *Clock) validAt(run Millis) bool {
	return c.Mono >= 0 && c.Mono <= maxWall && c.Base > -maxWall && c.Base < maxWall && c.Wall > -maxWall && c.Wall < maxWall &&
		c.Zone > -86_400 && c.Zone < 86_400 && c.SlewDay >= 0 && c.SlewDay <= run && c.Slewed >= 0
}

func (g *Stage) valid() bool {
	if g.Kind == NoStage {
		return *g == Stage{}
	}
	d := g.Dose
	return g.Kind <= BridgeStage && g.Start >= 0 && g.Start <= maxRun && d.Volume > 0 && d.Volume <= dose.MaxVolume && d.Duration > 0 && d.Duration <= dose.MaxDuration &&
		g.Done >= 0 && g.Done < int64(d.Duration)*1000 && g.Given >= 0 && g.Given <= int64(d.Volume)*1000 && g.From >= 0 && g.From <= g.Given
}

func (l *Ledger) validAt(run Millis) bool {
	// Earlier pumps let the line grow beyond its bound, by a point for each bolus that a reboot cut.
	ok := l.Sum >= 0 && l.Sum <= maxPico && len(l.Points) >= 1 && len(l.Points) <= 2*maxPoints &&
		l.Ceiling.Hour >= 0 && l.Ceiling.Hour <= dose.MaxVolume && l.Ceiling.Day >= 0 && l.Ceiling.Day <= dose.MaxVolume
	at, sum := Millis(0), Pico(0)
	for _, p := range l.Points {
		ok = ok && p.At >= at && p.At <= run && p.Sum >= sum && p.Sum <= l.Sum
		at, sum = p.At, p.Sum
	}
	for i, g := range l.Gone {
		ok = ok && g.validAt(run) && (i == 0 || g.Code > l.Gone[i-1].Code)
	}
	return ok && len(l.Gone) <= maxGone
}

func (p *Patient) validAt(run Millis) bool {
	return rising(p.Starts, dose.MaxPTM+1, run) && rising(p.DeniedLog, maxDenied, run) && p.Locked >= 0 && p.Locked <= maxRun+int64(units.Week)*1000 &&
		p.Since >= 0 && p.Since <= run && p.Given >= 0 && p.Denied >= 0
}

func rising(list []Millis, most int, run Millis) bool {
	last := Millis(0)
	for _, t := range list {
		if t < last || t > run {
			return false
		}
		last = t
	}
	return len(list) <= most
}

func (a *Alarms) validAt(run Millis) bool {
	for bit := range 32 {
		if a.Active&(1<<bit) != 0 && profile.CodeOf(bit) == "" {
			return false
		}
	}
	within := func(t Millis) bool { return t >= never && t <= run }
	return within(a.Standing) && within(a.Off) && within(a.Stalled) && a.Held >= 0 && a.Held <= run
}

func (w *World) validAt(delivered Pico) bool {
	return w.Left >= 0 && w.Left <= int64(dose.MaxVolume)*1000 && w.Flowed >= 0 && w.Flowed <= maxPico && w.At >= 0 && w.At <= delivered &&
		w.Flow <= 10*permille && w.Kink <= permille && w.Block >= 0 && w.Block <= delivered && w.Warm >= 0 && w.Warm <= 100_000
}
