package api

import (
	"slices"
	"strings"

	"cisterna/fleet/events"
	"cisterna/fleet/overview"
	"cisterna/fleet/telemetry"
	"cisterna/internal/errs"
)

// onlyOf reads what a timeline is narrowed to. some is false if nothing can be
// left of it, such as refills among the steps of presence.
func onlyOf(in *timelineInput) (only overview.Only, some bool, err error) {
	if only.Kinds, err = listOf("kinds", in.Kinds, overview.Kinds()); err != nil {
		return only, false, err
	}
	if only.By, err = listOf("by", in.By, overview.Bys()); err != nil {
		return only, false, err
	}
	groups, err := listOf("groups", in.Groups, events.Groups())
	if err != nil || len(groups) == 0 {
		return only, true, err
	}
	kinds, codes := kindsIn(groups)
	if len(only.Kinds) > 0 {
		kinds = slices.DeleteFunc(kinds, func(k overview.Kind) bool { return !slices.Contains(only.Kinds, k) })
	}
	only.Kinds, only.Codes = kinds, codes
	return only, len(kinds) > 0, nil
}

// kindsIn returns which kinds of items have some that are about one of the
// groups, and by which codes these are known.
func kindsIn(groups []events.Group) (kinds []overview.Kind, codes map[overview.Kind]telemetry.Codes) {
	codes = map[overview.Kind]telemetry.Codes{}
	if only, not := events.ReportsOf(groups...); only != nil || not != nil {
		kinds = append(kinds, overview.KindEvent)
		codes[overview.KindEvent] = telemetry.Codes{Only: only, Not: not}
	}
	if slices.Contains(groups, events.GroupDevice) { // and what another version of this program wrote, see aboutItem
		rest := slices.DeleteFunc(events.Groups(), func(g events.Group) bool { return slices.Contains(groups, g) })
		kinds, codes[overview.KindAudit] = append(kinds, overview.KindAudit), telemetry.Codes{Not: events.NamesOf(rest...)}
	} else if names := events.NamesOf(groups...); len(names) > 0 {
		kinds, codes[overview.KindAudit] = append(kinds, overview.KindAudit), telemetry.Codes{Only: names}
	}
	if slices.Contains(groups, events.GroupAlarms) {
		kinds = append(kinds, overview.KindAlarm)
	}
	if slices.Contains(groups, events.GroupLink) {
		kinds = append(kinds, overview.KindPresence, overview.KindRefusal, overview.KindGap)
	}
	return kinds, codes
}

// aboutItem returns what an item is about.
func aboutItem(it overview.Item) events.Group {
	switch it.Kind {
	case overview.KindEvent:
		return events.GroupOfReport(it.Code)
	case overview.KindAlarm:
		return events.GroupAlarms
	case overview.KindAudit:
		if _, ok := events.Lookup(it.Code); ok {
			return events.GroupOf(it.Code)
		}
		return events.GroupDevice
	case overview.KindPresence, overview.KindRefusal, overview.KindGap:
	}
	return events.GroupLink
}

// listOf reads a list with commas in which only some words may stand.
func listOf[T ~string](field, text string, all []T) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	var out []T
	for w := range strings.SplitSeq(text, ",") {
		if !slices.Contains(all, T(w)) {
			return nil, errs.InvalidField("query."+field, "%s are %v, separated by commas.", field, all)
		}
		out = append(out, T(w))
	}
	return out, nil
}
