package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
)

// NewPump is what it takes to register a pump.
type NewPump struct {
	Site    ID     `json:"site"`
	Serial  string `json:"serial,omitempty" maxLength:"64" doc:"May be left out if the UDI names it."`
	UDI     string `json:"udi,omitempty" maxLength:"256" doc:"As scanned: GS1 or HIBC."`
	Maker   string `json:"maker,omitempty" maxLength:"100"`
	Model   string `json:"model" maxLength:"100"`
	Profile string `json:"profile" maxLength:"100" doc:"Id of a device profile."`
	Label   string `json:"label,omitempty" maxLength:"100" doc:"What the site calls it."`
	AssetNo string `json:"asset_no,omitempty" maxLength:"100" doc:"Its number in the site's maintenance system."`
	Lot     string `json:"lot,omitempty" maxLength:"100"`
	Manual  bool   `json:"manual,omitempty" doc:"It has no link; people record what it does."`
}

// PumpBrief is a pump after an act.
type PumpBrief struct {
	ID     ID     `json:"id"`
	Site   ID     `json:"site"`
	Serial string `json:"serial"`
	Label  string `json:"label"`
	Status string `json:"status" enum:"registered,active,revoked,explanted,retired,manual"`
	Link   string `json:"link"`
}

func briefOf(p registry.Pump) PumpBrief {
	return PumpBrief{ID: id(p.ID), Site: id(p.Site), Serial: p.Serial, Label: p.Label, Status: string(p.Status), Link: p.Link}
}

type briefOutput struct{ Body PumpBrief }

// Slip is a claim slip: what a communicator enrols with, once.
type Slip struct {
	Code      string `json:"code"`
	Slip      string `json:"slip" doc:"The text of the QR code."`
	Root      string `json:"root_sha256" doc:"The only root that the pump will believe. Compare it with the ceremony card."`
	ExpiresAt Time   `json:"expires_at"`
}

type slipOutput struct{ Body Slip }

type claimInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Life int64 `json:"life_seconds,omitempty" minimum:"300" maximum:"604800" doc:"24 hours if left out."`
	}
}

type actInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Reason string `json:"reason" maxLength:"300"`
	}
}

type swapInput struct {
	ID   string `path:"id" maxLength:"32"`
	Body struct {
		Serial string `json:"serial" maxLength:"64" doc:"Of the new communicator."`
		Reason string `json:"reason" maxLength:"300"`
		Lost   bool   `json:"lost,omitempty" doc:"The old one is lost or stolen: its link ends now, not when the new one enrols."`
	}
}

// ImportReport says what became of a file.
type ImportReport struct {
	Created int         `json:"created" doc:"Things, or those that would be created."`
	Refused int         `json:"refused"`
	Rows    []ImportRow `json:"rows"`
}

// ImportRow says what became of a line.
type ImportRow struct {
	Line   int           `json:"line" doc:"In the file, from 1."`
	Serial string        `json:"serial"`
	Status string        `json:"status" enum:"created,ok,refused"`
	ID     Maybe[ID]     `json:"id"`
	Field  Maybe[string] `json:"field" doc:"The column that was wrong."`
	Error  Maybe[string] `json:"error"`
}

type importInput struct {
	DryRun  bool   `query:"dry_run" doc:"Check everything, change nothing."`
	Site    string `query:"site" maxLength:"32" doc:"For files without a column site."`
	RawBody []byte `contentType:"text/csv"`
}

type importOutput struct{ Body ImportReport }

type exportOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *API) lifecycle() {
	handle(a, op{
		id: "register-pump", method: http.MethodPost, path: "/pumps", tag: "pumps", summary: "Register a pump", status: http.StatusCreated,
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *struct{ Body NewPump }) (*briefOutput, error) {
		site, err := parseID(string(in.Body.Site), "site")
		if err != nil {
			return nil, err
		}
		b := in.Body
		p, err := a.Registry.RegisterPump(ctx, c.Actor, registry.NewPump{
			Site: site, Maker: b.Maker, Serial: b.Serial, Model: b.Model, Profile: b.Profile, Label: b.Label, UDI: b.UDI, Manual: b.Manual,
			Facts: registry.Facts{AssetNo: b.AssetNo, Lot: b.Lot},
		})
		return &briefOutput{Body: briefOf(p)}, err
	})
	handle(a, op{
		id: "import-pumps", method: http.MethodPost, path: "/pumps/import", tag: "pumps", summary: "Register the pumps of a file", repeatable: true,
		describe: "The file is text/csv as /pumps/export writes it. Good lines are kept, bad ones reported.", body: maxImport, takes: []string{"text/csv"},
	}, func(ctx context.Context, c Caller, in *importInput) (*importOutput, error) {
		site, err := parseFilterID("site", in.Site)
		if err != nil {
			return nil, err
		}
		report, err := a.Registry.ImportCSV(ctx, c.Actor, bytes.NewReader(in.RawBody), registry.ImportOptions{DryRun: in.DryRun, Site: site})
		return &importOutput{importReport(report)}, err
	})
	handle(a, op{
		id: "export-pumps", method: http.MethodGet, path: "/pumps/export", tag: "pumps", summary: "The pumps of one's sites as a file",
		describe: "text/csv, one line a pump, as /pumps/import reads it. Cells that a spreadsheet would run as formulas are guarded.",
	}, func(ctx context.Context, c Caller, _ *struct{}) (*exportOutput, error) {
		var file bytes.Buffer
		if err := a.Registry.ExportCSV(ctx, c.Scope(), &file); err != nil {
			return nil, err
		}
		name := "cisterna-pumps-" + a.Now().UTC().Format("20060102-150405") + ".csv"
		return &exportOutput{ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="` + name + `"`, Body: file.Bytes()}, nil
	})
	handle(a, op{
		id: "claim-pump", method: http.MethodPost, path: "/pumps/{id}/claim", tag: "pumps", summary: "Make a claim slip", repeatable: true,
		describe: "The slip lets a communicator enrol for the pump, once. It replaces an earlier one and is shown only now.", problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *claimInput) (*slipOutput, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		claim, err := a.Registry.CreateClaim(ctx, c.Actor, n, time.Duration(in.Body.Life)*time.Second)
		if err != nil {
			return nil, err
		}
		return a.slip(ctx, claim)
	})
	handle(a, op{
		id: "swap-communicator", method: http.MethodPost, path: "/pumps/{id}/communicator", tag: "pumps", summary: "Exchange the communicator", repeatable: true,
		describe: "Makes a claim slip with which the new communicator, and no other, enrols for the pump. The pump itself is not touched.",
		problems: []int{http.StatusConflict},
	}, func(ctx context.Context, c Caller, in *swapInput) (*slipOutput, error) {
		n, err := parseID(in.ID, "pump")
		if err != nil {
			return nil, err
		}
		claim, err := a.Registry.SwapCommunicator(ctx, c.Actor, registry.Swap{Pump: n, Serial: in.Body.Serial, Lost: in.Body.Lost, Reason: in.Body.Reason})
		if err != nil {
			return nil, err
		}
		return a.slip(ctx, claim)
	})
	type act = func(context.Context, auth.Actor, int64, string) (registry.Pump, error)
	for _, v := range []struct {
		verb, summary, describe string
		do                      act
	}{
		{"revoke", "Withdraw trust from a pump's link", "The connection is cut and the certificates are revoked. The pump goes on infusing, unwatched.", a.Registry.Revoke},
		{"reinstate", "Let a revoked pump enrol again", "It needs a new claim slip. Nothing of what was revoked comes back.", a.Registry.Reinstate},
		{"retire", "Take a pump out of service", "For good.", a.Registry.Retire},
	} {
		handle(a, op{
			id: v.verb + "-pump", method: http.MethodPost, path: "/pumps/{id}/" + v.verb, tag: "pumps", summary: v.summary, describe: v.describe,
			problems: []int{http.StatusConflict},
		}, func(ctx context.Context, c Caller, in *actInput) (*briefOutput, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			p, err := v.do(ctx, c.Actor, n, in.Body.Reason)
			return &briefOutput{Body: briefOf(p)}, err
		}, func(ctx context.Context, c Caller, in *actInput) (*briefOutput, error) {
			n, err := parseID(in.ID, "pump")
			if err != nil {
				return nil, err
			}
			p, err := a.Registry.Pump(ctx, c.Scope(), n)
			return &briefOutput{Body: briefOf(p)}, err
		})
	}
}

func importReport(r registry.ImportReport) ImportReport {
	return ImportReport{Created: r.Created, Refused: r.Refused, Rows: mapped(r.Rows, func(r registry.ImportRow) ImportRow {
		return ImportRow{Line: r.Line, Serial: r.Serial, Status: r.Status, ID: maybeID(r.ID), Field: notZero(r.Field), Error: notZero(r.Error)}
	})}
}

// slip writes a claim as the slip that is printed.
func (a *API) slip(ctx context.Context, c registry.Claim) (*slipOutput, error) {
	root, err := a.Registry.Root(ctx)
	if err != nil {
		return nil, err
	}
	s := wire.Slip{Server: a.Enrol, Code: c.Code, Root: sha256.Sum256(root)}
	return &slipOutput{Body: Slip{Code: c.Code, Slip: s.String(), Root: hex.EncodeToString(s.Root[:]), ExpiresAt: Time(c.ExpiresAt)}}, nil
}
