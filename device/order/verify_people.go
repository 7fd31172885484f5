package order

import (
	"slices"

	"cisterna/internal/webauthn"
)

// signer is one signature to check: who says they signed, when, and what.
type signer struct {
	person string
	key    Digest
	at     int64 // Unix seconds, by the signer
	late   int64 // until when a rotated key still counts for what it signed in its life; 0: not
}

// statements checks that every document speaks of the same prescription.
func (x *exam) statements() error {
	if x.r.Prescription != x.hash {
		return refuse(ErrSig, "the release is of another prescription")
	}
	for _, a := range x.approvals {
		if a.Prescription != x.hash {
			return refuse(ErrSig, "%s approved another prescription", a.Person)
		}
	}
	return nil
}

// keys checks the record of every key that signed.
func (x *exam) keys() error {
	for _, a := range x.approvals {
		k, err := x.record(signer{a.Person, a.Key, a.SignedAt, x.r.IssuedAt})
		if err != nil {
			return err
		}
		x.approvers = append(x.approvers, k)
	}
	return x.oneKey(signer{x.r.Person, x.r.Key, x.r.IssuedAt, 0})
}

// oneKey checks the record of the key that lets a document go.
func (x *exam) oneKey(s signer) (err error) {
	x.releaser, err = x.record(s)
	return err
}

// record returns the key record of a signer, if it counts here and then.
func (x *exam) record(s signer) (*PersonKey, error) {
	if slices.Contains(x.keyset.Revoked, s.key) {
		return nil, refuse(ErrRevoked, "the key of %s was revoked", s.person)
	}
	k := x.keyset.at(s.key, x.v.Site)
	if k == nil {
		return nil, refuse(ErrKey, "the key of %s is not in the keyset", s.person)
	}
	if k.Person != s.person {
		return nil, refuse(ErrKey, "the key is not that of %s", s.person)
	}
	if k.Usage != UsageOrders {
		return nil, refuse(ErrKey, "the key of %s is not for orders", s.person)
	}
	if !covers(k.Sites, x.v.Site) {
		return nil, refuse(ErrKey, "the key of %s does not count at this site", s.person)
	}
	if s.at < k.NotBefore || s.at > k.NotAfter {
		return nil, refuse(ErrKey, "the key of %s did not count when it signed", s.person)
	}
	if s.late > k.NotAfter+int64(KeyOverlap.Seconds()) {
		return nil, refuse(ErrKey, "the key of %s was rotated too long ago", s.person)
	}
	return k, nil
}

// signatures checks every signature, the approvals' first. One that is wrong
// refuses the whole order.
func (x *exam) signatures() error {
	for i := range x.approvals {
		e := &x.env.Approvals[i]
		if err := x.signature(x.approvers[i], ApprovalChallenge(e.Statement), &e.Assertion); err != nil {
			return err
		}
	}
	return x.signature(x.releaser, x.out.Document, &x.env.Assertion)
}

// signature checks one WebAuthn assertion over a challenge.
func (x *exam) signature(rec *PersonKey, challenge Digest, a *Assertion) error {
	k, err := rec.passkey(x.keyset)
	if err != nil {
		return refuse(ErrKey, "the key of %s: %v", rec.Person, err)
	}
	if _, err := webauthn.Verify(k, challenge, a.webauthn()); err != nil {
		return refuse(ErrSig, "the signature of %s: %v", rec.Person, err)
	}
	return nil
}

// people checks that nobody counts twice and everybody may say what they say.
func (x *exam) people() error {
	for i, a := range x.approvals {
		for _, b := range x.approvals[:i] {
			if a.Person == b.Person {
				return refuse(ErrDup, "%s signed twice", a.Person)
			}
		}
		if !x.approvers[i].may(Role(a.Meaning)) {
			return refuse(ErrRole, "%s may not %s", a.Person, a.Meaning)
		}
	}
	if !x.releaser.may(RoleRelease) {
		return refuse(ErrRole, "%s may not release", x.r.Person)
	}
	return nil
}

// may reports whether a key has one of the roles.
func (p *PersonKey) may(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(p.Roles, r) })
}

// class computes how many people the order needs: ORDERS.md, Quorum.
func (x *exam) class() Class {
	switch {
	case x.first || x.soft:
		return ClassThree
	case x.fallback: // a program, and nothing but less
		return ClassOne
	case x.p.Act == ActResume && !x.expired && x.undoesOwnStop():
		return ClassOne
	}
	return ClassTwo
}

// undoesOwnStop reports whether who stopped the pump within the hour approves
// that it runs again, with nothing changed meanwhile.
func (x *exam) undoesOwnStop() bool {
	own := x.v.Memory.Own
	if own == nil || own.Gen != x.v.State.Gen || x.v.Run-own.Run > UndoOwnStop {
		return false
	}
	return slices.ContainsFunc(x.approvals, func(a Approval) bool { return a.Person == own.Person })
}

// policy returns what the keyset asks of the act in a class.
func (x *exam) policy(c Class) (Policy, error) {
	p, ok := x.keyset.policy(x.p.Act, c)
	if !ok {
		return Policy{}, refuse(ErrQuorum, "the keyset has no policy for %s of class %d", x.p.Act, c)
	}
	return p, nil
}

// quorum checks that enough people signed for what the pump takes the order to
// be. Nothing in the order says how many that is.
func (x *exam) quorum() error {
	x.out.Class = x.class()
	policy, err := x.policy(x.out.Class)
	if err != nil {
		return err
	}
	if n := uint64(len(x.approvals)); n < policy.People {
		return refuse(ErrQuorum, "%d people signed, %d are needed", n, policy.People)
	}
	for _, m := range policy.Meanings {
		if !slices.ContainsFunc(x.approvals, func(a Approval) bool { return a.Meaning == m }) {
			return refuse(ErrRole, "nobody signed to %s", m)
		}
	}
	return nil
}
