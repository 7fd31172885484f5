package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"cisterna/fleet/telemetry"
	"cisterna/internal/postgres"
)

// ServeCmd runs the server.
type ServeCmd struct {
	Config configFile `help:"Configuration file: name = value, one a line, with the names of these flags." placeholder:"FILE" env:"CISTERNA_CONFIG"`
	databaseFlags

	Keys         string   `required:"" help:"Folder of keys (cisterna keys create)." env:"CISTERNA_KEYS" placeholder:"DIR"`
	HTTP         string   `help:"Address of console and API. Anything but localhost needs --tls-cert, or a proxy that does TLS." default:"localhost:8600" env:"CISTERNA_HTTP"`
	MQTT         string   `help:"Address of the endpoint that pumps connect to." default:":8883" env:"CISTERNA_MQTT"`
	Enrol        string   `help:"Address where pumps enrol." default:":8884" env:"CISTERNA_ENROL"`
	PublicMQTT   string   `help:"What pumps are told the endpoint's address is." env:"CISTERNA_PUBLIC_MQTT" placeholder:"HOST:PORT"`
	PublicEnrol  string   `help:"What claim slips say the enrolment address is." env:"CISTERNA_PUBLIC_ENROL" placeholder:"HOST:PORT"`
	Host         []string `help:"Another name that pumps reach this server by. May be given several times." env:"CISTERNA_HOST"`
	TLSCert      string   `help:"Certificate of the console, PEM." env:"CISTERNA_TLS_CERT" placeholder:"FILE"`
	TLSKey       string   `help:"Its key, PEM." env:"CISTERNA_TLS_KEY" placeholder:"FILE"`
	Origin       string   `help:"Where browsers find the console, scheme and port included, if it is not what --http says." env:"CISTERNA_ORIGIN" placeholder:"URL"`
	WebHost      []string `help:"Another name that the console answers to. May be given several times." env:"CISTERNA_WEB_HOST" placeholder:"NAME"`
	Proxy        []string `help:"Address or network of a proxy in front of the console, whose word about clients' addresses counts." env:"CISTERNA_PROXY" placeholder:"NETWORK"`
	Demo         bool     `help:"Accept a root that says it is a demo's." env:"CISTERNA_DEMO"`
	DatabaseDisk string   `help:"Folder of PostgreSQL's data, if it is on this machine: the status page then says how much is free on its disk." env:"CISTERNA_DATABASE_DISK" placeholder:"DIR"`
	MetricsKey   string   `help:"Bearer token for /metrics from other machines; without it, only this machine may read them." env:"CISTERNA_METRICS_KEY" placeholder:"TOKEN"`
	oidcFlags

	RecoveryHold time.Duration `help:"How long a recovery waits after two administrators agreed on it, so that the person can object." default:"24h" env:"CISTERNA_RECOVERY_HOLD"`

	KeepSamples  time.Duration `help:"How long raw samples are kept, at least 96h." default:"2160h" env:"CISTERNA_KEEP_SAMPLES"`
	KeepMinutes  time.Duration `help:"How long values by the minute are kept, at least 168h." default:"9600h" env:"CISTERNA_KEEP_MINUTES"`
	KeepRefusals time.Duration `help:"How long refused messages are kept, at least 24h." default:"2160h" env:"CISTERNA_KEEP_REFUSALS"`
}

// Validate refuses what cannot work, by the name of the setting.
func (c *ServeCmd) Validate() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together: one of them is missing")
	}
	if c.KeepSamples < 96*time.Hour {
		return fieldError("keep-samples", c.KeepSamples.String(), errors.New("want at least 96h"))
	}
	if c.KeepMinutes < 168*time.Hour {
		return fieldError("keep-minutes", c.KeepMinutes.String(), errors.New("want at least 168h: the chart of a week is drawn from them"))
	}
	if c.KeepRefusals < 24*time.Hour {
		return fieldError("keep-refusals", c.KeepRefusals.String(), errors.New("want at least 24h: the fleet's list counts those of a day"))
	}
	if err := c.validOIDC(); err != nil {
		return err
	}
	if c.RecoveryHold < time.Hour {
		return fieldError("recovery-hold", c.RecoveryHold.String(), errors.New("want at least 1h: the person must be able to hear of it"))
	}
	for flag, addr := range map[string]string{"public-mqtt": c.PublicMQTT, "public-enrol": c.PublicEnrol} {
		if host, port, err := net.SplitHostPort(addr); addr != "" && (err != nil || host == "" || port == "") {
			return fieldError(flag, addr, errors.New("want what pumps can call, such as pumps.example.org:8883"))
		}
	}
	if _, err := parseProxies(c.Proxy); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(c.HTTP)
	if err != nil {
		return fieldError("http", c.HTTP, errors.New("want a name or address and a port, such as localhost:8600"))
	}
	ip := net.ParseIP(host)
	switch {
	case c.Origin != "":
	case host == "" || ip != nil && ip.IsUnspecified():
		return fieldError("http", c.HTTP, errors.New("browsers cannot call that: say with --origin where they find the console, such as https://pumps.example.org:8600"))
	case c.TLSCert == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return fieldError("http", c.HTTP, errors.New("others would reach it without TLS: give --tls-cert and --tls-key, or say with --origin where the proxy is that does TLS"))
	}
	return nil
}

// Run serves until a signal ends it.
func (c *ServeCmd) Run(ctx context.Context, log *slog.Logger) error {
	spareProcs()
	keys, err := loadKeys(c.Keys, time.Now())
	if err != nil {
		return err
	}
	if keys.trust.Root.Demo && !c.Demo {
		return errors.New("the root in " + trustDir(c.Keys) + " says that it is a demo's: hold a real ceremony, or give --demo if no patient is treated by it")
	}
	proxies, err := parseProxies(c.Proxy)
	if err != nil {
		return err
	}
	if err := c.restricted(ctx); err != nil {
		return err
	}
	provider, err := c.provider()
	if err != nil {
		return err
	}
	app, err := New(ctx, Options{
		DatabaseURL: c.DatabaseURL, Keys: keys, HTTP: c.HTTP, MQTT: c.MQTT, Enrol: c.Enrol, PublicMQTT: c.PublicMQTT, PublicEnrol: c.PublicEnrol,
		Hosts: c.Host, TLSCert: c.TLSCert, TLSKey: c.TLSKey, MetricsKey: c.MetricsKey, Log: log, Disks: c.places(os.Stderr),
		Origin: c.Origin, WebHosts: c.WebHost, Proxies: proxies, Hold: c.RecoveryHold, OIDC: provider,
		Keep: telemetry.Retention{Samples: c.KeepSamples, Minutes: c.KeepMinutes, Refusals: c.KeepRefusals},
	})
	if err != nil {
		return err
	}
	defer app.Stop()
	if err := app.Start(ctx); err != nil {
		return err
	}
	if ks, err := keys.trust.Root.OpenKeyset(keys.trust.Keyset); err == nil && ks.Origin != app.URL() {
		log.Warn("the keyset pins another address of the console: cisterna keys renew --origin", "keyset", ks.Origin, "console", app.URL())
	}
	log.Info("serving", "console", app.URL(), "mqtt", app.Gateway.Addr().String(), "enrol", app.Enrol.Addr().String())
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return nil
	case err := <-app.Failed():
		return err
	}
}

// restricted refuses to serve as a role that could rewrite the record: what the
// record proves rests on the server not being able to.
func (c *ServeCmd) restricted(ctx context.Context) error {
	db, err := c.open(ctx, 1)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	info, err := postgres.Inspect(ctx, db)
	if err == nil {
		err = info.Restricted()
	}
	if err != nil {
		return fmt.Errorf("--database-url: %w", err)
	}
	return nil
}
