package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/dosing"
	"cisterna/internal/auth"
)

// proposals are the dose changes that wait in a new demo for somebody to check
// them, in thousandths of what the pump runs. Nothing is signed for anybody.
var proposals = []struct {
	permille int64
	why      string
	baclofen string // of a pump that holds baclofen
}{
	{1100, "Pain 7 of 10 on most mornings; no sedation, no nausea. One step up.", "Spasms at night, Ashworth 3 in both legs; no drowsiness. One step up."},
	{900, "Drowsy after lunch since the last step. One step back.", "Legs too weak to stand since the last step. One step back."},
}

// seedProposals lets the demo's prescriber propose dose changes once pumps have
// said what they run; a demo that has any order keeps those.
func seedProposals(ctx context.Context, a *App, log *slog.Logger) {
	miriam, err := demoActor(ctx, a, "miriam")
	if err != nil {
		return // a demo of other people
	}
	if had, err := a.Dosing.List(ctx, miriam.Scope(), dosing.Filter{}); err != nil || len(had) > 0 {
		return
	}
	pumps := pumpsAt(a, miriam.Scope().Sites[0])
	slices.Reverse(pumps) // the first ones are whom stories and readers begin with
	next := 0
	for try := 0; try < 30 && next < len(proposals); try++ {
		for i := 0; i < len(pumps) && next < len(proposals); i++ {
			wish, baclofen, ok := stepOf(ctx, a, miriam.Scope(), pumps[i].ID, proposals[next].permille)
			if !ok {
				continue
			}
			wish.Reason = proposals[next].why
			if baclofen {
				wish.Reason = proposals[next].baclofen
			}
			_, err := a.Dosing.Propose(ctx, miriam, dosing.Proposal{Pump: pumps[i].ID, Wish: wish})
			if err == nil {
				next++
			} else { // outside the limits, say: another pump
				log.Debug("the demo proposes no dose change", "pump", pumps[i].Serial, "error", err)
			}
			pumps = slices.Delete(pumps, i, i+1)
			i--
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second): // pumps are still reporting in
		}
	}
}

// stepOf is a wish for so many thousandths of the simple program that a pump runs;
// false for a pump that has not reported yet, that runs another one, or whose
// patient the library has no limits for.
func stepOf(ctx context.Context, a *App, scope auth.Scope, pump, permille int64) (w dosing.Wish, baclofen, ok bool) {
	t, err := a.Dosing.Therapy(ctx, scope, pump)
	if err != nil || len(t.Report.State.Program.Segments) != 1 {
		return w, false, false
	}
	c := t.Report.State.Contents
	g := t.Report.State.Program
	g.Segments = []dose.Segment{g.Segments[0]}
	g.Segments[0].Volume = g.Segments[0].Volume * units.Volume(permille) / 1000
	lib := &a.Libraries.Current().Library
	for _, name := range t.Groups {
		var group order.Group
		if group.UnmarshalText([]byte(name)) != nil {
			continue
		}
		if _, err := lib.Ceilings(c, group); err == nil {
			return dosing.Wish{Act: order.ActProgram, Group: group, Program: &g}, c.Ingredients[c.Primary].Code == dose.Baclofen, true
		}
	}
	return w, false, false
}
