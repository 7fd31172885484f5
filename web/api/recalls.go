package api

import (
	"context"
	"net/http"

	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
)

// SerialRange is a range of serial numbers, both ends included.
type SerialRange struct {
	First string `json:"first" maxLength:"40"`
	Last  string `json:"last" maxLength:"40"`
}

// RecallCriteria say which pieces a recall concerns: the kind of device by model
// or device identifier, and the pieces by serial or lot. One match of each pair is
// enough.
type RecallCriteria struct {
	Models    []string      `json:"models" maxItems:"50"`
	DeviceIDs []string      `json:"device_ids" maxItems:"50" doc:"Device identifiers of UDIs."`
	Ranges    []SerialRange `json:"ranges" maxItems:"500" doc:"Both ends as printed: the same letters, as many digits. Serial numbers are counted by their last run of digits, and only among those that look alike."`
	Lots      []string      `json:"lots" maxItems:"500"`
}

func (c RecallCriteria) criteria() recall.Criteria {
	return recall.Criteria{
		Models: c.Models, DeviceIDs: c.DeviceIDs, Lots: c.Lots,
		Ranges: mapped(c.Ranges, func(r SerialRange) recall.Range { return recall.Range(r) }),
	}
}

func criteriaOf(c recall.Criteria) RecallCriteria {
	same := func(s string) string { return s }
	return RecallCriteria{
		Models: mapped(c.Models, same), DeviceIDs: mapped(c.DeviceIDs, same), Lots: mapped(c.Lots, same),
		Ranges: mapped(c.Ranges, func(r recall.Range) SerialRange { return SerialRange(r) }),
	}
}

// RecallRow is a recall with how far it is at one's sites.
type RecallRow struct {
	ID        ID             `json:"id"`
	Device    string         `json:"device" enum:"pump,communicator" doc:"Which kind of device it concerns."`
	Reference string         `json:"reference"`
	Maker     string         `json:"maker"`
	Title     string         `json:"title"`
	Text      string         `json:"text"`
	Source    string         `json:"source"`
	Severity  string         `json:"severity" enum:"I,II,III"`
	IssuedOn  string         `json:"issued_on"`
	Criteria  RecallCriteria `json:"criteria"`
	State     string         `json:"state" enum:"open,closed,withdrawn"`
	StateAt   Time           `json:"state_at"`
	StateBy   string         `json:"state_by"`
	StateWhy  string         `json:"state_why"`
	CreatedAt Time           `json:"created_at"`
	CreatedBy string         `json:"created_by"`
	Counts    RecallCounts   `json:"counts"`
}

// RecallCounts count the devices at one's sites.
type RecallCounts struct {
	Total     int `json:"total" doc:"All but those that were removed."`
	Check     int `json:"check" doc:"May match: somebody has to look."`
	Open      int `json:"open"`
	Closed    int `json:"closed"`
	Removed   int `json:"removed"`
	Contacted int `json:"contacted" doc:"Open, and somebody was reached or has an appointment."`
}

func recallRow(r recall.Recall) RecallRow {
	c := r.Counts
	return RecallRow{
		ID: id(r.ID), Device: string(r.Device), Reference: r.Reference, Maker: r.Maker, Title: r.Title, Text: r.Text, Source: r.Source, Severity: string(r.Severity), IssuedOn: string(r.IssuedOn),
		Criteria: criteriaOf(r.Criteria), State: string(r.State), StateAt: Time(r.StateAt), StateBy: r.StateBy, StateWhy: r.StateWhy, CreatedAt: Time(r.CreatedAt), CreatedBy: r.CreatedBy,
		Counts: RecallCounts{Total: c.Total(), Check: c.Check, Open: c.Open, Closed: c.Closed, Removed: c.Removed, Contacted: c.Contacted},
	}
}

// RecallDetail is a recall with its list, as far as one may see it.
type RecallDetail struct {
	RecallRow
	Devices []RecallDevice `json:"devices" doc:"What is to be done first."`
}

// NewRecall is a notice as it is typed.
type NewRecall struct {
	Device    string         `json:"device,omitempty" enum:"pump,communicator" doc:"Which kind of device it concerns; pumps if left out."`
	Reference string         `json:"reference" maxLength:"100"`
	Maker     string         `json:"maker" maxLength:"100"`
	Title     string         `json:"title" maxLength:"200"`
	Text      string         `json:"text" maxLength:"8000"`
	Source    string         `json:"source" maxLength:"300"`
	Severity  string         `json:"severity" enum:"I,II,III" doc:"I may cause serious harm or death, II harm that passes or can be treated, III is not likely to harm."`
	IssuedOn  string         `json:"issued_on" maxLength:"10"`
	Criteria  RecallCriteria `json:"criteria"`
}

// RecallPreview is what a notice would find at one's sites.
type RecallPreview struct {
	Matches  int           `json:"matches"`
	Possible int           `json:"possible"`
	Excluded int           `json:"excluded"`
	Devices  []PreviewItem `json:"devices" doc:"Those that match or may match."`
	Others   []PreviewItem `json:"others" doc:"The first of those that are not concerned, at most 200, each with the reason."`
}

// PreviewItem is one device as a notice judges it.
type PreviewItem struct {
	Pump    Maybe[ID] `json:"pump" doc:"The pump; of a communicator the one that it serves now."`
	Serial  string    `json:"serial" doc:"Of the device."`
	Site    ID        `json:"site"`
	Verdict string    `json:"verdict" enum:"matches,possible,excluded"`
	Why     string    `json:"why"`
}

type recallInput struct {
	ID string `path:"id" maxLength:"32"`
}

type recallOutput struct{ Body RecallRow }

type recallActInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		State  string `json:"state" enum:"closed,withdrawn"`
		Reason string `json:"reason" maxLength:"300"`
	}
}

func (a *API) recalls() {
	handle(a, op{
		id: "list-recalls", method: http.MethodGet, path: "/recalls", tag: "recalls", summary: "All recalls, with how far they are at one's sites",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{ Body []RecallRow }, error) {
		list, err := a.Recalls.List(ctx, c.Scope())
		return &struct{ Body []RecallRow }{mapped(list, recallRow)}, err
	})
	handle(a, op{
		id: "get-recall", method: http.MethodGet, path: "/recalls/{id}", tag: "recalls", summary: "A recall with the list of one's own devices", problems: []int{http.StatusNotFound},
	}, func(ctx context.Context, c Caller, in *recallInput) (*struct{ Body RecallDetail }, error) {
		r, devices, err := a.recallWithDevices(ctx, c, in.ID)
		return &struct{ Body RecallDetail }{RecallDetail{recallRow(r), devices}}, err
	})
	handle(a, op{
		id: "preview-recall", method: http.MethodPost, path: "/recalls/preview", tag: "recalls", summary: "What a notice would find at one's sites",
	}, func(ctx context.Context, c Caller, in *struct {
		Body struct {
			Device   string         `json:"device,omitempty" enum:"pump,communicator" doc:"Pumps if left out."`
			Maker    string         `json:"maker" maxLength:"100"`
			Criteria RecallCriteria `json:"criteria"`
		}
	},
	) (*struct{ Body RecallPreview }, error) {
		found, err := a.Recalls.Preview(ctx, c.Actor, recall.Notice{Device: recall.Kind(in.Body.Device), Maker: in.Body.Maker, Criteria: in.Body.Criteria.criteria()})
		item := func(f recall.Found) PreviewItem {
			return PreviewItem{Pump: maybeID(max(f.Pump, f.ServesPump)), Serial: f.Serial, Site: id(f.Site), Verdict: string(f.Verdict), Why: f.Why}
		}
		out := RecallPreview{Excluded: found.OutTotal, Devices: mapped(found.Found, item), Others: mapped(found.Out, item)}
		for _, f := range found.Found {
			if f.Verdict == recall.Matches {
				out.Matches++
			} else {
				out.Possible++
			}
		}
		return &struct{ Body RecallPreview }{out}, err
	})
	handle(a, op{
		id: "create-recall", method: http.MethodPost, path: "/recalls", tag: "recalls", summary: "Record a recall and judge every device of its kind by it", status: http.StatusCreated,
		describe: "Devices that are registered later are judged as they are registered.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct{ Body NewRecall }) (*recallOutput, error) {
		b := in.Body
		r, err := a.Recalls.Create(ctx, c.Actor, recall.Notice{
			Device: recall.Kind(b.Device), Reference: b.Reference, Maker: b.Maker, Title: b.Title, Text: b.Text, Source: b.Source, Severity: recall.Severity(b.Severity), IssuedOn: registry.Date(b.IssuedOn),
			Criteria: b.Criteria.criteria(),
		})
		return &recallOutput{recallRow(r)}, err
	})
	handle(a, op{
		id: "end-recall", method: http.MethodPost, path: "/recalls/{id}/end", tag: "recalls", summary: "Close or withdraw a recall",
		describe: "It is closed when no device is left, at any site. Only who is an engineer of all sites on its list may do it.", problems: []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *recallActInput) (*recallOutput, error) {
		n, err := parseID(in.ID, "recall")
		if err != nil {
			return nil, err
		}
		r, err := a.Recalls.End(ctx, c.Actor, n, recall.State(in.Body.State), in.Body.Reason)
		return &recallOutput{recallRow(r)}, err
	})
	a.recallList()
}
