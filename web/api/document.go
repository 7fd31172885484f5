package api

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Document is a part of a signed document as JSON: quantities are digits as text,
// hashes and ids hexadecimal. Its schema follows from its type.
type Document[T any] struct{ V T }

// MarshalJSON writes the part. A list without entries is [], as the schema says,
// never null.
func (d Document[T]) MarshalJSON() ([]byte, error) {
	return json.Marshal(withLists(reflect.ValueOf(d.V)).Interface())
}

// UnmarshalJSON reads the part; a member that it has not is refused.
func (d *Document[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(&d.V)
}

// Schema describes the part.
func (Document[T]) Schema(huma.Registry) *huma.Schema { return schemaOf(reflect.TypeFor[T]()) }

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
)

// withLists returns a copy of v in which no list is nil. Nothing that v leads to is
// changed: others may be reading it.
func withLists(v reflect.Value) reflect.Value {
	t := v.Type()
	if t.Implements(textMarshaler) || t.Implements(jsonMarshaler) {
		return v
	}
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(t.Elem())
		out.Elem().Set(withLists(v.Elem()))
		return out
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return v
		}
		out := reflect.MakeSlice(t, v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(withLists(v.Index(i)))
		}
		return out
	case reflect.Struct:
		out := reflect.New(t).Elem()
		out.Set(v)
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				out.Field(i).Set(withLists(v.Field(i)))
			}
		}
		return out
	default:
		return v
	}
}

// schemaOf describes a type of the document packages. What a domain package checks
// is not repeated: a member may be left out here, and be missed there.
func schemaOf(t reflect.Type) *huma.Schema {
	switch {
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem())
	case t.Implements(textMarshaler):
		return &huma.Schema{Type: huma.TypeString, MaxLength: new(32768)}
	case t.Implements(jsonMarshaler) && t.Kind() == reflect.Int64:
		return &huma.Schema{Type: huma.TypeString, Pattern: `^(0|[1-9][0-9]{0,18})$`}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case reflect.String:
		return &huma.Schema{Type: huma.TypeString, MaxLength: new(4096)}
	case reflect.Slice, reflect.Array:
		return &huma.Schema{Type: huma.TypeArray, Items: schemaOf(t.Elem())}
	case reflect.Struct:
		s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				for k, v := range schemaOf(f.Type).Properties {
					s.Properties[k] = v
				}
			case f.IsExported() && name != "" && name != "-":
				s.Properties[name] = schemaOf(f.Type)
			}
		}
		s.PrecomputeMessages()
		return s
	}
	return &huma.Schema{Type: huma.TypeInteger}
}
