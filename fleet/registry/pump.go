package registry

import (
	"regexp"
	"strings"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// Date is a calendar day, "2026-01-31", or empty if not known. It has no time
// zone: an implant date is what the theatre's calendar said.
type Date string

// ParseDate checks a date between 1970 and 2199. Empty is allowed.
func ParseDate(field, s string) (Date, error) {
	if s == "" {
		return "", nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1970 || t.Year() > 2199 {
		return "", errs.InvalidField(field, "%s: %q is not a date such as 2026-01-31.", field, clip(s))
	}
	return Date(s), nil
}

// Facts is what people note about an implanted pump. Empty and zero mean: not
// known.
type Facts struct {
	Lot           string `json:"lot,omitempty"`
	MadeOn        Date   `json:"made_on,omitempty"`
	UseBy         Date   `json:"use_by,omitempty"`
	ImplantedOn   Date   `json:"implanted_on,omitempty"`
	PocketSite    string `json:"pocket_site,omitempty"` // where the pump lies: "abdomen, lower quadrant"
	PocketSide    string `json:"pocket_side,omitempty"` // "left" or "right"
	CatheterModel string `json:"catheter_model,omitempty"`
	CatheterMM    int64  `json:"catheter_length_mm,omitempty"` // implanted length after trimming, mm
	TipLevel      string `json:"tip_level,omitempty"`          // vertebra at the catheter's tip: "T10"
	CAP           *bool  `json:"cap_present,omitempty"`        // catheter access port, a direct way into the CSF; nil = not known
	AlarmTestOn   Date   `json:"last_alarm_test,omitempty"`    // when the patient last heard the alarms
	MRIStatus     string `json:"mri_status,omitempty"`         // "conditional" or "unsafe"
	WarrantyUntil Date   `json:"warranty_until,omitempty"`
	RecallRef     string `json:"recall_ref,omitempty"` // what an earlier system noted; recalls themselves are package recall's
	AssetNo       string `json:"asset_no,omitempty"`   // its number in the site's maintenance system
}

// NewPump is what it takes to register a pump. Serial may be left out if the UDI
// names it.
type NewPump struct {
	Site    int64  `json:"site"`
	Maker   string `json:"maker,omitempty"`
	Serial  string `json:"serial"`
	Model   string `json:"model"`
	Profile string `json:"profile"`          // id of a device profile
	Label   string `json:"label,omitempty"`  // what the site calls it
	UDI     string `json:"udi,omitempty"`    // as scanned: GS1 or HIBC
	Manual  bool   `json:"manual,omitempty"` // it has no link
	Facts

	di string // the UDI's device identifier; check fills it in
}

// Pump is a registered pump.
type Pump struct {
	ID           int64
	Site         int64
	Maker        string
	Serial       string
	Model        string
	Profile      string
	Label        string
	UDI          string // canonical, empty if not known
	DI           string // the UDI's device identifier
	Status       Status
	StatusSince  time.Time
	StatusReason string
	Key          wire.PublicKey // zero until the first enrolment
	KeyAt        time.Time
	Facts
	Link      string // of the open pairing; empty if there is none
	CreatedAt time.Time
	Rev       int64
}

var (
	serialForm = regexp.MustCompile(`^[!-~]([ -~]{0,38}[!-~])?$`)
	tipForm    = regexp.MustCompile(`^(C[1-8]|T[1-9]|T1[0-2]|L[1-5]|S[1-5])?$`)
)

// check returns the pump with its fields in canonical form, or an errs.Invalid
// that names the field.
func (n NewPump) check(profiles func(string) bool) (NewPump, error) {
	udi := UDI{}
	if n.UDI != "" {
		var err error
		if udi, err = ParseUDI(n.UDI); err != nil {
			return n, err
		}
		n.UDI, n.di = udi.String(), udi.DI
	}
	n.Serial = strings.TrimSpace(n.Serial)
	switch {
	case n.Serial == "" && udi.Serial == "":
		return n, errs.InvalidField("serial", "serial is missing, and the UDI names none.")
	case n.Serial == "":
		n.Serial = udi.Serial
	case udi.Serial != "" && !strings.EqualFold(udi.Serial, n.Serial):
		return n, errs.InvalidField("udi", "The UDI is that of serial %s, not %s.", udi.Serial, clip(n.Serial))
	}
	if !serialForm.MatchString(n.Serial) {
		return n, errs.InvalidField("serial", "serial %q is not 1 to 40 printable ASCII characters.", clip(n.Serial))
	}
	for _, f := range []struct {
		name     string
		value    *string
		limit    int
		required bool
	}{{"maker", &n.Maker, 60, false}, {"model", &n.Model, 60, true}, {"profile", &n.Profile, 60, true}, {"label", &n.Label, 60, false}} {
		var err error
		if *f.value, err = text(f.name, *f.value, f.limit, f.required); err != nil {
			return n, err
		}
	}
	if profiles != nil && !profiles(n.Profile) {
		return n, errs.InvalidField("profile", "There is no device profile %q.", clip(n.Profile))
	}
	for _, f := range []struct {
		name string
		have *string
		udi  string
	}{{"lot", &n.Lot, udi.Lot}, {"made_on", (*string)(&n.MadeOn), string(udi.Made)}, {"use_by", (*string)(&n.UseBy), string(udi.UseBy)}} {
		if *f.have == "" {
			*f.have = f.udi
		} else if f.udi != "" && *f.have != f.udi {
			return n, errs.InvalidField("udi", "The UDI says %s %s, not %s.", f.name, f.udi, clip(*f.have))
		}
	}
	var err error
	n.Facts, err = n.Facts.check()
	return n, err
}

// check returns the facts in canonical form, or an errs.Invalid that names the
// field.
func (f Facts) check() (Facts, error) {
	var err error
	for _, t := range []struct {
		name  string
		value *string
		limit int
	}{{"lot", &f.Lot, 40}, {"pocket_site", &f.PocketSite, 60}, {"catheter_model", &f.CatheterModel, 60}, {"recall_ref", &f.RecallRef, 60}, {"asset_no", &f.AssetNo, 40}} {
		if *t.value, err = text(t.name, *t.value, t.limit, false); err != nil {
			return f, err
		}
	}
	for _, d := range []struct {
		name  string
		value *Date
	}{{"made_on", &f.MadeOn}, {"use_by", &f.UseBy}, {"implanted_on", &f.ImplantedOn}, {"last_alarm_test", &f.AlarmTestOn}, {"warranty_until", &f.WarrantyUntil}} {
		if *d.value, err = ParseDate(d.name, strings.TrimSpace(string(*d.value))); err != nil {
			return f, err
		}
	}
	f.PocketSide, f.MRIStatus = strings.ToLower(strings.TrimSpace(f.PocketSide)), strings.ToLower(strings.TrimSpace(f.MRIStatus))
	f.TipLevel = strings.ToUpper(strings.TrimSpace(f.TipLevel))
	switch {
	case f.PocketSide != "" && f.PocketSide != "left" && f.PocketSide != "right":
		return f, errs.InvalidField("pocket_side", "pocket_side is left or right, not %q.", clip(f.PocketSide))
	case f.MRIStatus != "" && f.MRIStatus != "conditional" && f.MRIStatus != "unsafe":
		return f, errs.InvalidField("mri_status", "mri_status is conditional or unsafe, not %q.", clip(f.MRIStatus))
	case !tipForm.MatchString(f.TipLevel):
		return f, errs.InvalidField("tip_level", "tip_level %q is not a vertebra such as T10.", clip(f.TipLevel))
	case f.CatheterMM < 0 || f.CatheterMM > 2000:
		return f, errs.InvalidField("catheter_length_mm", "A catheter of %d mm is not plausible: 1 to 2000 mm.", f.CatheterMM)
	case f.MadeOn != "" && f.ImplantedOn != "" && f.ImplantedOn < f.MadeOn:
		return f, errs.InvalidField("implanted_on", "Implanted on %s, before it was made on %s.", f.ImplantedOn, f.MadeOn)
	}
	return f, nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
