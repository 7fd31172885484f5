package filter

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// value reads one value of a field.
func (p *parser) value(f *Field, op Op) (Value, error) {
	from := p.at
	quoted := p.peek() == '"'
	var s string
	if quoted {
		var err error
		if s, err = p.quoted(); err != nil {
			return Value{}, err
		}
	} else {
		s = p.run(valueRune)
		p.unitApart(f, &s)
	}
	to := p.at
	if s == "" {
		return Value{}, p.fail(from, to, f.hints(), "%s%s needs a value.", f.Name, op)
	}
	none := !quoted && fold(s) == "none" && !f.choice("none")
	ordered := op != Has && op != Equal && op != NotEqual
	switch {
	case none && ordered:
		return Value{}, p.fail(from, to, nil, "What is not known is neither more nor less: %s:none asks for it.", f.Name)
	case none && f.Kind == Choice:
		return Value{}, p.fail(from, to, f.Values, "%s is never none.", f.Name)
	case none:
		return Value{None: true}, nil
	}
	switch f.Kind {
	case Choice:
		v := fold(s)
		if !f.choice(v) {
			return Value{}, p.fail(from, to, f.Values, "%q is no value of %s.", clip(s), f.Name)
		}
		return Value{Text: v}, nil
	case Number, Age, Left:
		if f.span() && !ordered {
			return Value{}, p.fail(from, to, []string{f.Name + ":none", f.Name + ">" + clip(s)}, "A length of time is compared.")
		}
		n, reason := f.number(s)
		if reason != "" {
			return Value{}, p.fail(from, to, f.unitNames(), "%s", reason)
		}
		return Value{N: n}, nil
	case Name, Text:
	}
	return Value{Text: s}, nil
}

// unitApart takes the unit of a number that stands apart from it: "40 %".
func (p *parser) unitApart(f *Field, s *string) {
	if *s == "" || f.Kind != Number && !f.span() || strings.Trim(*s, "0123456789.") != "" {
		return
	}
	at := p.at
	p.blanks()
	word := p.run(valueRune)
	if _, ok := f.unit(word); !ok || word == "" || len(f.Units) == 0 {
		p.at = at
		return
	}
	*s += word
}

// hints are what may stand behind the operator.
func (f *Field) hints() []string {
	if f.Kind == Choice {
		return f.Values
	}
	return nil
}

func (f *Field) unitNames() []string {
	var out []string
	for _, u := range f.Units {
		out = append(out, u.Name)
	}
	return out
}

// unit finds a unit by what people write for it.
func (f *Field) unit(s string) (Unit, bool) {
	if s == "" {
		if len(f.Units) == 0 {
			return Unit{Base: 1}, true
		}
		return f.Units[0], !f.span() // seconds are not what an age without a unit means
	}
	s = strings.NewReplacer("µ", "u", "μ", "u", "/day", "/d", "ml", "mL", "ul", "uL", "mv", "mV").Replace(s)
	i := slices.IndexFunc(f.Units, func(u Unit) bool { return u.Name == s })
	if i < 0 {
		return Unit{}, false
	}
	return f.Units[i], true
}

// number reads a number with its unit into the base unit. It returns a reason if
// it cannot.
func (f *Field) number(s string) (n int64, reason string) {
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	unitText := ""
	if end >= 0 {
		s, unitText = s[:end], s[end:]
	}
	whole, frac, point := strings.Cut(s, ".")
	if whole == "" || point && frac == "" || strings.Contains(frac, ".") {
		return 0, "A number is written with digits, a dot before decimals, and its unit behind it."
	}
	u, ok := f.unit(unitText)
	switch {
	case !ok && unitText == "":
		return 0, "A length of time needs its unit."
	case !ok && len(f.Units) == 0:
		return 0, f.Name + " has no unit."
	case !ok:
		return 0, strconv.Quote(clip(unitText)) + " is no unit of " + f.Name + "."
	}
	w, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || w > math.MaxInt64/u.Base/2 {
		return 0, "This number is too large."
	}
	n = w * u.Base
	// Decimals must come out whole: what is compared is whole.
	frac = strings.TrimRight(frac, "0")
	scale := u.Base
	for _, d := range frac {
		if scale%10 != 0 {
			return 0, "There are more decimals than " + f.Name + " has."
		}
		scale /= 10
		n += int64(d-'0') * scale
	}
	if f.span() && n > maxAge {
		return 0, "This is longer than anything here."
	}
	return n, ""
}

// maxAge bounds lengths of time: a hundred years.
const maxAge = 100 * 366 * 86_400

// format writes a number as number reads it: in the first unit, lengths of time
// in the largest that comes out whole.
func (f *Field) format(n int64) string {
	if len(f.Units) == 0 {
		return strconv.FormatInt(n, 10)
	}
	u := f.Units[0]
	if f.span() {
		for _, larger := range f.Units {
			if n%larger.Base == 0 && n != 0 {
				u = larger
			}
		}
	}
	s := strconv.FormatInt(n/u.Base, 10)
	if rest := n % u.Base; rest != 0 {
		digits := len(strconv.FormatInt(u.Base, 10)) - 1
		frac := strconv.FormatInt(rest, 10)
		s += "." + strings.TrimRight(strings.Repeat("0", digits-len(frac))+frac, "0")
	}
	return s + u.Name
}
