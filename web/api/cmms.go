package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"cisterna/fleet/maintenance"
	"cisterna/fleet/overview"
	"cisterna/internal/errs"
)

// Asset is a pump or a communicator for a maintenance system. asset_id is stable
// for life; asset_no is the number that the maintenance system gave it.
type Asset struct {
	AssetID       string `json:"asset_id" doc:"pump:12 or communicator:SERIAL."`
	AssetNo       string `json:"asset_no"`
	Kind          string `json:"kind" enum:"pump,communicator"`
	Site          string `json:"site" doc:"Short name."`
	Maker         string `json:"maker"`
	Model         string `json:"model"`
	Serial        string `json:"serial"`
	UDI           string `json:"udi"`
	Lot           string `json:"lot"`
	Label         string `json:"label"`
	Status        string `json:"status"`
	StatusSince   Time   `json:"status_since"`
	MadeOn        string `json:"made_on"`
	UseBy         string `json:"use_by"`
	ImplantedOn   string `json:"implanted_on"`
	WarrantyUntil string `json:"warranty_until"`
	LastAlarmTest string `json:"last_alarm_test"`
	NextDue       string `json:"next_due" doc:"Of its planned work."`
	OpenRecall    bool   `json:"open_recall"`
}

// AssetWork is maintenance work for a maintenance system.
type AssetWork struct {
	WorkID    string    `json:"work_id" doc:"work:7, stable for life."`
	AssetID   string    `json:"asset_id"`
	Kind      string    `json:"kind"`
	State     string    `json:"state" enum:"planned,done,dropped"`
	Text      string    `json:"text"`
	DueOn     string    `json:"due_on"`
	DoneOn    string    `json:"done_on"`
	Result    string    `json:"result"`
	CreatedAt Time      `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	EndedAt   MaybeTime `json:"ended_at"`
	EndedBy   string    `json:"ended_by"`
}

// Changes is one answer to a maintenance system.
type Changes[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"Hand it in as since for what changes from now on. Nothing is missed; what changed meanwhile may come twice."`
}

type sinceInput struct {
	Since string `query:"since" maxLength:"20" doc:"The next of an earlier answer; everything if left out."`
}

func (in *sinceInput) parse() (int64, error) {
	if in.Since == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(in.Since, 10, 64)
	if err != nil || n < 0 {
		return 0, errs.InvalidField("query.since", "since is not the next of an earlier answer.")
	}
	return n, nil
}

// changesFile is a file that says where to go on.
type changesFile struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte

	Next string `header:"Cisterna-Next" doc:"Hand it in as since."`
}

func (a *API) cmms() {
	const told = "For a maintenance system: with since, only what the record says was changed since then."
	handle(a, op{id: "cmms-assets", method: http.MethodGet, path: "/cmms/assets", tag: "maintenance", summary: "Pumps and communicators as assets", describe: told},
		func(ctx context.Context, c Caller, in *sinceInput) (*struct{ Body Changes[Asset] }, error) {
			list, next, err := a.assets(ctx, c, in)
			return &struct{ Body Changes[Asset] }{Changes[Asset]{list, next}}, err
		})
	handle(a, op{id: "cmms-assets-file", method: http.MethodGet, path: "/cmms/assets.csv", tag: "maintenance", summary: "The same as a file", describe: told + " The header Cisterna-Next says where to go on."},
		func(ctx context.Context, c Caller, in *sinceInput) (*changesFile, error) {
			list, next, err := a.assets(ctx, c, in)
			if err != nil {
				return nil, err
			}
			lines := [][]string{{
				"asset_id", "asset_no", "kind", "site", "maker", "model", "serial", "udi", "lot", "label", "status", "status_since", "made_on", "use_by", "implanted_on", "warranty_until",
				"last_alarm_test", "next_due", "open_recall",
			}}
			for _, x := range list {
				lines = append(lines, []string{
					x.AssetID, x.AssetNo, x.Kind, x.Site, x.Maker, x.Model, x.Serial, x.UDI, x.Lot, x.Label, x.Status, instant(x.StatusSince), x.MadeOn, x.UseBy, x.ImplantedOn,
					x.WarrantyUntil, x.LastAlarmTest, x.NextDue, strconv.FormatBool(x.OpenRecall),
				})
			}
			file, err := a.csvFile("cisterna-assets", lines)
			if err != nil {
				return nil, err
			}
			return &changesFile{file.ContentType, file.Disposition, file.Body, next}, nil
		})
	handle(a, op{id: "cmms-work", method: http.MethodGet, path: "/cmms/work", tag: "maintenance", summary: "Maintenance work, planned and done", describe: told},
		func(ctx context.Context, c Caller, in *sinceInput) (*struct{ Body Changes[AssetWork] }, error) {
			list, next, err := a.assetWork(ctx, c, in)
			return &struct{ Body Changes[AssetWork] }{Changes[AssetWork]{list, next}}, err
		})
	handle(a, op{id: "cmms-work-file", method: http.MethodGet, path: "/cmms/work.csv", tag: "maintenance", summary: "The same as a file", describe: told + " The header Cisterna-Next says where to go on."},
		func(ctx context.Context, c Caller, in *sinceInput) (*changesFile, error) {
			list, next, err := a.assetWork(ctx, c, in)
			if err != nil {
				return nil, err
			}
			lines := [][]string{{"work_id", "asset_id", "kind", "state", "text", "due_on", "done_on", "result", "created_at", "created_by", "ended_at", "ended_by"}}
			for _, w := range list {
				ended := ""
				if w.EndedAt.V != nil {
					ended = instant(*w.EndedAt.V)
				}
				lines = append(lines, []string{w.WorkID, w.AssetID, w.Kind, w.State, w.Text, w.DueOn, w.DoneOn, w.Result, instant(w.CreatedAt), w.CreatedBy, ended, w.EndedBy})
			}
			file, err := a.csvFile("cisterna-work", lines)
			if err != nil {
				return nil, err
			}
			return &changesFile{file.ContentType, file.Disposition, file.Body, next}, nil
		})
}

// instant writes a time as files have it.
func instant(t Time) string { return time.Time(t).UTC().Format(time.RFC3339) }

func (a *API) assets(ctx context.Context, c Caller, in *sinceInput) ([]Asset, string, error) {
	since, err := in.parse()
	if err != nil {
		return nil, "", err
	}
	page, err := a.Overview.Assets(ctx, c.Scope(), since)
	if err != nil {
		return nil, "", err
	}
	sites, err := a.Registry.Sites(ctx, c.Scope())
	if err != nil {
		return nil, "", err
	}
	short := map[int64]string{}
	for _, s := range sites {
		short[s.ID] = s.Short
	}
	return mapped(page.Items, func(x overview.Asset) Asset {
		return Asset{
			AssetID: x.ID, AssetNo: x.AssetNo, Kind: x.Kind, Site: short[x.Site], Maker: x.Maker, Model: x.Model, Serial: x.Serial, UDI: x.UDI, Lot: x.Lot, Label: x.Label,
			Status: x.Status, StatusSince: Time(x.Since), MadeOn: string(x.MadeOn), UseBy: string(x.UseBy), ImplantedOn: string(x.ImplantedOn), WarrantyUntil: string(x.WarrantyUntil),
			LastAlarmTest: string(x.AlarmTestOn), NextDue: string(x.NextDue), OpenRecall: x.OpenRecall,
		}
	}), strconv.FormatInt(page.Next, 10), nil
}

func (a *API) assetWork(ctx context.Context, c Caller, in *sinceInput) ([]AssetWork, string, error) {
	since, err := in.parse()
	if err != nil {
		return nil, "", err
	}
	page, err := a.Overview.Work(ctx, c.Scope(), since)
	if err != nil {
		return nil, "", err
	}
	return mapped(page.Items, func(w maintenance.Work) AssetWork {
		asset := "communicator:" + w.Link
		if w.Pump != 0 {
			asset = "pump:" + strconv.FormatInt(w.Pump, 10)
		}
		return AssetWork{
			WorkID: "work:" + strconv.FormatInt(w.ID, 10), AssetID: asset, Kind: string(w.Kind), State: string(w.State), Text: w.Text, DueOn: string(w.DueOn), DoneOn: string(w.DoneOn),
			Result: w.Result, CreatedAt: Time(w.CreatedAt), CreatedBy: w.CreatedName, EndedAt: maybeTime(w.EndedAt), EndedBy: w.EndedName,
		}
	}), strconv.FormatInt(page.Next, 10), nil
}
