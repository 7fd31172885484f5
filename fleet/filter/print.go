package filter

import "strings"

// printer writes a filter in its one canonical form.
type printer struct{ b strings.Builder }

// String returns the filter as text that parses to the same filter; "" for all.
func (f Filter) String() string {
	if f.root == nil {
		return ""
	}
	var p printer
	f.root.print(&p)
	return p.b.String()
}

// inner writes a part, in parentheses if it binds less than what is around it.
func (p *printer) inner(n node, loose bool) {
	if loose {
		p.b.WriteByte('(')
	}
	n.print(p)
	if loose {
		p.b.WriteByte(')')
	}
}

func (n and) print(p *printer) {
	for i, c := range n {
		if i > 0 {
			p.b.WriteByte(' ')
		}
		_, loose := c.(or)
		p.inner(c, loose)
	}
}

func (n or) print(p *printer) {
	for i, c := range n {
		if i > 0 {
			p.b.WriteString(" OR ")
		}
		p.inner(c, false)
	}
}

func (n not) print(p *printer) {
	p.b.WriteString("NOT ")
	switch n.of.(type) {
	case and, or:
		p.inner(n.of, true)
	default:
		p.inner(n.of, false)
	}
}

func (n text) print(p *printer) {
	s := string(n)
	keyword := s == "AND" || s == "OR" || s == "NOT"
	p.word(s, !keyword && strings.IndexFunc(s, func(r rune) bool { return !wordRune(r) }) < 0)
}

func (n term) print(p *printer) {
	p.b.WriteString(n.field.Name)
	p.b.WriteString(string(n.op))
	for i, v := range n.values {
		if i > 0 {
			p.b.WriteByte(',')
		}
		switch {
		case v.None:
			p.b.WriteString("none")
		case n.field.Kind == Number || n.field.span():
			p.b.WriteString(n.field.format(v.N))
		default:
			bare := strings.IndexFunc(v.Text, func(r rune) bool { return !valueRune(r) }) < 0
			// A word that means "not known" without quotes needs them, and so does
			// one that would go on the operator.
			bare = bare && (fold(v.Text) != "none" || n.field.choice("none")) && !strings.HasPrefix(v.Text, "=")
			p.word(v.Text, bare)
		}
	}
}

func (p *printer) word(s string, bare bool) {
	if bare {
		p.b.WriteString(s)
		return
	}
	p.b.WriteByte('"')
	p.b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
	p.b.WriteByte('"')
}
