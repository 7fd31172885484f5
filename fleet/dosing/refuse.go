package dosing

import (
	"slices"

	"cisterna/device/order"
	"cisterna/internal/errs"
)

// What the platform refuses by itself, before a pump is asked. Where a pump has a
// code for the same, that one is used. Codes are stable; docs/orders.md has each
// with its remedy, and GET /order-codes lists them behind the pump's.
const (
	CodeOwn      order.Code = "S_OWN"      // the proposer checks their own order
	CodeBlind    order.Code = "S_BLIND"    // signing before the numbers were entered
	CodeMismatch order.Code = "S_MISMATCH" // entries differ from the proposal's numbers
	CodeFacts    order.Code = "S_FACTS"    // something about the patient has changed since
	CodeOffline  order.Code = "S_OFFLINE"  // a release for a pump that is not there
	CodeUnderway order.Code = "S_UNDERWAY" // a release while another one may still apply
	CodeStep     order.Code = "S_STEP"     // the order is not where this is the next step
	CodeRole     order.Code = "S_ROLE"     // the person takes no such part at the site
	CodeUnknown  order.Code = "S_UNKNOWN"  // the pump has not said what it runs
)

var platformRemedies = map[order.Code]string{
	CodeOwn:      "You proposed this order. Somebody else verifies it.",
	CodeBlind:    "Enter the key numbers from your own source first.",
	CodeMismatch: "Look at your source again. After the third difference the order goes back to its proposer.",
	CodeFacts:    "Look at what is new about the patient: an alarm, an allergy, a contraindication. Then propose again.",
	CodeOffline:  "The order waits until it expires. Release it when the pump is connected, by somebody who can watch the patient.",
	CodeUnderway: "Wait for the pump's answer, or until that release applies no more.",
	CodeStep:     "Reload the order: somebody has moved it on, or a step before this one is missing.",
	CodeRole:     "Somebody with the role at this site does it. Administrators and programs take part in no order.",
	CodeUnknown:  "Wait until the pump has connected and described itself.",
}

// PlatformCodes lists the codes of the platform's own refusals.
func PlatformCodes() []order.Code {
	return []order.Code{CodeOwn, CodeBlind, CodeMismatch, CodeFacts, CodeOffline, CodeUnderway, CodeStep, CodeRole, CodeUnknown}
}

// Codes lists every code that a person can meet with an order: those of a pump's
// check, of its body, and of the platform.
func Codes() []order.Code { return slices.Concat(order.Codes(), order.BodyCodes(), PlatformCodes()) }

// coded is a refusal with a code that a page shows and a program branches on.
func coded(kind errs.Kind, c order.Code, format string, args ...any) *errs.Error {
	e := errs.New(kind, format, args...)
	e.Field = "order." + string(c)
	return e
}
