package main

import (
	"fmt"
	"strings"
	"testing"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// TestDemoListsOnce starts a demo's lists twice: the second start changes nothing,
// not even what somebody deleted meanwhile.
func TestDemoListsOnce(t *testing.T) {
	t.Parallel()
	in := install(t)
	app := in.start()
	ctx := t.Context()
	sites, err := seedSites(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	if err := seedPeople(ctx, app, sites); err != nil {
		t.Fatal(err)
	}
	for _, p := range castPumps(50) {
		if _, err := app.Registry.RegisterPump(ctx, auth.System("test"), registry.NewPump{Site: sites[p.site].ID, Maker: strings.Fields(p.profile.Name)[0], Serial: p.serial, Model: p.profile.Name, Profile: p.profile.ID, Manual: p.manual}); err != nil {
			t.Fatal(err)
		}
	}
	anna, err := demoActor(ctx, app, "anna")
	if err != nil {
		t.Fatal(err)
	}
	count := func() string {
		t.Helper()
		views, err := app.Lists.Views(ctx, anna)
		if err != nil {
			t.Fatal(err)
		}
		groups, err := app.Lists.Groups(ctx, anna.Scope())
		if err != nil {
			t.Fatal(err)
		}
		tags, err := app.Lists.Tags(ctx, anna.Scope())
		if err != nil {
			t.Fatal(err)
		}
		tagged := 0
		for _, tag := range tags {
			tagged += int(tag.Pumps)
		}
		var members int
		if err := app.DB.GetContext(ctx, &members, `SELECT count(*) FROM lists_members`); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d views, %d groups with %d members, %d tags on %d", len(views), len(groups), members, len(tags), tagged)
	}
	if err := seedLists(ctx, app, anna, sites); err != nil {
		t.Fatal(err)
	}
	if got, want := count(), "6 views, 6 groups with 10 members, 4 tags on 17"; got != want {
		t.Errorf("first start: %s, want %s", got, want)
	}
	groups, err := app.Lists.Groups(ctx, anna.Scope())
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Lists.DeleteGroup(ctx, anna, groups[0].ID, groups[0].Rev); err != nil {
		t.Fatal(err)
	}
	before := count()
	if err := seedLists(ctx, app, anna, sites); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != before {
		t.Errorf("second start: %s, before it %s", got, before)
	}
}
