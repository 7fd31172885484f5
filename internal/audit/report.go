package audit

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Verdict is what a finding means.
type Verdict int

// The verdicts. Their numbers are the verifier's exit codes.
const (
	Good       Verdict = 0
	Tampered   Verdict = 1 // something was changed, added, removed or rolled back
	Incomplete Verdict = 2 // nothing contradicts, but something is missing
	Untrusted  Verdict = 3 // signed by keys that are not trusted
)

// String names the verdict for people.
func (v Verdict) String() string {
	switch v {
	case Good:
		return "good"
	case Tampered:
		return "TAMPERED"
	case Incomplete:
		return "INCOMPLETE"
	case Untrusted:
		return "UNTRUSTED KEYS"
	default:
		return fmt.Sprintf("verdict %d", int(v))
	}
}

// Finding is one thing that is wrong.
type Finding struct {
	Verdict Verdict
	Index   int64 // the first leaf that it concerns; -1 = none in particular
	What    string
}

// maxFindings bounds the findings that a report keeps; all are counted.
const maxFindings = 50

// Report is what [Verify] found.
type Report struct {
	Origin      string // of the checkpoints
	Leaves      int64
	Checkpoints int64
	Pending     int64 // leaves outside the bundle that waited for their checkpoint
	Payloads    int64 // that match their leaves
	Erased      int64 // payloads destroyed on purpose
	Evidence    int64 // signed documents that match their leaves
	Devices     int64 // lanes of device numbers, each without a gap
	Seen        int64 // checkpoints kept elsewhere that the record contains
	First, Last time.Time
	Root        tlog.Hash // of all leaves, computed
	Covered     int64     // leaves under a checkpoint with a trusted signature
	Sum         []byte    // SHA-256 of the bundle

	Findings []Finding // in the order found, at most 50
	Count    int       // of all findings
	FirstBad int64     // smallest index of a finding; -1 = none
	Warnings []string  // worth a look, but no proof of anything

	counts [4]int // by verdict
}

func (r *Report) find(v Verdict, index int64, format string, args ...any) {
	r.Count++
	r.counts[v]++
	if index >= 0 && (r.FirstBad < 0 || index < r.FirstBad) {
		r.FirstBad = index
	}
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, Finding{v, index, fmt.Sprintf(format, args...)})
	}
}

func (r *Report) warn(format string, args ...any) {
	if len(r.Warnings) < maxFindings {
		r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
	}
}

// Verdict is the gravest of the findings: tampered before untrusted before
// incomplete.
func (r *Report) Verdict() Verdict {
	for _, v := range []Verdict{Tampered, Untrusted, Incomplete} {
		if r.counts[v] > 0 {
			return v
		}
	}
	return Good
}

// ExitCode is 0 good, 1 tampered, 2 incomplete, 3 untrusted keys.
func (r *Report) ExitCode() int { return int(r.Verdict()) }

// WriteText writes the report for people. Text that comes from the bundle is
// quoted, so that it cannot drive a terminal.
func (r *Report) WriteText(w io.Writer) error {
	p := printer{w: w}
	p.line("verdict:      %s", r.Verdict())
	p.line("log:          %q", r.Origin)
	p.line("leaves:       %d, of which %d under a trusted checkpoint", r.Leaves, r.Covered)
	if r.Leaves > 0 {
		p.line("from, to:     %s, %s", r.First.Format(time.RFC3339), r.Last.Format(time.RFC3339))
	}
	p.line("root:         %s", r.Root)
	p.line("checkpoints:  %d", r.Checkpoints)
	p.line("details:      %d match, %d erased", r.Payloads, r.Erased)
	p.line("documents:    %d match", r.Evidence)
	p.line("device lanes: %d", r.Devices)
	p.line("kept before:  %d checkpoints found again", r.Seen)
	if r.Pending > 0 {
		p.line("not included: %d leaves that waited for their checkpoint", r.Pending)
	}
	if r.Sum != nil {
		p.line("bundle:       sha256 %s", hex.EncodeToString(r.Sum))
	}
	if r.FirstBad >= 0 {
		p.line("first bad:    index %d", r.FirstBad)
	}
	for _, f := range r.Findings {
		p.line("- %s: %s", f.Verdict, f.What)
	}
	if n := r.Count - len(r.Findings); n > 0 {
		p.line("- and %d more", n)
	}
	for _, s := range r.Warnings {
		p.line("- note: %s", s)
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
