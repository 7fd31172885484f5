package order

import (
	"errors"
	"fmt"
)

// Code is a pump's one word about a document: applied, or why not. Codes are
// stable: they travel in signed answers and stand in the record.
type Code string

// The codes, in the order in which their checks come.
const (
	Applied    Code = "applied"
	ErrRetain  Code = "E_RETAINED"   // the broker kept it: nothing that is kept is an order
	ErrRate    Code = "E_RATE"       // too many documents, or too many stops
	ErrSize    Code = "E_SIZE"       // larger than any such document
	ErrFormat  Code = "E_FORMAT"     // not the one deterministic form of such a document
	ErrVersion Code = "E_VERSION"    // a format that this pump does not know
	ErrAud     Code = "E_AUD"        // for another pump or site
	ErrReplay  Code = "E_REPLAY"     // a bolus that was given already
	ErrEpoch   Code = "E_EPOCH"      // for another life of this pump
	ErrPatient Code = "E_PATIENT"    // for another patient
	ErrKeyset  Code = "E_KEYSET"     // the keyset is missing, older than named, or expired
	ErrSig     Code = "E_SIG"        // a signature, or what it covers, is wrong
	ErrKey     Code = "E_KEY"        // a key that does not count here or then
	ErrRevoked Code = "E_REVOKED"    // a key that was revoked
	ErrCounter Code = "E_CTR"        // a counter that does not follow
	ErrDup     Code = "E_DUP_SIGNER" // one person twice
	ErrRole    Code = "E_ROLE"       // a person without the role for what they say
	ErrGone    Code = "E_WITHDRAWN"  // withdrawn before
	ErrWindow  Code = "E_WINDOW"     // signed for a window that is over
	ErrNotYet  Code = "E_NOTYET"     // not valid yet
	ErrExpired Code = "E_EXPIRED"    // no longer valid, or valid for longer than allowed
	ErrCAS     Code = "E_CAS"        // the pump runs something else than the signers saw
	ErrLibrary Code = "E_LIB"        // not in the drug library, or not as it says
	ErrArith   Code = "E_ARITH"      // the pump computes other numbers than the signers
	ErrLimit   Code = "E_LIMIT"      // past a limit
	ErrBridge  Code = "E_BRIDGE"     // a bridge or priming is missing, or has no place
	ErrVolume  Code = "E_VOLUME"     // more than the reservoir holds
	ErrBounds  Code = "E_BOUNDS"     // measured volumes that the branch does not permit
	ErrQuorum  Code = "E_QUORUM"     // too few people for what it is
	ErrState   Code = "E_STATE"      // the pump cannot do so in its state
	ErrBusy    Code = "E_BUSY"       // a bolus, a priming or an installation runs
	ErrFull    Code = "E_FULL"       // no room to remember it
)

// Codes lists every code.
func Codes() []Code {
	return []Code{
		Applied, ErrRetain, ErrRate, ErrSize, ErrFormat, ErrVersion, ErrAud, ErrReplay, ErrEpoch, ErrPatient, ErrKeyset, ErrSig, ErrKey, ErrRevoked,
		ErrCounter, ErrDup, ErrRole, ErrGone, ErrWindow, ErrNotYet, ErrExpired, ErrCAS, ErrLibrary, ErrArith, ErrLimit, ErrBridge, ErrVolume, ErrBounds,
		ErrQuorum, ErrState, ErrBusy, ErrFull,
	}
}

// Refusal says why a document is refused, to a program that branches on the code
// and to a person who reads the detail.
type Refusal struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"`
}

// Error returns code and detail.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

// Is lets errors.Is(err, ErrRefused) find every refusal of this package.
func (r *Refusal) Is(target error) bool { return target == ErrRefused }

func refuse(code Code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of a refusal, "" for any other error.
func CodeOf(err error) Code {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Code
	}
	return ""
}
