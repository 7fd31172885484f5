package filter

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Compile returns a predicate for rows that a schema reads. It is safe for
// concurrent use. An error comes from a getter's Match: a group that does not
// exist.
func Compile[R any](f Filter, s *Schema[R]) (Predicate[R], error) {
	if f.root == nil {
		return func(*R, time.Time) bool { return true }, nil
	}
	return compile(f.root, s)
}

func compile[R any](n node, s *Schema[R]) (Predicate[R], error) {
	switch n := n.(type) {
	case and:
		all, err := compileAll(n, s)
		return func(r *R, now time.Time) bool {
			for _, p := range all {
				if !p(r, now) {
					return false
				}
			}
			return true
		}, err
	case or:
		all, err := compileAll(n, s)
		return anyOf(all), err
	case not:
		p, err := compile(n.of, s)
		return func(r *R, now time.Time) bool { return !p(r, now) }, err
	case text:
		want := fold(string(n))
		return func(r *R, _ time.Time) bool { return strings.Contains(s.Text(r), want) }, nil
	case term:
		return compileTerm(n, s)
	}
	return nil, fmt.Errorf("filter: a part of type %T", n)
}

func compileAll[R any](parts []node, s *Schema[R]) ([]Predicate[R], error) {
	out := make([]Predicate[R], len(parts))
	for i, c := range parts {
		var err error
		if out[i], err = compile(c, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func anyOf[R any](all []Predicate[R]) Predicate[R] {
	return func(r *R, now time.Time) bool {
		for _, p := range all {
			if p(r, now) {
				return true
			}
		}
		return false
	}
}

func compileTerm[R any](t term, s *Schema[R]) (Predicate[R], error) {
	g, ok := s.Fields[t.field.Name]
	if !ok {
		return nil, fmt.Errorf("filter: nothing reads field %s", t.field.Name)
	}
	all := make([]Predicate[R], len(t.values))
	for i, v := range t.values {
		var err error
		if all[i], err = compileValue(t.field, t.op, v, g); err != nil {
			return nil, err
		}
	}
	p := all[0]
	if len(all) > 1 {
		p = anyOf(all)
	}
	if t.op == NotEqual {
		return func(r *R, now time.Time) bool { return !p(r, now) }, nil
	}
	return p, nil
}

func compileValue[R any](f *Field, op Op, v Value, g Getter[R]) (Predicate[R], error) {
	switch {
	case g.Match != nil:
		return g.Match(v)
	case f.Kind == Number:
		get := g.Number
		if v.None {
			return func(r *R, _ time.Time) bool { _, ok := get(r); return !ok }, nil
		}
		return func(r *R, _ time.Time) bool { n, ok := get(r); return ok && compare(n, op, v.N) }, nil
	case f.span():
		get := g.Time
		if v.None {
			return func(r *R, _ time.Time) bool { return get(r).IsZero() }, nil
		}
		limit := time.Duration(v.N) * time.Second
		if f.Kind == Left {
			return func(r *R, now time.Time) bool {
				t := get(r)
				return !t.IsZero() && compare(t.Sub(now), op, limit)
			}, nil
		}
		return func(r *R, now time.Time) bool {
			t := get(r)
			return !t.IsZero() && compare(now.Sub(t), op, limit)
		}, nil
	}
	none := v.None || f.Kind == Choice && v.Text == "none"
	want := fold(v.Text)
	is := func(s string) bool { return strings.EqualFold(s, want) }
	if f.Kind == Text && op == Has {
		is = func(s string) bool { return containsFold(s, want) }
	}
	switch {
	case g.Texts != nil && none:
		return func(r *R, _ time.Time) bool { return len(g.Texts(r)) == 0 }, nil
	case g.Texts != nil:
		return func(r *R, _ time.Time) bool { return slices.ContainsFunc(g.Texts(r), is) }, nil
	case none:
		return func(r *R, _ time.Time) bool { return g.Text(r) == "" }, nil
	}
	return func(r *R, _ time.Time) bool { return is(g.Text(r)) }, nil
}

func compare[T ~int64](a T, op Op, b T) bool {
	switch op {
	case Less:
		return a < b
	case AtMost:
		return a <= b
	case Greater:
		return a > b
	case AtLeast:
		return a >= b
	case Has, Equal, NotEqual:
	}
	return a == b
}

// containsFold reports whether s contains want, which is in lower case, whatever
// the case of s. Text of ASCII, nearly all there is, is not copied for it.
func containsFold(s, want string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return strings.Contains(fold(s), want)
		}
	}
	for i := 0; i+len(want) <= len(s); i++ {
		n := 0
		for n < len(want) && lower(s[i+n]) == want[n] {
			n++
		}
		if n == len(want) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
