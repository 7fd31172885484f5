package events

import (
	"slices"
	"strings"
)

// Group says what part of a pump's life something is about, for people who look
// for one part of it.
type Group string

// The groups. Everything in the catalogue and everything that a pump reports is
// in exactly one.
const (
	GroupOrders  Group = "orders"  // what a pump is told to do, and what it made of that
	GroupBoluses Group = "boluses" // what patients asked for and pumps gave
	GroupAlarms  Group = "alarms"
	GroupRefills Group = "refills" // fillings, and readings that people took
	GroupDevice  Group = "device"  // the device itself: its papers, parts and state
	GroupLink    Group = "link"    // whether, and as whom, it is heard
	GroupPeople  Group = "people"  // patients, and who works with them
)

// Groups lists all groups, in the order of screens.
func Groups() []Group {
	return []Group{GroupOrders, GroupBoluses, GroupAlarms, GroupRefills, GroupDevice, GroupLink, GroupPeople}
}

// groupsOf has a name, or what stands before its dot. A name itself wins.
var groupsOf = map[string]Group{
	"alarm":       GroupAlarms,
	"audit":       GroupPeople,
	"auth":        GroupPeople,
	"bulk":        GroupDevice,
	"cert":        GroupLink,
	"group":       GroupDevice,
	"key":         GroupOrders,
	"keyset":      GroupOrders,
	"library":     GroupOrders,
	"link":        GroupLink,
	"membership":  GroupPeople,
	"oncall":      GroupPeople,
	"order":       GroupOrders,
	"patient":     GroupPeople,
	"presence":    GroupLink,
	"reading":     GroupRefills,
	"recall":      GroupDevice,
	"site":        GroupPeople,
	"telemetry":   GroupDevice,
	"token":       GroupPeople,
	"view":        GroupPeople,
	"maintenance": GroupDevice,

	"communicator": GroupDevice,

	"pump":                GroupDevice,
	"pump.answer":         GroupOrders,
	"pump.claim":          GroupLink,
	"pump.claim_withdraw": GroupLink,
	"pump.enrol":          GroupLink,
	"pump.enrol_refused":  GroupLink,
	"pump.hello":          GroupLink,
	"pump.link":           GroupLink,
	"pump.state":          GroupOrders,
}

// GroupOf returns the group of a name of the catalogue, "" if it has none.
func GroupOf(name string) Group {
	if g, ok := groupsOf[name]; ok {
		return g
	}
	area, _, _ := strings.Cut(name, ".")
	return groupsOf[area]
}

// reports has the codes of what pumps report (device/pump/output.go). Codes that
// are not here, such as a vendor's own, are about the device.
var reports = map[string]Group{
	"PROGRAMMED": GroupOrders, "REFUSED": GroupOrders, "STOPPED": GroupOrders, "RESUMED": GroupOrders, "PROGRAM_ENDED": GroupOrders, "PROGRAM_LOST": GroupOrders,
	"ADOPTED": GroupOrders, "REBOUND": GroupOrders,
	"PRIME_STARTED": GroupOrders, "PRIME_ENDED": GroupOrders, "BRIDGE_STARTED": GroupOrders, "BRIDGE_ENDED": GroupOrders, "BRIDGE_CUT": GroupOrders,
	"BOLUS_STARTED": GroupBoluses, "BOLUS_ENDED": GroupBoluses, "BOLUS_CUT": GroupBoluses, "PTM_DENIED": GroupBoluses, "PTM_EXPIRED": GroupBoluses,
	"ALARM_CLEARED": GroupAlarms, "REFILLED": GroupRefills,
}

// GroupOfReport returns the group of the code of a pump's report.
func GroupOfReport(code string) Group {
	if g, ok := reports[code]; ok {
		return g
	}
	return GroupDevice
}

// NamesOf returns the names of the catalogue that are in one of the groups.
func NamesOf(groups ...Group) []string {
	var out []string
	for _, e := range catalogue {
		if slices.Contains(groups, GroupOf(e.Name)) {
			out = append(out, e.Name)
		}
	}
	return out
}

// ReportsOf returns which codes of reports are in one of the groups: only those
// of the first list, or, as there is no list of all that are about the device,
// all but those of the second, which then is not nil. Both are nil if there are
// none.
func ReportsOf(groups ...Group) (only, not []string) {
	others := slices.Contains(groups, GroupDevice)
	if others {
		not = []string{}
	}
	for code, g := range reports {
		switch in := slices.Contains(groups, g); {
		case in && !others:
			only = append(only, code)
		case !in && others:
			not = append(not, code)
		}
	}
	slices.Sort(only)
	slices.Sort(not)
	return only, not
}
