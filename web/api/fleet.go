package api

import (
	"context"
	"errors"
	"net/http"

	"cisterna/fleet/filter"
	"cisterna/fleet/overview"
	"cisterna/internal/errs"
)

// How many rows a page of pumps has.
const (
	defaultPage = 100
	maxPage     = 1000
)

// PumpPage is a page of the list of pumps.
type PumpPage struct {
	Epoch   string        `json:"epoch" doc:"Names this life of the list, and the sites that it shows."`
	Rev     uint64        `json:"rev"`
	At      Time          `json:"at"`
	Filter  string        `json:"filter" doc:"The filter in its canonical form."`
	Total   int           `json:"total" doc:"Pumps of one's sites."`
	Matched int           `json:"matched" doc:"Of them, those that the filter means."`
	Rows    []PumpRow     `json:"rows"`
	Next    Maybe[string] `json:"next" doc:"Where the next page begins: hand it in as after. null after the last."`
}

// PumpCount counts pumps.
type PumpCount struct {
	At      Time                      `json:"at"`
	Filter  string                    `json:"filter"`
	Total   int                       `json:"total"`
	Matched int                       `json:"matched"`
	Facets  map[string]map[string]int `json:"facets" doc:"Of those that match: how many have which value, by field."`
}

// FilterField is something that a filter can ask for.
type FilterField struct {
	Name   string       `json:"name"`
	Kind   string       `json:"kind" enum:"choice,name,text,number,age,left"`
	Title  string       `json:"title"`
	Doc    string       `json:"doc"`
	Ops    []string     `json:"ops"`
	Values []string     `json:"values" doc:"Of a choice."`
	Units  []FilterUnit `json:"units" doc:"Of a number, an age (how long ago) or what is left (how long until); of a number, the first is meant where none is given."`
}

// FilterUnit is a unit in which a number may be given.
type FilterUnit struct {
	Name string `json:"name"`
	Base int64  `json:"base" doc:"How many of the field's base unit it is."`
}

// PumpColumn is a column of the list.
type PumpColumn struct {
	Key     string `json:"key"`
	Title   string `json:"title"`
	Usual   bool   `json:"usual" doc:"Shown unless asked otherwise."`
	Numeric bool   `json:"numeric"`
}

// PumpFields is what the list can be asked.
type PumpFields struct {
	Fields  []FilterField `json:"fields"`
	Columns []PumpColumn  `json:"columns"`
	Facets  []string      `json:"facets"`
}

type searchInput struct {
	Q     string `query:"q" maxLength:"2000" doc:"A filter: presence:offline battery<40 tag:ward-3 (see GET /pumps/fields)."`
	Sort  string `query:"sort" maxLength:"41" doc:"A column, with - in front for descending; by serial number if left out."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" doc:"100 if left out."`
	After string `query:"after" maxLength:"2000" doc:"The next of the page before."`
}

type countInput struct {
	Q      string   `query:"q" maxLength:"2000"`
	Facets []string `query:"facets" maxItems:"20" doc:"Fields whose values are counted."`
}

type tableInput struct {
	Q       string   `query:"q" maxLength:"2000"`
	Sort    string   `query:"sort" maxLength:"41"`
	Columns []string `query:"columns" maxItems:"60" doc:"In that order; the usual ones if left out."`
	Frozen  string   `query:"frozen" maxLength:"32" doc:"A frozen list: its pumps and no others."`
}

// parseQ reads a filter from a request. What is wrong with it is said with its
// place.
func parseQ(text string) (filter.Filter, error) {
	f, err := filter.Parse(text)
	if e, ok := errors.AsType[*filter.Error](err); ok {
		return f, errs.InvalidField("q", "%s", e.Error())
	}
	return f, err
}

func (a *API) fleet() {
	handle(a, op{
		id: "search-pumps", method: http.MethodGet, path: "/pumps/search", tag: "pumps", summary: "Pumps that a filter means, page by page",
		describe: "A pump whose value in the sort column does not change is on exactly one page, whatever comes, goes and changes meanwhile. The serial number does not change.",
	}, func(_ context.Context, c Caller, in *searchInput) (*struct{ Body PumpPage }, error) {
		f, err := parseQ(in.Q)
		if err != nil {
			return nil, err
		}
		sort, err := overview.ParseSort(in.Sort)
		if err != nil {
			return nil, err
		}
		if in.Limit == 0 {
			in.Limit = defaultPage
		}
		q := overview.Query{Filter: f, Sort: sort, Limit: in.Limit}
		var at overview.Place
		list := []any{"pumps", f.String(), sort.String()}
		if ok, err := readCursor("after", in.After, &at, list...); err != nil {
			return nil, err
		} else if ok {
			q.After = &at
		}
		p, err := a.Overview.Board().Page(c.Scope(), q)
		if err != nil {
			return nil, err
		}
		out := PumpPage{Epoch: c.Scope().Epoch(p.Epoch), Rev: p.Rev, At: Time(p.At), Filter: f.String(), Total: p.Total, Matched: p.Matched, Rows: make([]PumpRow, len(p.Rows))}
		for i, r := range p.Rows {
			out.Rows[i] = RowOf(r)
		}
		if p.Next != nil {
			next, err := writeCursor(p.Next, list...)
			if err != nil {
				return nil, err
			}
			out.Next = some(next)
		}
		return &struct{ Body PumpPage }{out}, nil
	})
	handle(a, op{
		id: "count-pumps", method: http.MethodGet, path: "/pumps/count", tag: "pumps", summary: "How many pumps a filter means",
	}, func(_ context.Context, c Caller, in *countInput) (*struct{ Body PumpCount }, error) {
		f, err := parseQ(in.Q)
		if err != nil {
			return nil, err
		}
		t, err := a.Overview.Board().Count(c.Scope(), f, in.Facets...)
		if err != nil {
			return nil, err
		}
		return &struct{ Body PumpCount }{PumpCount{At: Time(t.At), Filter: f.String(), Total: t.Total, Matched: t.Matched, Facets: t.Facets}}, nil
	})
	handle(a, op{
		id: "pump-fields", method: http.MethodGet, path: "/pumps/fields", tag: "pumps", summary: "What the list of pumps can be asked",
		describe: "The fields of the filter language and the columns. The language itself: terms such as presence:offline,stale or battery<40% or last_heard>15m or cert<30d stand beside each other and all hold; OR, NOT and parentheses; anything else is text that is found anywhere; quotes around what has blanks.",
	}, func(context.Context, Caller, *struct{}) (*struct{ Body PumpFields }, error) {
		return &struct{ Body PumpFields }{pumpFields()}, nil
	})
	handle(a, op{
		id: "table-pumps", method: http.MethodGet, path: "/pumps/table", tag: "pumps", summary: "The list as a file, exactly as it is shown",
		describe: "text/csv: all rows that the filter means, the columns asked for, in that order. Times are ISO 8601 in UTC. Cells that a spreadsheet would run as formulas are guarded.",
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *tableInput) (*csvOutput, error) {
		f, err := parseQ(in.Q)
		if err != nil {
			return nil, err
		}
		sort, err := overview.ParseSort(in.Sort)
		if err != nil {
			return nil, err
		}
		columns, err := overview.ParseColumns(in.Columns)
		if err != nil {
			return nil, err
		}
		q := overview.Query{Filter: f, Sort: sort}
		if in.Frozen != "" {
			n, err := parseID(in.Frozen, "frozen list")
			if err != nil {
				return nil, err
			}
			_, pumps, err := a.Lists.FrozenList(ctx, c.Actor, n)
			if err != nil {
				return nil, err
			}
			q.Filter, q.Only = filter.Filter{}, make(map[int64]struct{}, len(pumps))
			for _, p := range pumps {
				q.Only[p] = struct{}{}
			}
		}
		board := a.Overview.Board()
		p, err := board.Page(c.Scope(), q)
		if err != nil {
			return nil, err
		}
		names := overview.Names{Sites: board.Sites(), Groups: board.GroupNames()}
		file := newCSV(overview.Head(columns)...)
		for i := range p.Rows {
			file.row(p.Rows[i].Line(columns, names)...)
		}
		return a.csv("pumps", file), nil
	})
}

func pumpFields() PumpFields {
	out := PumpFields{Facets: overview.Facets()}
	for _, f := range filter.Fields() {
		field := FilterField{Name: f.Name, Kind: string(f.Kind), Title: f.Title, Doc: f.Doc, Ops: []string{}, Values: []string{}, Units: []FilterUnit{}}
		for _, op := range f.Ops() {
			field.Ops = append(field.Ops, string(op))
		}
		field.Values = append(field.Values, f.Values...)
		for _, u := range f.Units {
			field.Units = append(field.Units, FilterUnit{u.Name, u.Base})
		}
		out.Fields = append(out.Fields, field)
	}
	for _, c := range overview.Columns() {
		out.Columns = append(out.Columns, PumpColumn{Key: c.Key, Title: c.Title, Usual: c.Usual, Numeric: c.Numeric})
	}
	return out
}
