package api

import (
	"context"
	"net/http"
	"slices"
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

// RecallDevice is a pump or a communicator on a recall's list.
type RecallDevice struct {
	Comm     string        `json:"communicator" doc:"Of a communicator: its serial. Empty: the device is the pump."`
	Pump     Maybe[ID]     `json:"pump" doc:"The pump; of a communicator the one that it serves now, whose patient is to be contacted."`
	Site     ID            `json:"site"`
	Serial   string        `json:"pump_serial" doc:"Empty if there is no pump."`
	Label    string        `json:"pump_label"`
	Model    string        `json:"model" doc:"Of the device."`
	Status   string        `json:"status" enum:"registered,active,revoked,explanted,retired,manual,stock,lost" doc:"Of the device."`
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

// recallDevices returns entries as one reads them: communicators with their model
// and the pump that each serves now.
func (a *API) recallDevices(ctx context.Context, c Caller, list ...recall.Device) ([]RecallDevice, error) {
	comms := map[string]registry.Communicator{}
	if slices.ContainsFunc(list, func(d recall.Device) bool { return d.Comm != "" }) {
		all, err := a.Registry.Communicators(ctx, c.Scope())
		if err != nil {
			return nil, err
		}
		for _, k := range all {
			comms[k.Serial] = k
		}
	}
	return mapped(list, func(d recall.Device) RecallDevice { return a.recallDevice(d, comms[d.Comm]) }), nil
}

func (a *API) recallDevice(d recall.Device, k registry.Communicator) RecallDevice {
	pump := d.Pump
	if d.Comm != "" {
		pump = k.Pump
	}
	p, _ := a.Registry.Directory().ByID(pump)
	model, status := p.Model, string(p.Status)
	if d.Comm != "" {
		model, status = k.Model, string(k.Status)
	}
	return RecallDevice{
		Comm: d.Comm, Pump: maybeID(pump), Site: id(d.Site), Serial: p.Serial, Label: p.Label, Model: model, Status: status, State: string(d.State), How: d.How, Why: d.Why,
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

type recallAddBody struct {
	Recall ID     `json:"recall"`
	Reason string `json:"reason" maxLength:"300"`
}

type recallActBody struct {
	Act     string `json:"act" enum:"confirm,remove,close,reopen"`
	Reason  string `json:"reason" maxLength:"300" doc:"Of a closure: the evidence."`
	Outcome string `json:"outcome,omitempty" enum:",replaced,corrected,inspected,monitored,explanted,lost,declined" doc:"Of a closure."`
}

type contactBody struct {
	At        time.Time `json:"at"`
	Caller    string    `json:"caller,omitempty" maxLength:"100" doc:"Oneself if left out."`
	Contacted string    `json:"contacted" maxLength:"100"`
	Way       string    `json:"way" enum:"phone,letter,visit,message,mail"`
	Outcome   string    `json:"outcome" enum:"reached,appointment,left_message,no_answer,refused,wrong_contact"`
	Note      string    `json:"note,omitempty" maxLength:"1000"`
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
		list, err := a.Recalls.Devices(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		devices, err := a.recallDevices(ctx, c, list...)
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

// recallTarget reads which device of which recall is meant: a pump by its id, or a
// communicator by its serial.
func recallTarget(recallID, pumpID, serial string) (n int64, t recall.Target, err error) {
	if n, err = parseID(recallID, "recall"); err != nil {
		return 0, t, err
	}
	if serial != "" {
		return n, recall.Communicator(serial), nil
	}
	p, err := parseID(pumpID, "pump")
	return n, recall.Pump(p), err
}

// recallList serves what is done about single devices, pumps and communicators
// alike.
func (a *API) recallList() {
	one := func(ctx context.Context, c Caller, d recall.Device, err error) (*deviceOutput, error) {
		if err != nil {
			return nil, err
		}
		list, err := a.recallDevices(ctx, c, d)
		if err != nil {
			return nil, err
		}
		return &deviceOutput{list[0]}, nil
	}
	add := func(ctx context.Context, c Caller, b recallAddBody, pump, serial string) (*deviceOutput, error) {
		n, t, err := recallTarget(string(b.Recall), pump, serial)
		if err != nil {
			return nil, err
		}
		d, err := a.Recalls.Add(ctx, c.Actor, n, t, b.Reason)
		return one(ctx, c, d, err)
	}
	act := func(ctx context.Context, c Caller, b recallActBody, recallID, pump, serial string) (*deviceOutput, error) {
		n, t, err := recallTarget(recallID, pump, serial)
		if err != nil {
			return nil, err
		}
		var d recall.Device
		switch b.Act {
		case "confirm":
			d, err = a.Recalls.Confirm(ctx, c.Actor, n, t, b.Reason)
		case "remove":
			d, err = a.Recalls.Remove(ctx, c.Actor, n, t, b.Reason)
		case "close":
			d, err = a.Recalls.CloseDevice(ctx, c.Actor, n, t, recall.Outcome(b.Outcome), b.Reason)
		default: // reopen; the schema lets no other through
			d, err = a.Recalls.Reopen(ctx, c.Actor, n, t, b.Reason)
		}
		return one(ctx, c, d, err)
	}
	contact := func(ctx context.Context, c Caller, b contactBody, recallID, pump, serial string) (*deviceOutput, error) {
		n, t, err := recallTarget(recallID, pump, serial)
		if err != nil {
			return nil, err
		}
		d, err := a.Recalls.AddContact(ctx, c.Actor, n, t, recall.Contact{At: b.At, Caller: b.Caller, Contacted: b.Contacted, Way: b.Way, Outcome: b.Outcome, Note: b.Note})
		return one(ctx, c, d, err)
	}
	conflict := []int{http.StatusConflict}
	handle(a, op{
		id: "add-to-recall", method: http.MethodPost, path: "/pumps/{id}/recalls", tag: "recalls", summary: "Put a pump on a recall's list by hand", problems: conflict,
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Body recallAddBody
	},
	) (*deviceOutput, error) {
		return add(ctx, c, in.Body, in.ID, "")
	})
	handle(a, op{
		id: "add-communicator-to-recall", method: http.MethodPost, path: "/communicators/{serial}/recalls", tag: "recalls", summary: "Put a communicator on a recall's list by hand", problems: conflict,
	}, func(ctx context.Context, c Caller, in *struct {
		Serial string `path:"serial" maxLength:"64"`
		Body   recallAddBody
	},
	) (*deviceOutput, error) {
		return add(ctx, c, in.Body, "", in.Serial)
	})
	handle(a, op{
		id: "recall-device", method: http.MethodPost, path: "/recalls/{id}/pumps/{pump}", tag: "recalls", summary: "Confirm, remove, close or reopen a pump on a recall's list",
		describe: "Each with its reason; a closure with its outcome and its evidence.", problems: conflict,
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Pump string `path:"pump" maxLength:"32"`
		Body recallActBody
	},
	) (*deviceOutput, error) {
		return act(ctx, c, in.Body, in.ID, in.Pump, "")
	})
	handle(a, op{
		id: "recall-communicator", method: http.MethodPost, path: "/recalls/{id}/communicators/{serial}", tag: "recalls", summary: "Confirm, remove, close or reopen a communicator on a recall's list",
		describe: "Each with its reason; a closure with its outcome and its evidence.", problems: conflict,
	}, func(ctx context.Context, c Caller, in *struct {
		ID     string `path:"id" maxLength:"32"`
		Serial string `path:"serial" maxLength:"64"`
		Body   recallActBody
	},
	) (*deviceOutput, error) {
		return act(ctx, c, in.Body, in.ID, "", in.Serial)
	})
	handle(a, op{
		id: "recall-contact", method: http.MethodPost, path: "/recalls/{id}/pumps/{pump}/contacts", tag: "recalls", summary: "Log an attempt to reach somebody about a pump",
		status: http.StatusCreated, problems: conflict,
	}, func(ctx context.Context, c Caller, in *struct {
		ID   string `path:"id" maxLength:"32"`
		Pump string `path:"pump" maxLength:"32"`
		Body contactBody
	},
	) (*deviceOutput, error) {
		return contact(ctx, c, in.Body, in.ID, in.Pump, "")
	})
	handle(a, op{
		id: "recall-communicator-contact", method: http.MethodPost, path: "/recalls/{id}/communicators/{serial}/contacts", tag: "recalls", summary: "Log an attempt to reach somebody about a communicator",
		status: http.StatusCreated, problems: conflict,
	}, func(ctx context.Context, c Caller, in *struct {
		ID     string `path:"id" maxLength:"32"`
		Serial string `path:"serial" maxLength:"64"`
		Body   contactBody
	},
	) (*deviceOutput, error) {
		return contact(ctx, c, in.Body, in.ID, "", in.Serial)
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
		list, err := a.Recalls.Devices(ctx, c.Scope(), n)
		if err != nil {
			return nil, err
		}
		devices, err := a.recallDevices(ctx, c, list...)
		if err != nil {
			return nil, err
		}
		return a.recallFile(ctx, c, r, devices)
	})
}
