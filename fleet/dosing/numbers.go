package dosing

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/registry"
)

// halfMinute is how far a time may be off that people write in minutes.
const halfMinute = 30

// asker collects the key numbers of a prescription.
type asker struct {
	lib *order.Library
	out []Number
}

// numbers returns the key numbers of a prescription, in the order in which a form
// asks for them. The pump's serial is always the first: the wrong pump is the
// worst mistake. sites are all that a pump could go to.
func numbers(p *order.Prescription, lib *order.Library, sites []registry.Site) []Number {
	a := &asker{lib: lib}
	a.is("serial", "", func(serial string) bool { return strings.EqualFold(strings.TrimSpace(serial), p.Serial) })
	a.contents("", p.Contents)
	a.checks("", p.Contents, p.Program, p.Checks)
	if p.Dose != nil {
		a.number("over", "s", int64(p.Dose.Duration), halfMinute)
	}
	a.pattern("", p.Contents, p.Program)
	a.ptm("", p.Contents, p.Program)
	if v := p.Visit; v != nil {
		a.contents("planned.", &v.Planned.Contents)
		a.checks("planned.", &v.Planned.Contents, &v.Planned.Program, v.Planned.Checks)
		a.pattern("planned.", &v.Planned.Contents, &v.Planned.Program)
		a.ptm("planned.", &v.Planned.Contents, &v.Planned.Program)
		a.digits("filled", "nL", func(got int64) bool {
			return got >= int64(v.Bounds.FilledMin) && got <= int64(v.Bounds.FilledMax)
		})
	}
	if s := p.Settings; s != nil {
		a.number("low_alarm", "nL", int64(s.Low), 0)
		a.number("ptm_denied", "", int64(s.PTMDenied), 0)
	}
	if p.Act == order.ActBind {
		a.is("patient", "", func(token string) bool {
			token = strings.ToUpper(strings.TrimSpace(token))
			return token != "" && registry.OrderPatient(token) == p.Patient
		})
	}
	if t := p.Transfer; t != nil {
		a.is("site", "", func(name string) bool { return names(sites, t.Site, name) })
	}
	if z := p.Zone; z != nil {
		a.is("zone", "s", func(east string) bool { return east == strconv.FormatInt(int64(*z), 10) })
	}
	if p.Act == order.ActAdopt {
		a.number("volume", "nL", int64(p.Volume), int64(units.Millilitre)/20)
	}
	return a.out
}

// number asks for a number that may be off by slip.
func (a *asker) number(name, unit string, want, slip int64) {
	a.digits(name, unit, func(got int64) bool { return got >= want-slip && got <= want+slip })
}

// digits asks for a number in digits that agrees if good says so.
func (a *asker) digits(name, unit string, good func(got int64) bool) {
	a.is(name, unit, func(entered string) bool {
		v, err := strconv.ParseInt(entered, 10, 64)
		return err == nil && v >= 0 && strconv.FormatInt(v, 10) == entered && good(v)
	})
}

// is asks for whatever good accepts.
func (a *asker) is(name, unit string, good func(entered string) bool) {
	a.out = append(a.out, Number{Name: name, Unit: unit, is: good})
}

// contents asks for the concentrations: what the label of the syringe says.
func (a *asker) contents(prefix string, c *dose.Contents) {
	if c == nil {
		return
	}
	for _, g := range c.Ingredients {
		a.number(prefix+"conc:"+codeText(g.Code), "ng/mL", int64(g.Conc), 0)
	}
}

// checks asks for the mean day and for what goes in at once, of each ingredient.
func (a *asker) checks(prefix string, c *dose.Contents, g *dose.Program, list []order.Check) {
	for _, k := range list {
		slip := place(a.lib, k.Code) / 2
		if g != nil && c != nil && c.Conc(k.Code) > 0 {
			a.number(prefix+"day:"+codeText(k.Code), "ng", int64(k.Day), slip+rounding(c, k.Code, len(g.Segments)))
		}
		if k.Once > 0 && c != nil {
			a.number(prefix+"once:"+codeText(k.Code), "ng", int64(k.Once), slip+rounding(c, k.Code, 1))
		}
	}
}

// pattern asks of a program that changes its flow for the most in an hour of the
// ingredient that leads, and from when on it is given: the same day's dose, all of
// it in one hour or at the wrong end of the day, is another therapy.
func (a *asker) pattern(prefix string, c *dose.Contents, g *dose.Program) {
	if g == nil || c == nil || int(c.Primary) >= len(c.Ingredients) {
		return
	}
	code := c.Ingredients[c.Primary].Code
	flows := a.flows(c, code, g)
	byRate := func(x, y flow) int { return cmp.Compare(x.rate, y.rate) }
	if len(flows) == 0 || slices.MaxFunc(flows, byRate).like(slices.MinFunc(flows, byRate).rate) {
		return // one rate all day
	}
	most := slices.MaxFunc(flows, byRate).rate
	flows = slices.DeleteFunc(flows, func(f flow) bool { return !f.like(most) })
	a.digits(prefix+"peak:"+codeText(code), "ng/h", func(got int64) bool {
		return slices.ContainsFunc(flows, func(f flow) bool { return f.like(got) })
	})
	if g.Clocked() {
		a.digits(prefix+"peak_from", "s", func(got int64) bool {
			return slices.ContainsFunc(flows, func(f flow) bool { return f.from == got })
		})
	}
}

// flow is what a segment gives of an ingredient.
type flow struct {
	from int64 // s of the day
	rate int64 // ng an hour
	slip int64
}

func (f flow) like(rate int64) bool { return rate >= f.rate-f.slip && rate <= f.rate+f.slip }

func (a *asker) flows(c *dose.Contents, code dose.Code, g *dose.Program) (out []flow) {
	for _, s := range g.Segments {
		m, err := s.Volume.Mass(c.Conc(code), units.Nearest)
		if err != nil || s.Duration <= 0 {
			return nil // no program that was checked has such a segment
		}
		inHour := func(in int64) int64 { return in * int64(units.Hour) / int64(s.Duration) }
		out = append(out, flow{int64(s.Offset % units.Day), inHour(int64(m)), place(a.lib, code)/2 + inHour(rounding(c, code, 1)) + 1})
	}
	return out
}

// ptm asks for what the patient may take on top.
func (a *asker) ptm(prefix string, c *dose.Contents, g *dose.Program) {
	if g == nil || g.PTM == nil {
		return
	}
	for i := 0; c != nil && i < len(c.Ingredients); i++ {
		code := c.Ingredients[i].Code
		if m, err := g.PTM.Volume.Mass(c.Ingredients[i].Conc, units.Nearest); err == nil {
			a.number(prefix+"ptm:"+codeText(code), "ng", int64(m), place(a.lib, code)/2+rounding(c, code, 1))
		}
	}
	a.number(prefix+"ptm_over", "s", int64(g.PTM.Duration), halfMinute)
	a.number(prefix+"ptm_max", "", int64(g.PTM.Max24h), 0)
	a.number(prefix+"ptm_lockout", "s", int64(g.PTM.Lockout), halfMinute)
}

func codeText(c dose.Code) string { return strconv.FormatUint(uint64(c), 10) }

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
