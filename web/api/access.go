package api

import (
	"cisterna/internal/auth"
	"cisterna/internal/token"
)

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
	// Hidden says that the thing does not exist, either, for those at the site
	// who have none of the roles. Whoever it belongs to may.
	Hidden bool
	// Own says that the thing belongs to whoever made it and does not exist for
	// anybody else; Roles is who may make one.
	Own bool
	// Token is the scope that a program needs to call it with an API token of a
	// person who may; "" means that no program may. It has no place beside the
	// changing of people, tokens, sites and orders.
	Token token.Scope
	// StepUp asks for a fresh signature of the person over the request. A program has no
	// key to sign with: where Token lets it in, its scope is enough.
	StepUp bool
	// Visit lets people call it whose session is locked to one patient, because it
	// shows them that patient's pump alone, or nobody's. What is about one thing of
	// a pump (see pumpOf), or about nothing, need not say so.
	Visit bool
	// Enrolling lets people call it who signed in with a password alone and may
	// only enrol a passkey.
	Enrolling bool
}

// Thing is what an operation is about.
type Thing string

// The things.
const (
	OfNothing Thing = ""      // oneself, or the server
	OfSites   Thing = "sites" // a list, of the person's sites only: with Roles, of those where they have one of them
	OfPump    Thing = "pump"  // one pump
	OfAlarm   Thing = "alarm" // one alarm
	OfSite    Thing = "site"  // a site named in the request
	OfGroup   Thing = "group"
	OfView    Thing = "view" // one that is shared at a site; one's own is one's own
	OfRun     Thing = "run"  // work on many pumps
	OfPerson  Thing = "person"
	OfPatient Thing = "patient"
	OfToken   Thing = "token"
	OfRecord  Thing = "record"       // a list, of entries about the person's sites only
	OfEntry   Thing = "entry"        // one entry of the record
	OfComm    Thing = "communicator" // one communicator
	OfWork    Thing = "work"         // one piece of maintenance work
	OfOrder   Thing = "order"        // one order
	OfReview  Thing = "review"       // an act of one person
	OfOnCall  Thing = "on_call"      // one time on call
	OfKey     Thing = "signing_key"  // one signing key, of the sites where its owner has a role
	OfTrust   Thing = "trust"        // keysets and drug libraries, which concern all sites
	OfRecall  Thing = "recall"       // a notice, which concerns all sites; devices on its list are OfPump
)

// One reports whether the operation is about one thing of one site, which does
// not exist for people of other sites.
func (t Thing) One() bool {
	return t != OfNothing && t != OfSites && t != OfRecord && t != OfRecall && t != OfTrust
}

// caretakers are who is there for patients and their pumps: they say that they know
// of an alarm, and visit. An engineer attends the visits at which a pump's firmware
// changes (DESIGN.md 8); whoever audits or manages people visits nobody.
var caretakers = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// watchers see how the server does.
var watchers = []auth.Role{auth.Engineer, auth.Auditor, auth.Admin}

var (
	administrators = []auth.Role{auth.Admin}
	// overseers see who may do what.
	overseers = []auth.Role{auth.Admin, auth.Auditor}
)

// readingRoles are who may record what they read off a pump.
var readingRoles = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse}

// Roles in orders. Package dosing keeps duties apart beyond them: whoever proposes
// does not verify, and whoever manages people anywhere takes part in nothing.
var (
	orderProposers = []auth.Role{auth.Prescriber}
	orderCheckers  = []auth.Role{auth.Verifier, auth.Pharmacist, auth.Prescriber}
	orderReleasers = []auth.Role{auth.Prescriber, auth.Verifier, auth.Nurse}
	orderStoppers  = []auth.Role{auth.Prescriber, auth.Verifier, auth.Pharmacist, auth.Nurse}
	libraryJudges  = []auth.Role{auth.Pharmacist, auth.Verifier, auth.Prescriber}
)

// access is the whole of it: an operation that is not listed cannot be
// registered. The domain packages enforce it; a test asks each operation as
// nobody, as somebody of another site, and in every role.
var access = map[string]Access{
	"sign-in":     {Anyone: true},
	"demo-people": {Anyone: true},
	"sign-out":    {Anyone: true},
	"me":          {Enrolling: true},
	"status":      {Roles: watchers, Token: token.StatusRead},

	"begin-visit": {Of: OfPatient, Roles: caretakers, Visit: true},
	"end-visit":   {},

	"ways-in":            {Anyone: true},
	"ask-passkey":        {Anyone: true},
	"sign-in-passkey":    {Anyone: true},
	"begin-oidc":         {Anyone: true},
	"finish-oidc":        {Anyone: true},
	"oidc-logout":        {Anyone: true},
	"begin-enrol":        {Anyone: true},
	"finish-enrol":       {Anyone: true},
	"security":           {},
	"begin-key":          {StepUp: true},
	"add-key":            {},
	"rename-key":         {},
	"revoke-key":         {StepUp: true},
	"end-session":        {},
	"end-other-sessions": {},
	"see-notices":        {},
	"object-to-code":     {},
	"unlink":             {StepUp: true},
	"begin-software-key": {},
	"add-software-key":   {},

	"list-codes":        {Of: OfSites, Roles: administrators},
	"issue-code":        {Of: OfPerson, Roles: administrators, StepUp: true},
	"confirm-code":      {Of: OfPerson, Roles: administrators, StepUp: true},
	"withdraw-code":     {Of: OfPerson, Roles: administrators},
	"list-person-keys":  {Of: OfPerson, Roles: administrators},
	"revoke-person-key": {Of: OfPerson, Roles: administrators, StepUp: true},

	"list-sites": {Of: OfSites, Visit: true, Token: token.PumpsRead},
	"list-pumps": {Of: OfSites, Visit: true, Token: token.PumpsRead},
	"live":       {Of: OfSites, Visit: true},
	"get-pump":   {Of: OfPump, Token: token.PumpsRead},
	"telemetry":  {Of: OfPump, Token: token.PumpsRead},
	"timeline":   {Of: OfPump, Token: token.PumpsRead},
	"refusals":   {Of: OfPump, Token: token.PumpsRead},

	"search-pumps": {Of: OfSites, Visit: true, Token: token.PumpsRead},
	"count-pumps":  {Of: OfSites, Visit: true, Token: token.PumpsRead},
	"table-pumps":  {Of: OfSites, Token: token.PumpsRead, StepUp: true},
	"pump-fields":  {Token: token.PumpsRead},

	"list-tags":        {Of: OfSites, Token: token.PumpsRead},
	"tag-pump":         {Of: OfPump, Roles: caretakers, Token: token.PumpsWrite},
	"list-groups":      {Of: OfSites, Token: token.PumpsRead},
	"create-group":     {Of: OfSite, Roles: caretakers},
	"edit-group":       {Of: OfGroup, Roles: caretakers},
	"delete-group":     {Of: OfGroup, Roles: caretakers},
	"set-group-member": {Of: OfGroup, Roles: caretakers, Token: token.PumpsWrite},
	"list-views":       {Of: OfSites, Token: token.PumpsRead},
	"create-view":      {},
	"edit-view":        {Of: OfView, Roles: caretakers},
	"delete-view":      {Of: OfView, Roles: caretakers},

	"freeze-pumps": {Of: OfSites, Token: token.PumpsWrite},
	"begin-run":    {Of: OfRun, Roles: caretakers, Own: true, Token: token.PumpsWrite},
	"revoke-pumps": {Of: OfRun, Roles: []auth.Role{auth.Engineer}, Own: true, StepUp: true},
	"list-runs":    {Token: token.PumpsWrite},
	"get-run":      {Of: OfRun, Own: true, Token: token.PumpsWrite},
	"run-items":    {Of: OfRun, Own: true, Token: token.PumpsWrite},
	"stop-run":     {Of: OfRun, Own: true, Token: token.PumpsWrite},
	"run-slips":    {Of: OfRun, Own: true},

	"create-site": {Roles: administrators, StepUp: true},
	"change-site": {Of: OfSite, Roles: administrators, StepUp: true},

	"list-roles":     {Token: token.PeopleRead},
	"list-people":    {Of: OfSites, Roles: overseers, Token: token.PeopleRead},
	"get-person":     {Of: OfPerson, Roles: overseers, Token: token.PeopleRead},
	"add-person":     {Of: OfSite, Roles: administrators, StepUp: true},
	"invite-person":  {Of: OfSite, Roles: administrators, StepUp: true},
	"grant-role":     {Of: OfPerson, Roles: administrators, StepUp: true},
	"withdraw-role":  {Of: OfPerson, Roles: administrators, StepUp: true},
	"disable-person": {Of: OfPerson, Roles: administrators, StepUp: true},
	"enable-person":  {Of: OfPerson, Roles: administrators, StepUp: true},
	"end-sessions":   {Of: OfPerson, Roles: administrators},

	"list-tokens":      {},
	"list-site-tokens": {Of: OfSites, Roles: overseers},
	"create-token":     {Of: OfSite, StepUp: true},
	"revoke-token":     {Of: OfToken, Roles: administrators, Hidden: true},

	"register-pump":     {Of: OfSite, Roles: []auth.Role{auth.Engineer}, Token: token.PumpsWrite},
	"import-pumps":      {Of: OfSites, Roles: []auth.Role{auth.Engineer}, Token: token.PumpsWrite},
	"export-pumps":      {Of: OfSites, Token: token.PumpsRead, StepUp: true},
	"claim-pump":        {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"revoke-pump":       {Of: OfPump, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"reinstate-pump":    {Of: OfPump, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"explant-pump":      {Of: OfPump, Roles: []auth.Role{auth.Engineer, auth.Prescriber}, StepUp: true},
	"retire-pump":       {Of: OfPump, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"swap-communicator": {Of: OfPump, Roles: []auth.Role{auth.Engineer}, StepUp: true},

	"set-fate":         {Of: OfPump, Roles: []auth.Role{auth.Engineer, auth.Prescriber}},
	"replace-pump":     {Of: OfPump, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"undo-replacement": {Of: OfPump, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"withdraw-claim":   {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"edit-pump":        {Of: OfPump, Roles: []auth.Role{auth.Engineer, auth.Prescriber, auth.Nurse}},
	"list-profiles":    {Token: token.PumpsRead},
	"parse-udi":        {Token: token.PumpsRead},

	"list-communicators":    {Of: OfSites, Token: token.PumpsRead},
	"get-communicator":      {Of: OfComm, Token: token.PumpsRead},
	"register-communicator": {Of: OfSite, Roles: []auth.Role{auth.Engineer}, Token: token.PumpsWrite},
	"import-communicators":  {Of: OfSites, Roles: []auth.Role{auth.Engineer}, Token: token.PumpsWrite},
	"move-communicator":     {Of: OfComm, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"reserve-communicator":  {Of: OfComm, Roles: []auth.Role{auth.Engineer}},
	"release-communicator":  {Of: OfComm, Roles: []auth.Role{auth.Engineer}},

	"list-pump-work":        {Of: OfPump, Token: token.PumpsRead},
	"add-pump-work":         {Of: OfPump, Roles: []auth.Role{auth.Engineer, auth.Nurse}},
	"add-communicator-work": {Of: OfComm, Roles: []auth.Role{auth.Engineer, auth.Nurse}},
	"end-work":              {Of: OfWork, Roles: []auth.Role{auth.Engineer, auth.Nurse}},
	"due-work":              {Of: OfSites, Token: token.PumpsRead},
	"cmms-assets":           {Of: OfSites, Token: token.PumpsRead, StepUp: true},
	"cmms-assets-file":      {Of: OfSites, Token: token.PumpsRead, StepUp: true},
	"cmms-work":             {Of: OfSites, Token: token.PumpsRead, StepUp: true},
	"cmms-work-file":        {Of: OfSites, Token: token.PumpsRead, StepUp: true},

	"list-readings":   {Of: OfPump, Token: token.PumpsRead},
	"record-reading":  {Of: OfPump, Roles: readingRoles},
	"correct-reading": {Of: OfPump, Roles: readingRoles},
	"import-readings": {Of: OfSites, Roles: readingRoles},

	"list-recalls":   {Of: OfRecall, Token: token.PumpsRead},
	"get-recall":     {Of: OfRecall, Token: token.PumpsRead},
	"preview-recall": {Of: OfRecall, Roles: []auth.Role{auth.Engineer}},
	"create-recall":  {Of: OfRecall, Roles: []auth.Role{auth.Engineer}},
	"end-recall":     {Of: OfRecall, Roles: []auth.Role{auth.Engineer}, StepUp: true},
	"export-recall":  {Of: OfRecall, Token: token.PumpsRead, StepUp: true},
	"add-to-recall":  {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"recall-device":  {Of: OfPump, Roles: []auth.Role{auth.Engineer}},
	"recall-contact": {Of: OfPump, Roles: caretakers},

	"add-communicator-to-recall":  {Of: OfComm, Roles: []auth.Role{auth.Engineer}},
	"recall-communicator":         {Of: OfComm, Roles: []auth.Role{auth.Engineer}},
	"recall-communicator-contact": {Of: OfComm, Roles: caretakers},

	"get-alarm":         {Of: OfAlarm, Token: token.AlarmsRead},
	"note-alarm":        {Of: OfAlarm, Roles: caretakers},
	"list-alarms":       {Of: OfSites, Visit: true, Token: token.AlarmsRead},
	"acknowledge-alarm": {Of: OfAlarm, Roles: caretakers},

	"check-order":        {Of: OfPump, Roles: orderCheckers},
	"plan-visit":         {Of: OfPump, Roles: orderCheckers},
	"pump-patients":      {Of: OfPump, Roles: orderCheckers},
	"pump-destinations":  {Of: OfPump, Roles: orderCheckers},
	"list-transfers":     {Of: OfPump, Roles: administrators},
	"make-transfer":      {Of: OfPump, Roles: administrators, StepUp: true},
	"hand-in-transfer":   {Of: OfPump, Roles: administrators, StepUp: true},
	"create-patient":     {Of: OfSite, Roles: orderStoppers},
	"keep-draft":         {Of: OfPump, Roles: orderProposers},
	"get-draft":          {Of: OfPump, Roles: orderProposers},
	"drop-draft":         {Of: OfPump, Roles: orderProposers},
	"list-drafts":        {Of: OfSites},
	"order-news":         {Of: OfOrder},
	"draft-order":        {Of: OfPump, Roles: orderProposers},
	"discard-draft":      {Of: OfOrder, Roles: orderProposers},
	"propose-order":      {Of: OfPump, Roles: orderProposers},
	"list-orders":        {Of: OfSites, Visit: true},
	"get-order":          {Of: OfOrder},
	"order-history":      {Of: OfOrder},
	"order-before":       {Of: OfOrder},
	"rehearse-order":     {Of: OfOrder},
	"pump-letters":       {Of: OfPump},
	"pump-therapy":       {Of: OfPump},
	"pump-trends":        {Of: OfPump},
	"order-codes":        {},
	"order-form":         {Of: OfOrder, Roles: orderCheckers},
	"verify-order":       {Of: OfOrder, Roles: orderCheckers},
	"prepare-approval":   {Of: OfOrder, Roles: orderCheckers},
	"approve-order":      {Of: OfOrder, Roles: orderCheckers},
	"prepare-release":    {Of: OfOrder, Roles: orderReleasers},
	"release-order":      {Of: OfOrder, Roles: orderReleasers},
	"prepare-stop":       {Of: OfPump, Roles: orderStoppers},
	"stop-pump":          {Of: OfPump, Roles: orderStoppers},
	"prepare-withdrawal": {Of: OfOrder, Roles: orderStoppers},
	"withdraw-order":     {Of: OfOrder, Roles: orderStoppers},
	"list-order-reviews": {Of: OfSites, Visit: true},
	"review-order-act":   {Of: OfReview, Roles: orderCheckers},
	"list-on-call":       {Of: OfSites, Visit: true}, // people to call, no patient
	"set-on-call":        {Of: OfSite, Roles: orderCheckers},
	"end-on-call":        {Of: OfOnCall, Roles: orderCheckers},
	"list-order-catches": {Of: OfSites},
	"order-report":       {Of: OfSites},
	"order-weeks":        {Of: OfSites},
	"order-report-file":  {Of: OfSites, StepUp: true},
	"list-verifiers":     {Of: OfSites},

	"list-signing-keys":  {},
	"add-signing-key":    {StepUp: true},
	"revoke-signing-key": {Of: OfKey, Roles: administrators, Hidden: true, StepUp: true},
	"list-keysets":       {},
	"get-root":           {},
	"keyset-pumps":       {Of: OfSites},
	"draft-keyset":       {Of: OfTrust, Roles: administrators, StepUp: true},
	"sign-keyset":        {Of: OfTrust, Roles: administrators, StepUp: true},

	"list-libraries":     {},
	"get-library":        {},
	"diff-libraries":     {},
	"library-holdings":   {Of: OfSites},
	"library-pumps":      {Of: OfSites},
	"library-signatures": {},
	"library-adoption":   {Of: OfSites},
	"library-check":      {Of: OfSites},
	"draft-library":      {Of: OfTrust, Roles: []auth.Role{auth.Pharmacist}},
	"change-library":     {Of: OfTrust, Roles: []auth.Role{auth.Pharmacist}},
	"submit-library":     {Of: OfTrust, Roles: []auth.Role{auth.Pharmacist}},
	"approve-library":    {Of: OfTrust, Roles: libraryJudges, StepUp: true},
	"reject-library":     {Of: OfTrust, Roles: libraryJudges},
	"sign-library":       {Of: OfTrust, Roles: libraryJudges},

	"list-audit":       {Of: OfRecord, Token: token.RecordRead},
	"audit-proof":      {Of: OfEntry, Token: token.RecordRead},
	"audit-checkpoint": {Token: token.RecordRead},

	"audit-leaves":      {Of: OfRecord, Token: token.RecordRead},
	"audit-consistency": {Token: token.RecordRead},
	"audit-keys":        {Token: token.RecordRead},
	"export-audit":      {Of: OfRecord, Roles: []auth.Role{auth.Auditor, auth.Admin}, StepUp: true},

	"list-events": {Of: OfSites, Visit: true, Token: token.EventsRead},
	"event-names": {Token: token.EventsRead},
}

// Field is a member of answers that not everybody who may have the answer sees;
// to others it is null.
type Field struct {
	Operation, Member string
	Roles             []auth.Role
}

// Fields lists them.
func Fields() []Field {
	return []Field{{"list-audit", "items[].payload", payloadReaders}}
}

// payloadReaders see the details of entries of the record.
var payloadReaders = []auth.Role{auth.Engineer, auth.Auditor, auth.Admin}
