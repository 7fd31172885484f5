package recall

import (
	"fmt"
	"slices"
	"strings"

	"cisterna/fleet/registry"
	"cisterna/internal/errs"
)

// Range is a range of serial numbers, both ends included.
type Range struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// Criteria say which pieces a recall concerns. Models and DeviceIDs say which
// kind of device, Ranges and Lots which pieces of it; of each pair one match is
// enough, and a pair that is empty leaves the question open to all.
type Criteria struct {
	Models    []string `json:"models"`
	DeviceIDs []string `json:"device_ids"` // of UDIs
	Ranges    []Range  `json:"ranges"`
	Lots      []string `json:"lots"`
}

// Limits of criteria.
const (
	maxNames  = 50
	maxRanges = 500
	maxLots   = 500
)

// Verdict is what comes of looking at one pump.
type Verdict string

// The verdicts.
const (
	Matches  Verdict = "matches"
	Possible Verdict = "possible" // something is not known, or looks like a slip
	Excluded Verdict = "excluded"
)

// Judgement is a verdict with its reason in words.
type Judgement struct {
	Verdict Verdict
	Why     string
}

// check returns the criteria in canonical form.
func (c Criteria) check() (Criteria, error) {
	var err error
	for _, l := range []struct {
		name  string
		list  *[]string
		limit int
	}{{"models", &c.Models, maxNames}, {"device_ids", &c.DeviceIDs, maxNames}, {"lots", &c.Lots, maxLots}} {
		if *l.list, err = names(l.name, *l.list, l.limit); err != nil {
			return c, err
		}
	}
	if len(c.Ranges) > maxRanges {
		return c, errs.InvalidField("ranges", "There are more than %d ranges.", maxRanges)
	}
	ranges := make([]Range, 0, len(c.Ranges))
	for i, r := range c.Ranges {
		if r, err = r.check(); err != nil {
			return c, errs.InvalidField("ranges", "Range %d: %s", i+1, errs.Message(err))
		}
		if !slices.Contains(ranges, r) {
			ranges = append(ranges, r)
		}
	}
	c.Ranges = ranges
	if len(c.Models)+len(c.DeviceIDs)+len(c.Ranges)+len(c.Lots) == 0 {
		return c, errs.InvalidField("ranges", "Name at least a model, a device identifier, a range of serial numbers or a lot: a recall that concerns everything concerns nothing.")
	}
	return c, nil
}

// checkCriteria returns the kind of device and the criteria in canonical form. A
// notice that says no kind concerns pumps, as all did once.
func checkCriteria(kind Kind, c Criteria) (Kind, Criteria, error) {
	switch kind {
	case "":
		kind = Pumps
	case Pumps:
	case Communicators:
		if len(c.DeviceIDs) > 0 {
			return kind, c, errs.InvalidField("device_ids", "The device identifiers of communicators are not kept. Name models, serials or lots.")
		}
	default:
		return kind, c, errs.InvalidField("device", "A recall concerns the kind %s or %s.", Pumps, Communicators)
	}
	c, err := c.check()
	return kind, c, err
}

// names cleans a list: no blanks around, nothing twice whatever the case.
func names(field string, list []string, limit int) ([]string, error) {
	out := []string{}
	for _, s := range list {
		s, err := registry.Text(field, s, 60, false)
		if err != nil {
			return nil, err
		}
		if s == "" || slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, s) }) {
			continue
		}
		if out = append(out, s); len(out) > limit {
			return nil, errs.InvalidField(field, "There are more than %d.", limit)
		}
	}
	return out, nil
}

// Serial is a serial number taken apart: what stands before its last run of
// digits, the digits, and what stands behind. The order of serial numbers is that
// of the digits, and it exists only among numbers that have the same letters
// around as many digits: NGP100 is not between NGP1 and NGP9, and says nothing
// about NHP5.
type Serial struct {
	Prefix, Digits, Suffix string
}

// ParseSerial takes a serial number apart; letters count as capitals. It reports
// false if there is no digit.
func ParseSerial(s string) (Serial, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	end := strings.LastIndexAny(s, "0123456789") + 1
	if end == 0 {
		return Serial{}, false
	}
	begin := end
	for begin > 0 && s[begin-1] >= '0' && s[begin-1] <= '9' {
		begin--
	}
	return Serial{s[:begin], s[begin:end], s[end:]}, true
}

// alike reports whether two serials have the same letters.
func (s Serial) alike(t Serial) bool { return s.Prefix == t.Prefix && s.Suffix == t.Suffix }

// value compares the numbers whatever their width: −1, 0, 1.
func (s Serial) value(t Serial) int {
	a, b := strings.TrimLeft(s.Digits, "0"), strings.TrimLeft(t.Digits, "0")
	if len(a) != len(b) {
		if len(a) < len(b) {
			return -1
		}
		return 1
	}
	return strings.Compare(a, b)
}

func (r Range) check() (Range, error) {
	for _, end := range []struct {
		name  string
		value *string
	}{{"first", &r.First}, {"last", &r.Last}} {
		var err error
		if *end.value, err = registry.Text(end.name, strings.ToUpper(*end.value), 40, true); err != nil {
			return r, err
		}
	}
	a, okA := ParseSerial(r.First)
	b, okB := ParseSerial(r.Last)
	switch {
	case r.First == r.Last:
		return r, nil // one piece, whatever it is called
	case !okA || !okB:
		return r, errs.Invalidf("%s and %s have no digits to count by.", r.First, r.Last)
	case !a.alike(b):
		return r, errs.Invalidf("%s and %s have different letters: write one range for each series.", r.First, r.Last)
	case len(a.Digits) != len(b.Digits):
		return r, errs.Invalidf("%s has %d digits and %s has %d: write both as they are printed.", r.First, len(a.Digits), r.Last, len(b.Digits))
	case a.value(b) > 0:
		return r, errs.Invalidf("%s comes after %s.", r.First, r.Last)
	}
	return r, nil
}

// String writes the range as people do.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First
	}
	return r.First + " to " + r.Last
}

// judge says whether a serial number lies in the range.
func (r Range) judge(serial string) Judgement {
	serial = strings.ToUpper(strings.TrimSpace(serial))
	if r.First == r.Last {
		if serial == r.First {
			return Judgement{Matches, "serial " + serial + " is named"}
		}
		return Judgement{Excluded, ""}
	}
	a, _ := ParseSerial(r.First)
	b, _ := ParseSerial(r.Last)
	s, ok := ParseSerial(serial)
	switch {
	case !ok || !s.alike(a):
		return Judgement{Excluded, ""}
	case s.value(a) < 0 || s.value(b) > 0:
		return Judgement{Excluded, ""}
	case len(s.Digits) != len(a.Digits):
		return Judgement{Possible, fmt.Sprintf("serial %s would be in %s, but has %d digits where they have %d: look at the device", serial, r, len(s.Digits), len(a.Digits))}
	}
	return Judgement{Matches, "serial " + serial + " is in " + r.String()}
}

// Judge looks at one pump and says what it finds, and why. maker is that of the
// notice.
func (c Criteria) Judge(maker string, p registry.Pump) Judgement {
	var open []string // what is not known or not certain
	var found []string
	switch {
	case p.Maker == "":
		open = append(open, "its maker is not noted")
	case !same(p.Maker, maker):
		return Judgement{Excluded, fmt.Sprintf("its maker is %s, not %s", p.Maker, maker)}
	default:
		found = append(found, "maker "+p.Maker)
	}
	return together(open, found, c.kind(p), c.piece("pump", p.Serial, p.Lot))
}

// JudgeCommunicator looks at one communicator and says what it finds, and why.
// Nobody notes who made a communicator: only a model that is named says that the
// notice's maker is meant, and without one somebody has to look.
func (c Criteria) JudgeCommunicator(k registry.Communicator) Judgement {
	kind := Judgement{Matches, "model " + k.Model}
	switch {
	case k.Model == "":
		kind = Judgement{Possible, "its model is not registered"}
	case len(c.Models) == 0:
		kind = Judgement{Possible, fmt.Sprintf("the notice names no model, and who made this one (model %s) is not noted", k.Model)}
	case !slices.ContainsFunc(c.Models, func(m string) bool { return same(m, k.Model) }):
		return Judgement{Excluded, fmt.Sprintf("its model %s is not named", k.Model)}
	}
	return together(nil, nil, kind, c.piece("communicator", k.Serial, k.Lot))
}

// together makes one judgement of several: what excludes a device excludes it, and
// what is open keeps it open.
func together(open, found []string, all ...Judgement) Judgement {
	for _, j := range all {
		switch {
		case j.Verdict == Excluded:
			return j
		case j.Verdict == Possible:
			open = append(open, j.Why)
		case j.Why != "":
			found = append(found, j.Why)
		}
	}
	if len(open) > 0 {
		return Judgement{Possible, sentence(append(open, found...))}
	}
	return Judgement{Matches, sentence(found)}
}

// kind says whether the pump is a device of the kind that the notice names.
func (c Criteria) kind(p registry.Pump) Judgement {
	if len(c.Models)+len(c.DeviceIDs) == 0 {
		return Judgement{Matches, ""}
	}
	if p.DI != "" && slices.ContainsFunc(c.DeviceIDs, func(d string) bool { return strings.EqualFold(d, p.DI) }) {
		return Judgement{Matches, "device identifier " + p.DI}
	}
	if slices.ContainsFunc(c.Models, func(m string) bool { return same(m, p.Model) }) {
		return Judgement{Matches, "model " + p.Model}
	}
	if len(c.DeviceIDs) > 0 && p.DI == "" {
		return Judgement{Possible, fmt.Sprintf("the notice names device identifiers, and this pump's is not noted (model %s)", p.Model)}
	}
	if p.DI != "" && len(c.DeviceIDs) > 0 {
		return Judgement{Excluded, fmt.Sprintf("its device identifier %s and its model %s are not named", p.DI, p.Model)}
	}
	return Judgement{Excluded, fmt.Sprintf("its model %s is not named", p.Model)}
}

// piece says whether a device is one of the pieces that the notice names. thing is
// what people call it.
func (c Criteria) piece(thing, serial, lot string) Judgement {
	if len(c.Ranges)+len(c.Lots) == 0 {
		return Judgement{Matches, "all pieces"}
	}
	var maybe Judgement
	for _, r := range c.Ranges {
		switch j := r.judge(serial); j.Verdict {
		case Matches:
			return j
		case Possible:
			maybe = j
		case Excluded:
		}
	}
	if lot != "" && slices.ContainsFunc(c.Lots, func(l string) bool { return strings.EqualFold(l, lot) }) {
		return Judgement{Matches, "lot " + lot}
	}
	switch {
	case maybe.Verdict == Possible:
		return maybe
	case len(c.Lots) > 0 && lot == "":
		return Judgement{Possible, fmt.Sprintf("the notice names lots, and this %s's is not noted", thing)}
	case len(c.Ranges) == 0:
		return Judgement{Excluded, fmt.Sprintf("its lot %s is not named", lot)}
	case len(c.Lots) == 0:
		return Judgement{Excluded, fmt.Sprintf("its serial %s is in none of the ranges", serial)}
	}
	return Judgement{Excluded, fmt.Sprintf("its serial %s is in none of the ranges, and its lot %s is not named", serial, lot)}
}

// same compares names as people write them: case and blanks do not matter.
func same(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

func sentence(parts []string) string { return strings.Join(parts, "; ") }
