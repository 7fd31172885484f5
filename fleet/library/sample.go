// Package library keeps the drug libraries: versions that a pharmacist writes, a
// second person approves and the library's key signs, what the pumps have of them,
// and the sample that a demo and a first trial start with: the
// drugs of the source document and their facts as researched, marked as sample
// and unapproved. Ketamine, gabapentin and lidocaine are there as restricted
// entries, because the source document names them and none of them may be
// infused on its say-so (reference/domain.md 0.6).
package library

import (
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

const (
	mg = units.Milligram
	ug = units.Microgram
	// Concentrations are masses in a millilitre.
	mgmL = units.Conc(units.Milligram)
	ugmL = units.Conc(units.Microgram)
)

// sampleDate is a date for those who want the sample's numbers alone.
var sampleDate = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Sample returns the sample library as of issued: unapproved content that no
// site may treat patients by. Its numbers are those of reference/domain.md 2.1
// and 2.2, with sources that a pharmacist can look up and how much each is worth;
// where none could be found they are proposals: the limits of an hour, a sixth of the day's, and the soft limits, two
// thirds of the hard ones. Epidural limits and the band in which one person may
// decrease a dose ship empty, and limits of one patient bolus too: no numbers
// were found, so the site sets them.
func Sample(issued time.Time) order.Library {
	return order.Library{
		V: 1, Version: 1, Issued: issued.Unix(), Name: "Sample, unapproved", Sample: true,
		Drugs: []order.Drug{
			entry(dose.Morphine, "Morphine", "opioid", "mg", 3, "Day and concentration: PACC 2017 (high confidence). Steps: after Deer 2007. Stability: University of Wisconsin, pump refills", 20*mgmL, 90, pain(15*mg, 0, 0)),
			entry(dose.Hydromorphone, "Hydromorphone", "opioid", "mg", 3, "Day and concentration: PACC 2017 (high confidence). Stability: SynchroMed study at 37 °C, refills at 90 days endorsed", 15*mgmL, 90, pain(10*mg, 0, 0)),
			entry(dose.Fentanyl, "Fentanyl", "opioid", "mcg", 1, "PACC 2017 (medium confidence); steps as morphine", 10*mgmL, 0, pain(1000*ug, 0, 0)),
			entry(dose.Sufentanil, "Sufentanil", "opioid", "mcg", 1, "PACC 2017 (medium confidence); steps as morphine", 5*mgmL, 0, pain(500*ug, 0, 0)),
			labelled("US", alone(entry(dose.Ziconotide, "Ziconotide", "N-type calcium channel blocker", "mcg", 2, "Prialt label, US; the EU allows 21.6 mcg a day (medium confidence)", 100*ugmL, 40, pain(19_200, 2_400, 1_200)))),
			entry(dose.Bupivacaine, "Bupivacaine", "local anaesthetic", "mg", 2, "PACC 2017 (medium confidence); steps: a proposal, no rule was found", 30*mgmL, 0, pain(15*mg, 0, 0)),
			entry(dose.Clonidine, "Clonidine", "alpha-2 agonist", "mcg", 1, "PACC 2017 (medium confidence); steps: a proposal, no rule was found", 1*mgmL, 0, pain(600*ug, 0, 0)),
			entry(dose.Baclofen, "Baclofen", "GABA-B agonist", "mcg", 1, "Lioresal label. Concentration: Gablofen label. Stability: pump label, drug stability manual (high confidence)", 2*mgmL, 180, spasticity()),
			restricted(dose.Lidocaine, "Lidocaine", "local anaesthetic", "Transient symptoms and cauda equina damage under continuous infusion (high confidence)"),
			restricted(dose.Ketamine, "Ketamine", "NMDA antagonist", "S-ketamine damaged the cord of 11 of 12 rabbits"),
			restricted(dose.Gabapentin, "Gabapentin", "other", "Its trial failed: Rauck 2013 (high confidence)"),
			entry(dose.Saline, "Sodium chloride 0.9 %", "diluent", "mg", 2, "A rest or a rinse: no more than a day of the fastest pump (proposal)", 9*mgmL, 180, every(rest)),
		},
		Mixtures: []order.Mixture{
			mixture(90, "Hildebrand 2003, SynchroMed at 37 °C: 94 % and more kept", dose.Morphine, dose.Clonidine),
			mixture(90, "SynchroMed study at 37 °C: more than 96 % kept", dose.Morphine, dose.Bupivacaine, dose.Clonidine),
			mixture(35, "Observed in patients: 35 days, give or take 13", dose.Hydromorphone, dose.Clonidine),
			mixture(30, "Stabilis: glass at 37 °C, 95 % and more kept", dose.Morphine, dose.Baclofen),
			mixture(8, "Shields 2005 and 2008: at the highest concentration (medium confidence)", dose.Morphine, dose.Ziconotide),
			mixture(19, "Shields 2007 (medium confidence)", dose.Hydromorphone, dose.Ziconotide),
			mixture(60, "Shields, year not known (low confidence)", dose.Ziconotide, dose.Clonidine),
			mixture(30, "Shields, year not known (low confidence)", dose.Ziconotide, dose.Baclofen),
		},
	}
}

func entry(code dose.Code, name, class, unit string, decimals uint, source string, most units.Conc, days int64, limits []order.DrugLimit) order.Drug {
	// What is derived from other limits is rounded down to what people can write.
	step := mg
	if unit == "mcg" {
		step = ug
	}
	for range decimals {
		step /= 10
	}
	for i := range limits {
		x := &limits[i]
		x.HardHour, x.SoftDay = x.HardHour/step*step, x.SoftDay/step*step
	}
	return order.Drug{
		Code: code, Name: name, Class: class, Unit: unit, Decimals: decimals, Withdrawal: code.Withdrawal(), Source: source,
		MaxConc: most, Stability: units.Seconds(days) * units.Day, Limits: limits,
	}
}

func alone(d order.Drug) order.Drug {
	d.Alone = true
	return d
}

// labelled says where the label holds that an entry's numbers are of: another country's
// may say otherwise.
func labelled(jurisdiction string, d order.Drug) order.Drug {
	d.Jurisdiction = jurisdiction
	return d
}

func restricted(code dose.Code, name, class, source string) order.Drug {
	return order.Drug{Code: code, Name: name, Class: class, Unit: "mg", Decimals: 2, Withdrawal: code.Withdrawal(), Restricted: true, Source: source}
}

func mixture(days int64, source string, codes ...dose.Code) order.Mixture {
	return order.Mixture{Codes: codes, Stability: units.Seconds(days) * units.Day, Source: source}
}

// limit is what a group may have a day, with its steps in thousandths and, where
// there are any, in mass.
func limit(g order.Group, day units.Mass, softPM, hardPM uint64, hardStep, softStep units.Mass) order.DrugLimit {
	return order.DrugLimit{
		Group: g, Route: dose.Intrathecal, HardDay: day, HardHour: day / 6, SoftDay: day / 3 * 2,
		HardStep: hardStep, SoftStep: softStep, HardStepPM: hardPM, SoftStepPM: softPM,
	}
}

// pain is the groups of patients with pain: steps of at most 50 % with cancer and
// of 30 % without, beyond which three people sign, and never more than double.
// A drug with steps in mass has those instead.
func pain(day, hardStep, softStep units.Mass) []order.DrugLimit {
	if hardStep > 0 {
		return []order.DrugLimit{limit(order.GroupCancer, day, 0, 0, hardStep, softStep), limit(order.GroupNonCancer, day, 0, 0, hardStep, softStep)}
	}
	return []order.DrugLimit{limit(order.GroupCancer, day, 500, 1000, 0, 0), limit(order.GroupNonCancer, day, 300, 1000, 0, 0)}
}

// spasticity is the groups of patients with spasticity: the Lioresal label's steps of 30 % and
// 40 % with spinal origin, of 15 % and 20 % with cerebral origin and in children.
func spasticity() []order.DrugLimit {
	return []order.DrugLimit{
		limit(order.GroupSpinal, 1000*ug, 300, 400, 0, 0),
		limit(order.GroupCerebral, 1000*ug, 150, 200, 0, 0),
		limit(order.GroupChild, 1000*ug, 150, 200, 0, 0),
	}
}

// rest is what a day of the fastest pump, 28.8 mL, holds of saline.
const rest = 260 * units.Milligram

func every(day units.Mass) (out []order.DrugLimit) {
	for g := order.GroupCancer; g <= order.GroupChild; g++ {
		out = append(out, order.DrugLimit{Group: g, Route: dose.Intrathecal, HardDay: day, HardHour: day})
	}
	return out
}
