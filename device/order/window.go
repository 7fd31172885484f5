package order

// Windows are the nonces that a pump announces in its signed hello and
// heartbeats, newest last, at most four. They belong to one boot: a pump starts
// with none. A signature over one of them was made after the pump announced it,
// which is what makes an order fresh without a clock.
type Windows []Window

// Window is one of them.
type Window struct {
	Nonce ID    `json:"nonce"`
	Born  int64 `json:"born_ms"` // milliseconds since boot
}

// WindowLife is how long a window is announced, in milliseconds of monotonic
// time (ORDERS.md, State hash, counters, windows).
const WindowLife = 15 * 60 * 1000

// ReleaseWindow and StopWindow are how long after a window was announced a release and a
// stop that name it may still be accepted, in seconds. With a clock that the pump does not
// trust nothing else ends them.
const (
	ReleaseWindow = releaseWindows * WindowLife / 1000
	StopWindow    = stopWindows * WindowLife / 1000
)

// How many windows back a document may name.
const (
	releaseWindows = 2
	stopWindows    = 4
)

// Due reports whether the pump has to announce a new window at mono.
func (w Windows) Due(mono int64) bool {
	return len(w) == 0 || mono-w[len(w)-1].Born >= WindowLife
}

// Renew returns the windows with a new one, whose nonce is random. At boot call
// it on none.
func (w Windows) Renew(nonce ID, mono int64) Windows {
	keep := w[max(0, len(w)-stopWindows+1):]
	return append(append(make(Windows, 0, stopWindows), keep...), Window{Nonce: nonce, Born: mono})
}

// Current returns the nonce to announce, the zero ID if there is none.
func (w Windows) Current() ID {
	if len(w) == 0 {
		return ID{}
	}
	return w[len(w)-1].Nonce
}

// accepts reports whether nonce is among the last so many windows, and not older
// than they can be: a pump that slept and renewed none accepts none of them.
func (w Windows) accepts(nonce ID, last int, mono int64) bool {
	for i := max(0, len(w)-last); i < len(w); i++ {
		if age := mono - w[i].Born; w[i].Nonce == nonce && age >= 0 && age <= int64(last)*WindowLife {
			return true
		}
	}
	return false
}

// Budget bounds how many documents of a lane a pump looks at, so that garbage
// costs neither battery nor signed answers. What is over budget is counted and
// reported once, in one signed summary.
type Budget struct {
	Since   int64  `json:"since_ms"` // the current minute began, milliseconds since boot
	Taken   int    `json:"taken"`
	Dropped uint64 `json:"dropped"` // since boot
}

// Budgets are those of the two lanes: a flood of orders blocks no stop.
type Budgets struct {
	Orders Budget `json:"orders"`
	Stops  Budget `json:"stops"`
}

// Documents a minute.
const (
	orderBudget = 30
	stopBudget  = 60
	budgetSpan  = 60_000 // ms
)

// take counts one document and reports whether it is within the budget.
func (b Budget) take(limit int, mono int64) (Budget, bool) {
	if age := mono - b.Since; age < 0 || age >= budgetSpan {
		b.Since, b.Taken = mono, 0
	}
	if b.Taken >= limit {
		b.Dropped++
		return b, false
	}
	b.Taken++
	return b, true
}
