package dosing

import (
	"slices"
	"strconv"
	"strings"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
)

// Number is a key number of a prescription that a second signer enters from
// another source before they see the proposal's.
type Number struct {
	Name string `json:"name"` // "day:1" is ingredient 1's daily dose
	Unit string `json:"unit"` // of the entry: ng, nL, ng/mL, s, "" for a count or a text
	want int64
	slip int64 // how far an entry may be off: half of the last place that people write, and the rounding to whole nL
	text string
	is   func(entered string) bool // what is signed as a hash, or has a sign
}

// Entry is what somebody entered for a number: digits, or text.
type Entry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// numbers returns the key numbers of a prescription, in the order in which a form
// asks for them. The pump's serial is always the first: the wrong pump is the
// worst mistake. sites are all that a pump could go to.
func numbers(p *order.Prescription, lib *order.Library, sites []registry.Site) []Number {
	out := []Number{{Name: "serial", text: p.Serial}}
	n := func(name, unit string, want, slip int64) {
		out = append(out, Number{Name: name, Unit: unit, want: want, slip: slip})
	}
	checks := func(prefix string, c *dose.Contents, g *dose.Program, list []order.Check) {
		for _, k := range list {
			code := strconv.FormatUint(uint64(k.Code), 10)
			slip := place(lib, k.Code) / 2
			if g != nil && c != nil && c.Conc(k.Code) > 0 {
				n(prefix+"day:"+code, "ng", int64(k.Day), slip+rounding(c, k.Code, len(g.Segments)))
			}
			if k.Once > 0 && c != nil {
				n(prefix+"once:"+code, "ng", int64(k.Once), slip+rounding(c, k.Code, 1))
			}
		}
	}
	contents := func(prefix string, c *dose.Contents) {
		if c == nil {
			return
		}
		for _, g := range c.Ingredients {
			n(prefix+"conc:"+strconv.FormatUint(uint64(g.Code), 10), "ng/mL", int64(g.Conc), 0)
		}
	}
	ptm := func(prefix string, c *dose.Contents, g *dose.Program) {
		if g != nil && g.PTM != nil {
			for i := 0; c != nil && i < len(c.Ingredients); i++ {
				code := c.Ingredients[i].Code
				if m, err := g.PTM.Volume.Mass(c.Ingredients[i].Conc, units.Nearest); err == nil {
					n(prefix+"ptm:"+strconv.FormatUint(uint64(code), 10), "ng", int64(m), place(lib, code)/2+rounding(c, code, 1))
				}
			}
			n(prefix+"ptm_max", "", int64(g.PTM.Max24h), 0)
			n(prefix+"ptm_lockout", "s", int64(g.PTM.Lockout), 0)
		}
	}
	contents("", p.Contents)
	checks("", p.Contents, p.Program, p.Checks)
	ptm("", p.Contents, p.Program)
	if v := p.Visit; v != nil {
		contents("planned.", &v.Planned.Contents)
		checks("planned.", &v.Planned.Contents, &v.Planned.Program, v.Planned.Checks)
		ptm("planned.", &v.Planned.Contents, &v.Planned.Program)
	}
	if s := p.Settings; s != nil {
		n("low_alarm", "nL", int64(s.Low), 0)
	}
	if p.Act == order.ActBind {
		out = append(out, Number{Name: "patient", is: func(token string) bool {
			token = strings.ToUpper(strings.TrimSpace(token))
			return token != "" && registry.OrderPatient(token) == p.Patient
		}})
	}
	if t := p.Transfer; t != nil {
		out = append(out, Number{Name: "site", is: func(name string) bool { return names(sites, t.Site, name) }})
	}
	if z := p.Zone; z != nil {
		out = append(out, Number{Name: "zone", Unit: "s", is: func(east string) bool { return east == strconv.FormatInt(int64(*z), 10) }})
	}
	if p.Act == order.ActAdopt {
		n("volume", "nL", int64(p.Volume), int64(units.Millilitre)/20)
	}
	return out
}

// names reports whether somebody names the site of an id, by its name or its short
// name. A name that two sites have names neither.
func names(sites []registry.Site, id order.ID, entered string) bool {
	entered = strings.Join(strings.Fields(entered), " ")
	named, found := 0, false
	for _, s := range sites {
		if strings.EqualFold(entered, strings.Join(strings.Fields(s.Name), " ")) || strings.EqualFold(entered, s.Short) {
			named++
			found = found || registry.OrderSite(s.ID) == id
		}
	}
	return found && named == 1
}

// place returns one in the last place of a drug's daily dose as people write it.
func place(lib *order.Library, c dose.Code) int64 {
	d, ok := lib.Drug(c)
	if !ok {
		return 0
	}
	unit := int64(units.Microgram)
	if d.Unit == "mg" {
		unit = int64(units.Milligram)
	}
	for range d.Decimals {
		unit /= 10
	}
	return unit
}

// rounding returns what whole nanolitres make of a dose: one for every segment.
func rounding(c *dose.Contents, code dose.Code, segments int) int64 {
	return int64(c.Conc(code))*int64(segments)/int64(units.Millilitre) + 1
}

// compare returns the names of the numbers that entries differ in. Something that
// is missing differs; something that was not asked for is an error.
func compare(want []Number, got []Entry) ([]string, error) {
	given := map[string]string{}
	for _, e := range got {
		if _, twice := given[e.Name]; twice || !slices.ContainsFunc(want, func(n Number) bool { return n.Name == e.Name }) {
			return nil, refusal.Invalid("entries", "%q was not asked for, or is there twice.", clip(e.Name))
		}
		given[e.Name] = e.Value
	}
	differ := []string{}
	for _, n := range want {
		if !n.agrees(given[n.Name]) {
			differ = append(differ, n.Name)
		}
	}
	return differ, nil
}

func (n *Number) agrees(value string) bool {
	if n.is != nil {
		return n.is(value)
	}
	if n.text != "" {
		return strings.EqualFold(strings.TrimSpace(value), n.text)
	}
	v, err := strconv.ParseInt(value, 10, 64)
	if err != nil || strconv.FormatInt(v, 10) != value || v < 0 {
		return false
	}
	return v >= n.want-n.slip && v <= n.want+n.slip
}

func clip(s string) string { return s[:min(len(s), 40)] }

// Sources are where a second signer may have the numbers from.
func Sources() []string { return []string{"prescription", "syringe", "calculation", "pump", "record"} }
