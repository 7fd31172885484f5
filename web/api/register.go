package api

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cisterna/internal/errs"
)

// Limits of bodies, in bytes.
const (
	maxBody   = 64 << 10
	maxImport = 4 << 20
)

type callerKey struct{}

// op describes an operation briefly.
type op struct {
	id, method, path, summary, tag string
	status                         int      // of success; 0 = 200
	body                           int64    // largest request; 0 = maxBody
	takes                          []string // media types of bodies; nil = JSON
	describe                       string
	problems                       []int // beyond those that every operation has
	tagged                         bool  // it answers 304 to a tag that is current
	streams                        bool  // its answer is written as it is made and may be large: no key holds it back, and none is kept
	repeatable                     bool  // doing it twice ends as doing it once: so is done if the answer to a key was lost
}

// handle registers an operation. The handler is told who calls; it is not called
// for people who are not signed in unless the operation is for anyone. Any error
// that it returns is shown as a problem.
//
// A POST with a key that was carried out before is answered as then (see
// idempotent). If the answer was lost in a crash, afterwards, if given, reads it
// from how things are now; a repeatable operation is done again; else the client
// is told to look for itself.
func handle[I, O any](a *API, o op, handler func(context.Context, Caller, *I) (*O, error), afterwards ...func(context.Context, Caller, *I) (*O, error)) {
	who, ok := access[o.id]
	if !ok || a.done[o.id] {
		panic(fmt.Sprintf("api: operation %s is not in the table of access, or there twice", o.id))
	}
	a.done[o.id] = true
	if o.status == 0 {
		o.status = http.StatusOK
	}
	if o.body == 0 {
		o.body = maxBody
	}
	if o.takes == nil {
		o.takes = []string{"application/json"}
	}
	h := huma.Operation{
		OperationID: o.id, Method: o.method, Path: Prefix + o.path, Summary: o.summary, Description: o.describe, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: o.body, Errors: problemsOf(who, o), Extensions: map[string]any{"x-roles": rolesOf(who)},
		Middlewares: huma.Middlewares{a.identify(who), a.mediaType(o.takes), a.arrived(who, o.body)},
	}
	if who.StepUp { // before idempotency: an answer of before is no less sensitive
		h.Middlewares = append(h.Middlewares, a.stepUp(o.id, who, o.body))
		stepUpOf(&h)
	}
	if o.method == http.MethodPost && !who.Anyone && !o.streams {
		h.Parameters = append(h.Parameters, keyParam())
		h.Middlewares = append(h.Middlewares, a.idempotent(o))
	}
	if o.tagged {
		h.Responses = map[string]*huma.Response{"304": {Description: "It is as the If-None-Match says."}}
	}
	if !who.Anyone {
		h.Security = []map[string][]string{{"session": {}}}
		if who.Token != "" {
			h.Security = append(h.Security, map[string][]string{"token": {}})
			h.Extensions["x-scope"] = string(who.Token)
		}
	}
	huma.Register(a.huma, h, func(ctx context.Context, in *I) (*O, error) {
		caller, _ := ctx.Value(callerKey{}).(Caller)
		do := handler
		if wasLost(ctx) && !o.repeatable {
			do = func(context.Context, Caller, *I) (*O, error) { return nil, repeated() }
			if len(afterwards) > 0 {
				do = afterwards[0]
			}
		}
		out, err := do(ctx, caller, in)
		if err != nil {
			p := ProblemOf(err)
			if aboutOrders(h.Tags) {
				p.code(errs.KindOf(err))
			}
			p.RequestID = RequestID(ctx)
			locate(p, o.method)
			note(ctx, a.Log, p, err)
			return nil, p
		}
		return out, nil
	})
}

// locate completes the names of inputs that a domain package refused: it knows
// the member, not where it stood.
func locate(p *Problem, method string) {
	where := "body."
	if method == http.MethodGet {
		where = "query."
	}
	for i, f := range p.Errors {
		if !strings.Contains(f.Location, ".") {
			p.Errors[i].Location = where + f.Location
		}
	}
}

// identify finds out who calls and turns strangers away.
func (a *API) identify(who Access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		caller := a.stranger(r)
		if !who.Anyone {
			var err error
			if caller, err = a.authenticate(r, who.Enrolling); err != nil {
				WriteProblem(w, r, a.Log, err)
				return
			}
			name(r.Context(), caller)
			err = caller.scoped(who)
			if err == nil {
				err = a.within(r.Context(), caller, who, ctx.Param)
			}
			if err != nil {
				WriteProblem(w, r, a.Log, withCode(err, ctx.Operation().Tags))
				return
			}
		}
		next(huma.WithValue(ctx, callerKey{}, caller))
	}
}

// mediaType refuses bodies that do not say what they are. It is also what makes
// a browser ask first before it lets another site's page send one.
func (a *API) mediaType(takes []string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if r.ContentLength != 0 && r.Method != http.MethodGet && r.Method != http.MethodHead {
			given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
			for _, t := range takes {
				if err == nil && given == t {
					next(ctx)
					return
				}
			}
			WriteProblem(w, r, a.Log, NewProblem(http.StatusUnsupportedMediaType, fmt.Sprintf("The body must be of type %s, and say so.", takes[0])))
			return
		}
		next(ctx)
	}
}

// rolesOf returns the roles for the OpenAPI document.
func rolesOf(who Access) []string {
	switch {
	case who.Anyone:
		return []string{"anyone"}
	case who.Roles == nil:
		return []string{"signed in"}
	}
	out := make([]string, len(who.Roles))
	for i, r := range who.Roles {
		out[i] = string(r)
	}
	return out
}

// problemsOf returns the statuses that an operation may answer with beside its
// success.
func problemsOf(who Access, o op) []int {
	var out []int
	if !who.Anyone {
		out = append(out, http.StatusUnauthorized)
	}
	if who.Roles != nil || who.Token != "" || o.method != http.MethodGet {
		out = append(out, http.StatusForbidden)
	}
	if who.Of.One() {
		out = append(out, http.StatusNotFound)
	}
	if o.method == http.MethodPost || o.method == http.MethodPut {
		out = append(out, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.method == http.MethodPost && !who.Anyone {
		out = append(out, http.StatusConflict) // of the key
	}
	out = append(append(out, o.problems...), http.StatusInternalServerError, http.StatusServiceUnavailable)
	slices.Sort(out)
	return slices.Compact(out)
}

// personKey is the key of where a request notes who made it, for its log line.
type personKey struct{}

// WithPerson returns a context in which the API notes the account that makes the
// request.
func WithPerson(ctx context.Context, to *int64) context.Context {
	return context.WithValue(ctx, personKey{}, to)
}

func name(ctx context.Context, c Caller) {
	if to, ok := ctx.Value(personKey{}).(*int64); ok {
		*to = c.ID
	}
}
