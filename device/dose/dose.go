// Package dose says what a pump infuses: contents, programs, boluses, bridges
// and the limits that bind them.
//
// # Contents
//
// A reservoir holds up to six ingredients, each a code of the drug library with
// its concentration; one of them is primary, the one whose dose people speak of.
// Everything else follows in proportion: a pump moves volumes.
//
// # Programs
//
// A program is a list of segments [offset_s, duration_s, volume_nL] that fill a
// cycle without gaps and repeat. After elapsed seconds a segment has delivered
// floor(volume × elapsed ÷ duration), so a day delivers exactly its volume even
// where no whole number of nL per hour would (2 mg/day at 10 mg/mL). Rates are
// derived for display. Flex programs follow the pump's local clock: offset 0 is
// midnight, or Monday's midnight for a cycle of a week. All others start when
// they are applied.
//
// Clinical doses are rounded to the nearest nL and never above a limit; callers
// show both the prescribed and the programmed dose (Dosed).
//
// # Limits
//
// Range is what a device can do and comes from its profile. Limits are what the
// drug library allows per ingredient. Both are checked against the worst case,
// which is basal plus scheduled boluses plus every patient bolus that the
// lockout permits, over any 24 hours and any hour, not against basal alone.
//
// # Format
//
// Documents are deterministic CBOR with integer keys, decoded strictly: unknown
// or duplicate keys, other than shortest forms, tags, floats and null are
// refused. Keys are never reused; a change of meaning needs a new hash domain.
//
// The package is pure. Slices in its values are shared and never written to.
package dose

import (
	"encoding/json"
	"fmt"
	"slices"

	"cisterna/device/units"
)

// MaxIngredients bounds a mixture.
const MaxIngredients = 6

// Code names an ingredient in the drug library, from 1.
type Code uint32

// Route says where the catheter ends.
type Route uint8

// The routes.
const (
	Intrathecal Route = 1
	Epidural    Route = 2
)

var routeNames = [...]string{Intrathecal: "intrathecal", Epidural: "epidural"}

// String returns "intrathecal" or "epidural".
func (r Route) String() string {
	if r >= Intrathecal && int(r) < len(routeNames) {
		return routeNames[r]
	}
	return fmt.Sprintf("route(%d)", uint8(r))
}

// MarshalText writes the route's name.
func (r Route) MarshalText() ([]byte, error) { return marshalName(routeNames[:], int(r)) }

// UnmarshalText reads what MarshalText writes.
func (r *Route) UnmarshalText(b []byte) error {
	i, err := unmarshalName(routeNames[:], b)
	if err == nil {
		*r = Route(i)
	}
	return err
}

// Ingredient is one drug of a mixture.
type Ingredient struct {
	_    struct{}   `cbor:",toarray"`
	Code Code       `json:"code"`
	Conc units.Conc `json:"conc_ng_ml"`
}

// Contents is what a reservoir holds. The zero value means that it was never
// filled.
type Contents struct {
	Ingredients []Ingredient `cbor:"1,keyasint" json:"ingredients"`
	Primary     uint8        `cbor:"2,keyasint" json:"primary"` // index into Ingredients
	Route       Route        `cbor:"3,keyasint" json:"route"`
}

// MaxConc bounds a concentration: 100 mg/mL is above anything that dissolves.
const MaxConc = units.Conc(100 * units.Milligram)

// Validate checks the contents' form: one to six different ingredients in
// rising order of code, concentrations above zero, a primary one and a route.
func (c Contents) Validate() error {
	if n := len(c.Ingredients); n < 1 || n > MaxIngredients {
		return refusef(BadContents, "ingredients", "%d ingredients: want 1 to %d", n, MaxIngredients)
	}
	for i, g := range c.Ingredients {
		switch {
		case g.Code == 0 || i > 0 && g.Code <= c.Ingredients[i-1].Code:
			return refusef(BadContents, "ingredients", "ingredient codes must rise and start above 0")
		case g.Conc <= 0 || g.Conc > MaxConc:
			return refusef(BadContents, "ingredients", "concentration %s of %s: want above 0 and at most %s", g.Conc, g.Code, MaxConc)
		}
	}
	if int(c.Primary) >= len(c.Ingredients) {
		return refusef(BadContents, "primary", "there is no ingredient %d", c.Primary)
	}
	if c.Route != Intrathecal && c.Route != Epidural {
		return refusef(BadContents, "route", "unknown route %d", uint8(c.Route))
	}
	return nil
}

// Main returns the primary ingredient, the zero one of empty contents.
func (c Contents) Main() Ingredient {
	if int(c.Primary) < len(c.Ingredients) {
		return c.Ingredients[c.Primary]
	}
	return Ingredient{}
}

// Conc returns the concentration of an ingredient, 0 if it is not there.
func (c Contents) Conc(code Code) units.Conc {
	for _, g := range c.Ingredients {
		if g.Code == code {
			return g.Conc
		}
	}
	return 0
}

// Equal reports whether both hold the same by the same route.
func (c Contents) Equal(d Contents) bool {
	return c.Primary == d.Primary && c.Route == d.Route && slices.Equal(c.Ingredients, d.Ingredients)
}

// MarshalJSON writes the contents. Those of a pump that was never filled have no
// route.
func (c Contents) MarshalJSON() ([]byte, error) {
	if c.Empty() && c.Route == 0 {
		return []byte(`{"ingredients":[],"primary":0,"route":""}`), nil
	}
	type plain Contents
	p := plain(c)
	if p.Ingredients == nil {
		p.Ingredients = []Ingredient{}
	}
	return json.Marshal(p)
}

// Empty reports whether nothing was ever filled in.
func (c Contents) Empty() bool { return len(c.Ingredients) == 0 }

// A Portion is an amount of one ingredient.
type Portion struct {
	Code Code       `json:"code"`
	Mass units.Mass `json:"mass_ng"`
}

// Portions returns how much of each ingredient a volume holds, in the order of
// the contents.
func (c Contents) Portions(v units.Volume, r units.Rounding) ([]Portion, error) {
	out := make([]Portion, len(c.Ingredients))
	for i, g := range c.Ingredients {
		m, err := v.Mass(g.Conc, r)
		if err != nil {
			return nil, fmt.Errorf("mass of %s: %w", g.Code, err)
		}
		out[i] = Portion{Code: g.Code, Mass: m}
	}
	return out, nil
}
