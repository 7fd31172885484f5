package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/webauthn"
)

// Stepping up: an operation whose Access says StepUp is done for a person only with a
// fresh signature, by their own key, over exactly this request. Asked without
// one, the server answers 403 with the code step_up_required and what to sign;
// the page has it signed and sends the same request again with the header.

// StepUpHeader carries the signature: "v1." and nonce, credential, authenticator
// data, client data and signature in base64url, with points between.
const StepUpHeader = "Cisterna-Step-Up"

// StepUpAsk is what to sign before an operation is done.
type StepUpAsk struct {
	Nonce       string     `json:"nonce" doc:"Goes back in the header."`
	Challenge   string     `json:"challenge" doc:"32 bytes that the key signs. They cover the operation, method, path, query, body, session and nonce."`
	RPID        string     `json:"rp_id"`
	ExpiresAt   Time       `json:"expires_at" doc:"A signature that comes later does not count."`
	Credentials []AskedKey `json:"credentials" doc:"The person's keys that count. With none, they have to enrol one first."`
	Software    bool       `json:"software" doc:"A page may make a software key and sign with it: only in a demo."`
}

// AskedKey is a key that may answer.
type AskedKey struct {
	ID   string `json:"id" doc:"In base64url."`
	Kind string `json:"kind" enum:"passkey,software"`
}

// party is the server as browsers know it.
func (a *API) party() auth.Party {
	u, err := url.Parse(a.Origin)
	if err != nil {
		return auth.Party{Origin: a.Origin}
	}
	return auth.Party{RPID: u.Hostname(), Origin: a.Origin}
}

// stepUp lets through what the person has just signed for. Who has none of the
// roles anywhere is turned away before they are asked to sign, unless it depends
// on the thing what they are told.
func (a *API) stepUp(id string, who Access, limit int64) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c, _ := ctx.Context().Value(callerKey{}).(Caller)
		if c.IsToken() { // it was let in by its scope
			next(ctx)
			return
		}
		if !who.Of.One() && who.Roles != nil && !c.HasAnywhere(who.Roles...) {
			WriteProblem(w, r, a.Log, withCode(errs.Deniedf("Your roles do not allow that."), ctx.Operation().Tags))
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		if err != nil {
			WriteProblem(w, r, a.Log, NewProblem(http.StatusBadRequest, "The request's body did not arrive whole."))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if int64(len(body)) > limit {
			next(ctx) // it is refused for its size
			return
		}
		op := auth.Operation{ID: id, Method: r.Method, Target: r.URL.RequestURI(), Body: sha256.Sum256(body)}
		if err := a.confirmed(ctx.Context(), c, op, r.Header.Values(StepUpHeader)); err != nil {
			WriteProblem(w, r, a.Log, err)
			return
		}
		next(ctx)
	}
}

// confirmed returns nil if the header holds a signature for the operation.
func (a *API) confirmed(ctx context.Context, c Caller, op auth.Operation, header []string) error {
	if len(header) == 0 {
		return a.askStepUp(ctx, c, op)
	}
	signed, err := parseStepUp(header)
	if err != nil {
		return err
	}
	err = a.Accounts.StepUp(ctx, a.party(), c.Session, op, signed)
	if errs.KindOf(err) == errs.Denied && !errors.As(err, new(*auth.Throttled)) {
		p := ProblemOf(err)
		p.Code, p.Title = "step_up_refused", "Not confirmed"
		return p
	}
	return err
}

func (a *API) askStepUp(ctx context.Context, c Caller, op auth.Operation) error {
	ask, keys, err := a.Accounts.AskStepUp(ctx, a.party(), c.Session, op)
	if err != nil {
		return err
	}
	p := NewProblem(http.StatusForbidden, "This needs your confirmation with your passkey, each time. Sign for it and send the request again.")
	p.Code, p.Title = "step_up_required", "Confirm with your passkey"
	if len(keys) == 0 && !a.Accounts.Demo() {
		p.Detail = "This needs your confirmation with a passkey, and you have none that counts here. Ask two administrators for a one-time code, then enrol one."
	}
	p.StepUp = &StepUpAsk{
		Nonce: encode(ask.Nonce[:]), Challenge: encode(ask.Bytes[:]), RPID: a.party().RPID, ExpiresAt: Time(ask.ExpiresAt), Software: a.Accounts.Demo(),
		Credentials: make([]AskedKey, len(keys)),
	}
	for i, k := range keys {
		p.StepUp.Credentials[i] = AskedKey{ID: encode(k.Credential), Kind: string(k.Kind)}
	}
	return p
}

// parseStepUp reads the header.
func parseStepUp(values []string) (auth.Signed, error) {
	bad := errs.Invalidf("The header %s is not as it must be: v1 and five parts in base64url, once.", StepUpHeader)
	if len(values) != 1 {
		return auth.Signed{}, bad
	}
	parts := strings.Split(values[0], ".")
	if len(parts) != 6 || parts[0] != "v1" {
		return auth.Signed{}, bad
	}
	var raw [5][]byte
	for i, p := range parts[1:] {
		var err error
		if raw[i], err = decode(p); err != nil || len(raw[i]) == 0 {
			return auth.Signed{}, bad
		}
	}
	if len(raw[0]) != 32 {
		return auth.Signed{}, bad
	}
	return auth.Signed{
		Nonce: auth.Nonce(raw[0]), Credential: raw[1],
		Assertion: webauthn.Assertion{AuthenticatorData: raw[2], ClientDataJSON: raw[3], Signature: raw[4]},
	}, nil
}

var base64url = base64.RawURLEncoding.Strict()

func encode(b []byte) string { return base64url.EncodeToString(b) }

// decode reads base64url, without line breaks, which the standard library would
// skip.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("a line break in base64url")
	}
	return base64url.DecodeString(s)
}

// member decodes a member of a body.
func member(name, s string) ([]byte, error) {
	b, err := decode(s)
	if err != nil {
		return nil, errs.InvalidField(name, "It is not base64url.")
	}
	return b, nil
}

// nonceMember decodes a challenge's nonce.
func nonceMember(s string) (auth.Nonce, error) {
	b, err := decode(s)
	if err != nil || len(b) != 32 {
		return auth.Nonce{}, errs.InvalidField("nonce", "It is not a nonce that this server gave.")
	}
	return auth.Nonce(b), nil
}

// stepUpOf describes stepping up in the OpenAPI document.
func stepUpOf(h *huma.Operation) {
	h.Extensions["x-step-up"] = true
	h.Parameters = append(h.Parameters, &huma.Param{
		Name: StepUpHeader, In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "The caller's signature over this request: asked without, the answer is 403 with the code step_up_required and what to sign.",
	})
	if !slices.Contains(h.Errors, http.StatusForbidden) {
		h.Errors = append(h.Errors, http.StatusForbidden)
	}
}
