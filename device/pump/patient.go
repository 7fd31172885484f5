package pump

import (
	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// maxDenied bounds the log of denied requests.
const maxDenied = 32

// checkPatient says whether the patient may have a bolus now.
func (r *step) checkPatient() error {
	s := &r.s
	t := s.Program.PTM
	if t == nil {
		return refuse(NoPTM, "the program has no patient boluses")
	}
	if t.ValidFor > 0 && s.Run >= s.Patient.Since+int64(t.ValidFor)*1000 {
		return refuse(Expired, "patient boluses ended after %s", t.ValidFor)
	}
	if err := r.checkRunning(); err != nil {
		return err
	}
	if wait := s.Patient.Locked - s.Run; wait > 0 {
		return refuse(LockedOut, "locked out for another %s", seconds(wait))
	}
	if n, from := s.Patient.count(s.Run - dayMS); n >= int(t.Max24h) {
		return refuse(EnoughInADay, "%d boluses in 24 hours; the next in %s", n, seconds(from+dayMS-s.Run))
	}
	if window := int64(t.Window) * 1000; window > 0 {
		if n, from := s.Patient.count(s.Run - window); n >= int(t.MaxWindow) {
			return refuse(EnoughInWindow, "%d boluses in %s; the next in %s", n, t.Window, seconds(from+window-s.Run))
		}
	}
	return r.checkRoom(t.Volume)
}

func seconds(ms int64) units.Seconds { return units.Seconds((ms + 999) / 1000) }

// count returns how many boluses started later than t, and the first of them.
func (p *Patient) count(t Millis) (n int, first Millis) {
	for i := len(p.Starts) - 1; i >= 0 && p.Starts[i] > t; i-- {
		n, first = n+1, p.Starts[i]
	}
	return n, first
}

// checkRunning says whether a bolus may run beside the program.
func (r *step) checkRunning() error {
	s := &r.s
	if r.effect() != profile.Continue || s.Contents.Empty() ||
		s.Commanded != wire.Infusing && (s.Commanded != wire.Minimum || s.Program.Mode != minimumMode) {
		return refuse(NotInfusing, "the pump is not infusing")
	}
	if s.Stage.Kind != NoStage {
		return refuse(Busy, "a %s bolus runs", s.Stage.Kind)
	}
	if len(s.Path) > 0 {
		return refuse(Busy, "the path holds other fluid than the program is made for")
	}
	if s.Program.Mode == dose.Single {
		return refuse(Busy, "the program is a single bolus")
	}
	return r.checkFaults("a bolus")
}

// faults block boluses and increases: whatever makes delivery, memory or
// hardware doubtful.
var faults = bitsOf(profile.EOS, profile.MotorStall, profile.MemNoncrit, profile.MemCrit, profile.LowBattReset,
	profile.OverinfBasal, profile.OverinfBolus, profile.OcclDown, profile.OcclUp, profile.PrimeFail, profile.TelemStuck,
	profile.TempHigh)

func bitsOf(list ...profile.Code) (mask uint32) {
	for _, c := range list {
		mask |= 1 << profile.Bit(c)
	}
	return mask
}

func (r *step) checkFaults(what string) error {
	for bit := range 32 {
		if r.s.Alarms.Active&faults&(1<<bit) != 0 {
			return refuse(Faulty, "%s is not given while %s is active", what, profile.CodeOf(bit))
		}
	}
	return nil
}

// checkRoom says whether ceilings and reservoir leave room for a bolus now.
func (r *step) checkRoom(v units.Volume) error {
	s := &r.s
	if int64(v)*1000 > s.Ledger.room(s.Run, s.Run) {
		return refuse(AtCeiling, "%s on top of what was given passes the ceiling of an hour or of 24 hours", v)
	}
	if int64(v)*1000 > r.supply() {
		return refuse(TooLittleLeft, "%s are more than the reservoir holds", v)
	}
	return nil
}

// checkBolus says whether a clinician's bolus may be given now. Besides the past
// 24 hours it looks at the worst of the program, which the bolus must not take
// the room from.
func (r *step) checkBolus(d dose.Dose) error {
	s := &r.s
	if err := d.ValidateBolus(&r.p.Range, &s.Program, &s.Limits); err != nil {
		return err
	}
	if err := r.checkRunning(); err != nil {
		return err
	}
	worst, err := s.Program.WorstCase(&r.p.Range)
	if err != nil {
		return err
	}
	if worst.Hour+d.Volume > s.Ledger.Ceiling.Hour || worst.Day+d.Volume > s.Ledger.Ceiling.Day {
		return refuse(AtCeiling, "%s on top of the program's worst case passes the ceiling of an hour or of 24 hours", d.Volume)
	}
	return r.checkRoom(d.Volume)
}

// startBolus starts a bolus that was checked.
func (r *step) startBolus(k StageKind, d dose.Dose) {
	r.s.Stage = Stage{Kind: k, Start: r.s.Run, Dose: d}
	r.event(EventBolusStarted, "kind", k, "volume_nl", d.Volume, "duration_s", d.Duration)
}

// patientBolus starts a patient's bolus that was checked.
func (r *step) patientBolus() {
	p, t := &r.s.Patient, r.s.Program.PTM
	_, first := p.count(r.s.Run - dayMS)
	starts := make([]Millis, 0, len(p.Starts)+1)
	for _, at := range p.Starts {
		if first > 0 && at >= first {
			starts = append(starts, at)
		}
	}
	p.Starts = append(starts, r.s.Run)
	p.Given++
	p.Locked = max(p.Locked, r.s.Run+int64(t.Lockout)*1000)
	r.startBolus(PatientStage, dose.Dose{Volume: t.Volume, Duration: t.Duration})
}

// deny writes down a request that was refused, and alarms on too many.
func (r *step) deny(reason dose.Reason) {
	p := &r.s.Patient
	p.Denied++
	from := 0
	for from < len(p.DeniedLog) && (p.DeniedLog[from] <= r.s.Run-dayMS || len(p.DeniedLog)-from >= maxDenied) {
		from++
	}
	p.DeniedLog = append(append(make([]Millis, 0, len(p.DeniedLog)-from+1), p.DeniedLog[from:]...), r.s.Run)
	wait := max(0, p.Locked-r.s.Run)
	r.event(EventPTMDenied, "reason", string(reason), "wait_s", seconds(wait))
	if reason == AtCeiling {
		r.raise(profile.MaxDose)
		r.s.Alarms.Held = r.s.Run
	}
	if n := int(r.s.Settings.PTMDenied); n > 0 && p.deniedSince(r.s.Run-dayMS) > n {
		r.raise(profile.PTMAbuse, "denied", int64(p.deniedSince(r.s.Run-dayMS)))
	}
}

func (p *Patient) deniedSince(t Millis) (n int) {
	for i := len(p.DeniedLog) - 1; i >= 0 && p.DeniedLog[i] > t; i-- {
		n++
	}
	return n
}

// abuseEnds returns when the denied requests of 24 hours are no longer too many.
func (r *step) abuseEnds() Millis {
	s := &r.s
	if s.Alarms.Active&(1<<bitAbuse) == 0 {
		return never
	}
	if i := len(s.Patient.DeniedLog) - 1 - int(s.Settings.PTMDenied); i >= 0 {
		return s.Patient.DeniedLog[i] + dayMS
	}
	return never
}

// lock starts the lockout that follows every programming session and refill.
func (r *step) lock() {
	if t := r.s.Program.PTM; t != nil {
		r.s.Patient.Locked = max(r.s.Patient.Locked, r.s.Run+int64(t.Lockout)*1000)
	}
}
