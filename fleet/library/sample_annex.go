package library

import (
	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

// Documents that numbers of the sample were read in (reference/domain.md 9).
const (
	pacc       = "PACC 2017"
	deer       = "Pump refills and reprogramming, after Deer 2007"
	infumorph  = "Infumorph label"
	prialt     = "Prialt US label"
	lioresal   = "Lioresal label"
	gablofen   = "Gablofen label"
	wisconsin  = "University of Wisconsin, practice of pump refills"
	asMorphine = "as morphine"
	sixth      = "a sixth of the limit of 24 hours"
	thirds     = "two thirds of the hard limit"
)

// said is what somebody says of a number, and how much that is worth.
type said struct {
	source string
	worth  Confidence
}

// origin is where a drug's numbers come from.
type origin struct {
	drug                              dose.Code
	conc, day, soft, hard, keep, pace said // soft and hard steps
	most                              said // increases in a week
	gap                               units.Seconds
	max7d                             uint16
}

var origins = []origin{
	{drug: dose.Morphine, conc: said{pacc, High}, day: said{pacc, High}, soft: said{deer, Found}, hard: said{"never more than double", Proposed}, keep: said{wisconsin, Found}, pace: said{infumorph + ": watch 24 to 72 hours after an increase", Found}, gap: units.Day},
	{drug: dose.Hydromorphone, conc: said{pacc, High}, day: said{pacc, High}, soft: said{asMorphine, Medium}, hard: said{asMorphine, Proposed}, keep: said{"SynchroMed study at 37 °C: 120 days kept over 95 %, refills at 90 endorsed", Found}, pace: said{asMorphine, Medium}, gap: units.Day},
	{drug: dose.Fentanyl, conc: said{pacc, Medium}, day: said{pacc, Medium}, soft: said{asMorphine, Medium}, hard: said{asMorphine, Proposed}, pace: said{asMorphine, Medium}, gap: units.Day},
	{drug: dose.Sufentanil, conc: said{pacc, Medium}, day: said{pacc, Medium}, soft: said{asMorphine, Medium}, hard: said{asMorphine, Proposed}, pace: said{asMorphine, Medium}, gap: units.Day},
	{
		drug: dose.Ziconotide, conc: said{prialt, Found}, day: said{prialt + "; 21.6 mcg in the EU", Found}, soft: said{"half of the label's step", Proposed}, hard: said{prialt, Found}, keep: said{prialt + ": diluted, after the first fill", Found},
		pace: said{"a day between steps", Proposed}, most: said{prialt + ": at most two to three steps a week", Found}, gap: units.Day, max7d: 3,
	},
	{drug: dose.Bupivacaine, conc: said{pacc, Medium}, day: said{pacc, Medium}, soft: said{"no rule was found", Proposed}, hard: said{"no rule was found", Proposed}},
	{drug: dose.Clonidine, conc: said{pacc, Medium}, day: said{pacc, Medium}, soft: said{"no rule was found", Proposed}, hard: said{"no rule was found", Proposed}},
	{drug: dose.Baclofen, conc: said{gablofen, Found}, day: said{lioresal, Found}, soft: said{lioresal, Found}, hard: said{lioresal, Found}, keep: said{"pump label, drug stability manual", High}, pace: said{lioresal + ": no increase within 24 hours", Found}, gap: units.Day},
	{drug: dose.Saline, conc: said{"0.9 %", Found}, day: said{"a day of the fastest pump", Proposed}, keep: said{"longest interval of refills", Proposed}},
}

// SampleAnnex says where each number of the sample comes from (reference/domain.md
// 2.1 and 2.2), and how fast its doses may rise where a label or practice says so.
func SampleAnnex() Annex {
	out := Annex{Sources: []Source{}, Paces: []Pace{}}
	l := Sample(sampleDate)
	for _, o := range origins {
		d, ok := l.Drug(o.drug)
		if !ok {
			continue
		}
		of := func(x *order.DrugLimit, field string, s said) {
			if s.source == "" {
				return
			}
			src := Source{Drug: d.Code, Field: field, Source: s.source, Confidence: s.worth}
			if x != nil {
				src.Group, src.Route = x.Group, x.Route
			}
			out.Sources = append(out.Sources, src)
		}
		of(nil, "max_conc_ng_ml", o.conc)
		of(nil, "stability_s", o.keep)
		if o.gap > 0 {
			out.Paces = append(out.Paces, Pace{Drug: d.Code, MinGap: o.gap, Max7d: o.max7d})
			of(nil, "min_gap_s", o.pace)
			of(nil, "max_7d", o.most)
		}
		for i := range d.Limits {
			x := &d.Limits[i]
			of(x, "hard_day_ng", o.day)
			if x.HardHour < x.HardDay {
				of(x, "hard_hour_ng", said{sixth, Proposed})
			}
			if x.SoftDay > 0 {
				of(x, "soft_day_ng", said{thirds, Proposed})
			}
			for _, step := range [...]struct {
				there bool
				field string
				s     said
			}{
				{x.HardStep > 0, "hard_step_ng", o.hard},
				{x.SoftStep > 0, "soft_step_ng", o.soft},
				{x.HardStepPM > 0, "hard_step_permille", o.hard},
				{x.SoftStepPM > 0, "soft_step_permille", o.soft},
			} {
				if step.there {
					of(x, step.field, step.s)
				}
			}
		}
	}
	worth := []Confidence{Found, Found, Found, Found, Medium, Medium, Low, Low}
	for i, m := range l.Mixtures {
		out.Sources = append(out.Sources, Source{Mixture: m.Codes, Field: "stability_s", Source: m.Source, Confidence: worth[i]})
	}
	return out
}
