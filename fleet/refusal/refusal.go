// Package refusal has the codes by which the platform refuses orders and the
// documents that they stand on: keysets, drug libraries, people on call and what
// one person did alone. Each has a sentence for people where it is made, a remedy
// here, and a row in docs/orders.md; a pump's own codes are package order's, and
// are used where a pump would say the same.
//
// Packages dosing, keyset and library make every refusal here, so that none is
// without a code: a test holds their source against it. Codes are stable: pages
// show them and programs branch on them.
package refusal

import (
	"slices"

	"cisterna/device/order"
	"cisterna/internal/errs"
)

// The codes of the platform.
const (
	Own       order.Code = "S_OWN"       // the proposer checks their own order
	Second    order.Code = "S_SECOND"    // whoever did, wrote or signed it judges it
	Blind     order.Code = "S_BLIND"     // signing before the numbers were entered
	Mismatch  order.Code = "S_MISMATCH"  // entries differ from the proposal's numbers
	Facts     order.Code = "S_FACTS"     // something about the patient has changed since
	Offline   order.Code = "S_OFFLINE"   // a release for a pump that is not there
	Underway  order.Code = "S_UNDERWAY"  // a release while another one may still apply
	Step      order.Code = "S_STEP"      // it is not where this is the next step
	Done      order.Code = "S_DONE"      // somebody has done it before
	Role      order.Code = "S_ROLE"      // the person takes no such part at the site
	Unknown   order.Code = "S_UNKNOWN"   // the pump has not said what it runs
	Unheard   order.Code = "S_UNHEARD"   // a stop for a pump that was never heard
	Manual    order.Code = "S_MANUAL"    // the pump has no link
	Status    order.Code = "S_STATUS"    // the pump is not in service
	Profile   order.Code = "S_PROFILE"   // the pump's device profile is not known here
	Report    order.Code = "S_REPORT"    // what the pump says of itself cannot be read
	Bridge    order.Code = "S_BRIDGE"    // a bridge runs, and it is to be waited for
	Patient   order.Code = "S_PATIENT"   // the register says something else of the patient or the binding
	Clock     order.Code = "S_CLOCK"     // signed at a time that is not now
	Key       order.Code = "S_KEY"       // a key that can sign no dose
	Newer     order.Code = "S_NEWER"     // a newer version counts already
	Candidate order.Code = "S_CANDIDATE" // a draft that a pump would not take
	Root      order.Code = "S_ROOT"      // not signed by those whom the root names
	Input     order.Code = "S_INPUT"     // something entered is not as it must be
	Missing   order.Code = "S_MISSING"   // no such thing, or not one's to see
)

// codes are in the order of the page: people, pump, documents, input.
var codes = []order.Code{
	Own, Second, Blind, Mismatch, Facts, Offline, Underway, Step, Done, Role, Unknown, Unheard, Manual, Status, Profile, Report, Bridge,
	Patient, Clock, Key, Newer, Candidate, Root, Input, Missing,
}

// Platform lists the codes of the platform's own refusals.
func Platform() []order.Code { return slices.Clone(codes) }

// Codes lists every code that a person can meet with an order: those of a pump's
// check, of its body, and of the platform.
func Codes() []order.Code { return slices.Concat(order.Codes(), order.BodyCodes(), codes) }

// New returns a refusal: its kind, its code, and a sentence for people.
func New(kind errs.Kind, c order.Code, format string, args ...any) *errs.Error {
	e := errs.New(kind, format, args...)
	e.Reason = string(c)
	return e
}

// Wrap is New with a cause for logs.
func Wrap(kind errs.Kind, c order.Code, cause error, format string, args ...any) *errs.Error {
	e := errs.Wrap(kind, cause, format, args...)
	e.Reason = string(c)
	return e
}

// Conflict refuses something whose state does not allow it.
func Conflict(c order.Code, format string, args ...any) *errs.Error {
	return New(errs.Conflict, c, format, args...)
}

// Denied refuses a person.
func Denied(c order.Code, format string, args ...any) *errs.Error {
	return New(errs.Denied, c, format, args...)
}

// Invalid refuses an input by its name.
func Invalid(field, format string, args ...any) *errs.Error {
	e := New(errs.Invalid, Input, format, args...)
	e.Field = field
	return e
}

// InvalidFields refuses several inputs by their names.
func InvalidFields(message string, fields ...errs.Field) *errs.Error {
	e := errs.InvalidFields(message, fields...)
	e.Reason = string(Input)
	return e
}

// NotFound says that a thing is not there, or not the asker's to see.
func NotFound(format string, args ...any) *errs.Error {
	return New(errs.NotFound, Missing, format, args...)
}

// Default returns the code of a refusal that another package made: what may go
// wrong with any thing. Errors of another kind have none.
func Default(kind errs.Kind) (order.Code, bool) {
	c, ok := map[errs.Kind]order.Code{errs.Invalid: Input, errs.NotFound: Missing, errs.Denied: Role, errs.Conflict: Step}[kind]
	return c, ok
}

// InvalidAs is Invalid with a code that says more than that an input is wrong.
func InvalidAs(c order.Code, field, format string, args ...any) *errs.Error {
	e := Invalid(field, format, args...)
	e.Reason = string(c)
	return e
}
