package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// unverified stands in every printed order: a decoder checks no signatures.
const unverified = "Decoded, not verified: nothing here says that a signature is good."

// decodeOrder prints what came by dn/order: an order, or a withdrawal.
func decodeOrder(b []byte) (any, error) {
	if document, _, err := order.OpenWithdraw(b); err == nil {
		w, err := order.DecodeWithdraw(document)
		if err != nil {
			return nil, err
		}
		return map[string]any{"withdrawal": w, "hash": order.WithdrawHash(document), "words": []string{
			fmt.Sprintf("%s takes prescription %s back, at %s: %s.", w.Person, w.Prescription.Short(), clock(w.IssuedAt), w.Reason), unverified,
		}}, nil
	}
	e, err := order.OpenEnvelope(b)
	if err != nil {
		if out, ok := decodeRootTransfer(b); ok {
			return out, nil
		}
		return nil, err
	}
	p, err := order.DecodePrescription(e.Prescription)
	if err != nil {
		return nil, err
	}
	r, err := order.DecodeRelease(e.Release)
	if err != nil {
		return nil, err
	}
	words := prescriptionWords(&p, order.PrescriptionHash(e.Prescription))
	var approvals []order.Approval
	for _, a := range e.Approvals {
		s, err := order.DecodeApproval(a.Statement)
		if err != nil {
			return nil, err
		}
		approvals = append(approvals, s)
		words = append(words, fmt.Sprintf("%s signed to %s, at %s%s.", s.Person, s.Meaning, clock(s.SignedAt), otherThan(s.Prescription, e.Prescription)))
	}
	words = append(words, releaseWords(&r)+otherThan(r.Prescription, e.Prescription)+".", unverified)
	return map[string]any{
		"prescription": p, "prescription_hash": order.PrescriptionHash(e.Prescription), "approvals": approvals,
		"release": r, "release_hash": order.ReleaseHash(e.Release), "words": words,
	}, nil
}

// decodeRootTransfer prints a transfer that the root orders in a site's place.
func decodeRootTransfer(b []byte) (any, bool) {
	d, err := order.OpenRootTransfer(b)
	if err != nil {
		return nil, false
	}
	p, err := order.DecodePrescription(d.Body)
	if err != nil {
		return nil, false
	}
	hash := order.PrescriptionHash(d.Body)
	return map[string]any{"prescription": p, "prescription_hash": hash, "signed_by": signers(d.Sigs), "words": append(prescriptionWords(&p, hash), "Ordered by the root.", unverified)}, true
}

func signers(sigs []order.Signature) []string {
	var keys []string
	for _, s := range sigs {
		keys = append(keys, hex.EncodeToString(s.Key))
	}
	return keys
}

func otherThan(named order.Digest, prescription []byte) string {
	if named != order.PrescriptionHash(prescription) {
		return ", OF ANOTHER PRESCRIPTION (" + named.Short() + ")"
	}
	return ""
}

func clock(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05") + " UTC" }

func prescriptionWords(p *order.Prescription, hash order.Digest) []string {
	out := []string{fmt.Sprintf("Prescription %s: %s, for pump %s (life %d), good from %s to %s.", hash.Short(), p.Act, p.Serial, p.Epoch, clock(p.NotBefore), clock(p.Expires))}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if p.Contents != nil {
		say("For %s.", contentsWords(*p.Contents))
	}
	if p.Program != nil {
		say("Program: %s.", programWords(p.Program))
	}
	if p.Dose != nil {
		say("Gives %s over %s.", p.Dose.Volume, p.Dose.Duration)
	}
	if p.Bridge != nil {
		say("Bridge: %s of the old fluid over %s.", p.Bridge.Volume, p.Bridge.Duration)
	}
	out = append(out, checkWords(p.Checks)...)
	if v := p.Visit; v != nil {
		say("As planned, with %s to %s aspirated and %s to %s filled: %s", v.Bounds.AspiratedMin, v.Bounds.AspiratedMax, v.Bounds.FilledMin, v.Bounds.FilledMax, branchWords(&v.Planned))
		out = append(out, checkWords(v.Planned.Checks)...)
		say("Otherwise: %s", branchWords(&v.Same))
		out = append(out, checkWords(v.Same.Checks)...)
	}
	if s := p.Settings; s != nil {
		say("Low-reservoir alarm at %s; alarm after %d denied requests in 24 hours.", s.Low, s.PTMDenied)
	}
	if p.Volume > 0 {
		say("%s are in the reservoir.", p.Volume)
	}
	if t := p.Transfer; t != nil {
		say("To site %s, whose keyset it carries.", t.Site)
	}
	if p.Zone != nil {
		say("Clock to the moment of release, %s east of UTC.", units.Seconds(*p.Zone))
	}
	for _, f := range p.Flags {
		say("Overrides soft limit %d: %s.", f.Code, f.Reason)
	}
	if p.Reason != "" {
		say("Reason: %s.", p.Reason)
	}
	return out
}

func contentsWords(c dose.Contents) string {
	var parts []string
	for _, g := range c.Ingredients {
		parts = append(parts, fmt.Sprintf("%s %s", g.Code, g.Conc))
	}
	return strings.Join(parts, " + ") + ", " + c.Route.String()
}

func programWords(p *dose.Program) string {
	out := p.Mode.String()
	if len(p.Segments) > 0 {
		out += fmt.Sprintf(", %s in %s, %d segment(s)", p.PerCycle(), p.Cycle, len(p.Segments))
	}
	if t := p.PTM; t != nil {
		out += fmt.Sprintf("; patient boluses of %s over %s, locked for %s, at most %d in 24 hours", t.Volume, t.Duration, t.Lockout, t.Max24h)
	}
	return out
}

func branchWords(b *order.Branch) string {
	out := contentsWords(b.Contents) + "; " + programWords(&b.Program)
	if b.Prime != nil {
		out += fmt.Sprintf("; primed with %s over %s", b.Prime.Volume, b.Prime.Duration)
	}
	if b.Bridge != nil {
		out += fmt.Sprintf("; bridge of %s over %s", b.Bridge.Volume, b.Bridge.Duration)
	}
	return out + "."
}

func checkWords(checks []order.Check) (out []string) {
	for _, c := range checks {
		line := fmt.Sprintf("Check numbers of %s: %s a day, %s in the worst 24 hours", c.Code, c.Day, c.Worst)
		if c.Once > 0 {
			line += fmt.Sprintf(", %s at once", c.Once)
		}
		if c.Bridge > 0 {
			line += fmt.Sprintf(", %s in the bridge", c.Bridge)
		}
		out = append(out, line+".")
	}
	return out
}

func releaseWords(r *order.Release) string {
	out := fmt.Sprintf("%s releases it as number %d for window %s, from %s to %s, under keyset %d", r.Person, r.Counter, r.Window, clock(r.IssuedAt), clock(r.Expires), r.Keyset)
	switch r.Branch {
	case order.BranchPlanned:
		out += ", as planned"
	case order.BranchSame:
		out += ", with the same dose"
	}
	if m := r.Measured; m != nil {
		out += fmt.Sprintf(" (%s aspirated, %s filled)", m.Aspirated, m.Filled)
	}
	return out
}

// decodeStop prints what came by dn/stop.
func decodeStop(b []byte) (any, error) {
	document, _, err := order.OpenStop(b)
	if err != nil {
		return nil, err
	}
	s, err := order.DecodeStop(document)
	if err != nil {
		return nil, err
	}
	what := "stops the pump"
	if s.Overdose {
		what = "stops the pump for an OVERDOSE, whatever the drug"
	}
	return map[string]any{"stop": s, "hash": order.StopHash(document), "words": []string{
		fmt.Sprintf("%s %s, as stop %d for window %s, from %s to %s: %s.", s.Person, what, s.Counter, s.Window, clock(s.IssuedAt), clock(s.Expires), s.Reason), unverified,
	}}, nil
}

// decodeTrust prints a document that others stand on, without believing it.
func decodeTrust(b []byte) (any, error) {
	d, err := order.Open(b)
	if err != nil {
		return nil, err
	}
	return map[string]any{"hash": order.Digest(order.Hash(b)), "body": hex.EncodeToString(d.Body), "signed_by": signers(d.Sigs), "words": []string{unverified}}, nil
}

// decodeAnswer prints a pump's answer.
func decodeAnswer(b []byte) (any, error) {
	a, err := wire.Decode[wire.Answer](b)
	if err != nil {
		return nil, err
	}
	said := fmt.Sprintf("The pump answers %s to document %x… of %s", a.Code, a.Doc[:4], a.Kind)
	if a.Note != "" {
		said += " (" + a.Note + ")"
	}
	words := []string{said + fmt.Sprintf(", at %s by its clock.", clock(a.Wall/1000))}
	if a.Missed > 0 {
		words = append(words, fmt.Sprintf("It did not look at %d documents.", a.Missed))
	}
	words = append(words, fmt.Sprintf("It is %s program %x….", a.Run, a.ProgramHash[:min(4, len(a.ProgramHash))]))
	report, more, err := reportWords(a.Report)
	if err != nil {
		return nil, err
	}
	return map[string]any{"answer": a, "report": report, "words": append(words, more...)}, nil
}

// pathWords says what stands in the path although the reservoir holds something else.
func pathWords(r *order.Report) (words []string) {
	where := "At the catheter's tip"
	for _, f := range r.Path {
		words = append(words, fmt.Sprintf("%s %s, gone after %s.", where, contentsWords(f.Contents), f.Left))
		where = "Behind it"
	}
	switch {
	case r.Pace != nil:
		words = append(words, fmt.Sprintf("A bridge clears it at %s over %s.", r.Pace.Volume, r.Pace.Duration))
	case r.Bridge:
		words = append(words, "A bridge runs or waits, and the pump does not say what it clears.")
	}
	return words
}

// reportWords decodes what a pump says of itself, nil if it says nothing.
func reportWords(b []byte) (any, []string, error) {
	if len(b) == 0 {
		return nil, nil, nil
	}
	r, err := order.DecodeReport(b)
	if err != nil {
		return nil, nil, fmt.Errorf("report: %w", err)
	}
	s := &r.State
	words := []string{fmt.Sprintf("Generation %d of life %d, state %s: %s, %s.", s.Gen, s.Epoch, s.Hash().Short(), s.Run, programWords(&s.Program))}
	if !s.Contents.Empty() {
		words = append(words, fmt.Sprintf("In the reservoir %s of %s.", r.Volume, contentsWords(s.Contents)))
	}
	words = append(words, pathWords(&r)...)
	if r.Patient.IsZero() {
		words = append(words, "It is in nobody.")
	}
	if r.Foreign {
		words = append(words, "A local programmer changed it, and nobody adopted that.")
	}
	if !r.Trusted {
		words = append(words, "Its clock is not to be trusted.")
	}
	if len(r.Faults) > 0 {
		words = append(words, "Faults: "+strings.Join(r.Faults, ", ")+".")
	}
	return r, words, nil
}
