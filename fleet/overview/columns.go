package overview

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cisterna/internal/errs"
)

// Column is a column of the list as people choose it. In a file it may take
// several, because what stands in two lines on a screen are two values.
type Column struct {
	Key     string
	Title   string
	Usual   bool // shown unless asked otherwise
	Numeric bool
	cells   []cell
}

// cell is one value of a column in a file.
type cell struct {
	title string
	get   func(r *Row, n Names) string
}

// Names are what rows hold by number.
type Names struct{ Sites, Groups map[int64]string }

// columns is the catalogue, in the order in which the list shows them.
var columns = []Column{
	{Key: "pump", Title: "Pump", Usual: true, cells: []cell{
		{"serial", func(r *Row, _ Names) string { return r.Serial }}, {"label", func(r *Row, _ Names) string { return r.Label }},
	}},
	// Never usual: the reference stands for a person, who is found by it in the house's own
	// list. It is personal data, and leaves in a file only if somebody chose it.
	{Key: "patient", Title: "Patient", cells: []cell{{"patient", func(r *Row, _ Names) string { return r.Patient }}}},
	{Key: "site", Title: "Site", Usual: true, cells: []cell{{"site", func(r *Row, n Names) string { return n.Sites[r.Site] }}}},
	{Key: "model", Title: "Model", Usual: true, cells: []cell{{"model", func(r *Row, _ Names) string { return r.Model }}, {"profile", func(r *Row, _ Names) string { return r.Profile }}}},
	{Key: "status", Title: "Status", cells: []cell{{"status", func(r *Row, _ Names) string { return r.Status }}}},
	{Key: "presence", Title: "Presence", Usual: true, cells: []cell{
		{"presence", func(r *Row, _ Names) string { return string(r.Presence) }}, {"presence_since", func(r *Row, _ Names) string { return isoTime(r.PresenceSince) }},
	}},
	{Key: "run", Title: "State", Usual: true, cells: []cell{{"state", func(r *Row, _ Names) string { return r.runText() }}}},
	{Key: "rate", Title: "Rate", Usual: true, Numeric: true, cells: []cell{{"rate_ml_day", func(r *Row, _ Names) string { return whenKnown(r.HasSample, millionths(r.RateNLDay)) }}}},
	{Key: "reservoir", Title: "Reservoir", Usual: true, Numeric: true, cells: []cell{
		{"reservoir_ml", func(r *Row, _ Names) string { return whenKnown(r.HasSample, millionths(r.ReservoirNL)) }},
		{"reservoir_capacity_ml", func(r *Row, _ Names) string { return whenKnown(r.CapacityNL > 0, millionths(r.CapacityNL)) }},
	}},
	{Key: "low_in", Title: "Low in", Numeric: true, cells: []cell{{"low_at", func(r *Row, _ Names) string { return isoTime(r.lowAt()) }}}},
	{Key: "battery", Title: "Battery", Usual: true, Numeric: true, cells: []cell{
		{"battery_percent", func(r *Row, _ Names) string {
			return whenKnown(r.HasSample && r.BatteryPct >= 0, strconv.Itoa(r.BatteryPct))
		}},
		{"battery_mv", func(r *Row, _ Names) string { return whenKnown(r.HasSample, strconv.FormatInt(r.BatteryMV, 10)) }},
	}},
	{Key: "alarms", Title: "Alarms", Usual: true, cells: []cell{
		{"alarms_high", func(r *Row, _ Names) string { return strconv.Itoa(r.Alarms.High) }},
		{"alarms_medium", func(r *Row, _ Names) string { return strconv.Itoa(r.Alarms.Medium) }},
		{"alarms_low", func(r *Row, _ Names) string { return strconv.Itoa(r.Alarms.Low) }},
		{"top_alarm", func(r *Row, _ Names) string { return r.Alarms.TopTitle }},
	}},
	{Key: "heard", Title: "Last heard", Usual: true, cells: []cell{{"last_heard", func(r *Row, _ Names) string { return isoTime(r.LastHeard) }}}},
	{Key: "data", Title: "Last data", cells: []cell{{"last_data", func(r *Row, _ Names) string { return isoTime(r.LastData) }}}},
	{Key: "drugs", Title: "Drugs", cells: []cell{{"drugs", func(r *Row, _ Names) string {
		var all []string
		for _, d := range r.Drugs {
			all = append(all, fmt.Sprintf("%s %s mg/mL", d.Name, millionths(d.ConcNGML)))
		}
		return strings.Join(all, "; ")
	}}}},
	{Key: "firmware", Title: "Firmware", Usual: true, cells: []cell{
		{"firmware", func(r *Row, _ Names) string { return r.Firmware }}, {"communicator_firmware", func(r *Row, _ Names) string { return r.FirmwareComm }},
	}},
	{Key: "library", Title: "Library", cells: []cell{{"library", func(r *Row, _ Names) string { return r.Library }}}},
	{Key: "sync", Title: "Documents", cells: []cell{{"documents", func(r *Row, _ Names) string { return string(r.Sync) }}, {"lacks", func(r *Row, _ Names) string { return strings.Join(r.Lacks, " ") }}}},
	{Key: "link", Title: "Communicator", cells: []cell{{"communicator", func(r *Row, _ Names) string { return r.Link }}}},
	{Key: "cert", Title: "Certificate ends", cells: []cell{{"certificate_ends", func(r *Row, _ Names) string { return isoTime(r.CertEnds) }}}},
	{Key: "quality", Title: "Link quality", cells: []cell{
		{"link_quality", func(r *Row, _ Names) string { return string(r.Quality) }},
		{"reconnects_24h", func(r *Row, _ Names) string { return strconv.FormatInt(r.Reconnects24h, 10) }},
		{"refused_24h", func(r *Row, _ Names) string { return strconv.FormatInt(r.Refused24h, 10) }},
	}},
	{Key: "gaps", Title: "Gaps", Numeric: true, cells: []cell{{"gaps_24h", func(r *Row, _ Names) string { return strconv.FormatInt(r.GapsOpen, 10) }}}},
	{Key: "tags", Title: "Tags", cells: []cell{{"tags", func(r *Row, _ Names) string { return strings.Join(r.Tags, " ") }}}},
	{Key: "groups", Title: "Groups", cells: []cell{{"groups", func(r *Row, n Names) string {
		var all []string
		for _, g := range r.Groups {
			if name := n.Groups[g]; name != "" {
				all = append(all, name)
			}
		}
		return strings.Join(all, "; ")
	}}}},
}

// Columns returns the catalogue.
func Columns() []Column { return slices.Clone(columns) }

// ParseColumns finds columns by their keys, in that order; none means the usual
// ones. Errors: Invalid.
func ParseColumns(keys []string) ([]Column, error) {
	if len(keys) == 0 {
		return slices.DeleteFunc(Columns(), func(c Column) bool { return !c.Usual }), nil
	}
	var out []Column
	for _, k := range keys {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Key == k })
		switch {
		case i < 0:
			return nil, errs.InvalidField("columns", "There is no column %q.", clipText(k))
		case slices.ContainsFunc(out, func(c Column) bool { return c.Key == k }):
			return nil, errs.InvalidField("columns", "The column %s is there twice.", k)
		}
		out = append(out, columns[i])
	}
	return out, nil
}

// Head returns the titles of a file with some columns.
func Head(of []Column) (out []string) {
	for _, c := range of {
		for _, v := range c.cells {
			out = append(out, v.title)
		}
	}
	return out
}

// Line returns a row's values in the order of Head. Times are ISO 8601 in UTC,
// volumes are exact, and what is not known is empty.
func (r *Row) Line(of []Column, n Names) (out []string) {
	for _, c := range of {
		for _, v := range c.cells {
			out = append(out, v.get(r, n))
		}
	}
	return out
}

func whenKnown(ok bool, s string) string {
	if !ok {
		return ""
	}
	return s
}

func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// millionths writes a whole number of millionths exactly: 9503412 is 9.503412.
func millionths(n int64) string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	s := fmt.Sprintf("%s%d.%06d", sign, u/1_000_000, u%1_000_000)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
