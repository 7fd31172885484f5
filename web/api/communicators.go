package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"cisterna/fleet/registry"
)

// CommunicatorRow is a communicator in a site's stock or with a patient.
type CommunicatorRow struct {
	Serial       string        `json:"serial"`
	Site         Maybe[ID]     `json:"site"`
	Model        string        `json:"model" doc:"Empty until somebody registers one that enrolled before."`
	Firmware     string        `json:"firmware" doc:"As registered."`
	Lot          string        `json:"lot"`
	AssetNo      string        `json:"asset_no"`
	Status       string        `json:"status" enum:"stock,active,lost,retired,revoked"`
	StatusSince  Time          `json:"status_since"`
	StatusReason string        `json:"status_reason"`
	CreatedAt    Time          `json:"created_at"`
	Pump         Maybe[ID]     `json:"pump" doc:"That it serves now."`
	PumpSerial   Maybe[string] `json:"pump_serial"`
	PairedAt     MaybeTime     `json:"paired_at"`
	ReservedFor  Maybe[ID]     `json:"reserved_for" doc:"Pump for which it is kept."`
	Reserved     Maybe[string] `json:"reserved_for_serial"`
	ReservedAt   MaybeTime     `json:"reserved_at"`
	ReservedBy   Maybe[string] `json:"reserved_by"`
	ReservedWhy  Maybe[string] `json:"reserved_why"`
	Recalled     bool          `json:"recalled" doc:"An open recall has it on its list, and it is not done."`
}

func communicatorRow(c registry.Communicator) CommunicatorRow {
	return CommunicatorRow{
		Serial: c.Serial, Site: maybeID(c.Site), Model: c.Model, Firmware: c.Firmware, Lot: c.Lot, AssetNo: c.AssetNo,
		Status: string(c.Status), StatusSince: Time(c.StatusSince), StatusReason: c.StatusReason, CreatedAt: Time(c.CreatedAt),
		Pump: maybeID(c.Pump), PumpSerial: notZero(c.PumpSerial), PairedAt: maybeTime(c.PairedAt),
		ReservedFor: maybeID(c.ReservedFor), Reserved: notZero(c.ReservedSerial), ReservedAt: maybeTime(c.ReservedAt), ReservedBy: notZero(c.ReservedBy), ReservedWhy: notZero(c.ReservedWhy),
	}
}

// ServedPump is a time during which a communicator spoke for a pump.
type ServedPump struct {
	Pump      ID            `json:"pump"`
	Serial    string        `json:"pump_serial"`
	From      Time          `json:"from"`
	To        MaybeTime     `json:"to"`
	Reason    string        `json:"reason" doc:"Why it began."`
	EndReason Maybe[string] `json:"end_reason"`
}

// CommunicatorDetail is a communicator with its history.
type CommunicatorDetail struct {
	CommunicatorRow
	Pairings []ServedPump `json:"pairings" doc:"Pumps that it spoke for, oldest first."`
	Recalls  []CommRecall `json:"recalls" doc:"That concern it, newest first."`
	Work     []Work       `json:"work"`
}

// CommRecall is a recall that concerns a communicator.
type CommRecall struct {
	ID          ID     `json:"id"`
	Reference   string `json:"reference"`
	Title       string `json:"title"`
	Severity    string `json:"severity" enum:"I,II,III"`
	RecallState string `json:"recall_state" enum:"open,closed,withdrawn"`
	State       string `json:"state" enum:"check,open,closed,removed"`
	Why         string `json:"why"`
	StateWhy    string `json:"state_why"`
}

// commRecalls returns the recalls of one communicator.
func (a *API) commRecalls(ctx context.Context, c Caller, serial string) ([]CommRecall, error) {
	entries, recalls, err := a.Recalls.OfCommunicator(ctx, c.Scope(), serial)
	out := make([]CommRecall, len(entries))
	for i, d := range entries {
		r := recalls[i]
		out[i] = CommRecall{ID: id(r.ID), Reference: r.Reference, Title: r.Title, Severity: string(r.Severity), RecallState: string(r.State), State: string(d.State), Why: d.Why, StateWhy: d.StateWhy}
	}
	return out, err
}

// commRow returns a communicator as one reads it, with whether it is recalled.
func (a *API) commRow(ctx context.Context, c Caller, row registry.Communicator, err error) (*commOutput, error) {
	if err != nil {
		return nil, err
	}
	recalled, err := a.Recalls.RecalledCommunicators(ctx, c.Scope())
	out := communicatorRow(row)
	out.Recalled = recalled[row.Serial]
	return &commOutput{out}, err
}

type commInput struct {
	Serial string `path:"serial" maxLength:"64"`
}

type commOutput struct{ Body CommunicatorRow }

type newCommInput struct {
	Body struct {
		Site     ID     `json:"site"`
		Serial   string `json:"serial" maxLength:"100"`
		Model    string `json:"model" maxLength:"100"`
		Firmware string `json:"firmware,omitempty" maxLength:"100"`
		Lot      string `json:"lot,omitempty" maxLength:"100"`
		AssetNo  string `json:"asset_no,omitempty" maxLength:"100"`
	}
}

type moveCommInput struct {
	Serial string `path:"serial" maxLength:"64"`
	Body   struct {
		Act    string `json:"act" enum:"lose,find,revoke,restore,retire"`
		Reason string `json:"reason" maxLength:"300"`
	}
}

type reserveInput struct {
	Serial string `path:"serial" maxLength:"64"`
	Body   struct {
		Pump   ID     `json:"pump"`
		Reason string `json:"reason" maxLength:"300"`
	}
}

type releaseInput struct {
	Serial string `path:"serial" maxLength:"64"`
	Body   struct {
		Reason string `json:"reason" maxLength:"300"`
	}
}

func (a *API) communicators() {
	handle(a, op{
		id: "list-communicators", method: http.MethodGet, path: "/communicators", tag: "communicators", summary: "Communicators of one's sites, in stock and in use",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*struct{ Body []CommunicatorRow }, error) {
		list, err := a.Registry.Communicators(ctx, c.Scope())
		if err != nil {
			return nil, err
		}
		recalled, err := a.Recalls.RecalledCommunicators(ctx, c.Scope())
		rows := mapped(list, communicatorRow)
		for i := range rows {
			rows[i].Recalled = recalled[rows[i].Serial]
		}
		return &struct{ Body []CommunicatorRow }{rows}, err
	})
	handle(a, op{
		id: "get-communicator", method: http.MethodGet, path: "/communicators/{serial}", tag: "communicators", summary: "A communicator with its pairings and the work done on it",
	}, func(ctx context.Context, c Caller, in *commInput) (*struct{ Body CommunicatorDetail }, error) {
		row, err := a.Registry.Communicator(ctx, c.Scope(), in.Serial)
		if err != nil {
			return nil, err
		}
		served, err := a.Registry.ServedBy(ctx, c.Scope(), in.Serial)
		if err != nil {
			return nil, err
		}
		work, err := a.Maintenance.OfCommunicator(ctx, c.Scope(), in.Serial)
		if err != nil {
			return nil, err
		}
		recalls, err := a.commRecalls(ctx, c, in.Serial)
		if err != nil {
			return nil, err
		}
		head := communicatorRow(row)
		head.Recalled = slices.ContainsFunc(recalls, func(r CommRecall) bool { return r.RecallState == "open" && (r.State == "check" || r.State == "open") })
		return &struct{ Body CommunicatorDetail }{CommunicatorDetail{
			CommunicatorRow: head, Recalls: recalls, Work: mapped(work, workOf),
			Pairings: mapped(served, func(p registry.Pairing) ServedPump {
				return ServedPump{Pump: id(p.Pump), Serial: p.PumpSerial, From: Time(p.From), To: maybeTime(p.To), Reason: p.Reason, EndReason: notZero(p.EndReason)}
			}),
		}}, nil
	})
	handle(a, op{
		id: "register-communicator", method: http.MethodPost, path: "/communicators", tag: "communicators", summary: "Put a communicator into stock", status: http.StatusCreated,
		describe: "One that enrolled before anybody registered it gets what is said here.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *newCommInput) (*commOutput, error) {
		site, err := parseID(string(in.Body.Site), "site")
		if err != nil {
			return nil, err
		}
		b := in.Body
		row, err := a.Registry.RegisterCommunicator(ctx, c.Actor, registry.NewCommunicator{Site: site, Serial: b.Serial, Model: b.Model, Firmware: b.Firmware, Lot: b.Lot, AssetNo: b.AssetNo})
		return a.commRow(ctx, c, row, err)
	})
	handle(a, op{
		id: "import-communicators", method: http.MethodPost, path: "/communicators/import", tag: "communicators", summary: "Put the communicators of a file into stock",
		describe: "The file is text/csv with the columns site, serial, model, firmware, lot and asset_no; serial and model are required. Good lines are kept, bad ones reported.",
		body:     maxImport, takes: []string{"text/csv"},
	}, func(ctx context.Context, c Caller, in *importInput) (*importOutput, error) {
		site, err := parseFilterID("site", in.Site)
		if err != nil {
			return nil, err
		}
		report, err := a.Registry.ImportCommunicators(ctx, c.Actor, bytes.NewReader(in.RawBody), registry.ImportOptions{DryRun: in.DryRun, Site: site})
		return &importOutput{importReport(report)}, err
	})
	handle(a, op{
		id: "move-communicator", method: http.MethodPost, path: "/communicators/{serial}/status", tag: "communicators", summary: "Report a communicator lost or found, revoke, restore or retire it",
		describe: "Losing or revoking one that serves a pump cuts the pump's link at once. The pump goes on infusing, unwatched.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *moveCommInput) (*commOutput, error) {
		row, err := a.Registry.MoveCommunicator(ctx, c.Actor, in.Serial, registry.CommAct(in.Body.Act), in.Body.Reason)
		return a.commRow(ctx, c, row, err)
	})
	handle(a, op{
		id: "reserve-communicator", method: http.MethodPost, path: "/communicators/{serial}/reserve", tag: "communicators", summary: "Keep a communicator in stock for a pump",
		describe: "No other pump can enrol with it.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *reserveInput) (*commOutput, error) {
		pump, err := parseID(string(in.Body.Pump), "pump")
		if err != nil {
			return nil, err
		}
		row, err := a.Registry.Reserve(ctx, c.Actor, in.Serial, pump, in.Body.Reason)
		return a.commRow(ctx, c, row, err)
	})
	handle(a, op{
		id: "release-communicator", method: http.MethodPost, path: "/communicators/{serial}/release", tag: "communicators", summary: "End a reservation",
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *releaseInput) (*commOutput, error) {
		row, err := a.Registry.Release(ctx, c.Actor, in.Serial, in.Body.Reason)
		return a.commRow(ctx, c, row, err)
	})
}

// mapped turns a list into another, never into null.
func mapped[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}
