package order

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"

	"cisterna/device/dose"
	"cisterna/device/units"
)

// Sizes in bytes (ORDERS.md, Documents).
const (
	MaxPrescription = 8 << 10
	MaxEnvelope     = 16 << 10
	MaxStatement    = 4 << 10
)

// MaxCounter is the last value that a counter can take: the largest integer that
// JavaScript holds exactly.
const MaxCounter = 1<<53 - 1

// maxTime is the last moment that a document can name, in Unix seconds: far
// beyond anybody's plans, so that sums of times stay exact everywhere.
const maxTime = 1 << 40

// moment reports whether t is a time that a document can name.
func moment(t int64) bool { return t >= 0 && t <= maxTime }

// Lives in seconds (ORDERS.md, Documents).
const (
	ReleaseLife = 15 * 60
	StopLife    = 15 * 60
	bolusLife   = 15 * 60
	visitLife   = 30 * 86_400
	otherLife   = 7 * 86_400
)

// LifeOf returns how long a prescription of an act may live, in seconds.
func LifeOf(a Act) int64 {
	switch a {
	case ActBolus:
		return bolusLife
	case ActVisit:
		return visitLife
	case ActProgram, ActPrime, ActBind, ActSettings, ActResume, ActErase, ActAdopt, ActTransfer, ActClock:
	}
	return otherLife
}

// flat reads what nests at most four levels.
var flat = must(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxNestedLevels: 4, MaxArrayElements: 128, MaxMapPairs: 64,
	UTF8: cbor.UTF8RejectInvalid,
}.DecMode())

// decodeForm reads b into v and insists that b is v's one deterministic form.
func decodeForm(b []byte, v any, size int, mode cbor.DecMode) error {
	if len(b) > size {
		return refuse(ErrSize, "%d bytes, at most %d", len(b), size)
	}
	if err := mode.Unmarshal(b, v); err != nil {
		return refuse(ErrFormat, "%v", err)
	}
	if !bytes.Equal(encode(v), b) {
		return refuse(ErrFormat, "not in the one deterministic form")
	}
	return nil
}

// formatOf returns the format that a document says it has, read where a deterministic
// map with a field 1 has it: first, and in its shortest form.
func formatOf(b []byte) (format uint64, ok bool) {
	const mapType, oneByte = 5, 24 // a map of up to 23 fields, or of a number that follows in a byte
	if len(b) == 0 || b[0]>>5 != mapType || b[0]&31 > oneByte {
		return 0, false
	}
	at := 1
	if b[0]&31 == oneByte {
		at++
	}
	if len(b) < at+2 || b[at] != 1 || b[at+1]>>5 != 0 {
		return 0, false
	}
	head := b[at+1] & 31
	if head < oneByte {
		return uint64(head), true
	}
	n := 1 << (head - oneByte)
	if head > 27 || len(b) < at+2+n {
		return 0, false
	}
	for _, d := range b[at+2 : at+2+n] {
		format = format<<8 | uint64(d)
	}
	least := uint64(oneByte)
	if n > 1 {
		least = 1 << (4 * n)
	}
	return format, format >= least
}

// decodeDocument is decodeForm for a document with a format. Of a format that it
// does not know it reads nothing more: what is right in it cannot be known.
func decodeDocument(b []byte, v any, size int, mode cbor.DecMode) error {
	if format, ok := formatOf(b); ok && format != 1 && len(b) <= size {
		return refuse(ErrVersion, "a document of format %d, this pump knows 1", format)
	}
	return decodeForm(b, v, size, mode)
}

// The optional fields of a prescription, as bits.
const (
	hasLibrary = 1 << iota
	hasGroup
	hasContents
	hasLimits
	hasProgram
	hasDose
	hasBridge
	hasChecks
	hasWindow
	hasVisit
	hasSettings
	hasVolume
	hasTransfer
	hasZone
	hasFlags
)

// fields says which of them an act must have, and which it may.
var fields = map[Act]struct{ must, may uint }{
	ActProgram:  {hasLibrary | hasGroup | hasContents | hasLimits | hasProgram | hasChecks, hasBridge | hasFlags},
	ActBolus:    {hasLibrary | hasGroup | hasContents | hasDose | hasChecks | hasWindow, hasFlags},
	ActPrime:    {hasLibrary | hasGroup | hasContents | hasDose | hasChecks, 0},
	ActVisit:    {hasLibrary | hasGroup | hasVisit, hasFlags},
	ActBind:     {},
	ActSettings: {hasSettings, 0},
	ActResume:   {},
	ActErase:    {hasProgram, 0},
	ActAdopt:    {hasLibrary | hasGroup | hasContents | hasLimits | hasVolume | hasChecks, hasFlags},
	ActTransfer: {hasTransfer, 0},
	ActClock:    {hasZone, 0},
}

// has returns the optional fields that are there.
func (p *Prescription) has() uint {
	var out uint
	for _, f := range [...]struct {
		bit uint
		set bool
	}{
		{hasLibrary, p.Library != nil},
		{hasGroup, p.Group != 0},
		{hasContents, p.Contents != nil},
		{hasLimits, p.Limits != nil},
		{hasProgram, p.Program != nil},
		{hasDose, p.Dose != nil},
		{hasBridge, p.Bridge != nil},
		{hasChecks, len(p.Checks) > 0},
		{hasWindow, p.Window != nil},
		{hasVisit, p.Visit != nil},
		{hasSettings, p.Settings != nil},
		{hasVolume, p.Volume != 0},
		{hasTransfer, p.Transfer != nil},
		{hasZone, p.Zone != nil},
		{hasFlags, len(p.Flags) > 0},
	} {
		if f.set {
			out |= f.bit
		}
	}
	return out
}

// form checks what a prescription must be whatever pump reads it.
func (p *Prescription) form() error {
	if p.V != 1 {
		return refuse(ErrVersion, "prescription of format %d, this pump knows 1", p.V)
	}
	want, known := fields[p.Act]
	if !known {
		return refuse(ErrFormat, "unknown act %d", uint16(p.Act))
	}
	if has := p.has(); has&^(want.must|want.may) != 0 || has&want.must != want.must {
		return refuse(ErrFormat, "a prescription to %s with fields that it has not, or without some that it has", p.Act)
	}
	if p.Library != nil && p.Library.IsZero() || p.Window != nil && p.Window.IsZero() {
		return refuse(ErrFormat, "a library or a window that is there and names nothing")
	}
	if p.ID.IsZero() || p.Patient.IsZero() {
		return refuse(ErrFormat, "a prescription needs an id and a patient")
	}
	if !plain(p.Serial, 1, maxSerial) {
		return refuse(ErrFormat, "the serial is not plain text of 1 to %d bytes", maxSerial)
	}
	if !plain(p.Reason, 0, maxReason) {
		return refuse(ErrFormat, "the reason is not plain text of at most %d bytes", maxReason)
	}
	if !moment(p.NotBefore) || !moment(p.Expires) || p.Expires <= p.NotBefore || p.Epoch > MaxCounter || p.Keyset > MaxCounter {
		return refuse(ErrFormat, "valid from %d to %d, epoch %d, keyset %d", p.NotBefore, p.Expires, p.Epoch, p.Keyset)
	}
	if err := flagsForm(p.Flags); err != nil {
		return err
	}
	return p.parts()
}

func flagsForm(flags []Flag) error {
	for i, f := range flags {
		if f.Code < FlagSoftLimit || f.Code > FlagSoftStep || i > 0 && f.Code <= flags[i-1].Code {
			return refuse(ErrFormat, "flag %d is unknown or out of order", f.Code)
		}
		if !plain(f.Reason, 1, maxReason) {
			return refuse(ErrFormat, "flag %d needs a reason in plain text of 1 to %d bytes", f.Code, maxReason)
		}
	}
	return nil
}

// parts checks the parts that are there.
func (p *Prescription) parts() error {
	if p.Group > GroupChild {
		return refuse(ErrFormat, "unknown patient group %d", uint16(p.Group))
	}
	for _, err := range [...]error{
		contentsForm(p.Contents), limitsForm(p.Limits), doseForm(p.Dose), doseForm(p.Bridge), checksForm(p.Checks), p.Visit.form(),
	} {
		if err != nil {
			return err
		}
	}
	if p.Program != nil {
		if err := programForm(p.Program, p.Act != ActErase); err != nil {
			return err
		}
	}
	if s := p.Settings; s != nil && (s.Low < 0 || s.Low > dose.MaxVolume || s.PTMDenied > MaxPTMDenied) {
		return refuse(ErrFormat, "low-reservoir alarm at %d nL, at most %d denied requests", int64(s.Low), s.PTMDenied)
	}
	if p.Volume < 0 || p.Volume > dose.MaxVolume {
		return refuse(ErrFormat, "%d nL in a reservoir", int64(p.Volume))
	}
	if z := p.Zone; z != nil && (*z < -maxZone || *z > maxZone) {
		return refuse(ErrFormat, "a time zone of %d s", *z)
	}
	if t := p.Transfer; t != nil && (t.Site.IsZero() || len(t.Keyset) == 0) {
		return refuse(ErrFormat, "a transfer needs a site and its keyset")
	}
	return nil
}

// maxZone is 14 hours, the furthest that any place is from UTC.
const maxZone = 14 * 3600

func contentsForm(c *dose.Contents) error {
	if c == nil {
		return nil
	}
	if err := c.Validate(); err != nil {
		return refuse(ErrFormat, "contents: %v", err)
	}
	return nil
}

func limitsForm(l *dose.Limits) error {
	if l == nil {
		return nil
	}
	if err := l.Validate(); err != nil {
		return refuse(ErrFormat, "limits: %v", err)
	}
	return nil
}

// programForm checks a program's form. therapy asks for one that gives a dose;
// otherwise it must rest.
func programForm(p *dose.Program, therapy bool) error {
	if err := p.Form(); err != nil {
		return refuse(ErrFormat, "program: %v", err)
	}
	if rests := p.Mode == dose.Stopped || p.Mode == dose.Minimum; rests == therapy {
		return refuse(ErrFormat, "a %s program has no place here", p.Mode)
	}
	if p.Mode == dose.Minimum && p.PTM != nil {
		return refuse(ErrFormat, "patient boluses need a program under them")
	}
	return nil
}

func doseForm(d *dose.Dose) error {
	if d != nil && (d.Volume <= 0 || d.Volume > dose.MaxVolume || d.Duration <= 0 || d.Duration > dose.MaxDuration) {
		return refuse(ErrFormat, "a dose of %d nL over %d s", int64(d.Volume), int64(d.Duration))
	}
	return nil
}

// checksForm checks that check numbers are numbers, one line an ingredient.
func checksForm(checks []Check) error {
	if len(checks) > 2*dose.MaxIngredients {
		return refuse(ErrFormat, "check numbers of %d ingredients", len(checks))
	}
	for i, c := range checks {
		if c.Code == 0 || i > 0 && c.Code <= checks[i-1].Code {
			return refuse(ErrFormat, "check numbers must rise by ingredient")
		}
		for _, m := range [...]units.Mass{c.Day, c.Worst, c.Once, c.Bridge} {
			if m < 0 || m > maxMass {
				return refuse(ErrFormat, "a check number of %d ng", int64(m))
			}
		}
	}
	return nil
}

// maxMass is what the largest volume holds at the highest concentration, a
// hundred times over.
const maxMass = units.Mass(1_000_000_000_000)

func (v *Visit) form() error {
	if v == nil {
		return nil
	}
	for _, b := range [...]*Branch{&v.Planned, &v.Same} {
		for _, err := range [...]error{contentsForm(&b.Contents), limitsForm(&b.Limits), doseForm(b.Prime), doseForm(b.Bridge), checksForm(b.Checks)} {
			if err != nil {
				return err
			}
		}
		rests := b.Program.Mode == dose.Stopped || b.Program.Mode == dose.Minimum
		if rests && b == &v.Planned {
			return refuse(ErrFormat, "a visit is planned to end in a program")
		}
		if err := programForm(&b.Program, !rests); err != nil {
			return err
		}
	}
	b := &v.Bounds
	if b.AspiratedMin < 0 || b.AspiratedMax < b.AspiratedMin || b.AspiratedMax > dose.MaxVolume || b.FilledMin <= 0 || b.FilledMax < b.FilledMin || b.FilledMax > dose.MaxVolume {
		return refuse(ErrFormat, "bounds from %d to %d and from %d to %d nL", int64(b.AspiratedMin), int64(b.AspiratedMax), int64(b.FilledMin), int64(b.FilledMax))
	}
	if v.Rinse < 0 || v.Rinse > dose.MaxVolume {
		return refuse(ErrFormat, "a rinse of %d nL", int64(v.Rinse))
	}
	return nil
}

func (a *Approval) form() error {
	if a.V != 1 {
		return refuse(ErrVersion, "approval of format %d, this pump knows 1", a.V)
	}
	if !plain(a.Person, 1, maxPerson) || a.Meaning < MeansPrescribe || a.Meaning > MeansPolicy || !moment(a.SignedAt) {
		return refuse(ErrFormat, "an approval with meaning %d at %d", uint16(a.Meaning), a.SignedAt)
	}
	return nil
}

func (r *Release) form() error {
	if r.V != 1 {
		return refuse(ErrVersion, "release of format %d, this pump knows 1", r.V)
	}
	if !plain(r.Person, 1, maxPerson) || !moment(r.IssuedAt) || !moment(r.Expires) || r.Expires <= r.IssuedAt || r.Branch > BranchSame || (r.Branch == 0) != (r.Measured == nil) {
		return refuse(ErrFormat, "a release from %d to %d of branch %d", r.IssuedAt, r.Expires, uint16(r.Branch))
	}
	if m := r.Measured; m != nil && (m.Aspirated < 0 || m.Aspirated > dose.MaxVolume || m.Filled <= 0 || m.Filled > dose.MaxVolume) {
		return refuse(ErrFormat, "a release with %d nL aspirated and %d nL filled", int64(m.Aspirated), int64(m.Filled))
	}
	return nil
}

func (s *Stop) form() error {
	if s.V != 1 {
		return refuse(ErrVersion, "stop of format %d, this pump knows 1", s.V)
	}
	if !plain(s.Person, 1, maxPerson) || !plain(s.Reason, 1, maxReason) || !moment(s.IssuedAt) || !moment(s.Expires) || s.Expires <= s.IssuedAt || s.ID.IsZero() {
		return refuse(ErrFormat, "a stop from %d to %d", s.IssuedAt, s.Expires)
	}
	return nil
}

func (w *Withdraw) form() error {
	if w.V != 1 {
		return refuse(ErrVersion, "withdrawal of format %d, this pump knows 1", w.V)
	}
	if !plain(w.Person, 1, maxPerson) || !plain(w.Reason, 1, maxReason) || !moment(w.IssuedAt) {
		return refuse(ErrFormat, "a withdrawal at %d", w.IssuedAt)
	}
	return nil
}
