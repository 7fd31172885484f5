package order

import "time"

// Skew is how far two clocks may differ, in seconds: so long after its end a document is
// still accepted.
const Skew = skew

const skew = 60

// time checks the release's life and the prescription's. With a clock that can
// be trusted, now decides; otherwise the prescription is compared with the
// release's signed time, and the window alone says that the release is of now.
// A clock order never asks the clock that it is to set.
func (x *exam) time() error {
	r := &x.r
	if r.Expires-r.IssuedAt > ReleaseLife {
		return refuse(ErrExpired, "a release that lives %d s, at most %d", r.Expires-r.IssuedAt, ReleaseLife)
	}
	for _, a := range x.approvals {
		if a.SignedAt > r.IssuedAt+skew {
			return refuse(ErrNotYet, "released before %s had signed", a.Person)
		}
	}
	if x.asksClock() {
		if err := x.within(r.IssuedAt, r.Expires); err != nil {
			return err
		}
	}
	return x.life()
}

// asksClock reports whether the pump's clock has a say.
func (x *exam) asksClock() bool { return x.v.Trusted && x.p.Act != ActClock }

// life checks the prescription's life.
func (x *exam) life() error {
	p, now := &x.p, x.r.IssuedAt
	if x.asksClock() {
		now = x.v.Now
	}
	if life := LifeOf(p.Act); p.Expires-p.NotBefore > life {
		return refuse(ErrExpired, "a prescription that lives %d s, at most %d", p.Expires-p.NotBefore, life)
	}
	if now < p.NotBefore-skew {
		return refuse(ErrNotYet, "valid from %s", at(p.NotBefore))
	}
	if now > p.Expires+skew {
		return refuse(ErrExpired, "valid until %s", at(p.Expires))
	}
	return nil
}

// within compares a life with the pump's clock.
func (x *exam) within(from, until int64) error {
	if x.v.Now < from-skew {
		return refuse(ErrNotYet, "signed at %s, it is %s", at(from), at(x.v.Now))
	}
	if x.v.Now > until+skew {
		return refuse(ErrExpired, "valid until %s, it is %s", at(until), at(x.v.Now))
	}
	return nil
}

func at(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

// keysetInForce checks that the pump holds a keyset that this order can be judged
// by. One that has expired still takes a clock order and the resume of what runs.
func (x *exam) keysetInForce() error {
	k := &x.v.Keyset
	if k.Version == 0 {
		return refuse(ErrKeyset, "the pump holds no keyset")
	}
	if !covers(k.Sites, x.v.Site) {
		return refuse(ErrKeyset, "the keyset is for other sites")
	}
	x.keyset = k
	if need := max(x.p.Keyset, x.r.Keyset); need > k.Version {
		return refuse(ErrKeyset, "keyset %d is needed, the pump holds %d", need, k.Version)
	}
	x.expired = x.keysetExpired()
	if x.expired && x.p.Act != ActClock && x.p.Act != ActResume {
		return refuse(ErrKeyset, "keyset %d has expired", k.Version)
	}
	return nil
}

// keysetExpired compares with the clock, or, if that cannot be trusted, with
// running time since the keyset was taken.
func (x *exam) keysetExpired() bool {
	if x.v.Trusted {
		return x.v.Now >= x.v.Keyset.Expires
	}
	return x.v.Run-x.v.Memory.KeysetAt > MaxKeysetLife.Milliseconds()
}

// keysetTaken returns the running time from which the life of the keyset counts
// that is in force once the order is applied.
func (x *exam) keysetTaken() int64 {
	if x.p.Act != ActTransfer || x.keeps {
		return x.v.Memory.KeysetAt
	}
	return x.v.Run
}
