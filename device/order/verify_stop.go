package order

import "cisterna/device/wire"

// stop verifies a stop. It needs one person, no state, no library and no keyset
// that is still fresh: whoever is asked to stop must not first be asked to sync.
func (x *exam) stop(b []byte) error {
	var s Stop
	var a Assertion
	open := func() error {
		document, assertion, err := OpenStop(b)
		if err != nil {
			return err
		}
		a = assertion
		x.out.Step = StepDocuments
		if s, err = DecodeStop(document); err != nil {
			return err
		}
		x.out.Document, x.out.Counter = StopHash(document), s.Counter
		return nil
	}
	if err := x.run(
		step{StepEnvelope, open},
		step{StepAddress, func() error { return x.mine(s.Pump) }},
		step{StepReplay, x.replay},
		step{StepBinding, func() error { return x.epoch(s.Epoch) }},
		step{StepKeyset, x.anyKeyset},
		step{StepKeys, func() error { return x.oneKey(signer{s.Person, s.Key, s.IssuedAt, 0}) }},
		step{StepSignatures, func() error { return x.signature(x.releaser, x.out.Document, &a) }},
		step{StepCounter, func() error { return x.stopCounter(s.Counter) }},
		step{StepPeople, func() error {
			return x.role(RoleStop, RolePrescriber, RoleVerifier, RolePharmacist)
		}},
		step{StepWindow, func() error { return x.stopWindow(s.Window) }},
		step{StepTime, func() error { return x.stopTime(&s) }},
		step{StepCondition, x.stopRate},
	); err != nil || x.out.Cached {
		return err
	}
	x.out.Step, x.out.Class = StepAccept, ClassOne
	x.out.Effect = &Effect{Stop: &StopNow{Overdose: s.Overdose}}
	m := x.out.Memory
	m.StopTimes = append(m.recentStops(x.v.Run), x.v.Run)
	m.Own = x.ownStop(s.Person)
	x.out.Memory = m.Answer(x.out.Document, Applied)
	return nil
}

// ownStop returns whose stop a pump stands by once a person's is carried out. One that
// stands already stands by the earlier stop: another's does not become one's own by
// stopping once more, and one's own does not last longer.
func (x *exam) ownStop(person string) *OwnStop {
	gen := x.v.State.Gen + 1
	if x.v.State.Run == wire.Infusing {
		return &OwnStop{Person: person, Run: x.v.Run, Gen: gen}
	}
	if own := x.v.Memory.Own; own != nil && own.Gen == x.v.State.Gen && own.Person == person {
		return &OwnStop{Person: person, Run: own.Run, Gen: gen}
	}
	return nil
}

// mine checks that a document is meant for this pump.
func (x *exam) mine(pump Digest) error {
	if pump != x.v.Pump {
		return refuse(ErrAud, "a document for another pump")
	}
	return nil
}

func (x *exam) epoch(e uint64) error {
	if e != x.v.State.Epoch {
		return refuse(ErrEpoch, "a document for epoch %d, this is %d", e, x.v.State.Epoch)
	}
	return nil
}

// anyKeyset takes the keyset that the pump holds, expired or not.
func (x *exam) anyKeyset() error {
	x.keyset = &x.v.Keyset
	if x.keyset.Version == 0 {
		return refuse(ErrKeyset, "the pump holds no keyset")
	}
	if !covers(x.keyset.Sites, x.v.Site) {
		return refuse(ErrKeyset, "the keyset is for other sites")
	}
	return nil
}

// role checks that the key has one of the roles.
func (x *exam) role(roles ...Role) error {
	if !x.releaser.may(roles...) {
		return refuse(ErrRole, "%s has no role for this", x.releaser.Person)
	}
	return nil
}

func (x *exam) stopCounter(c uint64) error {
	if last := x.v.Memory.Stops; !follows(last, c) {
		return refuse(ErrCounter, "stop %d after %d", c, last)
	}
	x.out.Memory.Stops, x.out.Burned = c, true
	return nil
}

func (x *exam) stopWindow(nonce ID) error {
	if !x.v.Windows.accepts(nonce, stopWindows, x.v.Mono) {
		return refuse(ErrWindow, "signed for a window that is over, or not of this pump")
	}
	return nil
}

func (x *exam) stopTime(s *Stop) error {
	if s.Expires-s.IssuedAt > StopLife {
		return refuse(ErrExpired, "a stop that lives %d s, at most %d", s.Expires-s.IssuedAt, StopLife)
	}
	if !x.v.Trusted {
		return nil // the window decides
	}
	return x.within(s.IssuedAt, s.Expires)
}

// stopRate bounds what one stolen key can do to a therapy.
func (x *exam) stopRate() error {
	if n := len(x.v.Memory.recentStops(x.v.Run)); n >= maxStops {
		return refuse(ErrRate, "%d stops in ten minutes", n)
	}
	return nil
}

// withdraw verifies a withdrawal. It has no counter: to take a prescription back
// twice is to take it back.
func (x *exam) withdraw(b []byte) error {
	var w Withdraw
	var a Assertion
	open := func() error {
		document, assertion, err := OpenWithdraw(b)
		if err != nil {
			return err
		}
		a = assertion
		x.out.Step = StepDocuments
		if w, err = DecodeWithdraw(document); err != nil {
			return err
		}
		x.out.Document, x.out.Prescription = WithdrawHash(document), w.Prescription
		return nil
	}
	if err := x.run(
		step{StepEnvelope, open},
		step{StepAddress, func() error { return x.mine(w.Pump) }},
		step{StepReplay, x.replay},
		step{StepBinding, func() error { return x.epoch(w.Epoch) }},
		step{StepKeyset, x.anyKeyset},
		step{StepKeys, func() error { return x.oneKey(signer{w.Person, w.Key, w.IssuedAt, 0}) }},
		step{StepSignatures, func() error { return x.signature(x.releaser, x.out.Document, &a) }},
		step{StepPeople, func() error {
			return x.role(RolePrescriber, RoleVerifier, RolePharmacist, RoleRelease)
		}},
		step{StepTime, func() error { return x.notFromTheFuture(w.IssuedAt) }},
		step{StepCondition, func() error { return x.remember(w.Prescription) }},
	); err != nil || x.out.Cached {
		return err
	}
	x.out.Step, x.out.Class = StepAccept, ClassOne
	x.out.Effect = &Effect{}
	x.out.Memory = x.out.Memory.Answer(x.out.Document, Applied)
	return nil
}

func (x *exam) notFromTheFuture(iat int64) error {
	if x.v.Trusted && iat > x.v.Now+skew {
		return refuse(ErrNotYet, "signed at %s, it is %s", at(iat), at(x.v.Now))
	}
	return nil
}

// remember writes the withdrawal down, if it is not too late.
func (x *exam) remember(p Digest) error {
	m := &x.out.Memory
	for _, h := range m.Applied {
		if h == p {
			return refuse(ErrState, "it is too late: the prescription was applied")
		}
	}
	next, ok := m.withdraw(p, x.v.State.Gen)
	if !ok {
		return refuse(ErrFull, "no room for another withdrawal until something is programmed")
	}
	*m = next
	return nil
}
