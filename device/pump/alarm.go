package pump

import (
	"fmt"
	"strconv"

	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Bits of the conditions that are asked for at every step.
var (
	bitLow   = profile.Bit(profile.ResLow)
	bitEmpty = profile.Bit(profile.ResEmpty)
	bitEOS   = profile.Bit(profile.EOS)
	bitDown  = profile.Bit(profile.OcclDown)
	bitUp    = profile.Bit(profile.OcclUp)
	bitAbuse = profile.Bit(profile.PTMAbuse)
)

// quiet reports that the model detects the condition and it is not active.
func (r *step) quiet(bit int) bool {
	return r.s.Alarms.Active&(1<<bit) == 0 && r.m.rules[bit].Code != ""
}

func (r *step) active(c profile.Code) bool { return r.s.Alarms.Active&(1<<profile.Bit(c)) != 0 }

// raise begins a condition, unless it is active or the model cannot detect it.
func (r *step) raise(c profile.Code, detail ...any) {
	bit := profile.Bit(c)
	if !r.quiet(bit) {
		return
	}
	rule := &r.m.rules[bit]
	r.s.Alarms.Active |= 1 << bit
	r.put(wire.Record{Kind: wire.RecordRaise, Raise: &wire.Raise{
		Code: string(c), Priority: wire.Priority(rule.Priority), Latched: rule.Latched, Detail: details(detail),
	}})
}

// clear ends a condition.
func (r *step) clear(c profile.Code, detail ...any) {
	bit := profile.Bit(c)
	if r.s.Alarms.Active&(1<<bit) == 0 {
		return
	}
	r.s.Alarms.Active &^= 1 << bit
	r.put(wire.Record{Kind: wire.RecordClear, Clear: &wire.Clear{Code: string(c), Detail: details(detail)}})
}

// over ends a condition whose cause is gone, unless it is latched.
func (r *step) over(c profile.Code) {
	if !r.m.rules[profile.Bit(c)].Latched {
		r.clear(c)
	}
}

// event writes down what happened.
func (r *step) event(code string, detail ...any) {
	r.put(wire.Record{Kind: wire.RecordEvent, Event: &wire.Event{Code: code, Detail: details(detail)}})
}

// put stamps a record with State.Run by the pump's clocks.
func (r *step) put(rec wire.Record) {
	s := &r.s
	rec.Wall = s.Clock.Base + s.Run + s.Clock.Wall
	rec.Mono = uint64(max(0, r.now.Mono-(r.target-s.Run)))
	r.out = append(r.out, Output{Record: rec})
}

// details turns key, value, key, value … into a map; quantities become digits.
func details(kv []any) map[string]string {
	if len(kv) == 0 {
		return nil
	}
	d := make(map[string]string, len(kv)/2)
	for i := 0; i+1 < len(kv); i += 2 {
		d[kv[i].(string)] = digits(kv[i+1])
	}
	return d
}

func digits(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case units.Volume:
		return strconv.FormatInt(int64(v), 10)
	case units.Seconds:
		return strconv.FormatInt(int64(v), 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case fmt.Stringer:
		return v.String()
	}
	panic(fmt.Sprintf("pump: a detail of type %T", v)) // a defect: the callers are all in this package
}

func nano(p Pico) units.Volume { return units.Volume(p / 1000) }

// settle brings stage and timers in line with what the alarms leave of delivery.
func (r *step) settle() {
	s := &r.s
	e := r.effect()
	if e != profile.Continue {
		r.cut("fault")
	}
	if e == profile.Halt {
		r.cutPrime("fault")
	}
	still := !s.Contents.Empty() && (e == profile.Halt || s.Commanded == wire.Stopped && s.Stage.Kind != PrimeStage ||
		r.p.Range.Idle == 0 && (e == profile.FallBack || s.Commanded == wire.Minimum && s.Program.Mode != minimumMode))
	switch {
	case still && s.Alarms.Standing == never:
		s.Alarms.Standing = s.Run
	case !still:
		s.Alarms.Standing = never
		r.over(profile.Stopped48H)
	}
	r.watchTherapy()
}

// watchTherapy ends STOPPED when the program runs again or nothing is left to
// infuse, and sees that it stands while the program does not run, however that came
// about. A program that was lost cannot run again: its alarm waits for another.
func (r *step) watchTherapy() {
	s := &r.s
	switch {
	case s.Contents.Empty():
		r.clear(profile.Stopped)
	case s.stopped():
		r.stands()
	case len(s.Program.Segments) > 0:
		r.clear(profile.Stopped)
	}
}

// stopped reports that somebody stopped what is programmed. A program that itself
// says stopped or minimum rate is what its signers wanted.
func (s *State) stopped() bool {
	return len(s.Program.Segments) > 0 && s.Commanded != wire.Infusing || s.Program.Mode == minimumMode && s.Commanded == wire.Stopped
}

// stands raises STOPPED. Faults that halt delivery have high alarms of their own.
func (r *step) stands(detail ...any) {
	if !r.s.Contents.Empty() {
		r.raise(profile.Stopped, append(detail, "run", r.s.Commanded)...)
	}
}

// cut ends a bolus, the patient's or a clinician's, before its time.
func (r *step) cut(cause string) {
	g := r.s.Stage
	if g.Kind != BolusStage && g.Kind != PatientStage {
		return
	}
	r.s.Stage = Stage{}
	r.event(EventBolusCut, "kind", g.Kind, "given_nl", nano(g.Given), "volume_nl", g.Dose.Volume, "cause", cause)
}

// cutPrime ends a priming bolus before its time: the catheter is not full.
func (r *step) cutPrime(cause string) {
	g := r.s.Stage
	if g.Kind != PrimeStage {
		return
	}
	r.s.Stage = Stage{}
	r.letGo(&g)
	r.event(EventBolusCut, "kind", g.Kind, "given_nl", nano(g.Given), "volume_nl", g.Dose.Volume, "cause", cause)
	r.raise(profile.PrimeFail)
	r.startBridge()
}

// String returns the stage's name as events spell it.
func (k StageKind) String() string {
	switch k {
	case BolusStage:
		return "bolus"
	case PatientStage:
		return "patient"
	case PrimeStage:
		return "prime"
	case BridgeStage:
		return "bridge"
	case NoStage:
	}
	return "none"
}

// Active returns the codes of the active alarms in rising order of their bits.
func (s *State) Active() []profile.Code {
	var out []profile.Code
	for bit := range 32 {
		if s.Alarms.Active&(1<<bit) != 0 {
			out = append(out, profile.CodeOf(bit))
		}
	}
	return out
}
