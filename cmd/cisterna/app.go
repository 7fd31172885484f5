package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/gateway"
	"cisterna/fleet/alarm"
	"cisterna/fleet/dispatch"
	"cisterna/fleet/dosing"
	"cisterna/fleet/events"
	"cisterna/fleet/keyset"
	"cisterna/fleet/library"
	"cisterna/fleet/lists"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/manual"
	"cisterna/fleet/overview"
	"cisterna/fleet/recall"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/oidc"
	"cisterna/internal/pki"
	"cisterna/internal/postgres"
	"cisterna/internal/token"
	"cisterna/migrations"
	"cisterna/web"
)

// Options is what an App runs with.
type Options struct {
	DatabaseURL string // as the role cisterna_app
	Keys        *keyring
	HTTP        string // address of the console and API
	MQTT        string // address of the endpoint
	Enrol       string // address of the enrolment listener
	PublicMQTT  string // host:port that pumps are told; MQTT, with a name of this machine, if empty
	PublicEnrol string // host:port that claim slips carry; the same of Enrol if empty
	Hosts       []string
	TLSCert     string // of the console; without it, it serves localhost only
	TLSKey      string
	Origin      string         // where browsers find the console; worked out from HTTP if empty
	WebHosts    []string       // further names that the console answers to
	Proxies     []netip.Prefix // whose word about where a request comes from counts
	Plain       bool           // endpoint without TLS, on loopback, for measurements
	Unsigned    bool           // signatures are not looked at; only with Plain, for measurements
	Demo        []demoPerson   // people that the sign-in page offers, in a demo
	Hold        time.Duration  // of a recovery; 0 means auth.DefaultHold
	OIDC        *oidc.Config   // the organisation's sign-in, nil if there is none
	Keep        telemetry.Retention
	MetricsKey  string
	Disks       []watched // where this server and its database write
	Log         *slog.Logger
}

// App is the whole server. Make it with New, which listens already; Start serves;
// Stop ends everything in the reverse order. Addresses with port 0 are allowed,
// so that tests run as many as they like.
type App struct {
	o   Options
	log *slog.Logger

	People      *auth.Service
	Tokens      *token.Service
	Registry    *registry.Service
	Alarms      *alarm.Service
	Telemetry   *telemetry.Service
	Lists       *lists.Service
	Overview    *overview.Service
	Events      *events.Service
	Outbox      *dispatch.Outbox
	Recalls     *recall.Service
	Readings    *manual.Service
	Maintenance *maintenance.Service
	Keysets     *keyset.Service
	Libraries   *library.Service
	Dosing      *dosing.Service
	Sequencer   *audit.Sequencer
	Gateway     *gateway.Gateway
	Enrol       *gateway.EnrolServer
	Web         *web.Server
	DB          *sqlx.DB

	http   *http.Server
	httpLn []net.Listener
	undo   []func()

	boot string                                               // names this start
	born time.Time                                            // when it was made
	link func(*tls.ClientHelloInfo) (*tls.Certificate, error) // the endpoint's own certificate
	page func(*tls.ClientHelloInfo) (*tls.Certificate, error) // the console's; nil without TLS
	open atomic.Bool                                          // pumps are served

	// Inner parts do the work, outer parts let others in; those end first.
	inner, outer         []part
	stopInner, stopOuter context.CancelFunc
	parts, doors         sync.WaitGroup
	failed               chan error
}

// New wires a server and listens. On an error everything is undone.
func New(ctx context.Context, o Options) (app *App, err error) {
	// One straight function on purpose: split up, it would only pass a wide
	// struct between helpers and hide what depends on what.
	a := &App{o: o, log: o.Log, failed: make(chan error, 16)}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	now := time.Now
	a.boot, a.born = rand.Text(), now()
	profiles, err := openProfiles(o.Keys.trust)
	if err != nil {
		return nil, err
	}

	if a.DB, err = a.database(ctx, 24); err != nil {
		return nil, err
	}
	alarmDB, err := a.database(ctx, 2)
	if err != nil {
		return nil, err
	}
	switch n, err := postgres.Pending(ctx, a.DB, migrations.FS); {
	case err != nil:
		return nil, err
	case n > 0:
		return nil, fmt.Errorf("the database lacks %d migrations: run cisterna migrate", n)
	}

	greeter := &dispatch.Greeter{Log: o.Log.With("component", "dispatch")}
	a.Sequencer, err = audit.NewSequencer(audit.Options{
		DB: a.DB, Signer: o.Keys.record, Logger: o.Log,
		OnCheckpoint: func(c audit.Checkpoint) { greeter.Checkpoint(c.Text) },
	})
	if err != nil {
		return nil, err
	}
	if a.People, err = auth.New(auth.Options{DB: a.DB, Log: o.Log, Demo: o.Keys.trust.Root.Demo, Hold: o.Hold, Manages: registry.Manages}); err != nil {
		return nil, err
	}

	a.Tokens, err = token.NewService(token.Options{
		DB: a.DB, Key: o.Keys.tokens, Log: o.Log,
		Still: func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, site int64) error {
			return a.Registry.StillTx(ctx, tx, actor, site)
		},
	})
	if err != nil {
		return nil, err
	}

	// The endpoint and what it serves need each other; the functions below are
	// first called after both exist.
	push := func(link string, m gateway.Outbound) bool { return a.Gateway.Push(link, m) }
	kick := func(link, reason string) { a.Gateway.Kick(link, reason) }
	known := func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pumps []registry.Pump) error {
		return a.Recalls.Known(ctx, tx, actor, pumps)
	}
	knownComms := func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, list []registry.Communicator) error {
		if err := a.Recalls.KnownCommunicators(ctx, tx, actor, list); err != nil {
			return err
		}
		return a.Maintenance.KnownCommunicators(ctx, tx, list)
	}
	gone := func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p registry.Pump, why string) error {
		return a.Alarms.GoneTx(ctx, tx, actor, p.ID, why)
	}
	unheard := func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p registry.Pump, why string) error {
		return a.Alarms.UnheardTx(ctx, tx, actor, p.ID, why)
	}
	unlinked := func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p registry.Pump, why string) error {
		return a.Telemetry.UnlinkedTx(ctx, tx, actor, p.ID, why)
	}

	mqttLn, err := a.listenMQTT(ctx)
	if err != nil {
		return nil, err
	}
	enrolLn, err := a.listen("enrol", o.Enrol)
	if err != nil {
		return nil, err
	}
	if a.o.PublicMQTT == "" {
		a.o.PublicMQTT = a.reachable(mqttLn.Addr())
	}
	if a.o.PublicEnrol == "" {
		a.o.PublicEnrol = a.reachable(enrolLn.Addr())
	}

	a.Registry, err = registry.New(ctx, registry.Options{
		DB: a.DB, Now: now, Accounts: a.People, Shut: a.Tokens.RevokeOwner, Kick: kick, Known: known, KnownCommunicators: knownComms, Gone: gone, Unheard: unheard, Unlinked: unlinked, Moved: a.moved, Profiles: func(id string) bool { return o.Keys.trust.Profiles[id] != nil },
		Sign: o.Keys.authority.IssueClient,
		Documents: func(_ context.Context, id string) (registry.Documents, error) {
			t := o.Keys.trust
			return registry.Documents{Root: t.RootDoc, Keyset: a.Keysets.Current().Document, Library: a.Libraries.Current().Document, Profile: t.Profiles[id], MQTT: a.o.PublicMQTT}, nil
		},
	})
	if err != nil {
		return nil, err
	}
	dir := a.Registry.Directory()
	a.Alarms = alarm.New(a.DB, dir, now)
	a.Recalls = recall.New(a.DB, a.Alarms, now)
	a.Maintenance = maintenance.NewService(a.DB, a.Registry, now)
	a.Readings = manual.NewService(a.DB, a.Registry, profiles.get, now)
	if err := a.signatures(ctx, now); err != nil {
		return nil, err
	}
	// What pumps say reaches orders in its own transaction; both are made before a
	// pump can say anything.
	a.Outbox = &dispatch.Outbox{DB: a.DB, Directory: dir, Push: push, Now: now, Log: o.Log.With("component", "outbox")}
	a.Telemetry, err = telemetry.New(telemetry.Options{
		DB: a.DB, AlarmDB: alarmDB, Directory: dir, Alarms: a.Alarms, Silence: profiles.silence, Push: push, Now: now, Log: o.Log, Boot: a.boot, Keep: o.Keep,
		Plain: o.Plain, Unsigned: o.Unsigned,
		Answered: func(ctx context.Context, tx *postgres.Tx, answer telemetry.Answer) error {
			return a.Dosing.AnsweredTx(ctx, tx, answer)
		},
		Stated: func(ctx context.Context, tx *postgres.Tx, st telemetry.Statement) error {
			return a.Dosing.StatedTx(ctx, tx, st)
		},
	})
	if err != nil {
		return nil, err
	}
	a.Dosing, err = dosing.New(dosing.Options{
		DB: a.DB, Root: o.Keys.trust.Root, Registry: a.Registry, Telemetry: a.Telemetry, Alarms: a.Alarms, Keysets: a.Keysets, Libraries: a.Libraries, Outbox: a.Outbox,
		Profile: profiles.get, Now: now, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	a.Outbox.Greetings, a.Outbox.SentTx, a.Outbox.Covered = a.Telemetry.Greetings(), a.Dosing.SentTx, a.covered
	greeter.Greetings, greeter.Sayings, greeter.Directory, greeter.Push, greeter.Now = a.Telemetry.Greetings(), a.Telemetry.Sayings(), dir, push, now
	greeter.Keyset = func() (uint64, []byte) { k := a.Keysets.Current(); return k.Version, k.Document }
	greeter.Library = func() []byte { return a.Libraries.Current().Document }
	greeter.Profile = profiles.signed(o.Keys.trust)
	greeter.Keysets, greeter.Libraries = a.Keysets.Events(), a.Libraries.Events()

	opts := gateway.Options{
		Listener: mqttLn, Inbox: a.Telemetry, Directory: dir, Enroller: a.Registry, Clients: o.Keys.authority.Pool(), Logger: o.Log, Boot: a.boot, Plain: o.Plain,
	}
	certificate, err := o.Keys.authority.ServerSource(a.hosts(), now)
	if err != nil {
		return nil, err
	}
	a.link = certificate
	if o.Plain {
		opts.Directory = plainDirectory{dir}
	} else {
		opts.TLS = pki.ServerConfig(pki.ServerOptions{Certificate: certificate, Clients: o.Keys.authority.Pool(), TLS12: profiles.tls12()})
	}
	if a.Gateway, err = gateway.New(opts); err != nil {
		return nil, err
	}
	a.Enrol, err = gateway.NewEnrolServer(gateway.EnrolOptions{
		Listener: enrolLn, TLS: pki.ServerConfig(pki.ServerOptions{Certificate: certificate, TLS12: profiles.tls12()}), Enroller: a.Registry,
		Clients: o.Keys.authority.Pool(), Logger: o.Log, Stats: a.Gateway.Stats(),
	})
	if err != nil {
		return nil, err
	}
	a.Lists, err = lists.New(lists.Options{DB: a.DB, Registry: a.Registry, Actor: a.actor, Now: now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	a.Overview, err = overview.New(overview.Options{
		DB: a.DB, Registry: a.Registry, Telemetry: a.Telemetry, Alarms: a.Alarms, Maintenance: a.Maintenance, Lists: a.Lists, Desired: wanted(profiles, a.Keysets, a.Libraries), Profile: profiles.get, Library: libraryName(a.Libraries), Now: now, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	if a.Events, err = events.New(events.Options{DB: a.DB, Directory: dir, Now: now, Log: o.Log}); err != nil {
		return nil, err
	}
	if err := a.newWeb(profiles); err != nil {
		return nil, err
	}

	a.inner = append(a.inner,
		part{"registry", a.Registry.Run},
		part{"telemetry", a.Telemetry.Run},
		part{"sequencer", a.Sequencer.Run},
		part{"events", a.Events.Run},
		part{"greeter", greeter.Run},
		part{"outbox", a.Outbox.Run},
		part{"orders", a.Dosing.Run},
		part{"fleet", a.Dosing.WatchFleet},
		part{"libraries", a.Dosing.WatchLibraries},
		part{"board", a.Overview.Board().Run},
		part{"accounts", a.People.Run},
		part{"lists", a.Lists.Run},
		part{"web", a.Web.Run},
	)
	a.outer = append(a.outer, part{"enrolment", a.Enrol.Run}, part{"endpoint", a.Gateway.Run})
	return a, nil
}
