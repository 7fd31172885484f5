package pump

import (
	"math"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// Ledger is what the ceilings count: the volume delivered to the patient as a
// function of running time over the last 24 hours, as a line through points. A
// line, and not a sum per hour, because a program that runs exactly at its
// ceiling must neither pass it nor be held.
type Ledger struct {
	Sum     Pico         `cbor:"1,keyasint"` // counted up to State.Run
	Points  []Point      `cbor:"2,keyasint"` // bends of the line, oldest first; before the first nothing counts
	Flow    Flow         `cbor:"3,keyasint"` // the flow since the last bend
	Ceiling dose.Ceiling `cbor:"4,keyasint"` // of what is at the catheter's tip
	// 5 was something else in earlier pumps.
	Gone []Gone `cbor:"6,keyasint,omitempty"` // other ingredients, of the last 24 hours, rising
}

// Point is a bend of the line.
type Point struct {
	_   struct{} `cbor:",toarray"`
	At  Millis
	Sum Pico
}

// Flow tells flows apart: volume and duration of the program's segment and of
// the stage. A held flow is unlike any other.
type Flow struct {
	_        struct{} `cbor:",toarray"`
	Volume   units.Volume
	Duration units.Seconds
	Stage    dose.Dose
	Held     Millis // names the line along which a ceiling holds it; 0 if none does
}

// Rebase is what becomes of the ledger when another fluid reaches the tip: the past
// counts Num/Den fold.
type Rebase struct {
	Ceiling dose.Ceiling `cbor:"1,keyasint"`
	Num     int64        `cbor:"2,keyasint"`
	Den     int64        `cbor:"3,keyasint"`
}

// maxPoints bounds the line: a day of 48 segments, 48 patient boluses and a few
// holds.
const maxPoints = 192

// most is what is counted at most of the past, in any volumes: no ceiling is above.
const most = Pico(dose.MaxVolume) * 1000

// slack allows for the roundings to whole picolitres along the line, so that a
// program exactly at a ceiling is not held. It is a hundredth of a nanolitre.
const slack = 10

// at returns the sum counted up to t. now is the running time of Sum.
func (l *Ledger) at(t, now Millis) Pico {
	lo, hi := 0, len(l.Points) // Points[lo].At ≤ t < Points[hi].At
	if hi == 0 || t < l.Points[0].At {
		if hi == 0 {
			return l.Sum
		}
		return l.Points[0].Sum
	}
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; l.Points[mid].At <= t {
			lo = mid
		} else {
			hi = mid
		}
	}
	from, toAt, toSum := l.Points[lo], now, l.Sum
	if hi < len(l.Points) {
		toAt, toSum = l.Points[hi].At, l.Points[hi].Sum
	}
	if t >= toAt || toSum == from.Sum {
		return toSum
	}
	part, err := units.MulDiv(toSum-from.Sum, t-from.At, toAt-from.At, units.Floor)
	if err != nil {
		return from.Sum // the lesser sum then: it counts more since
	}
	return from.Sum + part
}

// bendAfter returns the first bend later than t, or a time beyond any.
func (l *Ledger) bendAfter(t Millis) Millis {
	lo, hi := 0, len(l.Points) // the answer is in Points[lo:hi], or beyond
	for lo < hi {
		if mid := (lo + hi) / 2; l.Points[mid].At <= t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(l.Points) {
		return math.MaxInt64
	}
	return l.Points[lo].At
}

// lineAt names the straight line that the flow follows when a window's end at t
// holds it: the same at every t until the next bend.
func (l *Ledger) lineAt(t Millis, window int) Millis {
	for i := len(l.Points) - 1; i >= 0; i-- {
		if l.Points[i].At <= t {
			return l.Points[i].At + int64(window)
		}
	}
	return int64(window) // counted from nothing
}

// room returns how much may be counted from now until t without an hour or a day
// that ends at t passing its ceiling; it may be negative.
func (l *Ledger) room(t, now Millis) Pico {
	hour := int64(l.Ceiling.Hour)*1000 + l.at(t-hourMS, now)
	day := int64(l.Ceiling.Day)*1000 + l.at(t-dayMS, now)
	return min(hour, day) + slack - l.Sum
}

// byHour reports that the hour, not the day, leaves the least room at t.
func (l *Ledger) byHour(t, now Millis) bool {
	return int64(l.Ceiling.Hour)*1000+l.at(t-hourMS, now) <= int64(l.Ceiling.Day)*1000+l.at(t-dayMS, now)
}

// free reports that want may be counted at any pace from now on, because even
// nothing leaving the windows it fits.
func (l *Ledger) free(want Pico, now Millis) bool {
	return want <= l.room(now, now)
}

// turn makes a bend at now if the flow changes there.
func (l *Ledger) turn(f Flow, now Millis) {
	if f == l.Flow {
		return
	}
	l.Flow = f
	n := len(l.Points)
	if n > 0 && l.Points[n-1].At == now {
		return
	}
	// Keep one point that lies a day back or more; the rest is forgotten. The
	// points are shared with earlier states, so they are copied.
	first := 0
	for first+1 < n && l.Points[first+1].At <= now-dayMS {
		first++
	}
	points := make([]Point, 0, n-first+1)
	l.Points = short(append(append(points, l.Points[first:]...), Point{At: now, Sum: l.Sum}))
}

// jump counts v at once, at now.
func (l *Ledger) jump(v Pico, now Millis) {
	l.turn(Flow{Held: never}, now) // unlike any flow, so there is a bend at now
	l.Sum += v
	l.Points = short(append(slices.Clip(l.Points), Point{At: now, Sum: l.Sum}))
}

// short thins points until they are within their bound, beyond which Decode would
// take the pump's own memory for a damaged one. It writes to them.
func short(points []Point) []Point {
	for len(points) > maxPoints {
		points = thin(points)
	}
	return points
}

// thin drops one bend, so that the line never comes to lie above where it was: a
// line that is too low counts more since. The flattest bend that is open
// downwards goes; if there is none, the oldest point sinks.
func thin(points []Point) []Point {
	best, least := 0, int64(math.MaxInt64)
	for i := 1; i+1 < len(points); i++ {
		a, b, c := points[i-1], points[i], points[i+1]
		// Rounded up, or every bend that goes could lift the line by a picolitre.
		chord, err := units.MulDiv(c.Sum-a.Sum, b.At-a.At, c.At-a.At, units.Ceil)
		if err != nil {
			continue
		}
		if above := b.Sum - (a.Sum + chord); above >= 0 && above < least {
			best, least = i, above
		}
	}
	if best == 0 {
		points[1].Sum = points[0].Sum
	}
	return slices.Delete(points, best, best+1)
}

// rebase counts the past anew for other contents.
func (l *Ledger) rebase(b Rebase, now Millis) {
	l.Ceiling = b.Ceiling
	if b.Num == b.Den || len(l.Points) == 0 {
		return
	}
	l.turn(Flow{Held: never}, now) // whatever flows next bends here
	l.forget(now-dayMS, now)
	// Scaled is what was counted since a point. So what is too much to be counted is cut
	// off at the far end, and the last hour counts in any case.
	scale := func(since Pico) Pico {
		v, err := units.MulDiv(since, b.Num, b.Den, units.Ceil)
		if err != nil {
			return most
		}
		return min(v, most)
	}
	sum := l.Points[0].Sum + scale(l.Sum-l.Points[0].Sum)
	points := make([]Point, len(l.Points))
	for i, p := range l.Points {
		since := scale(l.Sum - p.Sum)
		if since == most && i+1 < len(points) {
			p.At = l.Points[i+1].At // or the line would rise from here to there, above where it is
		}
		points[i] = Point{At: p.At, Sum: sum - since}
	}
	l.Sum, l.Points = sum, points
}

// forget lets the line begin at t: what lies before it counts no more, and is not
// scaled with what does. A last bend may be months back.
func (l *Ledger) forget(t, now Millis) {
	if l.Points[0].At >= t {
		return
	}
	points := []Point{{At: t, Sum: l.at(t, now)}}
	for _, p := range l.Points {
		if p.At > t {
			points = append(points, p)
		}
	}
	l.Points = points
}

// ratio returns the Rebase from old to new contents: the past counts as the
// ingredient that the new ones hold least of, against the old.
func ratio(old, now dose.Contents, c dose.Ceiling) Rebase {
	b := Rebase{Ceiling: c, Num: 0, Den: 1}
	for _, g := range now.Ingredients {
		b = b.atLeast(int64(old.Conc(g.Code)), int64(g.Conc))
	}
	return b
}

// atLeast returns the turn that counts the past no less than num/den fold. None of the
// numbers is above 10⁸.
func (b Rebase) atLeast(num, den int64) Rebase {
	if num*b.Den > b.Num*den {
		b.Num, b.Den = num, den
	}
	return b
}
