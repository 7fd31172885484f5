package api

import "cisterna/internal/auth"

// Access says who may call an operation.
type Access struct {
	// Anyone may call it without being signed in.
	Anyone bool
	// Roles is who may: people with one of these roles at the site that the
	// thing belongs to. nil means everybody who is signed in.
	Roles []auth.Role
	// Of says what the operation is about. A thing of a site where the person
	// has no role does not exist for them.
	Of Thing
}

// Thing is what an operation is about.
type Thing string

// The things.
const (
	OfNothing Thing = ""      // oneself, or the server
	OfSites   Thing = "sites" // a list, of the person's sites only
	OfPump    Thing = "pump"  // one pump
	OfAlarm   Thing = "alarm" // one alarm
	OfSite    Thing = "site"  // a site named in the request
	OfRecord  Thing = "record"
)

// Caretakers are who may say that they know of an alarm.
var caretakers = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// access is the whole of it: an operation that is not listed cannot be
// registered. The domain packages enforce it; a test asks each operation as
// nobody, as somebody of another site, and in every role.
var access = map[string]Access{
	"sign-in":     {Anyone: true},
	"demo-people": {Anyone: true},
	"sign-out":    {Anyone: true},
	"me":          {},
	"status":      {},

	"list-sites": {Of: OfSites},
	"list-pumps": {Of: OfSites},
	"live":       {Of: OfSites},
	"get-pump":   {Of: OfPump},
	"telemetry":  {Of: OfPump},
	"timeline":   {Of: OfPump},
	"refusals":   {Of: OfPump},

	"register-pump":     {Of: OfSite, Roles: []auth.Role{auth.Engineer}},
	"import-pumps":      {Of: OfSite, Roles: []auth.Role{auth.Engineer}},
	"export-pumps":      {Of: OfSites},
	"claim-pump":        {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"revoke-pump":       {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"reinstate-pump":    {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"explant-pump":      {Of: OfPump, Roles: []auth.Role{auth.Engineer, auth.Prescriber}},
	"retire-pump":       {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"swap-communicator": {Of: OfPump, Roles: []auth.Role{auth.Engineer}},

	"list-alarms":       {Of: OfSites},
	"acknowledge-alarm": {Of: OfAlarm, Roles: caretakers},

	"list-audit":       {Of: OfRecord},
	"audit-proof":      {Of: OfRecord},
	"audit-checkpoint": {},
}

// payloadReaders see the details of entries of the record; to others they are
// absent.
var payloadReaders = []auth.Role{auth.Engineer, auth.Auditor, auth.Admin}
