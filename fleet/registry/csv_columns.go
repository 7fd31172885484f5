package registry

import (
	"strconv"
	"strings"

	"cisterna/internal/errs"
)

// column is a column of the file: how it is written, and how it is read (nil: it
// is for readers, an import ignores it).
type column struct {
	name string
	get  func(p Pump, site string) string
	set  func(n *NewPump, s string) error
}

func textColumn(name string, get func(Pump) string, field func(*NewPump) *string) column {
	return column{name, func(p Pump, _ string) string { return get(p) }, func(n *NewPump, s string) error { *field(n) = s; return nil }}
}

func dateColumn(name string, get func(Pump) Date, field func(*NewPump) *Date) column {
	return column{name, func(p Pump, _ string) string { return string(get(p)) }, func(n *NewPump, s string) error { *field(n) = Date(s); return nil }}
}

// columns are those of an export, in their order. An import finds them by name,
// in any order.
var columns = []column{
	{"site", func(_ Pump, site string) string { return site }, func(*NewPump, string) error { return nil }}, // resolved by the import
	textColumn("serial", func(p Pump) string { return p.Serial }, func(n *NewPump) *string { return &n.Serial }),
	textColumn("maker", func(p Pump) string { return p.Maker }, func(n *NewPump) *string { return &n.Maker }),
	textColumn("model", func(p Pump) string { return p.Model }, func(n *NewPump) *string { return &n.Model }),
	textColumn("profile", func(p Pump) string { return p.Profile }, func(n *NewPump) *string { return &n.Profile }),
	textColumn("label", func(p Pump) string { return p.Label }, func(n *NewPump) *string { return &n.Label }),
	textColumn("udi", func(p Pump) string { return p.UDI }, func(n *NewPump) *string { return &n.UDI }),
	{"manual", func(p Pump, _ string) string { return yesNo(new(p.Status == Manual)) }, func(n *NewPump, s string) error {
		b, err := parseYesNo("manual", s)
		n.Manual = b != nil && *b
		return err
	}},
	textColumn("lot", func(p Pump) string { return p.Lot }, func(n *NewPump) *string { return &n.Lot }),
	dateColumn("made_on", func(p Pump) Date { return p.MadeOn }, func(n *NewPump) *Date { return &n.MadeOn }),
	dateColumn("use_by", func(p Pump) Date { return p.UseBy }, func(n *NewPump) *Date { return &n.UseBy }),
	dateColumn("implanted_on", func(p Pump) Date { return p.ImplantedOn }, func(n *NewPump) *Date { return &n.ImplantedOn }),
	textColumn("pocket_site", func(p Pump) string { return p.PocketSite }, func(n *NewPump) *string { return &n.PocketSite }),
	textColumn("pocket_side", func(p Pump) string { return p.PocketSide }, func(n *NewPump) *string { return &n.PocketSide }),
	textColumn("catheter_model", func(p Pump) string { return p.CatheterModel }, func(n *NewPump) *string { return &n.CatheterModel }),
	{"catheter_length_mm", func(p Pump, _ string) string { return millimetres(p.CatheterMM) }, func(n *NewPump, s string) (err error) {
		if s == "" {
			return nil
		}
		if n.CatheterMM, err = strconv.ParseInt(s, 10, 64); err != nil || n.CatheterMM == 0 {
			return errs.InvalidField("catheter_length_mm", "catheter_length_mm: %q is not a whole number of millimetres.", clip(s))
		}
		return nil
	}},
	textColumn("tip_level", func(p Pump) string { return p.TipLevel }, func(n *NewPump) *string { return &n.TipLevel }),
	{"cap_present", func(p Pump, _ string) string { return yesNo(p.CAP) }, func(n *NewPump, s string) (err error) {
		n.CAP, err = parseYesNo("cap_present", s)
		return err
	}},
	dateColumn("last_alarm_test", func(p Pump) Date { return p.AlarmTestOn }, func(n *NewPump) *Date { return &n.AlarmTestOn }),
	textColumn("mri_status", func(p Pump) string { return p.MRIStatus }, func(n *NewPump) *string { return &n.MRIStatus }),
	dateColumn("warranty_until", func(p Pump) Date { return p.WarrantyUntil }, func(n *NewPump) *Date { return &n.WarrantyUntil }),
	textColumn("asset_no", func(p Pump) string { return p.AssetNo }, func(n *NewPump) *string { return &n.AssetNo }),
	textColumn("recall_ref", func(p Pump) string { return p.RecallRef }, func(n *NewPump) *string { return &n.RecallRef }),
	{"status", func(p Pump, _ string) string { return string(p.Status) }, nil},
	{"communicator", func(p Pump, _ string) string { return p.Link }, nil},
}

func millimetres(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	}
	return "no"
}

func parseYesNo(name, s string) (*bool, error) {
	switch strings.ToLower(s) {
	case "":
		return nil, nil
	case "yes", "true", "1":
		return new(true), nil
	case "no", "false", "0":
		return new(false), nil
	}
	return nil, errs.InvalidField(name, "%s is yes, no or empty, not %q.", name, clip(s))
}
