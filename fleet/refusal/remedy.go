package refusal

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
	order.ErrPatient: "Compare the patient with the one whom the pump says it is in. A bind order names another one to it; it takes none for whom it knows already.",
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
	order.ErrBridge:  "Old fluid stands in the path, or did when this was planned. Plan a bridge or a priming bolus for what is left of it, or remove one that has no place.",
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

// platformRemedies say the same of the platform's own.
var platformRemedies = map[order.Code]string{
	Own:       "You proposed this order. Somebody else verifies it.",
	Second:    "Whoever did, wrote or signed it does not judge it. Another person does.",
	Blind:     "Enter the key numbers from your own source first.",
	Mismatch:  "Look at your source again. After the third difference the order goes back to its proposer.",
	Facts:     "Look at what is new about the patient: an alarm, an allergy, a contraindication. Then propose again.",
	Offline:   "The order waits until it expires. Release it when the pump is connected, by somebody who can watch the patient.",
	Underway:  "Wait for the pump's answer, or until that release applies no more.",
	Step:      "Reload the page: somebody has moved it on, or a step before this one is missing.",
	Done:      "Reload the page: it was done before, and the page says by whom.",
	Role:      "Somebody with the role at this site does it. Administrators and programs take part in no order.",
	Unknown:   "Wait until the pump has connected and described itself.",
	Unheard:   "Stop it at the bedside, with the clinic's own programmer.",
	Manual:    "People program this pump at the bedside. Record there what they did; no order reaches it.",
	Status:    "Look at the pump's life on its page: it is not in service yet, was replaced, explanted or retired.",
	Profile:   "Have the engineers load this device's profile into the server.",
	Report:    "Tell the engineers: pump and server may be of versions that do not understand each other. Program it at the bedside until then.",
	Bridge:    "Wait until the bridge has ended. Then propose or plan again.",
	Patient:   "Compare the token with the patient's record. Have the record or its binding put right first.",
	Clock:     "Set the clock of your device. Then sign again.",
	Key:       "Enrol a security key, or a passkey that stays on its device, under Your security, and let it sign doses.",
	Newer:     "Make it again from the newest version.",
	Candidate: "Correct the draft where it is named: a pump would refuse it as it is.",
	Root:      "Fetch the newest draft, have those sign it whom the root names, and look whether it is this server's root.",
	Input:     "Correct what is named. Nothing was changed.",
	Missing:   "Look whether it is still there, and whether it belongs to a site of yours.",
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
