package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/web/api"
)

// codeOf returns the codes that a refusal names, and what of them is wrong.
func codeOf(r response) (codes []string, wrong string) {
	all, _ := r.json()["errors"].([]any)
	for _, x := range all {
		f, _ := x.(map[string]any)
		at, _ := f["location"].(string)
		code, ok := strings.CutPrefix(at, "order.")
		if !ok {
			continue
		}
		codes = append(codes, code)
		switch {
		case !slices.Contains(refusal.Codes(), order.Code(code)):
			wrong = code + " is not documented"
		case f["remedy"] != refusal.Remedy(order.Code(code)):
			wrong = code + " has another remedy than the page"
		case f["message"] == "":
			wrong = code + " says nothing"
		}
	}
	if len(codes) == 0 {
		wrong = "it has no code"
	}
	return codes, wrong
}

// Every refusal about orders, whose signatures count and the drug library has a
// documented code and its remedy: whoever asks, for whatever is there, is not there
// or is nonsense.
func TestEveryRefusalOfOrdersHasACode(t *testing.T) {
	f := newFixture(t)
	all, attempts := f.personas(), f.orderAttempts()
	met, refused := map[string]bool{}, 0
	look := func(what string, r response) {
		switch r.status {
		case http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusGone:
		default:
			return
		}
		if r.code() == string(locked) || r.code() == "enrol_first" || strings.HasPrefix(r.code(), "step_up") {
			return // about the session, before anything of orders
		}
		refused++
		codes, wrong := codeOf(r)
		if wrong != "" {
			t.Errorf("%s: %d %.300s: %s", what, r.status, r.body, wrong)
		}
		for _, c := range codes {
			met[c] = true
		}
	}
	table := api.Operations()
	for _, op := range slices.Sorted(maps.Keys(attempts)) {
		if _, ok := table[op]; !ok {
			t.Fatalf("there is no operation %s", op)
		}
		for _, p := range all {
			if !p.signed || p.scopes != nil {
				continue
			}
			c := *p.client
			a := attempts[op]()
			look(op+" by "+p.name, c.do(a.method, a.path, a.body))
			if a.method != http.MethodGet {
				look(op+" with nothing in it, by "+p.name, c.do(a.method, a.path, map[string]any{}))
			}
		}
	}
	t.Logf("%d refusals with %v", refused, slices.Sorted(maps.Keys(met)))
	if refused < 200 {
		t.Errorf("only %d refusals were met", refused)
	}
	for _, c := range []order.Code{refusal.Role, refusal.Missing, refusal.Input, refusal.Step, refusal.Status, order.ErrSig} {
		if !met[string(c)] {
			t.Errorf("%s was not met", c)
		}
	}
}
