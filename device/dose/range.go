package dose

import (
	"errors"
	"fmt"
	"slices"

	"cisterna/device/units"
)

// Range is what a device can do. It comes from the device profile.
type Range struct {
	Modes      []Mode        `cbor:"1,keyasint" json:"modes"`
	Min        units.Rate    `cbor:"2,keyasint" json:"min_rate_nl_day"`  // lowest programmable rate above zero
	Max        units.Rate    `cbor:"3,keyasint" json:"max_rate_nl_day"`  // highest, all sources together
	Idle       units.Rate    `cbor:"4,keyasint" json:"idle_rate_nl_day"` // the minimum-rate mode; 0 if the device may rest
	Zero       bool          `cbor:"5,keyasint" json:"zero"`             // a segment may stand still
	Resolution units.Volume  `cbor:"6,keyasint" json:"resolution_nl"`    // least bolus that the mechanism meters
	MaxBolus   units.Volume  `cbor:"7,keyasint" json:"max_bolus_nl"`
	MaxPrime   units.Volume  `cbor:"8,keyasint" json:"max_prime_nl"`
	Segments   uint8         `cbor:"9,keyasint" json:"segments_per_day"` // at most MaxSegmentsPerDay
	Max24h     uint16        `cbor:"10,keyasint" json:"ptm_max_24h"`     // patient boluses it can count, at most MaxPTM
	MinLockout units.Seconds `cbor:"11,keyasint" json:"ptm_min_lockout_s"`
}

// MaxPTM is the most patient boluses in 24 hours that any pump keeps count of.
const MaxPTM = 48

// Offers reports whether the device has a mode.
func (r *Range) Offers(m Mode) bool { return slices.Contains(r.Modes, m) }

// Severity says what an abrupt stop of a drug does to a patient.
type Severity uint8

// The severities, least first. Unknown drugs count as WithdrawalModerate.
const (
	WithdrawalNone     Severity = 1 // ziconotide, bupivacaine
	WithdrawalModerate Severity = 2 // opioids: withdrawal, pain
	WithdrawalSevere   Severity = 3 // clonidine: rebound hypertension
	WithdrawalDeadly   Severity = 4 // baclofen: fever, rigidity, organ failure
)

var severityNames = [...]string{WithdrawalNone: "none", WithdrawalModerate: "moderate", WithdrawalSevere: "severe", WithdrawalDeadly: "deadly"}

// String returns "none", "moderate", "severe" or "deadly".
func (s Severity) String() string {
	if s >= WithdrawalNone && int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return marshalName(severityNames[:], int(s)) }

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(b []byte) error {
	i, err := unmarshalName(severityNames[:], b)
	if err == nil {
		*s = Severity(i)
	}
	return err
}

// marshalName and unmarshalName are the text form of a number with names, whose
// entry 0 is no name.
func marshalName(names []string, i int) ([]byte, error) {
	if i < 1 || i >= len(names) {
		return nil, fmt.Errorf("no name for %d", i)
	}
	return []byte(names[i]), nil
}

func unmarshalName(names []string, b []byte) (int, error) {
	for i := 1; i < len(names); i++ {
		if names[i] == string(b) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown name %q", b)
}

// Limit binds one ingredient: at most so much in any hour and any 24 hours.
type Limit struct {
	_          struct{}   `cbor:",toarray"`
	Code       Code       `json:"code"`
	Max1h      units.Mass `json:"max_1h_ng"`
	Max24h     units.Mass `json:"max_24h_ng"`
	Withdrawal Severity   `json:"withdrawal"`
}

// Limits are the hard limits that a drug library sets for a reservoir's
// contents. A pump keeps them and never passes them.
type Limits struct {
	Ingredients []Limit       `cbor:"1,keyasint" json:"ingredients"`                           // rising by code
	MaxRate     units.Rate    `cbor:"2,keyasint,omitempty" json:"max_rate_nl_day,omitempty"`   // 0: the device's own
	MinLockout  units.Seconds `cbor:"3,keyasint,omitempty" json:"ptm_min_lockout_s,omitempty"` // 0: the device's own
	MaxPTM24h   uint16        `cbor:"4,keyasint,omitempty" json:"ptm_max_24h,omitempty"`       // 0: the device's own
}

// Ceiling is what Limits allow of given contents, as volumes.
type Ceiling struct {
	Hour units.Volume `cbor:"1,keyasint" json:"max_1h_nl"`
	Day  units.Volume `cbor:"2,keyasint" json:"max_24h_nl"`
}

// Reason names a refusal. Reasons are stable: they travel in answers and stand
// in the record.
type Reason string

// The reasons.
const (
	BadForm          Reason = "bad_form"           // not a document of this package
	BadContents      Reason = "bad_contents"       // contents that cannot be
	ModeNotOffered   Reason = "mode_not_offered"   // the device has no such mode
	BadSegments      Reason = "bad_segments"       // gaps, overlaps, wrong cycle, too many
	RateAboveMaximum Reason = "rate_above_maximum" // alone or with a bolus on top
	RateBelowMinimum Reason = "rate_below_minimum"
	BolusTooSmall    Reason = "bolus_too_small" // under the mechanism's resolution
	BolusTooLarge    Reason = "bolus_too_large"
	LockoutTooShort  Reason = "lockout_too_short"
	TooManyBoluses   Reason = "too_many_boluses"
	NotInLibrary     Reason = "not_in_library" // an ingredient without limits
	AboveHourLimit   Reason = "above_hour_limit"
	AboveDayLimit    Reason = "above_day_limit"
	NumberTooLarge   Reason = "number_too_large"
	BadBridge        Reason = "bad_bridge"
)

// Refusal says why a dose is not given, to a program that branches on the
// reason and to a person who reads the text.
type Refusal struct {
	Reason Reason
	Field  string
	Text   string
}

// Error returns the field and the text.
func (r *Refusal) Error() string {
	if r.Field == "" {
		return r.Text
	}
	return r.Field + ": " + r.Text
}

func refusef(reason Reason, field, format string, args ...any) error {
	return &Refusal{Reason: reason, Field: field, Text: fmt.Sprintf(format, args...)}
}

// ReasonOf returns the reason of a refusal, "" for any other error.
func ReasonOf(err error) Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return ""
}
