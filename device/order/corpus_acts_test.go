package order

import (
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func visitVectors(l *list) {
	l.group = "visit"
	l.order("control", Applied, StepAccept, sent(ActVisit, nil))
	l.order("the same dose", Applied, StepAccept, sent(ActVisit, func(d *draft) { d.release = func(r *Release) { r.Branch = BranchSame } }))
	l.order("the first fill, by three", Applied, StepAccept, func(w *world) []byte { w.fresh(); return w.send(ActVisit, w.firstFill) })
	l.order("the first fill, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.fresh()
		return w.send(ActVisit, func(d *draft) { w.firstFill(d); d.votes = votes("anna", "ben") })
	})
	l.order("a decrease within the fallback band, by one", ErrQuorum, StepQuorum, func(w *world) []byte {
		return w.send(ActVisit, func(d *draft) {
			b := &d.p.Visit.Planned
			b.Contents, b.Program, b.Bridge = w.view.State.Contents, steady(190_000), nil
			d.p.Visit.Same.Program = steady(199_999)
			w.check(&d.p)
			d.votes = []vote{{person: "anna", key: "anna", meaning: MeansPolicy}}
		})
	})
	measured := func(name string, code Code, branch BranchNo, aspirated, filled units.Volume, prepare ...func(*world)) {
		step := StepLimits
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			for _, f := range prepare {
				f(w)
			}
			return w.send(ActVisit, func(d *draft) {
				d.release = func(r *Release) { r.Branch, r.Measured = branch, &Measured{Aspirated: aspirated, Filled: filled} }
			})
		})
	}
	measured("less aspirated than planned", ErrBounds, BranchPlanned, 10_999_999, 18_000_000)
	measured("the least that was planned", Applied, BranchPlanned, 11_000_000, 18_000_000)
	measured("more aspirated than planned", ErrBounds, BranchPlanned, 13_000_001, 18_000_000)
	measured("less filled than planned", ErrBounds, BranchPlanned, 12_000_000, 16_999_999)
	measured("more filled than planned", ErrBounds, BranchPlanned, 12_000_000, 19_000_001)
	measured("out of bounds, and the same dose", Applied, BranchSame, 9_000_000, 16_000_000)
	measured("more than the reservoir holds", ErrVolume, BranchSame, 12_000_000, 20_000_001)
	wide := func(fill, expected units.Volume) func(*world) {
		return func(w *world) { w.view.Fill, w.view.Volume = fill, expected }
	}
	critical := func(name string, code Code, branch BranchNo, fill, expected, aspirated units.Volume) {
		step := StepLimits
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			wide(fill, expected)(w)
			return w.send(ActVisit, func(d *draft) {
				d.p.Visit.Bounds.AspiratedMin, d.p.Visit.Bounds.AspiratedMax = 0, 20_000_000
				d.release = func(r *Release) { r.Branch, r.Measured = branch, &Measured{Aspirated: aspirated, Filled: 18_000_000} }
			})
		})
	}
	critical("under-delivery of a fifth, but 2 mL", Applied, BranchPlanned, 18_000_000, 10_000_000, 12_000_000)
	critical("under-delivery of more than a fifth and more than 2 mL", ErrBounds, BranchPlanned, 18_000_000, 10_000_000, 12_000_001)
	critical("more than 2 mL too much, but less than a fifth", Applied, BranchPlanned, 18_000_000, 2_000_000, 4_500_000)
	critical("over-delivery of a fifth", Applied, BranchPlanned, 18_000_000, 10_000_000, 8_400_000)
	critical("over-delivery of more than a fifth", ErrBounds, BranchPlanned, 18_000_000, 10_000_000, 8_399_999)
	critical("over-delivery of more than a fifth, within a reading's noise", Applied, BranchPlanned, 18_000_000, 15_000_000, 14_000_000)
	critical("nothing where more than 2 mL should be", ErrBounds, BranchPlanned, 18_000_000, 2_000_001, 0)
	critical("nothing where 2 mL should be", Applied, BranchPlanned, 18_000_000, 2_000_000, 0)
	critical("a critical discrepancy, and the same dose", Applied, BranchSame, 18_000_000, 10_000_000, 4_000_000)
	same := func(name string, code Code, change func(w *world, v *Visit), prepare ...func(*world)) {
		step := StepLimits
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			for _, f := range prepare {
				f(w)
			}
			return w.send(ActVisit, func(d *draft) { change(w, d.p.Visit); w.check(&d.p) })
		})
	}
	same("the same dose of a stronger fluid", Applied, func(_ *world, v *Visit) {
		v.Same.Contents, v.Same.Program, v.Same.Bridge = morphine(20*mgML), steady(100_000), &dose.Dose{Volume: 395_000, Duration: 170_640}
	})
	same("the same dose, to the nanolitre", Applied, func(_ *world, v *Visit) {
		v.Same.Contents, v.Same.Program, v.Same.Bridge = morphine(15*mgML), steady(133_333), &dose.Dose{Volume: 395_000, Duration: 170_640}
	})
	same("a same dose that is more", ErrLimit, func(_ *world, v *Visit) { v.Same.Program = steady(200_100) })
	same("a same dose that is less", ErrLimit, func(_ *world, v *Visit) { v.Same.Program = steady(199_900) })
	same("a same dose with patient boluses more", ErrLimit, func(_ *world, v *Visit) {
		v.Same.Program.PTM = &dose.PTM{Volume: 5_000, Duration: 600, Lockout: 7200, Max24h: 1}
	})
	same("a same dose that stops", ErrLimit, func(_ *world, v *Visit) { v.Same.Program = dose.Off() })
	lc := dose.Limit{Code: dose.Clonidine, Max1h: 150_000, Max24h: 600_000, Withdrawal: dose.WithdrawalSevere}
	same("a same dose with an ingredient more", ErrLimit, func(w *world, v *Visit) {
		w.view.Memory.Ordered = append(w.view.Memory.Ordered, Ordered{Code: dose.Clonidine, Route: dose.Intrathecal})
		v.Same.Contents.Ingredients = append(slices.Clone(v.Same.Contents.Ingredients), dose.Ingredient{Code: dose.Clonidine, Conc: 1000})
		v.Same.Limits.Ingredients = append(slices.Clone(v.Same.Limits.Ingredients), lc)
		v.Same.Bridge = &dose.Dose{Volume: 395_000, Duration: 170_640}
	})
	same("a same dose with an ingredient less", ErrLimit, func(w *world, v *Visit) {
		v.Same.Contents = morphine(10 * mgML)
		v.Same.Limits.Ingredients, v.Same.Bridge = v.Same.Limits.Ingredients[:1], &dose.Dose{Volume: 395_000, Duration: 170_640}
		v.Planned.Contents, v.Planned.Limits.Ingredients = v.Same.Contents, v.Same.Limits.Ingredients
	}, (*world).mixed)
	same("a same dose of another ingredient, a trace of it", ErrLimit, func(w *world, v *Visit) {
		w.view.Memory.Ordered = append(w.view.Memory.Ordered, Ordered{Code: dose.Clonidine, Route: dose.Intrathecal})
		v.Same.Contents = dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Clonidine, Conc: 1}}, Route: dose.Intrathecal}
		v.Same.Limits.Ingredients = []dose.Limit{lc}
		v.Same.Bridge = &dose.Dose{Volume: 395_000, Duration: 170_640}
	})
	same("a same dose with boluses instead of the program", ErrLimit, func(_ *world, v *Visit) {
		v.Same.Program = steady(170_000)
		v.Same.Program.PTM = &dose.PTM{Volume: 30_000, Duration: 600, Lockout: 7200, Max24h: 1}
	})
	same("a same dose of another ingredient", ErrLimit, func(w *world, v *Visit) {
		w.view.Memory.Ordered = append(w.view.Memory.Ordered, Ordered{Code: dose.Clonidine, Route: dose.Intrathecal})
		v.Same.Contents = dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Clonidine, Conc: 1 * mgML}}, Route: dose.Intrathecal}
		v.Same.Limits.Ingredients = []dose.Limit{lc}
		v.Same.Bridge = &dose.Dose{Volume: 395_000, Duration: 170_640}
	})
	l.order("a same dose where nothing runs", ErrLimit, StepLimits, func(w *world) []byte {
		w.fresh()
		return w.send(ActVisit, func(d *draft) {
			w.firstFill(d)
			d.p.Visit.Same.Program = steady(50_000)
			d.p.Visit.Same.Prime = d.p.Visit.Planned.Prime
			w.check(&d.p)
		})
	})
	l.order("priming and bridge of more than was filled", ErrVolume, StepLimits, func(w *world) []byte {
		return w.send(ActVisit, func(d *draft) {
			d.p.Visit.Planned.Prime = &dose.Dose{Volume: 900_000, Duration: 3600}
			d.release = func(r *Release) { r.Measured.Filled = 1_200_000 }
			d.p.Visit.Bounds.FilledMin = 1_000_000
			w.check(&d.p)
		})
	})
	l.order("a priming beyond the device", ErrLimit, StepLimits, func(w *world) []byte {
		return w.send(ActVisit, func(d *draft) {
			d.p.Visit.Planned.Prime = &dose.Dose{Volume: 1_000_001, Duration: 36_000}
			w.check(&d.p)
		})
	})
	l.order("while the reservoir alarms, with a mismatch", Applied, StepAccept, func(w *world) []byte {
		w.view.Volume = 1_500_000
		return w.send(ActVisit, func(d *draft) {
			d.p.Visit.Bounds = Bounds{AspiratedMin: 1_000_000, AspiratedMax: 3_000_000, FilledMin: 17_000_000, FilledMax: 19_000_000}
			d.release = func(r *Release) { r.Measured.Aspirated = 2_400_000 }
		})
	})
}

func onceVectors(l *list) {
	l.group = "bolus"
	l.order("control", Applied, StepAccept, sent(ActBolus, nil))
	bolus := func(name string, code Code, step int, d dose.Dose, prepare func(*world), more ...func(*draft)) {
		l.order(name, code, step, func(w *world) []byte {
			if prepare != nil {
				prepare(w)
			}
			return w.send(ActBolus, func(x *draft) {
				x.p.Dose = &d
				w.check(&x.p)
				for _, f := range more {
					f(x)
				}
			})
		})
	}
	small := dose.Dose{Volume: 20_000, Duration: 600}
	soft := func(d *draft) { d.p.Flags = []Flag{{Code: FlagSoftLimit, Reason: "watched"}} }
	bolus("the soft limit", Applied, StepAccept, dose.Dose{Volume: 100_000, Duration: 3600}, nil)
	bolus("above the soft limit, without a reason", ErrLimit, StepLimits, dose.Dose{Volume: 100_001, Duration: 3600}, nil)
	bolus("above the soft limit, with a reason", Applied, StepAccept, dose.Dose{Volume: 100_001, Duration: 3600}, nil, soft)
	bolus("above the hard limit", ErrLimit, StepLimits, dose.Dose{Volume: 200_001, Duration: 3600}, nil, soft)
	bolus("below what the device meters", ErrLimit, StepLimits, dose.Dose{Volume: 999, Duration: 600}, nil)
	bolus("faster than the device", ErrLimit, StepLimits, dose.Dose{Volume: 100_000, Duration: 300}, nil)
	bolus("more than the reservoir holds", ErrVolume, StepLimits, small, func(w *world) { w.view.Volume = 19_999 })
	bolus("all that the reservoir holds", Applied, StepAccept, small, func(w *world) { w.view.Volume = 20_000 })
	bolus("the hour's ceiling reached by boluses before", ErrLimit, StepLimits, small, func(w *world) { w.view.Hour = 280_001 })
	bolus("up to the hour's ceiling", Applied, StepAccept, small, func(w *world) { w.view.Hour = 280_000 })
	bolus("the day's ceiling reached by boluses before", ErrLimit, StepLimits, small, func(w *world) { w.view.Day = 1_480_001 })
	bolus("up to the day's ceiling", Applied, StepAccept, small, func(w *world) { w.view.Day = 1_480_000 })
	bolus("on top of a program that needs the day's ceiling", ErrLimit, StepLimits, small, func(w *world) { w.view.State.Program = steady(1_480_001) })
	bolus("on top of a program that needs the hour's ceiling", ErrLimit, StepLimits, small, func(w *world) {
		w.view.Ceiling.Hour = 28_000
	})
	bolus("above the highest day of a newer library", ErrLimit, StepLimits, small, func(w *world) {
		w.library.Drugs[0].Limits[1].HardDay, w.library.Drugs[0].Limits[1].SoftDay = 2_199_999, 0
		w.library.Drugs[0].Limits[1].HardHour = 2_000_000
		w.library.Drugs[0].Limits[1].HardBolus, w.library.Drugs[0].Limits[1].SoftBolus = 0, 0
		w.hold()
	})
	bolus("for a window that is over", ErrWindow, StepWindow, small, nil, func(d *draft) { n := id16("w2"); d.p.Window = &n })
	bolus("prescribed in the window before", Applied, StepAccept, small, nil, func(d *draft) { n := id16("w3"); d.p.Window = &n })
	l.order("given already, by a new release", ErrReplay, StepWithdrawn, func(w *world) []byte {
		d := w.draft(ActBolus)
		w.view.Memory = w.deliver(w.build(d)).Memory
		return w.build(d)
	})
	l.order("for other contents", ErrLibrary, StepLibrary, func(w *world) []byte {
		return w.send(ActBolus, func(d *draft) { c := morphine(20 * mgML); d.p.Contents = &c; w.check(&d.p) })
	})
	l.order("of a restricted drug", ErrLibrary, StepLibrary, func(w *world) []byte {
		b := w.draft(ActBolus)
		w.library.Drugs[0].Restricted, w.library.Drugs[0].Limits = true, nil
		w.hold()
		b.p.Library = &w.view.Library.Hash
		return w.build(b)
	})
	l.order("by one", ErrQuorum, StepQuorum, sent(ActBolus, func(d *draft) { d.votes = votes("anna") }))
	l.order("the first of its ingredient in this epoch, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		w.view.Memory.Ordered = []Ordered{}
		return w.send(ActBolus, nil)
	})
	l.order("no room to remember it", ErrFull, StepAccept, func(w *world) []byte {
		for i := range maxBoluses {
			w.view.Memory.Boluses = append(w.view.Memory.Boluses, Given{Prescription: Digest{byte(i + 1)}, Window: w.view.Windows.Current()})
		}
		return w.send(ActBolus, nil)
	})
	l.order("room again once the windows are over", Applied, StepAccept, func(w *world) []byte {
		for i := range maxBoluses {
			w.view.Memory.Boluses = append(w.view.Memory.Boluses, Given{Prescription: Digest{byte(i + 1)}, Window: id16("w1")})
		}
		return w.send(ActBolus, nil)
	})

	l.group = "prime"
	l.order("control", Applied, StepAccept, sent(ActPrime, nil))
	prime := func(name string, code Code, d dose.Dose, prepare func(*world)) {
		step := StepLimits
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			if prepare != nil {
				prepare(w)
			}
			return w.send(ActPrime, func(x *draft) { x.p.Dose = &d; w.check(&x.p) })
		})
	}
	prime("the most that the device primes", Applied, dose.Dose{Volume: 1_000_000, Duration: 3600}, nil)
	prime("more than the device primes", ErrLimit, dose.Dose{Volume: 1_000_001, Duration: 36_000}, nil)
	prime("more than the reservoir holds", ErrVolume, dose.Dose{Volume: 200_000, Duration: 900}, func(w *world) { w.view.Volume = 199_999 })
}

func lifeVectors(l *list) {
	l.group = "bind"
	l.order("control", Applied, StepAccept, sent(ActBind, nil))
	l.order("a fresh pump", Applied, StepAccept, func(w *world) []byte {
		w.fresh()
		w.view.Patient = ID{}
		return w.send(ActBind, nil)
	})
	l.order("to the patient it is in", ErrPatient, StepBinding, sent(ActBind, func(d *draft) { d.p.Patient = patient }))
	l.order("of another epoch", ErrEpoch, StepBinding, sent(ActBind, func(d *draft) { d.p.Epoch++ }))
	l.order("by one", ErrQuorum, StepQuorum, sent(ActBind, func(d *draft) { d.votes = votes("anna") }))

	l.group = "resume"
	stop := func(w *world) {
		w.view.State.Run = wire.Stopped
		w.view.Memory.Own = &OwnStop{Person: "anna", Run: w.view.Run - 3_000_000, Gen: w.view.State.Gen}
	}
	alone := func(who string) func(*draft) {
		return func(d *draft) { d.votes = []vote{{person: who, key: who, meaning: MeansPolicy}} }
	}
	l.order("control", Applied, StepAccept, func(w *world) []byte { w.view.State.Run = wire.Stopped; return w.send(ActResume, nil) })
	l.order("by one", ErrQuorum, StepQuorum, func(w *world) []byte { w.view.State.Run = wire.Stopped; return w.send(ActResume, alone("anna")) })
	l.order("one's own stop, within the hour", Applied, StepAccept, func(w *world) []byte { stop(w); return w.send(ActResume, alone("anna")) })
	l.order("another's stop", ErrQuorum, StepQuorum, func(w *world) []byte { stop(w); return w.send(ActResume, alone("ben")) })
	l.order("one's own stop, after the hour", ErrQuorum, StepQuorum, func(w *world) []byte {
		stop(w)
		w.view.Memory.Own.Run = w.view.Run - UndoOwnStop - 1
		return w.send(ActResume, alone("anna"))
	})
	l.order("one's own stop, on the hour", Applied, StepAccept, func(w *world) []byte {
		stop(w)
		w.view.Memory.Own.Run = w.view.Run - UndoOwnStop
		return w.send(ActResume, alone("anna"))
	})
	l.order("one's own stop, with something changed since", ErrQuorum, StepQuorum, func(w *world) []byte {
		stop(w)
		w.view.State.Gen++
		return w.send(ActResume, alone("anna"))
	})
	l.order("a pump that runs", ErrState, StepCondition, sent(ActResume, nil))
	l.order("a pump without contents", ErrState, StepCondition, func(w *world) []byte {
		w.view.State.Run, w.view.State.Contents = wire.Stopped, dose.Contents{}
		return w.send(ActResume, nil)
	})
	l.order("a pump without a program", ErrState, StepCondition, func(w *world) []byte {
		w.view.State.Run, w.view.State.Program = wire.Stopped, dose.Off()
		return w.send(ActResume, nil)
	})

	l.group = "erase"
	l.order("control", Applied, StepAccept, sent(ActErase, nil))
	l.order("by one", ErrQuorum, StepQuorum, sent(ActErase, func(d *draft) { d.votes = votes("anna") }))

	l.group = "adopt"
	foreign := func(w *world) { w.view.Foreign = true }
	l.order("control", Applied, StepAccept, func(w *world) []byte { foreign(w); return w.send(ActAdopt, nil) })
	l.order("nothing to adopt", ErrState, StepCondition, sent(ActAdopt, nil))
	l.order("no program to adopt", ErrState, StepCondition, func(w *world) []byte {
		foreign(w)
		w.view.State.Program, w.view.State.Run = dose.Off(), wire.Stopped
		return w.send(ActAdopt, nil)
	})
	l.order("a program above the highest day", ErrLimit, StepLimits, func(w *world) []byte {
		foreign(w)
		w.view.State.Program = steady(1_500_001)
		return w.send(ActAdopt, func(d *draft) { d.p.Flags = []Flag{{Code: FlagSoftLimit, Reason: "as found"}} })
	})
	l.order("a program above the soft limit of a day", ErrLimit, StepLimits, func(w *world) []byte {
		foreign(w)
		w.view.State.Program = steady(900_000)
		return w.send(ActAdopt, nil)
	})
	l.order("more than the reservoir holds", ErrVolume, StepLimits, func(w *world) []byte {
		foreign(w)
		return w.send(ActAdopt, func(d *draft) { d.p.Volume = 20_000_001 })
	})
	l.order("other contents than the pump had", Applied, StepAccept, func(w *world) []byte {
		foreign(w)
		return w.send(ActAdopt, func(d *draft) { c := morphine(5 * mgML); d.p.Contents = &c; w.check(&d.p) })
	})
	l.order("an ingredient for the first time, by two", ErrQuorum, StepQuorum, func(w *world) []byte {
		foreign(w)
		w.view.Memory.Ordered = []Ordered{}
		return w.send(ActAdopt, nil)
	})
	l.order("a bolus before it is adopted", ErrState, StepCondition, func(w *world) []byte { foreign(w); return w.send(ActBolus, nil) })
	l.order("a program instead", Applied, StepAccept, func(w *world) []byte { foreign(w); return w.send(ActProgram, nil) })
}

func conditionVectors(l *list) {
	l.group = "condition"
	l.order("control", Applied, StepAccept, sent(ActProgram, nil))
	for _, a := range []Act{ActProgram, ActBolus, ActPrime, ActVisit, ActErase, ActClock} {
		l.order(a.String()+" while a bolus runs", ErrBusy, StepCondition, func(w *world) []byte { w.view.Busy = BusyBolus; return w.send(a, nil) })
	}
	l.order("adopt while a bolus runs", ErrBusy, StepCondition, func(w *world) []byte {
		w.view.Busy, w.view.Foreign = BusyBolus, true
		return w.send(ActAdopt, nil)
	})
	l.order("a program while a priming runs", ErrBusy, StepCondition, func(w *world) []byte { w.view.Busy = BusyPrime; return w.send(ActProgram, nil) })
	for _, a := range []Act{ActSettings, ActBind} {
		l.order(a.String()+" while a bolus runs", Applied, StepAccept, func(w *world) []byte { w.view.Busy = BusyBolus; return w.send(a, nil) })
		l.order(a.String()+" while firmware is installed", ErrBusy, StepCondition, func(w *world) []byte { w.view.Busy = BusyInstalled; return w.send(a, nil) })
	}
	fault := func(name string, code Code, a Act, fault string, change func(w *world, d *draft)) {
		step := StepCondition
		if code == Applied {
			step = StepAccept
		}
		l.order(name, code, step, func(w *world) []byte {
			w.view.Faults = []string{fault}
			return w.send(a, func(d *draft) {
				if change != nil {
					change(w, d)
				}
			})
		})
	}
	fault("an increase while the pump over-infuses", ErrState, ActProgram, "OVERINF_BASAL", nil)
	fault("a decrease while the pump over-infuses", Applied, ActProgram, "OVERINF_BASAL", func(w *world, d *draft) { g := steady(150_000); d.p.Program = &g; w.check(&d.p) })
	fault("a bolus while memory is in doubt", ErrState, ActBolus, "MEM_NONCRIT", nil)
	fault("a priming while memory is in doubt", ErrState, ActPrime, "MEM_NONCRIT", nil)
	fault("a priming after a priming failed", Applied, ActPrime, "PRIME_FAIL", nil)
	fault("a visit with more while the catheter is blocked", ErrState, ActVisit, "OCCL_DOWN", nil)
	fault("a visit at the same dose while the catheter is blocked", Applied, ActVisit, "OCCL_DOWN", func(_ *world, d *draft) {
		d.release = func(r *Release) { r.Branch = BranchSame }
	})
	fault("alarm settings while the motor stands", Applied, ActSettings, "MOTOR_STALL", nil)
	l.order("a bolus on a stopped pump", ErrState, StepCondition, func(w *world) []byte { w.view.State.Run = wire.Stopped; return w.send(ActBolus, nil) })
	l.order("a bolus at the minimum rate", ErrState, StepCondition, func(w *world) []byte { w.view.State.Run = wire.Minimum; return w.send(ActBolus, nil) })
	l.order("a bolus on top of a single bolus", ErrState, StepCondition, func(w *world) []byte {
		w.view.State.Program = dose.Program{Mode: dose.Single, Cycle: 86_400, Then: dose.Minimum, Segments: []dose.Segment{{Duration: 86_400, Volume: 200_000}}}
		return w.send(ActBolus, nil)
	})
}
