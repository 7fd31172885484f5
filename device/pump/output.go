package pump

import "cisterna/device/wire"

// Output is one thing that a Step brought forth: a record for the journal, or
// the answer to the input.
type Output struct {
	// Record is a sample, an event, or an alarm raised or cleared, with Seq
	// left at zero: the journal numbers it. Kind is 0 if this is a Reply.
	Record wire.Record
	Reply  *Reply
}

// Lane returns the lane that the record belongs to.
func (o *Output) Lane() wire.Lane {
	if o.Record.Kind == wire.RecordRaise || o.Record.Kind == wire.RecordClear {
		return wire.AlarmLane
	}
	return wire.MainLane
}

// Reply answers every input but Tick, Fault and Reboot. Err is nil if it was
// carried out, else the *dose.Refusal that says why not.
type Reply struct {
	Err error
	Gen uint64
}

// Codes of events. Details carry numbers as digit strings with the unit in the
// key.
const (
	EventBoot           = "BOOT"            // cause, firmware, scale if consumption is not real
	EventProgrammed     = "PROGRAMMED"      // gen, source, mode, volume_nl per cycle
	EventAdopted        = "ADOPTED"         // gen, source, volume_nl, expected_nl before
	EventRebound        = "REBOUND"         // gen, epoch, source
	EventRefused        = "REFUSED"         // input, reason
	EventRefilled       = "REFILLED"        // volume_nl, expected_nl before
	EventStopped        = "STOPPED"         // gen, source, effect
	EventResumed        = "RESUMED"         // gen, source
	EventBolusStarted   = "BOLUS_STARTED"   // kind, volume_nl, duration_s
	EventBolusEnded     = "BOLUS_ENDED"     // kind, given_nl
	EventBolusCut       = "BOLUS_CUT"       // kind, given_nl, volume_nl, cause
	EventPTMDenied      = "PTM_DENIED"      // reason, wait_s
	EventPrimeStarted   = "PRIME_STARTED"   // volume_nl, duration_s
	EventPrimeEnded     = "PRIME_ENDED"     // given_nl
	EventBridgeStarted  = "BRIDGE_STARTED"  // volume_nl, duration_s
	EventBridgeEnded    = "BRIDGE_ENDED"    // given_nl
	EventBridgeCut      = "BRIDGE_CUT"      // given_nl, volume_nl
	EventProgramEnded   = "PROGRAM_ENDED"   // a single bolus is over
	EventPTMExpired     = "PTM_EXPIRED"     //
	EventStallRecovered = "STALL_RECOVERED" // stalled_s
	EventClockSet       = "CLOCK_SET"       // by_ms
	EventClockJump      = "CLOCK_JUMP"      // by_ms
	EventAlarmCleared   = "ALARM_CLEARED"   // code, by a person at the pump
	EventProgramLost    = "PROGRAM_LOST"    // a memory error took it
)
