// Package dosing is the platform's side of orders: people propose, check, approve
// and release them here, and what the pump says about them is kept here.
//
// # What it decides, and what not
//
// Nothing here makes a pump do anything. A pump obeys bytes that the people of its
// keyset signed, and it judges them by itself (device/order); this package keeps
// the same rules so that people hear early what the pump would say late, keeps
// duties apart, and keeps a record. Whoever owns this server, its database and its
// keys can delay and withhold an order, and can lie to a person who signs; they
// cannot change a dose.
//
// # Invariants
//
//   - What is signed are bytes, kept as they were signed. A draft has none.
//   - Whoever proposes neither verifies nor is the second to approve. Whoever
//     manages people takes part in nothing. No program acts in a person's place.
//   - A second signer has entered the key numbers on their own before, from
//     another source, without seeing the proposal's.
//   - At most one release of a pump is open. Every counter has a leaf in the record.
//   - Only the pump's signed answer moves an order past sent. Until then it may
//     still apply, and it says until when.
//   - An order made for facts or a state that are over is stale; a stop and a
//     resume are not.
package dosing

import (
	"slices"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
)

// State is where an order stands.
type State string

// The states, in the order of a life that goes well, and then its ends.
const (
	Draft      State = "draft"
	Proposed   State = "proposed"
	Verified   State = "verified" // a second person entered the same numbers
	Approved   State = "approved" // enough people signed
	Released   State = "released" // one let it go
	Sent       State = "sent"     // the bytes left the server; no more is known
	Received   State = "received" // the pump says applied, and what it says of itself contradicts that
	Applied    State = "applied"  // the pump's signed read-back says so
	Refused    State = "refused"
	Expired    State = "expired"
	Withdrawn  State = "withdrawn"
	Superseded State = "superseded" // another proposal took its place
	Stale      State = "stale"      // made for facts or a state that are over
)

// Open reports whether something can still become of it.
func (s State) Open() bool {
	return slices.Contains([]State{Draft, Proposed, Verified, Approved, Released, Sent, Received}, s)
}

// Away reports whether a release is under way.
func (s State) Away() bool { return s == Released || s == Sent || s == Received }

// Order is an order from its draft to its end.
type Order struct {
	ID        int64
	Pump      int64
	Site      int64
	Patient   int64 // 0: the pump is in nobody
	Act       order.Act
	State     State
	Rev       int64
	Wish      Wish
	Document  []byte // the prescription; nil: a draft
	Hash      order.Digest
	Base      order.Digest // state hash that the signers see
	FactsRev  int64        // see factsOf
	Class     order.Class
	People    int // signatures needed
	Finding   Finding
	Proposer  Person
	CreatedAt time.Time

	ProposedAt time.Time
	ExpiresAt  time.Time // of one that came back: until when it can be taken up, see ReturnKept
	Mismatches int
	Escalated  int
	Asked      int64      // who on call was asked last to verify, 0 for nobody
	AskedAll   []int64    // everybody on call who was asked
	AskedUntil time.Time  // then the next one is
	Code       order.Code // the pump's answer
	Detail     string
	Replaces   int64
	Told       Told
	ClosedAt   time.Time
	Bedside    Underway // the pump waits for somebody at the bedside to confirm it, by its own signed word

	Approvals []Approval
	leaf      int64
	seen      *Seen // nil: proposed before it was kept
}

// Told says whether a pump knows that an order was withdrawn.
type Told string

// What a pump may know of a withdrawal.
const (
	NotAsked Told = ""
	NotTold  Told = "not_told"
	IsTold   Told = "told"
)

// Person is somebody who acted.
type Person struct {
	ID    int64
	Login string
	Name  string
}

// Approval is one person's signature.
type Approval struct {
	User      int64
	Person    string
	Name      string
	Key       order.Digest
	Meaning   order.Meaning
	SignedAt  time.Time
	At        time.Time
	Statement []byte
	Assertion order.Assertion
}

// Finding is what a check found, as it is kept.
type Finding struct {
	Class    order.Class     `json:"class"`
	People   int             `json:"people"`
	Meanings []order.Meaning `json:"meanings,omitempty"`
	Refusals []order.Found   `json:"refusals,omitempty"`
	Increase bool            `json:"increase,omitempty"`
	Raised   []dose.Code     `json:"raised,omitempty"`  // ingredients that it gives more of than what ran
	Notices  []string        `json:"notices,omitempty"` // what signers are to know besides; it stands in no way
}

// LetterKind is what was signed to leave.
type LetterKind string

// The kinds.
const (
	Release  LetterKind = "release"
	Stop     LetterKind = "stop"
	Withdraw LetterKind = "withdraw"
	Transfer LetterKind = "transfer" // to another site, by the root
)

// LetterState is what is known of it.
type LetterState string

// The states.
const (
	LetterOpen    LetterState = "open"
	LetterSent    LetterState = "sent"
	LetterApplied LetterState = "applied"
	LetterRefused LetterState = "refused"
	LetterExpired LetterState = "expired"
)

// Letter is a release, a stop, a withdrawal or a transfer by the root.
type Letter struct {
	ID         int64
	Kind       LetterKind
	Pump       int64
	Site       int64
	Order      int64 // 0 for a stop and a transfer
	Counter    uint64
	Document   []byte
	Hash       order.Digest
	Envelope   []byte
	Doc        [32]byte // SHA-256 of Envelope, which answers name
	By         Person
	At         time.Time
	NotAfter   time.Time // it may apply until then
	State      LetterState
	Reason     string
	Overdose   bool
	SentAt     time.Time
	AnsweredAt time.Time
	Code       order.Code
	Note       string
	watch      watch // of a stop
}

// Failed reports whether people were alarmed that a stop did not stop the pump, as far
// as is known, and nothing has settled it since.
func (l *Letter) Failed() bool { return l.watch == failed }

// Event is a step of an order's life, with what shows it.
type Event struct {
	ID       int64
	At       time.Time
	Was      State
	State    State
	Actor    string
	Name     string
	Note     string
	Evidence []byte // SHA-256 of the signed bytes
}

// waits reports whether somebody on call is asked for the order: it waits to be verified,
// or for signatures.
func (o *Order) waits() bool {
	return o.Class != order.ClassOne && (o.State == Proposed || o.State == Verified && !o.Finding.met(o.Approvals))
}

// met reports whether approvals fulfil a finding.
func (f *Finding) met(all []Approval) bool {
	if f.People == 0 || len(all) < f.People {
		return false
	}
	for _, m := range f.Meanings {
		if !slices.ContainsFunc(all, func(a Approval) bool { return a.Meaning == m }) {
			return false
		}
	}
	return true
}

// exempt reports whether an act is not made stale by new facts.
func exempt(a order.Act) bool { return a == order.ActResume }

// factsOf returns the number of facts that an order of an act compares: all, but for a
// visit those that only call for one (ORDERS.md, When the pump is busy or in trouble).
func factsOf(a order.Act, rev, forVisit int64) int64 {
	if a == order.ActVisit {
		return rev - forVisit
	}
	return rev
}
