package emulator

import "slices"

// reference is what a pump should have delivered and obeyed: written apart from
// the pump, from ORDERS.md alone, for the few kinds of program that the
// interleavings use. Times are Unix milliseconds by the world's clock; flows are in
// picolitres / 86,400, in which every one of these programs is a whole number.
type reference struct {
	now    int64
	sum    int64   // delivered
	line   []piece // what the ceilings count, oldest first
	quart  [4]int64
	ptm    bool
	have   bool // there is a program
	on     bool // it runs
	bolus  piece
	prime  piece
	fails  bool  // a priming bolus was cut: nothing flows until it is primed again
	primed int64 // of sum, by priming: the ceilings do not count it
	drift  int64 // schedule's clock minus the world's, ms
	zone   int64 // ms east of UTC
	skew   int64 // real-time clock minus the world's, ms

	gen, counter, stops uint64
	trusted             bool
	windows             []refWindow
	answered            map[int]bool // by document: was it applied
	given               map[int]bool // prescriptions that were carried out
	withdrawn           map[int]bool
	halts               []int64 // of stops
	presses             []int64
	locked              int64
}

// piece is a flow over a time; from == to is a volume at once.
type piece struct{ from, to, flow int64 }

type refWindow struct {
	nonce [16]byte
	born  int64
}

const (
	refDay, refHour, refMinute = 86_400_000, 3_600_000, 60_000
	refUnit                    = 86_400 * 1000 // of a nanolitre
)

// paper is a document as it was signed.
type paper struct {
	id     int
	act    string
	of     int // prescription that a withdrawal takes back
	gen    uint64
	number uint64
	window [16]byte
	at     int64 // the world's seconds
	quart  [4]int64
	ptm    bool
	volume int64 // nL, of a bolus or a priming bolus
	over   int64 // s
	zone   int64
	excess bool // above a limit
}

// live moves to now.
func (r *reference) live(now int64) {
	for r.now < now {
		end := now
		local := r.now + r.drift + r.zone
		if next := r.now + 6*refHour - mod(local, 6*refHour); next < end {
			end = next
		}
		if r.bolus.flow > 0 && r.bolus.to < end {
			end = r.bolus.to
		}
		if r.prime.flow > 0 && r.prime.to < end {
			end = r.prime.to
		}
		flow := int64(0)
		switch {
		case r.prime.flow > 0: // in place of the program, whether that runs or not
			r.sum += r.prime.flow * (end - r.now)
			r.primed += r.prime.flow * (end - r.now)
		case r.on && !r.fails:
			flow = 4*r.quart[mod(local, refDay)/(6*refHour)] + r.bolus.flow
		}
		r.sum += flow * (end - r.now)
		r.line = append(r.line, piece{r.now, end, flow})
		r.now = end
		if r.now == r.bolus.to {
			r.bolus = piece{}
		}
		if r.now == r.prime.to {
			r.prime = piece{}
		}
	}
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// renew is the pump looking at its windows.
func (r *reference) renew(current [16]byte) {
	if n := len(r.windows); n == 0 || r.now-r.windows[n-1].born >= 15*refMinute {
		r.windows = append(r.windows, refWindow{current, r.now})
	}
}

func (r *reference) within(nonce [16]byte, last int) bool {
	for i := max(0, len(r.windows)-last); i < len(r.windows); i++ {
		if w := r.windows[i]; w.nonce == nonce {
			return r.now-w.born <= int64(last)*15*refMinute
		}
	}
	return false
}

// counted is what the ceilings count of the last span, in nL rounded up.
func (r *reference) counted(span int64) int64 {
	sum, from := int64(0), r.now-span
	for i := len(r.line) - 1; i >= 0 && (r.line[i].to > from || r.line[i].from == r.line[i].to && r.line[i].to >= from); i-- {
		p := r.line[i]
		if p.from == p.to {
			sum += p.flow
		} else {
			sum += p.flow * (p.to - max(p.from, from))
		}
	}
	return (sum + refUnit - 1) / refUnit
}

// room says whether a bolus fits: yes, no, or too close to tell apart roundings.
func (r *reference) room(volume int64, planned bool) (fits, close bool) {
	hour, day := r.counted(refHour), r.counted(refDay)
	if planned {
		worstHour, worstDay := int64(0), int64(0)
		for _, q := range r.quart {
			worstHour, worstDay = max(worstHour, (q+5)/6), worstDay+q
		}
		if r.ptm {
			worstHour, worstDay = worstHour+refPress, worstDay+6*refPress
		}
		hour, day = max(hour, worstHour), max(day, worstDay)
	}
	h, d := 400_000-hour-volume, 1_500_000-day-volume
	return h >= 0 && d >= 0, h > -3 && h < 3 || d > -3 && d < 3
}

// What a press gives, in nL, and over which seconds.
const (
	refPress, refOver = 5_000, 600
)

func (r *reference) start(volume, over int64) {
	r.bolus = piece{r.now, r.now + over*1000, volume * 86_400 / over}
}

// press is the patient asking.
func (r *reference) press() (given, close bool) {
	n := 0
	for _, at := range r.presses {
		if at > r.now-refDay {
			n++
		}
	}
	fits, close := r.room(refPress, false)
	if !r.on || !r.ptm || r.fails || r.busy() || r.now < r.locked || n >= 6 {
		return false, false
	}
	return fits, close
}

func (r *reference) pressed() {
	r.presses = append(r.presses, r.now)
	r.locked = max(r.locked, r.now+refHour)
	r.start(refPress, refOver)
}

func (r *reference) busy() bool { return r.bolus.flow > 0 || r.prime.flow > 0 }

// cutPrime leaves a catheter that is half full, behind which no program starts.
func (r *reference) cutPrime() {
	r.fails = r.fails || r.prime.flow > 0
	r.prime = piece{}
}

// more reports whether a paper's program gives more than what runs or is kept: on its
// mean day, or on its worst one.
func (r *reference) more(p *paper) bool {
	day := func(quart [4]int64, ptm bool) (mean, worst int64) {
		for _, q := range quart {
			mean += q
		}
		if worst = mean; ptm {
			worst += 6 * refPress
		}
		return mean, worst
	}
	wasMean, wasWorst := day(r.quart, r.ptm)
	mean, worst := day(p.quart, p.ptm)
	return mean > wasMean || worst > wasWorst
}

// reboot cuts a bolus, counts all of it, cuts a priming bolus, and forgets the
// windows.
func (r *reference) reboot() {
	r.cutPrime()
	if r.bolus.flow > 0 {
		r.line = append(r.line, piece{r.now, r.now, r.bolus.flow * (r.bolus.to - r.now)})
	}
	r.bolus, r.windows = piece{}, nil
}

// judge says whether the pump should carry a document out, and whether its counter
// is spent. close means that either is right.
func (r *reference) judge(p *paper) (apply, burn, close bool) {
	if applied, ok := r.answered[p.id]; ok {
		return applied, false, false
	}
	wall := (r.now + r.skew) / 1000
	early := r.trusted && wall < p.at-60
	timely := !early && (!r.trusted || wall <= p.at+660)
	switch p.act {
	case "withdraw":
		return !early && !r.given[p.of], false, false
	case "stop":
		if p.number <= r.stops || p.number > r.stops+1024 {
			return false, false, false
		}
		recent := 0
		for _, at := range r.halts {
			if r.now-at < 10*refMinute {
				recent++
			}
		}
		return r.within(p.window, 4) && timely && recent < 3, true, false
	}
	if p.number <= r.counter || p.number > r.counter+1024 {
		return false, false, false
	}
	if r.withdrawn[p.id] || !r.within(p.window, 2) || !timely && p.act != "clock" || p.gen != r.gen || p.excess {
		return false, true, false
	}
	busy := r.busy()
	switch p.act {
	case "erase", "clock", "prime":
		return !busy, true, false
	case "program", "visit":
		return !busy && !(r.fails && r.more(p)), true, false
	case "bolus":
		fits, close := r.room(p.volume, true)
		may := r.on && !busy && !r.fails
		return may && fits, true, close && may
	case "resume":
		return !r.on && r.have, true, false
	}
	return true, true, false // settings
}

// obey takes note of a document that was answered for the first time.
func (r *reference) obey(p *paper, applied, burned bool) {
	if p.act == "stop" && burned {
		r.stops = p.number
	} else if burned {
		r.counter = p.number
	}
	if burned || applied {
		r.answered[p.id] = applied
	}
	if !applied {
		return
	}
	r.given[p.id] = true
	if p.act != "bolus" && p.act != "withdraw" {
		r.gen++
	}
	switch p.act {
	case "stop":
		r.on, r.bolus = false, piece{}
		r.cutPrime()
		r.halts = append(r.halts, r.now)
	case "withdraw":
		r.withdrawn[p.of] = true
	case "program", "visit":
		r.quart, r.ptm, r.have, r.on = p.quart, p.ptm, true, true
	case "erase":
		r.quart, r.ptm, r.have, r.on = [4]int64{}, false, false, false
	case "bolus":
		r.start(p.volume, p.over)
	case "resume":
		r.on = true
	case "clock":
		r.drift, r.zone, r.trusted = p.at*1000-r.now, p.zone*1000, true
		r.skew = r.drift
	}
	if p.act == "prime" || p.act == "visit" && p.volume > 0 {
		r.fails, r.prime = false, piece{r.now, r.now + p.over*1000, p.volume * 86_400 / p.over}
	}
	if r.ptm && slices.Contains([]string{"program", "visit", "prime", "resume", "settings"}, p.act) {
		r.locked = max(r.locked, r.now+refHour)
	}
}
