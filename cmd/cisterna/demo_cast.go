package main

import (
	"fmt"
	"strings"

	"cisterna/device/profile"
	"cisterna/device/wire"
	"cisterna/internal/auth"
)

// The demo's cast: who works where, and which pumps are there. Everybody and
// everything is invented.

type demoSite struct{ name, short, zone string }

var demoSites = []demoSite{
	{"St. Gereon University Hospital", "GEREON", "Europe/Berlin"},
	{"Harbour Pain Clinic", "HARBOUR", "Europe/Lisbon"},
	{"Lindenhof Rehabilitation Centre", "LINDEN", "Europe/Zurich"},
}

// demoPerson is somebody that the sign-in page of a demo offers.
type demoPerson struct {
	Login, Name, Password string
	Does                  string // what they do, for the sign-in page
	Roles                 map[string][]auth.Role
}

// demoPassword is everybody's: a demo's people are not secret, only invented.
const demoPassword = "still water runs deep 7"

var demoPeople = []demoPerson{
	{"anna", "Anna Berg", demoPassword, "Biomedical engineer, all sites", at(auth.Engineer, "GEREON", "HARBOUR", "LINDEN")},
	{"otto", "Otto Lindqvist", demoPassword, "Biomedical engineer, Harbour only", at(auth.Engineer, "HARBOUR")},
	{"miriam", "Dr. Miriam Adeyemi", demoPassword, "Prescriber, St. Gereon", at(auth.Prescriber, "GEREON")},
	{"jonas", "Dr. Jonas Falk", demoPassword, "Verifier, St. Gereon and Lindenhof", at(auth.Verifier, "GEREON", "LINDEN")},
	{"rosa", "Rosa Ferreira", demoPassword, "Refill nurse, Harbour", at(auth.Nurse, "HARBOUR")},
	{"priya", "Priya Raman", demoPassword, "Pharmacist, all sites", at(auth.Pharmacist, "GEREON", "HARBOUR", "LINDEN")},
	{"karl", "Karl Neumann", demoPassword, "Auditor, all sites", at(auth.Auditor, "GEREON", "HARBOUR", "LINDEN")},
	{"ada", "Ada Winther", demoPassword, "Administrator, all sites", at(auth.Admin, "GEREON", "HARBOUR", "LINDEN")},
	{"edda", "Edda Brandt", demoPassword, "Second administrator, all sites", at(auth.Admin, "GEREON", "HARBOUR", "LINDEN")},
}

func at(role auth.Role, sites ...string) map[string][]auth.Role {
	m := map[string][]auth.Role{}
	for _, s := range sites {
		m[s] = []auth.Role{role}
	}
	return m
}

// demoPump is one pump of the cast.
type demoPump struct {
	serial, site, label string
	profile             *profile.Profile
	alg                 wire.Alg
	manual              bool // it has no link
}

// castPumps returns n pumps over the sites and the sample profiles, the same
// ones every time.
func castPumps(n int) []demoPump {
	var linked, unlinked []*profile.Profile
	for _, p := range profile.Samples() {
		if p.SampleEach > 0 {
			linked = append(linked, p)
		} else {
			unlinked = append(unlinked, p)
		}
	}
	// A site's share of every seven pumps; St. Gereon is the largest.
	turn := []string{"GEREON", "HARBOUR", "GEREON", "LINDEN", "GEREON", "HARBOUR", "LINDEN"}
	var out []demoPump
	for i := range n {
		p := demoPump{site: turn[i%len(turn)], profile: linked[i%len(linked)], alg: wire.Ed25519, label: patientToken(i)}
		if i%5 == 4 {
			p.alg = wire.ES256
		}
		if i%25 == 24 && len(unlinked) > 0 {
			p.profile, p.manual = unlinked[0], true
		}
		p.serial = serialOf(p.profile, i)
		out = append(out, p)
	}
	return out
}

// serialOf makes a serial number as it could be printed: the model's letters and
// six digits that do not simply count.
func serialOf(p *profile.Profile, i int) string {
	letters := strings.ToUpper(p.ID[:2])
	return fmt.Sprintf("%s%06d", letters, 204_117+i*7_919%790_000)
}

// patientToken is the pseudonym that a pump's list row shows.
func patientToken(i int) string {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	x := uint32(i)*2_654_435_761 + 12_345
	var b [4]byte
	for k := range b {
		b[k] = alphabet[x%uint32(len(alphabet))]
		x = x/uint32(len(alphabet)) + x*31
	}
	return "PT-" + string(b[:])
}
