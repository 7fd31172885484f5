package overview

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
	take := func(a Asset, with ...string) {
		if since == 0 || touched.any(a.Site, append(with, a.ID)...) {
			a.NextDue, a.OpenRecall = due[a.ID], recalled[a.ID]
			page.Items = append(page.Items, a)
		}
	}
	for _, p := range pumps {
		take(Asset{
			ID: fmt.Sprintf("pump:%d", p.ID), Kind: "pump", Site: p.Site, AssetNo: p.AssetNo, Maker: p.Maker, Model: p.Model, Serial: p.Serial, UDI: p.UDI, Lot: p.Lot,
			Label: p.Label, Status: string(p.Status), Since: p.StatusSince, MadeOn: p.MadeOn, UseBy: p.UseBy, ImplantedOn: p.ImplantedOn, WarrantyUntil: p.WarrantyUntil,
			AlarmTestOn: p.AlarmTestOn,
		})
	}
	for _, c := range comms {
		take(Asset{
			ID: "communicator:" + c.Serial, Kind: "communicator", Site: c.Site, AssetNo: c.AssetNo, Model: c.Model, Serial: c.Serial, Lot: c.Lot, Status: string(c.Status), Since: c.StatusSince,
		}, moved(c.Pump))
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
		with := map[string]string{} // communicators go with their pumps
		comms, err := s.Registry.Communicators(ctx, scope)
		if err != nil {
			return Page[maintenance.Work]{}, err
		}
		for _, c := range comms {
			with[c.Serial] = moved(c.Pump)
		}
		all = slices.DeleteFunc(all, func(w maintenance.Work) bool {
			keys := []string{fmt.Sprintf("work:%d", w.ID), moved(w.Pump)}
			if w.Link != "" {
				keys = append(keys, with[w.Link], paired(w.Link))
			}
			return !touched.any(0, keys...)
		})
	}
	return Page[maintenance.Work]{Items: all, Next: next}, nil
}

// touched is what the record says was changed: objects as it names them, and keys
// of what changes with others.
type touched map[string]bool

// moved is the key of what goes with a pump to another site, paired of what comes
// to the site of a pump with a communicator that enrols.
func moved(pump int64) string     { return fmt.Sprintf("moved:pump:%d", pump) }
func paired(serial string) string { return "paired:communicator:" + serial }

// any reports whether one of the objects was changed, or the site that it is at,
// by whose name it is exported.
func (t touched) any(site int64, objects ...string) bool {
	return t[fmt.Sprintf("site:%d", site)] || slices.ContainsFunc(objects, func(o string) bool { return t[o] })
}

// touched returns what the record says was changed since a place in it, and the
// place to go on from.
func (s *Service) touched(ctx context.Context, scope auth.Scope, since int64) (next int64, objects touched, err error) {
	if next, err = audit.Size(ctx, s.DB); err != nil {
		return 0, nil, err
	}
	if since < 0 || since > next {
		return 0, nil, errs.InvalidField("since", "since is not the next of an earlier export of this server. Begin again without it.")
	}
	objects = touched{}
	if since == 0 {
		return next, objects, nil
	}
	err = audit.Range(ctx, s.DB, audit.Filter{AllSites: scope.All, Sites: scope.Sites}, since, next, func(r audit.Row) error {
		objects.note(r)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	// What ends a recall concerns no site, and every device on its list.
	var recalls []string
	err = audit.Range(ctx, s.DB, audit.Filter{AllSites: true, Kind: "recall."}, since, next, func(r audit.Row) error {
		if r.Pump == 0 && r.Device == "" {
			recalls = append(recalls, r.Object)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	listed, err := s.listed(ctx, recalls)
	maps.Copy(objects, listed)
	return next, objects, err
}

func (t touched) note(r audit.Row) {
	t[r.Object] = true
	area, _, _ := strings.Cut(r.Kind, ".")
	if r.Pump != 0 && slices.Contains([]string{"pump", "recall", "maintenance", "patient", "communicator"}, area) {
		t[fmt.Sprintf("pump:%d", r.Pump)] = true
	}
	if r.Device != "" && area != "alarm" && area != "link" {
		t["communicator:"+r.Device] = true
	}
	switch r.Kind {
	case "pump.transfer":
		t[moved(r.Pump)] = true
	case "pump.enrol":
		t[paired(r.Device)] = true
		var was struct {
			Link string `json:"old_link"` // goes into stock
		}
		if json.Unmarshal(r.Payload, &was) == nil && was.Link != "" {
			t["communicator:"+was.Link] = true
		}
	}
}
