package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"cisterna/internal/errs"
)

// PumpsCmd groups the commands that ask a server about pumps.
type PumpsCmd struct {
	List   PumpsListCmd   `cmd:"" help:"List pumps: cisterna pumps list presence:offline 'battery<40'."`
	Count  PumpsCountCmd  `cmd:"" help:"Count pumps."`
	Show   PumpsShowCmd   `cmd:"" help:"Show one pump."`
	Tag    PumpsTagCmd    `cmd:"" help:"Give pumps tags, or take tags away."`
	Export PumpsExportCmd `cmd:"" help:"Write pumps into a CSV file."`
	Fields PumpsFieldsCmd `cmd:"" help:"Say what a filter can ask for, and which columns there are."`
}

// filterArgs are a filter, as many words as it takes.
type filterArgs struct {
	Filter []string `arg:"" optional:"" help:"Which pumps (see cisterna pumps fields); all if left out. Quote what the shell would take: 'battery<40'."`
	View   string   `help:"Of the pumps of this saved view, with its columns in its order." placeholder:"NAME"`
}

func (f filterArgs) text() string { return strings.Join(f.Filter, " ") }

// wanted returns the filter of a command: its words, within its view. What the
// command does not say of a table is as the view has it.
func (c *client) wanted(ctx context.Context, f filterArgs, t *tableFlags) (string, error) {
	if f.View == "" {
		return f.text(), nil
	}
	type view struct {
		Name, Filter, Sort string
		Site               *string // nil: one's own
		Columns            []string
	}
	all, err := into[[]view](c.get(ctx, "/views", nil))
	if err != nil {
		return "", err
	}
	var names []string
	var found []view
	for _, v := range all {
		names = append(names, v.Name)
		if !strings.EqualFold(v.Name, strings.TrimSpace(f.View)) {
			continue
		}
		if v.Site == nil { // before the shared ones of that name
			found = []view{v}
			break
		}
		found = append(found, v)
	}
	switch {
	case len(names) == 0:
		return "", errs.NotFoundf("There is no view %q: you have none. Views are saved above the list of pumps in the console.", f.View)
	case len(found) == 0:
		slices.Sort(names)
		return "", errs.NotFoundf("There is no view %q. There are: %s.", f.View, strings.Join(slices.Compact(names), ", "))
	case len(found) > 1:
		return "", errs.Conflictf("Several sites share a view %q. Say what it asks for yourself, or save it as your own.", f.View)
	}
	v := found[0]
	t.Sort = cmp.Or(t.Sort, v.Sort)
	if len(t.Columns) == 0 {
		t.Columns = v.Columns
	}
	switch words := f.text(); {
	case strings.TrimSpace(words) == "":
		return v.Filter, nil
	case strings.TrimSpace(v.Filter) == "":
		return words, nil
	default:
		return "(" + v.Filter + ") (" + words + ")", nil
	}
}

type tableFlags struct {
	Sort    string   `help:"A column, with - in front for descending (--sort=-battery)." placeholder:"COLUMN"`
	Columns []string `help:"These columns, in that order." placeholder:"COLUMN"`
}

func (t tableFlags) query(filter string) url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"q": filter, "sort": t.Sort, "columns": strings.Join(t.Columns, ",")} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

// PumpsListCmd lists pumps.
type PumpsListCmd struct {
	clientFlags
	tableFlags
	formatFlags
	filterArgs
	Limit int `help:"At most so many; 0 for all." default:"0"`
}

// Run prints a line per pump.
func (c *PumpsListCmd) Run(ctx context.Context) error {
	if c.Limit < 0 {
		return errs.InvalidField("limit", "--limit %d: want 0 or more.", c.Limit)
	}
	server, err := c.open()
	if err != nil {
		return err
	}
	which, err := server.wanted(ctx, c.filterArgs, &c.tableFlags)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.json(ctx, server, which)
	}
	raw, err := server.get(ctx, "/pumps/table", c.query(which))
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) == 0 {
		return errs.New(errs.Unavailable, "The server's answer cannot be read. Are server and command of the same version?")
	}
	all := len(rows) - 1
	if c.Limit > 0 && all > c.Limit {
		rows = rows[:c.Limit+1]
	}
	switch {
	case c.CSV:
		w := csv.NewWriter(os.Stdout)
		w.UseCRLF = true
		err = w.WriteAll(rows)
	case all == 0:
		fmt.Fprintln(os.Stderr, "No pump matches.")
	default:
		err = printTable(os.Stdout, rows[0], rows[1:])
	}
	if len(rows)-1 < all {
		fmt.Fprintf(os.Stderr, "%d of %d pumps are shown.\n", len(rows)-1, all)
	}
	return err
}

// json prints rows as the API has them, page after page.
func (c *PumpsListCmd) json(ctx context.Context, server *client, which string) error {
	type page struct {
		Rows []json.RawMessage `json:"rows"`
		Next *string           `json:"next"`
	}
	q := url.Values{}
	for name, v := range map[string]string{"q": which, "sort": c.Sort} {
		if v != "" {
			q.Set(name, v)
		}
	}
	rows := []json.RawMessage{}
	for {
		size := 1000
		if c.Limit > 0 {
			size = min(size, c.Limit-len(rows))
		}
		q.Set("limit", strconv.Itoa(size))
		p, err := into[page](server.get(ctx, "/pumps/search", q))
		if err != nil {
			return err
		}
		rows = append(rows, p.Rows...)
		if p.Next == nil || c.Limit > 0 && len(rows) >= c.Limit {
			break
		}
		q.Set("after", *p.Next)
	}
	raw, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return printJSON(os.Stdout, raw)
}

// PumpsCountCmd counts pumps.
type PumpsCountCmd struct {
	clientFlags
	filterArgs
	By   []string `help:"Also how many have which value of these fields, such as site,presence." placeholder:"FIELD"`
	JSON bool     `name:"json" help:"As the API answers it."`
}

// Run prints the number, and values with theirs.
func (c *PumpsCountCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	which, err := server.wanted(ctx, c.filterArgs, &tableFlags{})
	if err != nil {
		return err
	}
	q := url.Values{"q": {which}}
	if len(c.By) > 0 {
		q.Set("facets", strings.Join(c.By, ","))
	}
	raw, err := server.get(ctx, "/pumps/count", q)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, raw)
	}
	n, err := into[struct {
		Matched int
		Facets  map[string]map[string]int
	}](raw, nil)
	if err != nil {
		return err
	}
	fmt.Println(n.Matched)
	for _, field := range c.By {
		counts := n.Facets[field]
		var rows [][]string
		for _, v := range slices.Sorted(maps.Keys(counts)) {
			rows = append(rows, []string{v, strconv.Itoa(counts[v])})
		}
		fmt.Println()
		if err := printTable(os.Stdout, []string{field, "pumps"}, rows); err != nil {
			return err
		}
	}
	return nil
}

// PumpsShowCmd shows one pump.
type PumpsShowCmd struct {
	clientFlags
	Pump string `arg:"" help:"Its serial number, or its id in the API."`
	JSON bool   `name:"json" help:"As the API answers it."`
}

// Run prints what the pump's page begins with.
func (c *PumpsShowCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	id, err := server.pump(ctx, c.Pump)
	if err != nil {
		return err
	}
	raw, err := server.get(ctx, "/pumps/"+id, nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, raw)
	}
	p, err := into[map[string]any](raw, nil)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, name := range []string{"serial", "label", "model", "status", "link", "presence", "presence_since", "last_heard", "last_data", "run", "rate_nl_day", "reservoir_nl", "reservoir_capacity_nl", "battery_pct", "firmware", "firmware_comm", "library", "documents", "link_quality", "tags"} {
		rows = append(rows, []string{strings.ReplaceAll(name, "_", " "), plainValue(p[name])})
	}
	return printTable(os.Stdout, []string{"what", "value"}, rows)
}

func plainValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var all []string
		for _, x := range v {
			all = append(all, plainValue(x))
		}
		return strings.Join(all, " ")
	}
	return fmt.Sprint(v)
}

// pump finds a pump's id by its serial number.
func (c *client) pump(ctx context.Context, name string) (string, error) {
	type page struct {
		Rows []struct{ ID, Serial string }
	}
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	p, err := into[page](c.get(ctx, "/pumps/search", url.Values{"q": {"serial=" + quoted}, "limit": {"2"}}))
	switch {
	case err != nil:
		return "", err
	case len(p.Rows) == 1:
		return p.Rows[0].ID, nil
	case len(p.Rows) > 1:
		return "", errs.Conflictf("Several makers have a pump with the serial number %s. Name it by its id: cisterna pumps list --json serial=%s.", name, quoted)
	}
	if n, err := strconv.ParseInt(name, 10, 64); err == nil && n > 0 {
		return name, nil
	}
	return "", errs.NotFoundf("There is no pump with the serial number %s at your sites.", name)
}

// PumpsExportCmd writes a CSV file.
type PumpsExportCmd struct {
	clientFlags
	tableFlags
	filterArgs
	Output string `short:"o" help:"Write to this file instead of the standard output." type:"path" placeholder:"FILE"`
}

// Run writes the file as the server makes it, whole or not at all.
func (c *PumpsExportCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	which, err := server.wanted(ctx, c.filterArgs, &c.tableFlags)
	if err != nil {
		return err
	}
	raw, err := server.get(ctx, "/pumps/table", c.query(which))
	if err != nil {
		return err
	}
	if c.Output == "" {
		_, err = os.Stdout.Write(raw)
		return err
	}
	next := c.Output + ".part"
	if err := os.WriteFile(next, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(next, c.Output)
}

// PumpsFieldsCmd says what there is to ask.
type PumpsFieldsCmd struct {
	clientFlags
	JSON bool `name:"json" help:"As the API answers it."`
}

// Run prints fields and columns.
func (c *PumpsFieldsCmd) Run(ctx context.Context) error {
	server, err := c.open()
	if err != nil {
		return err
	}
	raw, err := server.get(ctx, "/pumps/fields", nil)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(os.Stdout, raw)
	}
	all, err := into[struct {
		Fields []struct {
			Name, Doc   string
			Ops, Values []string
			Units       []struct{ Name string }
		}
		Columns []struct{ Key, Title string }
	}](raw, nil)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, f := range all.Fields {
		takes := f.Values
		for _, u := range f.Units {
			takes = append(takes, u.Name)
		}
		rows = append(rows, []string{f.Name, strings.Join(f.Ops, " "), strings.Join(takes, " "), f.Doc})
	}
	if err := printTable(os.Stdout, []string{"field", "operators", "values or units", "what it is"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, col := range all.Columns {
		rows = append(rows, []string{col.Key, col.Title})
	}
	fmt.Println()
	return printTable(os.Stdout, []string{"column", "title"}, rows)
}
