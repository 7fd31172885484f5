package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// statusOf reads a part of GET /status.
func statusOf(f *fixture, name string) (part map[string]any, lines map[string]map[string]any) {
	f.Helper()
	lines = map[string]map[string]any{}
	for _, p := range f.signIn("engineer").do("GET", "/api/v1/status", nil).json()["parts"].([]any) {
		if part = p.(map[string]any); part["name"] != name {
			continue
		}
		for _, l := range part["lines"].([]any) {
			line := l.(map[string]any)
			lines[line["name"].(string)] = line
		}
		return part, lines
	}
	f.Fatalf("the status has no part %s", name)
	return nil, nil
}

func TestStatusSaysWhatEnds(t *testing.T) {
	now := time.Now()
	f := newFixture(t, func(o *Options) {
		o.System.Ends = func() []Ends {
			return []Ends{
				{Name: "far", Title: "Far", At: now.Add(90 * 24 * time.Hour), Warn: 30 * 24 * time.Hour, Do: "Renew it."},
				{Name: "near", Title: "Near", At: now.Add(20 * 24 * time.Hour), Warn: 30 * 24 * time.Hour, Do: "Renew it."},
			}
		}
	})
	part, lines := statusOf(f, "trust")
	f.want("a part is as bad as its worst line", part["state"], "degraded")
	f.want("far", line(lines["far"]["state"], lines["far"]["detail"]), "ok ")
	f.want("near", line(lines["near"]["state"], lines["near"]["detail"]), "degraded Renew it.")
	f.later(21 * 24 * time.Hour)
	_, lines = statusOf(f, "trust")
	f.want("over", line(lines["near"]["state"], lines["near"]["detail"]), "down It has ended. Renew it.")
}

func TestStatusOfMachineAndDatabase(t *testing.T) {
	disk, base := Disk{Free: 50 << 30, Total: 100 << 30}, Database{Server: 150018, Schema: 12, Newest: 12, Size: 1 << 20, Connections: 3, Most: 24, Durable: true}
	var fails error
	f := newFixture(t, func(o *Options) {
		now := o.Now
		o.System = System{
			Version: "v1", Started: now().Add(-time.Hour), Disk: func() (Disk, error) { return disk, fails },
			Base: func(context.Context) (Database, error) {
				b := base
				b.Now = b.Now.Add(now().Sub(time.Time{}))
				return b, fails
			},
			Outbox: func() (int, time.Time) { return 2, now().Add(-time.Minute) },
		}
	})
	for name, c := range map[string]struct {
		change             func()
		part, state, field string
		says               string
	}{
		"all well":              {func() {}, "server", "ok", "disk_free", ""},
		"a share of the disk":   {func() { disk = Disk{9 << 30, 100 << 30} }, "server", "degraded", "disk_free", "Make room"},
		"little on a small one": {func() { disk = Disk{1 << 30, 4 << 30} }, "server", "degraded", "disk_free", "Make room"},
		"a schema behind":       {func() { base.Schema = 11 }, "database", "down", "schema", "cisterna migrate"},
		"a schema ahead":        {func() { base.Schema = 13 }, "database", "degraded", "schema", "another server is newer"},
		"not durable":           {func() { base.Durable = false }, "database", "degraded", "durable", "power cut"},
		"clocks apart":          {func() { base.Now = base.Now.Add(3 * time.Second) }, "database", "degraded", "clock", "one source of time"},
		"waiting documents":     {func() {}, "outbox", "ok", "oldest", ""},
	} {
		t.Run(name, func(t *testing.T) {
			wasDisk, wasBase := disk, base
			defer func() { disk, base = wasDisk, wasBase }()
			c.change()
			part, lines := statusOf(f, c.part)
			l, ok := lines[c.field]
			if !ok || part["state"] != c.state || l["state"] != c.state || !strings.Contains(l["detail"].(string), c.says) {
				t.Errorf("part %v, line %v", part["state"], l)
			}
		})
	}
	fails = errors.New("cannot ask /var/lib/secret")
	for _, name := range []string{"server", "database"} {
		part, _ := statusOf(f, name)
		if part["state"] == "ok" || strings.Contains(part["detail"].(string), "secret") {
			t.Errorf("%s that cannot be asked: %v", name, part)
		}
	}
}
