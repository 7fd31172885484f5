package lists

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

func TestTags(t *testing.T) {
	r := newRig(t, 2)
	ctx := t.Context()
	anna, otto, audit := r.person(1, r.a, auth.Engineer), r.person(2, r.b, auth.Engineer), r.person(3, r.a, auth.Auditor)
	sub := r.lists.Events().Subscribe(8)
	tags, err := r.lists.Tag(ctx, anna, r.pumps[0], []string{" Ward-3 ", "mri"}, nil)
	if err != nil || fmt.Sprint(tags) != "[mri ward-3]" {
		t.Errorf("%v %v", tags, err)
	}
	if got, _ := sub.Take(); len(got) != 1 || !slices.Equal(got[0].Pumps, r.pumps[:1]) {
		t.Errorf("told %v", got)
	}
	tags, err = r.lists.Tag(ctx, anna, r.pumps[0], []string{"mri", "new"}, []string{"ward-3", "never-had"})
	if err != nil || fmt.Sprint(tags) != "[mri new]" {
		t.Errorf("%v %v", tags, err)
	}
	if _, err := r.lists.Tag(ctx, anna, r.pumps[0], []string{"mri"}, []string{"never-had"}); err != nil || r.leaves("pump.tag") != 2 {
		t.Errorf("no change: %v, %d leaves", err, r.leaves("pump.tag"))
	}
	_, err = r.lists.Tag(ctx, otto, r.pumps[0], []string{"x"}, nil)
	r.kind("somebody of another site", err, errs.NotFound)
	_, err = r.lists.Tag(ctx, audit, r.pumps[0], []string{"x"}, nil)
	r.kind("an auditor", err, errs.Denied)
	_, err = r.lists.Tag(ctx, anna, 9999, []string{"x"}, nil)
	r.kind("no pump", err, errs.NotFound)
	for _, bad := range []string{"", "none", "with blank", "-x", "x-", strings.Repeat("x", 41), "ü"} {
		_, err = r.lists.Tag(ctx, anna, r.pumps[0], []string{bad}, nil)
		r.kind("tag "+bad, err, errs.Invalid)
	}
	_, err = r.lists.Tag(ctx, anna, r.pumps[0], []string{"x"}, []string{"X"})
	r.kind("both at once", err, errs.Invalid)
	var many []string
	for i := range MaxTags {
		many = append(many, fmt.Sprint("t", i))
	}
	_, err = r.lists.Tag(ctx, anna, r.pumps[0], many, nil)
	r.kind("too many", err, errs.Conflict)
	if _, err := r.lists.Tag(ctx, anna, r.pumps[1], []string{"mri"}, nil); err != nil {
		t.Error(err)
	}
	all, err := r.lists.Tags(ctx, anna.Scope())
	if err != nil || fmt.Sprint(all) != "[{mri 2} {new 1}]" {
		t.Errorf("tags in use: %v %v", all, err)
	}
	if all, _ := r.lists.Tags(ctx, otto.Scope()); len(all) != 0 {
		t.Errorf("another site sees %v", all)
	}
}

func TestGroups(t *testing.T) {
	r := newRig(t, 1)
	ctx := t.Context()
	anna, otto, audit := r.person(1, r.a, auth.Engineer), r.person(2, r.b, auth.Engineer), r.person(3, r.a, auth.Auditor)
	g, err := r.lists.CreateGroup(ctx, anna, NewGroup{Site: r.a, Name: " Night shift ", Note: "by hand"})
	if err != nil || g.Name != "Night shift" || g.Rev != 1 {
		t.Fatalf("%+v %v", g, err)
	}
	_, err = r.lists.CreateGroup(ctx, anna, NewGroup{Site: r.a, Name: "NIGHT SHIFT"})
	r.kind("the name is taken", err, errs.Conflict)
	_, err = r.lists.CreateGroup(ctx, anna, NewGroup{Site: r.b, Name: "x"})
	r.kind("another site", err, errs.NotFound)
	_, err = r.lists.CreateGroup(ctx, audit, NewGroup{Site: r.a, Name: "x"})
	r.kind("an auditor", err, errs.Denied)
	for _, bad := range []NewGroup{{Site: r.a}, {Site: r.a, Name: "none"}, {Site: r.a, Name: "x", Filter: "bateri<1"}, {Site: r.a, Name: "x", Filter: "NOT group:y"}} {
		_, err = r.lists.CreateGroup(ctx, anna, bad)
		r.kind(bad.Name+bad.Filter, err, errs.Invalid)
	}
	r.must(r.lists.SetMember(ctx, anna, g.ID, r.pumps[0], true))
	r.must(r.lists.SetMember(ctx, anna, g.ID, r.pumps[0], true))
	if n := r.leaves("group.add"); n != 1 {
		t.Errorf("%d leaves of one change", n)
	}
	r.kind("a pump of another site", r.lists.SetMember(ctx, r.person(4, r.b, auth.Engineer), g.ID, r.pump(r.b), true), errs.NotFound)
	both := anna
	both.Roles = map[int64][]auth.Role{r.a: {auth.Engineer}, r.b: {auth.Engineer}}
	r.kind("a pump of another site, by somebody of both", r.lists.SetMember(ctx, both, g.ID, r.pump(r.b), true), errs.Conflict)
	_, err = r.lists.EditGroup(ctx, anna, g.ID, 1, NewGroup{Name: "Night", Filter: "presence:offline"})
	r.kind("by a filter while it has members", err, errs.Conflict)
	r.must(r.lists.SetMember(ctx, anna, g.ID, r.pumps[0], false))
	e, err := r.lists.EditGroup(ctx, anna, g.ID, 1, NewGroup{Name: "Night", Filter: "presence : offline"})
	if err != nil || e.Filter != "presence:offline" || e.Rev != 2 || e.Site != r.a {
		t.Errorf("%+v %v", e, err)
	}
	if _, err := r.lists.EditGroup(ctx, anna, g.ID, 1, NewGroup{Name: "x"}); !errors.Is(err, ErrStale) {
		t.Errorf("an older revision: %v", err)
	}
	r.kind("into a group by a filter", r.lists.SetMember(ctx, anna, g.ID, r.pumps[0], true), errs.Conflict)
	_, err = r.lists.EditGroup(ctx, otto, g.ID, 2, NewGroup{Name: "x"})
	r.kind("somebody of another site", err, errs.NotFound)
	if all, err := r.lists.Groups(ctx, otto.Scope()); err != nil || len(all) != 0 {
		t.Errorf("another site sees %v %v", all, err)
	}
	r.must(r.lists.DeleteGroup(ctx, anna, g.ID, 2))
	_, err = r.lists.Group(ctx, anna.Scope(), g.ID)
	r.kind("deleted", err, errs.NotFound)
	for kind, want := range map[string]int{"group.create": 1, "group.edit": 1, "group.delete": 1, "group.add": 1, "group.remove": 1} {
		if n := r.leaves(kind); n != want {
			t.Errorf("%d leaves %s, want %d", n, kind, want)
		}
	}
}

func TestViews(t *testing.T) {
	r := newRig(t, 0)
	ctx := t.Context()
	anna, nina, otto, audit := r.person(1, r.a, auth.Engineer), r.person(2, r.a, auth.Nurse), r.person(3, r.b, auth.Engineer), r.person(4, r.a, auth.Auditor)
	mine, err := r.lists.CreateView(ctx, anna, NewView{Name: "Mine", Filter: "alarm : high", Sort: "-battery", Columns: []string{"pump", "battery"}})
	if err != nil || mine.Filter != "alarm:high" {
		t.Fatalf("%+v %v", mine, err)
	}
	shared, err := r.lists.CreateView(ctx, anna, NewView{Name: "Ours", Site: r.a})
	r.must(err)
	if _, err := r.lists.CreateView(ctx, audit, NewView{Name: "Mine"}); err != nil {
		t.Errorf("everybody may keep views of their own: %v", err)
	}
	_, err = r.lists.CreateView(ctx, audit, NewView{Name: "x", Site: r.a})
	r.kind("an auditor shares", err, errs.Denied)
	_, err = r.lists.CreateView(ctx, anna, NewView{Name: "MINE"})
	r.kind("the name is taken", err, errs.Conflict)
	for _, bad := range []NewView{{Name: ""}, {Name: "x", Filter: "("}, {Name: "x", Sort: "--a"}, {Name: "x", Columns: []string{"; DROP"}}} {
		_, err = r.lists.CreateView(ctx, anna, bad)
		r.kind(fmt.Sprint(bad), err, errs.Invalid)
	}
	names := func(a auth.Actor) string {
		all, err := r.lists.Views(ctx, a)
		r.must(err)
		var out []string
		for _, v := range all {
			out = append(out, v.Name)
		}
		return strings.Join(out, " ")
	}
	if got := names(anna) + "|" + names(nina) + "|" + names(otto); got != "Mine Ours|Ours|" {
		t.Errorf("seen: %s", got)
	}
	_, err = r.lists.EditView(ctx, nina, mine.ID, 1, mine.NewView)
	r.kind("somebody else's own", err, errs.NotFound)
	change := shared.NewView
	change.Filter = "presence:stale"
	if v, err := r.lists.EditView(ctx, nina, shared.ID, 1, change); err != nil || v.Rev != 2 || v.Owner != anna.ID {
		t.Errorf("a shared one by a colleague: %+v %v", v, err)
	}
	if _, err := r.lists.EditView(ctx, nina, shared.ID, 1, change); !errors.Is(err, ErrStale) {
		t.Errorf("an older revision: %v", err)
	}
	change.Site = 0
	_, err = r.lists.EditView(ctx, nina, shared.ID, 2, change)
	r.kind("a colleague takes it away", err, errs.Denied)
	r.kind("an auditor deletes", r.lists.DeleteView(ctx, audit, shared.ID, 2), errs.Denied)
	r.kind("another site deletes", r.lists.DeleteView(ctx, otto, shared.ID, 2), errs.NotFound)
	r.must(r.lists.DeleteView(ctx, nina, shared.ID, 2))
	r.must(r.lists.DeleteView(ctx, anna, mine.ID, 1))
	if n := r.leaves("view.create") + r.leaves("view.edit") + r.leaves("view.delete"); n != 6 {
		t.Errorf("%d leaves, want 6", n)
	}
}
