// Package filter is the one language in which people say which pumps they mean:
// in the list, its counts, saved views, groups, bulk work, files and on the
// command line.
//
//	presence:offline battery<40 (alarm:high OR alarm:medium) NOT tag:ward-3 "left side"
//
// # Grammar
//
//	filter = [ or ]
//	or     = and { "OR" and }
//	and    = not { [ "AND" ] not }
//	not    = "NOT" not | "(" or ")" | term | text
//	term   = field op value { "," value }
//	op     = ":" | "=" | "!=" | "<" | "<=" | ">" | ">="
//	value  = word | string | "none"
//	text   = word | string
//
// A string stands in double quotes, with \" and \\ inside. A word is anything
// without blanks and without ()":=<>!, of which a value may contain :=<>! too.
// AND, OR and NOT are words of the language in capitals only. Blanks may stand
// around an operator. Several values mean any of them; with != none of them.
//
// What a field takes depends on its kind ([Fields]): a choice takes its values,
// text is found anywhere with ":" and as a whole with "=", numbers and ages compare
// and take units. none means not known, or that there is none. What is not known
// matches no comparison; "!=" and NOT are exactly the contrary of "=".
//
// A text is found anywhere in what a pump is called: serial, label, model, link,
// firmware, alarm, drugs, tags, site. Upper and lower case are the same.
//
// The package is pure: values in, values out. Whole numbers only. What it prints
// parses to the same filter.
package filter

import (
	"strings"
	"time"
)

// Limits of a filter.
const (
	MaxLength = 2000 // bytes
	MaxTerms  = 200
	maxDepth  = 32
)

// Filter says which pumps. The zero Filter means all.
type Filter struct{ root node }

// node is a part of a filter: and, or, not, text or term.
type node interface{ print(*printer) }

type (
	and  []node // at least two, none an and
	or   []node // at least two, none an or
	not  struct{ of node }
	text string // as typed, not empty
	term struct {
		field  *Field
		op     Op
		values []Value // at least one
	}
)

// Op is how a term compares.
type Op string

// The operators.
const (
	Has       Op = ":"
	Equal     Op = "="
	NotEqual  Op = "!="
	Less      Op = "<"
	AtMost    Op = "<="
	Greater   Op = ">"
	AtLeast   Op = ">="
	operators    = ":=!<>"
)

// Value is what a term compares with.
type Value struct {
	Text string // of a choice, name or text
	N    int64  // of a number or age, in the field's base unit
	None bool   // not known, or none
}

// Empty reports whether the filter means all pumps.
func (f Filter) Empty() bool { return f.root == nil }

// Uses reports whether the filter asks for a field.
func (f Filter) Uses(field string) bool { return uses(f.root, field) }

func uses(n node, field string) bool {
	switch n := n.(type) {
	case and:
		for _, c := range n {
			if uses(c, field) {
				return true
			}
		}
	case or:
		for _, c := range n {
			if uses(c, field) {
				return true
			}
		}
	case not:
		return uses(n.of, field)
	case term:
		return n.field.Name == field
	}
	return false
}

// And returns a filter for what both mean.
func (f Filter) And(g Filter) Filter {
	switch {
	case f.root == nil:
		return g
	case g.root == nil:
		return f
	}
	return Filter{joinAnd([]node{f.root, g.root})}
}

func joinAnd(parts []node) node {
	var out and
	for _, p := range parts {
		if inner, ok := p.(and); ok {
			out = append(out, inner...)
		} else {
			out = append(out, p)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

func joinOr(parts []node) node {
	var out or
	for _, p := range parts {
		if inner, ok := p.(or); ok {
			out = append(out, inner...)
		} else {
			out = append(out, p)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

// Predicate reports whether a row is meant, at a moment.
type Predicate[R any] func(row *R, now time.Time) bool

// Getter reads a field of a row. Which of the functions is set depends on the
// field's kind; Match replaces them all.
type Getter[R any] struct {
	Text   func(*R) string        // of choices, names and text; "" is none
	Texts  func(*R) []string      // the same, of which a row may have several
	Number func(*R) (int64, bool) // in the base unit; false: not known
	Time   func(*R) time.Time     // of ages; zero: never
	Match  func(Value) (Predicate[R], error)
}

// Schema reads rows: a getter for each of [Fields], and what a text is looked for
// in, in lower case.
type Schema[R any] struct {
	Fields map[string]Getter[R]
	Text   func(*R) string
}

// Fold makes upper and lower case the same, as Schema.Text must be.
func Fold(s string) string { return strings.ToLower(s) }

func fold(s string) string { return Fold(s) }
