package dosing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/fleet/library"
)

// paceWindow is how far back increases are looked at: the longest wait that a library
// may ask for.
const paceWindow = 28 * 24 * time.Hour

// guide adds to a finding what the library says beside its signed document: how soon
// a dose may rise again, and how long what is in the reservoir keeps. The pump knows
// neither; too soon a step is refused here until it carries a reason, as one above
// the soft step is.
func (s *Service) guide(ctx context.Context, sit *situation, p *order.Prescription, f *Finding) error {
	if p.Act != order.ActProgram || p.Program == nil || p.Contents == nil {
		return nil
	}
	f.Notices = append(f.Notices, keeping(&sit.view.Library.Library, *p.Contents, p.Program, sit.report.Volume)...)
	f.Raised = raised(p, sit)
	v, ok := s.Libraries.ByHash(sit.told.Library)
	if !ok || len(f.Raised) == 0 {
		return nil
	}
	past, err := readRaises(ctx, s.DB, sit.pump.ID, sit.patient.ID, s.Now().Add(-paceWindow))
	if err != nil {
		return err
	}
	why := slices.ContainsFunc(p.Flags, func(x order.Flag) bool { return x.Code == order.FlagSoftStep })
	for _, c := range f.Raised {
		pace, ok := v.Annex.Pace(c)
		if !ok {
			continue
		}
		for _, text := range tooSoon(c, pace, past, s.Now()) {
			if why {
				f.Notices = append(f.Notices, text)
			} else {
				f.Refusals = append(f.Refusals, order.Found{Step: order.StepLimits, Refusal: order.Refusal{Code: order.ErrLimit, Detail: text + ", a soft limit of steps, without a reason"}})
			}
		}
	}
	return nil
}

// raise is an applied order that gave more of something.
type raise struct {
	at    time.Time
	codes []dose.Code
}

// tooSoon says what of a drug's pace another increase now would pass.
func tooSoon(c dose.Code, p library.Pace, past []raise, now time.Time) (out []string) {
	last, week := time.Time{}, 0
	for _, r := range past {
		if !slices.Contains(r.codes, c) {
			continue
		}
		if r.at.After(last) {
			last = r.at
		}
		if now.Sub(r.at) < 7*24*time.Hour {
			week++
		}
	}
	if gap := time.Duration(p.MinGap) * time.Second; !last.IsZero() && now.Before(last.Add(gap)) {
		out = append(out, fmt.Sprintf("%s was raised %s ago; the library asks for %s between steps, until %s UTC", c, units.Seconds(now.Sub(last)/time.Second), p.MinGap, last.Add(gap).UTC().Format("2006-01-02 15:04")))
	}
	if p.Max7d > 0 && week >= int(p.Max7d) {
		out = append(out, fmt.Sprintf("%s was raised %d times in seven days; the library allows %d", c, week, p.Max7d))
	}
	return out
}

// raised returns the ingredients that a program gives more of a day than what runs.
// From nothing is a first order, which three people sign, and no step.
func raised(p *order.Prescription, sit *situation) (out []dose.Code) {
	before := map[dose.Code]units.Mass{}
	for _, c := range order.ChecksOf(sit.report.State.Contents, &sit.report.State.Program, &sit.view.Range, nil, nil) {
		before[c.Code] = c.Day
	}
	for _, c := range p.Checks {
		if was := before[c.Code]; was > 0 && c.Day > was {
			out = append(out, c.Code)
		}
	}
	return out
}

// keeping says when contents outlast what is known of their stability at a program's
// mean day (reference/domain.md 2.2).
func keeping(l *order.Library, c dose.Contents, p *dose.Program, left units.Volume) []string {
	keeps := l.Stability(c)
	if keeps == 0 {
		return []string{"How long these contents keep in a reservoir is not known: refill early, and note when they were filled"}
	}
	day, err := p.MeanDay()
	if err != nil || day <= 0 || left <= 0 {
		return nil
	}
	// More than the stability lasts: left / day > keeps, without a division.
	if int64(left)/int64(day) < int64(keeps/units.Day) {
		return nil
	}
	return []string{fmt.Sprintf("At this program the reservoir lasts %d days, and its contents keep %d: refill it within %d days of its filling, whatever is left", int64(left)/int64(day), int64(keeps/units.Day), int64(keeps/units.Day))}
}
