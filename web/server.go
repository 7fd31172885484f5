// Package web is the server that browsers talk to: it puts the API (package api),
// the live feed (package live) and the console (package console) behind one
// handler, with everything that must hold for all of them.
//
// # Invariants
//
//   - Every answer carries the security headers, and every one that is not a
//     success is a problem document with the id of its request.
//   - Only names that the server was given are answered to. Bare loopback
//     addresses are sent to localhost, because browsers make no passkeys for them.
//   - What another site's page asks for is not done: requests that change
//     something must come from the server's own origin, and the session's cookie
//     travels on no other.
//   - Headers that a client could have written are not believed, unless they come
//     from a proxy that was named.
//   - Logs name operations, people by number and request ids; never bodies,
//     queries, cookies or anything about a patient.
//
// It holds no SQL and no rules.
package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cisterna/device/gateway"
	"cisterna/internal/audit"
	"cisterna/web/api"
	"cisterna/web/live"
)

// Options is what a Server is made of.
type Options struct {
	// API holds the services. Its Status, Live, Origin, Secure, Address, Log and Now
	// are set here.
	API api.Options
	// Origin is where browsers find the server: "http://localhost:8600", or
	// "https://" and a name.
	Origin string
	// Hosts are further names that the server answers to.
	Hosts []string
	// Proxies are believed about where a request comes from.
	Proxies []netip.Prefix
	// Console holds the built console, nil or without index.html if there is none.
	Console fs.FS

	// Ready tells whether what the server needs is there, by name: "database".
	// The functions must return when their context ends.
	Ready map[string]func(context.Context) error
	// Record tells how the record does (audit.Sequencer).
	Record func(context.Context, time.Time) (audit.Status, error)
	// System tells what the server runs on.
	System System
	// Gateway holds the endpoint's counters; nil without an endpoint.
	Gateway *gateway.Stats

	// Metrics are shown at /metrics beside the server's own.
	Metrics []prometheus.Gatherer
	// MetricsToken lets others than this machine read /metrics; empty: nobody.
	MetricsToken string

	Log *slog.Logger
	Now func() time.Time // nil: time.Now
}

// Server is the whole of it. It is safe for concurrent use.
type Server struct {
	o      Options
	log    *slog.Logger
	origin *url.URL
	hosts  []string
	api    *api.API
	hub    *live.Hub
	alarms *alarmFeed
	orders *orderFeed
	rates  *rates
	static *static
	meter  *meter
	serve  http.Handler

	inner, outer api.Routes
}

// Open says which addresses beside those of the API are served, and to whom.
// There are no others.
var Open = map[string]string{
	"GET /healthz":   "anyone: whether the process answers",
	"GET /readyz":    "anyone: which parts are there, by name",
	"GET /metrics":   "this machine, and who has the metrics key",
	api.Prefix + "/": "the API, by its table",
	"/":              "anyone: the console's files, which hold no data",
}

// New returns a server that is ready to serve; the live feed and the rates work
// while Run runs.
func New(o Options) (*Server, error) {
	if o.Log == nil || o.Record == nil || o.API.Overview == nil || o.API.Alarms == nil || o.API.Orders == nil || o.API.Accounts == nil {
		return nil, errors.New("web: a required option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{o: o, log: o.Log.With("component", "web")}
	var err error
	if err = s.names(); err != nil {
		return nil, err
	}
	if s.static, err = newStatic(o.Console); err != nil {
		return nil, err
	}
	o.API.Log, o.API.Now = o.Log, o.Now
	o.API.Origin, o.API.Secure, o.API.Address = o.Origin, s.secure(), s.address
	o.API.Status, o.API.Live = s.parts, s.watch
	if s.api, err = api.New(o.API); err != nil {
		return nil, err
	}
	s.hub, err = live.New(live.Options{
		Board: boardFeed{o.API.Overview.Board()}, Log: o.Log, Check: s.api.Scopes, Ended: o.API.Accounts.Ended(), Origin: s.sameOrigin, Now: o.Now,
	})
	if err != nil {
		return nil, err
	}
	s.alarms = newAlarmFeed(o.API.Overview, o.API.Alarms, s.hub)
	s.orders = newOrderFeed(o.API.Orders, s.hub)
	s.rates = newRates(s.counters)
	if s.meter, err = newMeter(s.hub); err != nil {
		return nil, err
	}
	s.serve = s.handler()
	return s, nil
}

// names reads Origin and Hosts.
func (s *Server) names() error {
	u, err := url.Parse(s.o.Origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("web: origin %q is not http:// or https:// and a host", s.o.Origin)
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" {
		return fmt.Errorf("web: %s needs TLS: only http://localhost does without", s.o.Origin)
	}
	s.origin = u
	s.hosts = []string{strings.ToLower(u.Hostname())}
	for _, h := range s.o.Hosts {
		if h = strings.ToLower(h); !slices.Contains(s.hosts, h) {
			s.hosts = append(s.hosts, h)
		}
	}
	return nil
}

func (s *Server) secure() bool { return s.origin.Scheme == "https" }

// Run serves the live feed until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts := []func(context.Context) error{s.hub.Run, s.alarms.run, s.orders.run, s.rates.run}
	ended := make(chan error, len(parts))
	for _, run := range parts {
		go func() { ended <- run(ctx) }()
	}
	var all error
	for range parts {
		all = errors.Join(all, <-ended)
		cancel() // one that ends takes the others with it
	}
	return all
}

// ServeHTTP answers every request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve.ServeHTTP(w, r) }

// API returns the API, for its description.
func (s *Server) API() *api.API { return s.api }

// HTTP returns an http.Server with limits on what a client may hold up. Its
// Shutdown does not end the live feed: ending Run's context does.
func (s *Server) HTTP() *http.Server {
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // of clients' broken handshakes
	}
}

// handler puts everything in its place. What stands first is asked first.
func (s *Server) handler() http.Handler {
	inner := &s.inner
	inner.Handle(api.Prefix+"/", compress(s.api))
	inner.Handle("/", http.HandlerFunc(s.page))

	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := api.NewProblem(http.StatusForbidden, "A page of another site asked for this. It was not done.")
		p.Code = "cross_origin"
		api.WriteProblem(w, r, s.log, p)
	}))

	outer := &s.outer
	outer.HandleFunc("GET /healthz", s.healthz)
	outer.HandleFunc("GET /readyz", s.readyz)
	outer.Handle("GET /metrics", s.metrics())
	outer.Handle("/", s.named(cross.Handler(inner)))
	return s.observed(s.guarded(outer))
}

// watch serves the live feed to a person.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, c api.Caller) error {
	from, err := live.ParseResume(r.URL.Query())
	if err != nil {
		return err
	}
	return s.hub.Serve(w, r, live.Viewer{Session: c.Session.ID, User: c.ID, Scope: c.Scope()}, from)
}

var _ http.Handler = (*Server)(nil)
