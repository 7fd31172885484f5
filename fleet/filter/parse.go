package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Error says what is wrong with a filter, and where.
type Error struct {
	At, Len int      // in characters from the start
	Token   string   // what stands there; "" at the end
	Reason  string   // a sentence
	Allowed []string // what could stand there instead, if that is a short list
}

// Error returns place and reason in one sentence.
func (e *Error) Error() string {
	s := fmt.Sprintf("At character %d: %s", e.At+1, e.Reason)
	if len(e.Allowed) > 0 {
		s += " Possible here: " + strings.Join(e.Allowed, ", ") + "."
	}
	return s
}

// Parse reads a filter. The error is an [*Error].
func Parse(s string) (Filter, error) {
	if len(s) > MaxLength {
		return Filter{}, &Error{Reason: fmt.Sprintf("The filter is longer than %d bytes.", MaxLength)}
	}
	if !utf8.ValidString(s) {
		return Filter{}, &Error{Reason: "The filter is not UTF-8 text."}
	}
	p := &parser{in: []rune(s)}
	if i := slices.IndexFunc(p.in, func(r rune) bool { return unicode.IsControl(r) && !blank(r) }); i >= 0 {
		return Filter{}, p.fail(i, i+1, nil, "There is a character that cannot be seen.")
	}
	p.blanks()
	if p.end() {
		return Filter{}, nil
	}
	n, err := p.or(0)
	if err != nil {
		return Filter{}, err
	}
	if !p.end() { // only a closing parenthesis stops it before
		return Filter{}, p.fail(p.at, p.at+1, nil, "This parenthesis closes nothing.")
	}
	f := Filter{n}
	if len(f.String()) > MaxLength { // it must be possible to read what is kept
		return Filter{}, &Error{Reason: fmt.Sprintf("The filter is longer than %d bytes.", MaxLength)}
	}
	return f, nil
}

// parser reads one filter.
type parser struct {
	in    []rune
	at    int
	terms int
}

func (p *parser) fail(from, to int, allowed []string, format string, args ...any) *Error {
	to = min(to, len(p.in))
	return &Error{At: from, Len: max(0, to-from), Token: string(p.in[from:max(from, to)]), Reason: fmt.Sprintf(format, args...), Allowed: allowed}
}

func (p *parser) end() bool { return p.at >= len(p.in) }

func (p *parser) peek() rune {
	if p.end() {
		return 0
	}
	return p.in[p.at]
}

func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0' }

func (p *parser) blanks() {
	for !p.end() && blank(p.in[p.at]) {
		p.at++
	}
}

// keyword takes a word of the language if it stands here.
func (p *parser) keyword(w string) bool {
	n := len(w)
	if p.at+n > len(p.in) || string(p.in[p.at:p.at+n]) != w {
		return false
	}
	if p.at+n < len(p.in) && wordRune(p.in[p.at+n]) {
		return false
	}
	// A field of that name is none of ours: fields are in small letters.
	p.at += n
	p.blanks()
	return true
}

func (p *parser) isKeyword(w string) bool {
	at := p.at
	ok := p.keyword(w)
	p.at = at
	return ok
}

func wordRune(r rune) bool { return !blank(r) && !strings.ContainsRune(`()":=<>!,`, r) }

func valueRune(r rune) bool { return !blank(r) && !strings.ContainsRune(`()",`, r) }

func (p *parser) or(depth int) (node, error) {
	var parts []node
	for {
		n, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		at := p.at
		if !p.keyword("OR") {
			return joinOr(parts), nil
		}
		if p.end() || p.peek() == ')' {
			return nil, p.fail(at, at+2, nil, "OR needs something on both sides.")
		}
	}
}

func (p *parser) and(depth int) (node, error) {
	var parts []node
	for {
		n, err := p.not(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		p.blanks()
		at := p.at
		said := p.keyword("AND")
		if p.end() || p.peek() == ')' || p.isKeyword("OR") {
			if said {
				return nil, p.fail(at, at+3, nil, "AND needs something on both sides.")
			}
			return joinAnd(parts), nil
		}
	}
}

func (p *parser) not(depth int) (node, error) {
	if depth > maxDepth {
		return nil, p.fail(p.at, p.at+1, nil, "The filter is nested more than %d deep.", maxDepth)
	}
	at := p.at
	for _, w := range []string{"AND", "OR"} {
		if p.isKeyword(w) {
			return nil, p.fail(at, at+len(w), nil, "%s needs something on both sides. To look for the word, put it in quotes.", w)
		}
	}
	if p.keyword("NOT") {
		if p.end() || p.peek() == ')' {
			return nil, p.fail(at, at+3, nil, "NOT needs something that is not meant.")
		}
		n, err := p.not(depth + 1)
		if err != nil {
			return nil, err
		}
		return not{n}, nil
	}
	if p.peek() != '(' {
		return p.term()
	}
	p.at++
	p.blanks()
	if p.peek() == ')' {
		return nil, p.fail(at, p.at+1, nil, "There is nothing in these parentheses.")
	}
	if p.end() {
		return nil, p.fail(at, at+1, nil, "This parenthesis is never closed.")
	}
	n, err := p.or(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.peek() != ')' {
		return nil, p.fail(at, at+1, nil, "This parenthesis is never closed.")
	}
	p.at++
	p.blanks()
	return n, nil
}

// term reads a text, or a field with operator and values.
func (p *parser) term() (node, error) {
	if p.terms++; p.terms > MaxTerms {
		return nil, p.fail(p.at, p.at+1, nil, "The filter has more than %d parts.", MaxTerms)
	}
	from := p.at
	if p.peek() == '"' {
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if s == "" {
			return nil, p.fail(from, p.at, nil, "These quotes are empty.")
		}
		p.blanks()
		return text(s), nil
	}
	word := p.run(wordRune)
	if word == "" {
		return nil, p.unexpected()
	}
	to := p.at
	p.blanks()
	at := p.at
	op := p.op()
	if op == "" {
		if p.peek() == ',' {
			return nil, p.fail(p.at, p.at+1, nil, "A comma stands between the values of a field. To look for a text with one, put it in quotes.")
		}
		if p.peek() == '!' {
			return nil, p.fail(p.at, p.at+1, []string{"!="}, "! alone is no operator.")
		}
		return text(word), nil
	}
	f := byName[word]
	if f == nil {
		return nil, p.fail(from, to, near(word), "There is no field %q.", clip(word))
	}
	if !slices.Contains(f.Ops(), op) {
		return nil, p.fail(at, at+len(op), opTexts(f), "%s cannot be asked for with %s.", f.Name, op)
	}
	p.blanks()
	t := term{field: f, op: op}
	for {
		v, err := p.value(f, op)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(t.values, v) {
			t.values = append(t.values, v)
		}
		if p.peek() != ',' {
			p.blanks()
			return t, nil
		}
		if op != Has && op != Equal && op != NotEqual {
			return nil, p.fail(p.at, p.at+1, nil, "%s takes one value.", op)
		}
		p.at++
	}
}

func (p *parser) unexpected() *Error {
	switch p.peek() {
	case ')':
		return p.fail(p.at, p.at+1, nil, "This parenthesis closes nothing.")
	case ',':
		return p.fail(p.at, p.at+1, nil, "A comma stands between the values of a field.")
	}
	to := p.at
	for to < len(p.in) && strings.ContainsRune(operators, p.in[to]) {
		to++
	}
	return p.fail(p.at, to, nil, "There is no field before %s. To look for it as text, put it in quotes.", string(p.in[p.at:to]))
}

// run takes the longest run of characters that ok allows.
func (p *parser) run(ok func(rune) bool) string {
	from := p.at
	for !p.end() && ok(p.in[p.at]) {
		p.at++
	}
	return string(p.in[from:p.at])
}

// op takes an operator, or returns "".
func (p *parser) op() Op {
	for _, op := range []Op{NotEqual, AtMost, AtLeast, Has, Equal, Less, Greater} { // longest first
		if p.at+len(op) <= len(p.in) && string(p.in[p.at:p.at+len(op)]) == string(op) {
			p.at += len(op)
			return op
		}
	}
	return ""
}

// quoted takes a string in quotes.
func (p *parser) quoted() (string, error) {
	from := p.at
	var b strings.Builder
	for p.at++; !p.end(); p.at++ {
		switch r := p.in[p.at]; r {
		case '"':
			p.at++
			return b.String(), nil
		case '\\':
			p.at++
			if n := p.peek(); n != '"' && n != '\\' {
				return "", p.fail(p.at-1, p.at+1, []string{`\"`, `\\`}, "A backslash in quotes stands before a quote or a backslash.")
			}
			b.WriteRune(p.in[p.at])
		default:
			b.WriteRune(r)
		}
	}
	return "", p.fail(from, from+1, nil, "These quotes are never closed.")
}

func opTexts(f *Field) []string {
	var out []string
	for _, op := range f.Ops() {
		out = append(out, string(op))
	}
	return out
}

// near returns the fields that a mistyped name may mean, all if none is near.
func near(word string) []string {
	word = fold(word)
	var close, all []string
	for i := range fields {
		name := fields[i].Name
		all = append(all, name)
		if len(word) <= 32 && (strings.HasPrefix(name, word) || distance(word, name) <= 2) {
			close = append(close, name)
		}
	}
	if len(close) > 0 {
		return close
	}
	return all
}

// distance is how many characters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
