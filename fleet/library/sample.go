// Package library keeps the drug libraries.
//
// So far it holds the sample that a demo and a first trial start with: the
// drugs of the source document and their facts as researched, marked as sample
// and unapproved. Ketamine, gabapentin and lidocaine are there as restricted
// entries, because the source document names them and none of them may be
// infused on its say-so (reference/domain.md 0.6).
package library

import (
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
)

// Sample returns the sample library as of issued: unapproved content that no
// site may treat patients by (reference/domain.md 2.1).
func Sample(issued time.Time) order.Library {
	drug := func(code dose.Code, name, class, unit string, decimals uint, restricted bool, source string) order.Drug {
		return order.Drug{Code: code, Name: name, Class: class, Unit: unit, Decimals: decimals, Withdrawal: code.Withdrawal(), Restricted: restricted, Source: source}
	}
	return order.Library{
		V: 1, Version: 1, Issued: issued.Unix(), Name: "Sample, unapproved", Sample: true,
		Drugs: []order.Drug{
			drug(dose.Morphine, "Morphine", "opioid", "mg", 3, false, "domain 2.1, S43"),
			drug(dose.Hydromorphone, "Hydromorphone", "opioid", "mg", 3, false, "domain 2.1, S44"),
			drug(dose.Fentanyl, "Fentanyl", "opioid", "mcg", 1, false, "domain 2.1, MEM-M"),
			drug(dose.Sufentanil, "Sufentanil", "opioid", "mcg", 1, false, "domain 2.1, S44"),
			drug(dose.Ziconotide, "Ziconotide", "N-type calcium channel blocker", "mcg", 2, false, "domain 2.1, S20 S21"),
			drug(dose.Bupivacaine, "Bupivacaine", "local anaesthetic", "mg", 2, false, "domain 2.1, S44"),
			drug(dose.Clonidine, "Clonidine", "alpha-2 agonist", "mcg", 1, false, "domain 2.1, S48"),
			drug(dose.Baclofen, "Baclofen", "GABA-B agonist", "mcg", 1, false, "domain 2.1, S37"),
			drug(dose.Lidocaine, "Lidocaine", "local anaesthetic", "mg", 2, true, "domain 0.6, SEED"),
			drug(dose.Ketamine, "Ketamine", "NMDA antagonist", "mg", 2, true, "domain 0.6, S45"),
			drug(dose.Gabapentin, "Gabapentin", "other", "mg", 2, true, "domain 0.6, MEM-H"),
			drug(dose.Saline, "Sodium chloride 0.9 %", "diluent", "mg", 2, false, "rest or rinse"),
		},
	}
}
