package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
)

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

// recallWithDevices returns a recall and those of its devices that one may see.
func (a *API) recallWithDevices(ctx context.Context, c Caller, text string) (recall.Recall, []RecallDevice, error) {
	n, err := parseID(text, "recall")
	if err != nil {
		return recall.Recall{}, nil, err
	}
	r, err := a.Recalls.Get(ctx, c.Scope(), n)
	if err != nil {
		return r, nil, err
	}
	list, err := a.Recalls.Devices(ctx, c.Scope(), n)
	if err != nil {
		return r, nil, err
	}
	devices, err := a.recallDevices(ctx, c, list...)
	return r, devices, err
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
		r, devices, err := a.recallWithDevices(ctx, c, in.ID)
		if err != nil {
			return nil, err
		}
		return a.recallFile(ctx, c, r, devices)
	})
}
