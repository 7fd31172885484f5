package main

import (
	"context"
	"runtime/debug"
	"time"

	"cisterna/internal/postgres"
	"cisterna/migrations"
	"cisterna/web"
)

// system tells the status page what the server runs on, and until when keys and
// certificates are good.
func (a *App) system() web.System {
	y := web.System{Version: programVersion(), Started: a.born, Leads: a.open.Load, Base: a.base, Outbox: a.Outbox.Open, Ends: a.ends}
	if len(a.o.Disks) > 0 {
		y.Disks = func() []web.Disk { return disksOf(a.o.Disks) }
	}
	return y
}

func (a *App) base(ctx context.Context) (web.Database, error) {
	i, err := postgres.Inspect(ctx, a.DB)
	if err != nil {
		return web.Database{}, err
	}
	applied, newest, err := postgres.Schema(ctx, a.DB, migrations.FS)
	pool := a.DB.Stats()
	return web.Database{
		Server: i.Version, Schema: applied, Newest: newest, Size: i.Size, Here: i.Here, Connections: pool.OpenConnections, Most: pool.MaxOpenConnections, Durable: i.Durable, Now: i.Now,
	}, err
}

const day = 24 * time.Hour

// ends lists what is good until a day, and when people should begin to act: what
// needs a ceremony long before, what renews itself only if it did not.
func (a *App) ends() []web.Ends {
	root, k := a.o.Keys.trust.Root, a.Keysets.Current()
	all := []web.Ends{
		{Name: "root", Title: "Root document", At: time.Unix(root.Expires, 0), Warn: 180 * day, Do: "Hold a new ceremony (cisterna keys create), and bring the new root to every pump before that day, by hand: this server sends none."},
		{Name: "keyset", Title: "Keyset of the pumps", At: time.Unix(k.Keyset.Expires, 0), Warn: 21 * day, Do: "Draft and sign a new keyset: after that day pumps take a stop, a clock order and a resume, and nothing else."},
		{Name: "authority", Title: "Authority of the links", At: a.o.Keys.authority.Certificate().NotAfter, Warn: 180 * day, Do: "Hold a new ceremony: certificates of links cannot outlast their authority."},
	}
	if c, err := a.link(nil); err == nil {
		all = append(all, web.Ends{Name: "endpoint", Title: "Certificate of the endpoint", At: c.Leaf.NotAfter, Warn: 14 * day, Do: "It should have been renewed by itself: look at the server's log, and restart the server."})
	}
	if a.page != nil {
		if c, err := a.page(nil); err == nil && c.Leaf != nil {
			all = append(all, web.Ends{Name: "console", Title: "Certificate of the console", At: c.Leaf.NotAfter, Warn: 21 * day, Do: "Put a new one in the place of the old; the server reads it by itself."})
		}
	}
	return all
}

// programVersion names the program: its version, else the commit that it was
// built from.
func programVersion() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "not known"
	}
	if v := b.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "built from " + s.Value[:12]
		}
	}
	return "built from source"
}
