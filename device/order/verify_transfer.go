package order

// TypeTransfer is a transfer that the root signs in a site's place.
const TypeTransfer Type = "transfer"

// EncodeRootTransfer returns a transfer as it travels on dn/order, made of a
// document that Sign signed as TypeTransfer with the root's keys.
func EncodeRootTransfer(signed []byte) ([]byte, error) {
	d, err := Open(signed)
	if err != nil {
		return nil, err
	}
	return encode(rooted{Kind: kindTransfer, Prescription: d.Body, Sigs: d.Sigs}), nil
}

// OpenRootTransfer takes such a transfer apart without believing anything in it: its
// body is the prescription.
func OpenRootTransfer(b []byte) (Signed, error) {
	var e rooted
	if err := decodeForm(b, &e, MaxEnvelope, flat); err != nil {
		return Signed{}, err
	}
	if e.Kind != kindTransfer {
		return Signed{}, refuse(ErrFormat, "an envelope of kind %d, want %d", e.Kind, kindTransfer)
	}
	if len(e.Sigs) > maxSignatures {
		return Signed{}, refuse(ErrFormat, "%d signatures, at most %d", len(e.Sigs), maxSignatures)
	}
	return Signed{Body: e.Prescription, Sigs: e.Sigs}, nil
}

// newSite checks the keyset that a transfer brings: signed under the pump's
// root, for the new site, in its life, and able to order anything. If the pump holds
// a newer one that is for that site as well, it keeps that: a key that was revoked
// since the transfer was signed would order again.
func (x *exam) newSite() error {
	t := x.p.Transfer
	if t.Site == x.v.Site {
		return refuse(ErrAud, "the pump is at this site already")
	}
	k, err := x.v.Root.OpenKeyset(t.Keyset)
	if err != nil {
		return refuse(ErrKeyset, "the new site's keyset: %v", err)
	}
	if !covers(k.Sites, t.Site) {
		return refuse(ErrKeyset, "the new keyset is not for the new site")
	}
	if len(k.Policies) == 0 || x.v.Trusted && x.v.Now >= k.Expires {
		return refuse(ErrKeyset, "the new site's keyset has expired, or orders nothing")
	}
	held := &x.v.Keyset
	x.keeps = covers(held.Sites, t.Site) && held.Version >= k.Version
	return nil
}

// rootTransfer verifies a transfer that the root orders: for a site that cannot
// sign any more. Its state hash and the epoch that it raises make it apply once.
func (x *exam) rootTransfer(b []byte) error {
	var d Signed
	open := func() (err error) {
		d, err = OpenRootTransfer(b)
		return err
	}
	read := func() (err error) {
		if x.p, err = DecodePrescription(d.Body); err != nil {
			return err
		}
		if x.p.Act != ActTransfer {
			return refuse(ErrFormat, "the root orders transfers, and nothing else")
		}
		x.hash = PrescriptionHash(d.Body)
		x.out.Document, x.out.Prescription = x.hash, x.hash
		return nil
	}
	signed := func() error {
		if err := d.verify(TypeTransfer, x.v.Root.Root); err != nil {
			return refuse(ErrSig, "%v", err)
		}
		return nil
	}
	life := func() error {
		if l := LifeOf(ActTransfer); x.p.Expires-x.p.NotBefore > l {
			return refuse(ErrExpired, "a prescription that lives %d s, at most %d", x.p.Expires-x.p.NotBefore, l)
		}
		if !x.v.Trusted {
			return nil
		}
		return x.within(x.p.NotBefore, x.p.Expires)
	}
	if err := x.run(
		step{StepEnvelope, open},
		step{StepDocuments, read},
		step{StepAddress, x.address},
		step{StepReplay, x.replay},
		step{StepBinding, x.binding},
		step{StepSignatures, signed},
		step{StepWithdrawn, x.takenBack},
		step{StepTime, life},
		step{StepState, x.state},
		step{StepLibrary, x.newSite},
		step{StepCondition, x.idle},
	); err != nil || x.out.Cached {
		return err
	}
	x.out.Step = StepAccept
	x.out.Effect = x.effect()
	m := x.out.Memory.NewEpoch()
	m.KeysetAt = x.keysetTaken()
	m.Applied = push(m.Applied, x.hash, maxApplied)
	x.out.Memory = m.Answer(x.out.Document, Applied)
	return nil
}
