package dosing

import "cisterna/device/order"

// remedies say what a person does about each code of a pump, or of the check that
// a server makes in its place.
var remedies = map[order.Code]string{
	order.Applied:    "Nothing is to be done.",
	order.ErrRetain:  "A broker kept the document. Have the broker's administrator remove retained messages; then release again.",
	order.ErrRate:    "Too many documents reached the pump. Wait ten minutes; find out who sends them.",
	order.ErrSize:    "The order is too large for a pump. Propose it in smaller parts.",
	order.ErrFormat:  "The order is not well-formed. Propose it again; if it happens twice, tell the engineers.",
	order.ErrVersion: "The pump's firmware is older than the order's format. Update the pump first.",
	order.ErrAud:     "The order names another pump or site. Propose it for this pump.",
	order.ErrReplay:  "This bolus was given. Look at the pump's history before you order another one.",
	order.ErrEpoch:   "The pump was bound or transferred since. Propose again.",
	order.ErrPatient: "The pump is bound to another patient. Check who the patient is; a bind order tells the pump.",
	order.ErrKeyset:  "The pump's keyset is missing, older than named, or over. It is sent the newest; release again in a minute.",
	order.ErrSig:     "A signature does not hold. Sign again; if it happens twice, tell the engineers.",
	order.ErrKey:     "A signing key does not count here. Have administrators sign a keyset that lists it, or let somebody else sign.",
	order.ErrRevoked: "A signer's key was revoked. Propose again with people whose keys count.",
	order.ErrCounter: "The counter does not follow the pump's. Wait for the pump's next report and release again.",
	order.ErrDup:     "One person signed twice. Another person has to sign.",
	order.ErrRole:    "A signer lacks the role for what they signed. Let somebody with the role sign.",
	order.ErrGone:    "The order was withdrawn. Propose again if it is wanted.",
	order.ErrWindow:  "The moment that it was signed for is over. Release it again while the pump is connected.",
	order.ErrNotYet:  "It is not valid yet. Wait, or check the clocks.",
	order.ErrExpired: "It is not valid any more. Propose or release again.",
	order.ErrCAS:     "The pump runs something else than the signers saw. Look at what it runs and propose again.",
	order.ErrLibrary: "The drug library does not allow it as it is. Check drug, concentration and group, or have the library changed by its pharmacists.",
	order.ErrArith:   "The numbers do not agree with the pump's. Propose again.",
	order.ErrLimit:   "It is past a limit. Lower the dose; a soft limit may be passed with a reason, a hard one never.",
	order.ErrBridge:  "Old fluid stands in the path. Plan a bridge or a priming bolus, or remove one that has no place.",
	order.ErrVolume:  "The reservoir does not hold that much. Check the volumes.",
	order.ErrBounds:  "What was measured is outside of what was approved. Only the branch with the same dose can be released.",
	order.ErrQuorum:  "Too few people signed for what it is. Ask another person to verify and approve.",
	order.ErrState:   "The pump cannot do so in its state. Look at its alarms and at what it runs.",
	order.ErrBusy:    "A bolus, a priming or an installation runs. Wait for its end.",
	order.ErrConfirm: "Nobody pressed the button at the bedside in time. Release it again with somebody beside the patient.",
	order.ErrPower:   "The pump's power went before it took effect, and nothing was changed by it. Look at what the pump runs, then release it again.",
	order.ErrStorage: "The pump could not write it down, and nothing is spent. It is sent again by itself; if that lasts, have the pump looked at.",
	order.ErrFull:    "The pump's memory for this is full. Program the pump or wait, then try again.",
}

// Remedy returns what to do about a code.
func Remedy(c order.Code) string {
	if r, ok := remedies[c]; ok {
		return r
	}
	if r, ok := platformRemedies[c]; ok {
		return r
	}
	return "Look at the pump's answer and its alarms."
}
