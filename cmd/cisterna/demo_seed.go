package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"cisterna/device/emulator"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// seedDemo brings database and emulator to the state of the cast. Every step
// looks first, so that an interrupted first start goes on where it ended.
func seedDemo(ctx context.Context, a *App, fleet *emulator.Fleet, pumps []demoPump, days int, signers string, say func(string)) error {
	sites, err := seedSites(ctx, a)
	if err != nil {
		return fmt.Errorf("demo sites: %w", err)
	}
	if err := seedPeople(ctx, a, sites); err != nil {
		return fmt.Errorf("demo people: %w", err)
	}
	if err := demoSigners(ctx, a, signers); err != nil {
		return fmt.Errorf("demo signing keys: %w", err)
	}
	known := map[string]registry.Pump{}
	all, err := a.Registry.Pumps(ctx, auth.Scope{All: true})
	if err != nil {
		return err
	}
	for _, p := range all {
		known[p.Serial] = p
	}
	said := sync.OnceFunc(func() { say(fmt.Sprintf("enrolling %d pumps and writing %d days of their past", len(pumps), days)) })
	// A handful at a time: enrolment is bounded per address, and the pump model
	// that writes the past keeps a processor busy. The first failure ends it.
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var group sync.WaitGroup
	slots := make(chan struct{}, 3)
	for i, p := range pumps {
		reg, ok := known[p.serial]
		if _, enrolled := fleet.Device(p.serial); ok && (enrolled || p.manual) {
			continue
		}
		said()
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			if err := seedPump(ctx, a, fleet, p, reg, sites[p.site], i, days); err != nil {
				fail(fmt.Errorf("demo pump %s: %w", p.serial, err))
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return seedDevices(ctx, a, sites)
}

func seedSites(ctx context.Context, a *App) (map[string]registry.Site, error) {
	out := map[string]registry.Site{}
	have, err := a.Registry.Sites(ctx, auth.Scope{All: true})
	if err != nil {
		return nil, err
	}
	for _, s := range have {
		out[s.Short] = s
	}
	for _, s := range demoSites {
		if _, ok := out[s.short]; ok {
			continue
		}
		site, err := a.Registry.CreateSite(ctx, auth.System("demo"), registry.NewSite{Name: s.name, Short: s.short, TimeZone: s.zone})
		if err != nil {
			return nil, err
		}
		out[s.short] = site
	}
	return out, nil
}

func seedPeople(ctx context.Context, a *App, sites map[string]registry.Site) error {
	for _, p := range demoPeople {
		account, err := a.People.AccountByLogin(ctx, p.Login)
		if errs.KindOf(err) == errs.NotFound {
			account, err = a.People.CreateUser(ctx, auth.System("demo"), auth.NewUser{Login: p.Login, Name: p.Name, Password: p.Password})
		}
		if err != nil {
			return err
		}
		held, err := a.Registry.Roles(ctx, account.ID)
		if err != nil {
			return err
		}
		for short, roles := range p.Roles {
			for _, r := range roles {
				if containsRole(held[sites[short].ID], r) {
					continue
				}
				if err := a.Registry.AddMembership(ctx, auth.System("demo"), account.ID, sites[short].ID, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func containsRole(held []auth.Role, r auth.Role) bool {
	for _, h := range held {
		if h == r {
			return true
		}
	}
	return false
}

// seedPump registers one pump, enrols its emulator by a claim slip like any
// other pump, and lets it live through its past.
func seedPump(ctx context.Context, a *App, fleet *emulator.Fleet, p demoPump, reg registry.Pump, site registry.Site, i, days int) error {
	actor := auth.System("demo")
	if reg.ID == 0 {
		var err error
		reg, err = a.Registry.RegisterPump(ctx, actor, registry.NewPump{
			Site: site.ID, Maker: strings.Fields(p.profile.Name)[0], Serial: p.serial, Model: p.profile.Name, Profile: p.profile.ID, Label: p.label, Manual: p.manual,
			Facts: registry.Facts{CatheterMM: 760 + 20*int64(i%10)}, // as trimmed at the implant: bridges and priming are computed from it
		})
		if err != nil {
			return err
		}
	}
	if p.manual {
		return nil
	}
	claim, err := demoClaim(ctx, a, reg)
	if err != nil {
		return err
	}
	slip := wire.Slip{Server: a.o.PublicEnrol, Code: claim.Code, Root: a.o.Keys.trust.RootHash()}
	patient, err := demoPatient(ctx, a, reg, i)
	if err != nil {
		return err
	}
	zone := 0
	if loc, err := time.LoadLocation(site.TimeZone); err == nil {
		_, zone = time.Now().In(loc).Zone()
	}
	device, err := fleet.Enrol(ctx, slip, emulator.Blueprint{
		Serial: p.serial, Model: p.profile.Name, Alg: p.alg, Seed: seedOf(p.serial), Zone: int32(zone), Patient: patient,
	})
	if err != nil {
		return err
	}
	// The newest pumps have been in for a shorter time.
	if past := days - i%3; past >= 1 {
		return device.SeedHistory(past)
	}
	return nil
}

// demoClaim makes the code that a pump enrols with. A start that was killed
// between the server's commit and the pump's own left a communicator that knows
// nothing of its enrolment: it is exchanged for itself, as after a reset.
func demoClaim(ctx context.Context, a *App, reg registry.Pump) (registry.Claim, error) {
	actor := auth.System("demo")
	if reg.Link == "" {
		return a.Registry.CreateClaim(ctx, actor, reg.ID, time.Hour)
	}
	return a.Registry.SwapCommunicator(ctx, actor, registry.Swap{Pump: reg.ID, Serial: reg.Link, Reason: "the demo was stopped while the pump enrolled"})
}

// seedOf makes a pump the same person's in every demo.
func seedOf(serial string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("demo " + serial))
	return h.Sum64()
}
