package order

import (
	"testing"

	"cisterna/internal/webauthn"
)

// BenchmarkVerify is what a pump spends on an order with two approvals and a
// release, beside the three signature checks alone: the ratio is printed.
func BenchmarkVerify(b *testing.B) {
	w := newWorld()
	order := w.send(ActProgram, nil)
	e, err := OpenEnvelope(order)
	if err != nil {
		b.Fatal(err)
	}
	type check struct {
		key       webauthn.Key
		challenge Digest
		assertion webauthn.Assertion
	}
	var checks []check
	add := func(person string, challenge Digest, a *Assertion) {
		k, err := w.keyset.find(idOf(person)).passkey(&w.keyset)
		if err != nil {
			b.Fatal(err)
		}
		checks = append(checks, check{k, challenge, a.webauthn()})
	}
	add("anna", ApprovalChallenge(e.Approvals[0].Statement), &e.Approvals[0].Assertion)
	add("ben", ApprovalChallenge(e.Approvals[1].Statement), &e.Approvals[1].Assertion)
	add("dora", ReleaseHash(e.Release), &e.Assertion)
	var bare float64
	b.Run("signatures", func(b *testing.B) {
		for b.Loop() {
			for _, c := range checks {
				if _, err := webauthn.Verify(c.key, c.challenge, c.assertion); err != nil {
					b.Fatal(err)
				}
			}
		}
		bare = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	})
	b.Run("order", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v := w.deliver(order); v.Code != Applied {
				b.Fatal(v.Detail)
			}
		}
		if bare > 0 {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/bare, "x-signatures")
		}
	})
}
