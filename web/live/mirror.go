package live

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// mirror is the board as of the last flush, encoded. Deltas are made by
// comparing with it, so that a change of one field costs the bytes of one field.
type mirror struct {
	epoch string
	rev   uint64
	rows  map[int64]*row
	keys  [][]byte    // of members that rows have had
	left  []departure // oldest first
	floor uint64      // departures at or before it are forgotten
}

type row struct {
	id, site int64
	rev      uint64
	full     []byte // the JSON object
	fields   []field
}

// departure is a row that a site lost: to another site, or for good.
type departure struct {
	rev      uint64
	id, site int64
}

// maxLeft bounds the departures that are remembered.
const maxLeft = 4096

// step is what one flush changed.
type step struct {
	to   uint64
	rows []change
	left []departure
}

type change struct {
	*row
	old   *row   // as it was, nil for a new row
	patch []byte // the members that changed, and "id"
}

// forViewers returns what viewers of some sites are sent: a whole row where it is
// new to them, else the members that changed, and nil if it is not theirs to see.
func (c change) forViewers(allows func(site, pump int64) bool) []byte {
	switch {
	case !allows(c.site, c.id):
		return nil
	case c.old != nil && allows(c.old.site, c.id):
		return c.patch
	}
	return c.full
}

// encoded is what the board said, ready to be taken.
type encoded struct {
	Changes
	whole bool // the board could not say what changed: these are all rows
	keys  [][]byte
	step  step
}

// encode makes a step of what the board said. It changes nothing.
func (m *mirror) encode(ch Changes) (encoded, error) {
	e := encoded{Changes: ch, whole: ch.Reset || ch.Epoch != m.epoch, keys: m.keys, step: step{to: ch.Rev, rows: make([]change, 0, len(ch.Rows))}}
	for _, in := range ch.Rows {
		full, err := json.Marshal(in.Value)
		if err != nil {
			return e, fmt.Errorf("encode row %d: %w", in.ID, err)
		}
		fields, ok := split(full)
		if !ok {
			return e, fmt.Errorf("row %d is not a JSON object", in.ID)
		}
		full, fields = e.complete(full, fields)
		c := change{row: &row{id: in.ID, site: in.Site, rev: in.Rev, full: full, fields: fields}}
		if old := m.rows[in.ID]; old != nil && !e.whole {
			c.old, c.patch = old, patch(in.ID, old.fields, fields)
			if old.site != in.Site {
				e.step.left = append(e.step.left, departure{rev: in.Rev, id: in.ID, site: old.site})
			}
		}
		e.step.rows = append(e.step.rows, c)
	}
	for _, id := range ch.Removed {
		if old := m.rows[id]; old != nil && !e.whole {
			e.step.left = append(e.step.left, departure{rev: ch.Rev, id: id, site: old.site})
		}
	}
	return e, nil
}

// complete gives a row null for each member that rows have had and it lacks:
// readers lay a whole row over what they have.
func (e *encoded) complete(full []byte, fields []field) ([]byte, []field) {
	for i, f := range fields {
		if i < len(e.keys) && bytes.Equal(e.keys[i], f.key) {
			continue
		}
		if !slices.ContainsFunc(e.keys, func(k []byte) bool { return bytes.Equal(k, f.key) }) {
			e.keys = append(slices.Clip(e.keys), f.key)
		}
	}
	if len(fields) == len(e.keys) {
		return full, fields
	}
	full = full[:len(full)-1]
	for _, k := range e.keys {
		if !slices.ContainsFunc(fields, func(f field) bool { return bytes.Equal(f.key, k) }) {
			if len(fields) > 0 {
				full = append(full, ',')
			}
			full = append(append(append(full, k...), ':'), "null"...)
			fields = append(fields, field{k, null})
		}
	}
	return append(full, '}'), fields
}

var null = []byte("null")

// apply takes what encode made. whole means that everybody must start again.
func (m *mirror) apply(e encoded) (s step, whole bool) {
	if e.whole {
		*m = mirror{epoch: e.Epoch, rows: make(map[int64]*row, len(e.Rows)), floor: e.Rev}
	}
	m.rev, m.keys = e.Rev, e.keys
	for _, c := range e.step.rows {
		m.rows[c.id] = c.row
	}
	for _, id := range e.Removed {
		delete(m.rows, id)
	}
	m.left = append(m.left, e.step.left...)
	if extra := len(m.left) - maxLeft; extra > 0 {
		m.floor = m.left[extra-1].rev
		m.left = slices.Delete(m.left, 0, extra)
	}
	return e.step, e.whole
}

// catchUp returns whole rows that changed after from, oldest change first, and
// the ids that left, for a viewer of some sites. ok is false if too much is
// forgotten or too much would have to be sent.
func (m *mirror) catchUp(from uint64, allows func(site, pump int64) bool) (rows []*row, removed []int64, ok bool) {
	if from > m.rev || from < m.floor {
		return nil, nil, false
	}
	size := 0
	for _, r := range m.rows {
		if r.rev > from && allows(r.site, r.id) {
			rows = append(rows, r)
			if size += len(r.full); size > MaxCatchUp {
				return nil, nil, false
			}
		}
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Or(cmp.Compare(a.rev, b.rev), cmp.Compare(a.id, b.id)) })
	for _, d := range m.left {
		if d.rev > from && allows(d.site, d.id) {
			if r := m.rows[d.id]; r == nil || !allows(r.site, d.id) {
				removed = append(removed, d.id)
			}
		}
	}
	return rows, removed, true
}

// field is one member of an encoded object; key and value are parts of it.
type field struct{ key, value []byte }

// split cuts an object as json.Marshal writes it, without blanks, into its
// members. Keys keep their quotes.
func split(obj []byte) ([]field, bool) {
	if len(obj) < 2 || obj[0] != '{' || obj[len(obj)-1] != '}' {
		return nil, false
	}
	var (
		out   = make([]field, 0, 32)
		in    = obj[1 : len(obj)-1]
		start = 0
		colon = -1
		depth = 0
		text  = false
	)
	for i := 0; i < len(in); i++ {
		switch c := in[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 0 && colon < 0:
			colon = i
		case c == ',' && depth == 0:
			if colon < 0 {
				return nil, false
			}
			out = append(out, field{in[start:colon], in[colon+1 : i]})
			start, colon = i+1, -1
		}
	}
	if len(in) > 0 {
		if colon < 0 {
			return nil, false
		}
		out = append(out, field{in[start:colon], in[colon+1:]})
	}
	return out, true
}

var idKey = []byte(`"id"`)

// patch returns an object with the id and those members of now that differ from
// old. now has every member that old has.
func patch(id int64, old, now []field) []byte {
	out := make([]byte, 0, 128)
	out = append(out, `{"id":"`...)
	out = append(strconv.AppendInt(out, id, 10), '"')
	for i, f := range now {
		if bytes.Equal(f.key, idKey) || bytes.Equal(value(old, f.key, i), f.value) {
			continue
		}
		out = append(append(append(append(out, ','), f.key...), ':'), f.value...)
	}
	return append(out, '}')
}

// value returns the value of a key, which is probably the guess-th, or nil.
func value(in []field, key []byte, guess int) []byte {
	if guess < len(in) && bytes.Equal(in[guess].key, key) {
		return in[guess].value
	}
	for _, f := range in {
		if bytes.Equal(f.key, key) {
			return f.value
		}
	}
	return nil
}
