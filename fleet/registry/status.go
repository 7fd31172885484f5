package registry

import (
	"slices"

	"cisterna/internal/errs"
)

// Status is where a pump stands in its life.
type Status string

// The statuses.
const (
	Registered Status = "registered" // known, may enrol with a claim slip
	Active     Status = "active"     // enrolled: it has a key, a communicator and a certificate
	Revoked    Status = "revoked"    // its link is not trusted any more
	Explanted  Status = "explanted"  // out of the patient
	Retired    Status = "retired"    // out of service for good
	Manual     Status = "manual"     // no link: people record what it does
)

// Statuses lists all statuses.
func Statuses() []Status {
	return []Status{Registered, Active, Revoked, Explanted, Retired, Manual}
}

// Act is what moves a pump from one status to another.
type Act string

// The acts. All but ActEnrol are people's.
const (
	ActEnrol     Act = "enrol"     // the pump spends a one-time code
	ActRevoke    Act = "revoke"    // withdraws trust from pump, communicator and certificates
	ActReinstate Act = "reinstate" // lets a revoked pump enrol again, with its old key
	ActManual    Act = "manual"    // the pump has no link, from now on
	ActLink      Act = "link"      // a manual pump may enrol
	ActExplant   Act = "explant"   // the pump was taken out of the patient
	ActRetire    Act = "retire"    // the pump leaves service
)

// Acts lists all acts.
func Acts() []Act {
	return []Act{ActEnrol, ActRevoke, ActReinstate, ActManual, ActLink, ActExplant, ActRetire}
}

// moves is the only place that says who may go where. An explanted pump is never
// implanted again, so that nothing leads back from there; nothing leads out of
// retirement.
var moves = map[Act]struct {
	from []Status
	to   Status
}{
	ActEnrol:     {[]Status{Registered, Active}, Active}, // an active pump enrols again with a new communicator
	ActRevoke:    {[]Status{Registered, Active}, Revoked},
	ActReinstate: {[]Status{Revoked}, Registered},
	ActManual:    {[]Status{Registered, Active}, Manual},
	ActLink:      {[]Status{Manual}, Registered},
	ActExplant:   {[]Status{Registered, Active, Revoked, Manual}, Explanted},
	ActRetire:    {[]Status{Registered, Active, Revoked, Manual, Explanted}, Retired},
}

// After returns the status that act leads to from s, or an errs.Conflict.
func (s Status) After(act Act) (Status, error) {
	m, ok := moves[act]
	if !ok || !slices.Contains(m.from, s) {
		return s, errs.Conflictf("The pump is %s: %s is not possible from there.", s, act)
	}
	return m.to, nil
}

// endsLink reports whether act ends the pairing and revokes the certificates.
func (a Act) endsLink() bool {
	return a == ActRevoke || a == ActManual || a == ActExplant || a == ActRetire
}

// CommStatus is where a communicator stands in its life.
type CommStatus string

// The statuses of communicators. Only those in stock or active may enrol.
const (
	CommStock   CommStatus = "stock"
	CommActive  CommStatus = "active"
	CommLost    CommStatus = "lost"
	CommRetired CommStatus = "retired"
	CommRevoked CommStatus = "revoked"
)
