package api

import (
	"context"
	"net/http"
	"time"

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
		ID: id(r.ID), Reference: r.Reference, Maker: r.Maker, Title: r.Title, Text: r.Text, Source: r.Source, Severity: string(r.Severity), IssuedOn: string(r.IssuedOn),
		Criteria: criteriaOf(r.Criteria), State: string(r.State), StateAt: Time(r.StateAt), StateBy: r.StateBy, StateWhy: r.StateWhy, CreatedAt: Time(r.CreatedAt), CreatedBy: r.CreatedBy,
		Counts: RecallCounts{Total: c.Total(), Check: c.Check, Open: c.Open, Closed: c.Closed, Removed: c.Removed, Contacted: c.Contacted},
	}
}

// RecallDevice is a pump on a recall's list.
type RecallDevice struct {
	Pump     ID            `json:"pump"`
	Site     ID            `json:"site"`
	Serial   string        `json:"pump_serial"`
	Label    string        `json:"pump_label"`
	Model    string        `json:"model"`
	Status   string        `json:"pump_status" enum:"registered,active,revoked,explanted,retired,manual"`
	State    string        `json:"state" enum:"check,open,closed,removed"`
	How      string        `json:"how" enum:"matched,added"`
	Why      string        `json:"why"`
	AddedAt  Time          `json:"added_at"`
	AddedBy  string        `json:"added_by"`
	StateAt  Time          `json:"state_at"`
	StateBy  string        `json:"state_by"`
	StateWhy string        `json:"state_why"`
	Outcome  Maybe[string] `json:"outcome"`
	Contacts []Contact     `json:"contacts"`
}

// Contact is an attempt to reach somebody about a device.
type Contact struct {
	ID        ID     `json:"id"`
	At        Time   `json:"at"`
	Caller    string `json:"caller"`
	Contacted string `json:"contacted"`
	Way       string `json:"way" enum:"phone,letter,visit,message,mail"`
	Outcome   string `json:"outcome" enum:"reached,appointment,left_message,no_answer,refused,wrong_contact"`
	Note      string `json:"note"`
	NotedBy   string `json:"noted_by"`
}

func (a *API) recallDevice(d recall.Device) RecallDevice {
	p, _ := a.Registry.Directory().ByID(d.Pump)
	return RecallDevice{
		Pump: id(d.Pump), Site: id(d.Site), Serial: p.Serial, Label: p.Label, Model: p.Model, Status: string(p.Status), State: string(d.State), How: d.How, Why: d.Why,
		AddedAt: Time(d.AddedAt), AddedBy: d.AddedBy, StateAt: Time(d.StateAt), StateBy: d.StateBy, StateWhy: d.StateWhy, Outcome: notZero(string(d.Outcome)),
		Contacts: mapped(d.Contacts, func(c recall.Contact) Contact {
			return Contact{ID: id(c.ID), At: Time(c.At), Caller: c.Caller, Contacted: c.Contacted, Way: c.Way, Outcome: c.Outcome, Note: c.Note, NotedBy: c.NotedBy}
		}),
	}
}

// RecallDetail is a recall with its list, as far as one may see it.
type RecallDetail struct {
	RecallRow
	Devices []RecallDevice `json:"devices" doc:"What is to be done first."`
}

// NewRecall is a notice as it is typed.
type NewRecall struct {
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

// PreviewItem is one pump as a notice judges it.
type PreviewItem struct {
	Pump    ID     `json:"pump"`
	Serial  string `json:"pump_serial"`
	Site    ID     `json:"site"`
	Verdict string `json:"verdict" enum:"matches,possible,excluded"`
	Why     string `json:"why"`
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

type deviceActInput struct {
	ID   string `path:"id" maxLength:"32"`
	Pump string `path:"pump" maxLength:"32"`
	Body struct {
		Act     string `json:"act" enum:"confirm,remove,close,reopen"`
		Reason  string `json:"reason" maxLength:"300" doc:"Of a closure: the evidence."`
		Outcome string `json:"outcome,omitempty" enum:",replaced,corrected,inspected,monitored,explanted,lost,declined" doc:"Of a closure."`
	}
}

type deviceOutput struct{ Body RecallDevice }

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
		n, err := parseID(in.ID, "recall")
		if err != nil {
			return nil, err
		}
		r, err := a.Recalls.Get(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		devices, err := a.Recalls.Devices(ctx, c.Scope(), n)
		return &struct{ Body RecallDetail }{RecallDetail{recallRow(r), mapped(devices, a.recallDevice)}}, err
	})
	handle(a, op{
		id: "preview-recall", method: http.MethodPost, path: "/recalls/preview", tag: "recalls", summary: "What a notice would find at one's sites",
	}, func(ctx context.Context, c Caller, in *struct {
		Body struct {
			Maker    string         `json:"maker" maxLength:"100"`
			Criteria RecallCriteria `json:"criteria"`
		}
	},
	) (*struct{ Body RecallPreview }, error) {
		found, err := a.Recalls.Preview(ctx, c.Actor, recall.Notice{Maker: in.Body.Maker, Criteria: in.Body.Criteria.criteria()})
		item := func(f recall.Found) PreviewItem {
			return PreviewItem{Pump: id(f.Pump.ID), Serial: f.Pump.Serial, Site: id(f.Pump.Site), Verdict: string(f.Verdict), Why: f.Why}
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
		id: "create-recall", method: http.MethodPost, path: "/recalls", tag: "recalls", summary: "Record a recall and judge every pump by it", status: http.StatusCreated,
		describe: "Pumps that are registered later are judged as they are registered.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct{ Body NewRecall }) (*recallOutput, error) {
		b := in.Body
		r, err := a.Recalls.Create(ctx, c.Actor, recall.Notice{
			Reference: b.Reference, Maker: b.Maker, Title: b.Title, Text: b.Text, Source: b.Source, Severity: recall.Severity(b.Severity), IssuedOn: registry.Date(b.IssuedOn),
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

// recallList serves what is done about single devices.
func (a *API) recallList() {
	both := func(recallID, pumpID string) (r, p int64, err error) {
		if r, err = parseID(recallID, "recall"); err != nil {
			return 0, 0, err
		}
		p, err = parseID(pumpID, "pump")
		return r, p, err
	}
	handle(a, op{
		id: "add-to-recall", method: http.MethodPost, path: "/pumps/{id}/recalls", tag: "recalls", summary: "Put a pump on a recall's list by hand", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body struct {
			Recall ID     `json:"recall"`
			Reason string `json:"reason" maxLength:"300"`
		}
	},
	) (*deviceOutput, error) {
		r, p, err := both(string(in.Body.Recall), in.ID)
		if err != nil {
			return nil, err
		}
		d, err := a.Recalls.Add(ctx, c.Actor, r, p, in.Body.Reason)
		return &deviceOutput{a.recallDevice(d)}, err
	})
	handle(a, op{
		id: "recall-device", method: http.MethodPost, path: "/recalls/{id}/pumps/{pump}", tag: "recalls", summary: "Confirm, remove, close or reopen a device on a recall's list",
		describe: "Each with its reason; a closure with its outcome and its evidence.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *deviceActInput) (*deviceOutput, error) {
		r, p, err := both(in.ID, in.Pump)
		if err != nil {
			return nil, err
		}
		var d recall.Device
		switch why := in.Body.Reason; in.Body.Act {
		case "confirm":
			d, err = a.Recalls.Confirm(ctx, c.Actor, r, p, why)
		case "remove":
			d, err = a.Recalls.Remove(ctx, c.Actor, r, p, why)
		case "close":
			d, err = a.Recalls.CloseDevice(ctx, c.Actor, r, p, recall.Outcome(in.Body.Outcome), why)
		default: // reopen; the schema lets no other through
			d, err = a.Recalls.Reopen(ctx, c.Actor, r, p, why)
		}
		return &deviceOutput{a.recallDevice(d)}, err
	})
	handle(a, op{
		id: "recall-contact", method: http.MethodPost, path: "/recalls/{id}/pumps/{pump}/contacts", tag: "recalls", summary: "Log an attempt to reach somebody about a device",
		status: http.StatusCreated, problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Pump string `path:"pump" maxLength:"32"`
		Body struct {
			At        time.Time `json:"at"`
			Caller    string    `json:"caller,omitempty" maxLength:"100" doc:"Oneself if left out."`
			Contacted string    `json:"contacted" maxLength:"100"`
			Way       string    `json:"way" enum:"phone,letter,visit,message,mail"`
			Outcome   string    `json:"outcome" enum:"reached,appointment,left_message,no_answer,refused,wrong_contact"`
			Note      string    `json:"note,omitempty" maxLength:"1000"`
		}
	},
	) (*deviceOutput, error) {
		r, p, err := both(in.ID, in.Pump)
		if err != nil {
			return nil, err
		}
		b := in.Body
		d, err := a.Recalls.AddContact(ctx, c.Actor, r, p, recall.Contact{At: b.At, Caller: b.Caller, Contacted: b.Contacted, Way: b.Way, Outcome: b.Outcome, Note: b.Note})
		return &deviceOutput{a.recallDevice(d)}, err
	})
	handle(a, op{
		id: "export-recall", method: http.MethodGet, path: "/recalls/{id}/export", tag: "recalls", summary: "A recall's list of one's own devices as a file",
		describe: "text/csv, one line a device and contact; devices that nobody was contacted about have one line. Cells that a spreadsheet would run as formulas are guarded.",
		problems: []int{http.StatusNotFound},
	}, func(ctx context.Context, c Caller, in *recallInput) (*exportOutput, error) {
		n, err := parseID(in.ID, "recall")
		if err != nil {
			return nil, err
		}
		r, err := a.Recalls.Get(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		devices, err := a.Recalls.Devices(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		return a.recallFile(ctx, c, r, mapped(devices, a.recallDevice))
	})
}
