package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/fleet/telemetry"
	"cisterna/internal/errs"
)

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a moment. The zero Time is null.
type Time time.Time

// MarshalJSON writes the moment in UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return time.Time(t).UTC().AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// Schema describes a Time that is always there.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// MaybeTime is a moment that may be unknown; then it is null.
type MaybeTime = Maybe[Time]

// maybeTime returns t, null if it is zero.
func maybeTime(t time.Time) MaybeTime {
	if t.IsZero() {
		return MaybeTime{}
	}
	return MaybeTime{new(Time(t))}
}

// Maybe is a value or null. Unlike a pointer, it says so in the OpenAPI document
// whatever it points to.
type Maybe[T any] struct{ V *T }

// MarshalJSON writes the value or null.
func (m Maybe[T]) MarshalJSON() ([]byte, error) {
	if m.V == nil {
		return []byte("null"), nil
	}
	switch v := any(m.V).(type) { // rows have many of these
	case *Digits:
		return append(append([]byte{'"'}, *v...), '"'), nil
	case *Time:
		return v.MarshalJSON()
	case *int64:
		return strconv.AppendInt(nil, *v, 10), nil
	}
	return json.Marshal(m.V)
}

// Schema describes the value or null.
func (m Maybe[T]) Schema(r huma.Registry) *huma.Schema {
	s := r.Schema(reflect.TypeFor[T](), true, "")
	if s.Ref != "" {
		return &huma.Schema{OneOf: []*huma.Schema{s, {Type: "null"}}}
	}
	n := *s
	n.Nullable = true
	return &n
}

// some returns v as a Maybe.
func some[T any](v T) Maybe[T] { return Maybe[T]{&v} }

// notZero returns v, null if it is its type's zero.
func notZero[T comparable](v T) Maybe[T] {
	var zero T
	if v == zero {
		return Maybe[T]{}
	}
	return Maybe[T]{&v}
}

// Digits is a quantity as text, because numbers of JSON lose digits beyond 2⁵³.
// Its unit is in the member's name.
type Digits string

// Schema describes a Digits.
func (Digits) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^-?[0-9]{1,19}$`}
}

func digits[T ~int64](n T) Digits { return Digits(strconv.FormatInt(int64(n), 10)) }

// ID is the id of a thing, as text.
type ID string

// Schema describes an ID.
func (ID) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[1-9][0-9]{0,18}$`}
}

func id(n int64) ID { return ID(strconv.FormatInt(n, 10)) }

func maybeID(n int64) Maybe[ID] {
	if n == 0 {
		return Maybe[ID]{}
	}
	return some(id(n))
}

// parseID reads an id from an address. One that is none names nothing.
func parseID(s, thing string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != s {
		return 0, errs.NotFoundf("There is no such %s.", thing)
	}
	return n, nil
}

// parseFilterID reads an id that narrows a list; "" is none.
func parseFilterID(field, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := parseID(s, "")
	if err != nil {
		return 0, errs.InvalidField("query."+field, "%s is not an id.", field)
	}
	return n, nil
}

// A page's "next" is opaque to clients. Those made here hold a mark.

func writeMark(m telemetry.Mark) string {
	if m.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d.%d", m.At.UnixMicro(), m.A, m.B, m.C)
}

func readMark(s string) (telemetry.Mark, error) {
	if s == "" {
		return telemetry.Mark{}, nil
	}
	bad := errs.InvalidField("query.before", "before is not the next of an earlier page.")
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return telemetry.Mark{}, bad
	}
	var n [4]int64
	for i, p := range parts {
		var err error
		if n[i], err = strconv.ParseInt(p, 10, 64); err != nil {
			return telemetry.Mark{}, bad
		}
	}
	m := telemetry.Mark{At: time.UnixMicro(n[0]).UTC(), A: n[1], B: n[2], C: n[3]}
	if y := m.At.Year(); y < 1970 || y > 9999 || writeMark(m) != s {
		return telemetry.Mark{}, bad
	}
	return m, nil
}
