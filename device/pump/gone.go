package pump

import (
	"cmp"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// Gone is what a ledger remembers of an ingredient that is no longer at the tip: the
// line counts in volumes of what is there, and none of them holds it. If it comes back
// within a day, as the same drug does behind a filling of saline, its past counts again.
type Gone struct {
	_    struct{} `cbor:",toarray"`
	Code dose.Code
	Conc units.Conc // in the fluid in which it left
	At   Millis     // when it left
	Hour Pico       // of that fluid, as counted of the last hour
	Day  Pico
}

// maxGone bounds them: nobody is given so many drugs in a day.
const maxGone = 32

// become turns the ledger when another fluid reaches the tip.
func (l *Ledger) become(old, next dose.Contents, turn Rebase, now Millis) {
	hour, day := l.Sum-l.at(now-hourMS, now), l.Sum-l.at(now-dayMS, now)
	l.rebase(turn, now)
	var gone, back []Gone
	for _, g := range l.Gone {
		switch {
		case g.At <= now-dayMS || old.Conc(g.Code) > 0:
		case next.Conc(g.Code) > 0:
			back = append(back, g)
		default:
			gone = append(gone, g)
		}
	}
	for _, g := range old.Ingredients {
		if next.Conc(g.Code) == 0 && day > 0 {
			gone = append(gone, Gone{Code: g.Code, Conc: g.Conc, At: now, Hour: min(hour, most), Day: min(day, most)})
		}
	}
	if n := len(gone) - maxGone; n > 0 {
		slices.SortFunc(gone, func(a, b Gone) int { return cmp.Compare(a.At, b.At) })
		gone = gone[n:]
	}
	slices.SortFunc(gone, func(a, b Gone) int { return cmp.Compare(a.Code, b.Code) })
	l.Gone = gone
	l.owe(back, next, now)
}

// owe counts what came back at least as much as it counted when it left: of the hour
// before, as if given at its end, and the rest of the day as if at the beginning of
// that hour. The latest comes first, as it counts in longer windows as well.
func (l *Ledger) owe(back []Gone, next dose.Contents, now Millis) {
	type debt struct {
		at Millis
		v  Pico
	}
	var debts []debt
	for _, g := range back {
		for _, d := range [...]debt{{g.At, g.Hour}, {max(0, g.At-hourMS), g.Day}} {
			v, err := units.MulDiv(d.v, int64(g.Conc), int64(next.Conc(g.Code)), units.Ceil)
			if err != nil {
				v = most
			}
			debts = append(debts, debt{d.at, min(v, most)})
		}
	}
	slices.SortFunc(debts, func(a, b debt) int { return cmp.Compare(b.at, a.at) })
	for _, d := range debts {
		if v := d.v - (l.Sum - l.at(d.at-1, now)); v > 0 {
			l.lift(v, d.at, now)
		}
	}
}

// lift counts v more, at t.
func (l *Ledger) lift(v Pico, t, now Millis) {
	i := 0
	for i < len(l.Points) && l.Points[i].At < t {
		i++
	}
	sum := l.at(t, now)
	if i < len(l.Points) && l.Points[i].At == t {
		sum = l.Points[i].Sum // before what was counted at once there
	}
	points := append(slices.Clone(l.Points[:i]), Point{At: t, Sum: sum}, Point{At: t, Sum: sum + v})
	for _, p := range l.Points[i:] {
		points = append(points, Point{At: p.At, Sum: p.Sum + v})
	}
	l.Sum += v
	l.Points = short(points)
}

func (g *Gone) validAt(run Millis) bool {
	return g.Code > 0 && g.Conc > 0 && g.Conc <= dose.MaxConc && g.At >= 0 && g.At <= run && g.Hour >= 0 && g.Hour <= g.Day && g.Day <= most
}
