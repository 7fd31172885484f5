package order

import (
	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// program signs a program order after a change, with the check numbers computed
// anew.
func (w *world) program(change func(p *Prescription), more ...func(*draft)) []byte {
	return w.send(ActProgram, func(d *draft) {
		change(&d.p)
		w.check(&d.p)
		for _, f := range more {
			f(d)
		}
	})
}

func byThree(d *draft) { d.votes = votes("anna", "ben", "carla") }

// mixed puts morphine 10 mg/mL with clonidine 0.1 mg/mL into the pump.
func (w *world) mixed() {
	c := dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: 10 * mgML}, {Code: dose.Clonidine, Conc: 100_000}}, Route: dose.Intrathecal}
	w.view.State.Contents = c
	w.view.Limits.Ingredients = append(w.view.Limits.Ingredients, dose.Limit{Code: dose.Clonidine, Max1h: 150_000, Max24h: 600_000, Withdrawal: dose.WithdrawalSevere})
	w.view.Memory.Ordered = append(w.view.Memory.Ordered, Ordered{Code: dose.Clonidine, Route: dose.Intrathecal})
}

func libraryVectors(l *list) {
	l.group = "library"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	l.order("a listed mixture", Applied, StepAccept, func(w *world) []byte { w.mixed(); return w.send(ActProgram, nil) })
	l.order("no library", ErrLibrary, StepLibrary, func(w *world) []byte {
		b := w.send(ActProgram, nil)
		w.view.Library = Held{}
		return b
	})
	l.order("another library", ErrLibrary, StepLibrary, sent(ActProgram, func(d *draft) { h := Digest{1}; d.p.Library = &h }))
	l.order("the library before, with the same entries", Applied, StepAccept, func(w *world) []byte {
		h := w.view.Before.Hash
		return w.send(ActProgram, func(d *draft) { d.p.Library = &h })
	})
	change := func(name string, f func(*world)) {
		l.order(name, ErrLibrary, StepLibrary, func(w *world) []byte {
			f(w)
			w.hold()
			h := w.view.Before.Hash
			return w.send(ActProgram, func(d *draft) { d.p.Library = &h })
		})
	}
	change("the library before, with another limit", func(w *world) { w.library.Drugs[0].Limits[1].SoftDay++ })
	l.order("the library before, with another mixture", ErrLibrary, StepLibrary, func(w *world) []byte {
		w.mixed()
		w.library.Mixtures[0].Stability++
		w.hold()
		h := w.view.Before.Hash
		return w.send(ActProgram, func(d *draft) { d.p.Library = &h })
	})
	l.order("the library before, which listed the mixture", ErrLibrary, StepLibrary, func(w *world) []byte {
		w.mixed()
		w.library.Mixtures = nil
		w.hold()
		h := w.view.Before.Hash
		return w.send(ActProgram, func(d *draft) { d.p.Library = &h })
	})
	l.order("no library before", ErrLibrary, StepLibrary, func(w *world) []byte {
		h := w.view.Before.Hash
		w.view.Before = Held{}
		return w.send(ActProgram, func(d *draft) { d.p.Library = &h })
	})
	l.order("for other contents than are in the reservoir", ErrLibrary, StepLibrary, func(w *world) []byte {
		return w.program(func(p *Prescription) { c := morphine(20 * mgML); p.Contents = &c })
	})
	l.order("a group without limits", ErrLibrary, StepLibrary, sent(ActProgram, func(d *draft) { d.p.Group = GroupChild }))
	visit := func(name string, code Code, c dose.Contents, limits ...dose.Limit) {
		step := StepLibrary
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			return w.send(ActVisit, func(d *draft) {
				b := &d.p.Visit.Planned
				b.Contents, b.Limits.Ingredients = c, limits
				b.Bridge, b.Prime = nil, &dose.Dose{Volume: 395_000, Duration: 3600}
				w.check(&d.p)
				byThree(d)
			})
		})
	}
	of := func(list ...dose.Ingredient) dose.Contents {
		return dose.Contents{Ingredients: list, Route: dose.Intrathecal}
	}
	lm := dose.Limit{Code: dose.Morphine, Max1h: 3 * mgMass, Max24h: 15 * mgMass, Withdrawal: dose.WithdrawalModerate}
	lz := dose.Limit{Code: dose.Ziconotide, Max1h: 4_000, Max24h: 19_200, Withdrawal: dose.WithdrawalNone}
	visit("an ingredient without an entry", ErrLibrary, of(dose.Ingredient{Code: dose.Baclofen, Conc: 1000}), dose.Limit{Code: dose.Baclofen, Max1h: 1, Max24h: 1, Withdrawal: dose.WithdrawalDeadly})
	visit("a restricted ingredient", ErrLibrary, of(dose.Ingredient{Code: dose.Ketamine, Conc: 1000}), dose.Limit{Code: dose.Ketamine, Max1h: 1, Max24h: 1, Withdrawal: dose.WithdrawalModerate})
	visit("a concentration above the highest", ErrLibrary, of(dose.Ingredient{Code: dose.Morphine, Conc: 20*mgML + 1}), lm)
	visit("a concentration that is no standard one", ErrLibrary, of(dose.Ingredient{Code: dose.Ziconotide, Conc: 50_000}), lz)
	visit("a standard concentration", ErrLimit, of(dose.Ingredient{Code: dose.Ziconotide, Conc: 25_000}), lz)
	l.all[len(l.all)-1].step = StepLimits // 3 mcg a day is more than the step from nothing allows
	visit("an ingredient that is given alone, in a mixture", ErrLibrary, of(dose.Ingredient{Code: dose.Morphine, Conc: 10 * mgML}, dose.Ingredient{Code: dose.Ziconotide, Conc: 25_000}), lm, lz)
	l.order("an ingredient that is given alone, in a listed mixture", Applied, StepAccept, func(w *world) []byte {
		w.library.Mixtures = append([]Mixture{{Codes: []dose.Code{dose.Morphine, dose.Ziconotide}, Stability: 8 * units.Day, Source: "corpus"}}, w.library.Mixtures...)
		w.hold()
		return w.send(ActVisit, func(d *draft) {
			b := &d.p.Visit.Planned
			b.Contents, b.Limits.Ingredients = of(dose.Ingredient{Code: dose.Morphine, Conc: 20 * mgML}, dose.Ingredient{Code: dose.Ziconotide, Conc: 25_000}), []dose.Limit{lm, lz}
			b.Program, b.Bridge, b.Prime = steady(90_000), nil, &dose.Dose{Volume: 395_000, Duration: 3600}
			w.check(&d.p)
			byThree(d)
		})
	})
	limits := func(name string, code Code, change func(*dose.Limits)) {
		step := StepLibrary
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			return w.program(func(p *Prescription) {
				x := morphineLimits()
				change(&x)
				p.Limits = &x
			})
		})
	}
	limits("limits narrower than the library's", Applied, func(x *dose.Limits) {
		x.Ingredients[0].Max24h, x.Ingredients[0].Max1h, x.MinLockout, x.MaxPTM24h = 5*mgMass, mgMass, 7200, 2
	})
	limits("limits without an ingredient", ErrLibrary, func(x *dose.Limits) { x.Ingredients = nil })
	limits("limits with an ingredient too many", ErrLibrary, func(x *dose.Limits) {
		x.Ingredients = append(x.Ingredients, dose.Limit{Code: dose.Clonidine, Max1h: 1, Max24h: 1, Withdrawal: dose.WithdrawalSevere})
	})
	limits("limits of another ingredient", ErrLibrary, func(x *dose.Limits) { x.Ingredients[0].Code = dose.Fentanyl })
	limits("another severity of withdrawal", ErrLibrary, func(x *dose.Limits) { x.Ingredients[0].Withdrawal = dose.WithdrawalNone })
	limits("a day above the library's", ErrLimit, func(x *dose.Limits) { x.Ingredients[0].Max24h++ })
	limits("an hour above the library's", ErrLimit, func(x *dose.Limits) { x.Ingredients[0].Max1h++ })
	limits("a lockout below the library's", ErrLimit, func(x *dose.Limits) { x.MinLockout-- })
	limits("more patient boluses than the library's", ErrLimit, func(x *dose.Limits) { x.MaxPTM24h = 7 })
	limits("patient boluses without number", ErrLimit, func(x *dose.Limits) { x.MaxPTM24h = 0 })
}

func numberVectors(l *list) {
	l.group = "numbers"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	l.order("a week's program", Applied, StepAccept, func(w *world) []byte {
		return w.program(func(p *Prescription) {
			g := dose.Program{Mode: dose.FlexWeek, Cycle: units.Week}
			for i := range 14 {
				g.Segments = append(g.Segments, dose.Segment{Offset: units.Seconds(i) * 43_200, Duration: 43_200, Volume: 100_001 + units.Volume(i)})
			}
			p.Program = &g
		})
	})
	l.order("a single bolus, then the minimum rate", Applied, StepAccept, func(w *world) []byte {
		return w.program(func(p *Prescription) {
			p.Program = &dose.Program{Mode: dose.Single, Cycle: 100_000, Then: dose.Minimum, Segments: []dose.Segment{{Duration: 100_000, Volume: 250_001}}}
		})
	})
	l.order("a bolus every eight hours", Applied, StepAccept, func(w *world) []byte {
		return w.program(func(p *Prescription) {
			p.Program = &dose.Program{Mode: dose.Periodic, Cycle: 8 * units.Hour, Segments: []dose.Segment{{Duration: 1800, Volume: 60_000}, {Offset: 1800, Duration: 27_000, Volume: 1_875}}}
		})
	})
	l.order("with patient boluses", Applied, StepAccept, func(w *world) []byte {
		return w.program(func(p *Prescription) {
			p.Program.PTM = &dose.PTM{Volume: 5_000, Duration: 600, Lockout: 7200, Max24h: 3, Window: 21_600, MaxWindow: 1}
		})
	})
	check := func(name string, change func(*Check)) {
		l.order(name, ErrArith, StepNumbers, sent(ActProgram, func(d *draft) { change(&d.p.Checks[0]) }))
	}
	check("the mean day 1 ng too high", func(c *Check) { c.Day++ })
	check("the worst day 1 ng too low", func(c *Check) { c.Worst-- })
	check("a bolus that is not there", func(c *Check) { c.Once++ })
	check("a bridge that is not there", func(c *Check) { c.Bridge++ })
	check("of another ingredient", func(c *Check) { c.Code++ })
	l.order("one ingredient of two", ErrArith, StepNumbers, func(w *world) []byte {
		w.mixed()
		return w.send(ActProgram, func(d *draft) { d.p.Checks = d.p.Checks[:1] })
	})
	l.order("the bridge's numbers left out", ErrArith, StepNumbers, sent(ActVisit, func(d *draft) { d.p.Visit.Planned.Checks[0].Bridge = 0 }))
	l.order("a bolus 1 ng too low", ErrArith, StepNumbers, sent(ActBolus, func(d *draft) { d.p.Checks[0].Once-- }))
}

func limitVectors(l *list) {
	l.group = "limits"
	soft := func(d *draft) {
		d.p.Flags = []Flag{{Code: FlagSoftLimit, Reason: "tolerant"}, {Code: FlagSoftStep, Reason: "tolerant"}}
	}
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	from := func(name string, code Code, step int, running, to units.Volume, more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte {
			w.view.State.Program = steady(running)
			return w.program(func(p *Prescription) { g := steady(to); p.Program = &g }, more...)
		})
	}
	from("exactly the highest day", Applied, StepAccept, 1_400_000, 1_500_000, soft)
	from("1 nL above the highest day", ErrLimit, StepLimits, 1_400_000, 1_500_001, soft)
	from("exactly the soft limit of a day", Applied, StepAccept, 700_000, 800_000)
	from("above the soft limit of a day, without a reason", ErrLimit, StepLimits, 700_000, 800_001)
	from("above the soft limit of a day, with a reason", Applied, StepAccept, 700_000, 800_001, soft)
	from("below the slowest rate", ErrLimit, StepLimits, 48_000, 47_999)
	from("the slowest rate", Applied, StepAccept, 48_000, 48_000)
	shape := func(name string, code Code, step int, change func(*Prescription), more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte { return w.program(change, more...) })
	}
	flex := func(a units.Seconds, v, rest units.Volume) func(*Prescription) {
		return func(p *Prescription) {
			p.Program = &dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{{Duration: a, Volume: v}, {Offset: a, Duration: units.Day - a, Volume: rest}}}
		}
	}
	shape("exactly the highest hour", Applied, StepAccept, flex(3600, 300_000, 100_000), soft, byThree)
	shape("1 nL above the highest hour", ErrLimit, StepLimits, flex(3600, 300_001, 100_000), soft, byThree)
	shape("a morning's bolus every hour", ErrLimit, StepLimits, func(p *Prescription) {
		p.Program = &dose.Program{Mode: dose.Periodic, Cycle: units.Hour, Segments: []dose.Segment{{Duration: 600, Volume: 100_000}, {Offset: 600, Duration: 3000, Volume: 208}}}
	}, soft, byThree)
	ptm := func(v units.Volume, lockout units.Seconds, n uint16) func(*Prescription) {
		return func(p *Prescription) {
			g := steady(200_000)
			g.PTM = &dose.PTM{Volume: v, Duration: 900, Lockout: lockout, Max24h: n}
			p.Program = &g
		}
	}
	shape("patient boluses with the library's lockout", Applied, StepAccept, ptm(5_000, 3600, 6))
	shape("patient boluses with a shorter lockout", ErrLimit, StepLimits, ptm(5_000, 3599, 6))
	shape("more patient boluses than the library allows", ErrLimit, StepLimits, ptm(5_000, 3600, 7))
	shape("patient boluses that make the worst day too high", ErrLimit, StepLimits, ptm(200_001, 3600, 6), soft, byThree)
	shape("a patient bolus of the soft limit", Applied, StepAccept, ptm(100_000, 3600, 1), soft, byThree)
	shape("a patient bolus above the soft limit, without a reason", ErrLimit, StepLimits, ptm(100_001, 3600, 1), byThree)
	shape("a patient bolus of the hard limit", Applied, StepAccept, ptm(200_000, 3600, 1), soft, byThree)
	shape("a patient bolus above the hard limit", ErrLimit, StepLimits, ptm(200_001, 3600, 1), soft, byThree)
	shape("a patient bolus below what the device meters", ErrLimit, StepLimits, ptm(999, 3600, 1))
	l.order("patient boluses of a drug that allows none", ErrLimit, StepLimits, func(w *world) []byte {
		w.library.Drugs[0].Limits[1].NoPTM = true
		w.hold()
		return w.program(ptm(5_000, 3600, 6))
	})
	l.order("a mode that the device has not", ErrLimit, StepLimits, func(w *world) []byte {
		w.view.Range.Modes = []dose.Mode{dose.Stopped, dose.Minimum, dose.Continuous}
		return w.program(flex(3600, 10_000, 190_000))
	})
	l.order("more steps than the device has", ErrLimit, StepLimits, func(w *world) []byte {
		w.view.Range.Segments = 1
		return w.program(flex(3600, 10_000, 190_000))
	})
	l.order("a second ingredient above its highest day", ErrLimit, StepLimits, func(w *world) []byte {
		w.mixed()
		w.view.State.Contents.Ingredients[1].Conc = 1 * mgML
		w.view.State.Program = steady(550_000)
		return w.program(func(p *Prescription) { g := steady(600_001); p.Program = &g }, soft, byThree)
	})
	l.order("alarm settings at the device's least", Applied, StepAccept, sent(ActSettings, func(d *draft) { d.p.Settings.Low = 500_000 }))
	l.order("alarm settings below the device's least", ErrLimit, StepLimits, sent(ActSettings, func(d *draft) { d.p.Settings.Low = 499_999 }))
	l.order("alarm settings above the device's most", ErrLimit, StepLimits, sent(ActSettings, func(d *draft) { d.p.Settings.Low = 6_000_001 }))
}

func stepVectors(l *list) {
	l.group = "steps"
	flag := func(d *draft) { d.p.Flags = []Flag{{Code: FlagSoftStep, Reason: "pain crisis"}}; byThree(d) }
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	to := func(name string, code Code, step int, v units.Volume, more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte {
			return w.program(func(p *Prescription) { g := steady(v); p.Program = &g }, more...)
		})
	}
	to("29 %", Applied, StepAccept, 258_000)
	to("30 %", Applied, StepAccept, 260_000)
	to("31 %, without a reason", ErrLimit, StepLimits, 262_000)
	to("31 %, with a reason", Applied, StepAccept, 262_000, flag)
	to("100 %", Applied, StepAccept, 400_000, flag)
	to("more than 100 %", ErrLimit, StepLimits, 400_001, flag)
	to("half", Applied, StepAccept, 100_000)
	l.order("4 mg, the soft limit in mass", Applied, StepAccept, func(w *world) []byte { return w.massStep(900_000, 400_000) })
	l.order("more than 4 mg, without a reason", ErrLimit, StepLimits, func(w *world) []byte { return w.massStep(800_000, 400_001) })
	l.order("6 mg, the hard limit in mass", Applied, StepAccept, func(w *world) []byte {
		w.library.Drugs[0].Limits[1].HardStepPM, w.library.Drugs[0].Limits[1].SoftStepPM = 0, 0
		w.hold()
		return w.massStep(800_000, 600_000, flag)
	})
	l.order("more than 6 mg", ErrLimit, StepLimits, func(w *world) []byte {
		w.library.Drugs[0].Limits[1].HardStepPM, w.library.Drugs[0].Limits[1].SoftStepPM = 0, 0
		w.hold()
		return w.massStep(800_000, 600_001, flag)
	})
	l.order("patient boluses that raise only the worst day, without a reason", ErrLimit, StepLimits, func(w *world) []byte {
		return w.program(func(p *Prescription) {
			g := steady(200_000)
			g.PTM = &dose.PTM{Volume: 31_000, Duration: 600, Lockout: 3600, Max24h: 2}
			p.Program = &g
		})
	})
	l.order("from nothing, above the hard step in mass", ErrLimit, StepLimits, func(w *world) []byte {
		w.view.State.Program, w.view.State.Run = dose.Off(), wire.Stopped
		return w.program(func(p *Prescription) { g := steady(600_001); p.Program = &g }, flag)
	})
	l.order("a stronger fluid at the old volume", ErrLimit, StepLimits, func(w *world) []byte {
		return w.send(ActVisit, func(d *draft) { d.p.Visit.Planned.Program = steady(200_000); w.check(&d.p) })
	})
}

// massStep goes from a volume a day to so much more, by two people with a soft
// day limit that does not matter.
func (w *world) massStep(from, by units.Volume, more ...func(*draft)) []byte {
	w.library.Drugs[0].Limits[1].SoftDay = 0
	w.library.Drugs[0].Limits[1].SoftStepPM = w.library.Drugs[0].Limits[1].HardStepPM
	w.hold()
	w.view.State.Program = steady(from)
	return w.program(func(p *Prescription) { g := steady(from + by); p.Program = &g }, more...)
}

func bridgeVectors(l *list) {
	l.group = "bridge"
	l.order("control", Applied, StepAccept, sent(ActVisit, nil))
	l.order("other contents without bridge or priming", ErrBridge, StepLimits, func(w *world) []byte {
		return w.send(ActVisit, func(d *draft) { d.p.Visit.Planned.Bridge = nil; w.check(&d.p) })
	})
	bridge := func(name string, code Code, d dose.Dose) {
		step := StepLimits
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			x := &w.library.Drugs[0].Limits[1]
			x.HardStep, x.SoftStep, x.HardStepPM, x.SoftStepPM = 0, 0, 0, 0
			w.hold()
			return w.send(ActVisit, func(x *draft) { x.p.Visit.Planned.Bridge = &d; w.check(&x.p) })
		})
	}
	step := func(name string, code Code, step int, v units.Volume, more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte {
			return w.send(ActVisit, func(d *draft) {
				d.p.Visit.Planned.Bridge = &dose.Dose{Volume: v, Duration: 2 * units.Day}
				w.check(&d.p)
				for _, f := range more {
					f(d)
				}
			})
		})
	}
	flag := func(d *draft) { d.p.Flags = []Flag{{Code: FlagSoftStep, Reason: "on the ward"}} }
	step("30 % faster than what runs", Applied, StepAccept, 520_000)
	step("faster than that, without a reason", ErrLimit, StepLimits, 520_002)
	step("faster than that, with a reason, by two", ErrQuorum, StepQuorum, 520_002, flag)
	step("faster than that, with a reason, by three", Applied, StepAccept, 520_002, flag, byThree)
	step("more than twice as fast as what runs", ErrLimit, StepLimits, 800_002, flag, byThree)
	l.order("an old fluid that the library does not know any more, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.State.Contents.Ingredients = []dose.Ingredient{{Code: dose.Code(1000), Conc: 10 * mgML}}
		w.view.State.Program = dose.Off()
		w.view.State.Run = wire.Stopped
		w.view.Memory.Ordered = append(w.view.Memory.Ordered, Ordered{Code: 1000, Route: dose.Intrathecal})
		return w.send(ActVisit, func(d *draft) { w.idleBranch(d) })
	})
	bridge("at the old fluid's highest hour", Applied, dose.Dose{Volume: 300_000, Duration: 3600})
	bridge("above the old fluid's highest hour", ErrLimit, dose.Dose{Volume: 300_001, Duration: 3600})
	bridge("above the old fluid's highest day", ErrLimit, dose.Dose{Volume: 1_500_001, Duration: 86_400})
	bridge("below the slowest rate", ErrLimit, dose.Dose{Volume: 395_000, Duration: 864_000})
	bridge("more than was filled", ErrVolume, dose.Dose{Volume: 18_000_001, Duration: 20 * 86_400})
	l.order("more than the reservoir holds", ErrVolume, StepLimits, func(w *world) []byte {
		w.strong()
		w.view.Volume = 199_999
		return w.rebridge(dose.Dose{Volume: 200_000, Duration: 2 * units.Day})
	})
	l.order("a device without bridges", ErrLimit, StepLimits, func(w *world) []byte {
		w.view.Range.Modes = w.view.Range.Modes[:10]
		return w.send(ActVisit, nil)
	})
	l.order("a bridge from nothing", ErrBridge, StepLimits, func(w *world) []byte {
		w.fresh()
		return w.send(ActVisit, func(d *draft) {
			w.firstFill(d)
			d.p.Visit.Planned.Bridge = &dose.Dose{Volume: 200_000, Duration: 86_400}
			w.check(&d.p)
		})
	})
	l.order("a bridge to nothing", ErrBridge, StepLimits, func(w *world) []byte {
		w.view.State.Program, w.view.State.Run = dose.Off(), wire.Stopped
		return w.send(ActVisit, func(d *draft) {
			byThree(d)
			d.p.Visit.Same.Program = dose.Off()
			d.p.Visit.Same.Bridge = &dose.Dose{Volume: 200_000, Duration: 86_400}
			w.check(&d.p)
		})
	})
	l.order("a bridge to the minimum rate", ErrBridge, StepLimits, func(w *world) []byte {
		w.view.State.Program, w.view.State.Run = dose.Off(), wire.Stopped
		return w.send(ActVisit, func(d *draft) {
			byThree(d)
			d.p.Visit.Same.Program = dose.Idle()
			d.p.Visit.Same.Bridge = &dose.Dose{Volume: 200_000, Duration: 86_400}
			w.check(&d.p)
		})
	})
}

// idleBranch makes the second branch of a visit one where nothing runs.
func (w *world) idleBranch(d *draft) {
	s := &d.p.Visit.Same
	s.Contents, s.Limits, s.Program, s.Prime = morphine(10*mgML), morphineLimits(), dose.Off(), &dose.Dose{Volume: 395_000, Duration: 3600}
	w.check(&d.p)
}

// fresh is the pump before its first fill, bound to its patient.
func (w *world) fresh() {
	v := &w.view
	v.State.Program, v.State.Contents, v.State.Run, v.State.Gen, v.State.Epoch = dose.Off(), dose.Contents{}, wire.Stopped, 2, 2
	v.Limits, v.Ceiling, v.Hour, v.Day, v.Volume, v.Fill = dose.Limits{}, dose.Ceiling{}, 0, 0, 0, 0
	v.Memory.Ordered = []Ordered{}
}

// firstFill makes a draft of a visit the first of a pump.
func (w *world) firstFill(d *draft) {
	b := &d.p.Visit.Planned
	b.Contents, b.Limits, b.Program, b.Bridge, b.Prime = morphine(10*mgML), morphineLimits(), steady(50_000), nil, &dose.Dose{Volume: 395_000, Duration: 3600}
	d.p.Visit.Same = Branch{Contents: b.Contents, Limits: b.Limits, Program: dose.Off()}
	d.p.Visit.Bounds.AspiratedMin, d.p.Visit.Bounds.AspiratedMax = 0, 1_000_000
	d.release = func(r *Release) { r.Measured.Aspirated = 0 }
	w.check(&d.p)
	byThree(d)
}
