package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
)

// behind lets other fluid stand in the path of the test pump, which leaves at the
// pace of a bridge.
func (w *world) behind(old dose.Contents, left units.Volume, pace dose.Dose) {
	l := morphineLimits()
	ceiling, err := l.Ceiling(old)
	if err != nil { // of a fluid that only the path still knows
		ceiling = w.view.Ceiling
	}
	w.view.Path = append(w.view.Path, Fluid{Contents: old, Left: left, Ceiling: ceiling})
	w.view.Bridge = &pace
}

// strong and weak put a fluid of twice or half the strength into the path, of which
// the bridge gives 2 mg a day, as the program of what follows will.
func (w *world) strong() {
	w.behind(morphine(20*mgML), 200_000, dose.Dose{Volume: 200_000, Duration: 2 * units.Day})
}

func (w *world) weak() {
	w.behind(morphine(5*mgML), 400_000, dose.Dose{Volume: 400_000, Duration: units.Day})
}

// noSteps takes the library's limits of steps away.
func (w *world) noSteps() {
	x := &w.library.Drugs[0].Limits[1]
	x.HardStep, x.SoftStep, x.HardStepPM, x.SoftStepPM = 0, 0, 0, 0
	w.hold()
}

// rebridge is a program with a bridge for what stands in the path.
func (w *world) rebridge(d dose.Dose, more ...func(*draft)) []byte {
	return w.program(func(p *Prescription) { p.Bridge = &d }, more...)
}

// pathVectors are orders while other fluid stands in the path.
func pathVectors(l *list) {
	l.group = "path"
	flag := func(d *draft) { d.p.Flags = []Flag{{Code: FlagSoftStep, Reason: "on the ward"}} }
	type set func(*world)
	again := func(name string, code Code, step int, before set, d dose.Dose, more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte { before(w); return w.rebridge(d, more...) })
	}
	l.order("a program without a bridge", ErrBridge, StepLimits, func(w *world) []byte { w.strong(); return w.send(ActProgram, nil) })
	again("strong fluid at its pace", Applied, StepAccept, (*world).strong, dose.Dose{Volume: 200_000, Duration: 2 * units.Day})
	again("strong fluid at what would be the pace of the new", ErrLimit, StepLimits, (*world).strong, dose.Dose{Volume: 200_000, Duration: units.Day})
	again("strong fluid at 30 % more", Applied, StepAccept, (*world).strong, dose.Dose{Volume: 260_000, Duration: 2 * units.Day})
	again("strong fluid at more than that", ErrLimit, StepLimits, (*world).strong, dose.Dose{Volume: 260_002, Duration: 2 * units.Day})
	again("strong fluid at more than that, with a reason, by two", ErrQuorum, StepQuorum, (*world).strong, dose.Dose{Volume: 260_002, Duration: 2 * units.Day}, flag)
	again("strong fluid at more than that, with a reason, by three", Applied, StepAccept, (*world).strong, dose.Dose{Volume: 260_002, Duration: 2 * units.Day}, flag, byThree)
	again("strong fluid at more than twice its pace", ErrLimit, StepLimits, (*world).strong, dose.Dose{Volume: 400_002, Duration: 2 * units.Day}, flag, byThree)
	again("weak fluid at its pace", Applied, StepAccept, (*world).weak, dose.Dose{Volume: 400_000, Duration: units.Day})
	again("weak fluid at more than 30 % more", ErrLimit, StepLimits, (*world).weak, dose.Dose{Volume: 520_001, Duration: units.Day})

	again("a bridge for less than is left", ErrBridge, StepLimits, (*world).strong, dose.Dose{Volume: 199_999, Duration: 2 * units.Day})
	again("a bridge for more than is left", Applied, StepAccept, (*world).strong, dose.Dose{Volume: 250_000, Duration: 250_000})
	again("a bridge where nothing stands in the path", ErrBridge, StepNumbers, func(*world) {}, dose.Dose{Volume: 200_000, Duration: units.Day})
	l.order("a bridge in numbers of the new contents", ErrArith, StepNumbers, func(w *world) []byte {
		w.strong()
		return w.rebridge(dose.Dose{Volume: 200_000, Duration: 2 * units.Day}, func(d *draft) { d.p.Checks[0].Bridge = 2 * mgMass })
	})

	free := func(before set) set { return func(w *world) { w.noSteps(); before(w) } }
	of := func(v units.Volume) set {
		return func(w *world) {
			w.strong()
			w.view.Path[0].Left = v
		}
	}
	again("at the highest hour of what stands in the path", Applied, StepAccept, free(of(150_000)), dose.Dose{Volume: 150_000, Duration: units.Hour})
	again("above the highest hour of what stands in the path", ErrLimit, StepLimits, free(of(150_001)), dose.Dose{Volume: 150_001, Duration: units.Hour})
	again("at the highest day of what stands in the path", Applied, StepAccept, free(of(750_000)), dose.Dose{Volume: 750_000, Duration: units.Day})
	again("above the highest day of what stands in the path", ErrLimit, StepLimits, free(of(750_001)), dose.Dose{Volume: 750_001, Duration: units.Day})
	again("above the highest hour of the contents, below that of the weak fluid in the path", Applied, StepAccept, free((*world).weak), dose.Dose{Volume: 400_000, Duration: units.Hour})

	waits := func(w *world) { w.strong(); w.view.Bridge = nil }
	again("fluid that no bridge clears, at the dose of the program", Applied, StepAccept, waits, dose.Dose{Volume: 200_000, Duration: 2 * units.Day})
	again("fluid that no bridge clears, at more than 30 % more", ErrLimit, StepLimits, waits, dose.Dose{Volume: 260_002, Duration: 2 * units.Day})
	unknown := func(w *world) {
		w.behind(dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Code(1000), Conc: 10 * mgML}}, Route: dose.Intrathecal}, 200_000, dose.Dose{Volume: 200_000, Duration: units.Day})
	}
	as := func(p *dose.Dose) func(*world) []byte {
		return func(w *world) []byte {
			unknown(w)
			return w.program(func(x *Prescription) { g := steady(200_000); x.Program, x.Bridge = &g, p })
		}
	}
	l.order("a fluid that the library does not know any more, by two", ErrQuorum, StepQuorum, as(&dose.Dose{Volume: 200_000, Duration: units.Day}))

	ordered := func(name string, code Code, step int, v units.Volume, more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte {
			w.view.State.Program = steady(240_000) // 2.4 mg to come, 2 mg while the bridge runs
			w.strong()
			return w.program(func(p *Prescription) {
				g := steady(v)
				p.Program, p.Bridge = &g, &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			}, more...)
		})
	}
	ordered("what was ordered, again", Applied, StepAccept, 240_000)
	ordered("30 % more than the bridge gives", Applied, StepAccept, 260_000)
	ordered("more than that, though little above what was ordered", ErrLimit, StepLimits, 260_001)
	ordered("more than that, with a reason, by two", ErrQuorum, StepQuorum, 260_001, flag)
	ordered("more than that, with a reason, by three", Applied, StepAccept, 260_001, flag, byThree)
	another := func(name string, code Code, step int, v units.Volume) {
		l.order(name, code, step, func(w *world) []byte {
			w.behind(dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Clonidine, Conc: mgML}}, Route: dose.Intrathecal}, 200_000, dose.Dose{Volume: 100_000, Duration: units.Day})
			return w.program(func(p *Prescription) {
				g := steady(v)
				p.Program, p.Bridge = &g, &dose.Dose{Volume: 200_000, Duration: 2 * units.Day}
			})
		})
	}
	another("less of a drug that is still to come", Applied, StepAccept, 190_000)
	another("more of a drug that is still to come: a step from nothing", ErrQuorum, StepQuorum, 200_001)

	visit := func(name string, code Code, step int, before set, prime, bridge *dose.Dose, other bool) {
		l.order(name, code, step, func(w *world) []byte {
			before(w)
			return w.send(ActVisit, func(d *draft) {
				b := &d.p.Visit.Planned
				if !other {
					b.Contents, b.Program = w.view.State.Contents, steady(240_000)
				}
				b.Prime, b.Bridge = prime, bridge
				same := dose.Dose{Volume: 1_000_000, Duration: 3600}
				d.p.Visit.Same.Prime = &same
				w.check(&d.p)
			})
		})
	}
	at := func(v units.Volume, d units.Seconds) *dose.Dose { return &dose.Dose{Volume: v, Duration: d} }
	visit("a visit with neither bridge nor priming", ErrBridge, StepLimits, (*world).strong, nil, nil, false)
	visit("a visit with a priming that clears the path", Applied, StepAccept, (*world).strong, at(200_000, 900), nil, false)
	visit("a visit with a priming that does not clear the path", ErrBridge, StepLimits, (*world).strong, at(199_999, 900), nil, false)
	visit("a visit with a priming and a bridge that clear the path", Applied, StepAccept, (*world).strong, at(100_000, 900), at(100_000, units.Day), false)
	visit("a visit with a priming and a bridge that do not", ErrBridge, StepLimits, (*world).strong, at(100_000, 900), at(99_999, units.Day), false)
	visit("other contents behind other fluid", Applied, StepAccept, (*world).strong, nil, at(395_000, 341_280), true)
	visit("other contents behind other fluid, the middle one too fast", ErrLimit, StepLimits, (*world).weak, nil, at(400_000, units.Day), true)
	visit("other contents behind other fluid, the middle one at its pace", Applied, StepAccept, (*world).weak, nil, at(400_000, 2*units.Day), true)
	visit("other contents behind other fluid, above the highest hour of the middle one", ErrLimit, StepLimits, free((*world).weak), nil, at(400_000, units.Hour), true)
	l.order("other contents behind other fluid, in numbers of the last one", ErrArith, StepNumbers, func(w *world) []byte {
		w.strong()
		return w.send(ActVisit, func(d *draft) {
			b := &d.p.Visit.Planned
			b.Bridge = at(395_000, 341_280)
			b.Checks = ChecksOf(b.Contents, &b.Program, &w.view.Range, nil, b.Bridge, w.view.State.Contents)
		})
	})
	full := func(w *world) {
		for i := range units.Volume(MaxPath) {
			w.behind(morphine(20*mgML), (i+1)*50_000, dose.Dose{Volume: 200_000, Duration: 2 * units.Day})
		}
	}
	visit("the same contents behind as many fluids as a path holds", Applied, StepAccept, full, nil, at(200_000, 2*units.Day), false)
	visit("one fluid more than a path holds", ErrBridge, StepLimits, full, nil, at(395_000, 341_280), true)

	l.order("a bolus", ErrState, StepCondition, func(w *world) []byte { w.strong(); return w.send(ActBolus, nil) })
	l.order("a priming", Applied, StepAccept, func(w *world) []byte { w.strong(); return w.send(ActPrime, nil) })
	l.order("an erase", Applied, StepAccept, func(w *world) []byte { w.strong(); return w.send(ActErase, nil) })
	l.order("an adopt", Applied, StepAccept, func(w *world) []byte { w.strong(); w.view.Foreign = true; return w.send(ActAdopt, nil) })
	l.order("a decrease, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.strong()
		return w.program(func(p *Prescription) {
			g := steady(190_000)
			p.Program, p.Bridge = &g, at(200_000, 2*units.Day)
		}, func(d *draft) { d.votes = []vote{{person: "anna", key: "anna", meaning: MeansPolicy}} })
	})
}
