package web

import (
	"context"
	"errors"
	"fmt"
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
	disk, base := Disk{Name: "keys", Holds: "the keys", Full: "The record is no longer sealed", Free: 50 << 30, Total: 100 << 30}, Database{Server: 150018, Schema: 12, Newest: 12, Size: 1 << 20, Connections: 3, Most: 24, Durable: true}
	var fails error
	f := newFixture(t, func(o *Options) {
		now := o.Now
		o.System = System{
			Version: "v1", Started: now().Add(-time.Hour), Disks: func() []Disk {
				d := disk
				d.Err = fails
				return []Disk{d}
			},
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
		"all well":              {func() {}, "disks", "ok", "keys", ""},
		"a share of the disk":   {func() { disk.Free = 9 << 30 }, "disks", "degraded", "keys", "Make room. The record is no longer sealed when it is full."},
		"little on a small one": {func() { disk.Free, disk.Total = 1<<30, 4<<30 }, "disks", "degraded", "keys", "Make room. The"},
		"hardly any":            {func() { disk.Free = 2 << 30 }, "disks", "degraded", "keys", "Make room now."},
		"a disk of no size":     {func() { disk.Free, disk.Total = 0, 0 }, "disks", "degraded", "keys", "Make room now."},
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
	for _, name := range []string{"disks", "database"} {
		part, _ := statusOf(f, name)
		if part["state"] == "ok" || strings.Contains(fmt.Sprint(part), "secret") {
			t.Errorf("%s that cannot be asked: %v", name, part)
		}
	}
}

// The page says in words how much there is, and of a database whose disk it cannot
// see, that it cannot.
func TestStatusSaysWhoseDiskItSees(t *testing.T) {
	var disks []Disk
	base := Database{Size: 7_654_321_000}
	var fails error
	f := newFixture(t, func(o *Options) {
		o.System = System{Disks: func() []Disk { return disks }, Base: func(context.Context) (Database, error) { return base, fails }}
	})
	keys := Disk{Name: "keys", Holds: "the keys", Full: "x", Free: 50_000_000_000, Total: 100_000_000_000}
	for name, c := range map[string]struct {
		disks []Disk
		here  bool
		fails error
		line  string
		want  string
	}{
		"ok":                     {[]Disk{keys}, false, nil, "keys", "50000000000 bytes 50 % of 100.0 GB: ok"},
		"low":                    {[]Disk{{Name: "log", Holds: "the log", Full: "x", Free: 9_900_000_000, Total: 100_000_000_000}}, false, nil, "log", "9900000000 bytes 9 % of 100.0 GB: low"},
		"critical":               {[]Disk{{Name: "log", Holds: "the log", Full: "x", Free: 500_000_000, Total: 3_950_000_000}}, false, nil, "log", "500000000 bytes 12 % of 3.9 GB: critical"},
		"a database far away":    {[]Disk{keys}, false, nil, "database", "7654321000 bytes what is free on its disk is not visible from here: watch it where PostgreSQL runs"},
		"one on this machine":    {[]Disk{keys}, true, nil, "database", "7654321000 bytes what is free on its disk is not known here: name the folder of its data with --database-disk, and it is watched"},
		"one that does not tell": {[]Disk{keys}, false, errors.New("gone"), "database", "<nil>  what is free on its disk is not visible from here: watch it where PostgreSQL runs"},
		"one that is watched":    {[]Disk{{Name: "database", Holds: "the database", Full: "x", Free: 5 << 40, Total: 10 << 40}}, true, nil, "database", "5497558138880 bytes 50 % of 10995.1 GB: ok"},
	} {
		disks, base.Here, fails = c.disks, c.here, c.fails
		part, lines := statusOf(f, "disks")
		l := lines[c.line]
		var value any = "<nil>"
		if v, ok := l["value"].(float64); ok {
			value = int64(v)
		}
		f.want(name, line(value, l["unit"], l["text"]), c.want)
		f.want(name+": the part", part["state"], map[bool]string{true: "degraded", false: "ok"}[name == "low" || name == "critical"])
	}
	disks, base.Here, fails = []Disk{{Name: "data", Holds: "everything", Full: "x", Free: 5 << 40, Total: 10 << 40}}, true, nil
	if _, lines := statusOf(f, "disks"); len(lines) != 1 {
		t.Errorf("where everything is on one disk, the page shows %v", lines)
	}
}
