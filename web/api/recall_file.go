package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"regexp"

	"cisterna/fleet/recall"
	"cisterna/internal/csvfile"
)

// recallFile writes the list of a recall, one line a device and contact.
func (a *API) recallFile(ctx context.Context, c Caller, r recall.Recall, devices []RecallDevice) (*exportOutput, error) {
	sites, err := a.Registry.Sites(ctx, c.Scope())
	if err != nil {
		return nil, err
	}
	short := map[ID]string{}
	for _, s := range sites {
		short[id(s.ID)] = s.Short
	}
	lines := [][]string{{
		"maker", "reference", "severity", "site", "communicator", "pump", "pump_serial", "label", "model", "status", "state", "how", "why", "outcome", "evidence", "state_at", "state_by",
		"contact_at", "caller", "contacted", "way", "contact_outcome", "contact_note",
	}}
	for _, d := range devices {
		outcome := ""
		if d.Outcome.V != nil {
			outcome = *d.Outcome.V
		}
		pump := ""
		if d.Pump.V != nil {
			pump = string(*d.Pump.V)
		}
		head := []string{
			r.Maker, r.Reference, string(r.Severity), short[d.Site], d.Comm, pump, d.Serial, d.Label, d.Model, d.Status, d.State, d.How, d.Why, outcome, d.StateWhy,
			instant(d.StateAt), d.StateBy,
		}
		if len(d.Contacts) == 0 {
			lines = append(lines, append(head, "", "", "", "", "", ""))
		}
		for _, k := range d.Contacts {
			lines = append(lines, append(append([]string{}, head...), instant(k.At), k.Caller, k.Contacted, k.Way, k.Outcome, k.Note))
		}
	}
	return a.csvFile("cisterna-recall-"+plainName.ReplaceAllString(r.Reference, "-"), lines)
}

// plainName matches what has no place in a file's name.
var plainName = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// csvFile answers with a file of lines, each cell harmless in a spreadsheet.
func (a *API) csvFile(name string, lines [][]string) (*exportOutput, error) {
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	for _, line := range lines {
		cells := make([]string, len(line))
		for i, c := range line {
			cells[i] = csvfile.Guard(c)
		}
		if err := w.Write(cells); err != nil {
			return nil, err
		}
	}
	w.Flush()
	name += "-" + a.Now().UTC().Format("20060102-150405") + ".csv"
	return &exportOutput{ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="` + name + `"`, Body: file.Bytes()}, w.Error()
}
