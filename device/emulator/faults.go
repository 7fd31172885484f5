package emulator

import (
	"slices"
	"strings"
	"time"

	"cisterna/device/pump"
	"cisterna/internal/errs"
)

// Fault is something that happens to one pump on demand.
type Fault struct {
	Kind  string
	For   time.Duration // how long; 0 takes the kind's own, if it has one
	Value int64         // what it means stands with the kind; 0 takes the kind's own
	Text  string        // for kinds that want words
}

// activeFault is a fault that ends on its own.
type activeFault struct {
	Fault
	until time.Time // zero: until it is ended
	end   func(*Device)
}

// FaultKind describes one kind of fault.
type FaultKind struct {
	Name    string
	Help    string
	Value   string        // what Value is, with its unit; empty if it takes none
	Default int64         // of Value
	For     time.Duration // of For; negative if the fault takes no time
	Text    string        // what Text is; empty if it takes none

	begin   func(*Device, Fault) (end func(*Device), err error)
	endless bool // without a duration it lasts until it is ended, and only the fault knows how
}

// instant marks kinds that happen at one moment.
const instant = -1

// FaultKinds returns all kinds in the order of their names.
func FaultKinds() []FaultKind { return slices.Clone(faultKinds) }

var faultKinds = sorted([]FaultKind{
	{Name: "link-loss", Help: "the communicator is out of reach", For: time.Minute, begin: linkLoss},
	{Name: "deaf", Help: "the pump is heard, but hears nothing of what the server sends", For: time.Minute, begin: remembered},
	{Name: "reconnect", Help: "the connection breaks and comes back at once", For: instant, begin: reconnect},
	{Name: "duplicate", Help: "everything is published twice", For: time.Minute, begin: shaped(func(s *shaper, f Fault, until time.Time) { s.twice = until })},
	{Name: "delay", Help: "everything is published late", Value: "delay in ms", Default: 3000, For: time.Minute, begin: shaped(func(s *shaper, f Fault, until time.Time) {
		s.late, s.delay = until, time.Duration(f.Value)*time.Millisecond
	})},
	{Name: "reorder", Help: "every second message is overtaken by the next", For: time.Minute, begin: shaped(func(s *shaper, f Fault, until time.Time) { s.swap = until })},

	{Name: "clock-jump", Help: "the pump's real-time clock jumps", Value: "seconds, may be negative", Default: 7200, For: 0, begin: clockJump, endless: true},
	{Name: "clock-year", Help: "the pump's clock is wrong by years", Value: "years, may be negative", Default: 1, For: 0, begin: clockYears, endless: true},
	{Name: "calm", Help: "a demo's story leaves the pump alone", For: 10 * time.Minute, begin: remembered},
	{Name: "power-cut-order", Help: "the power goes while the next order takes effect, for 5 s", Value: "after which of its writes: 1, before it is applied, or 2, before the answer leaves", Default: 1, For: instant, begin: cutOrder},
	{Name: "power-cut", Help: "the implant is without power and boots again", For: 5 * time.Second, begin: powerCut},
	{Name: "watchdog", Help: "the implant boots again at once", For: instant, begin: reboot(pump.Watchdog)},
	{Name: "low-battery-reset", Help: "the voltage breaks down: it boots at the minimum rate", For: instant, begin: reboot(pump.LowBattery)},
	{Name: "flow", Help: "the mechanism delivers another flow than commanded", Value: "thousandths of the right flow", Default: 1300, For: 0, begin: body(pump.FlowFault)},
	{Name: "kink", Help: "the catheter is kinked", Value: "thousandths that it lets through", Default: 300, For: 0, begin: body(pump.Kink)},
	{Name: "occlusion", Help: "the catheter is blocked", For: 0, begin: body(pump.OcclusionOut)},
	{Name: "occlusion-in", Help: "the inlet is blocked", For: 0, begin: body(pump.OcclusionIn)},
	{Name: "stall", Help: "the motor stands, as in a magnetic field, and recovers at the end", For: 2 * time.Minute, begin: body(pump.Stall)},
	{Name: "memory-critical", Help: "the program is lost", For: instant, begin: body(pump.MemCritical)},
	{Name: "memory-minor", Help: "data that nothing depends on is lost", For: instant, begin: body(pump.MemMinor)},
	{Name: "battery", Help: "the implant's charge falls", Value: "thousandths left", Default: 50, For: instant, begin: body(pump.BatteryDrop)},
	{Name: "comm-battery", Help: "the communicator's battery is at a voltage", Value: "mV", Default: 3350, For: 10 * time.Minute, begin: remembered},
	{Name: "telemetry-stuck", Help: "the implant stays in telemetry mode and infuses nothing until it is interrogated", For: instant, begin: body(pump.TelemStuck)},
	{Name: "overheat", Help: "the pump is warmer than it should be", Value: "m°C above normal", Default: 6000, For: 0, begin: body(pump.Overheat)},

	{Name: "press", Help: "the patient presses for a bolus", Value: "times", Default: 1, For: instant, begin: press},
	{Name: "refill", Help: "somebody refills the reservoir", Value: "nL; its capacity if 0", For: instant, begin: refill},
	{Name: "interrogate", Help: "a clinician reads the pump out and clears an alarm", Text: "code of the alarm; all if empty", For: instant, begin: interrogate},
	{Name: "confirm", Help: "somebody at the bedside presses the button that confirms an increase", For: instant, begin: confirm},
	{Name: "foreign-program", Help: "a local programmer changes the program: it is foreign until an order adopts it", Value: "thousandths of the present flow", Default: 900, For: instant, begin: foreignProgram},
	{Name: "stop", Help: "somebody stops the pump with a local programmer", Value: "1 for an overdose", For: instant, begin: stopPump},
	{Name: "resume", Help: "somebody lets it run again", For: instant, begin: resume},
	{Name: "communicator-swap", Help: "the patient gets another communicator", Text: "serial of the new one, a space, and its claim slip", For: instant, begin: swap},
	{Name: "journal-loss", Help: "the records that wait are lost; a new journal epoch begins", For: instant, begin: loseJournal},

	{Name: "garbage", Help: "a message that is noise", For: instant, begin: hostile(garbage)},
	{Name: "packet-garbage", Help: "noise instead of an MQTT packet; the server hangs up, E_PROTOCOL", For: instant, begin: hostile(packetGarbage)},
	{Name: "malformed", Help: "a signed message whose content does not parse", For: instant, begin: hostile(malformed)},
	{Name: "foreign-body", Help: "another pump's message, soundly signed by that one", For: instant, begin: hostile(foreignBody)},
	{Name: "wrong-signature", Help: "telemetry with another key's signature", For: instant, begin: hostile(wrongSignature)},
	{Name: "foreign-topic", Help: "a message on another link's topic; the server hangs up, E_PROTOCOL", For: instant, begin: hostile(foreignTopic)},
	{Name: "future-epoch", Help: "telemetry of a journal epoch that never began", For: instant, begin: hostile(futureEpoch)},
	{Name: "sequence-jump", Help: "telemetry that leaves records out; the server asks for them, E_SEQ", For: instant, begin: hostile(sequenceJump)},
	{Name: "oversize", Help: "a packet larger than any may be; the server hangs up, E_SIZE", For: instant, begin: hostile(oversize)},
	{Name: "flood", Help: "many messages of noise as fast as they go", Value: "messages", Default: 500, For: instant, begin: hostile(flood)},
	{Name: "ten-years", Help: "a record whose clock is ten years ahead, in the pump's own stream", For: instant, begin: tenYears},
})

func sorted(k []FaultKind) []FaultKind {
	slices.SortFunc(k, func(a, b FaultKind) int { return strings.Compare(a.Name, b.Name) })
	return k
}

// Inject makes a fault happen now. Errors are of package errs and for people.
func (d *Device) Inject(f Fault) error {
	i := slices.IndexFunc(faultKinds, func(k FaultKind) bool { return k.Name == f.Kind })
	if i < 0 {
		return errs.Invalidf("there is no fault %q", f.Kind)
	}
	k := &faultKinds[i]
	switch {
	case f.For < 0 || f.For > 0 && k.For == instant:
		return errs.Invalidf("fault %s takes no time", k.Name)
	case f.Value != 0 && k.Value == "":
		return errs.Invalidf("fault %s takes no value", k.Name)
	case f.Text != "" && k.Text == "":
		return errs.Invalidf("fault %s takes no text", k.Name)
	}
	if f.For == 0 && k.For > 0 {
		f.For = k.For
	}
	if f.Value == 0 {
		f.Value = k.Default
	}
	if k.Name == "communicator-swap" {
		return d.swapByText(f.Text) // takes its time, and no lock meanwhile
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.running(); err != nil && k.Name != "link-loss" {
		return err
	}
	now := d.f.opt.Now()
	d.finishFault(k.Name)
	d.advance(now.UnixMilli(), false)
	end, err := k.begin(d, f)
	if err != nil {
		return err
	}
	switch {
	case end != nil && f.For > 0:
		d.faults = append(d.faults, activeFault{f, now.Add(f.For), end})
	case end != nil && k.endless:
		d.faults = append(d.faults, activeFault{f, time.Time{}, end})
	}
	d.stepAt = now.UnixMilli()
	d.f.log.Info("fault", "serial", d.who.Serial, "kind", f.Kind, "for", f.For.String(), "value", f.Value)
	d.wakeLocked()
	return nil
}

// Calm reports whether the pump is to be left alone: somebody is doing something
// with it, see the fault "calm".
func (d *Device) Calm() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.activeFault("calm") >= 0
}

// EndFault ends a fault before its time, or one that has none.
func (d *Device) EndFault(kind string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.running(); err != nil && !d.off {
		return err
	}
	if d.finishFault(kind) {
		d.stepAt = 0
		d.wakeLocked()
		return nil
	}
	for _, k := range bodyFaults {
		if k.name == kind {
			d.do(pump.Fault{Kind: k.kind, Ends: true}, d.f.opt.Now().UnixMilli())
			d.wakeLocked()
			return nil
		}
	}
	return errs.Conflictf("pump %s has no fault %q", d.who.Serial, kind)
}

func (d *Device) finishFault(kind string) bool {
	i := d.activeFault(kind)
	if i < 0 {
		return false
	}
	f := d.faults[i]
	d.faults = slices.Delete(d.faults, i, i+1)
	f.end(d)
	return true
}

func (d *Device) activeFault(kind string) int {
	return slices.IndexFunc(d.faults, func(f activeFault) bool { return f.Kind == kind })
}

// endFaults ends what has lasted long enough.
func (d *Device) endFaults(now time.Time) {
	for i := 0; i < len(d.faults); {
		f := d.faults[i]
		if f.until.IsZero() || now.Before(f.until) {
			i++
			continue
		}
		d.faults = slices.Delete(d.faults, i, i+1)
		f.end(d)
		d.stepAt = 0
		d.again = true
	}
	if len(d.faults) == 0 {
		d.faults = nil
	}
}
