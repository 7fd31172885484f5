package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"cisterna/device/emulator"
	"cisterna/internal/pgserver"
	"cisterna/internal/postgres"
	"cisterna/migrations"
)

// DemoCmd starts a whole hospital on one machine.
type DemoCmd struct {
	Data    string `help:"Folder of the demo's data." default:"${demo_data}" env:"CISTERNA_DEMO_DATA"`
	HTTP    string `help:"Address of the console." default:"localhost:8600"`
	MQTT    string `help:"Address of the endpoint that pumps connect to." default:"127.0.0.1:8883"`
	Enrol   string `help:"Address where pumps enrol." default:"127.0.0.1:8884"`
	Control string `help:"Address of the emulator's control API; empty for none." default:"127.0.0.1:8610"`
	Pumps   int    `help:"How many pumps." default:"50"`
	Days    int    `help:"Days of past that a new pump brings." default:"7"`
	Quiet   bool   `help:"No story: pumps work as they should unless they are told otherwise."`
	Reset   bool   `help:"Delete the demo's data first."`

	oidcFlags
}

// Validate refuses what cannot work, by the name of the setting.
func (c *DemoCmd) Validate() error { return c.validOIDC() }

// demoData returns where a demo keeps its data by default.
func demoData() string {
	if os.Geteuid() == 0 {
		return "/var/lib/cisterna-demo"
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "cisterna-demo")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "cisterna-demo")
	}
	return filepath.Join(home, ".local", "share", "cisterna-demo")
}

// Run starts everything, tells a story, and ends cleanly on Ctrl-C.
func (c *DemoCmd) Run(ctx context.Context, log *slog.Logger) error {
	spareProcs()
	err := c.run(ctx, log)
	if err != nil && ctx.Err() != nil {
		log.Debug("stopped before the demo was ready", "error", err)
		fmt.Println() // behind the terminal's ^C
		return exitError{130, "stopped before it was ready; the next start goes on from there"}
	}
	return err
}

func (c *DemoCmd) run(ctx context.Context, log *slog.Logger) (err error) {
	began := time.Now()
	say := func(text string) { fmt.Printf("  %s\n", text) }
	if c.Pumps < 1 || c.Pumps > 2000 || c.Days < 0 || c.Days > 60 {
		return fmt.Errorf("--pumps %d, --days %d: want 1 to 2000 pumps and 0 to 60 days", c.Pumps, c.Days)
	}
	provider, err := c.provider()
	if err != nil {
		return err
	}
	fmt.Printf("Cisterna demo, data in %s\n", c.Data)
	unlock, err := lockFolder(c.Data)
	if err != nil {
		return err
	}
	defer unlock()
	control, err := listenControl(ctx, c.Control)
	if err != nil {
		return err
	}
	if control != nil {
		defer func() { _ = control.Close() }()
	}
	if c.Reset {
		if err := resetDemo(ctx, c.Data); err != nil {
			return err
		}
	}

	say("starting PostgreSQL")
	pg, err := pgserver.Start(ctx, pgserver.Options{Dir: filepath.Join(c.Data, "pg")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pg.Stop()) }()
	url, err := demoDatabase(ctx, pg)
	if err != nil {
		return err
	}

	keys, err := demoKeys(filepath.Join(c.Data, "keys"), c.HTTP)
	if err != nil {
		return err
	}
	app, err := New(ctx, Options{DatabaseURL: url, Keys: keys, HTTP: c.HTTP, MQTT: c.MQTT, Enrol: c.Enrol, Demo: demoPeople, Disks: []watched{dataFolder(c.Data)}, OIDC: provider, Log: log})
	if err != nil {
		return err
	}
	defer app.Stop()
	if err := app.Start(ctx); err != nil {
		return err
	}

	dir, err := emulator.OpenDir(filepath.Join(c.Data, "pumps"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	fleet, err := emulator.Open(emulator.Options{
		Vault: dir.Vault, Journal: dir.Journal, Log: log, Habits: true,
		Heartbeat: 10 * time.Second, FirstConnect: 2 * time.Second, MaxBackoff: 20 * time.Second,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	if err := seedDemo(ctx, app, fleet, castPumps(c.Pumps), c.Days, filepath.Join(c.Data, "keys", "people"), say); err != nil {
		return err
	}
	if err := fleet.Start(); err != nil {
		return err
	}
	if control != nil {
		go func() {
			if err := fleet.ServeControl(control); err != nil {
				log.Error("the emulator's control API ended", "error", err)
			}
		}()
	}
	if err := firstPump(ctx, app); err != nil {
		return err
	}
	go seedProposals(ctx, app, log.With("component", "demo"))
	printWelcome(app, fleet, control, time.Since(began))
	printTools(app, url, filepath.Join(c.Data, "keys"))
	if !c.Quiet {
		go story(ctx, fleet, log.With("component", "story"))
	}
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping; the demo's data stays.")
		return nil
	case err := <-app.Failed():
		return err
	case <-pg.Done():
		return fmt.Errorf("PostgreSQL ended by itself; its log is %s", filepath.Join(pg.Dir, "postgres.log"))
	}
}

// demoDatabase makes the database, migrates it, and returns the server's address.
func demoDatabase(ctx context.Context, pg *pgserver.Server) (string, error) {
	if err := pg.EnsureDatabase(ctx, "cisterna"); err != nil {
		return "", err
	}
	owner, err := postgres.Open(ctx, pg.URL(pgserver.Owner, "cisterna"), 2)
	if err != nil {
		return "", err
	}
	defer func() { _ = owner.Close() }()
	if _, err := postgres.Migrate(ctx, owner, migrations.FS); err != nil {
		return "", err
	}
	return pg.URL(postgres.AppRole, "cisterna"), nil
}

// demoKeys loads the demo's trust material and makes it at the first start.
func demoKeys(dir, httpAddr string) (*keyring, error) {
	now := time.Now()
	k, err := loadKeys(dir, now)
	if _, missing := os.Stat(trustDir(dir)); err != nil && errors.Is(missing, os.ErrNotExist) {
		k, err = createKeys(dir, "Cisterna demo", "http://"+httpAddr, true, now)
	}
	return k, err
}

// firstPump waits until one pump is on the line.
func firstPump(ctx context.Context, a *App) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for a.Gateway.Stats().Sessions.Load() == 0 {
		select {
		case <-ctx.Done():
			return errors.New("no pump connected within 30 s; see the log above")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func printWelcome(a *App, fleet *emulator.Fleet, control net.Listener, took time.Duration) {
	fmt.Printf("\n  First live pump after %.1f s. Open\n\n      %s\n\n  and choose who you are, or sign in with one of these and the password %q:\n\n", took.Seconds(), a.URL(), demoPassword)
	for _, p := range demoPeople {
		fmt.Printf("      %-8s %-20s %s\n", p.Login, p.Name, p.Does)
	}
	fmt.Printf("\n  Pumps connect to %s and enrol at %s.\n", a.o.PublicMQTT, a.o.PublicEnrol)
	if devices := fleet.Devices(); control != nil && len(devices) > 0 {
		fmt.Printf("  Make something go wrong (docs/emulator.md has more):\n\n")
		fmt.Printf("      curl -H 'Content-Type: application/json' -d '{\"kind\":\"stall\"}' http://%s/v1/pumps/%s/faults\n\n", control.Addr(), devices[0].Serial())
	}
}

// printTools says how the other commands find the demo.
func printTools(a *App, url, keys string) {
	fmt.Printf("  For the command line (cisterna doctor --url %s, audit export, keys show):\n\n", a.URL())
	fmt.Printf("      export CISTERNA_DATABASE_URL='%s' CISTERNA_KEYS='%s'\n\n", url, keys)
	fmt.Print("  Ctrl-C stops everything.\n\n")
}
