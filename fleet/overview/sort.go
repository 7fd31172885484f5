package overview

import (
	"cmp"
	"sort"
	"strings"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/telemetry"
	"cisterna/internal/errs"
)

// Sort is an order of the list. The zero Sort is by serial number.
type Sort struct {
	Column     string
	Descending bool
}

// ParseSort reads a column with "-" in front for descending; "" is by serial.
func ParseSort(s string) (Sort, error) {
	column, down := strings.CutPrefix(s, "-")
	out := Sort{Column: column, Descending: down}
	_, err := out.order()
	return out, err
}

// String returns the order as ParseSort reads it.
func (s Sort) String() string {
	if s.Descending {
		return "-" + s.Column
	}
	return s.Column
}

// key is what a row is sorted by. None goes last in both directions.
type key struct {
	None bool   `json:"z,omitempty"`
	N    int64  `json:"n,omitempty"`
	S    string `json:"s,omitempty"`
}

// Place is where a page of a list ended.
type Place struct {
	Key    key    `json:"k"`
	Serial string `json:"s"`
	ID     int64  `json:"i"`
}

// order compares entries by a column, then by serial number, then by id, so that
// of two entries one is always before the other.
type order struct {
	of   func(b *Board, e *entry) key // nil: by serial number alone
	down bool
}

// presenceRank and runRank put first what needs to be looked at.
var (
	presenceRank = map[telemetry.Presence]int64{telemetry.Offline: 0, telemetry.Stale: 1, telemetry.Unknown: 2, telemetry.Never: 3, telemetry.Online: 4}
	runRank      = map[wire.RunState]int64{wire.Stopped: 0, wire.Minimum: 1, wire.Bridge: 2, wire.Priming: 3, wire.Bolus: 4, wire.Infusing: 5}
	syncRank     = map[Sync]int64{SyncBehind: 1, SyncCurrent: 2}
	qualityRank  = map[Quality]int64{QualityPoor: 1, QualityFair: 2, QualityGood: 3}
)

func textKey(s string) key { return key{None: s == "", S: s} }

func numberKey(n int64, ok bool) key {
	if !ok {
		return key{None: true}
	}
	return key{N: n}
}

func timeKey(t time.Time) key { return numberKey(t.UnixMilli(), !t.IsZero()) }

func rankKey(n int64) key { return numberKey(n, n != 0) }

// severity puts high alarms first and, of those alike, the pumps that cannot be
// reached.
func severity(e *entry) int64 {
	n := int64(3)
	switch {
	case e.Alarms.High > 0:
		n = 0
	case e.Alarms.Medium > 0:
		n = 1
	case e.Alarms.Low > 0:
		n = 2
	}
	return n*10 + presenceRank[e.Presence]
}

// sorts is what the list can be sorted by.
var sorts = map[string]func(b *Board, e *entry) key{
	"pump":          nil,
	"patient":       func(_ *Board, e *entry) key { return textKey(e.Patient) },
	"label":         func(_ *Board, e *entry) key { return textKey(e.Label) },
	"site":          func(b *Board, e *entry) key { return textKey(b.sites[e.Site].Name) },
	"model":         func(_ *Board, e *entry) key { return textKey(e.Model) },
	"profile":       func(_ *Board, e *entry) key { return textKey(e.Profile) },
	"link":          func(_ *Board, e *entry) key { return textKey(e.Link) },
	"status":        func(_ *Board, e *entry) key { return textKey(e.Status) },
	"presence":      func(_ *Board, e *entry) key { return key{N: presenceRank[e.Presence]} },
	"alarms":        func(_ *Board, e *entry) key { return key{N: severity(e)} },
	"run":           func(_ *Board, e *entry) key { return numberKey(runRank[e.Run], e.HasSample && e.Run != 0) },
	"rate":          func(_ *Board, e *entry) key { return numberKey(e.RateNLDay, e.HasSample) },
	"reservoir":     func(_ *Board, e *entry) key { return numberKey(e.ReservoirNL, e.HasSample) },
	"fill":          func(_ *Board, e *entry) key { return numberKey(e.fill()) },
	"low_in":        func(_ *Board, e *entry) key { return timeKey(e.lowAt()) },
	"cert":          func(_ *Board, e *entry) key { return timeKey(e.CertEnds) },
	"battery":       func(_ *Board, e *entry) key { return numberKey(int64(e.BatteryPct), e.HasSample && e.BatteryPct >= 0) },
	"voltage":       func(_ *Board, e *entry) key { return numberKey(e.BatteryMV, e.HasSample) },
	"heard":         func(_ *Board, e *entry) key { return timeKey(e.LastHeard) },
	"data":          func(_ *Board, e *entry) key { return timeKey(e.LastData) },
	"firmware":      func(_ *Board, e *entry) key { return textKey(e.Firmware) },
	"comm_firmware": func(_ *Board, e *entry) key { return textKey(e.FirmwareComm) },
	"library":       func(_ *Board, e *entry) key { return textKey(e.Library) },
	"sync":          func(_ *Board, e *entry) key { return rankKey(syncRank[e.Sync]) },
	"quality":       func(_ *Board, e *entry) key { return rankKey(qualityRank[e.Quality]) },
	"reconnects":    func(_ *Board, e *entry) key { return key{N: e.Reconnects24h} },
	"refused":       func(_ *Board, e *entry) key { return key{N: e.Refused24h} },
	"gaps":          func(_ *Board, e *entry) key { return key{N: e.GapsOpen} },
	"tags":          func(_ *Board, e *entry) key { return textKey(strings.Join(e.Tags, " ")) },
}

func (s Sort) order() (order, error) {
	column := s.Column
	if column == "" {
		column = "pump"
	}
	of, ok := sorts[column]
	if !ok {
		return order{}, errs.InvalidField("sort", "The list cannot be sorted by %q.", clipText(column))
	}
	return order{of: of, down: s.Descending}, nil
}

func clipText(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// straight reports whether it is the order in which the board holds its entries.
func (o order) straight() bool { return o.of == nil && !o.down }

// less reports whether x is before y.
func (o order) less(x, y candidate) bool {
	if c := o.compare(x.key, y.key); c != 0 {
		return c < 0
	}
	if o.of == nil && o.down {
		return x.at > y.at
	}
	return x.at < y.at
}

// behind reports whether a candidate is behind a place: its key is, or it is the
// same and the candidate is behind the place by serial number, where span is what
// stands at the place.
func (o order) behind(c candidate, at key, span [2]int) bool {
	if d := o.compare(c.key, at); d != 0 {
		return d > 0
	}
	if o.of == nil && o.down {
		return c.at < span[0]
	}
	return c.at >= span[1]
}

func (o order) compare(a, b key) int {
	if a.None != b.None {
		if b.None {
			return -1
		}
		return 1
	}
	c := cmp.Compare(a.N, b.N)
	if c == 0 && a.S != b.S {
		c = natural(a.S, b.S)
	}
	if o.down {
		return -c
	}
	return c
}

// compareSerials is the order in which the board holds its entries.
func compareSerials(a string, idA int64, b string, idB int64) int {
	return cmp.Or(natural(a, b), cmp.Compare(idA, idB))
}

// at returns where a serial number and id stand: the first entry that is not
// before them, and the first that is behind. b.mu is held.
func (b *Board) at(serial string, id int64) [2]int {
	find := func(least int) int {
		return sort.Search(len(b.all), func(i int) bool { return compareSerials(b.all[i].Serial, b.all[i].ID, serial, id) >= least })
	}
	return [2]int{find(0), find(1)}
}
