package profile

import (
	"fmt"
	"unicode/utf8"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Validate checks the profile: every number within what a device can be, every
// rule complete. Decode and ParseJSON have done so.
func (p *Profile) Validate() error {
	for _, check := range []func() error{p.identity, p.ranges, p.volumes, p.battery, p.sensors, p.alarms, p.silence, p.sources} {
		if err := check(); err != nil {
			return fmt.Errorf("device profile %q: %w", p.ID, err)
		}
	}
	return nil
}

func (p *Profile) identity() error {
	switch {
	case p.Format != Format:
		return fmt.Errorf("format: %d, want %d", p.Format, Format)
	case !validID(p.ID):
		return fmt.Errorf("id: want 1 to 64 of a–z, 0–9 and -")
	case p.Version == 0:
		return fmt.Errorf("version: counts from 1")
	case !validText(p.Name, 1) || !validText(p.Note, 0):
		return fmt.Errorf("name, note: want at most %d bytes of text", maxText)
	case p.Drive != Peristaltic && p.Drive != ValveMetered && p.Drive != ConstantFlow:
		return fmt.Errorf("drive: unknown %q", p.Drive)
	case p.Verifier != Implant && p.Verifier != Communicator && p.Verifier != Nobody:
		return fmt.Errorf("verifies_signatures: unknown %q", p.Verifier)
	}
	return nil
}

const maxText = 500

func validText(s string, least int) bool {
	return len(s) >= least && len(s) <= maxText && utf8.ValidString(s)
}

func validID(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (p *Profile) ranges() error {
	r := &p.Range
	switch {
	case len(r.Modes) == 0:
		return fmt.Errorf("range.modes: there are none")
	case r.Min < 0 || r.Max <= 0 || r.Min > r.Max || r.Max > maxRate:
		return fmt.Errorf("range.min_rate_nl_day, max_rate_nl_day: from %s to %s", r.Min, r.Max)
	case r.Idle < 0 || r.Idle > r.Max:
		return fmt.Errorf("range.idle_rate_nl_day: %s", r.Idle)
	case r.Resolution <= 0 || r.MaxBolus < 0 || r.MaxBolus > p.Reservoir.Capacity || r.MaxPrime < 0 || r.MaxPrime > p.Reservoir.Capacity:
		return fmt.Errorf("range: a resolution of %s, boluses to %s, priming to %s", r.Resolution, r.MaxBolus, r.MaxPrime)
	case r.Segments > dose.MaxSegmentsPerDay || r.Max24h > dose.MaxPTM:
		return fmt.Errorf("range: %d segments and %d patient boluses a day", r.Segments, r.Max24h)
	case r.Offers(dose.Patient) && (r.Max24h == 0 || r.MinLockout <= 0 || r.MinLockout > units.Week):
		return fmt.Errorf("range.ptm_max_24h, ptm_min_lockout_s: patient boluses need both")
	}
	last := dose.Mode(0)
	for _, m := range r.Modes {
		if m <= last || m > dose.Bridge {
			return fmt.Errorf("range.modes: want each once and in their order")
		}
		last = m
	}
	if fixed := p.Drive == ConstantFlow; fixed != (r.Min == r.Max) || fixed && (len(r.Modes) != 1 || r.Modes[0] != dose.Continuous) {
		return fmt.Errorf("range: a constant-flow device, and no other, has one rate and one mode")
	}
	return nil
}

// maxRate is 100 mL a day: far above any implant.
const maxRate = units.Rate(100 * units.Millilitre)

func (p *Profile) volumes() error {
	r, path, a := &p.Reservoir, &p.Path, &p.Accuracy
	switch {
	case r.Capacity <= 0 || r.Capacity > dose.MaxVolume:
		return fmt.Errorf("reservoir.capacity_nl: %s", r.Capacity)
	case r.Residual < 0 || r.Residual >= r.Capacity:
		return fmt.Errorf("reservoir.residual_nl: %s", r.Residual)
	case r.LowMin < 0 || r.LowMin > r.LowDefault || r.LowDefault > r.LowMax || r.LowMax >= r.Capacity:
		return fmt.Errorf("reservoir: low alarm from %s to %s, by default %s", r.LowMin, r.LowMax, r.LowDefault)
	case path.Tubing < 0 || path.Tubing > r.Capacity || path.PerCM < 0 || path.PerCM > r.Capacity:
		return fmt.Errorf("path: %s of tubing, %s per cm of catheter", path.Tubing, path.PerCM)
	case a.Low == 0 || a.Low > 1000 || a.High < 1000 || a.High > 2000:
		return fmt.Errorf("accuracy: from %d to %d thousandths", a.Low, a.High)
	}
	return nil
}

func (p *Profile) battery() error {
	b := &p.Battery
	if b.Capacity == 0 {
		if b.IdleNA != 0 || b.PumpPC != 0 || len(b.Voltage) != 0 || b.ERI != 0 || b.EOS != 0 || b.ERIAge != 0 || b.MaxAge != 0 || b.AfterERI != 0 {
			return fmt.Errorf("battery: a device without one has no numbers of it")
		}
		return nil
	}
	switch {
	case b.Capacity < 0 || b.Capacity > 10_000_000 || b.IdleNA < 0 || b.IdleNA > 10_000_000 || b.PumpPC < 0 || b.PumpPC > 1_000_000_000:
		return fmt.Errorf("battery: %d µAh, %d nA, %d pC for each nL", b.Capacity, b.IdleNA, b.PumpPC)
	case b.EOS >= b.ERI || b.ERI >= 1000:
		return fmt.Errorf("battery: replacement indicator at %d and end of service at %d thousandths", b.ERI, b.EOS)
	case b.ERIAge < 0 || b.MaxAge < 0 || b.AfterERI < 0 || b.ERIAge > maxLife || b.MaxAge > maxLife || b.AfterERI > maxLife || b.MaxAge > 0 && b.ERIAge > b.MaxAge:
		return fmt.Errorf("battery: indicator at %s, end at %s, %s after the indicator", b.ERIAge, b.MaxAge, b.AfterERI)
	case len(b.Voltage) < 2 || len(b.Voltage) > 32 || b.Voltage[0].Charge != 1000 || b.Voltage[len(b.Voltage)-1].Charge != 0:
		return fmt.Errorf("battery.voltage: want 2 to 32 points from 1000 to 0 thousandths")
	}
	for i, v := range b.Voltage {
		if v.MV == 0 || i > 0 && (v.Charge >= b.Voltage[i-1].Charge || v.MV > b.Voltage[i-1].MV) {
			return fmt.Errorf("battery.voltage: point %d does not fall", i+1)
		}
	}
	return nil
}

const maxLife = 50 * 366 * units.Day

func (p *Profile) sensors() error {
	s := &p.Sensors
	linked := p.Verifier != Nobody
	switch {
	case linked && (p.SampleEach < units.Seconds(10) || p.SampleEach > units.Day):
		return fmt.Errorf("sample_each_s: %s, want 10 s to a day", p.SampleEach)
	case !linked && p.SampleEach != 0:
		return fmt.Errorf("sample_each_s: a device without a link sends no samples")
	case s.Flow && (s.FlowAfter <= 0 || s.FlowAfter > units.Day) || !s.Flow && s.FlowAfter != 0:
		return fmt.Errorf("sensors.flow_after_s: %s", s.FlowAfter)
	case s.Pressure && (s.Compliance <= 0 || s.Compliance > units.Millilitre || s.BasePA < 0 || s.OcclusionPA <= s.BasePA || s.OcclusionPA > 1_000_000):
		return fmt.Errorf("sensors: an occlusion after %s, from %d to %d Pa", s.Compliance, s.BasePA, s.OcclusionPA)
	case !s.Pressure && (s.Compliance != 0 || s.BasePA != 0 || s.OcclusionPA != 0):
		return fmt.Errorf("sensors: a device that measures no pressure has no numbers of it")
	}
	return nil
}

func (p *Profile) alarms() error {
	if !p.StopEffect.valid() {
		return fmt.Errorf("stop_effect: want an effect for each severity")
	}
	last := Code("")
	for _, a := range p.Alarms {
		switch {
		case Bit(a.Code) < 0 || a.Code <= last:
			return fmt.Errorf("alarms: %q: want known codes, each once, in alphabetical order", a.Code)
		case wire.Priority(a.Priority) < wire.PriorityInfo || wire.Priority(a.Priority) > wire.PriorityHigh:
			return fmt.Errorf("alarms: %s: priority %d", a.Code, a.Priority)
		case !a.Effect.valid():
			return fmt.Errorf("alarms: %s: want an effect for each severity", a.Code)
		case a.Repeat < 0 || a.Repeat > units.Day:
			return fmt.Errorf("alarms: %s: repeats after %s", a.Code, a.Repeat)
		}
		last = a.Code
	}
	return nil
}

func (e Effects) valid() bool {
	for _, v := range [...]Effect{e.None, e.Moderate, e.Severe, e.Deadly} {
		if v < Continue || v > Halt {
			return false
		}
	}
	return true
}

func (p *Profile) silence() error {
	want := 4
	if p.Verifier == Nobody {
		want = 0
	}
	if len(p.Silence) != want {
		return fmt.Errorf("silence: %d rules, want %d", len(p.Silence), want)
	}
	for i, s := range p.Silence {
		if s.Severity != dose.WithdrawalNone+dose.Severity(i) {
			return fmt.Errorf("silence: rule %d is for severity %d", i+1, s.Severity)
		}
		if s.Stale <= 0 || s.Stale > s.Offline || s.Offline > s.Alarm || s.Alarm > 30*units.Day {
			return fmt.Errorf("silence: stale after %s, offline after %s, alarm after %s", s.Stale, s.Offline, s.Alarm)
		}
	}
	return nil
}

func (p *Profile) sources() error {
	for _, s := range p.Sources {
		if !validText(s.Field, 1) || !validText(s.Tag, 1) || !validText(s.Note, 0) {
			return fmt.Errorf("source: want a field and a tag")
		}
	}
	return nil
}

// SilenceFor returns the rule for a severity, the strictest for an unknown one;
// ok is false for a device without a link.
func (p *Profile) SilenceFor(s dose.Severity) (rule Silence, ok bool) {
	for _, r := range p.Silence {
		if rule = r; r.Severity == s {
			break
		}
	}
	return rule, len(p.Silence) > 0
}
