package api

import (
	"errors"
	"slices"
	"strings"

	"cisterna/device/order"
	"cisterna/fleet/dosing"
	"cisterna/fleet/refusal"
	"cisterna/internal/errs"
)

// codeAt is where a problem names the code of a refusal, among its inputs.
const codeAt = "order."

// codeTags are the parts of the API whose every refusal has a code
// (docs/orders.md): orders, whose signatures count, and the drug library.
var codeTags = []string{"orders", "trust", "library"}

func aboutOrders(tags []string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return slices.Contains(codeTags, t) })
}

func coded(c order.Code, message string) FieldProblem {
	return FieldProblem{Location: codeAt + string(c), Message: message, Remedy: refusal.Remedy(c)}
}

// refusalsOf names the code of a refusal: each of those that a pump would give, or
// the one that the platform gave.
func refusalsOf(err error) (out []FieldProblem) {
	if e, ok := errors.AsType[*dosing.CheckError](err); ok {
		for _, r := range e.Refusals {
			out = append(out, coded(r.Code, r.Detail+". "+refusal.Remedy(r.Code)))
		}
		return out
	}
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Reason != "" {
		out = append(out, coded(order.Code(e.Reason), e.Message))
	}
	return out
}

// code gives a refusal that another package made the code of its kind, if it has
// none yet.
func (p *Problem) code(kind errs.Kind) {
	if slices.ContainsFunc(p.Errors, func(f FieldProblem) bool { return strings.HasPrefix(f.Location, codeAt) }) {
		return
	}
	if c, ok := refusal.Default(kind); ok {
		p.Errors = append(p.Errors, coded(c, p.Detail))
	}
}

// withCode is code for an error that does not come from a handler.
func withCode(err error, tags []string) error {
	kind := errs.KindOf(err)
	if _, ok := refusal.Default(kind); !ok || !aboutOrders(tags) {
		return err
	}
	p := ProblemOf(err)
	p.code(kind)
	return p
}
