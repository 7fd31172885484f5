package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Problem is every answer that is not a success, after RFC 9457.
type Problem struct {
	Type      string         `json:"type" doc:"Always about:blank: code says what kind of problem it is."`
	Title     string         `json:"title" doc:"The kind of problem, in words."`
	Status    int            `json:"status" doc:"The HTTP status."`
	Detail    string         `json:"detail" doc:"What happened, and what to do, for people."`
	Code      string         `json:"code" doc:"The kind of problem, stable." enum:"invalid,malformed,unauthorized,denied,enrol_first,step_up_required,step_up_refused,visit_locked,cross_origin,not_found,method_not_allowed,not_acceptable,timeout,gone,conflict,too_large,unsupported_media_type,precondition_failed,precondition_required,repeated,misdirected,upgrade_required,throttled,internal,unavailable"`
	RequestID string         `json:"request_id" doc:"Names this request in the server's log."`
	Errors    []FieldProblem `json:"errors,omitempty" doc:"What is wrong with which input."`
	StepUp    *StepUpAsk     `json:"step_up,omitempty" doc:"What to sign, with the code step_up_required."`
	after     int            // seconds, for Retry-After
	bearer    bool           // an API token was not taken
}

// FieldProblem says what is wrong with one input. It never repeats the input: it
// may be a password.
type FieldProblem struct {
	Location string `json:"location" doc:"Such as body.serial or query.from."`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty" doc:"What to do about it, with a code of orders in location."`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders returns the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(p.after))
	}
	if p.bearer && p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="Cisterna", error="invalid_token"`)
	}
	return h
}

// kinds is the one table from kinds of failure to HTTP.
var kinds = map[errs.Kind]struct {
	status int
	title  string
}{
	errs.Internal:     {http.StatusInternalServerError, "The server failed"},
	errs.Invalid:      {http.StatusUnprocessableEntity, "The request is not valid"},
	errs.NotFound:     {http.StatusNotFound, "There is no such thing"},
	errs.Gone:         {http.StatusGone, "No longer kept"},
	errs.Conflict:     {http.StatusConflict, "That is not possible now"},
	errs.Denied:       {http.StatusForbidden, "Not allowed"},
	errs.Unauthorized: {http.StatusUnauthorized, "Not signed in"},
	errs.Throttled:    {http.StatusTooManyRequests, "Too many attempts"},
	errs.Unavailable:  {http.StatusServiceUnavailable, "Not available now"},
}

// statuses gives codes and titles to problems of HTTP itself.
var statuses = map[int]struct{ code, title string }{
	http.StatusBadRequest:            {"malformed", "The request cannot be read"},
	http.StatusUnauthorized:          {"unauthorized", "Not signed in"},
	http.StatusForbidden:             {"denied", "Not allowed"},
	http.StatusNotFound:              {"not_found", "There is no such thing"},
	http.StatusMethodNotAllowed:      {"method_not_allowed", "That cannot be done with this address"},
	http.StatusNotAcceptable:         {"not_acceptable", "No such form of the answer"},
	http.StatusRequestTimeout:        {"timeout", "The request took too long to arrive"},
	http.StatusRequestEntityTooLarge: {"too_large", "The request is too large"},
	http.StatusUnsupportedMediaType:  {"unsupported_media_type", "The request has the wrong media type"},
	http.StatusPreconditionFailed:    {"precondition_failed", "It has changed"},
	http.StatusPreconditionRequired:  {"precondition_required", "Which version is meant"},
	http.StatusMisdirectedRequest:    {"misdirected", "This server has another name"},
	http.StatusUnprocessableEntity:   {"invalid", "The request is not valid"},
	http.StatusUpgradeRequired:       {"upgrade_required", "This address speaks websocket only"},
	http.StatusServiceUnavailable:    {"unavailable", "Not available now"},
}

// NewProblem returns a problem of HTTP itself.
func NewProblem(status int, detail string) *Problem {
	s, ok := statuses[status]
	if !ok {
		s.code, s.title = "internal", http.StatusText(status)
	}
	return &Problem{Type: "about:blank", Title: s.title, Status: status, Code: s.code, Detail: detail}
}

// ProblemOf turns any error into what is shown of it. Errors that are not for
// people show nothing of themselves.
func ProblemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		q := *p
		return &q
	}
	kind := errs.KindOf(err)
	if kind == errs.Internal && outage(err) {
		err = errs.Wrap(errs.Unavailable, err, "The server cannot reach its database, or it took too long. Nothing is known to have changed; look before you try again.")
		kind = errs.Unavailable
	}
	k := kinds[kind]
	p := &Problem{Type: "about:blank", Title: k.title, Status: k.status, Code: string(kind), Detail: errs.Message(err)}
	if kind == errs.Internal {
		p.Code = "internal"
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		if e.Field != "" {
			p.Errors = append(p.Errors, FieldProblem{Location: e.Field, Message: e.Message})
		}
		for _, f := range e.Fields {
			p.Errors = append(p.Errors, FieldProblem{Location: f.Name, Message: f.Message})
		}
	}
	p.Errors = append(p.Errors, refusalsOf(err)...)
	if t, ok := errors.AsType[*auth.Throttled](err); ok {
		p.after = int(t.After.Seconds())
	}
	return p
}

// outage reports whether err is the database being away or slow, and no defect.
func outage(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	code := postgres.Code(err)
	return errors.Is(err, context.DeadlineExceeded) ||
		strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "53") || code == "57014"
}

// requestID is the key of a request's id in its context.
type requestID struct{}

// WithRequestID returns a context that carries a request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestID{}, id)
}

// RequestID returns the id of the request that ctx belongs to.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}

// WriteProblem answers a request with what is to be shown of err, and logs what
// is not.
func WriteProblem(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	p := ProblemOf(err)
	p.RequestID = RequestID(r.Context())
	note(r.Context(), log, p, err)
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	h := w.Header()
	h.Set("Content-Type", p.ContentType(""))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(p) // a client that is gone needs no answer
	}
}

// note logs an error that the client is not told about.
func note(ctx context.Context, log *slog.Logger, p *Problem, err error) {
	if p.Status >= 500 && !errors.Is(err, context.Canceled) {
		log.ErrorContext(ctx, "request failed", "request_id", RequestID(ctx), "status", p.Status, "error", err)
	}
}

func init() {
	// The names of members are what they are; a member in another case is
	// unknown. Without this, a body may carry a value past its limits.
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, msg string, details ...error) huma.StatusError {
		return humaProblem(status, msg, details)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, details ...error) huma.StatusError {
		p := humaProblem(status, msg, details)
		p.RequestID = RequestID(ctx.Context())
		if o := ctx.Operation(); o != nil && aboutOrders(o.Tags) {
			p.code(errs.Kind(p.Code))
		}
		return p
	}
}

// humaProblem gives what huma finds wrong with a request our form.
func humaProblem(status int, msg string, details []error) *Problem {
	p := NewProblem(status, msg)
	switch status {
	case http.StatusUnprocessableEntity:
		p.Detail = "Some of the input is missing or not as it must be."
	case http.StatusInternalServerError:
		p.Detail = errs.Message(nil)
		return p
	case http.StatusRequestEntityTooLarge:
		p.Detail = "The request has more bytes than this address takes."
	case http.StatusUnsupportedMediaType:
		p.Detail = "The body's media type is not one that this address takes."
	}
	for _, err := range details {
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			p.Errors = append(p.Errors, FieldProblem{Location: d.Location, Message: d.Message})
			continue
		}
		p.Errors = append(p.Errors, FieldProblem{Location: "body", Message: err.Error()})
	}
	return p
}
