package overview

import (
	"maps"
	"slices"
	"strings"
	"time"

	"cisterna/fleet/filter"
	"cisterna/fleet/lists"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// textOf returns what a filter's text is looked for in, and how much of it is the pump's
// own: the patient's reference comes last. b.mu is held.
func (b *Board) textOf(r *Row) (text string, own int) {
	site := b.sites[r.Site]
	parts := append([]string{r.Serial, r.Label, r.Model, r.Link, r.Firmware, r.Alarms.TopTitle, site.Short, site.Name}, r.Tags...)
	for _, d := range r.Drugs {
		parts = append(parts, d.Name)
	}
	text = filter.Fold(strings.Join(parts, "\n"))
	return text + filter.Fold("\n"+r.Patient), len(text)
}

// compile turns a filter into a predicate for the sites in scope. b.mu is held
// while it runs and while the predicate is used. Errors: Invalid, for a group or a
// site that does not exist.
func (b *Board) compile(scope auth.Scope, f filter.Filter) (filter.Predicate[entry], error) {
	return b.compileBy(schema, scope, f)
}

// blind is the schema for whoever may not know whom pumps are in: a filter that asks,
// itself or through a group, is Denied, and no word finds a reference.
var blind = func() filter.Schema[entry] {
	s := schema
	s.Text, s.Fields = func(e *entry) string { return e.text[:e.own] }, maps.Clone(schema.Fields)
	s.Fields["patient"] = filter.Getter[entry]{Match: func(filter.Value) (filter.Predicate[entry], error) {
		return nil, errs.Deniedf("Whom a pump is in is for those who may read pumps.")
	}}
	return s
}()

func (b *Board) compileBy(s filter.Schema[entry], scope auth.Scope, f filter.Filter) (filter.Predicate[entry], error) {
	s.Fields = maps.Clone(s.Fields)
	s.Fields["site"] = filter.Getter[entry]{Match: func(v filter.Value) (filter.Predicate[entry], error) { return b.inSite(scope, v) }}
	s.Fields["group"] = filter.Getter[entry]{Match: func(v filter.Value) (filter.Predicate[entry], error) { return b.inGroup(scope, v, &s) }}
	return filter.Compile(f, &s)
}

func (b *Board) inSite(scope auth.Scope, v filter.Value) (filter.Predicate[entry], error) {
	if v.None {
		return func(*entry, time.Time) bool { return false }, nil
	}
	var ids []int64
	for id, n := range b.sites {
		if scope.Allows(id) && (strings.EqualFold(n.Short, v.Text) || strings.EqualFold(n.Name, v.Text)) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, errs.InvalidField("q", "There is no site %q among yours.", v.Text)
	}
	return func(e *entry, _ time.Time) bool { return slices.Contains(ids, e.Site) }, nil
}

// inGroup returns a predicate for the members of all groups of a name in scope:
// sites may have groups of one name.
func (b *Board) inGroup(scope auth.Scope, v filter.Value, s *filter.Schema[entry]) (filter.Predicate[entry], error) {
	var all []filter.Predicate[entry]
	for _, g := range b.groups {
		if !scope.Allows(g.Site) || !v.None && !strings.EqualFold(g.Name, v.Text) {
			continue
		}
		p, err := member(g, s)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if len(all) == 0 && !v.None {
		return nil, errs.InvalidField("q", "There is no group %q at your sites.", v.Text)
	}
	return func(e *entry, now time.Time) bool {
		return v.None != slices.ContainsFunc(all, func(p filter.Predicate[entry]) bool { return p(e, now) })
	}, nil
}

// member returns a predicate for the members of one group. Its filter asks for no
// group, so that nothing goes in circles.
func member(g lists.Group, s *filter.Schema[entry]) (filter.Predicate[entry], error) {
	if g.Filter == "" {
		return func(e *entry, _ time.Time) bool { return slices.Contains(e.Groups, g.ID) }, nil
	}
	f, err := filter.Parse(g.Filter)
	if err != nil || f.Uses("group") {
		return nil, errs.InvalidField("q", "The group %q goes by a filter that cannot be read any more. Change the group.", g.Name)
	}
	p, err := filter.Compile(f, s)
	return func(e *entry, now time.Time) bool { return e.Site == g.Site && p(e, now) }, err
}

// known is a number that may not be known.
func known(ok bool, n int64) (int64, bool) { return n, ok }

// schema reads entries for a filter; sites and groups are added by compile.
var schema = filter.Schema[entry]{
	Text: func(e *entry) string { return e.text },
	Fields: map[string]filter.Getter[entry]{
		"serial":   {Text: func(e *entry) string { return e.Serial }},
		"patient":  {Text: func(e *entry) string { return e.Patient }},
		"label":    {Text: func(e *entry) string { return e.Label }},
		"model":    {Text: func(e *entry) string { return e.Model }},
		"profile":  {Text: func(e *entry) string { return e.Profile }},
		"link":     {Text: func(e *entry) string { return e.Link }},
		"status":   {Text: func(e *entry) string { return e.Status }},
		"presence": {Text: func(e *entry) string { return string(e.Presence) }},
		"alarm":    {Texts: func(e *entry) []string { return e.Alarms.priorities() }},
		"run":      {Text: func(e *entry) string { return e.runText() }},
		"drug": {Texts: func(e *entry) []string {
			names := make([]string, len(e.Drugs))
			for i, d := range e.Drugs {
				names[i] = d.Name
			}
			return names
		}},
		"rate":          {Number: func(e *entry) (int64, bool) { return known(e.HasSample, e.RateNLDay) }},
		"reservoir":     {Number: func(e *entry) (int64, bool) { return known(e.HasSample, e.ReservoirNL) }},
		"level":         {Text: func(e *entry) string { return e.level() }},
		"low_in":        {Time: func(e *entry) time.Time { return e.lowAt() }},
		"fill":          {Number: func(e *entry) (int64, bool) { return e.fill() }},
		"battery":       {Number: func(e *entry) (int64, bool) { return known(e.HasSample && e.BatteryPct >= 0, int64(e.BatteryPct)) }},
		"voltage":       {Number: func(e *entry) (int64, bool) { return known(e.HasSample, e.BatteryMV) }},
		"last_heard":    {Time: func(e *entry) time.Time { return e.LastHeard }},
		"last_data":     {Time: func(e *entry) time.Time { return e.LastData }},
		"since":         {Time: func(e *entry) time.Time { return e.PresenceSince }},
		"cert":          {Time: func(e *entry) time.Time { return e.CertEnds }},
		"firmware":      {Text: func(e *entry) string { return e.Firmware }},
		"comm_firmware": {Text: func(e *entry) string { return e.FirmwareComm }},
		"library":       {Text: func(e *entry) string { return e.Library }},
		"sync":          {Text: func(e *entry) string { return string(e.Sync) }},
		"lacks":         {Texts: func(e *entry) []string { return e.Lacks }},
		"quality":       {Text: func(e *entry) string { return string(e.Quality) }},
		"reconnects":    {Number: func(e *entry) (int64, bool) { return e.Reconnects24h, true }},
		"refused":       {Number: func(e *entry) (int64, bool) { return e.Refused24h, true }},
		"gaps":          {Number: func(e *entry) (int64, bool) { return e.GapsOpen, true }},
		"tag":           {Texts: func(e *entry) []string { return e.Tags }},
	},
}

// priorityNames are the possible results of priorities.
var priorityNames = [8][]string{
	nil, {"low"}, {"medium"}, {"medium", "low"}, {"high"}, {"high", "low"}, {"high", "medium"}, {"high", "medium", "low"},
}

// priorities returns the priorities of alarms that are not cleared.
func (a Alarms) priorities() []string {
	i := 0
	if a.High > 0 {
		i |= 4
	}
	if a.Medium > 0 {
		i |= 2
	}
	if a.Low > 0 {
		i |= 1
	}
	return priorityNames[i]
}

// runText returns what the pump does, "" if that is not known.
func (r *Row) runText() string {
	if !r.HasSample || r.Run == 0 {
		return ""
	}
	return r.Run.String()
}

// fill returns what is left of the capacity in whole percent, rounded down.
func (r *Row) fill() (int64, bool) {
	if !r.HasSample || r.CapacityNL <= 0 || r.ReservoirNL < 0 || r.ReservoirNL > r.CapacityNL*10 {
		return 0, false
	}
	return r.ReservoirNL * 100 / r.CapacityNL, true
}
