package overview

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cisterna/fleet/maintenance"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Asset is a pump or a communicator as a maintenance system keeps it.
type Asset struct {
	ID      string // "pump:12" or "communicator:COMM-1", stable for life
	Kind    string // pump or communicator
	Site    int64
	AssetNo string
	Maker   string
	Model   string
	Serial  string
	UDI     string
	Lot     string
	Label   string
	Status  string
	Since   time.Time // of the status

	MadeOn, UseBy, ImplantedOn, WarrantyUntil, AlarmTestOn registry.Date

	NextDue    registry.Date // of its planned work, "" if there is none
	OpenRecall bool          // it is on the list of an open recall, and not done
}

// Page of an export: what changed since a place in the record, and where to go on
// from. Nothing that was committed is missed; what changed during the export may
// come again.
type Page[T any] struct {
	Items []T
	Next  int64
}

// Assets returns the assets of the sites in scope; with since, only those that
// something was recorded of since then. Errors: Invalid if since is no place in
// the record.
func (s *Service) Assets(ctx context.Context, scope auth.Scope, since int64) (Page[Asset], error) {
	next, touched, err := s.touched(ctx, scope, since)
	if err != nil {
		return Page[Asset]{}, err
	}
	pumps, err := s.Registry.Pumps(ctx, scope)
	if err != nil {
		return Page[Asset]{}, err
	}
	comms, err := s.Registry.Communicators(ctx, scope)
	if err != nil {
		return Page[Asset]{}, err
	}
	due, err := s.nextDue(ctx)
	if err != nil {
		return Page[Asset]{}, err
	}
	recalled, err := s.recalled(ctx)
	if err != nil {
		return Page[Asset]{}, err
	}
	page := Page[Asset]{Items: []Asset{}, Next: next}
	take := func(a Asset) {
		if since == 0 || touched[a.ID] {
			a.NextDue = due[a.ID]
			page.Items = append(page.Items, a)
		}
	}
	for _, p := range pumps {
		take(Asset{
			ID: fmt.Sprintf("pump:%d", p.ID), Kind: "pump", Site: p.Site, AssetNo: p.AssetNo, Maker: p.Maker, Model: p.Model, Serial: p.Serial, UDI: p.UDI, Lot: p.Lot,
			Label: p.Label, Status: string(p.Status), Since: p.StatusSince, MadeOn: p.MadeOn, UseBy: p.UseBy, ImplantedOn: p.ImplantedOn, WarrantyUntil: p.WarrantyUntil,
			AlarmTestOn: p.AlarmTestOn, OpenRecall: recalled[p.ID],
		})
	}
	for _, c := range comms {
		take(Asset{
			ID: "communicator:" + c.Serial, Kind: "communicator", Site: c.Site, AssetNo: c.AssetNo, Model: c.Model, Serial: c.Serial, Lot: c.Lot, Status: string(c.Status), Since: c.StatusSince,
		})
	}
	return page, nil
}

// Work returns the maintenance work of the sites in scope by id; with since, only
// what was written or ended since then.
func (s *Service) Work(ctx context.Context, scope auth.Scope, since int64) (Page[maintenance.Work], error) {
	next, touched, err := s.touched(ctx, scope, since)
	if err != nil {
		return Page[maintenance.Work]{}, err
	}
	all, err := s.Maintenance.All(ctx, scope)
	if err != nil {
		return Page[maintenance.Work]{}, err
	}
	if since > 0 {
		all = slices.DeleteFunc(all, func(w maintenance.Work) bool { return !touched[fmt.Sprintf("work:%d", w.ID)] })
	}
	return Page[maintenance.Work]{Items: all, Next: next}, nil
}

// touched returns what the record says was changed since a place in it, by
// object, and the place to go on from.
func (s *Service) touched(ctx context.Context, scope auth.Scope, since int64) (next int64, objects map[string]bool, err error) {
	if next, err = audit.Size(ctx, s.DB); err != nil {
		return 0, nil, err
	}
	if since < 0 || since > next {
		return 0, nil, errs.InvalidField("since", "since is not the next of an earlier export of this server. Begin again without it.")
	}
	objects = map[string]bool{}
	if since == 0 {
		return next, objects, nil
	}
	err = audit.Range(ctx, s.DB, audit.Filter{AllSites: scope.All, Sites: scope.Sites}, since, next, func(r audit.Row) error {
		objects[r.Object] = true
		area, _, _ := strings.Cut(r.Kind, ".")
		if r.Pump != 0 && slices.Contains([]string{"pump", "recall", "maintenance", "patient", "communicator"}, area) {
			objects[fmt.Sprintf("pump:%d", r.Pump)] = true
		}
		if r.Device != "" && area != "alarm" && area != "link" {
			objects["communicator:"+r.Device] = true
		}
		return nil
	})
	return next, objects, err
}
