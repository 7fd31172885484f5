package api

import (
	"bytes"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cisterna/internal/errs"
)

// arrived lets a request on once its body is here whole, if whoever sends it still
// may: a body can be on its way for as long as its sender likes, and meanwhile the
// session may end, the account be shut, a role or a token be taken away. It stands
// behind the first check, so that strangers have nothing kept for them.
func (a *API) arrived(who Access, limit int64) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		caller, _ := ctx.Context().Value(callerKey{}).(Caller)
		if who.Anyone || r.ContentLength == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next(ctx)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
		if err != nil {
			WriteProblem(w, r, a.Log, NewProblem(http.StatusBadRequest, "The request's body did not arrive whole."))
			return
		}
		if int64(len(body)) > limit { // it is refused for its size
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
			next(ctx)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if caller, err = a.still(r, caller, who.Enrolling); err == nil {
			if err = caller.scoped(who); err == nil {
				err = a.within(r.Context(), caller, who, ctx.Param)
			}
		}
		if err != nil {
			WriteProblem(w, r, a.Log, withCode(err, ctx.Operation().Tags))
			return
		}
		next(huma.WithValue(ctx, callerKey{}, caller))
	}
}

// still returns the caller with what they may do now. Errors are those of
// Authenticate; nothing is counted or noted a second time.
func (a *API) still(r *http.Request, c Caller, enrolling bool) (Caller, error) {
	if c.Key == nil {
		return a.signedIn(r.Context(), c, enrolling)
	}
	t, err := a.Tokens.Active(r.Context(), c.Key.Owner, c.Key.ID)
	if k := errs.KindOf(err); k == errs.Denied || k == errs.NotFound {
		err = bearer(errs.New(errs.Unauthorized, "The API token is not valid any more. Make another one."))
	}
	if err != nil {
		return Caller{}, err
	}
	return a.ownerOf(r.Context(), c, t)
}
