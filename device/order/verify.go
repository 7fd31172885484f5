package order

import (
	"errors"

	"cisterna/device/wire"
)

// Steps of the verification, in order. docs/protocol.md describes each; a verdict
// names the one that refused.
const (
	StepCarrier    = 1  // retained, size, rate
	StepEnvelope   = 2  // the outer form
	StepDocuments  = 3  // the form of what is in it
	StepAddress    = 4  // this pump, this site
	StepReplay     = 5  // answered before
	StepBinding    = 6  // this epoch, this patient
	StepKeyset     = 7  // held, new enough, not expired
	StepStatements = 8  // all speak of the same prescription
	StepKeys       = 9  // listed, live, for this
	StepSignatures = 10 //
	StepCounter    = 11 // follows; burned from here on
	StepPeople     = 12 // distinct, each with the role
	StepWithdrawn  = 13 // not withdrawn, not given before
	StepWindow     = 14 // of this pump, now
	StepTime       = 15 // not too early, not too late
	StepState      = 16 // the state that the signers saw
	StepLibrary    = 17 // the library they used
	StepNumbers    = 18 // the numbers they computed
	StepLimits     = 19 // range, limits, ceilings, steps, volumes
	StepQuorum     = 20 // enough people for what it is
	StepCondition  = 21 // the pump can do so now
	StepAccept     = 22
)

// exam is one verification in progress.
type exam struct {
	v   *View
	out Verdict

	keyset  *Keyset
	expired bool // the keyset is; only resume comes this far with it
	keeps   bool // the keyset that a transfer brings is not newer than the one held

	env       Envelope
	p         Prescription
	hash      Digest // of the prescription
	r         Release
	approvals []Approval
	approvers []*PersonKey // of the approvals, in their order
	releaser  *PersonKey   // who lets the document go

	once     []entry // what the library says of the contents of a bolus or prime
	first    bool    // an ingredient or route is ordered for the first time in this epoch
	soft     bool    // a step above the soft limit, or from nothing
	increase bool
	fallback bool // every ingredient falls, within the fallback band
}

// Verify says what becomes of a document that came down the link. It never fails
// and never panics on any input; it changes nothing and does no I/O. The pump
// keeps Verdict.Memory with the effect in one journal record, and then answers
// with Verdict.Code.
func Verify(d Delivery, v *View) Verdict {
	x := exam{v: v, out: Verdict{Code: Applied, Memory: v.Memory, Budgets: v.Budgets}}
	err := x.deliver(d)
	if err == nil {
		if !x.out.Cached {
			x.out.Step = StepAccept
		}
		return x.out
	}
	x.out.Code, x.out.Detail, x.out.Effect = ErrFormat, err.Error(), nil
	if r, ok := errors.AsType[*Refusal](err); ok {
		x.out.Code, x.out.Detail = r.Code, r.Detail
	}
	if x.out.Burned {
		x.out.Memory = x.out.Memory.Answer(x.out.Document, x.out.Code)
	}
	return x.out
}

// run calls the steps until one refuses, or the answer was found.
func (x *exam) run(steps ...step) error {
	for _, s := range steps {
		x.out.Step = s.no
		if err := s.check(); err != nil || x.out.Cached {
			return err
		}
	}
	return nil
}

type step struct {
	no    int
	check func() error
}

func (x *exam) deliver(d Delivery) error {
	x.out.Step = StepCarrier
	if err := x.carrier(d); err != nil {
		return err
	}
	x.out.Step = StepEnvelope
	kind := kindOf(d.Bytes)
	if stop := kind == kindStop; stop != (d.Kind == wire.DnStop) {
		return refuse(ErrFormat, "a document of kind %d on %s", kind, d.Kind)
	}
	switch kind {
	case kindOrder:
		return x.order(d.Bytes)
	case kindStop:
		return x.stop(d.Bytes)
	case kindWithdraw:
		return x.withdraw(d.Bytes)
	case kindTransfer:
		return x.rootTransfer(d.Bytes)
	}
	return refuse(ErrFormat, "an envelope of unknown kind %d", kind)
}

// carrier checks what can be said without reading the document.
func (x *exam) carrier(d Delivery) error {
	if d.Retained {
		return refuse(ErrRetain, "a document that the broker had kept")
	}
	if len(d.Bytes) > MaxEnvelope {
		return refuse(ErrSize, "%d bytes, at most %d", len(d.Bytes), MaxEnvelope)
	}
	lane, limit := &x.out.Budgets.Orders, orderBudget
	if d.Kind == wire.DnStop {
		lane, limit = &x.out.Budgets.Stops, stopBudget
	}
	var ok bool
	if *lane, ok = lane.take(limit, x.v.Mono); !ok {
		return refuse(ErrRate, "more than %d documents in a minute", limit)
	}
	return nil
}

// order verifies an order.
func (x *exam) order(b []byte) error {
	if err := x.run(
		step{StepEnvelope, func() error { return x.open(b) }},
		step{StepDocuments, x.documents},
		step{StepAddress, x.address},
		step{StepReplay, x.replay},
		step{StepBinding, x.binding},
		step{StepKeyset, x.keysetInForce},
		step{StepStatements, x.statements},
		step{StepKeys, x.keys},
		step{StepSignatures, x.signatures},
		step{StepCounter, x.counter},
		step{StepPeople, x.people},
		step{StepWithdrawn, x.takenBack},
		step{StepWindow, x.window},
		step{StepTime, x.time},
		step{StepState, x.state},
	); err != nil || x.out.Cached {
		return err
	}
	if err := x.examine(); err != nil {
		return err
	}
	if err := x.run(step{StepQuorum, x.quorum}, step{StepCondition, x.condition}); err != nil {
		return err
	}
	return x.accept()
}

func (x *exam) open(b []byte) (err error) {
	x.env, err = OpenEnvelope(b)
	return err
}

// documents reads the prescription, the release and the approvals.
func (x *exam) documents() (err error) {
	if x.p, err = DecodePrescription(x.env.Prescription); err != nil {
		return err
	}
	if x.r, err = DecodeRelease(x.env.Release); err != nil {
		return err
	}
	for _, a := range x.env.Approvals {
		s, err := DecodeApproval(a.Statement)
		if err != nil {
			return err
		}
		x.approvals = append(x.approvals, s)
	}
	x.hash = PrescriptionHash(x.env.Prescription)
	x.out.Prescription, x.out.Document, x.out.Counter = x.hash, ReleaseHash(x.env.Release), x.r.Counter
	if visit := x.p.Act == ActVisit; visit != (x.r.Branch != 0) {
		return refuse(ErrFormat, "a release of a visit, and no other, names a branch")
	}
	return nil
}

// address checks that the order is meant for this pump, by its key and by what
// is printed on it, where it is.
func (x *exam) address() error {
	if x.p.Pump != x.v.Pump {
		return refuse(ErrAud, "an order for another pump")
	}
	if x.p.Serial != x.v.Serial {
		return refuse(ErrAud, "an order for the pump with serial %s", x.p.Serial)
	}
	if x.p.Site != x.v.Site && !x.answered() {
		return refuse(ErrAud, "an order of another site")
	}
	return nil
}

// answered reports whether the document has its answer: a transfer that took the
// pump to another site keeps it there.
func (x *exam) answered() bool {
	_, ok := x.v.Memory.answered(x.out.Document)
	return ok
}

// replay gives a document that was answered before the same answer.
func (x *exam) replay() error {
	if code, ok := x.v.Memory.answered(x.out.Document); ok {
		x.out.Code, x.out.Cached, x.out.Detail = code, true, "answered before"
	}
	return nil
}

// binding checks epoch and patient. A bind names a new patient.
func (x *exam) binding() error {
	if x.p.Epoch != x.v.State.Epoch {
		return refuse(ErrEpoch, "an order for epoch %d, this is %d", x.p.Epoch, x.v.State.Epoch)
	}
	if x.p.Act == ActBind {
		if x.p.Patient == x.v.Patient {
			return refuse(ErrPatient, "the pump is bound to this patient already")
		}
		return nil
	}
	if x.p.Patient != x.v.Patient {
		return refuse(ErrPatient, "an order for another patient")
	}
	return nil
}

// counter checks that the release is new, and spends its counter.
func (x *exam) counter() error {
	last := x.v.Memory.Counter
	if !follows(last, x.r.Counter) {
		return refuse(ErrCounter, "counter %d after %d", x.r.Counter, last)
	}
	x.out.Memory.Counter, x.out.Burned = x.r.Counter, true
	return nil
}

// counterSpan is how far a counter may run ahead: releases that never arrived.
const counterSpan = 1024

func follows(last, next uint64) bool {
	return next > last && next <= last+counterSpan && next <= MaxCounter
}

// takenBack refuses what was withdrawn, and a bolus that was given.
func (x *exam) takenBack() error {
	if x.v.Memory.withdrawn(x.hash) {
		return refuse(ErrGone, "withdrawn before")
	}
	if x.p.Act == ActBolus && x.v.Memory.given(x.hash) {
		return refuse(ErrReplay, "this bolus was given already")
	}
	return nil
}

// window checks that the release was signed for a moment of this pump.
func (x *exam) window() error {
	if !x.v.Windows.accepts(x.r.Window, releaseWindows, x.v.Mono) {
		return refuse(ErrWindow, "signed for a window that is over, or not of this pump")
	}
	if w := x.p.Window; w != nil && !x.v.Windows.accepts(*w, releaseWindows, x.v.Mono) {
		return refuse(ErrWindow, "prescribed for a window that is over, or not of this pump")
	}
	return nil
}

// state compares what the signers saw with what the pump runs.
func (x *exam) state() error {
	if x.p.State != x.v.State.Hash() {
		return refuse(ErrCAS, "the pump runs something else than the signers saw")
	}
	return nil
}
