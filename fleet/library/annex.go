package library

import (
	"fmt"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/internal/errs"
)

// Annex is what a version says beside the document that is signed: where each of
// its numbers comes from, and how long to wait between increases. Pumps do not hold
// it. People approve it with the version, the server holds proposals to it, and it
// is in the record with the version's body.
type Annex struct {
	Sources []Source `json:"sources"`
	Paces   []Pace   `json:"paces"`
}

// Source says where one number comes from. It names a drug, one of its limits, or a
// mixture.
type Source struct {
	Drug       dose.Code   `json:"drug,omitempty"`
	Group      order.Group `json:"group,omitempty"` // with Route: of a limit
	Route      dose.Route  `json:"route,omitempty"`
	Mixture    []dose.Code `json:"mixture,omitempty"` // instead of Drug
	Field      string      `json:"field"`             // as the document's JSON names it
	Source     string      `json:"source"`
	Confidence Confidence  `json:"confidence"`
}

// Confidence is how much a number's source is worth.
type Confidence string

// The degrees, best first.
const (
	Found    Confidence = "found"    // read in a named document
	High     Confidence = "high"     // common knowledge, written down without the document at hand
	Medium   Confidence = "medium"   //
	Low      Confidence = "low"      //
	Proposed Confidence = "proposal" // nothing was found: somebody's proposal
	Site     Confidence = "site"     // the site decided it
)

var confidences = []Confidence{Found, High, Medium, Low, Proposed, Site}

// Pace is how fast a drug's dose may rise: a prescriber passes it with a reason.
type Pace struct {
	Drug   dose.Code     `json:"drug"`
	MinGap units.Seconds `json:"min_gap_s"` // between two increases; 0 is none
	Max7d  uint16        `json:"max_7d"`    // increases in any seven days; 0 is any number
}

// maxGap is the longest wait that a library may ask for.
const maxGap = 28 * units.Day

// Pace returns how fast a drug's dose may rise, false if nothing is said of it.
func (a *Annex) Pace(c dose.Code) (Pace, bool) {
	i := slices.IndexFunc(a.Paces, func(p Pace) bool { return p.Drug == c })
	if i < 0 {
		return Pace{}, false
	}
	return a.Paces[i], true
}

// place names what a source is about, for comparisons and for people.
func (s *Source) place() string {
	return fmt.Sprintf("%d/%s/%d/%d/%s", s.Drug, mixtureName(s.Mixture), s.Group, s.Route, s.Field)
}

func mixtureName(codes []dose.Code) string {
	name := ""
	for i, c := range codes {
		if i > 0 {
			name += " + "
		}
		name += c.String()
	}
	return name
}

// check says what is wrong with an annex of a library, by field.
func (a *Annex) check(l *order.Library) (bad []errs.Field) {
	seen := map[string]bool{}
	for i := range a.Sources {
		s := &a.Sources[i]
		at := fmt.Sprintf("annex.sources[%d].", i)
		switch {
		case !s.about(l):
			bad = append(bad, errs.Field{Name: at + "field", Message: "There is nothing in this library that the source is about."})
		case seen[s.place()]:
			bad = append(bad, errs.Field{Name: at + "field", Message: "This number has a source already."})
		}
		seen[s.place()] = true
		if s.Source == "" || len(s.Source) > 200 {
			bad = append(bad, errs.Field{Name: at + "source", Message: "Say where the number comes from, in at most 200 characters."})
		}
		if !slices.Contains(confidences, s.Confidence) {
			bad = append(bad, errs.Field{Name: at + "confidence", Message: "Say how much the source is worth: found, high, medium, low, proposal or site."})
		}
	}
	paced := map[dose.Code]bool{}
	for i, p := range a.Paces {
		at := fmt.Sprintf("annex.paces[%d].", i)
		switch d, ok := l.Drug(p.Drug); {
		case !ok || d.Restricted:
			bad = append(bad, errs.Field{Name: at + "drug", Message: "This drug has no entry that a dose can be ordered by."})
		case paced[p.Drug]:
			bad = append(bad, errs.Field{Name: at + "drug", Message: "This drug has a pace already."})
		}
		paced[p.Drug] = true
		if p.MinGap < 0 || p.MinGap > maxGap {
			bad = append(bad, errs.Field{Name: at + "min_gap_s", Message: "Between two increases there are at most 28 days."})
		}
		if p.Max7d > 100 {
			bad = append(bad, errs.Field{Name: at + "max_7d", Message: "At most 100 increases in seven days."})
		}
	}
	return bad
}

// about reports whether a library holds what a source is about.
func (s *Source) about(l *order.Library) bool {
	if len(s.Mixture) > 0 {
		return s.Drug == 0 && slices.ContainsFunc(l.Mixtures, func(m order.Mixture) bool { return slices.Equal(m.Codes, s.Mixture) })
	}
	d, ok := l.Drug(s.Drug)
	if !ok || s.Field == "" || len(s.Field) > 40 {
		return false
	}
	if s.Group == 0 && s.Route == 0 {
		return true
	}
	_, ok = d.Limit(s.Group, s.Route)
	return ok
}
