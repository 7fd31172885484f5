// Package api is the HTTP interface under /api/v1: what it takes, what it
// answers, and who may ask. It holds no rule and no SQL; it turns requests into
// calls of the domain packages and their results into JSON.
//
// # Conventions
//
//   - Members are in snake_case. Ids are text. Quantities are digits as text with
//     the unit in the name (reservoir_nl), because a number of JSON is a float in
//     most readers. Times are RFC 3339 in UTC with milliseconds. What is not known
//     is null.
//   - A request is taken literally: a member or parameter that is not known, that
//     is there twice, or that is in another case is refused. Limits that are
//     checked here are checked again where they matter.
//   - Every answer that is not a success is a [Problem] (RFC 9457).
//   - A thing of a site where the person has no role does not exist: 404. What
//     their role does not allow is 403. Without a session everything is 401.
//   - Lists go on from the `next` of a page, handed in as `before` where the
//     newest comes first, else as `after`.
//   - A POST with an Idempotency-Key is carried out once (idempotency.go). What may
//     conflict is written with If-Match: 428 without, 412 if it has changed.
//
// openapi.yaml beside this file is written by the program (go test ./web/api
// -update) and describes all of it; PROTOCOL.md in package live describes the
// websocket.
package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/device/profile"
	"cisterna/fleet/alarm"
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
	"cisterna/internal/once"
	"cisterna/internal/token"
)

// Prefix is where the API lives.
const Prefix = "/api/v1"

// DemoPerson is somebody that the sign-in page of a demo offers.
type DemoPerson struct {
	Login    string `json:"login"`
	Name     string `json:"name"`
	Role     string `json:"role" doc:"What they do, in words."`
	Site     string `json:"site" doc:"Where, in words."`
	Password string `json:"password"`
}

// Record reads the record. Its functions are those of package audit.
type Record struct {
	List   func(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Row, int64, error)
	Get    func(ctx context.Context, f audit.Filter, id int64) (audit.Row, *audit.Proof, error)
	Newest func(ctx context.Context) (audit.Checkpoint, bool, error)
	Stored func(ctx context.Context, id int64) (audit.Stored, error)

	// Stretch and Prove are ReadStretch and ProveTree, Export writes a bundle and
	// NoteExport says so in the record.
	Stretch    func(ctx context.Context, f audit.Filter, detail func(site int64) bool, from int64, limit int) (audit.Stretch, error)
	Prove      func(ctx context.Context, old int64) (tlog.TreeProof, audit.Checkpoint, error)
	Export     func(ctx context.Context, w io.Writer) error
	NoteExport func(ctx context.Context, actor auth.Actor) error

	Origin string   // of the checkpoints
	Keys   []string // verifier keys of who signs them
}

func (r Record) complete() bool {
	return r.List != nil && r.Get != nil && r.Newest != nil && r.Stored != nil && r.Stretch != nil && r.Prove != nil && r.Export != nil && r.NoteExport != nil
}

// Options is what an API is made of.
type Options struct {
	Accounts  *auth.Service
	Tokens    *token.Service
	Registry  *registry.Service
	Alarms    *alarm.Service
	Telemetry *telemetry.Service
	Lists     *lists.Service
	Overview  *overview.Service
	Events    *events.Service
	Recalls   *recall.Service
	// Maintenance and Readings keep what people do to devices and read off them.
	Maintenance *maintenance.Service
	Readings    *manual.Service
	// Profiles returns the models that can be registered.
	Profiles func() []*profile.Profile
	// Desired returns what a pump of the profile should have.
	Desired func(profile string) Desired
	// Orders, Keysets and Libraries are what pumps are told to do, by whose
	// signatures, within which limits.
	Orders    *dosing.Service
	Keysets   *keyset.Service
	Libraries *library.Service
	Record    Record
	Once      *once.Store // remembers requests by their keys
	// Enrol is the host:port of the enrolment listener, for claim slips.
	Enrol string
	// Status returns the parts of the server and how they do.
	Status func(ctx context.Context) []Part
	// Live serves the websocket to a person. An error means that nothing was
	// written.
	Live func(w http.ResponseWriter, r *http.Request, c Caller) error
	// OIDC is the organisation's sign-in, nil if there is none.
	OIDC *oidc.Provider
	// Origin is where browsers find the server; passkeys are bound to it.
	Origin string
	// Secure says that browsers reach the server by https.
	Secure bool
	// Address returns where a request comes from; nil means its RemoteAddr.
	Address func(r *http.Request) netip.Addr
	Demo    []DemoPerson // not nil: this is a demo
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

func (o *Options) validate() error {
	switch {
	case o.Accounts == nil, o.Tokens == nil, o.Registry == nil, o.Alarms == nil, o.Telemetry == nil, o.Lists == nil, o.Overview == nil, o.Events == nil, o.Log == nil,
		o.Recalls == nil, o.Maintenance == nil, o.Readings == nil, o.Profiles == nil, o.Desired == nil, o.Orders == nil, o.Keysets == nil, o.Libraries == nil,
		o.Status == nil, o.Live == nil, o.Once == nil, !o.Record.complete():
		return errors.New("api: a required option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Address == nil {
		o.Address = remoteAddress
	}
	return nil
}

// API answers requests under Prefix. It is safe for concurrent use.
type API struct {
	Options
	mux  *Routes
	huma huma.API
	done map[string]bool // operations registered
}

// New returns an API that is ready to serve.
func New(o Options) (*API, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.Log = o.Log.With("component", "api")
	a := &API{Options: o, mux: &Routes{}, done: map[string]bool{}}
	a.huma = newHuma(a.mux)
	a.sessions()
	a.visits()
	a.passkeys()
	a.oidc()
	a.security()
	a.codes()
	a.sites()
	a.people()
	a.tokens()
	a.pumps()
	a.fleet()
	a.lists()
	a.bulk()
	a.history()
	a.lifecycle()
	a.life()
	a.communicators()
	a.maintenance()
	a.cmms()
	a.readings()
	a.recalls()
	a.alarms()
	a.orders()
	a.trust()
	a.record()
	a.recordVerify()
	a.events()
	a.status()
	a.live()
	for op := range access {
		if !a.done[op] {
			return nil, fmt.Errorf("api: operation %s is in the table of access, but not served", op)
		}
	}
	return a, nil
}

// newHuma returns a huma API with our settings on mux.
func newHuma(mux humago.Mux) huma.API {
	cfg := huma.DefaultConfig("Cisterna", "1")
	cfg.CreateHooks = nil // no $schema in bodies
	cfg.DocsPath, cfg.OpenAPIPath, cfg.SchemasPath = "", "", ""
	cfg.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	cfg.DefaultFormat = "application/json"
	cfg.RejectUnknownQueryParameters = true
	cfg.Info.Description = "Watching and managing a fleet of programmable intrathecal pumps. " +
		"The session is a cookie; requests that change something must come from the server's own origin. " +
		"A request with the header Cisterna-Passive: 1 does not count as the person doing something, " +
		"so that a page which refreshes itself does not keep an abandoned session open."
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: "__Host-cisterna", Description: "Set by POST /session. Over http://localhost its name is cisterna."},
		"token":   {Type: "http", Scheme: "bearer", Description: "An API token (POST /tokens), with the scope that the operation names. Not together with a session."},
	}
	return humago.New(mux, cfg)
}

// ServeHTTP serves requests whose path begins with Prefix.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.unserved(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store") // it may be about patients
	a.mux.ServeHTTP(w, r)
}

// methods are those that the API uses anywhere.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

// unserved answers a request that no operation takes: 405 if another method
// would be right, else 404.
func (a *API) unserved(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range methods {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := a.mux.Handler(other); pattern != "" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		WriteProblem(w, r, a.Log, NewProblem(http.StatusNotFound, "There is nothing at this address."))
		return
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	for _, m := range allowed {
		w.Header().Add("Allow", m)
	}
	WriteProblem(w, r, a.Log, NewProblem(http.StatusMethodNotAllowed, "This address does not take "+r.Method+"."))
}

// OpenAPI returns the description of the API.
func (a *API) OpenAPI() *huma.OpenAPI { return a.huma.OpenAPI() }

// Operations returns who may call which operation.
func Operations() map[string]Access { return maps.Clone(access) }
