package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"cisterna/device/dose"
)

// MaxDocument bounds a profile in bytes, in either form.
const MaxDocument = 32 << 10

// Encode returns the profile's document.
func (p *Profile) Encode() []byte { return dose.EncodeCBOR(p) }

// Hash names this version of the profile: SHA-256 of its document under
// "pump.profile.v1".
func (p *Profile) Hash() [32]byte { return dose.Sum("pump.profile.v1", p.Encode()) }

// Decode reads a document and checks it. It returns a profile or an error,
// never both.
func Decode(b []byte) (*Profile, error) {
	var p Profile
	if err := dose.DecodeCBOR(b, &p, MaxDocument); err != nil {
		return nil, fmt.Errorf("device profile: %w", err)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &p, nil
}

// JSON returns the profile as its files are written: one form, indented by two
// spaces, with quantities as digit strings.
func (p *Profile) JSON() ([]byte, error) {
	compact, err := p.compact()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("device profile: %w", err)
	}
	return append(out.Bytes(), '\n'), nil
}

func (p *Profile) compact() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	q := *p // with empty lists for absent ones: null has no place in a file
	q.Range.Modes, q.Battery.Voltage = list(q.Range.Modes), list(q.Battery.Voltage)
	q.Alarms, q.Silence, q.Sources = list(q.Alarms), list(q.Silence), list(q.Sources)
	if err := enc.Encode(&q); err != nil {
		return nil, fmt.Errorf("device profile: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// ParseJSON reads what JSON writes, white space apart. Fields stand in their
// order, all of them and no others: encoding/json alone would take unknown
// fields, the same field twice and names in another case.
func ParseJSON(b []byte) (*Profile, error) {
	if len(b) > 2*MaxDocument {
		return nil, fmt.Errorf("device profile: %d bytes, at most %d", len(b), 2*MaxDocument)
	}
	var p Profile
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("device profile: %w", err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, b); err != nil {
		return nil, fmt.Errorf("device profile: %w", err)
	}
	want, err := p.compact()
	if err != nil {
		return nil, err
	}
	if at := differ(got.Bytes(), want); at >= 0 {
		return nil, fmt.Errorf("device profile: near %q: a field is missing, misplaced, doubled or misspelt", clip(got.Bytes(), at))
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if len(p.Encode()) > MaxDocument {
		return nil, errors.New("device profile: too large a document")
	}
	return &p, nil
}

// differ returns the first index at which a and b differ, −1 if they do not.
func differ(a, b []byte) int {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	if len(a) < len(b) {
		return len(a)
	}
	return -1
}

func clip(b []byte, at int) []byte { return b[max(0, at-20):min(len(b), at+20)] }
