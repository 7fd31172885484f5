package api

import (
	"context"
	"errors"
	"net/http"

	"cisterna/fleet/lists"
)

// Tag is a tag in use.
type Tag struct {
	Tag   string `json:"tag"`
	Pumps int64  `json:"pumps"`
}

// Group is a group of pumps of one site.
type Group struct {
	ID        ID     `json:"id"`
	Site      ID     `json:"site"`
	Name      string `json:"name"`
	Note      string `json:"note"`
	Filter    string `json:"filter" doc:"Empty: by its members."`
	Owner     ID     `json:"owner"`
	OwnerName string `json:"owner_name"`
	CreatedAt Time   `json:"created_at"`
	ETag      string `json:"etag" doc:"For the If-Match of a change."`
}

func groupOf(g lists.Group) Group {
	return Group{ID: id(g.ID), Site: id(g.Site), Name: g.Name, Note: g.Note, Filter: g.Filter, Owner: id(g.Owner), OwnerName: g.OwnerName, CreatedAt: Time(g.CreatedAt), ETag: revTag(g.Rev)}
}

type groupOutput struct {
	ETag string `header:"ETag"`
	Body Group
}

func groupAnswer(g lists.Group) *groupOutput {
	return &groupOutput{ETag: revTag(g.Rev), Body: groupOf(g)}
}

// NewGroup is what a group is made from.
type NewGroup struct {
	Site   ID     `json:"site"`
	Name   string `json:"name" maxLength:"60"`
	Note   string `json:"note,omitempty" maxLength:"200"`
	Filter string `json:"filter,omitempty" maxLength:"2000" doc:"Left out: by its members."`
}

type editGroupInput struct {
	ID      string `path:"id" maxLength:"32"`
	IfMatch string `header:"If-Match" maxLength:"64" doc:"The etag of the group as it was read."`
	Body    struct {
		Name   string `json:"name" maxLength:"60"`
		Note   string `json:"note,omitempty" maxLength:"200"`
		Filter string `json:"filter,omitempty" maxLength:"2000"`
	}
}

type matchInput struct {
	ID      string `path:"id" maxLength:"32"`
	IfMatch string `header:"If-Match" maxLength:"64" doc:"The etag of the thing as it was read."`
}

type memberInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Pump ID   `json:"pump"`
		In   bool `json:"in" doc:"true puts it into the group, false takes it out."`
	}
}

type tagInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Add    []string `json:"add,omitempty" maxItems:"50"`
		Remove []string `json:"remove,omitempty" maxItems:"50"`
	}
}

// View is a saved way to look at the list.
type View struct {
	ID        ID        `json:"id"`
	Owner     ID        `json:"owner"`
	OwnerName string    `json:"owner_name"`
	Site      Maybe[ID] `json:"site" doc:"Where it is shared; null: its owner's alone."`
	Name      string    `json:"name"`
	Filter    string    `json:"filter"`
	Sort      string    `json:"sort" doc:"Empty: as usual."`
	Columns   []string  `json:"columns" doc:"Empty: the usual ones."`
	Dense     bool      `json:"dense"`
	CreatedAt Time      `json:"created_at"`
	ETag      string    `json:"etag" doc:"For the If-Match of a change."`
}

func viewOf(v lists.View) View {
	return View{
		ID: id(v.ID), Owner: id(v.Owner), OwnerName: v.OwnerName, Site: maybeID(v.Site), Name: v.Name, Filter: v.Filter, Sort: v.Sort,
		Columns: append([]string{}, v.Columns...), Dense: v.Dense, CreatedAt: Time(v.CreatedAt), ETag: revTag(v.Rev),
	}
}

type viewOutput struct {
	ETag string `header:"ETag"`
	Body View
}

func viewAnswer(v lists.View) *viewOutput { return &viewOutput{ETag: revTag(v.Rev), Body: viewOf(v)} }

// NewView is what a view is made from.
type NewView struct {
	Site    ID       `json:"site,omitempty" doc:"Where it is shared; left out: one's own alone."`
	Name    string   `json:"name" maxLength:"60"`
	Filter  string   `json:"filter,omitempty" maxLength:"2000"`
	Sort    string   `json:"sort,omitempty" maxLength:"41"`
	Columns []string `json:"columns,omitempty" maxItems:"60"`
	Dense   bool     `json:"dense,omitempty"`
}

func (n NewView) domain() (lists.NewView, error) {
	out := lists.NewView{Name: n.Name, Filter: n.Filter, Sort: n.Sort, Columns: n.Columns, Dense: n.Dense}
	var err error
	if n.Site != "" {
		out.Site, err = parseID(string(n.Site), "site")
	}
	return out, err
}

type editViewInput struct {
	ID      string `path:"id" maxLength:"32"`
	IfMatch string `header:"If-Match" maxLength:"64" doc:"The etag of the view as it was read."`
	Body    NewView
}

// written completes a write that had to match a revision: whether the person may
// is looked at before whether the state is theirs.
func written(err, unmatched error, thing string) error {
	switch {
	case errors.Is(err, lists.ErrStale) && unmatched != nil:
		return unmatched
	case errors.Is(err, lists.ErrStale):
		return stale(thing)
	}
	return err
}

// seen is the revision that a writer names; one that none has if they name none.
func seen(header string) (rev int64, unmatched error) {
	if rev, unmatched = matchedRev(header); unmatched != nil {
		rev = -1
	}
	return rev, unmatched
}

var conflicts = []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired}

func (a *API) lists() {
	a.tags()
	a.groups()
	a.views()
}

func (a *API) tags() {
	handle(a, op{
		id: "list-tags", method: http.MethodGet, path: "/tags", tag: "lists", summary: "The tags in use at one's sites",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{ Body []Tag }, error) {
		all, err := a.Lists.Tags(ctx, c.Scope())
		out := &struct{ Body []Tag }{Body: make([]Tag, len(all))}
		for i, t := range all {
			out.Body[i] = Tag(t)
		}
		return out, err
	})
	handle(a, op{
		id: "tag-pump", method: http.MethodPost, path: "/pumps/{id}/tags", tag: "lists", summary: "Give a pump tags, or take them away", repeatable: true,
		describe: "Answers the tags that it has then. A tag is 1 to 40 small letters, digits, dots, hyphens and underscores.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *tagInput) (*struct{ Body []string }, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		tags, err := a.Lists.Tag(ctx, c.Actor, n, in.Body.Add, in.Body.Remove)
		return &struct{ Body []string }{append([]string{}, tags...)}, err
	})
}

func (a *API) groups() {
	handle(a, op{
		id: "list-groups", method: http.MethodGet, path: "/groups", tag: "lists", summary: "The groups of one's sites",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{ Body []Group }, error) {
		all, err := a.Lists.Groups(ctx, c.Scope())
		out := &struct{ Body []Group }{Body: make([]Group, len(all))}
		for i, g := range all {
			out.Body[i] = groupOf(g)
		}
		return out, err
	})
	handle(a, op{
		id: "create-group", method: http.MethodPost, path: "/groups", tag: "lists", summary: "Make a group of pumps", status: http.StatusCreated,
		describe: "By its members, or by a filter, which may not ask for groups.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct{ Body NewGroup }) (*groupOutput, error) {
		site, err := parseID(string(in.Body.Site), "site")
		if err != nil {
			return nil, err
		}
		g, err := a.Lists.CreateGroup(ctx, c.Actor, lists.NewGroup{Site: site, Name: in.Body.Name, Note: in.Body.Note, Filter: in.Body.Filter})
		return groupAnswer(g), err
	})
	handle(a, op{
		id: "edit-group", method: http.MethodPut, path: "/groups/{id}", tag: "lists", summary: "Change a group", problems: conflicts,
	}, func(ctx context.Context, c Caller, in *editGroupInput) (*groupOutput, error) {
		n, err := parseID(in.ID, "group")
		if err != nil {
			return nil, err
		}
		rev, unmatched := seen(in.IfMatch)
		g, err := a.Lists.EditGroup(ctx, c.Actor, n, rev, lists.NewGroup{Name: in.Body.Name, Note: in.Body.Note, Filter: in.Body.Filter})
		return groupAnswer(g), written(err, unmatched, "the group")
	})
	handle(a, op{
		id: "delete-group", method: http.MethodDelete, path: "/groups/{id}", tag: "lists", summary: "Delete a group", status: http.StatusNoContent,
		describe: "Its pumps stay as they are.", problems: conflicts,
	}, func(ctx context.Context, c Caller, in *matchInput) (*struct{}, error) {
		n, err := parseID(in.ID, "group")
		if err != nil {
			return nil, err
		}
		rev, unmatched := seen(in.IfMatch)
		return &struct{}{}, written(a.Lists.DeleteGroup(ctx, c.Actor, n, rev), unmatched, "the group")
	})
	handle(a, op{
		id: "set-group-member", method: http.MethodPost, path: "/groups/{id}/pumps", tag: "lists", summary: "Put a pump into a group, or take it out",
		status: http.StatusNoContent, repeatable: true, problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *memberInput) (*struct{}, error) {
		n, err := parseID(in.ID, "group")
		if err != nil {
			return nil, err
		}
		// A group that is not there for the person is said before a pump that is not.
		if _, err := a.Lists.Group(ctx, c.Scope(), n); err != nil {
			return nil, err
		}
		pump, err := parseID(string(in.Body.Pump), "pump")
		if err != nil {
			return nil, err
		}
		return &struct{}{}, a.Lists.SetMember(ctx, c.Actor, n, pump, in.Body.In)
	})
}

func (a *API) views() {
	handle(a, op{
		id: "list-views", method: http.MethodGet, path: "/views", tag: "lists", summary: "One's own views, and those shared at one's sites",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{ Body []View }, error) {
		all, err := a.Lists.Views(ctx, c.Actor)
		out := &struct{ Body []View }{Body: make([]View, len(all))}
		for i, v := range all {
			out.Body[i] = viewOf(v)
		}
		return out, err
	})
	handle(a, op{
		id: "create-view", method: http.MethodPost, path: "/views", tag: "lists", summary: "Save a view of the list", status: http.StatusCreated,
		describe: "One's own, or shared at a site by those who work with pumps there.", problems: []int{http.StatusConflict, http.StatusNotFound},
	}, func(ctx context.Context, c Caller, in *struct{ Body NewView }) (*viewOutput, error) {
		n, err := in.Body.domain()
		if err != nil {
			return nil, err
		}
		v, err := a.Lists.CreateView(ctx, c.Actor, n)
		return viewAnswer(v), err
	})
	handle(a, op{
		id: "edit-view", method: http.MethodPut, path: "/views/{id}", tag: "lists", summary: "Change a view", problems: conflicts,
		describe: "One's own, or one that is shared where one works with pumps.",
	}, func(ctx context.Context, c Caller, in *editViewInput) (*viewOutput, error) {
		n, err := parseID(in.ID, "view")
		if err != nil {
			return nil, err
		}
		change, err := in.Body.domain()
		if err != nil {
			return nil, err
		}
		rev, unmatched := seen(in.IfMatch)
		v, err := a.Lists.EditView(ctx, c.Actor, n, rev, change)
		return viewAnswer(v), written(err, unmatched, "the view")
	})
	handle(a, op{
		id: "delete-view", method: http.MethodDelete, path: "/views/{id}", tag: "lists", summary: "Delete a view", status: http.StatusNoContent, problems: conflicts,
	}, func(ctx context.Context, c Caller, in *matchInput) (*struct{}, error) {
		n, err := parseID(in.ID, "view")
		if err != nil {
			return nil, err
		}
		rev, unmatched := seen(in.IfMatch)
		return &struct{}{}, written(a.Lists.DeleteView(ctx, c.Actor, n, rev), unmatched, "the view")
	})
}
