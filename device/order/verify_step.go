package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// steps compares what an aim gives of each ingredient with what runs, by the
// mean day and by the worst one, and while a bridge runs with what it gives.
func (x *exam) steps(a *aim) error {
	after, before := figures(a.contents, a.program, &x.v.Range), x.running()
	x.fallback = x.p.Act == ActProgram && x.v.State.Run == wire.Infusing && !x.v.Foreign && a.bridge == nil && x.gentler(a.program)
	for _, g := range a.entries {
		l := g.limit
		was, is := before[g.Code], after[g.Code]
		if l.SoftDay > 0 && is.worst > l.SoftDay && !x.flagged(FlagSoftLimit) {
			return refuse(ErrLimit, "%s of %s on the worst day, above the soft limit of %s without a reason", is.worst, g.Code, l.SoftDay)
		}
		if x.p.Act == ActAdopt {
			continue // what runs was not ordered by anybody here: there is no step to judge
		}
		x.fallback = x.fallback && g.drug.withinFallback(was, is)
		for _, s := range [...]struct{ from, to units.Mass }{{was.day, is.day}, {was.worst, is.worst}} {
			if err := x.oneStep(g.Code, l, x.risesFrom(g.Code, s.from, s.to), s.to); err != nil {
				return err
			}
		}
	}
	return nil
}

// gentler reports whether a program for the same contents gives less a day than
// the one that the pump has, and in no hour more.
func (x *exam) gentler(p *dose.Program) bool {
	old := &x.v.State.Program
	return meanOf(p) < meanOf(old) && worstOf(p, &x.v.Range).Hour <= worstOf(old, &x.v.Range).Hour
}

// running returns the figures of the program that the pump has, running or kept;
// empty if it has none.
func (x *exam) running() map[dose.Code]figure {
	if !x.v.State.therapy() {
		return nil
	}
	return figures(x.v.State.Contents, &x.v.State.Program, &x.v.Range)
}

// oneStep judges one increase. From nothing there is no percentage; such a step
// counts as one above the soft limit.
func (x *exam) oneStep(c dose.Code, l *DrugLimit, from, to units.Mass) error {
	if to <= from {
		return nil
	}
	x.increase = true
	by := to - from
	if l.HardStep > 0 && by > l.HardStep {
		return refuse(ErrLimit, "a step of %s of %s a day, at most %s", by, c, l.HardStep)
	}
	if from == 0 {
		x.soft = true
		return nil
	}
	if l.HardStepPM > 0 && overShare(by, from, l.HardStepPM) {
		return refuse(ErrLimit, "a step from %s to %s of %s a day, at most %d ‰", from, to, c, l.HardStepPM)
	}
	soft := l.SoftStep > 0 && by > l.SoftStep || l.SoftStepPM > 0 && overShare(by, from, l.SoftStepPM)
	if soft && !x.flagged(FlagSoftStep) {
		return refuse(ErrLimit, "a step from %s to %s of %s a day, above the soft limit without a reason", from, to, c)
	}
	x.soft = x.soft || soft
	return nil
}

// overShare reports whether by is more than so many thousandths of from.
func overShare(by, from units.Mass, permille uint64) bool {
	most, err := units.Scale(from, int64(permille), 1000, units.Floor)
	return err != nil || by > most
}

// withinFallback reports whether one ingredient falls, or stays, and by no more
// than the band in which one person may decrease it.
func (d *Drug) withinFallback(was, is figure) bool {
	if d.Fallback == 0 || is.day > was.day || is.worst > was.worst {
		return false
	}
	return !overShare(was.day-is.day, was.day, d.Fallback) && !overShare(was.worst-is.worst, was.worst, d.Fallback)
}
