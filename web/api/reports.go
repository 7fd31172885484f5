package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
)

// OrderWeek is what happened at one site in one week.
type OrderWeek struct {
	Site       ID     `json:"site"`
	Monday     string `json:"monday" format:"date" doc:"First day of the week, UTC."`
	Proposed   int64  `json:"proposed" doc:"Proposals that the checks let through."`
	Within     int64  `json:"within" doc:"Of those, without a soft limit or step passed."`
	SoftLimits int64  `json:"soft_limits" doc:"Soft limits passed with a reason."`
	SoftSteps  int64  `json:"soft_steps" doc:"Soft steps passed with a reason."`
	Caught     int64  `json:"caught" doc:"Proposals that a check refused."`
	Mismatches int64  `json:"mismatches" doc:"Blind entries that differed."`
	Applied    int64  `json:"applied"`
	Increases  int64  `json:"increases" doc:"Of those applied, more of something."`
	Alone      int64  `json:"alone" doc:"Acts of one person."`
}

func weekOf(w dosing.Week) OrderWeek {
	return OrderWeek{
		Site: id(w.Site), Monday: w.Monday.Format(time.DateOnly), Proposed: w.Proposed, Within: w.Within, SoftLimits: w.SoftLimits, SoftSteps: w.SoftSteps,
		Caught: w.Caught, Mismatches: w.Mismatches, Applied: w.Applied, Increases: w.Increases, Alone: w.Alone,
	}
}

// Verifier is somebody who can be put on call at a site.
type Verifier struct {
	Site ID     `json:"site"`
	User ID     `json:"user"`
	Name string `json:"name"`
	Role string `json:"role"`
}

type reportFileInput struct {
	Days int    `query:"days" minimum:"1" maximum:"3660" default:"90"`
	What string `query:"what" enum:"weeks,catches" default:"weeks"`
}

// reports registers what a site learns from its orders (reference/domain.md 4.4).
func (a *API) reports() {
	handle(a, op{id: "order-weeks", method: http.MethodGet, path: "/order-weeks", tag: "orders", summary: "What happened by site and week, newest first"},
		func(ctx context.Context, c Caller, in *struct {
			Days int `query:"days" minimum:"1" maximum:"3660" default:"90"`
		},
		) (*orderListOutput[OrderWeek], error) {
			all, err := a.Orders.Weeks(ctx, c.Scope(), daysAgo(a.Now(), in.Days))
			return listed(all, err, weekOf)
		})
	handle(a, op{
		id: "order-report-file", method: http.MethodGet, path: "/order-report/file", tag: "orders", summary: "A report as a file",
		describe: "text/csv of the weeks, or of what was caught and overridden, at most 500 lines of it. Cells that a spreadsheet would run as formulas are guarded.",
	},
		func(ctx context.Context, c Caller, in *reportFileInput) (*exportOutput, error) {
			return a.reportFile(ctx, c, in)
		})
	handle(a, op{id: "list-verifiers", method: http.MethodGet, path: "/verifiers", tag: "orders", summary: "Who can be put on call, by site"},
		func(ctx context.Context, c Caller, _ *struct{}) (*orderListOutput[Verifier], error) {
			all, err := a.verifiers(ctx, c)
			return listed(all, err, func(v Verifier) Verifier { return v })
		})
}

// verifiers are the colleagues with a role that verifies, whose accounts are open.
func (a *API) verifiers(ctx context.Context, c Caller) ([]Verifier, error) {
	all, err := a.Registry.Holders(ctx, c.Scope(), auth.Verifier, auth.Pharmacist)
	if err != nil {
		return nil, err
	}
	out := []Verifier{}
	for _, m := range all {
		account, err := a.Accounts.Account(ctx, m.User)
		if err != nil {
			return nil, err
		}
		if account.Disabled() {
			continue
		}
		out = append(out, Verifier{Site: id(m.Site), User: id(m.User), Name: account.Name, Role: string(m.Role)})
	}
	return out, nil
}

func (a *API) reportFile(ctx context.Context, c Caller, in *reportFileInput) (*exportOutput, error) {
	sites, err := a.Registry.Sites(ctx, c.Scope())
	if err != nil {
		return nil, err
	}
	short := map[int64]string{}
	for _, s := range sites {
		short[s.ID] = s.Short
	}
	since := daysAgo(a.Now(), in.Days)
	if in.What == "catches" {
		all, err := a.Orders.Catches(ctx, c.Actor, since, 500)
		if err != nil {
			return nil, err
		}
		lines := [][]string{{"at", "site", "pump", "order", "kind", "code", "detail"}}
		for _, x := range all {
			p, _ := a.Registry.Directory().ByID(x.Pump)
			order := ""
			if x.Order != 0 {
				order = fmt.Sprint(x.Order)
			}
			lines = append(lines, []string{instant(Time(x.At)), short[x.Site], p.Serial, order, x.Kind, x.Code, x.Detail})
		}
		return a.csvFile("cisterna-catches", lines)
	}
	all, err := a.Orders.Weeks(ctx, c.Scope(), since)
	if err != nil {
		return nil, err
	}
	lines := [][]string{{"monday", "site", "proposed", "within_library", "soft_limits_passed", "soft_steps_passed", "caught", "mismatches", "applied", "increases", "one_signature"}}
	for _, w := range all {
		line := []string{w.Monday.Format(time.DateOnly), short[w.Site]}
		for _, n := range []int64{w.Proposed, w.Within, w.SoftLimits, w.SoftSteps, w.Caught, w.Mismatches, w.Applied, w.Increases, w.Alone} {
			line = append(line, fmt.Sprint(n))
		}
		lines = append(lines, line)
	}
	return a.csvFile("cisterna-orders-by-week", lines)
}
