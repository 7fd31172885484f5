// Package pump is the state machine of an implanted pump: the reference for
// what a device does, used by the emulator, by the rehearsal of an order before
// it is signed, and by tests.
//
// # Shape
//
// Machine.Step takes a State, an Input and the Time and returns the next State
// and what the pump wrote down meanwhile. It is pure: no clock, no I/O, no
// randomness, nothing kept between calls. Ticking often or rarely gives the same
// state and the same records, because every boundary that lies between two calls
// (segment, bolus, sample, alarm) is computed to the millisecond on which it
// falls.
//
// # Time
//
// Three clocks are kept apart. Time.Mono counts milliseconds since boot.
// State.Run counts milliseconds of running time since manufacture, survives
// reboots and stands still while the pump is without power; delivery, ceilings,
// lockouts and ages use it alone. Time.Wall is the pump's real-time clock, which
// may jump; records carry it, but nothing is dosed by it. Flex programs follow
// State.Clock, which moves with the running time and only when a clock order
// sets it; a real-time clock that jumps away from it makes the clock untrusted
// and raises CLOCK_DRIFT.
//
// # Delivery
//
// Volumes are accumulated in picolitres, so that pauses lose no nanolitres.
// Delivered is what the mechanism moved by its own count; the reservoir is
// reckoned from it and not measured. What really flowed is kept in World, which
// the pump cannot see unless its profile has the sensor.
//
// # Safety
//
// No hour and no 24 hours of running time, wherever they begin, deliver more
// than the ceilings of the library; at a ceiling delivery is held to what the
// window frees and never made up later. Only a priming bolus is not counted: it
// fills the catheter. Lockouts and counts of patient boluses survive reboots,
// reprogramming and clock changes. A bolus that a reboot interrupts is not
// resumed and counts as given. Stopping is a harm: every fault does what the
// profile's Effects say for the severity of what is in the reservoir, and the
// gravest active one wins. An effect or an ordered stop pauses a bridge, which
// goes on where it was, and cuts a bolus, which does not. A priming or a bridge
// holds the program where it is: one that comes with them begins behind them, and
// none gives anything twice because of them.
package pump

import (
	"cisterna/device/dose"
	"cisterna/device/profile"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// Time is one moment as the pump sees it.
type Time struct {
	Mono int64 // milliseconds since boot; never falls but by a Reboot
	Wall int64 // Unix milliseconds by the pump's real-time clock; may jump
}

// Millis are milliseconds of running time since manufacture.
type Millis = int64

// Pico is a volume in picolitres.
type Pico = int64

// Machine runs pumps of one profile. It holds nothing that changes, so one
// Machine serves any number of pumps from any number of goroutines.
type Machine struct {
	profile *profile.Profile
	rules   [32]profile.Alarm // by bit; Code is empty where the profile has none
}

// New returns the machine of a valid profile.
func New(p *profile.Profile) *Machine {
	m := &Machine{profile: p}
	for _, a := range p.Alarms {
		m.rules[profile.Bit(a.Code)] = a
	}
	return m
}

// Profile returns the profile.
func (m *Machine) Profile() *profile.Profile { return m.profile }

// Options make a fresh pump.
type Options struct {
	Firmware string
	Epoch    uint64
	Age      units.Seconds // running time that it has behind it
	Used     uint16        // permille of the battery's charge already used
	Phase    units.Seconds // first sample after so long, to spread a fleet
	Zone     int32         // seconds east of UTC
	Scale    uint32        // consumption; 0 counts as 1, most is MaxScale
}

// MaxScale is the fastest consumption.
const MaxScale = 1000

// Fresh returns an implant that was never programmed nor filled: stopped, empty,
// its clock set to now.Wall.
func (m *Machine) Fresh(o Options, now Time) State {
	p := m.profile
	run := max(0, int64(o.Age)*1000)
	s := State{
		Epoch: o.Epoch, Commanded: wire.Stopped, Program: dose.Off(), Firmware: o.Firmware,
		Settings: Settings{Low: p.Reservoir.LowDefault, PTMDenied: 6},
		Clock:    Clock{Mono: now.Mono, Base: now.Wall - run, Zone: o.Zone},
		Run:      run, Scale: min(max(o.Scale, 1), MaxScale), Boots: 1,
		World:   World{Flow: permille, Kink: permille},
		Alarms:  Alarms{Standing: never, Off: never, Stalled: never},
		Ledger:  Ledger{Points: []Point{{At: run}}},
		Battery: Battery{Used: share(m.capacity(), int64(o.Used)), At: run},
	}
	if p.SampleEach > 0 {
		s.SampleAt = run + max(1, int64(o.Phase)*1000)
	}
	return s
}

const (
	permille = 1000
	never    = Millis(-1)
	hourMS   = 3_600_000
	dayMS    = 86_400_000
)

// Step brings the state up to now and then takes the input. Outputs are in the
// order of time. A Tick that meets no boundary allocates nothing and returns
// nil outputs. Step never fails: a request that is refused is answered so in a
// Reply and changes nothing but the time and the record of it.
//
// If now.Mono lies before the state's, the pump has rebooted without saying so,
// which is taken as a Reboot by its watchdog. A Reboot takes no running time.
func (m *Machine) Step(s State, in Input, now Time) (State, []Output) {
	r := step{m: m, p: m.profile, s: s, now: now}
	boot, rebooted := in.(Reboot)
	if !rebooted && now.Mono < s.Clock.Mono {
		boot, rebooted = Reboot{Cause: Watchdog}, true
	}
	r.target = s.Run
	if !rebooted {
		r.target += now.Mono - s.Clock.Mono
	}
	r.advance()
	r.s.Clock.Mono = now.Mono
	if rebooted {
		r.reboot(boot)
	}
	r.watchClock()
	switch in.(type) {
	case Tick, Reboot:
	default:
		r.take(in)
		r.settle()
	}
	return r.s, r.out
}

// Check reports whether Step would carry out the input on this state, without
// doing so: nil, or the *dose.Refusal that a Reply would carry. It does not
// advance time.
func (m *Machine) Check(s State, in Input) error {
	r := step{m: m, p: m.profile, s: s, target: s.Run}
	return r.check(in)
}

// step is one call of Step in progress.
type step struct {
	m      *Machine
	p      *profile.Profile
	s      State
	now    Time
	target Millis // running time at now
	out    []Output
}
