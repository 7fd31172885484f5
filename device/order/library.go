package order

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// Group is a group of patients that limits are for.
type Group uint16

// The groups.
const (
	GroupCancer    Group = 1 // pain of cancer
	GroupNonCancer Group = 2 // other pain
	GroupSpinal    Group = 3 // spasticity of spinal origin
	GroupCerebral  Group = 4 // spasticity of cerebral origin
	GroupChild     Group = 5
)

var groupNames = [...]string{GroupCancer: "cancer", GroupNonCancer: "non_cancer", GroupSpinal: "spinal", GroupCerebral: "cerebral", GroupChild: "child"}

// String returns the group's name as the API spells it.
func (g Group) String() string { return nameOf(groupNames[:], int(g), "group") }

// MarshalText writes the group's name.
func (g Group) MarshalText() ([]byte, error) { return marshalName(groupNames[:], int(g)) }

// UnmarshalText reads what MarshalText writes.
func (g *Group) UnmarshalText(b []byte) error {
	i, err := unmarshalName(groupNames[:], b)
	if err == nil {
		*g = Group(i)
	}
	return err
}

// Library is the drug library as pumps know it. It is immutable once signed:
// every change is a new version.
type Library struct {
	V        uint64    `cbor:"1,keyasint" json:"v"`       // 1
	Version  uint64    `cbor:"2,keyasint" json:"version"` // rises
	Issued   int64     `cbor:"3,keyasint" json:"issued"`
	Name     string    `cbor:"4,keyasint" json:"name"`
	Sample   bool      `cbor:"5,keyasint" json:"sample"` // unapproved sample content
	Drugs    []Drug    `cbor:"6,keyasint" json:"drugs"`  // rising by code
	Mixtures []Mixture `cbor:"7,keyasint,omitempty" json:"mixtures,omitempty"`
}

// Drug is one entry of the library.
type Drug struct {
	Code         dose.Code     `cbor:"1,keyasint" json:"code"`
	Name         string        `cbor:"2,keyasint" json:"name"`
	Class        string        `cbor:"3,keyasint" json:"class"`
	Unit         string        `cbor:"4,keyasint" json:"unit"`       // mg or mcg, as clinicians write it
	Decimals     uint          `cbor:"5,keyasint" json:"decimals"`   // of a daily dose in Unit
	Withdrawal   dose.Severity `cbor:"6,keyasint" json:"withdrawal"` // what an abrupt stop does
	Restricted   bool          `cbor:"7,keyasint" json:"restricted"` // no dose can be ordered
	Source       string        `cbor:"8,keyasint" json:"source"`     // of the numbers, with confidence
	MaxConc      units.Conc    `cbor:"9,keyasint,omitempty" json:"max_conc_ng_ml"`
	Concs        []units.Conc  `cbor:"10,keyasint,omitempty" json:"concs_ng_ml,omitempty"` // standard ones, rising; absent: any up to MaxConc
	Stability    units.Seconds `cbor:"11,keyasint,omitempty" json:"stability_s"`           // alone in a reservoir at 37 °C; 0 is unknown
	Fallback     uint64        `cbor:"12,keyasint,omitempty" json:"fallback_permille"`     // one person may decrease by so much; ships empty
	Alone        bool          `cbor:"13,keyasint,omitempty" json:"alone"`                 // only in mixtures that are listed
	Jurisdiction string        `cbor:"14,keyasint,omitempty" json:"jurisdiction,omitempty"`
	Limits       []DrugLimit   `cbor:"15,keyasint,omitempty" json:"limits,omitempty"` // rising by group and route
}

// DrugLimit is what one group of patients may have of a drug by one route. A
// zero is no limit, but for the hard ones, which every entry has.
type DrugLimit struct {
	Group      Group         `cbor:"1,keyasint" json:"group"`
	Route      dose.Route    `cbor:"2,keyasint" json:"route"`
	HardDay    units.Mass    `cbor:"3,keyasint" json:"hard_day_ng"`  // in any 24 hours, at worst
	HardHour   units.Mass    `cbor:"4,keyasint" json:"hard_hour_ng"` // in any hour, at worst
	SoftDay    units.Mass    `cbor:"5,keyasint,omitempty" json:"soft_day_ng"`
	HardBolus  units.Mass    `cbor:"6,keyasint,omitempty" json:"hard_bolus_ng"` // one clinician's or patient's bolus
	SoftBolus  units.Mass    `cbor:"7,keyasint,omitempty" json:"soft_bolus_ng"`
	HardStep   units.Mass    `cbor:"8,keyasint,omitempty" json:"hard_step_ng"` // more a day than before
	SoftStep   units.Mass    `cbor:"9,keyasint,omitempty" json:"soft_step_ng"`
	HardStepPM uint64        `cbor:"10,keyasint,omitempty" json:"hard_step_permille"` // of what runs
	SoftStepPM uint64        `cbor:"11,keyasint,omitempty" json:"soft_step_permille"`
	MinLockout units.Seconds `cbor:"12,keyasint,omitempty" json:"ptm_min_lockout_s"`
	MaxPTM     uint16        `cbor:"13,keyasint,omitempty" json:"ptm_max_24h"`
	NoPTM      bool          `cbor:"14,keyasint,omitempty" json:"no_ptm"`
}

// Mixture is a mixture whose stability is known.
type Mixture struct {
	Codes     []dose.Code   `cbor:"1,keyasint" json:"codes"` // two to six, rising
	Stability units.Seconds `cbor:"2,keyasint" json:"stability_s"`
	Source    string        `cbor:"3,keyasint" json:"source"`
}

// UnlistedStability caps how long a mixture that is not listed may be kept
// (reference/domain.md 2.2).
const UnlistedStability = 90 * units.Day

// Encode returns the body to sign.
func (l Library) Encode() []byte { return encode(l) }

// OpenLibrary accepts a library signed by r's library keys.
func (r Root) OpenLibrary(b []byte) (Library, error) {
	var l Library
	if err := r.open(b, TypeLibrary, r.Library, &l); err != nil {
		return Library{}, err
	}
	if err := l.Check(); err != nil {
		return Library{}, err
	}
	return l, nil
}

// Check says whether a library is complete, whoever signed it.
func (l *Library) Check() error {
	if l.V != 1 || l.Version == 0 || l.Version > MaxCounter {
		return refused("library of format %d, version %d", l.V, l.Version)
	}
	last := dose.Code(0)
	for i := range l.Drugs {
		d := &l.Drugs[i]
		if d.Code <= last {
			return refused("library entry %d %q is there twice or out of order", d.Code, d.Name)
		}
		last = d.Code
		if err := d.check(); err != nil {
			return err
		}
	}
	for _, m := range l.Mixtures {
		if len(m.Codes) < 2 || len(m.Codes) > dose.MaxIngredients || m.Stability <= 0 || m.Stability > maxStability || !rising(m.Codes, compareCode) {
			return refused("library: a mixture of %v", m.Codes)
		}
		for _, c := range m.Codes {
			if _, ok := l.Drug(c); !ok {
				return refused("library: a mixture with ingredient %d, which has no entry", c)
			}
		}
	}
	return nil
}

const maxStability = 366 * units.Day

func compareCode(a, b dose.Code) int { return int(int64(a) - int64(b)) }

func (d *Drug) check() error {
	bad := func(what string) error { return refused("library entry %d %q: %s", d.Code, d.Name, what) }
	switch {
	case d.Name == "" || d.Withdrawal < dose.WithdrawalNone || d.Withdrawal > dose.WithdrawalDeadly || d.Unit != "mg" && d.Unit != "mcg" || d.Decimals > 4:
		return bad("incomplete")
	case d.MaxConc < 0 || d.MaxConc > dose.MaxConc || d.Stability < 0 || d.Stability > maxStability || d.Fallback > 1000:
		return bad("a concentration, stability or fallback band that cannot be")
	case !rising(d.Concs, func(a, b units.Conc) int { return int(int64(a) - int64(b)) }):
		return bad("concentrations out of order")
	case len(d.Concs) > 0 && (d.Concs[0] <= 0 || d.Concs[len(d.Concs)-1] > d.MaxConc):
		return bad("a standard concentration above the highest one")
	case d.Restricted && len(d.Limits) > 0:
		return bad("restricted, and with limits")
	case len(d.Limits) > 0 && d.MaxConc == 0:
		return bad("limits without a highest concentration")
	}
	last := 0
	for i := range d.Limits {
		x := &d.Limits[i]
		if x.order() <= last {
			return bad("limits out of order")
		}
		last = x.order()
		if err := x.check(); err != "" {
			return bad(err)
		}
	}
	return nil
}

func (x *DrugLimit) order() int { return int(x.Group)<<8 | int(x.Route) }

func (x *DrugLimit) check() string {
	soft := func(soft, hard units.Mass) bool { return soft < 0 || hard < 0 || hard > 0 && soft > hard }
	switch {
	case x.Group < GroupCancer || x.Group > GroupChild || x.Route != dose.Intrathecal && x.Route != dose.Epidural:
		return "limits for an unknown group or route"
	case x.HardDay > maxMass || x.HardHour <= 0 || x.HardHour > x.HardDay:
		return "limits without a highest day and hour"
	case soft(x.SoftDay, x.HardDay) || soft(x.SoftBolus, x.HardBolus) || soft(x.SoftStep, x.HardStep) || x.HardBolus > maxMass || x.HardStep > maxMass || x.SoftBolus > maxMass || x.SoftStep > maxMass:
		return "a soft limit above its hard one"
	case x.HardStepPM > 10_000 || x.SoftStepPM > 10_000 || x.HardStepPM > 0 && x.SoftStepPM > x.HardStepPM:
		return "a soft step above its hard one"
	case x.MinLockout < 0 || x.MinLockout > units.Week || x.MaxPTM > dose.MaxPTM:
		return "limits of patient boluses that cannot be"
	}
	return ""
}

// Drug returns the entry of a code.
func (l *Library) Drug(c dose.Code) (*Drug, bool) {
	for i := range l.Drugs {
		if l.Drugs[i].Code == c {
			return &l.Drugs[i], true
		}
	}
	return nil, false
}

// Limit returns what a group may have of the drug by a route.
func (d *Drug) Limit(g Group, r dose.Route) (*DrugLimit, bool) {
	for i := range d.Limits {
		if d.Limits[i].Group == g && d.Limits[i].Route == r {
			return &d.Limits[i], true
		}
	}
	return nil, false
}

// Mixture returns the listed mixture of exactly the contents' ingredients.
func (l *Library) Mixture(c dose.Contents) (*Mixture, bool) {
	for i := range l.Mixtures {
		m := &l.Mixtures[i]
		if len(m.Codes) == len(c.Ingredients) && !slices.ContainsFunc(c.Ingredients, func(g dose.Ingredient) bool { return !slices.Contains(m.Codes, g.Code) }) {
			return m, true
		}
	}
	return nil, false
}

// Stability returns how long contents may stay in a reservoir, 0 if it is not
// known: the listed mixture's; else that of the shortest ingredient and at most
// 90 days.
func (l *Library) Stability(c dose.Contents) units.Seconds {
	if m, ok := l.Mixture(c); ok {
		return m.Stability
	}
	out := units.Seconds(0)
	for _, g := range c.Ingredients {
		d, ok := l.Drug(g.Code)
		if !ok || d.Stability == 0 || d.Alone && len(c.Ingredients) > 1 {
			return 0
		}
		if out == 0 || d.Stability < out {
			out = d.Stability
		}
	}
	if len(c.Ingredients) > 1 {
		out = min(out, UnlistedStability)
	}
	return out
}

// Ceilings returns the limits that the library sets for contents in a group: the
// widest that a prescription may carry. Contents with an ingredient that cannot
// be ordered are refused with E_LIB.
func (l *Library) Ceilings(c dose.Contents, g Group) (dose.Limits, error) {
	all, err := l.entries(c, g)
	if err != nil {
		return dose.Limits{}, err
	}
	return ceilings(all), nil
}

// entry is an ingredient with what the library says of it.
type entry struct {
	dose.Ingredient
	drug  *Drug
	limit *DrugLimit
}

// entries returns the entries of contents, or says why they cannot be ordered.
func (l *Library) entries(c dose.Contents, g Group) ([]entry, error) {
	_, listed := l.Mixture(c)
	var out []entry
	for _, i := range c.Ingredients {
		d, x, err := l.entry(i, g, c.Route)
		if err != nil {
			return nil, err
		}
		if d.Alone && len(c.Ingredients) > 1 && !listed {
			return nil, refuse(ErrLibrary, "%s is given alone, or in mixtures that the library lists", d.Name)
		}
		out = append(out, entry{i, d, x})
	}
	return out, nil
}

// ceilings returns the widest limits that entries allow together.
func ceilings(all []entry) (out dose.Limits) {
	for _, e := range all {
		x := e.limit
		out.Ingredients = append(out.Ingredients, dose.Limit{Code: e.Code, Max1h: x.HardHour, Max24h: x.HardDay, Withdrawal: e.drug.Withdrawal})
		out.MinLockout = max(out.MinLockout, x.MinLockout)
		if x.MaxPTM > 0 && (out.MaxPTM24h == 0 || x.MaxPTM < out.MaxPTM24h) {
			out.MaxPTM24h = x.MaxPTM
		}
	}
	return out
}

// entry returns the entry and limit of one ingredient, or says why it cannot be
// ordered.
func (l *Library) entry(i dose.Ingredient, g Group, r dose.Route) (*Drug, *DrugLimit, error) {
	d, ok := l.Drug(i.Code)
	if !ok {
		return nil, nil, refuse(ErrLibrary, "%s has no entry in the drug library", i.Code)
	}
	if d.Restricted {
		return nil, nil, refuse(ErrLibrary, "%s is restricted: no dose can be ordered", d.Name)
	}
	x, ok := d.Limit(g, r)
	if !ok {
		return nil, nil, refuse(ErrLibrary, "%s has no limits for group %s by the %s route", d.Name, g, r)
	}
	if i.Conc > d.MaxConc {
		return nil, nil, refuse(ErrLibrary, "%s at %s, at most %s", d.Name, i.Conc, d.MaxConc)
	}
	if len(d.Concs) > 0 && !slices.Contains(d.Concs, i.Conc) {
		return nil, nil, refuse(ErrLibrary, "%s at %s is no standard concentration", d.Name, i.Conc)
	}
	return d, x, nil
}

// sameEntries reports whether two libraries say the same of every ingredient of
// the contents, and of their mixture.
func (l *Library) sameEntries(m *Library, c dose.Contents) bool {
	for _, g := range c.Ingredients {
		a, ok1 := l.Drug(g.Code)
		b, ok2 := m.Drug(g.Code)
		if !ok1 || !ok2 || string(encode(a)) != string(encode(b)) {
			return false
		}
	}
	a, ok1 := l.Mixture(c)
	b, ok2 := m.Mixture(c)
	return ok1 == ok2 && (!ok1 || string(encode(a)) == string(encode(b)))
}

// OpenProfile accepts a device profile signed by r's makers and returns its
// body, which package profile decodes.
func (r Root) OpenProfile(b []byte) ([]byte, error) {
	d, err := Open(b)
	if err != nil {
		return nil, err
	}
	if err := d.verify(TypeProfile, r.Profile); err != nil {
		return nil, err
	}
	return d.Body, nil
}

func (r Root) open(b []byte, t Type, q Quorum, into any) error {
	d, err := Open(b)
	if err != nil {
		return err
	}
	if err := d.verify(t, q); err != nil {
		return err
	}
	return decode(d.Body, into)
}
