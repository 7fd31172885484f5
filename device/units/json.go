package units

import (
	"strconv"
)

// JSON carries every quantity as a string of digits in its fixed unit. A
// negative quantity is not written: it would be a defect on its way to a person.

// MarshalJSON writes nanolitres as a digit string.
func (v Volume) MarshalJSON() ([]byte, error) { return marshal(v) }

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (v *Volume) UnmarshalJSON(b []byte) error { return unmarshal(b, v) }

// MarshalJSON writes nanograms as a digit string.
func (m Mass) MarshalJSON() ([]byte, error) { return marshal(m) }

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (m *Mass) UnmarshalJSON(b []byte) error { return unmarshal(b, m) }

// MarshalJSON writes ng/mL as a digit string.
func (c Conc) MarshalJSON() ([]byte, error) { return marshal(c) }

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (c *Conc) UnmarshalJSON(b []byte) error { return unmarshal(b, c) }

// MarshalJSON writes nL/day as a digit string.
func (f Rate) MarshalJSON() ([]byte, error) { return marshal(f) }

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (f *Rate) UnmarshalJSON(b []byte) error { return unmarshal(b, f) }

// MarshalJSON writes seconds as a digit string.
func (s Seconds) MarshalJSON() ([]byte, error) { return marshal(s) }

// UnmarshalJSON reads what MarshalJSON writes and nothing else.
func (s *Seconds) UnmarshalJSON(b []byte) error { return unmarshal(b, s) }

func marshal[T ~int64](q T) ([]byte, error) {
	if q < 0 {
		return nil, ErrNegative
	}
	b := append(make([]byte, 0, 22), '"')
	return append(strconv.AppendInt(b, int64(q), 10), '"'), nil
}

func unmarshal[T ~int64](b []byte, q *T) error {
	if len(b) < 3 || b[0] != '"' || b[len(b)-1] != '"' {
		return refuse(string(b), "want a string of digits")
	}
	n, err := Unit[T]{"", 0}.Parse(string(b[1 : len(b)-1]))
	if err != nil {
		return refuse(string(b), "want a string of digits without leading zeros, within 64 bits")
	}
	*q = n
	return nil
}
