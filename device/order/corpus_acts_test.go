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

func stopVectors(l *list) {
	l.group = "stop"
	stop := func(name string, code Code, step int, change func(*Stop), prepare ...func(*world)) {
		l.on("dn/stop", name, code, step, func(w *world) []byte {
			for _, f := range prepare {
				f(w)
			}
			s := w.stopOf()
			if change != nil {
				change(&s)
			}
			return signStop(s, s.Person)
		})
	}
	by := func(who string) func(*Stop) { return func(s *Stop) { s.Person, s.Key = who, idOf(who) } }
	l.all = append(l.all, vector{group: "stop", name: "control", code: Applied, step: StepAccept, topic: "dn/stop", flip: true, make: func(w *world) []byte { return signStop(w.stopOf(), "emil") }})
	stop("for an overdose", Applied, StepAccept, func(s *Stop) { s.Overdose = true })
	stop("by a prescriber", Applied, StepAccept, by("anna"))
	stop("by a verifier", Applied, StepAccept, by("ben"))
	stop("by who may only release", ErrRole, StepPeople, by("lara"), func(w *world) {
		w.keyset.Keys = append(w.keyset.Keys, person("lara", "lara", RoleRelease))
		w.keyset.SortKeys()
		w.hold()
	})
	stop("by a pharmacist", Applied, StepAccept, by("mona"), func(w *world) {
		w.keyset.Keys = append(w.keyset.Keys, person("mona", "mona", RolePharmacist))
		w.keyset.SortKeys()
		w.hold()
	})
	stop("by a revoked key", ErrRevoked, StepKeys, by("gerda"))
	stop("by somebody of another site", ErrKey, StepKeys, by("fritz"))
	stop("by a key that is over", ErrKey, StepKeys, by("hanna"))
	stop("of another pump", ErrAud, StepAddress, func(s *Stop) { s.Pump[0] ^= 1 })
	stop("of another epoch", ErrEpoch, StepBinding, func(s *Stop) { s.Epoch-- })
	stop("an old counter", ErrCounter, StepCounter, func(s *Stop) { s.Counter = 10 })
	stop("a counter too far ahead", ErrCounter, StepCounter, func(s *Stop) { s.Counter = 10 + 1025 })
	stop("a counter of orders is another", Applied, StepAccept, nil, func(w *world) { w.view.Memory.Counter = MaxCounter })
	stop("three windows back", Applied, StepAccept, func(s *Stop) { s.Window = id16("w1") })
	stop("a window of before the boot", ErrWindow, StepWindow, func(s *Stop) { s.Window = id16("w0") })
	stop("a window older than an hour", ErrWindow, StepWindow, func(s *Stop) { s.Window = id16("w1") }, func(w *world) { w.view.Mono = 900_000 + 4*WindowLife + 1 })
	stop("withheld and delivered late", ErrExpired, StepTime, nil, func(w *world) { w.view.Now += 641 })
	stop("from the future", ErrNotYet, StepTime, nil, func(w *world) { w.view.Now -= 81 })
	stop("that lives too long", ErrExpired, StepTime, func(s *Stop) { s.Expires = s.IssuedAt + StopLife + 1 })
	stop("without a clock", Applied, StepAccept, nil, func(w *world) { w.view.Trusted, w.view.Now = false, 0 })
	stop("with an expired keyset", Applied, StepAccept, nil, func(w *world) { w.keyset.Expires = noon - 1; w.hold() })
	stop("while firmware is installed, with faults", Applied, StepAccept, nil, func(w *world) { w.view.Busy, w.view.Faults = BusyInstalled, []string{"MEM_CRIT"} })
	stop("the third in ten minutes", Applied, StepAccept, nil, func(w *world) { w.view.Memory.StopTimes = []int64{w.view.Run - 500_000, w.view.Run - 1000} })
	stop("the fourth in ten minutes", ErrRate, StepCondition, nil, func(w *world) {
		w.view.Memory.StopTimes = []int64{w.view.Run - 599_999, w.view.Run - 5000, w.view.Run - 1000}
	})
	stop("the fourth in a little more", Applied, StepAccept, nil, func(w *world) {
		w.view.Memory.StopTimes = []int64{w.view.Run - 600_000, w.view.Run - 5000, w.view.Run - 1000}
	})
	stop("format 2", ErrVersion, StepDocuments, func(s *Stop) { s.V = 2 })
	stop("without a reason", ErrFormat, StepDocuments, func(s *Stop) { s.Reason = "" })
	stop("without an id", ErrFormat, StepDocuments, func(s *Stop) { s.ID = ID{} })
	stop("that ends as it begins", ErrFormat, StepDocuments, func(s *Stop) { s.Expires = s.IssuedAt })
	stop("before 1970", ErrFormat, StepDocuments, func(s *Stop) { s.IssuedAt = -1 })
	stop("after the end of time", ErrFormat, StepDocuments, func(s *Stop) { s.Expires = maxTime + 1 })
	stop("by a name that reads backwards", ErrFormat, StepDocuments, func(s *Stop) { s.Person = "\u202elime" })
	l.on("dn/stop", "with another's signature", ErrSig, StepSignatures, func(w *world) []byte { return signStop(w.stopOf(), "anna") })
	l.on("dn/stop", "signed as a release would be", ErrSig, StepSignatures, func(w *world) []byte {
		s := w.stopOf()
		b := s.Encode()
		return EncodeStop(b, authOf("emil").sign(ReleaseHash(b)))
	})
	l.on("dn/order", "where orders come", ErrFormat, StepEnvelope, func(w *world) []byte { return signStop(w.stopOf(), "emil") })
	l.on("dn/stop", "a document of more than 4 KiB", ErrSize, StepDocuments, func(w *world) []byte {
		s := w.stopOf()
		b := append(s.Encode(), make([]byte, MaxStatement)...)
		return EncodeStop(b, authOf("emil").sign(StopHash(b)))
	})
	l.on("dn/stop", "an unknown key in it", ErrFormat, StepDocuments, func(w *world) []byte {
		s := w.stopOf()
		b := s.Encode()
		b[0]++
		b = append(b, 0x18, 0x63, 0x01)
		return EncodeStop(b, authOf("emil").sign(StopHash(b)))
	})
	l.on("dn/stop", "a byte after it", ErrFormat, StepEnvelope, func(w *world) []byte { return append(signStop(w.stopOf(), "emil"), 0) })
	l.on("dn/stop", "the same again", Applied, StepReplay, func(w *world) []byte {
		b := signStop(w.stopOf(), "emil")
		w.view.Memory = w.deliverStop(b).Memory
		w.view.State.Gen, w.view.State.Run = w.view.State.Gen+1, wire.Stopped
		return b
	})
	l.on("dn/stop", "over the budget of a minute", ErrRate, StepCarrier, func(w *world) []byte {
		w.view.Budgets.Stops = Budget{Since: w.view.Mono - 1, Taken: stopBudget}
		return signStop(w.stopOf(), "emil")
	})
	l.on("dn/stop", "a flood of orders blocks no stop", Applied, StepAccept, func(w *world) []byte {
		w.view.Budgets.Orders = Budget{Since: w.view.Mono - 1, Taken: orderBudget}
		return signStop(w.stopOf(), "emil")
	})
	l.on("dn/stop", "without a keyset", ErrKeyset, StepKeyset, func(w *world) []byte {
		w.view.Keyset = Keyset{}
		return signStop(w.stopOf(), "emil")
	})
	stop("with a keyset for other sites", ErrKeyset, StepKeyset, nil, func(w *world) { w.keyset.Sites = []ID{siteB}; w.hold() })
}

func withdrawVectors(l *list) {
	l.group = "withdraw"
	target := func(w *world) Digest { p := w.prescription(ActProgram); return PrescriptionHash(p.Encode()) }
	take := func(name string, code Code, step int, change func(w *world, x *Withdraw)) {
		l.order(name, code, step, func(w *world) []byte {
			x := w.withdrawOf(target(w))
			if change != nil {
				change(w, &x)
			}
			return signWithdraw(x, x.Person)
		})
	}
	l.all = append(l.all, vector{group: "withdraw", name: "control", code: Applied, step: StepAccept, topic: "dn/order", flip: true, make: func(w *world) []byte { return signWithdraw(w.withdrawOf(target(w)), "anna") }})
	l.order("an order that was withdrawn", ErrGone, StepWithdrawn, func(w *world) []byte {
		w.view.Memory = w.deliver(signWithdraw(w.withdrawOf(target(w)), "anna")).Memory
		return w.send(ActProgram, nil)
	})
	l.order("another order than was withdrawn", Applied, StepAccept, func(w *world) []byte {
		w.view.Memory = w.deliver(signWithdraw(w.withdrawOf(Digest{1}), "anna")).Memory
		return w.send(ActProgram, nil)
	})
	take("twice, by another person", Applied, StepAccept, func(w *world, x *Withdraw) {
		w.view.Memory = w.deliver(signWithdraw(*x, "anna")).Memory
		x.Person, x.Key = "ben", idOf("ben")
	})
	l.order("the same again", Applied, StepReplay, func(w *world) []byte {
		b := signWithdraw(w.withdrawOf(target(w)), "anna")
		w.view.Memory = w.deliver(b).Memory
		return b
	})
	take("too late", ErrState, StepCondition, func(w *world, x *Withdraw) {
		w.view.Memory = w.deliver(w.send(ActProgram, nil)).Memory
	})
	take("of another pump", ErrAud, StepAddress, func(_ *world, x *Withdraw) { x.Pump[0] ^= 1 })
	take("of another epoch", ErrEpoch, StepBinding, func(_ *world, x *Withdraw) { x.Epoch++ })
	take("by who may only stop", ErrRole, StepPeople, func(_ *world, x *Withdraw) { x.Person, x.Key = "emil", idOf("emil") })
	take("by a revoked key", ErrRevoked, StepKeys, func(_ *world, x *Withdraw) { x.Person, x.Key = "gerda", idOf("gerda") })
	take("by who may release", Applied, StepAccept, func(_ *world, x *Withdraw) { x.Person, x.Key = "dora", idOf("dora") })
	take("by a verifier", Applied, StepAccept, func(_ *world, x *Withdraw) { x.Person, x.Key = "carla", idOf("carla") })
	take("from the future", ErrNotYet, StepTime, func(_ *world, x *Withdraw) { x.IssuedAt = noon + 61 })
	take("from the future, without a clock", Applied, StepAccept, func(w *world, x *Withdraw) { w.view.Trusted = false; x.IssuedAt = noon + 61 })
	take("with an expired keyset", Applied, StepAccept, func(w *world, _ *Withdraw) { w.keyset.Expires = noon - 1; w.hold() })
	take("format 3", ErrVersion, StepDocuments, func(_ *world, x *Withdraw) { x.V = 3 })
	take("without a reason", ErrFormat, StepDocuments, func(_ *world, x *Withdraw) { x.Reason = "" })
	take("before 1970", ErrFormat, StepDocuments, func(_ *world, x *Withdraw) { x.IssuedAt = -1 })
	take("by a name that reads backwards", ErrFormat, StepDocuments, func(_ *world, x *Withdraw) { x.Person = "\u202eanna" })
	l.order("with another's signature", ErrSig, StepSignatures, func(w *world) []byte { return signWithdraw(w.withdrawOf(target(w)), "ben") })
	l.order("a byte after it", ErrFormat, StepEnvelope, func(w *world) []byte { return append(signWithdraw(w.withdrawOf(target(w)), "anna"), 0) })
	l.on("dn/stop", "where stops come", ErrFormat, StepEnvelope, func(w *world) []byte { return signWithdraw(w.withdrawOf(target(w)), "anna") })
	take("no room to remember it", ErrFull, StepCondition, func(w *world, _ *Withdraw) {
		for i := range maxWithdrawn {
			w.view.Memory.Withdrawn = append(w.view.Memory.Withdrawn, Withdrawn{Prescription: Digest{byte(i + 1)}, Gen: w.view.State.Gen})
		}
	})
	take("room again after something was programmed", Applied, StepAccept, func(w *world, _ *Withdraw) {
		for i := range maxWithdrawn {
			w.view.Memory.Withdrawn = append(w.view.Memory.Withdrawn, Withdrawn{Prescription: Digest{byte(i + 1)}, Gen: w.view.State.Gen - 1})
		}
	})
}

func transferVectors(l *list) {
	l.group = "transfer"
	l.order("control", Applied, StepAccept, sent(ActTransfer, nil))
	to := func(name string, code Code, step int, change func(w *world, t *Transfer)) {
		l.order(name, code, step, func(w *world) []byte {
			return w.send(ActTransfer, func(d *draft) { change(w, d.p.Transfer) })
		})
	}
	to("to the site it is at", ErrAud, StepLibrary, func(_ *world, t *Transfer) { t.Site = siteA })
	to("with a keyset for another site", ErrKeyset, StepLibrary, func(w *world, t *Transfer) {
		t.Keyset = w.newSiteKeyset(func(k *Keyset) { k.Sites = []ID{siteA}; k.Keys[0].Sites = nil })
	})
	to("with a keyset that has expired", ErrKeyset, StepLibrary, func(w *world, t *Transfer) { t.Keyset = w.newSiteKeyset(func(k *Keyset) { k.Expires = noon }) })
	to("with a keyset that orders nothing", ErrKeyset, StepLibrary, func(w *world, t *Transfer) { t.Keyset = w.newSiteKeyset(func(k *Keyset) { k.Policies = nil }) })
	to("with a keyset that one administrator signed", ErrKeyset, StepLibrary, func(w *world, t *Transfer) {
		k := Keyset{V: 1, Version: 2, Issued: noon - day, Expires: noon + day, Origin: origin, Policies: DefaultPolicies(), Sites: []ID{siteB}}
		t.Keyset = fixedSign(TypeKeyset, k.Encode(), edKey("admin-a"))
	})
	to("with something that is no keyset", ErrKeyset, StepLibrary, func(_ *world, t *Transfer) { t.Keyset = Bytes{0x80} })
	l.order("by one", ErrQuorum, StepQuorum, sent(ActTransfer, func(d *draft) { d.votes = votes("anna") }))

	l.order("the same again, at the new site", Applied, StepReplay, func(w *world) []byte {
		b := w.send(ActTransfer, nil)
		w.view.Memory = w.deliver(b).Memory
		w.view.Site, w.view.State.Epoch = siteB, w.view.State.Epoch+1
		return b
	})

	l.group = "transfer by the root"
	rooted := func(name string, code Code, step int, sign string, change func(w *world, p *Prescription)) {
		l.order(name, code, step, func(w *world) []byte {
			p := w.prescription(ActTransfer)
			if change != nil {
				change(w, &p)
			}
			b, err := EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey(sign)))
			if err != nil {
				panic(err)
			}
			return b
		})
	}
	rooted("control", Applied, StepAccept, "root", nil)
	l.all[len(l.all)-1].flip = true
	rooted("by an administrator", ErrSig, StepSignatures, "admin-a", nil)
	rooted("a program by the root", ErrFormat, StepDocuments, "root", func(w *world, p *Prescription) { *p = w.prescription(ActProgram) })
	rooted("format 2", ErrVersion, StepDocuments, "root", func(_ *world, p *Prescription) { p.V = 2 })
	rooted("of another pump", ErrAud, StepAddress, "root", func(_ *world, p *Prescription) { p.Pump[0] ^= 1 })
	rooted("of another epoch", ErrEpoch, StepBinding, "root", func(_ *world, p *Prescription) { p.Epoch++ })
	rooted("expired", ErrExpired, StepTime, "root", func(_ *world, p *Prescription) { p.NotBefore, p.Expires = noon-2*day, noon-61 })
	rooted("not yet", ErrNotYet, StepTime, "root", func(_ *world, p *Prescription) { p.NotBefore, p.Expires = noon+61, noon+day })
	rooted("that lives too long", ErrExpired, StepTime, "root", func(_ *world, p *Prescription) { p.Expires = p.NotBefore + 7*day + 1 })
	rooted("expired, without a clock", Applied, StepAccept, "root", func(w *world, p *Prescription) { w.view.Trusted = false; p.NotBefore, p.Expires = noon-2*day, noon-61 })
	rooted("for a state that is over", ErrCAS, StepState, "root", func(w *world, _ *Prescription) { w.view.State.Gen++ })
	rooted("to the site it is at", ErrAud, StepLibrary, "root", func(_ *world, p *Prescription) { p.Transfer.Site = siteA })
	rooted("while firmware is installed", ErrBusy, StepCondition, "root", func(w *world, _ *Prescription) { w.view.Busy = BusyInstalled })
	rooted("withdrawn", ErrGone, StepWithdrawn, "root", func(w *world, p *Prescription) {
		w.view.Memory.Withdrawn = []Withdrawn{{Prescription: PrescriptionHash(p.Encode()), Gen: w.view.State.Gen}}
	})
	l.order("signed as a keyset", ErrSig, StepSignatures, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		b, err := EncodeRootTransfer(fixedSign(TypeKeyset, p.Encode(), edKey("root")))
		if err != nil {
			panic(err)
		}
		return b
	})
	l.order("the same again", Applied, StepReplay, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		b, err := EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey("root")))
		if err != nil {
			panic(err)
		}
		w.view.Memory = w.deliver(b).Memory
		return b
	})
	l.order("with nine signatures", ErrFormat, StepEnvelope, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		return encode(rooted9(p.Encode()))
	})
	l.order("a byte after it", ErrFormat, StepEnvelope, func(w *world) []byte {
		p := w.prescription(ActTransfer)
		b, err := EncodeRootTransfer(fixedSign(TypeTransfer, p.Encode(), edKey("root")))
		if err != nil {
			panic(err)
		}
		return append(b, 0)
	})
}

func rooted9(body []byte) rooted {
	r := rooted{Kind: kindTransfer, Prescription: body}
	for range maxSignatures + 1 {
		r.Sigs = append(r.Sigs, Signature{Key: []byte{1}, Sig: []byte{2}})
	}
	return r
}
