package main

import (
	"context"

	"cisterna/fleet/lists"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// demoTag is a tag and the pumps that have it: those with these numbers among the
// pumps of a site.
type demoTag struct {
	tag, site string
	pumps     []int
}

var demoTags = []demoTag{
	{"eri-90d", "GEREON", []int{2, 9, 14}},
	{"eri-90d", "HARBOUR", []int{4}},
	{"eri-90d", "LINDEN", []int{1, 7}},
	{"mri-planned", "GEREON", []int{5, 11}},
	{"mri-planned", "LINDEN", []int{3}},
	{"lives-alone", "GEREON", []int{0, 6, 9, 12}},
	{"lives-alone", "HARBOUR", []int{1, 8}},
	{"travelling", "HARBOUR", []int{2, 6}},
}

// demoGroup is a group; by a filter, or of these pumps of its site.
type demoGroup struct {
	site, name, note, filter string
	pumps                    []int
}

var demoGroups = []demoGroup{
	{"GEREON", "Ward round Tuesday", "Pain ward 3B, 08:30", "", []int{1, 3, 5, 8, 10, 13}},
	{"GEREON", "ERI within 90 days", "By the programmer's forecast; the tag says which", "tag:eri-90d", nil},
	{"HARBOUR", "ERI within 90 days", "By the programmer's forecast; the tag says which", "tag:eri-90d", nil},
	{"LINDEN", "ERI within 90 days", "By the programmer's forecast; the tag says which", "tag:eri-90d", nil},
	{"HARBOUR", "Home visits", "Rosa drives on Thursdays", "", []int{1, 2, 5, 8}},
	{"LINDEN", "Almost empty", "To be called in for a refill", "fill<15%", nil},
}

// demoViews are Anna's, the last one shared by nobody: that it is there says that
// all the others were made.
var demoViews = []struct {
	site string // where it is shared
	lists.NewView
}{
	{"GEREON", lists.NewView{Name: "Ward round Tuesday", Filter: `group:"Ward round Tuesday"`, Sort: "pump", Columns: []string{"pump", "alarms", "run", "rate", "reservoir", "battery", "heard"}}},
	{"GEREON", lists.NewView{Name: "Refill soon", Filter: "reservoir<4mL", Sort: "reservoir", Columns: []string{"pump", "reservoir", "rate", "run", "alarms", "presence", "heard"}}},
	{"HARBOUR", lists.NewView{Name: "Refill soon", Filter: "reservoir<4mL", Sort: "reservoir", Columns: []string{"pump", "reservoir", "rate", "run", "alarms", "presence", "heard"}}},
	{"", lists.NewView{Name: "ERI within 90 days", Filter: `group:"ERI within 90 days"`, Sort: "battery", Columns: []string{"pump", "battery", "site", "model", "tags", "run", "alarms", "heard"}}},
	{"", lists.NewView{Name: "Documents behind", Filter: "sync:behind", Sort: "sync", Columns: []string{"pump", "sync", "library", "firmware", "link", "heard", "site"}, Dense: true}},
	{"", lists.NewView{Name: "Silent for an hour", Filter: "last_heard>1h OR presence:never,offline", Sort: "heard", Columns: []string{"pump", "presence", "heard", "data", "quality", "link", "site", "status"}}},
}

// seedLists gives the demo what people make of a list: tags, groups and saved
// views. Once all of it is there, nothing is made again, whatever was changed
// since.
func seedLists(ctx context.Context, a *App, anna auth.Actor, sites map[string]registry.Site) error {
	have, err := a.Lists.Views(ctx, anna)
	if err != nil {
		return err
	}
	for _, v := range have {
		if v.Name == demoViews[len(demoViews)-1].Name {
			return nil
		}
	}
	for _, t := range demoTags {
		if err := eachDemoPump(a, sites[t.site].ID, t.pumps, func(pump int64) error {
			_, err := a.Lists.Tag(ctx, anna, pump, []string{t.tag}, nil)
			return err
		}); err != nil {
			return err
		}
	}
	for _, g := range demoGroups {
		made, err := a.Lists.CreateGroup(ctx, anna, lists.NewGroup{Site: sites[g.site].ID, Name: g.name, Note: g.note, Filter: g.filter})
		if errs.KindOf(err) == errs.Conflict {
			continue // a start that was interrupted
		}
		if err != nil {
			return err
		}
		if err := eachDemoPump(a, sites[g.site].ID, g.pumps, func(pump int64) error {
			return a.Lists.SetMember(ctx, anna, made.ID, pump, true)
		}); err != nil {
			return err
		}
	}
	for _, v := range demoViews {
		v.Site = sites[v.site].ID
		if _, err := a.Lists.CreateView(ctx, anna, v.NewView); err != nil && errs.KindOf(err) != errs.Conflict {
			return err
		}
	}
	return nil
}

// eachDemoPump calls f for the pumps of a site with these numbers in the order of
// their serials, and with fewer pumps for fewer.
func eachDemoPump(a *App, site int64, numbers []int, f func(pump int64) error) error {
	pumps := pumpsAt(a, site)
	for _, n := range numbers {
		if n >= len(pumps) {
			continue
		}
		if err := f(pumps[n].ID); err != nil {
			return err
		}
	}
	return nil
}
