package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// State is what a state hash covers (ORDERS.md, State hash): everything that
// people must have seen when they sign a change. Patient boluses, bridge stages,
// volumes, counters, faults and the library do not enter, so that a patient's
// bolus or a library push kills no pending order.
type State struct {
	Epoch    uint64        `cbor:"1,keyasint" json:"epoch"`
	Gen      uint64        `cbor:"2,keyasint" json:"gen"` // rises with every applied order but a bolus, and every local programming
	Run      wire.RunState `cbor:"3,keyasint" json:"run"` // Infusing, Minimum or Stopped, as programmed
	Program  dose.Program  `cbor:"4,keyasint" json:"program"`
	Contents dose.Contents `cbor:"5,keyasint" json:"contents"` // with the route
	Settings Settings      `cbor:"6,keyasint" json:"settings"`
	Firmware string        `cbor:"7,keyasint" json:"firmware"`
}

// Settings are the alarm settings that an order may change.
type Settings struct {
	Low       units.Volume `cbor:"1,keyasint" json:"low_nl"`     // low-reservoir alarm
	PTMDenied uint8        `cbor:"2,keyasint" json:"ptm_denied"` // PTM_ABUSE above so many denied requests in 24 hours; 0 is never
}

// MaxPTMDenied bounds Settings.PTMDenied.
const MaxPTMDenied = 31

// Hash returns the SHA-256 of the state under "pump.state.v1".
func (s *State) Hash() Digest { return sum(domainState, encode(s)) }

// Encode returns the state's deterministic encoding.
func (s *State) Encode() []byte { return encode(s) }

// DecodeState reads what Encode writes, strictly.
func DecodeState(b []byte) (State, error) {
	var s State
	if err := decode(b, &s); err != nil {
		return State{}, err
	}
	if s.Run < wire.Infusing || s.Run > wire.Stopped {
		return State{}, refused("state with run state %d", s.Run)
	}
	if err := s.Program.Form(); err != nil {
		return State{}, refused("state: %v", err)
	}
	if s.Contents.Empty() {
		return s, nil
	}
	if err := s.Contents.Validate(); err != nil {
		return State{}, refused("state: %v", err)
	}
	return s, nil
}

// therapy reports whether the state has a program that gives a dose, be it
// running or kept while the pump is stopped.
func (s *State) therapy() bool { return len(s.Program.Segments) > 0 && !s.Contents.Empty() }
